"""A campaign's file, its refusals, its hours and its neighbours."""

import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.campaign import FACINGS, GRACE, HOUR, MAX_PARTITIONS, ZONES, Camera, Campaign, floor_hour, parse_time
from cctview_pipeline.errors import CctviewError, is_shown
from cctview_pipeline.lake import Lake
from cctview_pipeline.polygons import crosses_itself
from cctview_pipeline.resources.understood import understood
from cctview_pipeline.roads import RoadNetwork
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import NORTH, SOUTH, campaign, utc

LEFT = ((0.0, 0.0), (9.0, 0.0), (0.0, 9.0))
MASKED = replace(
    NORTH,
    masks=(((0.0, 0.0), (100.0, 0.0), (0.0, 80.5)), ((1, 2), (3, 4), (5, 6), (7, 80))),
    privacy_zones=(LEFT,),
    zones_size=(352, 240),
)

cameras = st.builds(
    Camera,
    id=st.from_regex(r"[a-z0-9]+(-[a-z0-9]+)?", fullmatch=True),
    name=st.text(st.characters(codec="utf-8"), max_size=20).filter(is_shown),
    latitude=st.floats(-90, 90),
    longitude=st.floats(-180, 180),
    faces=st.sampled_from((*FACINGS, "")),
    corridor=st.text("abcß \"'\\", max_size=6),
    order=st.integers(-5, 50),
    network=st.text("abc", max_size=3),
    network_id=st.text("abc-1", max_size=8),
    masks=st.lists(
        st.lists(st.tuples(st.floats(0, 352), st.floats(0, 240)), max_size=3)
        .map(lambda more: (*LEFT, *more))
        .filter(lambda polygon: not crosses_itself(polygon)),
        max_size=2,
    ).map(tuple),
)


@given(cameras, st.none() | st.integers(1, 100), st.none() | st.text("/ab ö'\"", min_size=1))
def test_toml_round_trip(camera, hours, path):
    end = hours and HOUR_17 + hours * HOUR
    written = campaign(cameras=(camera,), start=HOUR_17 if end else floor_hour(datetime.now(UTC)) - HOUR, end=end, path=path)
    assert Campaign.from_toml(written.to_toml()) == written


def test_masks_and_an_open_end_survive_the_file():
    start = floor_hour(datetime.now(UTC)) - 3 * HOUR
    written = campaign(cameras=(MASKED, SOUTH), start=start, end=None)
    read = Campaign.from_toml(written.to_toml())
    assert read.camera(NORTH.id).masks == MASKED.masks
    assert read.camera(NORTH.id).privacy_zones == MASKED.privacy_zones
    assert read.camera(NORTH.id).zones_size == (352, 240)
    assert read.end is None
    assert read.hours(now=start + 3 * HOUR) == [start, start + HOUR], "the hour just ended waits for its last frames"
    assert len(read.hours(now=start + 3 * HOUR + GRACE)) == 3


