"""What a network of live cameras is: what to ask for, how to read what comes, and what must be said of it.

Networks differ in where a picture's address and time come from. Most have an address a camera, whose rhythm is learned. Some have
a *frame list*: a document that is read again and again and tells of every camera's newest frame, with its time and sometimes with
an address of its own; a camera is then asked only when the list tells of a frame that it has not given yet.
"""

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from cctview_pipeline.cameras.listed import CameraList, LiveCamera
from cctview_pipeline.environment import Variable
from cctview_pipeline.errors import CctviewError, ConfigurationError

ACCESSED = "{accessed}"
"""In an attribution: the day or days on which pictures were fetched."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a person must know before collecting. operator: who runs the cameras; text: in a few sentences; url: all of it;
    attribution: what must be shown wherever something made of the pictures is, empty where nothing is known to be asked."""

    operator: str
    licence: str
    text: str
    url: str
    attribution: str = ""


@dataclass(frozen=True)
class Request:
    """One GET. headers: besides the User-Agent. secret: a key for the address's query, secret_headers: one for a header; neither
    is shown, logged or sent to another host that a redirect names."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    secret: Mapping[str, str] = field(default_factory=dict, repr=False)
    secret_headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Rate:
    """At most so many requests in any so many seconds, as the operator says."""

    requests: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Key:
    """A network's key, from the environment only. query, header: the one name under which it is sent; needed: whether nothing
    comes without; where: how one gets it."""

    variable: Variable
    query: str = ""
    header: str = ""
    needed: bool = False
    where: str = ""

    def get(self) -> str:
        """Raises ConfigurationError, with the mend, where it is needed and not there."""
        found = self.variable.get()
        if self.needed and not found:
            raise ConfigurationError(f"This network needs a key: {self.where}, and set {self.variable.name}.")
        if not (found.isascii() and found.isprintable()):
            raise ConfigurationError(f"The key in {self.variable.name} has characters that no address can have: set it anew.")
        return found


@dataclass(frozen=True)
class Told:
    """What a frame list says of a camera's newest frame. url: its address where it has one of its own; captured_us: when it was
    taken, since 1970; mark: what else changes with a frame, such as a checksum; off: why there is none."""

    url: str = ""
    captured_us: int | None = None
    mark: str = ""
    off: str = ""


class LiveNetwork(Protocol):
    """name: as the raw_frames table records it; zone, country: of the cameras' local time and holidays; cadence_s: seconds
    between frames, about; hosts: that answer for it, each with the beginning of a path where others share it: nothing is asked
    elsewhere, whatever a list or a redirect says; rates: of such places; formats: kinds besides JPEG that are pictures there
    (PNG, GIF); bar_px: rows at the bottom that are no picture, and may change when it does not; frames_every_s: between two
    readings of the frame list, 0 where there is none; believed_s: how old a picture may be to have the time that is told of it;
    capture_header: of a picture that tells when it was taken, where one is known to; key: where it has one."""

    name: str
    terms: Terms
    zone: ZoneInfo
    country: str
    cadence_s: float
    hosts: frozenset[str]
    rates: Mapping[str, Rate]
    formats: frozenset[str]
    bar_px: int
    frames_every_s: float
    believed_s: float
    capture_header: str

    @property
    def key(self) -> Key | None: ...

    def stored_list(self) -> bytes | None:
        """The list of cameras where it lies on this machine; None where it is asked for."""

    def list_requests(self) -> Sequence[Request]:
        """What gives the list of cameras, in one part or several that fail alone."""

    def next_page(self, content: bytes) -> Request | None:
        """What gives the page after this one of a part; None behind the last."""

    def read_list(self, content: bytes) -> CameraList:
        """The cameras out of one page, less the rows that are none. Raises CctviewError when it is no list."""

    def frame_request(self, camera: LiveCamera, told: Told | None = None) -> Request:
        """What gives a camera's newest picture. told: by the frame list. Raises CctviewError where its address is not known."""

    def frames_request(self) -> Request:
        """What gives the frame list."""

    def read_frames(self, content: bytes) -> Mapping[str, Told]:
        """The frame list, by the network's ids. Raises CctviewError when it is none."""

    def pictures(self, content: bytes) -> Sequence[bytes]:
        """The pictures in an answer, oldest first: mostly the answer itself."""

    def notice(self, picture: bytes) -> str:
        """One sentence where a picture is known to stand for none; else empty."""


def host_of(base_url: str) -> str:
    """Raises CctviewError for what is no address of a server."""
    with contextlib.suppress(ValueError):  # an address that ends in its brackets
        address = urlsplit(base_url)
        if address.scheme in ("http", "https") and address.hostname and not (address.query or address.fragment):
            return address.hostname
    raise CctviewError(
        f"'{shown(base_url)}' is no address of a server: --base-url begins with http:// or https:// and a host's name, and has "
        "no ? and no #."
    )


def is_of(url: str, hosts: frozenset[str]) -> bool:
    """Whether an address lies on one of a network's hosts, and there where it is the network's."""
    with contextlib.suppress(ValueError):
        address = urlsplit(url)
        place, climbs = f"{address.hostname}{address.path}", ".." in address.path or "%2e" in address.path.lower()
        return address.scheme in ("http", "https") and any(
            address.hostname == each or ("/" in each and place.startswith(each) and not climbs) for each in hosts
        )
    return False


def shown(url: str) -> str:
    """An address for a sentence or a log: without the name and the password that it may have before the host, and without the
    values of its query, one of which may be a key."""
    return re.sub(r"([?&][^=&#]+=)[^&#]*", r"\1...", re.sub(r"//[^/?#]*@", "//", url))
