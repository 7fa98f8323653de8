"""A network's list of cameras, row by row: what is a camera is taken, what is none is left out and counted."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cctview_pipeline.campaign import FACINGS, BadCamera, check_camera
from cctview_pipeline.limits import LIST_ROWS, NAME_CHARACTERS

NO_CAMERA, DUPLICATE, CASE, TOO_MANY = "no_camera", "duplicate", "case", "too_many"
ELSEWHERE, CREDITED, ENDED, NO_ADDRESS = "elsewhere", "credited", "ended", "no_address"
"""Why rows are left out, besides what campaign.BadCamera names."""
LONGEST_PERIOD_S = 86_400.0
MIN_SHARE = 0.9
"""Of the cameras known before, below which a list is not believed: half a list is more often a fault than a city without
cameras."""
WORDS = {
    "id": "without an id that can be used",
    "name": "without a name that can be used",
    "coordinates": "without a place where the network's cameras are",
    NO_CAMERA: "no camera at all",
    DUPLICATE: "with the id of another",
    CASE: "with an id that differs from another's in upper and lower case only, which some disks can't tell apart",
    ELSEWHERE: "whose picture lies on a host that is not the network's",
    CREDITED: "whose picture is credited to somebody whose terms are not known",
    ENDED: "that the network has given up",
    NO_ADDRESS: "without the address of a picture where the description says that it is",
    TOO_MANY: f"behind row {LIST_ROWS.most:,}, up to which a list is read",
}
"""Reason -> what is said of such rows."""


@dataclass(frozen=True, kw_only=True)
class LiveCamera:
    """A camera of a network's list. id: ours; network_id: the network's; online: what the network says of it; faces: where it
    looks, as a campaign names it, empty where the network does not say; period_s: between its frames as far as the network says,
    else 0; image_url: of its newest picture, where that can't be told by its id.

    Raises BadCamera for what a campaign would refuse.
    """

    id: str
    network_id: str
    name: str
    latitude: float
    longitude: float
    online: bool
    area: str = ""
    faces: str = ""
    period_s: float = 0.0
    image_url: str = ""

    def __post_init__(self) -> None:
        check_camera(self)
        if self.faces not in (*FACINGS, "") or type(self.image_url) is not str or not 0 <= self.period_s <= LONGEST_PERIOD_S:
            raise BadCamera(f"Camera '{self.id}': its facing, period or address can't be.", NO_CAMERA)


@dataclass(frozen=True, kw_only=True)
class CameraList:
    """cameras: no two of one id; left_out: reason -> rows; such_as: reason -> the first of those rows; unclear: cameras of which
    the list does not say whether they are on, and which are taken to be; incomplete: a sentence for every part that did not
    come."""

    cameras: list[LiveCamera]
    left_out: Counter[str] = field(default_factory=Counter)
    such_as: dict[str, str] = field(default_factory=dict)
    unclear: list[str] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)

    def said(self) -> str:
        """What was left out and what was guessed, a sentence each; nothing where all rows are cameras and tell all."""
        parts = [f"{count:,} {WORDS[reason]} (such as {self.such_as[reason]})" for reason, count in self.left_out.most_common()]
        sentences = [f"Rows of the list that were left out: {'; '.join(parts)}."] if parts else []
        if self.unclear:
            sentences += [
                f"Cameras of which the list does not say whether they are on, and which are taken to be: {len(self.unclear):,} "
                f"(such as {self.unclear[0]})."
            ]
        return " ".join([*self.incomplete, *sentences])

    def leave_out(self, reason: str, row: str, count: int = 1) -> None:
        self.left_out[reason] += count
        self.such_as.setdefault(reason, row)


def rows_of(content: bytes) -> list:
    """The rows of a list in JSON. Raises ValueError when it is none. One name in another encoding, or one number that is too
    large, is its row's fault alone."""
    rows = document_of(content)
    if not isinstance(rows, list):
        raise ValueError("It is no list.")
    return rows