def test_file_may_give_times_with_another_offset():
    text = campaign().to_toml().replace("2020-05-05T17:00:00Z", "2020-05-05T13:00:00-04:00")
    assert "-04:00" in text
    assert Campaign.from_toml(text).start == HOUR_17


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"id": "a b"}, "Camera 'a b': an id has letters, digits and single hyphens, underscores or dots only."),
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
        (
            {"privacy_zones": (((352, 0), (352, 240), (352, 100)),)},
            "Camera 'cam-1': the privacy zone [[352, 0], [352, 240], [352, 100]] is a line or a point, and covers nothing: "
            "correct it.",
        ),
        (
            {"masks": (((5, 5), (5, 5), (5, 5)),)},
            "Camera 'cam-1': the mask [[5, 5], [5, 5], [5, 5]] is a line or a point, and covers nothing: correct it.",
        ),
        (
            {"masks": (tuple((i, i * i) for i in range(1200)),), "privacy_zones": (tuple((i, i * i) for i in range(1200)),)},
            "Camera 'cam-1': its zones have 2,400 corners, and 2,000 are allowed.",
        ),
        (
            {"privacy_zones": (((0, 0), (100, 80), (100, 0), (0, 80)),)},
            "Camera 'cam-1': the edges of the privacy zone [[0, 0], [100, 80], [100, 0], [0, 80]] cross one another, and part of "
            "what was meant would show: write its corners in the order in which one walks around it.",
        ),
        (
            {"masks": (((100, 10), (155, 180), (10, 75), (190, 75), (45, 180)),)},  # a star in one stroke
            "Camera 'cam-1': the edges of the mask [[100, 10], [155, 180], [10, 75], [190, 75], [45, 180]] cross one another, "
            "and part of what was meant would show: write its corners in the order in which one walks around it.",
        ),
        ({"name": "x\0y"}, "Camera 'cam-1': its name is no text that can be shown in one line."),
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
        ({"cameras": (NORTH, NORTH)}, "campaign.toml names a camera twice, 'cam-1'"),
        ({"cameras": (NORTH, replace(SOUTH, order=1))}, "two cameras at the same order of one corridor ('road', 1)"),
        ({"start": HOUR_17 + timedelta(minutes=1)}, "start must be a full hour with its offset"),
        ({"start": HOUR_17.replace(tzinfo=None)}, "start must be a full hour with its offset"),
        ({"end": utc("2020-05-05T19:00:01")}, "end must be a full hour with its offset"),
        ({"name": "a\x1b[2J"}, "the campaign's name, 'a\\x1b[2J', cannot be shown in one line: rename it."),
        ({"path": "/a\nb"}, "the campaign's path, '/a\\nb', cannot be shown in one line: rename it."),
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
        ("[campaign]", "[campaign", "here.toml is no TOML: line 3 is `[campaign`: mend what is written there."),
        ("start = 2020-05-05T17:00:00Z", "", "here.toml: start is missing under [campaign]: add start = 2020-05-05T17:00:00Z."),
        ("[campaign]", "[other]", "here.toml has 'other' beside [campaign] and [[cameras]], where nobody reads it: take it out."),
        ("name = ", "stop = 3\nname = ", "here.toml: the unknown key 'stop' stands under [campaign]: known are name, network, "),
        (
            "name = ",
            "strat = 3\nname = ",
            "here.toml: the unknown key 'strat' stands under [campaign]: it may mean start; known ",
        ),
        ('name = "made"', "name = 1", "here.toml: name = 1 under [campaign] is no text: write name = "),
        ('network = "archive"', "network = true", "here.toml: network = true under [campaign] is no text: write "),
        ('path = "/made"', "path = 1", "here.toml: path = 1 under [campaign] is no text: write "),
        ('path = "/made"', "privacy = []", "here.toml: privacy = [] under [campaign] is no table: write [campaign.privacy] on "),
        ("latitude = 40.75", 'latitude = "40.75"', 'here.toml: latitude = "40.75" under [[cameras]], id = "cam-1" is no number'),
        (
            "latitude = 40.75",
            "latitude = nan",
            'here.toml: latitude = nan under [[cameras]], id = "cam-1" is out of range (from -90',
        ),
        ("longitude = -73.96", "longitude = true", 'here.toml: longitude = true under [[cameras]], id = "cam-1" is no number: '),
        (
            "order = 1",
            "order = 1.0",
            'here.toml: order = 1.0 under [[cameras]], id = "cam-1" is no whole number: write order = 1.',
        ),
        (
            "order = 1",
            "order = 99999999999999999999999999",
            'here.toml: order = 99999999999999999999999999 under [[cameras]], id = "cam-1" is out of range (from ',
        ),
        (
            "order = 1",
            "order = 2000000",
            'here.toml: order = 2000000 under [[cameras]], id = "cam-1" is out of range (from -1000000 to 1000000)',
        ),
        (
            'faces = "north"',
            'faces = "a\\u0000b"',
            'here.toml: faces = "a\\u0000b" under [[cameras]], id = "cam-1" has characters that cannot be shown in one line: ',
        ),
        (
            "order = 1",
            "order = 1\nzones_size = [352.0, 240]",
            'here.toml: zones_size = [352.0, 240] under [[cameras]], id = "cam-1" is no width and height in whole pixels: write ',
        ),
        ('id = "cam-1"', 'id = "a b"', "here.toml: Camera 'a b': an id has letters, "),
        ("latitude = 40.75", "", 'here.toml: latitude is missing under [[cameras]], id = "cam-1": add latitude = 40.7525.'),
        (
            "latitude = 40.75",
            "latitude = 40.75\nheight = 3",
            "here.toml: the unknown key 'height' stands under [[cameras]], id = ",
        ),
        (
            "order = 1",
            "order = 1\nprivacy_zone = []",
            "here.toml: the unknown key 'privacy_zone' stands under [[cameras]], id = ",
        ),
    ],
)
def test_file_refusals(old, new, sentence):
    text = campaign().to_toml()
    assert old in text
    with pytest.raises(CctviewError) as refusal:
        Campaign.from_toml(text.replace(old, new, 1), "here.toml")
    assert str(refusal.value).startswith(sentence)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    "value",
    [
        *(
            '"all"',
            "[1]",
            "[[1, 2]]",
            '[["ab", "cd", "ef"]]',
            "[[[1, 2], [3, 4], [5]]]",
            '[[["1", "2"], ["1", "3"], ["2", "3"]]]',
        ),
        *("[[[nan, 1], [1, 2], [2, 3]]]", "[[[1, inf], [1, 2], [2, 3]]]", "[[[true, 1], [1, 2], [2, 3]]]", "[{x = 1}]"),
        *("[[[1e300, 1], [1, 2], [2, 3]]]", "[[[-40000, 1], [1, 2], [2, 3]]]", "[[0, 0], [5, 5], [0, 9]]"),
    ],
)
def test_a_zone_that_is_not_understood_is_refused_and_never_empty(zone: str, value: str):
    with pytest.raises(
        CctviewError, match=rf"^here.toml: {zone} = .* is no list of polygons of \[x, y\] points in pixels: write"
    ):
        Campaign.from_toml(campaign().to_toml().replace("order = 1", f"order = 1\n{zone} = {value}", 1), "here.toml")


