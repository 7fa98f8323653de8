"""A day of a lake: which camera-hours have drifted, and which to label first."""

from datetime import timedelta

import pytest

from cctview_pipeline.drift import CameraHourDrift, DriftReport, latest_day, survey
from cctview_pipeline.drift.survey import LIMITS, MIN_COUNTS, labelling_command, ranked, spread
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.drifting_hours import DAY, write_hour

HOUR = timedelta(hours=1)


def verdicts(found: DriftReport) -> dict[str, str]:
    return {finding.place: finding.verdict for finding in found.findings}


@pytest.mark.parametrize("table", ["detections", "features"])
def test_the_changed_camera_hour_comes_first_and_is_the_only_one_that_alarms(references, lake: Lake, table: str):
    for camera in ("cam-1", "cam-2", "cam-3"):
        for hour in (HOUR_17, HOUR_17 + HOUR):
            write_hour(lake, camera, hour, night=(camera, hour) == ("cam-2", HOUR_17 + HOUR))
    found = survey(lake, table, DAY)
    assert [finding.place for finding in found.drifted] == ["cam-2 at 2020-05-05T18"] == [found.findings[0].place]
    assert max(finding.distance for finding in found.findings[1:]) < min(LIMITS[table], found.findings[0].distance)
    assert "1 of 6 camera-hours of 2020-05-05 have drifted from the training. Label these next: cam-2" in found.sentence
    assert "--from-lake --cameras cam-2 --from 2020-05-05T18 --to 2020-05-05T19" in found.sentence


def test_too_few_vehicles_tell_nothing(references, lake: Lake):
    write_hour(lake, "cam-1", count=MIN_COUNTS["detections"] - 1, night=True)
    write_hour(lake, "cam-2", count=0)
    write_hour(lake, "cam-3")
    found = survey(lake, "detections", DAY)
    assert verdicts(found) == {
        "cam-3 at 2020-05-05T17": "like training",
        "cam-1 at 2020-05-05T17": "too few to tell",
        "cam-2 at 2020-05-05T17": "too few to tell",
    }
    assert found.sentence == "None of 1 camera-hours of 2020-05-05 has drifted. 2 too few to tell."


def test_a_model_without_a_reference_is_named_and_does_not_alarm(references, lake: Lake):
    write_hour(lake, "cam-1", night=True, model="made-detector@ffffffffffff")
    write_hour(lake, "cam-2", night=True)
    found = survey(lake, "detections", DAY)
    assert verdicts(found) == {"cam-2 at 2020-05-05T17": "drift", "cam-1 at 2020-05-05T17": "no reference"}
    assert "belongs to other weights than made-detector@ffffffffffff" in found.sentence


def test_a_day_is_the_newest_of_the_lake_and_another_days_hours_are_not_read(references, lake: Lake):
    assert latest_day(lake) is None
    write_hour(lake, "cam-1", HOUR_17, night=True)
    write_hour(lake, "cam-1", HOUR_17 + 24 * HOUR)
    assert latest_day(lake) == DAY + timedelta(days=1)
    assert [finding.verdict for finding in survey(lake, "detections", latest_day(lake)).findings] == ["like training"]
    assert survey(lake, "detections", DAY + timedelta(days=9)).sentence == "There are no detections of 2020-05-14."


def test_every_cameras_worst_hour_comes_before_any_cameras_second():
    def drifted(camera: str, hour: int, distance: float) -> CameraHourDrift:
        return CameraHourDrift(
            camera=camera, hour=HOUR_17 + hour * HOUR, model="m", count=500, verdict="drift", distance=distance
        )

    given = [drifted("a", 0, 0.5), drifted("a", 1, 0.6), drifted("b", 0, 0.3), drifted("b", 1, 0.2)]
    few = CameraHourDrift(camera="c", hour=HOUR_17, model="m", count=3, verdict="too few to tell")
    assert [(f.camera, f.distance) for f in ranked([few, *given])] == [
        ("a", 0.6),
        ("b", 0.3),
        ("a", 0.5),
        ("b", 0.2),
        ("c", None),
    ]


def test_the_command_covers_all_its_camera_hours():
    hours = [
        CameraHourDrift(camera="a", hour=HOUR_17 + 2 * HOUR, model="m", count=9, verdict="drift", distance=0.5),
        CameraHourDrift(camera="b", hour=HOUR_17, model="m", count=9, verdict="drift", distance=0.4),
    ]
    span = "--from-lake --cameras a,b --from 2020-05-05T17 --to 2020-05-05T20 --purpose PURPOSE"
    assert labelling_command("detections", hours) == f"cctview train detector --teacher NAME {span}"
    assert labelling_command("features", hours) == f"cctview train extractor {span}"


def test_of_many_camera_hours_every_camera_is_looked_at_at_hours_over_the_day():
    day = [Partition.camera_hour(f"cam-{i:03d}", HOUR_17.replace(hour=0) + h * HOUR) for i in range(50) for h in range(24)]
    chosen = spread(day, 240)
    assert len(set(chosen)) == 240
    per_camera = [sum(place.camera == f"cam-{i:03d}" for place in chosen) for i in range(50)]
    assert min(per_camera) >= 4
    assert max(per_camera) <= 5
    assert len({place.hour for place in chosen}) == 24
    assert spread(day, 2000) == day
