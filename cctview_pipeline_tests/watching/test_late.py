"""An hour that is late is told, one in time is not, and of a closed archive nothing is ever late."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from cctview_pipeline.assets.freshness import ON_TIME
from cctview_pipeline.assets.graph import build_assets
from cctview_pipeline.automation import freshness
from cctview_pipeline.campaign import HOUR, Campaign
from cctview_pipeline.definitions import build_definitions
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.privacy.tombstones import Tombstone, Tombstones
from cctview_pipeline.resources.lake import LakeResource
from cctview_pipeline.watching.late import LATE_AFTER, OF_CAMERA_HOURS, WATCHED, Lateness
from cctview_pipeline_tests.factories.jobs import archive_campaign

NINE = datetime(2026, 11, 2, 9, tzinfo=UTC)
"""A Monday; five in the morning, or four, in New York."""
DUE = NINE + HOUR + timedelta(minutes=1) + LATE_AFTER
A_SECOND = timedelta(seconds=1)
ALL_DAY = {"collect": True, "window": "00:00-00:00"}


def live(**changes) -> Campaign:
    known = replace(archive_campaign(), network="nyc-dot", start=NINE, end=None, settings=ALL_DAY)
    return replace(known, cameras=known.cameras[:2], **changes)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def write(lake: Lake, campaign: Campaign, hour: datetime, tables: tuple[str, ...] = (*OF_CAMERA_HOURS, "journeys")) -> None:
    """Empty tables of an hour."""
    for table in tables:
        places = (
            [Partition.of_hour(hour)] if table == "journeys" else [Partition.camera_hour(c.id, hour) for c in campaign.cameras]
        )
        for place in places:
            lake.write(table, place, schema_of(table).empty_table())


def late(lake: Lake, campaign: Campaign, now: datetime) -> dict[str, int]:
    return {table: len(each.missing) for table, each in Lateness(lake, campaign).look(now).items() if each.missing}


def test_an_hour_is_late_from_its_due_time_on(lake: Lake):
    assert late(lake, live(), DUE - A_SECOND) == {}
    assert late(lake, live(), DUE) == {**dict.fromkeys(OF_CAMERA_HOURS, 2), "journeys": 1}


def test_an_hour_in_time_is_not(lake: Lake):
    write(lake, live(), NINE)
    assert late(lake, live(), DUE) == {}
    assert late(lake, live(), DUE + HOUR)["tracks"] == 2, "the next is"


def test_one_camera_that_is_missing_is_enough(lake: Lake):
    write(lake, live(), NINE)
    lake.storage.delete(lake.keys("crops")[0])
    (found,) = (each for each in Lateness(lake, live()).look(DUE).values() if each.missing)
    assert found.missing == (Partition.camera_hour(live().cameras[1].id, NINE),) or len(found.missing) == 1
    assert found.sentence.startswith("1 partition is late, the oldest of ")


def test_what_was_deleted_on_purpose_is_not_late(lake: Lake):
    write(lake, live(), NINE)
    for camera in live().cameras:
        place = Partition.camera_hour(camera.id, NINE)
        Tombstones(lake).put(Tombstone("raw_frames", place, "older than 1 h", DUE))
    for key in lake.keys("raw_frames"):
        lake.storage.delete(key)
    assert late(lake, live(), DUE) == {}


def test_only_the_hours_in_which_cameras_are_collected(lake: Lake):
    """From one to two in the afternoon in New York: 18:00 to 19:00 UTC in November."""
    afternoon = live(settings=ALL_DAY | {"window": "13:00-14:00"})
    at_one = NINE.replace(hour=18)
    assert late(lake, afternoon, at_one + HOUR) == {}
    assert late(lake, afternoon, at_one + 3 * HOUR)["raw_frames"] == 2
    assert late(lake, afternoon, at_one + 6 * HOUR)["raw_frames"] == 2, "and no other hour beside it"


def test_over_midnight(lake: Lake):
    night = live(settings=ALL_DAY | {"window": "23:00-01:00"})  # 4 and 5 UTC
    assert late(lake, night, NINE + timedelta(hours=23))["raw_frames"] == 2 * 2


@pytest.mark.parametrize(
    "campaign",
    [
        replace(archive_campaign(), start=NINE, end=NINE + HOUR),
        live(settings={"window": "00:00-00:00"}),
        live(start=NINE - timedelta(days=9), end=NINE - timedelta(days=3)),
    ],
    ids=["an archive", "collecting turned off", "a window that ended"],
)
def test_nothing_is_late_where_nothing_is_expected(campaign: Campaign, lake: Lake):
    assert Lateness(lake, campaign).look(DUE) == {}


def test_after_a_day_it_is_a_gap(lake: Lake):
    write(lake, live(), NINE + HOUR)
    assert late(lake, replace(live(), end=NINE + 2 * HOUR), NINE + timedelta(hours=24))["tracks"] == 2
    assert late(lake, replace(live(), end=NINE + 2 * HOUR), NINE + timedelta(hours=26)).get("tracks") is None


def test_a_day_is_late_when_it_has_closed(lake: Lake):
    """New York's Monday closes at five in the morning UTC."""
    closed = datetime(2026, 11, 3, 5, tzinfo=UTC) + LATE_AFTER
    short = live(end=NINE + HOUR)
    write(lake, short, NINE)
    assert late(lake, short, closed - A_SECOND) == {}
    found = Lateness(lake, short).look(closed)
    assert {table for table, each in found.items() if each.missing} == {*WATCHED} - {*OF_CAMERA_HOURS, "journeys"}
    lake.write("flows", Partition.of_day(date(2026, 11, 2)), schema_of("flows").empty_table())
    lake.storage.write("reports/day=2026-11-02/report.html", b"<p>")
    assert not {"flows", "daily_report"} & set(late(lake, short, closed))


