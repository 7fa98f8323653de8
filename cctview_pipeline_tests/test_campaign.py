"""A campaign's file, its refusals, its hours and its neighbours."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.campaign import FACINGS, HOUR, MOST_PARTITIONS, Camera, Campaign, floor_hour
from cctview_pipeline.errors import CctviewError
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import NORTH, SOUTH, campaign, utc

LEFT = ((0.0, 0.0), (9.0, 0.0), (0.0, 9.0))
MASKED = replace(
    NORTH,
    masks=(((0.0, 0.0), (100.0, 0.0), (0.0, 80.5)), ((1, 2), (3, 4), (5, 6), (7, 8))),
    privacy_zones=(LEFT,),
    zones_size=(352, 240),
)

cameras = st.builds(
    Camera,
    id=st.from_regex(r"[a-z0-9]+(-[a-z0-9]+)?", fullmatch=True),
    name=st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20),
    latitude=st.floats(-90, 90),
    longitude=st.floats(-180, 180),
    faces=st.sampled_from((*FACINGS, "")),
    corridor=st.text("abcß \"'\\", max_size=6),
    order=st.integers(-5, 50),
    network=st.text("abc", max_size=3),
    network_id=st.text("abc-1", max_size=8),
    masks=st.lists(st.lists(st.tuples(st.floats(0, 352), st.floats(0, 240)), min_size=3, max_size=5).map(tuple), max_size=2).map(
        tuple
    ),
)


@given(cameras, st.none() | st.integers(1, 100), st.none() | st.text("/ab ö'\"", min_size=1))
def test_toml_round_trip(camera, hours, path):
    end = hours and HOUR_17 + hours * HOUR
    written = campaign(cameras=(camera,), start=HOUR_17 if end else floor_hour(datetime.now(UTC)) - HOUR, end=end, path=path)
    assert Campaign.from_toml(written.to_toml()) == written


def test_masks_and_an_open_end_survive_the_file():
    written = campaign(cameras=(MASKED, SOUTH), start=floor_hour(datetime.now(UTC)) - 3 * HOUR, end=None)
    read = Campaign.from_toml(written.to_toml())
    assert read.camera(NORTH.id).masks == MASKED.masks
    assert read.camera(NORTH.id).privacy_zones == MASKED.privacy_zones
    assert read.camera(NORTH.id).zones_size == (352, 240)
    assert read.end is None
    assert len(read.hours()) in (3, 4)


def test_file_may_give_times_with_another_offset():
    text = campaign().to_toml().replace("2020-05-05T17:00:00Z", "2020-05-05T13:00:00-04:00")
    assert "-04:00" in text
    assert Campaign.from_toml(text).start == HOUR_17


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"id": "a b"}, "Camera 'a b': an id has letters, digits and single hyphens or underscores only."),
        ({"latitude": 91}, "Camera 'cam-1': 91, -73.96 is no latitude and longitude in degrees."),
        ({"longitude": float("nan")}, "Camera 'cam-1': 40.75, nan is no latitude and longitude in degrees."),
        (
            {"faces": "up"},
            "Camera 'cam-1': faces must be one of north, east, south, west, or empty where nobody knows, not 'up'.",
        ),
        (
            {"masks": (((0, 0), (360, 1), (2, 2)),), "zones_size": (352, 240)},
            "Camera 'cam-1': a zone has the corner [360, 1], outside its zones_size of 352x240: correct one of the two.",
        ),
        (
            {"zones_size": (352, 2.5)},
            "Camera 'cam-1': zones_size is the width and height of a frame in whole pixels, such as [352, 240], not [352, 2.5].",
        ),
        ({"masks": (((0, 0), (1, 1)),)}, "Camera 'cam-1': every mask is a list of at least three [x, y] points."),
        ({"privacy_zones": (((0, 0), (1, 1)),)}, "Camera 'cam-1': every privacy zone is a list of at least three [x, y] points."),
        ({"masks": (((0, 0), (1, 1), (2, 2, 2)),)}, "Camera 'cam-1': every mask is a list of at least three [x, y] points."),
    ],
)
def test_camera_refusals(change, sentence):
    with pytest.raises(CctviewError) as refusal:
        replace(NORTH, **change)
    assert str(refusal.value) == sentence


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"cameras": (NORTH, NORTH)}, "campaign.toml names a camera twice"),
        ({"cameras": (NORTH, replace(SOUTH, order=1))}, "two cameras at the same order of one corridor"),
        ({"start": HOUR_17 + timedelta(minutes=1)}, "start must be a full hour with its offset"),
        ({"start": HOUR_17.replace(tzinfo=None)}, "start must be a full hour with its offset"),
        ({"end": utc("2020-05-05T19:00:01")}, "end must be a full hour with its offset"),
        ({"end": HOUR_17}, "ends (2020-05-05T17Z) before it begins (2020-05-05T17Z)"),
    ],
)
def test_campaign_refusals(change, sentence):
    with pytest.raises(CctviewError) as refusal:
        campaign(**change)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("[campaign]", "[campaign", "here.toml is no TOML: "),
        ("start = 2020-05-05T17:00:00Z", "", "here.toml lacks 'start' under [campaign]."),
        ("[campaign]", "[other]", "here.toml lacks 'campaign' under [campaign]."),
        ("start = 2020-05-05T17:00:00Z", 'start = "noon"', "here.toml has a value of the wrong kind: "),
        ("latitude = 40.75", 'latitude = "north"', "Camera 'cam-1' in [[cameras]] has a value of the wrong kind: "),
        ("order = 1", 'order = "first"', "Camera 'cam-1' in [[cameras]] has a value of the wrong kind: "),
        ("latitude = 40.75", "", "Camera 'cam-1' in [[cameras]] is incomplete: "),
        ("latitude = 40.75", "latitude = 40.75\nheight = 3", "Camera 'cam-1' has the unknown key 'height': known are "),
        ("latitude = 40.75", "latitude = 40.75\nmasks = [[1, 2]]", "here.toml has a value of the wrong kind: "),
    ],
)
def test_file_refusals(old, new, sentence):
    text = campaign().to_toml()
    assert old in text
    with pytest.raises(CctviewError) as refusal:
        Campaign.from_toml(text.replace(old, new, 1), "here.toml")
    assert str(refusal.value).startswith(sentence)


def test_neighbours_are_the_cameras_before_and_after_along_the_corridor():
    road = [replace(NORTH, id=f"c-{order}", order=order) for order in (30, 10, 20)]
    whole = campaign(cameras=(*road, replace(NORTH, id="elsewhere", corridor="other", order=21)))
    names = {camera.id: [neighbour.id for neighbour in whole.neighbours(camera.id)] for camera in whole.cameras}
    assert names == {"c-10": ["c-20"], "c-20": ["c-10", "c-30"], "c-30": ["c-20"], "elsewhere": []}


def test_unknown_camera_is_told_with_the_mend():
    with pytest.raises(CctviewError, match=r"Camera 'x' is not in this campaign: add it under \[\[cameras\]\]"):
        campaign().camera("x")


def test_at_most_100_000_partitions():
    start = utc("2000-01-01T00:00:00")
    most = campaign(start=start, end=start + MOST_PARTITIONS // 2 * HOUR)
    assert len(most.cameras) * len(most.hours()) == 100_000
    with pytest.raises(CctviewError, match="2 cameras x 50001 hours are 100002 partitions, more than 100000: shorten"):
        campaign(start=start, end=most.end + HOUR)


def test_hours_are_those_of_the_window():
    assert campaign().hours() == [HOUR_17, HOUR_17 + HOUR]
    assert campaign(start=floor_hour(datetime.now(UTC)) + 5 * HOUR, end=None).hours() == []


def test_hours_inside_the_window_pass():
    campaign().check_inside(HOUR_17, HOUR_17 + 2 * HOUR)
    campaign(start=floor_hour(datetime.now(UTC)) - HOUR, end=None).check_inside(
        utc("2100-01-01T00:00:00"), utc("2100-01-01T01:00:00")
    )


@pytest.mark.parametrize("end", [HOUR_17 + 2 * HOUR, None])
def test_hours_before_the_window_are_refused_with_the_mend(end):
    start = HOUR_17 if end else floor_hour(datetime.now(UTC)) - HOUR
    with pytest.raises(
        CctviewError, match=r"is outside this campaign's window .*: move start or end in the lake's campaign.toml"
    ):
        campaign(start=start, end=end).check_inside(start - HOUR, start + HOUR)


def test_hours_after_the_window_are_refused():
    with pytest.raises(CctviewError, match=r"\(2020-05-05T17:00Z to 2020-05-05T19:00Z\)"):
        campaign().check_inside(HOUR_17 + HOUR, HOUR_17 + 3 * HOUR)


def test_distance_along_the_great_circle():
    assert Camera("a", "", 0, 0, "north", "", 1).distance_m(Camera("b", "", 1, 0, "north", "", 2)) == pytest.approx(
        111_195, abs=1
    )
    assert NORTH.distance_m(SOUTH) == pytest.approx(SOUTH.distance_m(NORTH))
    assert NORTH.distance_m(NORTH) == 0


def test_archive_that_moved_keeps_the_rest():
    moved = campaign().with_path("/elsewhere")
    assert moved.path == "/elsewhere"
    assert moved.with_path("/made") == campaign()


def test_full_hours_only_with_any_offset_of_whole_hours():
    newfoundland = timezone(timedelta(hours=-2, minutes=-30))
    with pytest.raises(CctviewError, match="full hour"):
        campaign(start=HOUR_17.astimezone(newfoundland))
