"""How a plan is handed to Dagster: stage after stage, each when the one before has succeeded."""

from dataclasses import replace

import dagster as dg
import pytest

from cctview_pipeline.backfill import launch as backfill
from cctview_pipeline.backfill.followed import Followed, Outcome
from cctview_pipeline.backfill.launch import whole_plan
from cctview_pipeline.backfill.stages import FIGURES
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.definitions import build_definitions
from cctview_pipeline.lake import Partition
from cctview_pipeline_tests.factories.jobs import HOUR, START, archive_campaign

FRAMES = {"raw_frames", "coverage", "detections", "crops", "features"}
TRACKS = {"tracks", "passages", "camera_flows", "matches"}


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """The assets of every backfill that is launched. None is carried out; each ends at once, well where it is titled "made"."""
    stages: list[set[str]] = []

    class Ended(Followed):
        def look(self) -> Outcome:
            launched = self._instance.get_backfill(self._id)
            subset = launched.asset_backfill_data.target_subset
            stages.append({key.path[-1] for key in subset.asset_keys})
            succeeded = launched.title.startswith("made")
            return Outcome(succeeded, succeeded * subset.num_partitions_and_non_partitioned_assets, None)

    monkeypatch.setattr(backfill, "Followed", Ended)
    monkeypatch.setattr(backfill, "LOOK_S", 0)
    return stages


def run(campaign: Campaign, title: str = "made") -> Outcome:
    plan = whole_plan(campaign, [camera.id for camera in campaign.cameras], campaign.hours())
    graph = build_definitions(campaign).get_repository_def().asset_graph
    with dg.DagsterInstance.ephemeral() as instance:
        return backfill.run(instance, graph, campaign, plan, title, lambda stage, done, working: None)


def test_tracks_wait_for_all_features_and_journeys_for_all_matches(launched: list[set[str]]):
    outcome = run(archive_campaign())
    assert launched == [FRAMES, TRACKS, {"journeys", *FIGURES}]
    assert (outcome.succeeded, outcome.finished) == (True, 12 * 9 + 4 + len(FIGURES))


def test_what_fits_one_run_waits_once(launched: list[set[str]]):
    archive = archive_campaign()
    small = replace(archive, cameras=archive.cameras[:1], start=HOUR, end=HOUR.replace(hour=18))
    assert run(small).finished == 10 + len(FIGURES)
    assert launched == [FRAMES | TRACKS, {"journeys", *FIGURES}]


def test_after_a_failure_nothing_more_is_launched(launched: list[set[str]]):
    assert not run(archive_campaign(), "fails").succeeded
    assert launched == [FRAMES]


def test_a_plan_is_everything_that_the_cameras_and_hours_lead_to():
    plan = whole_plan(archive_campaign(), ["733-681-N"], [HOUR])
    assert plan["matches"] == {Partition.camera_hour("733-681-N", HOUR)}
    assert plan["journeys"] == {Partition.of_hour(HOUR)}
    assert plan["travel_times"] == {Partition.of_day(START.date())}
