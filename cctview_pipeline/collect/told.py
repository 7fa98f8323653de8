"""A network's frame list, read again and again: what it says of every camera's newest frame.

Where there is one, cameras are not asked in their rhythm but when the list tells of a frame that was not had yet. A picture whose
address changes with every capture is found in no other way, and where the address stays most askings are saved.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from cctview_pipeline.cameras.protocol import LiveNetwork, Request, Told
from cctview_pipeline.collect.fetching import Answer, NoAnswer
from cctview_pipeline.errors import CctviewError

NO_LIST, NOT_IN_LIST = "no frame list", "not in the frame list"
TRIES = 3
"""Of a frame that the list tells of, as long as what comes is the one before: a cache may be slower than the list."""
_log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Readings:
    """Of the frame list. asked: so often; failed: without one; reasons: why."""

    asked: int = 0
    failed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def said(self) -> str:
        """One sentence; nothing where there is no such list."""
        if not self.asked:
            return ""
        why = ", ".join(f"{count:,} {reason}" for reason, count in self.reasons.most_common())
        times = "once" if self.asked == 1 else f"{self.asked:,} times"
        vain = f", {self.failed:,} of them in vain ({why})" if why else ""
        return f"The list of frames was read {times}{vain}."


@dataclass
class Wanted:
    """Of one camera. had: what the list told of its newest frame that was had; tries: of the one that it tells of now."""

    reading: int = 0
    had: Told | None = None
    trying: Told | None = None
    tries: int = 0

    def is_new(self, told: Told) -> bool:
        """Whether it is worth asking for: a frame that was not had, nor asked for often in vain."""
        if told != self.trying:
            self.trying, self.tries = told, 0
        return told != self.had and self.tries < TRIES

    def done(self, told: Told) -> None:
        self.had = told


class FrameList:
    """The newest reading. ask: fetches a request, or raises NoAnswer."""

    def __init__(self, network: LiveNetwork, ask: Callable[[Request], Awaitable[Answer]]) -> None:
        self.network, self.readings, self._ask = network, Readings(), ask
        self.number, self.failure = 0, ""
        self._told: Mapping[str, Told] = {}
        self._read = asyncio.Condition()

    async def run(self) -> None:
        """For ever, about every frames_every_s."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await self._once()
            async with self._read:
                self.number += 1
                self._read.notify_all()
            await asyncio.sleep(max(0.1, began + self.network.frames_every_s - loop.time()))

    async def after(self, reading: int) -> int:
        """The number of the newest reading, once there is one after this."""
        async with self._read:
            await self._read.wait_for(lambda: self.number > reading)
            return self.number

    def of(self, network_id: str) -> Told | str:
        """What the newest reading says of a camera, or why it says nothing."""
        return self.failure or self._told.get(network_id, NOT_IN_LIST)

    def too_old(self, told: Told) -> bool:
        """Whether a picture is so old that it belongs to no hour that is collected now."""
        return told.captured_us is not None and time.time_ns() // 1000 - told.captured_us > self.network.believed_s * 1e6

    async def _once(self) -> None:
        self.readings.asked += 1
        try:
            answer = await self._ask(self.network.frames_request())
            assert answer.content is not None, "Only an answer to a conditional request has no content."
            self._told, self.failure = await asyncio.to_thread(self.network.read_frames, answer.content), ""
        except (NoAnswer, CctviewError) as told:
            self.failure = told.code if isinstance(told, NoAnswer) else NO_LIST
        except Exception as error:
            _log.warning("The list of frames met an error (%s).", type(error).__name__)
            self.failure = NO_LIST
        if self.failure:
            self.readings.failed += 1
            self.readings.reasons[self.failure] += 1