def document_of(content: bytes) -> Any:
    """JSON, as rows_of reads it. Raises ValueError."""
    text = content.decode(json.detect_encoding(content), "replace").removeprefix("\ufeff")
    try:
        return json.loads(text, parse_int=lambda digits: int(digits) if len(digits) < 40 else float(digits))
    except RecursionError:
        raise ValueError("It is nested too deeply.") from None


def joined(lists: Sequence[CameraList], incomplete: Sequence[str] = ()) -> CameraList:
    """The parts of a list as one: of a camera that stands in several the first counts."""
    whole = CameraList(cameras=[], incomplete=[*incomplete])
    for part in lists:
        whole.cameras.extend(part.cameras)
        whole.unclear.extend(part.unclear)
        for reason, count in part.left_out.items():
            whole.leave_out(reason, part.such_as[reason], count)
    return without_repeats(without_repeats(whole, lambda camera: camera.network_id), lambda camera: camera.id)


def and_known(listed: CameraList, known: Mapping[str, LiveCamera]) -> tuple[CameraList, list[str]]:
    """A list with the cameras known from before that it lacks, where a part of it did not come or it has become suspiciously
    short; and a sentence that says so. known: camera id -> camera."""
    there = {camera.id for camera in listed.cameras}
    absent = [camera for camera in known.values() if camera.id not in there]
    if not absent or not (listed.incomplete or len(known) - len(absent) < MIN_SHARE * len(known)):
        return listed, []
    whole = replace(listed, cameras=[*listed.cameras, *absent])
    return whole, [
        f"The list has {len(known) - len(absent):,} of the {len(known):,} cameras known from before: no camera is given up."
    ]


def read_rows(rows: list, camera_of: Callable[[Mapping], LiveCamera]) -> CameraList:
    """Every row by itself. camera_of: raises BadCamera for a row that is none."""
    found = CameraList(cameras=[])
    most = int(LIST_ROWS.most)
    for number, row in enumerate(rows[:most], 1):
        try:
            found.cameras.append(camera_of(row))
        except BadCamera as told:
            found.leave_out(told.reason, _name(row, number))
        except Exception:  # a row may be anything, and takes no other with it
            found.leave_out(NO_CAMERA, _name(row, number))
    if len(rows) > most:
        found.leave_out(TOO_MANY, f"row {most + 1}", len(rows) - most)
    return found


def without_repeats(found: CameraList, name: Callable[[LiveCamera], str]) -> CameraList:
    """The first of every name, which differs by more than upper and lower case: some disks know no difference."""
    kept = replace(found, cameras=[])
    seen: dict[str, LiveCamera] = {}
    for camera in found.cameras:
        before = seen.setdefault(name(camera).casefold(), camera)
        if before is camera:
            kept.cameras.append(camera)
        else:
            kept.leave_out(DUPLICATE if name(before) == name(camera) else CASE, camera.network_id)
    return kept


def tidy(text: object) -> str:
    """A name as it can be shown anywhere: one line of printable characters, none for what is no text."""
    most = int(NAME_CHARACTERS.most)
    given = text[: 4 * most] if isinstance(text, str) else ""
    shown = (each if each.isprintable() else " " if each.isspace() else "" for each in given)
    return " ".join("".join(shown).split())[:most].strip()


def degrees(value: object) -> float:
    """A coordinate, which some lists give as text. Raises BadCamera for what is no number."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):  # Python reads 4_0 as 40, and a date's digits as well
            return float(value)
    except OverflowError:
        pass
    raise BadCamera("A row has no coordinates.", "coordinates")


_NUMBER = re.compile(r"[+-]?([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


def switched_on(value: object) -> bool | None:
    """What a list says of a camera's being on, in whatever form; None where it says neither."""
    return _ON.get(str(value).strip().lower()) if isinstance(value, str | int | float) else None


_ON = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


def _name(row: object, number: int) -> str:
    """Of a row that is left out: its id or name where it has one."""
    told = [tidy(row.get(key)) for key in ("id", "name")] if isinstance(row, Mapping) else []
    return next((name[:40] for name in told if name), f"row {number}")
