"""From a spool of live cameras to the lake, as the command and the sensor bring it there."""

import os
from pathlib import Path
from unittest import mock

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cctview_pipeline.automation.collecting import Window
from cctview_pipeline.backfill.select import Asked, choose
from cctview_pipeline.cameras.listed import LiveCamera
from cctview_pipeline.cameras.spooled import describe
from cctview_pipeline.campaign import Camera, Campaign
from cctview_pipeline.definitions import build_definitions
from cctview_pipeline.groups import groups_of
from cctview_pipeline.images.jpeg import strip_metadata
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.redaction.masking import mask_of
from cctview_pipeline.resources.lake import LakeResource
from cctview_pipeline.spool.folder import SpoolFolder
from cctview_pipeline.spool.records import Kind, Record
from cctview_pipeline_tests.factories.archive import draw_frame, traffic
from cctview_pipeline_tests.factories.command import Workplace
from cctview_pipeline_tests.factories.jobs import run
from cctview_pipeline_tests.factories.live_cameras import LiveCameras
from cctview_pipeline_tests.factories.spool import NINE, frame, note, spooled

KNOWN, STRANGE = "735-683-N", "a1b2"
"""A camera of the package's catalogue, and one of which only the place is known."""


@pytest.fixture(scope="module", params=["jobs", pytest.param("command", marks=pytest.mark.slow)])
def how(request: pytest.FixtureRequest) -> str:
    """What brings the hour into the lake: the jobs in this process, or the command with a daemon of its own."""
    return request.param


@pytest.fixture(scope="module")
def place(how: str, tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """Twelve frames of two cameras and the collector's notes; one camera is offline for half a minute."""
    place = Workplace(tmp_path_factory.mktemp("live"))
    cars = traffic(60)
    times = list(range(0, 60, 2))
    shots = [frame(KNOWN, s, jpeg=draw_frame(s, cars)) for s in times]
    shots += [frame(STRANGE, s, jpeg=draw_frame(s, cars, seed=1)) for s in times if s < 10 or s >= 40]
    notes = [note("", 0, follows={KNOWN: "live", STRANGE: "live"}), *(note("", s, runs=True) for s in range(0, 60, 5))]
    notes += [note(STRANGE, 14, state="offline", detail="timed out"), note(STRANGE, 40, state="live"), note("", 60, ends=True)]
    spooled(spool(place), *shots, *notes)
    nowhere = LiveCamera(id=STRANGE, network_id=STRANGE, name="Nowhere", latitude=40.7, longitude=-73.9, online=True)
    describe(SpoolFolder(spool(place)), [nowhere])
    return place


def spool(place: Workplace) -> Path:
    return place.folder / "spool"


def sensed(place: Workplace) -> list[str]:
    """The run keys of what the sensor asks for now."""
    lake = LakeResource(uri=str(place.lake))
    seal_hours = build_definitions(lake.open().require_campaign()).resolve_sensor_def("seal_hours")
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_sensor_context(instance=instance, resources={"lake": lake}) as context,
    ):
        return [request.run_key for request in seal_hours(context) if isinstance(request, dg.RunRequest)]


def rows(place: Workplace, table: str, camera: str) -> list[dict]:
    return pq.read_table(place.lake / table / f"camera={camera}", partitioning=None).to_pylist()


def assert_stored(place: Workplace, acknowledged: list[Record]) -> None:
    """Every frame is there, each as it came but for what was painted over."""
    found = stored(place)
    assert found.keys() == {(r.camera_id, r.captured_us) for r in acknowledged}
    for record in acknowledged:
        jpeg = found[record.camera_id, record.captured_us]
        assert (strip_metadata(jpeg) == record.payload) == (mask_of(jpeg)[1] == 0)


def bring_in(place: Workplace, how: str) -> None:
    if how == "command":
        done = place.run("backfill", "--network", "nyc-dot", "--path", spool(place))
        assert done.returncode == 0, done.stdout + done.stderr
        return
    lake = Lake(str(place.lake))
    lake.write_campaign(choose(lake, Asked(network="nyc-dot", path=str(spool(place)))).campaign)
    first, last = (Partition.camera_hour(camera, NINE) for camera in groups_of(lake.require_campaign())[0].cameras)
    with mock.patch.dict(os.environ, place.environment), dg.DagsterInstance.ephemeral() as instance:
        assert run(lake, "camera_hours", first, last, instance).success


