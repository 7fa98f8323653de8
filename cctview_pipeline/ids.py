"""Frame and detection ids: the one module that parses and formats them.

Two forms of frame id exist. Frames of the published archive keep theirs, whose time is New York's wall clock to the
second; every other frame carries the UTC time of capture to the millisecond::

    735-683-N--2020-05-05--13.34.46            published, America/New_York
    city-1--2020-05-05--17.34.46.250Z          everything else, UTC

A detection's id is its frame's, followed by a number, the label, the score in per cent, the size and the corners::

    735-683-N--2020-05-05--13.34.46--detections--7--car--85.4--38x38--169.120v207.158
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")

_CAMERA = r"(?P<camera>[A-Za-z0-9]+(?:[-_.][A-Za-z0-9]+)*)"
_FRAME = re.compile(_CAMERA + r"--(?P<date>\d{4}-\d{2}-\d{2})--(?P<time>\d{2}\.\d{2}\.\d{2})(?:\.(?P<milli>\d{3})(?P<utc>Z))?")
_DETECTION = re.compile(
    r"(?P<frame>.+?)--detections--(?P<number>\d+)--(?P<label>[a-z ]+)--(?P<percent>\d+\.\d)"
    r"--(?P<width>-?\d+)x(?P<height>-?\d+)--(?P<x1>-?\d+)\.(?P<y1>-?\d+)v(?P<x2>-?\d+)\.(?P<y2>-?\d+)"
)


def is_camera_id(text: str) -> bool:
    """Letters, digits and single hyphens, underscores or dots, so that an id is safe in a file name and in a frame id."""
    return re.fullmatch(_CAMERA, text) is not None


@dataclass(frozen=True)
class FrameId:
    """A camera and the time in a frame's id.

    time: aware; in America/New_York (whole seconds) for a published frame, in UTC (milliseconds) for any other.
    """

    camera_id: str
    time: datetime
    published: bool = False

    def __str__(self) -> str:
        if self.published:
            return f"{self.camera_id}--{self.time.astimezone(NEW_YORK):%Y-%m-%d--%H.%M.%S}"
        utc = self.time.astimezone(UTC)
        return f"{self.camera_id}--{utc:%Y-%m-%d--%H.%M.%S}.{utc.microsecond // 1000:03d}Z"

    @classmethod
    def parse(cls, text: str) -> "FrameId":
        """Read either form. Raises ValueError for anything else, a day or an hour that does not exist included.

        In the hour that autumn's clock change repeats, a published id means its first pass (``fold=0``): the id
        itself cannot tell. A time that spring's change skips is refused.
        """
        match = _FRAME.fullmatch(text)
        if match is None:
            raise ValueError(f"'{text}' is no frame id: expected CAMERA--YYYY-MM-DD--HH.MM.SS, or ...SS.mmmZ in UTC.")
        try:
            naive = datetime.fromisoformat(f"{match['date']} {match['time'].replace('.', ':')}")
        except ValueError as error:
            raise ValueError(f"'{text}' is no frame id: its date or time does not exist.") from error
        if match["utc"]:
            return cls(match["camera"], naive.replace(microsecond=int(match["milli"]) * 1000, tzinfo=UTC))
        if not 1 < naive.year < 9999:
            raise ValueError(f"'{text}' is no frame id: in that year no zone's time can be told.")
        local = naive.replace(tzinfo=NEW_YORK)
        if local.astimezone(UTC).astimezone(NEW_YORK).replace(tzinfo=None) != naive:
            raise ValueError(f"'{text}' names a time that New York's clocks skipped that night.")
        return cls(match["camera"], local, published=True)


@dataclass(frozen=True, kw_only=True)
class DetectionId:
    """The parts of a detection's id. percent: 0..100 with one decimal; box: whole pixels x1, y1, x2, y2."""

    frame_id: str
    number: int
    label: str
    percent: float
    box: tuple[int, int, int, int]

    def __str__(self) -> str:
        x1, y1, x2, y2 = self.box
        size = f"{x2 - x1}x{y2 - y1}"
        return f"{self.frame_id}--detections--{self.number}--{self.label}--{self.percent:.1f}--{size}--{x1}.{y1}v{x2}.{y2}"

    @classmethod
    def parse(cls, text: str) -> "DetectionId":
        """Read a detection's id. Raises ValueError when it has another form."""
        match = _DETECTION.fullmatch(text)
        if match is None:
            raise ValueError(f"'{text}' is no detection id: expected FRAME--detections--N--LABEL--P.P--WxH--X.YvX.Y.")
        x1, y1, x2, y2 = (int(match[name]) for name in ("x1", "y1", "x2", "y2"))
        return cls(
            frame_id=match["frame"],
            number=int(match["number"]),
            label=match["label"],
            percent=float(match["percent"]),
            box=(x1, y1, x2, y2),
        )


def camera_of(identifier: str) -> str:
    """The camera in the id of a frame, or in one that begins with a frame's."""
    return identifier.split("--", 1)[0]


def utc_day(identifier: str) -> date:
    """The UTC day in the id of a frame, or in one that begins with a frame's: a detection's, a track's, a journey's.

    Raises ValueError for anything else.
    """
    frame = FrameId.parse("--".join(identifier.split("--")[:3]))
    return frame.time.astimezone(UTC).date()
