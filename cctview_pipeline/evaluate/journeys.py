"""Journeys over several cameras against the truth: cross-camera IDF1, and the matches they are made of."""

from datetime import datetime

import numpy as np
import pyarrow.compute as pc
from scipy.sparse import coo_array, csr_array, hstack, identity
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from cctview_pipeline.evaluate.reading import CameraResults
from cctview_pipeline.evaluate.report import ALL, Row, measured
from cctview_pipeline.evaluate.transitions import AssignedMatch, CameraPair, Transition, name_of
from cctview_pipeline.evaluate.truth import OVERLAP
from cctview_pipeline.lake import Lake, Partition

BINS = 10


def journey_rows(lake: Lake, cameras: list[CameraResults], hours: list[datetime]) -> list[Row]:
    """IDF1, IDP, IDR of all cameras' frames together: a vehicle's identity is its id, a detection's that of its journey.

    Twice: over everything, and, with the prefix MTMC, as in the AI City Challenge's track of that name (Tang et al.,
    CVPR 2019): only vehicles counted at two cameras or more, against journeys over two cameras or more.
    """
    journey = _journeys(lake, cameras, hours)
    true = [camera.truth.vehicle[camera.truth.counted] for camera in cameras]
    found = [_identities(camera, journey) for camera in cameras]
    pairs = [_pairs(camera, identities) for camera, identities in zip(cameras, found, strict=True)]
    predicted = [each[camera.assignment.kept] for camera, each in zip(cameras, found, strict=True)]
    rows = _rows("", true, predicted, pairs, np.concatenate(true), np.concatenate(predicted))
    return rows + _rows("MTMC_", true, predicted, pairs, in_two_or_more(true), in_two_or_more(predicted))


def match_rows(
    cameras: list[CameraResults], ways: list[CameraPair], matches: list[AssignedMatch], transitions: list[Transition]
) -> list[Row]:
    """Precision, recall and calibration of the assigned matches, over all and by way.

    A match is right when both tracks are identified as one vehicle. Recall: of the true transitions whose vehicle was
    identified by a track at both cameras, how many a right match found. Brier: mean squared error of the probability.
    """
    known = {camera.camera_id: set(camera.tracks.vehicle) for camera in cameras}
    could = {(t.vehicle, t.way) for t in transitions if all(t.vehicle in known[camera] for camera in t.way)}
    rows = _match_rows(ALL, matches, could)
    for way in ways:
        rows += _match_rows(name_of(way), [m for m in matches if m.way == way], {each for each in could if each[1] == way})
    return rows


def _match_rows(scope: str, matches: list[AssignedMatch], could: set[tuple[str, CameraPair]]) -> list[Row]:
    right = np.array([match.vehicle is not None for match in matches], float)
    probability = np.array([match.probability for match in matches], float)
    values = {
        "match_precision": right.mean() if len(right) else None,
        "match_recall": len(could & {(match.vehicle, match.way) for match in matches}) / max(len(could), 1),
        "mean_probability": probability.mean() if len(right) else None,
        "Brier": np.mean((probability - right) ** 2) if len(right) else None,
    }
    return measured("journeys", scope, len(could), values)


def calibration_rows(matches: list[AssignedMatch]) -> list[Row]:
    """How often the assigned matches are right, by what the pipeline says of them."""
    right = np.array([match.vehicle is not None for match in matches], float)
    probability = np.array([match.probability for match in matches], float)
    return reliability("calibration", probability, right)


def reliability(subject: str, probability: np.ndarray, right: np.ndarray) -> list[Row]:
    """How often what has these probabilities (M,) is right (M,), 0 or 1.

    ECE: expected calibration error, the mean over all of how far their bin's share of right ones is from its mean
    probability, in BINS bins of one width (Naeini et al., AAAI 2015).
    """
    bins = np.minimum((probability * BINS).astype(int), BINS - 1)
    rows, off = [], 0.0
    for number in range(BINS):
        inside = bins == number
        known = {"mean_probability": probability[inside].mean(), "share_right": right[inside].mean()} if inside.any() else {}
        scope = f"{number / BINS:.1f}-{(number + 1) / BINS:.1f}"
        rows += measured(subject, scope, int(inside.sum()), {"mean_probability": None, "share_right": None} | known)
        off += abs((probability - right)[inside].sum())
    return measured(subject, ALL, len(right), {"ECE": off / len(right) if len(right) else None}) + rows