def test_an_hour_goes_from_the_spool_to_the_lake_and_leaves_it(place: Workplace, how: str):
    acknowledged = [record for record in SpoolFolder(spool(place)).records() if record.kind == Kind.FRAME]
    bring_in(place, how)
    assert_stored(place, acknowledged)

    campaign = Campaign.from_toml((place.lake / "campaign.toml").read_text())
    assert (campaign.start, campaign.end) == (NINE, None)
    assert (campaign.camera(KNOWN).faces, campaign.camera(STRANGE).faces) == ("north", "")

    told = [(r["state"], seconds(r["began_at"]), seconds(r["ended_at"])) for r in rows(place, "camera_status", STRANGE)]
    assert told == [("live", 0, 14), ("offline", 14, 40), ("live", 40, 60), ("not_collected", 60, 3600)]
    missing = [(r["reason"], seconds(r["began_at"]), seconds(r["ended_at"])) for r in rows(place, "gaps", STRANGE)]
    assert missing == [("offline", 8, 40), ("not_collected", 58, 3600)]
    assert [r["reason"] for r in rows(place, "gaps", KNOWN)] == ["not_collected"]

    status = place.invoke("cameras", "status").stdout
    assert all(word in status for word in (KNOWN, STRANGE, "not_collected", "offline 32 s"))

    assert sensed(place) == []  # nothing is left to seal, and the segments are gone
    assert SpoolFolder(spool(place)).segments() == []

    again = place.invoke("backfill", "--network", "nyc-dot", "--path", spool(place), "--again")
    assert "has no frames of these cameras" in " ".join(again.stderr.split())
    assert_stored(place, acknowledged)


def test_the_sensor_seals_what_comes_later(place: Workplace):
    """After the test above, whose campaign goes on."""
    late: list[Record] = [frame(KNOWN, 3600 + s, picture=s) for s in range(3)]
    spooled(spool(place), *late)
    (key,) = sensed(place)
    assert key == "seal 2026-11-01T10 group-1 1"


def test_the_daily_job_collects_what_the_campaign_names(tmp_path: Path):
    """And a camera that today's list lacks takes no other with it."""
    place = Workplace(tmp_path)
    cameras = LiveCameras(count=3, period_s=0.4)
    with cameras.in_thread() as url:
        own = tuple(
            Camera(id=name, name=name, latitude=40.0 + i, longitude=-73.0, faces="", corridor=name, order=0)
            for i, name in enumerate(("cam-0", "cam-2", "gone"))
        )
        settings = {"collect": True, "contact": "test@example.org", "window": "09:30-10:00", "base_url": url}
        campaign = Campaign(
            name="live", network="nyc-dot", start=NINE, end=None, cameras=own, path=str(spool(place)), settings=settings
        )
        Lake(str(place.lake)).write_campaign(campaign)
        definitions = build_definitions(campaign)
        schedule = definitions.resolve_schedule_def("daily_collection")
        assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 9 * * *", "America/New_York")
        config = dg.RunConfig({"collect_window": Window(seconds=3)})
        with dg.DagsterInstance.ephemeral() as instance:
            done = definitions.resolve_job_def("collect_job").execute_in_process(
                config, instance, resources={"lake": LakeResource(uri=str(place.lake))}
            )
    assert done.success
    frames = [record for record in SpoolFolder(spool(place)).records() if record.kind == Kind.FRAME]
    assert {record.camera_id for record in frames} == {"cam-0", "cam-2"}
    assert len(frames) > 4


def stored(place: Workplace) -> dict[tuple[str, int], bytes]:
    found = pa.concat_tables(
        pq.read_table(place.lake / "raw_frames" / f"camera={c}", partitioning=None) for c in (KNOWN, STRANGE)
    )
    times = found["captured_at"].cast(pa.int64()).to_pylist()
    return dict(zip(zip(found["camera_id"].to_pylist(), times, strict=True), found["jpeg"].to_pylist(), strict=True))


def seconds(time) -> float:
    return (time - NINE).total_seconds()
