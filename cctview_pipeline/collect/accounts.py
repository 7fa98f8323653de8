"""What became of a camera in an hour: its states, and why there are no frames when there are none.

Told from the collectors' notes in the spool and from the frames that reached the lake, so that what a killed collector or a
full disk lost is accounted for as well.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

import numpy as np

SILENT_US = 15_000_000
"""Seven heartbeats: a collector that says nothing for so long had stopped when it last spoke."""
LATE = 1.6
"""Periods of a camera after which a frame is missing: real cameras leave single ones out, and none comes so late."""
NOT_COLLECTED, NOT_MASKED, MISSED, SPOOL_FULL = "not_collected", "not_masked", "missed", "spool_full"
SET_ASIDE = "set_aside"
"""Frames came, and none of them could be stored."""
_FIRST = (SPOOL_FULL, NOT_MASKED, "live", "moved", "frozen", "stale", "placeholder", "offline", "unknown")
_SINCE = {"full_since_us": SPOOL_FULL, "behind_since_us": NOT_MASKED}
"""What a collector notes of itself -> what became of its cameras since then."""
_SENDS_FRAMES = ("live", "moved", "unknown")


@dataclass(frozen=True)
class Note:
    """An event of the spool. camera_id: empty for the collector's own; content: its JSON."""

    camera_id: str
    at_us: int
    content: Mapping

    @classmethod
    def read(cls, camera_id: str, at_us: int, payload: bytes) -> "Note":
        """What of it can be understood: a note that is damaged, or of another version, says only that a collector was there."""
        try:
            told = json.loads(payload)
        except (ValueError, RecursionError):
            told = {}
        told = told if isinstance(told, dict) else {}
        known: dict[str, object] = {name: told[name] for name, kind in _KINDS.items() if isinstance(told.get(name), kind)}
        if "state" in known:
            known["state"] = _state(known["state"])
        if "follows" in known:
            known["follows"] = {camera: _state(state) for camera, state in told["follows"].items()}
        return cls(camera_id, at_us, known)


_KINDS: Mapping[str, type] = {
    "state": str,
    "detail": str,
    "follows": dict,
    "begins": bool,
    "ends": bool,
    **dict.fromkeys(_SINCE, int),
}


def _state(told: object) -> str:
    """One that is not known says as little as unknown."""
    return told if told in _FIRST else "unknown"


@dataclass(frozen=True)
class Interval:
    """what: a state, or the reason of a gap; began_us, ended_us: since 1970; detail: one sentence, or nothing."""

    what: str
    began_us: int
    ended_us: int
    detail: str = ""


def states(camera_id: str, collectors: Iterable[Sequence[Note]], begin_us: int, end_us: int) -> list[Interval]:
    """A camera's states over [begin, end), without a hole.

    ``not_collected`` where no collector followed it, ``spool_full`` where one did and could keep nothing, ``not_masked`` where
    it could not mask what it got. collectors: each one's notes, in order of time. Where two followed the camera, as when one
    takes over from another, the livelier state counts.
    """
    told = [stretch for notes in collectors for stretch in (*_told(camera_id, notes), *_full(notes))]
    edges = {begin_us, end_us} | {edge for each in told for edge in (each.began_us, each.ended_us)}
    parts = []
    for began, ended in pairwise(sorted(edge for edge in edges if begin_us <= edge <= end_us)):
        covering = [each for each in told if each.began_us <= began and ended <= each.ended_us]
        covering.sort(key=lambda each: (_FIRST.index(each.what), -each.began_us))
        what, detail = (covering[0].what, covering[0].detail) if covering else (NOT_COLLECTED, "")
        parts.append(Interval(what, began, ended, detail))
    return _joined(parts)


def filled(found: Sequence[Interval], known: Sequence[Interval]) -> list[Interval]:
    """States without a hole, with what was known before where nobody tells of a collector any more."""
    parts = []
    for stretch in found:
        before = [each for each in known if stretch.what == NOT_COLLECTED and each.began_us < stretch.ended_us]
        at = stretch.began_us
        for each in before:
            if each.ended_us > at:
                parts.append(Interval(stretch.what, at, each.began_us, stretch.detail))
                at = min(each.ended_us, stretch.ended_us)
                parts.append(Interval(each.what, max(each.began_us, stretch.began_us), at, each.detail))
        parts.append(Interval(stretch.what, at, stretch.ended_us, stretch.detail))
    return _joined(parts)


