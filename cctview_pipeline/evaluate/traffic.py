"""What traffic engineers read, against the truth: vehicles per quarter of an hour, their labels and speeds, and travel times."""

from collections.abc import Iterator, Sequence

import numpy as np

from cctview_pipeline.evaluate.passages import QUARTER_US, CameraPassages, Cells
from cctview_pipeline.evaluate.report import ALL, Row, measured
from cctview_pipeline.evaluate.transitions import AssignedMatch, CameraPair, Transition, name_of
from cctview_pipeline.track.label_votes import LABELS

HOUR_S, QUARTER_S = 3600.0, 900.0
LEAST_OBSERVED = 0.5
"""Of a quarter: with less of it seen its figures say little."""
GOOD_GEH = 5.0


def count_rows(cameras: list[CameraPassages]) -> list[Row]:
    """Passages against vehicles that passed: over all, by camera, and by camera and carriageway.

    median_error_percent: median absolute percentage error over carriageways and quarters (UTC) of which half was seen and in
    which a vehicle passed; relative_error_percent: of the whole, with its sign. GEH_hour, GEH_quarter: medians of
    sqrt(2 (M - C)^2 / (M + C)) of flows an hour M counted and C true (Design Manual for Roads and Bridges 12.2.1, 4.4), of each
    carriageway's hour and quarter; GEH_hour_below_5, GEH_quarter_below_5: shares. in_view: the same of the second counter.
    """
    rows = []
    for scope, cells in _scopes(cameras):
        true, counted = float(cells.true.sum()), float(cells.counted.sum())
        values = {
            "true_vehicles": true,
            "counted_vehicles": counted,
            "median_error_percent": _median_error(cells, cells.counted),
            "relative_error_percent": 100 * (counted - true) / true if true else None,
        }
        values |= _geh("quarter", cells.true, cells.counted, cells.observed_s)
        values |= _geh("hour", *_by_hour(cells))
        rows += measured("counts", scope, int(true), values)
        known = ~np.isnan(cells.in_view)
        of_known, second = float(cells.true[known].sum()), float(cells.in_view[known].sum())
        error = 100 * (second - of_known) / of_known if of_known else None
        values = {"median_error_percent": _median_error(cells, cells.in_view), "relative_error_percent": error}
        rows += measured("in_view", scope, int(of_known), values)
    return rows


def _scopes(cameras: list[CameraPassages]) -> Iterator[tuple[str, Cells]]:
    """All cells, a camera's, and a carriageway's, by name."""
    yield ALL, _together([(camera, camera.cells.quarter >= 0) for camera in cameras])
    for camera in cameras:
        yield camera.camera_id, _together([(camera, camera.cells.quarter >= 0)])
        for side in sorted(set(camera.cells.carriageway.tolist())):
            yield f"{camera.camera_id} {side}", _together([(camera, camera.cells.carriageway == side)])


def _together(parts: list[tuple[CameraPassages, np.ndarray]]) -> Cells:
    """The chosen cells of several cameras; the carriageways of two cameras stay two."""
    names = [np.char.add(f"{each.camera_id} ", each.cells.carriageway[chosen]) for each, chosen in parts]
    fields = ("quarter", "observed_s", "true", "counted", "in_view")
    joined = {name: np.concatenate([getattr(each.cells, name)[chosen] for each, chosen in parts]) for name in fields}
    return Cells(carriageway=np.concatenate(names), **joined)


def _median_error(cells: Cells, found: np.ndarray) -> float | None:
    chosen = (cells.true > 0) & (cells.observed_s >= LEAST_OBSERVED * QUARTER_S) & ~np.isnan(found)
    return 100 * float(np.median(np.abs(found - cells.true)[chosen] / cells.true[chosen])) if chosen.any() else None


