"""Does the embedding find a vehicle again at the next camera, among all vehicles that passed there?

The protocol of vehicle re-identification (VeRi-776, Liu et al., ECCV 2016), between tracks: queries are the identified
tracks of one camera, the gallery those of one neighbour over the whole evaluated time, without gates of time or road.
"""

from dataclasses import dataclass

import numpy as np

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.evaluate.reading import CameraResults
from cctview_pipeline.evaluate.report import ALL, Row, measured
from cctview_pipeline.match.distances import track_distances

BLOCK = 512
"""Query images compared at once: with an hour's 20,000 gallery images that takes some 0.1 GiB."""


@dataclass(frozen=True)
class Ranking:
    """Q queries that have a match in the gallery, and how many have none.

    first: (Q,) rank of the nearest true match, 1 is best; precision: (Q,) average precision of each.
    """

    first: np.ndarray
    precision: np.ndarray
    without_match: int

    def rows(self, scope: str) -> list[Row]:
        found = len(self.first)
        values = {
            "rank-1": np.mean(self.first <= 1) if found else None,
            "rank-5": np.mean(self.first <= 5) if found else None,
            "mAP": np.mean(self.precision) if found else None,
        }
        apart = {"queries_without_match": self.without_match}
        subject = "reidentification"
        return measured(subject, scope, found, values) + measured(subject, scope, found + self.without_match, apart)


@dataclass(frozen=True)
class _Identified:
    vehicle: np.ndarray
    embeddings: list[np.ndarray]


def reidentification_rows(cameras: list[CameraResults], pairs: list[tuple[str, str]]) -> list[Row]:
    """rank-1, rank-5 and mAP of every ordered pair of neighbours, and over all queries.

    pairs: (query camera, gallery camera), both orders. Raises CctviewError when the features are of two models.
    """
    models = sorted({model for camera in cameras for model in camera.model})
    if len(models) > 1:
        raise CctviewError(f"The features are of the models {', '.join(models)}: backfill all evaluated hours with one.")
    identified = {camera.camera_id: _identified(camera) for camera in cameras}
    rankings: dict[tuple[str, str], Ranking] = {}
    for query, gallery in pairs:
        if (query, gallery) in rankings:
            continue
        asked, among = identified[query], identified[gallery]
        distances = track_distances(asked.embeddings, among.embeddings, BLOCK)
        rankings[query, gallery] = rank(distances, asked.vehicle, among.vehicle)
        rankings[gallery, query] = rank(distances.T, among.vehicle, asked.vehicle)  # the distance is symmetric
    chosen = [rankings[pair] for pair in pairs]
    rows = _joined(chosen).rows(ALL)
    return rows + [row for pair in pairs for row in rankings[pair].rows(f"{pair[0]} against {pair[1]}")]


def rank(distances: np.ndarray, queries: np.ndarray, gallery: np.ndarray) -> Ranking:
    """(Q, G) distances, (Q,) and (G,) vehicle ids -> where the true matches stand.

    Of equal distances the earlier position in the gallery ranks first, so the gallery is sorted by track id.
    """
    places: dict[str, list[int]] = {}
    for place, vehicle in enumerate(gallery):
        places.setdefault(vehicle, []).append(place)
    first, precision, without = [], [], 0
    for row, vehicle in enumerate(queries):
        if vehicle not in places:
            without += 1
            continue
        from_query = distances[row]
        nearer = [
            int((from_query < from_query[place]).sum() + (from_query[:place] == from_query[place]).sum())
            for place in places[vehicle]
        ]
        ranks = np.sort(nearer) + 1
        first.append(ranks[0])
        precision.append(np.mean(np.arange(1, len(ranks) + 1) / ranks))
    return Ranking(np.array(first, np.int64), np.array(precision, np.float64), without)


def _identified(camera: CameraResults) -> _Identified:
    """A camera's identified tracks that have embeddings, sorted by id."""
    tracks, images = camera.tracks, _rows_of_tracks(camera)
    order = sorted((i for i, vehicle in enumerate(tracks.vehicle) if vehicle and len(images[i])), key=tracks.ids.__getitem__)
    vehicle = np.array([tracks.vehicle[i] for i in order], str)
    return _Identified(vehicle, [camera.embeddings[images[i]] for i in order])


def _rows_of_tracks(camera: CameraResults) -> list[list[int]]:
    """Each track's rows of the embeddings; detections left out as lying on ignored vehicles have no say."""
    images: list[list[int]] = [[] for _ in camera.tracks.ids]
    for i in np.flatnonzero(camera.assignment.kept):
        row = camera.embedding_row.get(str(camera.found.ids[i]))
        if row is not None:
            images[camera.found.track[i]].append(row)
    return images


def _joined(rankings: list[Ranking]) -> Ranking:
    first = np.concatenate([np.zeros(0, np.int64), *(ranking.first for ranking in rankings)])
    precision = np.concatenate([np.zeros(0), *(ranking.precision for ranking in rankings)])
    return Ranking(first, precision, sum(ranking.without_match for ranking in rankings))
