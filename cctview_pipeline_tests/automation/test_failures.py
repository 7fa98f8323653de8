"""What a run that goes wrong takes with it, nothing, and what a person is told of it, while it goes on and when it has ended."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from cctview_pipeline.automation.jobs import range_tags
from cctview_pipeline.backfill import launch as backfill
from cctview_pipeline.backfill.causes import find_causes
from cctview_pipeline.backfill.followed import Followed, Outcome
from cctview_pipeline.backfill.launch import count, finished, log_end, unwritten, whole_plan
from cctview_pipeline.backfill.stages import CHAIN
from cctview_pipeline.backfill.watching import Watch
from cctview_pipeline.definitions import build_definitions
from cctview_pipeline.detect import Detector
from cctview_pipeline.detect.tables import detect_frames
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake
from cctview_pipeline.redaction.masking import Masker
from cctview_pipeline.zones import Zones
from cctview_pipeline_tests.factories.jobs import CAMERAS, FIRST, HOUR, LAST, archive_campaign

BACKFILL = {"dagster/backfill": "abc"}


def run(lake: Lake, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    """The camera hours of one hour, as a backfill runs them."""
    job = build_definitions(lake.require_campaign()).resolve_job_def("camera_hours")
    return job.execute_in_process(instance=instance, tags=range_tags(FIRST, LAST) | BACKFILL, raise_on_error=False)


def plan_of(lake: Lake) -> backfill.Plan:
    whole = whole_plan(lake.require_campaign(), CAMERAS, [HOUR])
    return {asset: partitions for asset, partitions in whole.items() if asset in CHAIN}


def test_whatever_a_partition_does_to_a_library_it_does_to_itself(archive: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch):
    """And what a run is at can be told while it goes on."""
    begun, told = datetime.now(UTC), []

    def stumbling(detector: Detector, frames: pa.Table, zones: Zones, **more: Any) -> pa.Table:
        told.append(watch.look())
        if frames["camera_id"][0].as_py() == CAMERAS[0]:
            raise IndexError("list index out of range")
        return detect_frames(detector, frames, zones, **more)

    monkeypatch.setattr("cctview_pipeline.detect.tables.detect_frames", stumbling)
    with dg.DagsterInstance.ephemeral() as instance:
        watch, mark = Watch(instance, "abc"), log_end(instance)
        result = run(lake, instance)
        left = unwritten(plan_of(lake), lake)
        causes = find_causes(instance, left, begun)
        made = finished(plan_of(lake), lake, instance, mark)
        done, working = watch.look()
    assert result.success
    assert {asset: {p.camera for p in partitions} for asset, partitions in left.items() if partitions} == {
        asset: {CAMERAS[0]} for asset in ("detections", "crops", "features", "tracks", "passages", "camera_flows", "matches")
    }
    assert made == count(plan_of(lake)) - 7
    assert [(cause.asset, cause.where) for cause in causes] == [("detections", f"{CAMERAS[0]} 2020-05-05T17")]
    assert causes[0].sentence == f"It failed unexpectedly (IndexError): the log of run {result.run_id} has all of it."
    assert [str(each) for _, (each,) in told] == [
        f"detections {name} 2020-05-05T17 ({n} of 3)" for n, name in enumerate(sorted(CAMERAS), 1)
    ]
    assert [behind for behind, _ in told] == [6, 7, 8]
    assert (done, working) == (27, [])


def test_what_fails_as_a_whole_is_told_in_our_words(archive: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch):
    def refuse(*given: object) -> Masker:
        raise CctviewError("The people finder is not there: fetch it.")

    monkeypatch.setattr(Masker, "of", refuse)
    begun = datetime.now(UTC)
    with dg.DagsterInstance.ephemeral() as instance:
        assert not run(lake, instance).success
        (cause,) = find_causes(instance, unwritten(plan_of(lake), lake), begun)
        assert finished(plan_of(lake), lake, instance, 0) == 0
    assert str(cause) == "raw_frames: The people finder is not there: fetch it."


def test_what_fails_everywhere_is_told_once_for_each_camera_and_hour(lake: Lake):
    begun = datetime.now(UTC)
    with dg.DagsterInstance.ephemeral() as instance:
        assert not run(lake, instance).success  # there is no archive
        causes = find_causes(instance, unwritten(plan_of(lake), lake), begun)
    assert [cause.where for cause in causes] == [f"{name} 2020-05-05T17" for name in sorted(CAMERAS)]
    assert {cause.sentence for cause in causes} == {f"The archive {lake.require_campaign().path} does not exist."}


@pytest.mark.parametrize(
    ("first", "stages"),
    [
        (Outcome(False, 5, None, partly=True), 3),
        (Outcome(False, 0, "Dagster could not carry it out (SomeError)"), 1),
        (Outcome(True, 5, None), 3),
    ],
    ids=["some runs failed", "nothing was made", "all went well"],
)
def test_one_failed_run_does_not_keep_the_others_from_what_rests_on_them(monkeypatch, first: Outcome, stages: int):
    outcomes = [first, Outcome(True, 7, None), Outcome(True, 9, None)]
    launched = []
    monkeypatch.setattr(backfill, "launch", lambda instance, graph, plan, title, *more: launched.append(title) or title)
    monkeypatch.setattr(Followed, "look", lambda self: outcomes[len(launched) - 1])
    monkeypatch.setattr(backfill, "LOOK_S", 0)
    campaign = replace(archive_campaign())
    plan = whole_plan(campaign, CAMERAS, campaign.hours())
    with dg.DagsterInstance.ephemeral() as instance:
        outcome = backfill.run(instance, None, campaign, plan, "made", lambda stage, done, working: None)
    assert len(launched) == stages
    assert outcome.succeeded is first.succeeded
