"""score_drift and embedding_drift: whether a day's camera-hours are still like what the models were trained on.

They are checks of the models, not of the tables they read: Dagster adds an asset's checks to every run that makes the asset,
whatever a job selects, and a backfill would read a day for every few camera-hours. The tables have a partition for every camera
and hour besides, and one verdict over a day belongs to none of them.
"""

from datetime import date
from typing import TYPE_CHECKING

import dagster as dg

from cctview_pipeline.assets.weights import DETECTOR, EXTRACTOR
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake.layout import format_day, format_hour, parse_day
from cctview_pipeline.resources.lake import LakeResource

if TYPE_CHECKING:
    from cctview_pipeline.drift.survey import DriftReport, Table

MAX_ROWS = 100
"""Camera-hours that a check's table shows: it lives in Dagster's event log."""
_COLUMNS = [
    dg.TableColumn("camera", "string", "its id"),
    dg.TableColumn("hour", "string", "UTC"),
    dg.TableColumn("verdict", "string", "drift, like training, too few to tell, or no reference"),
    dg.TableColumn("distance", "float", "from the nearest training camera, 0..1"),
    dg.TableColumn("nearest", "string", "that camera"),
    dg.TableColumn("expected_f1", "float", "what F1 the scores promise if they are probabilities; of scores only"),
    dg.TableColumn("in_doubt", "float", "share of scores near the threshold; of scores only"),
    dg.TableColumn("vehicles", "int", "how many it rests on"),
]


class Day(dg.Config):
    """day: YYYY-MM-DD, UTC; the newest of which there is anything when empty."""

    day: str = ""


@dg.asset_check(
    asset=DETECTOR,
    name="score_drift",
    description=(
        "Vehicles' scores in each camera-hour of a day, beside those on its training frames. It warns when one promises "
        "less than training did, or is unlike every training camera: there the detector is worse, and labels of it teach most."
    ),
)
def score_drift(config: Day, lake: LakeResource) -> dg.AssetCheckResult:
    """The detector's check: how sure it is of a day's vehicles."""
    return _check(lake, "detections", config.day)


@dg.asset_check(
    asset=EXTRACTOR,
    name="embedding_drift",
    description=(
        "How alike the vehicles of each camera-hour of a day look to the extractor, beside those of its training cameras. It "
        "warns when one is unlike every one of them."
    ),
)
def embedding_drift(config: Day, lake: LakeResource) -> dg.AssetCheckResult:
    """The extractor's check: how a day's vehicles look to it."""
    return _check(lake, "features", config.day)


drift_checks = [score_drift, embedding_drift]


def _check(lake: LakeResource, table: "Table", day: str) -> dg.AssetCheckResult:
    from cctview_pipeline.drift.survey import LIMITS, latest_day, survey

    store = lake.open()
    chosen = _parse(day) if day else latest_day(store, table)
    if chosen is None:
        return dg.AssetCheckResult(passed=True, description=f"There are no {table} yet.", severity=dg.AssetCheckSeverity.WARN)
    found = survey(store, table, chosen)
    return dg.AssetCheckResult(
        passed=not found.drifted,
        severity=dg.AssetCheckSeverity.WARN,
        description=found.sentence,
        metadata={
            "label_these_next": _table(found),
            "day": format_day(chosen),
            "limit": LIMITS[table],
            "drifted": len(found.drifted),
            "camera_hours": len(found.findings),
            "camera_hours_left_out": found.left_out,
        },
    )


def _table(found: "DriftReport") -> dg.TableMetadataValue:
    records = [
        dg.TableRecord(
            {
                "camera": each.camera,
                "hour": format_hour(each.hour),
                "verdict": each.verdict,
                "distance": _rounded(each.distance),
                "nearest": each.nearest,
                "expected_f1": _rounded(each.expected_f1),
                "in_doubt": _rounded(each.in_doubt),
                "vehicles": each.count,
            }
        )
        for each in found.findings[:MAX_ROWS]
    ]
    return dg.MetadataValue.table(records, dg.TableSchema(columns=_COLUMNS))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _parse(day: str) -> date:
    try:
        return parse_day(day)
    except ValueError:
        raise CctviewError(f"A day is given as YYYY-MM-DD, not '{day}'.") from None
