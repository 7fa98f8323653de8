"""What traffic engineers read, against the truth: vehicles per quarter of an hour, and travel times."""

from collections.abc import Sequence

import numpy as np

from cctview_pipeline.evaluate.reading import CameraResults
from cctview_pipeline.evaluate.report import ALL, Row, measured
from cctview_pipeline.evaluate.transitions import AssignedMatch, CameraPair, Transition, name_of

QUARTER_US = 15 * 60 * 1_000_000


def count_rows(cameras: list[CameraResults]) -> list[Row]:
    """Tracks that begin against vehicles first counted, by camera, by camera and carriageway, and over all.

    MAPE_percent: mean absolute percentage error over the quarters (UTC) in which the camera sent frames and a vehicle
    came; relative_error_percent: of the whole, with its sign.
    """
    by_camera, by_side, cells = [], [], []
    for camera in cameras:
        true, found = _arrivals(camera), _beginnings(camera)
        by_camera += _count_rows(camera.camera_id, [_cells(camera, true, found)])
        for letter in sorted({side for _, side in true}):
            by_side += _count_rows(f"{camera.camera_id} {letter}", [_cells(camera, true, found, letter)])
        cells.append(_cells(camera, true, found))
    return _count_rows(ALL, cells) + by_camera + by_side


def _count_rows(scope: str, cells: list[np.ndarray]) -> list[Row]:
    """cells: (quarters, 2) true and counted vehicles, of each camera."""
    true, found = np.concatenate(cells).astype(float).T
    filled, total = true > 0, true.sum()
    values = {
        "true_vehicles": total,
        "counted_vehicles": found.sum(),
        "MAPE_percent": 100 * np.mean(np.abs(found - true)[filled] / true[filled]) if filled.any() else None,
        "relative_error_percent": 100 * (found.sum() - total) / total if total else None,
    }
    return measured("counts", scope, int(total), values)


def _cells(
    camera: CameraResults, true: list[tuple[int, str]], found: list[tuple[int, str]], wanted: str | None = None
) -> np.ndarray:
    """(quarters, 2) true and counted vehicles. wanted: only of this carriageway."""
    quarters = np.unique(camera.times // QUARTER_US)
    sides = ([quarter for quarter, side in each if wanted in (None, side)] for each in (true, found))
    counted = [np.searchsorted(quarters, np.array(each, np.int64)) for each in sides]
    return np.stack([np.bincount(each, minlength=len(quarters)) for each in counted], axis=1)


def _arrivals(camera: CameraResults) -> list[tuple[int, str]]:
    """Quarter and carriageway of each vehicle's first counted box; not those counted in the hour before."""
    rows = np.flatnonzero(camera.truth.counted)
    names, first = np.unique(camera.truth.vehicle[rows], return_index=True)
    new = np.array([row for name, row in zip(names, rows[first], strict=True) if name not in camera.seen_before], int)
    quarters = camera.times[camera.truth.frame[new]] // QUARTER_US
    return [(int(q), str(camera.truth.carriageway[row])) for q, row in zip(quarters, new, strict=True)]


def _beginnings(camera: CameraResults) -> list[tuple[int, str]]:
    """Quarter and carriageway of each track's first detection that is not left out; not of tracks that go on."""
    rows = np.flatnonzero(camera.assignment.kept)
    tracks, first = np.unique(camera.found.track[rows], return_index=True)
    quarters = camera.times[camera.found.frame[rows[first]]] // QUARTER_US
    return [
        (int(q), camera.tracks.carriageway[track] or "")
        for q, track in zip(quarters, tracks, strict=True)
        if camera.tracks.began[track]
    ]


def travel_time_rows(ways: list[CameraPair], matches: list[AssignedMatch], transitions: list[Transition]) -> list[Row]:
    """Median gaps of assigned matches against the true ones, by way: over the whole time, and in quarters.

    median_error: of the whole time's medians; cell_error_s: mean absolute error of the quarters' medians, over those in
    which both are known. Over all ways, median_error is the mean of the ways' errors.
    """
    rows, errors, all_cells = [], [], []
    for way in ways:
        true = [(t.arrived // QUARTER_US, t.gap_s) for t in transitions if t.way == way]
        found = [(m.arrived // QUARTER_US, m.gap_s) for m in matches if m.way == way]
        cells = _cell_errors(true, found)
        values = _median_errors([gap for _, gap in true], [gap for _, gap in found])
        rows += measured("travel_times", name_of(way), len(true), values | {"cell_error_s": _mean(cells)})
        errors.append(values)
        all_cells += cells
    over_all = {name: _mean([each[name] for each in errors]) for name in ("median_error_s", "median_error_percent")}
    return measured("travel_times", ALL, len(transitions), over_all | {"cell_error_s": _mean(all_cells)}) + rows


def _median_errors(true: list[float], found: list[float]) -> dict[str, float | None]:
    actual = float(np.median(true)) if true else None
    estimate = float(np.median(found)) if found else None
    error = percent = None
    if actual is not None and estimate is not None:
        error = abs(estimate - actual)
        percent = 100 * error / actual if actual > 0 else None
    return {
        "median_true_s": actual,
        "median_measured_s": estimate,
        "median_error_s": error,
        "median_error_percent": percent,
    }


def _cell_errors(true: list[tuple[int, float]], found: list[tuple[int, float]]) -> list[float]:
    """Of each quarter that has both."""
    quarters = sorted({quarter for quarter, _ in true} & {quarter for quarter, _ in found})
    return [abs(_median_in(found, quarter) - _median_in(true, quarter)) for quarter in quarters]


def _median_in(gaps: list[tuple[int, float]], quarter: int) -> float:
    return float(np.median([gap for q, gap in gaps if q == quarter]))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
