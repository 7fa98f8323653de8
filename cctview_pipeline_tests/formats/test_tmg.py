"""What is written is read back, column for column; what was not seen is blank."""

from dataclasses import replace
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.formats.tmg import (
    LENGTH,
    Station,
    VolumeRecord,
    hourly_volumes,
    read_stations,
    read_volumes,
    write_volumes,
)
from cctview_pipeline_tests.factories.figures import AUTUMN, SPRING, figures

STATIONS = (
    Station(camera="cam-1", state="36", functional_class="2U", station="000001"),
    Station(camera="cam-2", state="36", functional_class="2U", station="000002"),
)
QUIET = VolumeRecord(state="36", functional_class="2U", station="000735", direction=1, day=date(2020, 5, 5), volumes=(0,) * 24)
RECORDS = st.builds(
    VolumeRecord,
    state=st.from_regex(r"[0-9]{2}", fullmatch=True).filter(str.isascii),
    functional_class=st.sampled_from([f"{number}{letter}" for number in range(1, 8) for letter in "RU"]),
    station=st.text("ABCxyz0189", min_size=6, max_size=6),
    direction=st.integers(0, 9),
    day=st.dates(date(1970, 1, 1), date(2200, 1, 1)),
    volumes=st.tuples(*[st.none() | st.integers(0, 99_999)] * 24),
    restriction=st.integers(0, 5),
    lane=st.integers(0, 9),
)


@given(st.lists(RECORDS, max_size=5))
def test_records_are_read_as_they_were_written(records: list[VolumeRecord]):
    data = write_volumes(records)
    assert all(len(line) == LENGTH for line in data.decode().splitlines())
    assert list(read_volumes(data)) == records


def test_where_everything_stands():
    line = str(replace(QUIET, direction=5, volumes=(None, 12, 1234, *(None,) * 20, 0), restriction=2))
    assert line[0] == "3"
    assert line[1:3] == "36"
    assert line[3:5] == "2U"
    assert line[5:11] == "000735"
    assert line[11] == "5"  # south
    assert line[12] == "0"  # all lanes
    assert line[13:21] == "20200505"
    assert line[21] == "3"  # a Tuesday: 1 is Sunday
    assert line[22:37] == "     0001201234"
    assert line[137:142] == "00000"
    assert line[142] == "2"


def by_direction(records: list[VolumeRecord], station: str = "000002") -> dict[int, VolumeRecord]:
    return {each.direction: each for each in records if each.station == station}


def test_hours_are_local_and_what_was_not_seen_is_blank():
    flows = figures()["flows"]
    found = by_direction(hourly_volumes(flows, STATIONS))
    assert found.keys() == {1, 5}
    assert [hour for hour, volume in enumerate(found[5].volumes) if volume is None] == [9, 10]  # insufficient, no data
    assert found[5].restriction == 2
    southbound = flows.filter(pc.and_(pc.equal(flows["camera_id"], "cam-2"), pc.equal(flows["carriageway"], "S")))
    eight = southbound.filter(pc.starts_with(southbound["local_at"], "2020-05-05T08"))
    assert set(eight["status"].to_pylist()) == {"expanded"}
    assert found[5].volumes[8] == round(pc.sum(eight["expanded"]).as_py())


def test_a_day_without_gaps_has_no_restriction():
    assert {each.restriction for each in by_direction(hourly_volumes(figures()["flows"], STATIONS), "000001").values()} == {0}


def test_one_quarter_that_was_not_seen_takes_its_hour_with_it():
    rows = figures()["flows"].to_pylist()
    for row in rows:
        if row["camera_id"] == "cam-1" and row["local_at"] == "2020-05-05T13:45-04:00":
            row |= {"status": "insufficient", "expanded": None}
    found = by_direction(hourly_volumes(pa.Table.from_pylist(rows, figures()["flows"].schema), STATIONS), "000001")
    assert [hour for hour, volume in enumerate(found[1].volumes) if volume is None] == [13]
    assert found[1].restriction == 2


def test_an_hour_without_vehicles_is_a_zero():
    rows = figures()["flows"].to_pylist()
    for row in rows:
        if row["local_at"].startswith("2020-05-05T03"):
            row |= {"vehicles": 0, "expanded": 0.0}
    found = by_direction(hourly_volumes(pa.Table.from_pylist(rows, figures()["flows"].schema), STATIONS), "000001")
    assert found[1].volumes[3] == 0


def test_the_hour_that_the_clock_skips_is_blank_and_no_trouble():
    found = by_direction(hourly_volumes(figures(SPRING)["flows"], STATIONS), "000001")
    assert [hour for hour, volume in enumerate(found[1].volumes) if volume is None] == [2]
    assert found[1].restriction == 0


def test_the_hour_that_comes_twice_holds_both():
    flows = figures(AUTUMN)["flows"]
    found = by_direction(hourly_volumes(flows, STATIONS), "000001")
    mine = flows.filter(pc.and_(pc.equal(flows["camera_id"], "cam-1"), pc.equal(flows["carriageway"], "N")))
    assert sum(volume or 0 for volume in found[1].volumes) == pc.sum(mine["vehicles"]).as_py()


def test_a_carriageway_without_a_direction_is_refused():
    rows = [row | {"carriageway": "away"} for row in figures()["flows"].to_pylist() if row["carriageway"] == "N"]
    with pytest.raises(CctviewError, match=r"^Camera cam-1 has the carriageway 'away', .* say in campaign\.toml how it faces"):
        hourly_volumes(pa.Table.from_pylist(rows, figures()["flows"].schema), STATIONS)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (str(QUIET)[:-1], r"no hourly volume record of 143 columns"),
        ("C" + str(QUIET)[1:], r"no hourly volume record"),
        (str(QUIET).replace("20200505", "20200231"), r"day is out of range|does not match"),
        (str(QUIET)[:21] + "4" + str(QUIET)[22:], r"2020-05-05 is no weekday 4"),
        (str(QUIET)[:22] + "1 2 3" + str(QUIET)[27:], r"'1 2 3' is no volume"),
        ("\u00e9" * 143, "no hourly volume record"),
    ],
)
def test_what_is_no_record_is_named_by_its_line(line: str, sentence: str):
    with pytest.raises(CctviewError, match=rf"^Line 2: .*({sentence})"):
        list(read_volumes(f"{QUIET}\n{line}\n".encode()))


def test_what_no_record_can_hold():
    with pytest.raises(CctviewError, match="0 to 99,999 vehicles"):
        replace(QUIET, volumes=(100_000, *(None,) * 23))


GIVEN = {"camera": "cam-1", "state": "36", "functional_class": "2U", "station": "735"}


def test_what_the_campaign_says():
    assert read_stations([GIVEN]) == (Station(camera="cam-1", state="36", functional_class="2U", station="000735"),)


@pytest.mark.parametrize(
    ("tables", "sentence"),
    [
        ([{"camera": "cam-1"}], "state is missing"),
        ([GIVEN | {"state": "NY"}], 'state = "NY" under .* write state = "36"'),
        ([GIVEN | {"functional_class": "8U"}], 'functional_class = "8U"'),
        ([GIVEN | {"station": "735-683"}], 'station = "735-683"'),
        ([GIVEN, GIVEN | {"station": "1"}], "the camera 'cam-1' twice"),
        ([GIVEN, GIVEN | {"camera": "cam-2"}], "the station '735' twice"),
    ],
)
def test_what_is_no_station(tables: object, sentence: str):
    with pytest.raises(CctviewError, match=sentence):
        read_stations(tables)
