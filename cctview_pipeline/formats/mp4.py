"""Frames of a camera as an mp4 that keeps when each was taken, and the sidecar that says it to the microsecond.

::

    CAMERA--2025-06-03--16.00.00.250Z.mp4      VP9, a frame's presentation time in milliseconds behind the first's
    CAMERA--2025-06-03--16.00.00.250Z.json     start, and times of every frame, UTC; what `footage` reads first

The rate varies as the camera's did: a frame is shown until the next was taken. VP9 by libvpx, which is under a BSD licence and
what browsers play; libx264, which FFmpeg's libraries would take for H.264, is under the GPL.
"""

import itertools
import json
import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import av
from av.video.stream import VideoStream

from cctview_pipeline.errors import StorageError
from cctview_pipeline.files import made_folder, write_whole
from cctview_pipeline.ids import FrameId
from cctview_pipeline.images import decode

CODEC = "libvpx-vp9"
QUALITY = {"crf": "10", "deadline": "good", "cpu-used": "4", "row-mt": "1", "g": "120"}
"""By which detections stay what they were: benchmarks/results/footage.json."""


@dataclass(frozen=True)
class Shot:
    """A frame to be written. jpeg: as it is stored, masked; width, height: px."""

    captured_at: datetime
    jpeg: bytes
    width: int
    height: int

    @property
    def millisecond(self) -> int:
        """Of Unix time, as frame ids have it."""
        return (self.captured_at - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)


def write_mp4(folder: Path, camera_id: str, shots: Iterable[Shot], comment: str = "") -> list[Path]:
    """Frames in order of capture -> an mp4 and its sidecar, or several where the size of the pictures changes; each file is there
    whole or not at all. comment: of the container's metadata, such as to whom the pictures are owed.

    Raises StorageError where they can't be written.
    """
    made_folder(folder)
    written = []
    for _, piece in itertools.groupby(shots, lambda shot: (shot.width, shot.height)):
        taken = list(piece)
        name = str(FrameId(camera_id, taken[0].captured_at))
        times = [_iso(shot.captured_at) for shot in taken]
        sidecar = json.dumps({"camera": camera_id, "start": times[0], "times": times}, indent=1) + "\n"
        path, beside = folder / f"{name}.mp4", folder / f"{name}.json"
        try:
            write_whole(beside, sidecar.encode(), synced=False)
            _encode_whole(path, taken, comment)
        except OSError as error:
            raise StorageError(f"{path} can't be written: {error.strerror}. Make room, or choose another folder.") from error
        written += [path, beside]
    return written


def _encode_whole(path: Path, shots: Sequence[Shot], comment: str) -> None:
    partial = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.partial")
    try:
        _encode(partial, shots, comment)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _encode(path: Path, shots: Sequence[Shot], comment: str) -> None:
    first = shots[0]
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        container.metadata["creation_time"] = _iso(first.captured_at)
        if comment:
            container.metadata["comment"] = comment
        stream = container.add_stream(CODEC, rate=1, options=QUALITY)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = first.width, first.height, "yuv420p"
        stream.bit_rate = 0  # the quality decides
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        for shot in shots:
            frame = av.VideoFrame.from_ndarray(decode(shot.jpeg), "rgb24")
            frame.pts, frame.time_base = shot.millisecond - first.millisecond, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
