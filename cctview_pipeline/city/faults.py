"""What goes wrong with public cameras, each by its name, and when it does."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cctview_pipeline.errors import ConfigurationError

KINDS = {
    "jam": "southbound traffic queues at the fourth camera, and at the streets' last crossing, from minute 5 to 25 of every hour",
    "rain": "overcast, wet and hazy",
    "night": "dark, whatever the hour",
    "lost_frames": "one frame in seven is lost, and all of them from minute 11 to 12:30 of every hour",
    "serviced": "a notice that the camera is being serviced, from minute 3 to 5 of every hour",
    "frozen": "the picture stands still while its clock goes on, from minute 6 to 8 of every hour",
    "turned": "somebody turns the camera half-way through what is collected of every hour",
    "resized": "the camera sends pictures twice as wide and high, half-way through what is collected of every hour",
    "offline": "no picture at all, from minute 9 to 10 of every hour",
}
_MINUTES = {"lost_frames": (11, 12.5), "serviced": (3, 5), "frozen": (6, 8), "offline": (9, 10)}
_OF_THE_WHOLE_CITY = ("jam", "rain", "night")


@dataclass(frozen=True)
class Fault:
    """kind: a key of KINDS; camera: the only camera that has it, or None for all."""

    kind: str
    camera: str | None = None

    @classmethod
    def parse(cls, text: str, cameras: list[str]) -> "Fault":
        """Read ``frozen`` or ``frozen:city-2``. Raises CctviewError, with what is known, for anything else."""
        kind, _, camera = text.partition(":")
        if kind not in KINDS:
            raise ConfigurationError(f"The city has no fault named '{kind}': known are {', '.join(KINDS)}.")
        if camera and kind in _OF_THE_WHOLE_CITY:
            raise ConfigurationError(f"'{kind}' is of the whole city: write it without a camera.")
        if camera and camera not in cameras:
            raise ConfigurationError(f"The city has no camera named '{camera}': known are {', '.join(cameras)}.")
        return cls(kind, camera or None)


class Faults:
    """The faults that are switched on."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults

    def has(self, kind: str, camera: str | None = None) -> bool:
        return any(fault.kind == kind and (fault.camera is None or fault.camera == camera) for fault in self.faults)

    def at(self, kind: str, camera: str, moment: datetime) -> bool:
        """Whether a fault of certain minutes is on at a moment."""
        begin, end = _MINUTES[kind]
        return self.has(kind, camera) and begin <= moment.minute + moment.second / 60 < end

    @staticmethod
    def began(kind: str, moment: datetime) -> datetime:
        """When the fault that is on at this moment began."""
        return moment.replace(minute=0, second=0, microsecond=0) + timedelta(minutes=_MINUTES[kind][0])