def test_every_asset_that_comes_by_itself_is_watched():
    keys = {key.path[-1] for asset in build_assets(live()) for key in asset.keys}
    assert set(WATCHED) == keys - {"labels", "detector_model", "extractor_model"}
    checks = build_definitions(live()).get_repository_def().asset_graph.asset_check_keys
    assert {key.asset_key.path[-1] for key in checks if key.name == ON_TIME} == set(WATCHED)
    jobs = build_definitions(live()).get_repository_def().get_all_jobs()
    made_by = [job.name for job in jobs if not job.name.startswith("__") and "freshness" in {node.name for node in job.nodes}]
    assert made_by == [], "the sensor tells it, and no job looks over all hours whenever it makes one"
    of_archive = build_definitions(archive_campaign()).get_repository_def().asset_graph.asset_check_keys
    assert not [key for key in of_archive if key.name == ON_TIME]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """What the sensor takes for now."""
    times = [DUE - A_SECOND]

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None) -> datetime:
            return times[-1]

    monkeypatch.setattr(freshness, "datetime", Clock)
    return times


def tick(campaign: Campaign, lake: Lake, instance: dg.DagsterInstance, cursor: str | None) -> dg.SensorResult | dg.SkipReason:
    """What Dagster's daemon does at a tick."""
    context = dg.build_sensor_context(instance, cursor=cursor, resources={"lake": LakeResource(uri=lake.uri)})
    result = freshness.freshness(campaign)(context)
    for event in getattr(result, "asset_events", []):
        instance.report_runless_asset_event(event)
    return result


def test_dagster_is_told_when_something_becomes_late_and_when_it_came(lake: Lake, clock: list[datetime]):
    campaign = live(district="north")
    key = dg.AssetCheckKey(dg.AssetKey(["north", "tracks"]), ON_TIME)
    with dg.DagsterInstance.ephemeral() as instance:

        def said() -> tuple[bool, str]:
            record = instance.event_log_storage.get_asset_check_summary_records([key])[key].last_completed_check_execution_record
            evaluation = record.event.asset_check_evaluation
            assert evaluation.severity == dg.AssetCheckSeverity.WARN
            return evaluation.passed, evaluation.description

        first = tick(campaign, lake, instance, None)
        assert {event.asset_key.path[-1] for event in first.asset_events} == set(WATCHED)
        assert said() == (True, "Nothing is late; the next is due at 2026-11-02 11:01 UTC.")
        assert isinstance(tick(campaign, lake, instance, first.cursor), dg.SkipReason)
        clock.append(DUE)
        second = tick(campaign, lake, instance, first.cursor)
        assert {event.asset_key.path[-1] for event in second.asset_events} == {*OF_CAMERA_HOURS, "journeys"}
        passed, sentence = said()
        assert not passed
        assert sentence.startswith("2 partitions are late, the oldest of ")
        write(lake, campaign, NINE)
        tick(campaign, lake, instance, second.cursor)
        assert said()[0]


def test_a_person_can_execute_the_check(lake: Lake):
    """Of a campaign that has long begun, by the clock of this machine."""
    campaign = live(start=datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - 5 * HOUR)
    lake.write_campaign(campaign)
    definitions = build_definitions(campaign)
    key = dg.AssetCheckKey(dg.AssetKey("tracks"), ON_TIME)
    job = dg.define_asset_job("one", dg.AssetSelection.checks(key))
    made = dg.Definitions(
        assets=definitions.assets,
        asset_checks=definitions.asset_checks,
        jobs=[job],
        resources={**definitions.resources, "lake": LakeResource(uri=lake.uri)},
    )
    with dg.DagsterInstance.ephemeral() as instance:
        done = made.resolve_job_def("one").execute_in_process(instance=instance)
    (evaluation,) = done.get_asset_check_evaluations()
    assert (evaluation.asset_check_key, evaluation.passed) == (key, False)
