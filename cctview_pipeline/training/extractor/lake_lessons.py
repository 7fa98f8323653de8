"""What an extractor learns from a lake: the crops of the lake's own tracks.

A track's crops are one vehicle, as far as the tracker was right. Two tracks of one camera are two vehicles when both were in
sight at one time, or when more than a minute lies between them; in between nobody knows, since a vehicle that was hidden for a
while begins a track anew. Of tracks of two cameras it is known only where people judged them (match/verdicts.py) and agree.
Stored embeddings are not looked at: they are turned by their day's key.
"""

import hashlib
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.cluster.hierarchy import DisjointSet

from cctview_pipeline.embed.views import letterbox
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.images import decode
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.match.verdicts import Judged, read_judged

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

FAR_S = 60.0
"""Between two tracks of one camera, from which on they show two vehicles; the tracker itself bridges 9 s."""
MIN_CROPS = 3
"""Of a track: one for each third of it."""
MIN_AN_HOUR = 60
"""Crops of a camera-hour, below which they are too thin a sample to hold vehicles that met."""
_COLUMNS = ["track_id", "detection_ids", "first_seen", "last_seen", "parked", "continues", "model"]


@dataclass(frozen=True, kw_only=True)
class LakeTrack:
    """One track that moved. hour: its camera and hour; first, last: s since 1970; continues: the id of the track that it goes on
    from, or None; detections: ids, in order of time; model: what made it; images: its crops once they were read, PNG, in order
    of time; alike, unlike: ids of tracks that are the same vehicle, and of others, as people said."""

    id: str
    hour: Partition
    first: float
    last: float
    continues: str | None
    detections: tuple[str, ...]
    model: str
    images: tuple[bytes, ...] = ()
    alike: frozenset[str] = frozenset()
    unlike: frozenset[str] = frozenset()

    @property
    def judged(self) -> frozenset[str]:
        """Tracks of which people said whether they are this vehicle."""
        return self.alike | self.unlike

    @property
    def camera(self) -> str:
        return self.hour.camera


@dataclass(frozen=True)
class TrackDataset:
    """Tracks in order of camera and time, with their crops: those to learn from, and the later ones that are only measured."""

    train: list[LakeTrack]
    held_out: list[LakeTrack]

    def version(self) -> str:
        """A hash of all that is learned from."""
        digest = hashlib.sha256()
        for track in self.train:
            said = f"{sorted(track.alike)} {sorted(track.unlike)}" if track.judged else ""
            digest.update(f"{track.id} {track.continues} {track.first} {track.last} {len(track.images)}{said}".encode())
            for image in track.images:
                digest.update(image)
        return digest.hexdigest()[:12]


