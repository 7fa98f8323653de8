"""When the sensor tries to seal an hour of a camera group, and when it waits."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from cctview_pipeline.automation.jobs import GROUP
from cctview_pipeline.automation.sensors import RETRY_S, SEALS, seal_key, sealed
from cctview_pipeline.groups import CameraGroup
from cctview_pipeline.lake.layout import format_hour

NINE = datetime(2026, 11, 1, 9, tzinfo=UTC)


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


EAST = CameraGroup("east", ("cam-1", "cam-2"))


def tried(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, hour: datetime = NINE, group: str = "east") -> None:
    instance.add_run(dg.DagsterRun("frames", tags={SEALS: format_hour(hour), GROUP: group}, status=status))


def key(instance: dg.DagsterInstance, now: datetime, in_spool: bool = True) -> str | None:
    return seal_key(instance, sealed(NINE), EAST, now, in_spool)


def after(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def test_an_hour_that_was_never_tried(instance: dg.DagsterInstance):
    tried(instance, dg.DagsterRunStatus.SUCCESS, NINE + timedelta(hours=1))
    tried(instance, dg.DagsterRunStatus.STARTED, group="west")
    assert key(instance, after(0)) == key(instance, after(0), in_spool=False) == "seal 2026-11-01T09 east 1"


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING])
def test_it_waits_for_a_run_that_goes_on(instance: dg.DagsterInstance, status: dg.DagsterRunStatus):
    tried(instance, status)
    assert key(instance, after(86400)) is None


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS])
def test_it_tries_again_later_and_later(instance: dg.DagsterInstance, status: dg.DagsterRunStatus):
    """Also after a run that ended well: the hour's segments are still there."""
    for attempt in (1, 2, 3):
        tried(instance, status)
        wait = RETRY_S * 2 ** (attempt - 1)
        assert key(instance, after(wait - 10)) is None
        assert key(instance, after(wait + 10)) == f"seal 2026-11-01T09 east {attempt + 1}"


@pytest.mark.parametrize(("status", "again"), [(dg.DagsterRunStatus.SUCCESS, False), (dg.DagsterRunStatus.FAILURE, True)])
def test_a_group_of_which_nothing_is_in_the_spool_is_made_once(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus, again: bool
):
    """An outage is data: the hour of all groups would wait for it."""
    tried(instance, status)
    assert (key(instance, after(86400), in_spool=False) is not None) == again