@pytest.mark.parametrize("key", ["start", "end"])
@pytest.mark.parametrize(
    ("value", "mend"),
    [
        ("2020-05-05T18:00:00", "write {} = 2020-05-05T18:00:00Z, or another offset"),
        ("2020-05-05", "write {} = 2020-05-05T00:00:00Z"),
        ("18:00:00", "is an hour without a day: write {} = 2020-05-05T1"),
        ('"2020-05-05T18:00:00Z"', "is a text and no time: write {} = 2020-05-05T1"),
        ('""', "is a text and no time"),
        *((value, "is no time: write {} = 2020-05-05T1") for value in ("true", "0", "1588700000", "nan", "[]", "{}")),
        ("0001-01-01T00:00:00+05:00", "is not between 1970 and 2200"),
        ("9999-12-31T23:00:00-05:00", "is not between 1970 and 2200"),
    ],
)
def test_only_a_time_with_its_offset_is_one(key: str, value: str, mend: str, monkeypatch: pytest.MonkeyPatch):
    """Wherever this machine stands."""
    said = re.sub(rf"^{key} = .*$", f"{key} = {value}", campaign().to_toml(), flags=re.MULTILINE)
    for zone in ("UTC", "America/New_York"):
        monkeypatch.setenv("TZ", zone)
        with pytest.raises(CctviewError) as refusal:
            Campaign.from_toml(said, "here.toml")
        assert str(refusal.value).startswith(f"here.toml: {key} = ")
        assert mend.format(key) in str(refusal.value)


@pytest.mark.parametrize("cameras", ["", "cameras = 1\n", "cameras = []\n", 'cameras = ["cam-1"]\n', "cameras = {}\n"])
def test_a_campaign_without_cameras_is_refused(cameras: str):
    with pytest.raises(CctviewError, match=r"^here.toml lists no cameras: describe each under a \[\[cameras\]\]"):
        Campaign.from_toml(cameras + campaign().to_toml().split("[[cameras]]")[0], "here.toml")


@pytest.mark.parametrize("section", ["[campaign.privcy]", "[campaign.Privacy]", "[privacy]", "[campaign.settings.privacy]"])
def test_a_promise_about_people_is_never_passed_over(section: str, tmp_path: Path):
    """Misspelt, or in another place than where it is looked for."""
    lake = Lake(str(tmp_path))
    text = campaign(privacy={"purposes": ["counts"]}).to_toml().replace("[campaign.privacy]", section)
    lake.storage.write("campaign.toml", text.encode())
    with pytest.raises(CctviewError, match=rf"^{tmp_path}/campaign.toml.*(unknown key|nobody reads it)"):
        understood(lake.require_campaign())