def _by_hour(cells: Cells) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True and counted vehicles, and observed seconds, of each carriageway's hours."""
    names = np.char.add(np.char.add(cells.carriageway, " "), (cells.quarter // 4).astype(str))
    _, place = np.unique(names, return_inverse=True)
    true, counted, observed = (np.bincount(place, each) for each in (cells.true, cells.counted, cells.observed_s))
    return true, counted, observed


def _geh(name: str, true: np.ndarray, counted: np.ndarray, observed_s: np.ndarray) -> dict[str, float | None]:
    """Of flows an hour: what was seen of the time stands for the rest."""
    chosen = (observed_s >= LEAST_OBSERVED * QUARTER_S) & (true + counted > 0)
    scale = HOUR_S / observed_s[chosen]
    flow, found = true[chosen] * scale, counted[chosen] * scale
    values = np.sqrt(2 * (found - flow) ** 2 / (found + flow))
    if not len(values):
        return {f"GEH_{name}": None, f"GEH_{name}_below_5": None}
    return {f"GEH_{name}": float(np.median(values)), f"GEH_{name}_below_5": float(np.mean(values < GOOD_GEH))}


def label_rows(cameras: list[CameraPassages]) -> list[Row]:
    """Labels of the vehicles that passed.

    By label: true_share, counted_share of all; recall, precision of vehicles that are known by their tracks; said_<label>: the
    confusion. Over all: right, the share of right labels, and mean_probability, what the pipeline thinks of it.
    """
    true = np.concatenate([camera.true.label for camera in cameras])
    counted = np.concatenate([camera.counted.label for camera in cameras])
    pairs = [(camera, *_pairs(camera)) for camera in cameras]
    real = np.concatenate([camera.true.label[one] for camera, one, _ in pairs])
    said = np.concatenate([camera.counted.label[other] for camera, _, other in pairs])
    thought = np.concatenate([camera.counted.probability[other] for camera, _, other in pairs])
    overall = {"right": _share(real == said), "mean_probability": float(thought.mean()) if len(thought) else None}
    rows = measured("labels", ALL, len(real), overall)
    for label in LABELS:
        values = {"true_share": _share(true == label), "counted_share": _share(counted == label)}
        values |= {"recall": _share(said[real == label] == label), "precision": _share(real[said == label] == label)}
        values |= {f"said_{other}": _share(said[real == label] == other) for other in LABELS}
        rows += measured("labels", label, int((true == label).sum()), values)
    return rows


def speed_rows(cameras: list[CameraPassages]) -> list[Row]:
    """Speeds of vehicles that are known by their tracks against their mean speeds in sight, over all and by camera: mean absolute
    error and bias, km/h; and within_error, the share that is off by no more than its stated standard error."""
    rows, everything = [], []
    for camera in cameras:
        one, other = _pairs(camera)
        found = np.stack([camera.counted.kmh[other] - camera.true.kmh[one], camera.counted.kmh_error[other]])
        everything.append(found[:, ~np.isnan(found[0])])
        rows += _speed_rows(camera.camera_id, everything[-1])
    return _speed_rows(ALL, np.concatenate(everything, axis=1)) + rows


def _speed_rows(scope: str, found: np.ndarray) -> list[Row]:
    """found: (2, N) how far off each speed is, and its stated error."""
    off, error = found
    values = dict.fromkeys(("mean_error_kmh", "bias_kmh", "within_error"))
    if len(off):
        values = {
            "mean_error_kmh": float(np.abs(off).mean()),
            "bias_kmh": float(off.mean()),
            "within_error": float(np.mean(np.abs(off) <= error)),
        }
    return measured("speeds", scope, len(off), values)


def _pairs(camera: CameraPassages) -> tuple[np.ndarray, np.ndarray]:
    """Places of a true vehicle and of the first passage that was counted for it, of those that have one."""
    names, first = np.unique(camera.counted.vehicle, return_index=True)
    place = dict(zip(names.tolist(), first.tolist(), strict=True))
    place.pop("", None)
    known = np.array([i for i, name in enumerate(camera.true.vehicle.tolist()) if name in place], np.int64)
    return known, np.array([place[camera.true.vehicle[i]] for i in known], np.int64)


def _share(which: np.ndarray) -> float | None:
    return float(np.mean(which)) if len(which) else None


def travel_time_rows(ways: list[CameraPair], matches: list[AssignedMatch], transitions: list[Transition]) -> list[Row]:
    """Median times from pole to pole, of assigned matches against the true ones, by way: over the whole time, and in quarters.

    The pipeline sees vehicles pass somewhere else than at the poles, and knows how far from them where cameras are calibrated.
    median_error: of the whole time's medians; cell_error_s: mean absolute error of the quarters' medians, over those in
    which both are known. Over all ways, median_error is the mean of the ways' errors.
    """
    rows, errors, all_cells = [], [], []
    for way in ways:
        true = [(t.arrived // QUARTER_US, t.passed_s) for t in transitions if t.way == way]
        found = [(m.arrived // QUARTER_US, m.poles_s) for m in matches if m.way == way]
        cells = _cell_errors(true, found)
        values = _median_errors([time for _, time in true], [time for _, time in found])
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
