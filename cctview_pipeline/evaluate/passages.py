"""Who passed each camera, in truth and as counted, as arrays side by side.

A true vehicle counts when it passed the camera's pole while the camera sent frames: also one that no frame shows, since an
engineer asks for all that passed. The pipeline counts it in the middle of what the camera sees, some seconds earlier or later.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from cctview_pipeline.evaluate.reading import CameraResults, microseconds, read, strings
from cctview_pipeline.lake import Lake

QUARTER_US = 15 * 60 * 1_000_000
LONGEST_FRAME_US = 10 * 1_000_000
"""A frame stands for the time until the next, but for no longer."""


@dataclass(frozen=True, kw_only=True)
class TruePassages:
    """N vehicles. passed: us since 1970; vehicle, carriageway, label: strings; kmh: mean speed in sight; shown: whether a frame
    shows it large and whole enough to count."""

    passed: np.ndarray
    vehicle: np.ndarray
    carriageway: np.ndarray
    label: np.ndarray
    kmh: np.ndarray
    shown: np.ndarray


@dataclass(frozen=True, kw_only=True)
class CountedPassages:
    """M vehicles. passed: us since 1970; vehicle: the true one that its tracks are of, else empty; carriageway, label: strings;
    probability: of the label; kmh, kmh_error: NaN where unknown."""

    passed: np.ndarray
    vehicle: np.ndarray
    carriageway: np.ndarray
    label: np.ndarray
    probability: np.ndarray
    kmh: np.ndarray
    kmh_error: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Cells:
    """C carriageways and quarters of an hour of one camera in which it sent frames. carriageway: strings; quarter: since 1970;
    observed_s; true, counted: vehicles; in_view: by the second counter, NaN where it does not say."""

    carriageway: np.ndarray
    quarter: np.ndarray
    observed_s: np.ndarray
    true: np.ndarray
    counted: np.ndarray
    in_view: np.ndarray


@dataclass(frozen=True)
class CameraPassages:
    """One camera's."""

    camera_id: str
    true: TruePassages
    counted: CountedPassages
    cells: Cells


def read_passages(lake: Lake, camera: CameraResults, hours: list[datetime]) -> CameraPassages:
    """One camera's hours."""
    columns = ["vehicle_id", "passed_at", "carriageway", "label", "speed_kmh"]
    true = _true(read(lake, "truth_passages", camera.camera_id, hours, columns), camera)
    counted = _counted(read(lake, "passages", camera.camera_id, hours), camera)
    return CameraPassages(
        camera.camera_id, true, counted, _cells(camera, true, counted, read(lake, "vehicles_in_view", camera.camera_id, hours))
    )


def _true(table: pa.Table, camera: CameraResults) -> TruePassages:
    passed = microseconds(table["passed_at"])
    times = np.concatenate([[-LONGEST_FRAME_US], camera.times])  # 1970, when nobody passed
    seen = passed - times[np.searchsorted(times, passed, "right") - 1] <= LONGEST_FRAME_US
    table = table.filter(pa.array(seen))
    vehicle, carriageway, label = (strings(table[name]) for name in ("vehicle_id", "carriageway", "label"))
    shown = np.isin(vehicle, np.unique(camera.truth.vehicle[camera.truth.counted]))
    return TruePassages(
        passed=passed[seen], vehicle=vehicle, carriageway=carriageway, label=label, kmh=table["speed_kmh"].to_numpy(), shown=shown
    )


def _counted(table: pa.Table, camera: CameraResults) -> CountedPassages:
    vehicles = [_vehicle(ids, camera) for ids in table["track_ids"].to_pylist()]
    kmh, error = (np.array(table[name].to_pylist(), float) for name in ("speed_kmh", "speed_kmh_error"))
    return CountedPassages(
        passed=microseconds(table["passed_at"]),
        vehicle=np.array(vehicles, str),
        carriageway=strings(table["carriageway"]),
        label=strings(table["label"]),
        probability=table["label_probability"].to_numpy(),
        kmh=kmh,
        kmh_error=error,
    )


def _vehicle(track_ids: list[str], camera: CameraResults) -> str:
    """That of its first piece that is anybody's."""
    found = (camera.tracks.vehicle[camera.tracks.index[each]] for each in track_ids if each in camera.tracks.index)
    return next((each for each in found if each), "")


def _cells(camera: CameraResults, true: TruePassages, counted: CountedPassages, in_view: pa.Table) -> Cells:
    lasts = np.minimum(np.diff(camera.times, append=camera.times[-1:]), LONGEST_FRAME_US) / 1e6
    quarters, place = np.unique(camera.times // QUARTER_US, return_inverse=True)
    observed = np.bincount(place, lasts)
    sides = sorted(set(true.carriageway.tolist()))
    second = {
        (side, int(quarter)): vehicle_s / dwell_s if dwell_s else np.nan
        for side, quarter, vehicle_s, dwell_s in zip(
            in_view["carriageway"].to_pylist(),
            (microseconds(in_view["began_at"]) // QUARTER_US).tolist(),
            in_view["vehicle_s"].to_pylist(),
            in_view["dwell_s"].to_pylist(),
            strict=True,
        )
    }
    grid = [(side, int(quarter), seconds) for side in sides for quarter, seconds in zip(quarters, observed, strict=True)]

    def number(each: TruePassages | CountedPassages, side: str, quarter: int) -> int:
        return int(((each.carriageway == side) & (each.passed // QUARTER_US == quarter)).sum())

    return Cells(
        carriageway=np.array([side for side, _, _ in grid], str),
        quarter=np.array([quarter for _, quarter, _ in grid], np.int64),
        observed_s=np.array([seconds for _, _, seconds in grid]),
        true=np.array([number(true, side, quarter) for side, quarter, _ in grid]),
        counted=np.array([number(counted, side, quarter) for side, quarter, _ in grid]),
        in_view=np.array([second.get((side, quarter), np.nan) for side, quarter, _ in grid]),
    )
