"""Cameras come and go while runs are queued: what was queued is made, and nobody else is moved."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from cctview_pipeline.automation.jobs import group_tags
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.definitions import defs
from cctview_pipeline.groups import groups_of
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline_tests.factories.jobs import CAMERAS, HOUR, archive_campaign, verdicts

FIRST, MIDDLE, LAST = CAMERAS


def with_cameras(lake: Lake, *wanted: str) -> Campaign:
    """Somebody edits campaign.toml."""
    everybody = {camera.id: camera for camera in archive_campaign().cameras}
    changed = replace(lake.require_campaign(), cameras=tuple(everybody[name] for name in wanted))
    lake.write_campaign(changed)
    return changed


def keys() -> list[str]:
    """The cameras of the partitions, as a process finds them that begins now."""
    partitions = defs().get_repository_def().asset_graph.get(dg.AssetKey("raw_frames")).partitions_def
    return [key.partition("|")[0] for key in partitions.get_partition_keys() if key.endswith("|2020-05-05T17")]


def queued(campaign: Campaign) -> dict[str, str]:
    """The tags of a run over the hour of the campaign's one group."""
    (group,) = groups_of(campaign)
    return group_tags(group, HOUR, HOUR)


def run(tags: dict[str, str], instance: dg.DagsterInstance) -> bool:
    """The run begins, in a process that reads the campaign now."""
    return defs().resolve_job_def("frames").execute_in_process(instance=instance, tags=tags, raise_on_error=False).success


def made(lake: Lake) -> list[str]:
    return [name for name in CAMERAS if lake.has("raw_frames", Partition.camera_hour(name, HOUR))]


@pytest.mark.parametrize("stay", [(MIDDLE, LAST), (FIRST, MIDDLE), (FIRST, LAST), (MIDDLE,)], ids=" ".join)
def test_a_run_that_was_queued_before_cameras_left_does_the_rest_of_its_group(archive: Path, lake: Lake, stay: tuple[str, ...]):
    assert keys() == list(CAMERAS)  # a code server has started
    tags = queued(lake.require_campaign())
    with_cameras(lake, *stay)
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(tags, instance)
        told = verdicts(instance, "raw_frames")
    assert made(lake) == list(stay)
    assert {key.partition("|")[0]: verdict for key, verdict in told.items()} == {
        name: "written" if name in stay else "left as it is: its camera is no longer in campaign.toml" for name in CAMERAS
    }


@pytest.mark.parametrize("newcomer", CAMERAS)
def test_a_camera_that_came_meanwhile_takes_nobody_s_place(archive: Path, lake: Lake, newcomer: str):
    """Where its name lies between those of the range it is made with them; else it waits for its own."""
    before = tuple(name for name in CAMERAS if name != newcomer)
    tags = queued(with_cameras(lake, *before))
    assert keys() == list(before)
    with_cameras(lake, newcomer, *reversed(before))
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(tags, instance)
    assert set(made(lake)) == (set(CAMERAS) if newcomer == MIDDLE else set(before))
    assert keys() == list(CAMERAS)


def test_who_has_left_stays_a_partition_for_a_while(lake: Lake, monkeypatch: pytest.MonkeyPatch):
    """Backfills too go on: Dagster ends one of whose partitions some are gone."""
    assert keys() == list(CAMERAS)
    with_cameras(lake, MIDDLE)
    assert keys() == list(CAMERAS)

    class Later(datetime):
        @classmethod
        def now(cls, tz=None) -> datetime:
            return datetime.now(UTC) + timedelta(days=31)

    monkeypatch.setattr("cctview_pipeline.definitions.datetime", Later)
    assert keys() == [MIDDLE]