def gaps(
    frames_us: Sequence[int],
    found: Sequence[Interval],
    begin_us: int,
    end_us: int,
    before_us: int | None = None,
    aside: Mapping[int, str] = MappingProxyType({}),
) -> list[Interval]:
    """When an hour has no frames of a camera, and why.

    frames_us: when they were taken, sorted; found: the camera's states; before_us: the last frame before the hour. A frame that
    is missing at the hour's turn belongs to the hour that begins. aside: when frames were fetched that could not be stored, and
    why.
    """
    frames = np.asarray(frames_us, np.int64)
    late = LATE * _period(np.diff(frames)) if len(frames) > 1 else 0.0
    first = before_us if before_us is not None and begin_us - before_us <= late else begin_us
    edges = np.concatenate([[first], frames, [end_us]])
    between = [(int(a), int(b)) for a, b in pairwise(edges) if b - a > late]
    parts = [part for began, ended in between for part in _reasons(began, ended, found)]
    pictures = np.unique(np.concatenate([frames, np.array([*aside], np.int64)]))
    near = LATE * _period(np.diff(pictures)) if len(pictures) > 1 else float(end_us - begin_us)
    return [each for part in parts for each in (_joined(_set_aside(part, aside, near)) if part.what == MISSED else [part])]


def _set_aside(missed: Interval, aside: Mapping[int, str], near: float) -> Iterator[Interval]:
    """A time without frames, cut where frames came that were set aside. near: us, between two of them that follow each other."""
    inside = sorted(at for at in aside if missed.began_us <= at <= missed.ended_us)
    if not inside:
        yield missed
        return
    for began, ended in pairwise([missed.began_us, *inside, missed.ended_us]):
        why = aside.get(ended) or aside.get(began, "")
        yield Interval(SET_ASIDE, began, ended, why) if ended - began <= near else Interval(MISSED, began, ended)


def _period(steps: np.ndarray) -> float:
    """Of a camera, from the times between its frames, even where every other frame is missing."""
    return float(np.median(steps[steps <= 1.5 * np.quantile(steps, 0.2)]))


def _full(notes: Sequence[Note]) -> list[Interval]:
    """When a collector's spool took nothing, or masking did not keep up."""
    own = [(note, since) for note in notes if not note.camera_id for since in _SINCE if since in note.content]
    return [Interval(_SINCE[since], note.content[since], note.at_us) for note, since in own]


def _told(camera_id: str, notes: Sequence[Note]) -> Iterator[Interval]:
    """What one collector tells of a camera: its states while the collector followed it."""
    state: Interval | None = None
    heard = 0
    for note in notes:
        if state and note.at_us - heard > SILENT_US:
            yield _until(state, heard)
            state = None
        if state and not note.camera_id and note.content.get("begins"):  # the one before was killed
            yield _until(state, heard)
            state = None
        followed = note.content.get("follows") if not note.camera_id else None
        if followed is not None:
            if state:
                yield _until(state, note.at_us)
            known = followed.get(camera_id)
            state = Interval(known, note.at_us, note.at_us) if known else None
        elif note.camera_id == camera_id and state and "state" in note.content:
            yield _until(state, note.at_us)
            state = Interval(note.content["state"], note.at_us, note.at_us, note.content.get("detail", ""))
        elif not note.camera_id and note.content.get("ends") and state:
            yield _until(state, note.at_us)
            state = None
        heard = max(heard, note.at_us)
    if state:
        yield _until(state, heard)


def _until(state: Interval, at_us: int) -> Interval:
    return Interval(state.what, state.began_us, max(at_us, state.began_us), state.detail)


def _reasons(began: int, ended: int, found: Sequence[Interval]) -> list[Interval]:
    """One gap, cut where its reason changes.

    A collector calls a camera offline when it has failed some times: what is missing just before is part of the same.
    """
    edges = {began, ended} | {edge for each in found for edge in (each.began_us, each.ended_us) if began < edge < ended}
    parts = []
    for a, b in pairwise(sorted(edges)):
        state = next((each for each in found if each.began_us <= a and b <= each.ended_us), None)
        if state and state.what not in _SENDS_FRAMES:
            parts.append(Interval(state.what, a, b, state.detail))
        else:
            parts.append(Interval(MISSED, a, b))
    reasons = [part for part in parts if part.what != MISSED]
    if not reasons:
        return [Interval(MISSED, began, ended)]
    explained, following = [], None
    for part in reversed(parts):
        following = part if part.what != MISSED else following
        reason = following or reasons[-1]
        explained.append(Interval(reason.what, part.began_us, part.ended_us, reason.detail))
    return _joined(explained[::-1])


def _joined(parts: Iterable[Interval]) -> list[Interval]:
    """Neighbours that say the same become one; what took no time goes."""
    joined: list[Interval] = []
    for part in parts:
        if part.ended_us <= part.began_us:
            continue
        last = joined[-1] if joined else None
        if last and (last.what, last.detail, last.ended_us) == (part.what, part.detail, part.began_us):
            joined[-1] = Interval(last.what, last.began_us, part.ended_us, last.detail)
        else:
            joined.append(part)
    return joined
