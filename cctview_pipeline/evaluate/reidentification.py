"""Does the embedding find a vehicle again at the next camera, among all vehicles that passed there?

The protocol of vehicle re-identification (VeRi-776, Liu et al., ECCV 2016), between tracks: queries are the identified
tracks of one camera, the gallery those of one neighbour over the whole evaluated time, without gates of time or road.
"""

from dataclasses import dataclass

import numpy as np

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.evaluate.reading import CameraResults
from cctview_pipeline.evaluate.report import ALL, Row, measured
from cctview_pipeline.match import Ranking, evaluate_ranking, track_distances


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
        distances = track_distances(asked.embeddings, among.embeddings)
        rankings[query, gallery] = evaluate_ranking(distances, asked.vehicle, among.vehicle)
        rankings[gallery, query] = evaluate_ranking(distances.T, among.vehicle, asked.vehicle)  # the distance is symmetric
    chosen = [rankings[pair] for pair in pairs]
    rows = _rows(Ranking.join(chosen), ALL)
    return rows + [row for pair in pairs for row in _rows(rankings[pair], f"{pair[0]} against {pair[1]}")]


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


def _rows(ranking: Ranking, scope: str) -> list[Row]:
    found = len(ranking.first)
    values = {"rank-1": ranking.rank1, "rank-5": ranking.rank5, "mAP": ranking.mean_average_precision}
    apart = {"queries_without_match": ranking.without_match}
    subject = "reidentification"
    return measured(subject, scope, found, {name: value if found else None for name, value in values.items()}) + measured(
        subject, scope, found + ranking.without_match, apart
    )
