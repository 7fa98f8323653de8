"""What is remembered of a camera that is followed, how one is followed, and how its answers are counted."""

from collections import Counter
from dataclasses import dataclass, field

from cctview_pipeline.cameras.listed import LiveCamera
from cctview_pipeline.collect.fetching import Known
from cctview_pipeline.collect.newest import Seen
from cctview_pipeline.collect.told import Wanted
from cctview_pipeline.collect.watch import CameraWatch
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.limits import ANSWER_BYTES, ANSWER_S, NAME_CHARACTERS
from cctview_pipeline.spool.records import Record


@dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """contact: an address at which the cameras' operator finds you; per_host: connections to one host at a time; the three
    times are for the phases of a fetch, in seconds; largest_bytes: of one answer."""

    contact: str
    per_host: int = 64
    connect_s: float = 5.0
    silence_s: float = 5.0
    whole_s: float = ANSWER_S.most
    largest_bytes: int = int(ANSWER_BYTES.most)

    def __post_init__(self) -> None:
        ANSWER_BYTES.check(self.largest_bytes)
        ANSWER_S.check(self.whole_s)
        if not ("@" in self.contact or "://" in self.contact) or not self._fits_a_header():
            raise CctviewError(
                f"Collecting needs a contact for the cameras' operator, an e-mail or web address, not '{self.contact}': "
                "give --contact, or set contact under [campaign.settings]."
            )

    def _fits_a_header(self) -> bool:
        return self.contact.isprintable() and self.contact.isascii() and NAME_CHARACTERS.allows(len(self.contact))

    @property
    def user_agent(self) -> str:
        return f"cctview-pipeline (+{self.contact})"


@dataclass(kw_only=True)
class Counters:
    """What happened to one camera since the engine began.

    asked: requests that came to their end; failed: those without a picture that could be used; new, unchanged: pictures; notices:
    what came instead of one, such as "camera out of service"; refused: new pictures that are not in the spool; reasons: why, of
    the failed and the refused; lag_s: from due to fetched, of the newest frame.
    """

    asked: int = 0
    new: int = 0
    unchanged: int = 0
    notices: int = 0
    failed: int = 0
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    lag_s: float = 0.0
    last_failure: str = ""

    def fails(self, reason: str) -> None:
        self.failed += 1
        self.reasons[reason] += 1
        self.last_failure = reason

    def refuses(self, reason: str) -> None:
        self.refused += 1
        self.reasons[reason] += 1


@dataclass(kw_only=True)
class CameraSession:
    """A camera, its memory and its counts. known: by what is asked whether its newest picture has changed; kept: its newest frame
    that was handed to the spool; wanted: of the frame list."""

    camera: LiveCamera
    watch: CameraWatch
    tally: Counters = field(default_factory=Counters)
    known: Known = Known()
    kept: Seen | None = None
    wanted: Wanted = field(default_factory=Wanted)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A frame on its way to the spool."""

    followed: CameraSession
    record: Record
    seen: Seen
