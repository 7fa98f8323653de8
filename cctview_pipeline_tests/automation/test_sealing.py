"""When the sensor tries to seal an hour, and when it waits."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from cctview_pipeline.automation.sensors import RETRY_S, SEALS, seal_key
from cctview_pipeline.lake.layout import format_hour

NINE = datetime(2026, 11, 1, 9, tzinfo=UTC)


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def tried(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, hour: datetime = NINE) -> None:
    instance.add_run(dg.DagsterRun("camera_hours", tags={SEALS: format_hour(hour)}, status=status))


def after(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def test_an_hour_that_was_never_tried(instance: dg.DagsterInstance):
    tried(instance, dg.DagsterRunStatus.SUCCESS, NINE + timedelta(hours=1))
    assert seal_key(instance, NINE, after(0)) == "seal 2026-11-01T09 1"


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING])
def test_it_waits_for_a_run_that_goes_on(instance: dg.DagsterInstance, status: dg.DagsterRunStatus):
    tried(instance, status)
    assert seal_key(instance, NINE, after(86400)) is None


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS])
def test_it_tries_again_later_and_later(instance: dg.DagsterInstance, status: dg.DagsterRunStatus):
    """Also after a run that ended well: the hour's segments are still there."""
    for attempt in (1, 2, 3):
        tried(instance, status)
        wait = RETRY_S * 2 ** (attempt - 1)
        assert seal_key(instance, NINE, after(wait - 10)) is None
        assert seal_key(instance, NINE, after(wait + 10)) == f"seal 2026-11-01T09 {attempt + 1}"
