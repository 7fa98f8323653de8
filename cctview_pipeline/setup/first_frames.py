"""One picture of each live camera, asked for as a collector would, and kept nowhere."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from cctview_pipeline.cameras.listed import LiveCamera
from cctview_pipeline.cameras.protocol import LiveNetwork, Request, Told
from cctview_pipeline.collect.engine import EngineSettings
from cctview_pipeline.collect.fetching import Bounds, NoAnswer, fetch, open_session
from cctview_pipeline.collect.pace import Pace
from cctview_pipeline.collect.pictures import Rules, examine
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.images import BadPicture
from cctview_pipeline.limits import LIST_BYTES

AT_ONCE = 8


@dataclass(frozen=True)
class FirstFrame:
    """jpeg: without comments and EXIF, empty where none came; why: that is so, in one sentence."""

    camera: LiveCamera
    jpeg: bytes = b""
    why: str = ""


async def first_frames(
    network: LiveNetwork, cameras: Sequence[LiveCamera], settings: EngineSettings
) -> AsyncIterator[FirstFrame]:
    """In the order in which they come. No faster than the operator allows."""
    pace, gate = Pace(network.rates), asyncio.Semaphore(AT_ONCE)
    async with open_session(settings.user_agent, AT_ONCE, settings.connect_s, settings.silence_s) as session:

        async def ask(request: Request, most: int) -> bytes:
            async with gate:
                await pace.turn(request.url)
                answer = await fetch(session, request, Bounds(network.hosts, most, settings.whole_s))
            return answer.content or b""

        async def told() -> Mapping[str, Told]:
            return network.read_frames(await ask(network.frames_request(), int(LIST_BYTES.most)))

        async def first(camera: LiveCamera, listed: Mapping[str, Told] | str) -> FirstFrame:
            if isinstance(listed, str):
                return FirstFrame(camera, why=listed)
            newest = listed.get(camera.network_id)
            if newest and newest.off:
                return FirstFrame(camera, why=f"The network says: {newest.off}.")
            try:
                content = await ask(network.frame_request(camera, newest), settings.largest_bytes)
                return FirstFrame(camera, examine(network.pictures(content)[-1], Rules.of(network)).jpeg)
            except (BadPicture, CctviewError) as error:
                return FirstFrame(camera, why=str(error))
            except NoAnswer as error:
                return FirstFrame(camera, why=f"Its server gives no picture: {error.code}.")
            except Exception as error:  # other people's bytes meet a decoder
                return FirstFrame(camera, why=f"Reading its answer failed unexpectedly ({type(error).__name__}).")

        listed: Mapping[str, Told] | str = {}
        if network.frames_every_s:
            try:
                listed = await told()
            except (NoAnswer, CctviewError) as error:
                listed = f"The network's list of frames does not come: {error}."
        for done in asyncio.as_completed([first(camera, listed) for camera in cameras]):
            yield await done
