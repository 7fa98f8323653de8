"""What of a local day's figures may leave the house: which tables, columns and rows, so that no group below k can be found out.

One question is asked for all counts of a day (publishing.py): the vehicles of each class, and of all classes together. A row that
it does not answer is still there, with the status ``withheld`` and nothing else in it, so that nobody takes it for a zero or for
an outage; and a zero is a group below k like any other. Labels are added up to classes, light and heavy: buses and motorcycles
alone are seldom k in a quarter of an hour, and hiding them would hide the cars with them.

Whatever else could be subtracted from these counts, or tells one that is withheld, goes with it:

- ``flows`` is the sum of ``class_counts``, and is shown where that sum is. A figure that needs other rows (the directional
  share, the peak hour factor) is shown where they all are. Not published are the ratio to the neighbour's count, and the heavy
  share, which is corrected by the count of every label.
- ``speeds`` and ``travel_times`` are of some of the vehicles that ``flows`` counts. How many is told in steps of k, and so that
  the others, whose speed or way is not known, are never known to be fewer than k (at_least). Match rates, which would tell
  exactly, are not published, nor are the 5th and 95th percentile, which in small groups are single vehicles' times.
- ``segment_performance`` is made of the two, and is shown where both are.
- ``reliability`` needs k quarters of an hour, so that no single one shows through; how many there were is told in steps of k.
- Of ``anomalies`` those that were found in the counts stay inside: that a camera saw no vehicle is a count too.

NOT_RELEASED has the tables that stay inside, and why.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.errors import StorageError
from cctview_pipeline.formats.figures import CLASSES
from cctview_pipeline.lake.marts import STATUSES
from cctview_pipeline.lake.schemas import TABLES, schema_of
from cctview_pipeline.lake.spec import column
from cctview_pipeline.privacy.publishing import K, k_anonymous

WITHHELD = "withheld"
COUNTED = ("class_counts", "flows", "speeds", "travel_times", "segment_performance")
"""The tables that count the same vehicles, and so could be subtracted from one another."""
RELEASED = ("bins", *COUNTED, "reliability", "data_quality", "anomalies")
READ = ("vehicle_counts", *(name for name in RELEASED if name != "class_counts"))
"""The tables of figures that they are made of."""
NOT_RELEASED = {
    "corridor_speeds": "bins of five minutes are too short to be published",
    "corridor_od": "its rows are parts of the vehicles that flows counts, and could be subtracted from them",
    "turning_movements": "its rows are parts of the vehicles that flows counts, and could be subtracted from them",
    "approach_queues": "few vehicles stand at a time, and k of them seldom",
    "throughput": "it is about the pipeline and not about the road",
}
CLASS_KEY = ("camera_id", "carriageway", "vehicle_class", "began_at")
"""Of class_counts."""
ABOUT_CAMERAS = ("frozen", "moved", "declared")
"""The kinds of anomalies that are not found in the counts."""
_DROPPED = {
    "flows": ("balance", "heavy_share", "heavy_lower", "heavy_upper"),
    "speeds": ("vehicles",),
    "travel_times": ("vehicles", "effective", "match_rate_down", "match_rate_up", "p5_s", "p95_s", "filtered_share"),
    "reliability": ("bins",),
}
_AT_LEAST = column(
    "vehicles_at_least",
    pa.int64(),
    "whose speed or way is known; in steps, so that the others cannot be counted; missing where withheld or nothing was seen",
    True,
)
_BINS_AT_LEAST = column("bins_at_least", pa.int64(), "quarters of an hour that have a travel time, in steps", True)
_STATUS = column("status", pa.string(), f"{', '.join(STATUSES)} or {WITHHELD}")

_CLASSES = pa.schema(
    [
        *(schema_of("vehicle_counts").field(name) for name in ("camera_id", "carriageway")),
        column("vehicle_class", pa.string(), "light (cars and motorcycles) or heavy (buses and trucks)"),
        *(schema_of("vehicle_counts").field(name) for name in ("began_at", "local_at", "vehicles", "expanded", "coverage")),
        _STATUS,
    ]
)

Place = tuple[str, str, int]
"""Camera, carriageway and bin, as microseconds of its beginning."""


def release(day: Mapping[str, pa.Table], k: int = K) -> dict[str, pa.Table]:
    """The tables of RELEASED of one local day as they may be published. day: the tables of READ, by name.

    Raises CctviewError where the counts are not what their schemas promise, or k is no number that protects anybody.
    """
    classes = _by_class(day["vehicle_counts"])
    shown, totals = _shown(classes, k)
    flows, shown_flows = _flows(day["flows"], totals, _sums(classes))
    speeds, _ = _parts(day["speeds"], "speeds", _places(day["speeds"]), shown_flows, k)
    arrivals = _places(day["travel_times"], "to_camera_id")
    travel_times, timed = _parts(day["travel_times"], "travel_times", arrivals, shown_flows, k)
    return {
        "bins": day["bins"],
        "class_counts": _counts(classes, shown),
        "flows": flows,
        "speeds": speeds,
        "travel_times": travel_times,
        "segment_performance": _performance(day["segment_performance"], day["travel_times"], timed, shown_flows),
        "reliability": _reliability(day["reliability"], k),
        "data_quality": day["data_quality"],
        "anomalies": day["anomalies"].filter(pc.is_in(day["anomalies"]["kind"], pa.array(ABOUT_CAMERAS))),
    }


def description_of(name: str) -> str:
    """What a released table is, in one sentence."""
    if name == "class_counts":
        return "Vehicles that passed a camera's line, by carriageway, class and quarter of an hour: a complete grid."
    return TABLES[name].description


def at_least(part: int, whole: int, k: int) -> int:
    """How many of ``whole`` vehicles are told to be in a part: a multiple of k, 0 where nothing may be told of it.

    Who knows the whole and this knows of the rest that it may be anything from 0 to k - 1 or more, or that it is k or more and
    anything within k numbers: what publishing.py promises of a row that is not shown.
    """
    return max(0, k * (min(part, whole - k + 1) // k))


def _by_class(counts: pa.Table) -> pa.Table:
    """vehicle_counts with its labels added up, sorted. What is missing of one label is missing of its class."""
    classes = {label: name for name, labels in CLASSES.items() for label in labels}
    labels = counts["label"].to_pylist()
    if unknown := sorted(set(labels) - set(classes)):
        raise StorageError(f"vehicle_counts has the label '{unknown[0]}', which is of no class: {', '.join(classes)} are.")
    named = counts.append_column("vehicle_class", pa.array([classes[label] for label in labels], pa.string()))
    named = named.append_column("flagged", pc.equal(counts["status"], "flagged"))
    keys = ["camera_id", "carriageway", "vehicle_class", "began_at", "local_at"]
    all_of_them = pc.ScalarAggregateOptions(skip_nulls=False)
    made = named.group_by(keys, use_threads=False).aggregate(
        [
            ("vehicles", "sum", all_of_them),
            ("expanded", "sum", all_of_them),
            ("coverage", "min"),
            ("status", "min"),
            ("flagged", "any"),
        ]
    )
    status = pc.if_else(made["flagged_any"], pa.scalar("flagged"), made["status_min"])
    values = {"vehicles": "vehicles_sum", "expanded": "expanded_sum", "coverage": "coverage_min"}
    columns = {name: made[values.get(name, name)] for name in _CLASSES.names if name != "status"} | {"status": status}
    return pa.table(columns).cast(_CLASSES).sort_by([(name, "ascending") for name in keys])


def _shown(classes: pa.Table, k: int) -> tuple[set[tuple], set[Place]]:
    """The rows of class_counts that may be shown, by place and class, and the places whose sum may be."""
    names = ["camera_id", "carriageway", "vehicle_class", "began_at", "vehicles"]
    counted = classes.select(names).filter(pc.is_valid(classes["vehicles"]))
    answer = k_anonymous(counted, k, totals=[("camera_id", "carriageway", "began_at")])
    cells = _cells(answer)
    return {cell for cell in cells if cell[-1] is not None}, {cell[:-1] for cell in cells if cell[-1] is None}


def _counts(classes: pa.Table, shown: set[tuple]) -> pa.Table:
    may = np.array([cell in shown for cell in _cells(classes)], bool)
    return _released(classes, "class_counts", may | _nothing(classes))


def _flows(flows: pa.Table, totals: set[Place], sums: Mapping[Place, int]) -> tuple[pa.Table, dict[Place, int]]:
    """The table, and the count of every place that it shows. sums: of all classes."""
    places, vehicles = _places(flows), flows["vehicles"].to_pylist()
    if wrong := next((place for place, n in zip(places, vehicles, strict=True) if n is not None and sums.get(place) != n), None):
        raise StorageError(
            f"flows and vehicle_counts of camera {wrong[0]} count different vehicles: make the day's figures again (`cctview "
            "backfill`)."
        )
    may = np.array([place in totals for place in places], bool)
    keep = may | _nothing(flows)
    made = _released(flows, "flows", keep)
    camera_bins = [(camera, at) for camera, _, at in places]
    made = _only(made, ("directional_share",), _all_shown(camera_bins, keep))
    local = flows["local_at"].to_pylist()
    hours = [(camera, way, at[:13], at[16:]) for (camera, way, _), at in zip(places, local, strict=True)]
    made = _only(made, ("peak_hour_factor",), _all_shown(hours, keep))
    return made, {place: n for place, n, ok in zip(places, vehicles, may, strict=True) if ok}


def _parts(rows: pa.Table, name: str, places: list[Place], wholes: Mapping[Place, int], k: int) -> tuple[pa.Table, np.ndarray]:
    """A table whose vehicles are some of those that flows counts at ``places``, and which of its rows show any."""
    pairs = zip(rows["vehicles"].to_pylist(), places, strict=True)
    told = np.array([at_least(part or 0, wholes.get(place, 0), k) for part, place in pairs], np.int64)
    return _released(rows, name, (told > 0) | _nothing(rows), told), told > 0


def _performance(rows: pa.Table, times: pa.Table, timed: np.ndarray, wholes: Mapping[Place, int]) -> pa.Table:
    sources = times["from_camera_id"].to_pylist()
    ways = {(source, *place) for source, place, ok in zip(sources, _places(times, "to_camera_id"), timed, strict=True) if ok}
    places = _places(rows, "to_camera_id")
    pairs = zip(rows["from_camera_id"].to_pylist(), places, strict=True)
    may = np.array([(source, *place) in ways and place in wholes for source, place in pairs], bool)
    return _released(rows, "segment_performance", may | _nothing(rows))


def _reliability(rows: pa.Table, k: int) -> pa.Table:
    bins = rows["bins"].to_numpy()
    return _released(rows, "reliability", bins >= k, bins // k * k)


def _released(rows: pa.Table, name: str, keep: np.ndarray, told: np.ndarray | None = None) -> pa.Table:
    """Without the columns that stay inside; where a row is not kept, it is withheld: all that may be missing is.

    told: what stands in place of the exact count, null where it is 0.
    """
    if name in ("speeds", "travel_times", "reliability"):
        field = _BINS_AT_LEAST if name == "reliability" else _AT_LEAST
        place = rows.schema.get_field_index("bins" if name == "reliability" else "vehicles")
        assert told is not None, "Whoever drops a count says what stands in its place."
        rows = rows.add_column(place, field, pa.array(told, pa.int64(), mask=told == 0))
    rows = rows.drop_columns(list(_DROPPED.get(name, ())))
    if "status" not in rows.column_names:
        return rows
    rows = _only(rows, [field.name for field in rows.schema if field.nullable], keep)
    status = pc.if_else(pa.array(keep), rows["status"], pa.scalar(WITHHELD))
    return rows.set_column(rows.schema.get_field_index("status"), _STATUS, status)


def _only(rows: pa.Table, names: Sequence[str], keep: np.ndarray) -> pa.Table:
    """The same rows, these columns null where they are not to be kept."""
    for name in names:
        place, field = rows.schema.get_field_index(name), rows.schema.field(name)
        rows = rows.set_column(place, field, pc.if_else(pa.array(keep), rows[name], pa.scalar(None, field.type)))
    return rows


def _nothing(rows: pa.Table) -> np.ndarray:
    """Rows that count nobody: nothing was seen, and their status says so."""
    return rows["vehicles"].is_null().to_numpy()


def _places(rows: pa.Table, camera: str = "camera_id") -> list[Place]:
    began = rows["began_at"].cast(pa.int64())
    return list(zip(rows[camera].to_pylist(), rows["carriageway"].to_pylist(), began.to_pylist(), strict=True))


def _cells(rows: pa.Table) -> list[tuple]:
    return [(*place, name) for place, name in zip(_places(rows), rows["vehicle_class"].to_pylist(), strict=True)]


def _sums(classes: pa.Table) -> dict[Place, int]:
    """All classes' vehicles by place; where none was counted there is none."""
    sums: dict[Place, int] = {}
    for place, n in zip(_places(classes), classes["vehicles"].to_pylist(), strict=True):
        if n is not None:
            sums[place] = sums.get(place, 0) + n
    return sums


def _all_shown(groups: list[tuple], keep: np.ndarray) -> np.ndarray:
    """Of each row, whether all rows of its group are kept."""
    hidden = {group for group, ok in zip(groups, keep, strict=True) if not ok}
    return np.array([group not in hidden for group in groups], bool)
