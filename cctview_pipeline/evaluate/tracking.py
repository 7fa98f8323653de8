"""Tracks of single cameras against the truth: HOTA, IDF1 and ID switches, by the reference implementation trackeval.

HOTA: Luiten et al., IJCV 2020; IDF1: Ristani et al., ECCVW 2016; ID switches: Bernardin and Stiefelhagen, 2008.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from trackeval.metrics import CLEAR, HOTA, Identity

from cctview_pipeline.evaluate.reading import CameraResults
from cctview_pipeline.evaluate.report import ALL, Row, measured
from cctview_pipeline.evaluate.truth import OVERLAP, FrameOverlap

SEQUENCE_S = 600
"""A camera's time is evaluated as sequences of ten minutes and combined as a benchmark combines its videos: trackeval's
matrices have a cell for every vehicle and every track, and a busy hour's would take many GiB."""

_QUIET = {"THRESHOLD": OVERLAP, "PRINT_CONFIG": False}


def tracking_rows(cameras: list[CameraResults]) -> list[Row]:
    """HOTA, DetA, AssA (means over 19 overlaps), IDF1, IDP, IDR and ID switches by camera and over all."""
    metrics = {"HOTA": HOTA(), "Identity": Identity(_QUIET), "CLEAR": CLEAR(_QUIET)}
    everything: dict[str, list[dict]] = {name: [] for name in metrics}
    by_camera = []
    for camera in cameras:
        results: dict[str, list[dict]] = {name: [] for name in metrics}
        for data in sequences(camera):
            for name, metric in metrics.items():
                results[name].append(metric.eval_sequence(data))
        for name, each in results.items():
            everything[name] += each
        by_camera += _rows(camera.camera_id, metrics, results, int(camera.truth.counted.sum()))
    return _rows(ALL, metrics, everything, sum(int(camera.truth.counted.sum()) for camera in cameras)) + by_camera


def _rows(scope: str, metrics: dict[str, Any], results: dict[str, list[dict]], support: int) -> list[Row]:
    if not results["HOTA"]:
        return measured("tracking", scope, 0, dict.fromkeys(("HOTA", "DetA", "AssA", "IDF1", "IDP", "IDR", "ID_switches")))
    found = {name: metrics[name].combine_sequences(dict(enumerate(each))) for name, each in results.items()}
    identity = found["Identity"]
    values: dict[str, float | None] = {name: float(np.mean(found["HOTA"][name])) for name in ("HOTA", "DetA", "AssA")}
    values |= {name: float(identity[name]) for name in ("IDF1", "IDP", "IDR")}
    if not identity["IDTP"] + identity["IDFP"]:
        values["IDP"] = None  # no track at all: nothing that could be right or wrong
    return measured("tracking", scope, support, values | {"ID_switches": float(found["CLEAR"]["IDSW"])})


def sequences(camera: CameraResults) -> Iterator[dict[str, Any]]:
    """What trackeval evaluates, one dict a sequence that has anything in it; ids count from 0 in each."""
    overlaps = camera.assignment.overlaps
    numbers = camera.times[[each.frame for each in overlaps]] // (SEQUENCE_S * 1_000_000) if overlaps else np.zeros(0)
    for number in np.unique(numbers):
        yield _sequence(camera, [overlaps[i] for i in np.flatnonzero(numbers == number)])


def _sequence(camera: CameraResults, frames: list[FrameOverlap]) -> dict[str, Any]:
    lengths = [len(frame.truth) for frame in frames], [len(frame.found) for frame in frames]
    true = camera.truth.vehicle[np.concatenate([frame.truth for frame in frames])]
    tracked = camera.found.track[np.concatenate([frame.found for frame in frames])]
    vehicles, gt = np.unique(true, return_inverse=True)
    tracks, predicted = np.unique(tracked, return_inverse=True)
    return {
        "num_timesteps": len(frames),
        "num_gt_ids": len(vehicles),
        "num_tracker_ids": len(tracks),
        "num_gt_dets": len(gt),
        "num_tracker_dets": len(predicted),
        "gt_ids": np.split(gt, np.cumsum(lengths[0])[:-1]),
        "tracker_ids": np.split(predicted, np.cumsum(lengths[1])[:-1]),
        "similarity_scores": [frame.iou.astype(np.float64) for frame in frames],
    }
