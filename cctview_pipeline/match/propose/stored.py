"""What a lake's tracks propose, kept beside its campaign until a person accepts it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import combinations

import pyarrow as pa

from cctview_pipeline.campaign import Camera, metres_between
from cctview_pipeline.documents import parse_json
from cctview_pipeline.errors import NotFoundError, StorageError
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.match.proposal import Proposal, Proposals
from cctview_pipeline.match.propose.passers import Passers, passers_of

PROPOSED = "proposed_links.json"
"""Its key in the lake. It is about no single vehicle, and stays until the next proposal."""

TRACKS = (
    "track_id",
    "detection_ids",
    "sizes",
    "first_seen",
    "last_seen",
    "passed_at",
    "direction",
    "parked",
    "relative_size",
    "quality",
    "label",
    "continues",
)
"""The columns that are read: neither the carriageway, nor where a camera stands."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """links: what was proposed, best first; at: when, by which hours' tracks."""

    links: tuple[Proposal, ...]
    at: str
    hours: tuple[str, ...]


def hours_of_tracks(lake: Lake, cameras: Sequence[str], hours: Sequence[datetime]) -> list[datetime]:
    """Those in which a camera has tracks, and still the features that they are of."""
    return [hour for hour in hours if any(_has_tracks(lake, Partition.camera_hour(camera, hour)) for camera in cameras)]


def _has_tracks(lake: Lake, partition: Partition) -> bool:
    return lake.has("tracks", partition) and lake.has("features", partition)


def read_passers(lake: Lake, cameras: Sequence[str], hours: Sequence[datetime]) -> list[Passers]:
    """Every camera's vehicles by direction; a camera with no tracks in an hour has none."""
    found = []
    for camera in cameras:
        partitions = [Partition.camera_hour(camera, hour) for hour in hours]
        partitions = [each for each in partitions if _has_tracks(lake, each)]
        if partitions:
            tracks = pa.concat_tables([lake.read("tracks", each, list(TRACKS)) for each in partitions])
            features = pa.concat_tables([lake.read("features", each, ["detection_id", "embedding"]) for each in partitions])
            passages = pa.concat_tables([lake.read("passages", each, ["track_id", "beyond_m"]) for each in partitions])
            found += passers_of(camera, tracks, features, passages)
    return found


def metres_apart(cameras: Sequence[Camera]) -> dict[tuple[str, str], float]:
    """Between every two cameras whose places are known and are not one: 0, 0 is no place, and lists have cameras of one mast."""
    known = [camera for camera in cameras if camera.has_place]
    far = {(one.id, other.id): metres_between(one, other) for one, other in combinations(known, 2)}
    return {pair: metres for pair, metres in far.items() if metres > 0}


def keep(lake: Lake, proposals: Proposals, hours: Sequence[datetime]) -> None:
    """Replace what was proposed before, whole or not at all."""
    document = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "hours": [f"{hour:%Y-%m-%dT%HZ}" for hour in hours],
        "links": [asdict(each) for each in proposals.links(at_most=1.0)],
    }
    lake.storage.write(PROPOSED, (json.dumps(document, indent=2) + "\n").encode())


def kept(lake: Lake) -> Stored:
    """The last proposal. Raises CctviewError, with the mend, where there is none or somebody has changed it."""
    try:
        data = lake.storage.read(PROPOSED).to_pybytes()
    except FileNotFoundError:
        raise NotFoundError(f"No links were proposed for the lake {lake.uri} yet: `cctview links propose` does.") from None
    path = lake.storage.path(PROPOSED)
    document = parse_json(data, path)
    try:
        assert isinstance(document, dict)
        links = tuple(Proposal(**each | {"by_way_of": tuple(each["by_way_of"])}) for each in document["links"])
        return Stored(links=links, at=document["at"], hours=tuple(document["hours"]))
    except (AssertionError, KeyError, TypeError) as error:
        raise StorageError(f"{path} is no proposal of this version: give `cctview links propose` once more.") from error