def load_lessons(
    lake: Lake, partitions: Sequence[Partition], crops: int, of_a_track: int, held_out: float, seed: int
) -> TrackDataset:
    """The tracks of these camera-hours, divided by time, with some of their crops.

    crops: how many at most, the same share of every camera-hour; of_a_track: the most of one; held_out: see :func:`divide`.
    Raises CctviewError when there is nothing to learn from.
    """
    hours = sorted(set(partitions), key=lambda hour: (hour.camera, hour.begin))
    if not hours:
        raise CctviewError("There is nothing to learn from: name at least one camera and one hour of the lake.")
    share = crops // len(hours)
    if share < MIN_AN_HOUR:
        raise CctviewError(
            f"{crops} crops of {len(hours)} camera-hours are {share} of each, too few to learn from: "
            "name fewer cameras or hours, or take more crops."
        )
    tracks = [track for hour in hours for track in _read_tracks(lake, hour)]
    if not tracks:
        named = ", ".join(str(hour) for hour in hours[:3]) + (", ..." if len(hours) > 3 else "")
        raise CctviewError(
            f"The lake has no tracks of moving vehicles for {named}: run `cctview backfill` for these hours, or name others."
        )
    tracks = with_verdicts(tracks, read_judged(lake, hours))
    parts = [_sample(part, share // of_a_track, seed) for part in divide(tracks, held_out)]
    return TrackDataset(*(_with_crops(lake, part, of_a_track) for part in parts))


def divide(tracks: Sequence[LakeTrack], held_out: float) -> tuple[list[LakeTrack], list[LakeTrack]]:
    """The earlier and the later tracks of every camera.

    The border is where the share held_out of a camera's tracks is still to begin. Who crosses it is in neither part, nor is who
    was last seen less than a minute before: it may have begun a track anew behind the border.
    """
    train, later = [], []
    for here in by(tracks, lambda track: track.camera).values():
        border = float(np.quantile([track.first for track in here], 1 - held_out))
        train += [track for track in here if track.last < border - FAR_S]
        later += [track for track in here if track.first >= border]
    return train, later


def with_verdicts(tracks: Sequence[LakeTrack], judged: Judged) -> list[LakeTrack]:
    """What people agree on, told to the tracks. Who is the same as one vehicle is the same as all that it is the same as."""
    known = {track.id for track in tracks}
    sets = DisjointSet(known)
    for one, other in judged.same:
        if one in known and other in known:
            sets.merge(one, other)
    unlike: dict[str, set[str]] = {}
    for one, other in judged.different:
        if one in known and other in known and not sets.connected(one, other):
            unlike.setdefault(one, set()).add(other)
            unlike.setdefault(other, set()).add(one)
    return [
        replace(track, alike=frozenset(sets.subset(track.id)) - {track.id}, unlike=frozenset(unlike.get(track.id, ())))
        for track in tracks
    ]


def gaps(tracks: Sequence[LakeTrack]) -> np.ndarray:
    """(T, T) s between two tracks; not above 0 where both were in sight at one time."""
    first, last = np.array([track.first for track in tracks]), np.array([track.last for track in tracks])
    return np.maximum(first[:, None] - last[None, :], first[None, :] - last[:, None])


def different(tracks: Sequence[LakeTrack]) -> np.ndarray:
    """(T, T) the pairs that certainly show two vehicles."""
    between = gaps(tracks)
    cameras, ids = (np.array([getattr(track, name) for track in tracks], object) for name in ("camera", "id"))
    goes_on = np.array([track.continues for track in tracks], object)[:, None] == ids[None, :]
    sure = (cameras[:, None] == cameras[None, :]) & ((between <= 0) | (between > FAR_S)) & ~goes_on & ~goes_on.T
    place = {track.id: row for row, track in enumerate(tracks)}
    for row, track in enumerate(tracks):
        sure[row, [place[each] for each in track.unlike if each in place]] = True
        sure[row, [place[each] for each in track.alike if each in place]] = False
    np.fill_diagonal(sure, False)
    return sure


def vehicles(tracks: Sequence[LakeTrack]) -> np.ndarray:
    """(T,) whose each track is: the row of that vehicle's first."""
    place = {track.id: row for row, track in enumerate(tracks)}
    return np.array([min([row, *(place[each] for each in track.alike if each in place)]) for row, track in enumerate(tracks)])


def meetings(tracks: Sequence[LakeTrack], size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Rows of tracks that passed one camera at about one time, about so many together; every track once, in random order."""
    groups = []
    for rows in by(range(len(tracks)), lambda row: tracks[row].camera).values():
        when = np.array([tracks[row].first for row in rows]) + rng.normal(0, FAR_S / 4, len(rows))
        groups += np.array_split(np.array(rows)[np.argsort(when)], max(1, round(len(rows) / size)))
    return [groups[i] for i in rng.permutation(len(groups))]


def letterboxed(tracks: Sequence[LakeTrack]) -> tuple[np.ndarray, np.ndarray]:
    """All crops as the identity tower sees them, (N, 64, 64, 3) uint8, and where those of each track begin, (T + 1,)."""
    begins = np.concatenate([[0], np.cumsum([len(track.images) for track in tracks])])
    return np.stack([letterbox(decode(image)) for track in tracks for image in track.images]), begins


def by(values: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """The values, grouped, in the order of their first."""
    groups: dict[K, list[T]] = {}
    for value in values:
        groups.setdefault(key(value), []).append(value)
    return groups


def _read_tracks(lake: Lake, hour: Partition) -> list[LakeTrack]:
    """Without what is parked: it looks the same all the time, and may be taken for another when something hid it."""
    tracks = [
        LakeTrack(
            id=row["track_id"],
            hour=hour,
            first=row["first_seen"].timestamp(),
            last=row["last_seen"].timestamp(),
            continues=row["continues"],
            detections=tuple(row["detection_ids"]),
            model=row["model"],
        )
        for row in lake.read("tracks", hour, _COLUMNS).to_pylist()
        if not row["parked"] and len(row["detection_ids"]) >= MIN_CROPS
    ]
    return sorted(tracks, key=lambda track: (track.first, track.id))


def _sample(tracks: Sequence[LakeTrack], an_hour: int, seed: int) -> list[LakeTrack]:
    """So many tracks of every camera-hour at most, at random; those that people judged first, as they are few and sure."""
    chosen = []
    for number, here in enumerate(by(tracks, lambda track: track.hour).values()):
        rows = np.random.default_rng([seed, number]).permutation(len(here))
        rows = rows[np.argsort([not here[row].judged for row in rows], kind="stable")][:an_hour]
        chosen += [here[row] for row in np.sort(rows)]
    return chosen


def _with_crops(lake: Lake, tracks: Sequence[LakeTrack], of_a_track: int) -> list[LakeTrack]:
    """With crops as far apart in time as they come; without the tracks whose crops are gone."""
    found = []
    for hour, here in by(tracks, lambda track: track.hour).items():
        table = lake.read("crops", hour, ["detection_id", "image"])
        wanted = pa.array([detection for track in here for detection in track.detections], pa.string())
        table = table.filter(pc.is_in(table["detection_id"], wanted))
        images = dict(zip(table["detection_id"].to_pylist(), table["image"].to_pylist(), strict=True))
        for track in here:
            there = [images[detection] for detection in track.detections if detection in images]
            if len(there) >= MIN_CROPS:
                places = np.unique(np.linspace(0, len(there) - 1, of_a_track).astype(int))
                found.append(replace(track, images=tuple(there[place] for place in places)))
    return found