def test_a_network_that_nobody_knows_is_told_where_the_file_is_read():
    with pytest.raises(
        CctviewError, match=r'network = "nyc_dotty" under \[campaign\] is no camera network: write one of archive,'
    ):
        understood(campaign(network="nyc_dotty"))


def test_ids_that_differ_in_case_only_are_refused():
    """As they are in a network's list: some disks have one folder for both."""
    with pytest.raises(CctviewError, match=r"names cameras 'cam-1' and 'CAM-1', which differ in upper and lower case only"):
        replace(campaign(), cameras=(NORTH, replace(NORTH, id="CAM-1", order=99)))


def test_a_camera_that_is_misspelt_is_told_what_it_may_mean():
    with pytest.raises(CctviewError, match=r"Camera 'CAM-1' is not in this campaign: it may mean cam-1, or add it under"):
        campaign().camera("CAM-1")


def test_neighbours_are_the_cameras_before_and_after_along_the_corridor():
    road = [replace(NORTH, id=f"c-{order}", order=order) for order in (30, 10, 20)]
    whole = campaign(cameras=(*road, replace(NORTH, id="elsewhere", corridor="other", order=21)))
    names = {camera.id: [neighbour.id for neighbour in RoadNetwork.of(whole).neighbours(camera.id)] for camera in whole.cameras}
    assert names == {"c-10": ["c-20"], "c-20": ["c-10", "c-30"], "c-30": ["c-20"], "elsewhere": []}


def test_unknown_camera_is_told_with_the_mend():
    with pytest.raises(CctviewError, match=r"Camera 'x' is not in this campaign: add it under \[\[cameras\]\]"):
        campaign().camera("x")


def test_at_most_100_000_partitions():
    start = utc("2000-01-01T00:00:00")
    most = campaign(start=start, end=start + MAX_PARTITIONS // 2 * HOUR)
    assert len(most.cameras) * len(most.hours()) == 100_000
    with pytest.raises(CctviewError, match="2 cameras x 50001 hours are 100002 partitions, more than 100000: shorten"):
        campaign(start=start, end=most.end + HOUR)


def test_a_window_of_centuries_is_refused_at_once():
    began = time.process_time()
    with pytest.raises(CctviewError, match="more than 100000: shorten the window"):
        campaign(start=utc("1970-01-01T00:00:00"), end=utc("2200-01-01T00:00:00"))
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "text",
    [
        *("2020-05-05T24:00", "0001-01-01T00:00+05:00", "9999-12-31T23:59", "now", "17:00", "1588700000"),
        *("2020-W19-2", "2020W192T17", "20200505", "20200505T17:00Z"),  # ISO 8601's other forms
    ],
)
def test_a_time_on_the_command_line_is_one_or_is_refused(text: str):
    with pytest.raises(
        CctviewError, match=rf"^'{re.escape(text)}' is (no time|not between 1970 and 2200): write .*2020-05-05T17:00Z"
    ):
        parse_time(text)


def test_a_time_without_a_zone_on_the_command_line_is_utc_wherever_this_machine_stands(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    assert parse_time("2020-05-05T17:00") == HOUR_17
    monkeypatch.undo()
    time.tzset()


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
    assert Camera(id="a", name="", latitude=0, longitude=0, faces="north", corridor="", order=1).distance_m(
        Camera(id="b", name="", latitude=1, longitude=0, faces="north", corridor="", order=2)
    ) == pytest.approx(111_195, abs=1)
    assert NORTH.distance_m(SOUTH) == pytest.approx(SOUTH.distance_m(NORTH))
    assert NORTH.distance_m(NORTH) == 0


def test_full_hours_only_with_any_offset_of_whole_hours():
    newfoundland = timezone(timedelta(hours=-2, minutes=-30))
    with pytest.raises(CctviewError, match="full hour"):
        campaign(start=HOUR_17.astimezone(newfoundland))