def identity_scores(vehicles: np.ndarray, predicted: np.ndarray, pairs: np.ndarray) -> dict[str, float | None]:
    """IDF1, IDP and IDR as trackeval's Identity has them (Ristani et al., ECCVW 2016), for thousands of identities.

    vehicles: (N,) identity of each true box; predicted: (M,) of each detection; pairs: (P, 2) identities of a true box
    and a detection of one frame that overlap by one half. One identity goes with one at most, such that most pairs are
    hits. trackeval solves that on a dense matrix, which over several cameras takes many GiB; it is a sparse one.
    """
    hits = _most_hits(pairs)
    total = len(vehicles) + len(predicted)
    return {
        "IDF1": 2 * hits / total if total else None,
        "IDP": hits / len(predicted) if len(predicted) else None,
        "IDR": hits / len(vehicles) if len(vehicles) else None,
    }


def in_two_or_more(by_camera: list[np.ndarray]) -> np.ndarray:
    """Each camera's identities -> those that occur at two cameras or more, every occurrence of them."""
    names, cameras = np.unique(np.concatenate([np.unique(each) for each in by_camera]), return_counts=True)
    everything = np.concatenate(by_camera)
    return everything[np.isin(everything, names[cameras >= 2])]


def _rows(
    prefix: str,
    true: list[np.ndarray],
    predicted: list[np.ndarray],
    pairs: list[np.ndarray],
    vehicles: np.ndarray,
    journeys: np.ndarray,
) -> list[Row]:
    together = np.concatenate(pairs)
    inside = np.isin(together[:, 0], vehicles) & np.isin(together[:, 1], journeys)
    scores = identity_scores(vehicles, journeys, together[inside])
    return measured("journeys", ALL, len(vehicles), {prefix + name: value for name, value in scores.items()})


def _most_hits(pairs: np.ndarray) -> int:
    """The highest number of pairs that a one-to-one choice of identities covers."""
    if not len(pairs):
        return 0
    left, rows = np.unique(pairs[:, 0], return_inverse=True)
    right, columns = np.unique(pairs[:, 1], return_inverse=True)
    hits = csr_array(coo_array((np.ones(len(pairs)), (rows, columns)), shape=(len(left), len(right))))
    hits.sum_duplicates()
    # Every vehicle has a partner of its own that means "none"; one more on every edge, as a weight of 0 is no edge.
    weights = hits.copy()
    weights.data += 1
    vehicle, partner = min_weight_full_bipartite_matching(hstack([weights, identity(len(left))], "csr"), maximize=True)
    chosen = partner < len(right)
    return int(hits[vehicle[chosen], partner[chosen]].sum())


def _journeys(lake: Lake, cameras: list[CameraResults], hours: list[datetime]) -> dict[tuple[str, int], str]:
    """(camera, position of its track) -> journey id."""
    by_id, found = {camera.camera_id: camera for camera in cameras}, {}
    for hour in hours:
        table = lake.read("journeys", Partition.of_hour(hour), ["journey_id", "track_id", "camera_id"])
        inside = table.filter(pc.is_in(table["camera_id"], pc.cast(list(by_id), "string")))
        for journey, track, camera in zip(*(inside[name].to_pylist() for name in table.column_names), strict=True):
            position = by_id[camera].tracks.index.get(track)
            if position is not None:
                found[camera, position] = journey
    return found


def _identities(camera: CameraResults, journey: dict[tuple[str, int], str]) -> np.ndarray:
    """(M,) each detection's identity; a track in no journey is one of its own."""
    names = [journey.get((camera.camera_id, i), track) for i, track in enumerate(camera.tracks.ids)]
    return np.array([*names, ""], str)[camera.found.track]


def _pairs(camera: CameraResults, identities: np.ndarray) -> np.ndarray:
    """(P, 2) vehicle and identity of every true box and detection that overlap by one half or more."""
    true, found = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for frame in camera.assignment.overlaps:
        rows, columns = np.nonzero(frame.iou >= OVERLAP)
        true.append(frame.truth[rows])
        found.append(frame.found[columns])
    return np.stack([camera.truth.vehicle[np.concatenate(true)], identities[np.concatenate(found)]], axis=1)
