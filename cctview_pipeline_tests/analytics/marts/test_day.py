"""The marts of a day, over vehicles whose truth is known."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cctview_pipeline.analytics.known_bias import KnownBias
from cctview_pipeline.analytics.marts import MARTS, relations
from cctview_pipeline.analytics.marts.day import Day
from cctview_pipeline.anomalies import Anomaly
from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.checks import failures
from cctview_pipeline.lake.layout import key
from cctview_pipeline.lake.marts import STATUSES
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.links import Link
from cctview_pipeline_tests.factories.day_lake import DayLake, road

TEN = datetime(2020, 5, 5, 14, tzinfo=UTC)
"""In New York."""
DAY = date(2020, 5, 5)


def made(
    tmp_path: Path, start: datetime = TEN, hours: int = 2, cameras: int = 3, day: date = DAY, **said
) -> tuple[dict, DayLake]:
    """All marts of a day as rows, and what they were made from. said: of the DayLake, or of its campaign."""
    of_campaign = {name: said.pop(name) for name in ("anomalies", "timezone") if name in said}
    found = DayLake(Lake(str(tmp_path / "lake")), road(cameras, start, hours, **of_campaign), **said)
    found.write()
    return built(found, day), found


def built(of: DayLake, day: date = DAY) -> dict[str, list[dict]]:
    tables = {}
    with Day(of.lake, of.campaign, calendar_of(of.campaign), day) as opened:
        for name in MARTS:
            table = opened.build(name)
            assert not failures(name, table, {}, Partition.of_day(day)), name
            tables[name] = table.to_pylist()
    return tables


def where(rows: list[dict], **said) -> list[dict]:
    return [row for row in rows if all(row[name] == value for name, value in said.items())]


def test_counts_are_those_of_the_vehicles_that_passed(tmp_path):
    marts, truth = made(tmp_path)
    for camera in truth.campaign.cameras:
        for side in "NS":
            rows = where(marts["flows"], camera_id=camera.id, carriageway=side)
            passed = truth.passed[camera.id, side]
            assert sum(row["vehicles"] for row in rows) == len(passed)
            for row in rows:
                inside = [at for at in passed if row["began_at"] <= at < row["began_at"] + timedelta(minutes=15)]
                assert (row["vehicles"], row["status"], row["expanded"]) == (len(inside), "observed", len(inside))
                assert row["flow_per_h"] == 4 * len(inside)
                labels = where(marts["vehicle_counts"], camera_id=camera.id, carriageway=side, began_at=row["began_at"])
                assert sum(each["vehicles"] for each in labels) == len(inside)


def test_a_truck_that_did_not_come_is_a_zero_and_one_that_nobody_could_see_is_null(tmp_path):
    marts, _ = made(tmp_path, per_hour=2.0, live=lambda camera, began: 0.0 if began == TEN else 900.0)
    rows = marts["vehicle_counts"]
    assert len(rows) == 3 * 2 * 4 * 8, "a complete grid: cameras, carriageways, labels, quarters"
    assert {row["vehicles"] for row in where(rows, began_at=TEN)} == {None}
    assert {row["status"] for row in where(rows, began_at=TEN)} == {"no_data"}
    assert 0 in {row["vehicles"] for row in where(rows, status="observed")}


@pytest.mark.parametrize(
    ("live", "status"), [(900.0, "observed"), (700.0, "expanded"), (400.0, "insufficient"), (0.0, "no_data")]
)
def test_the_ladder(tmp_path, live, status):
    marts, _ = made(tmp_path, live=lambda camera, began: live)
    for name in ("vehicle_counts", "flows", "speeds", "travel_times", "corridor_speeds"):
        assert {row["status"] for row in marts[name]} == {status}, name
    for row in marts["flows"]:
        known = status in ("observed", "expanded")
        assert (row["expanded"] is not None) == known
        assert (row["vehicles"] is not None) == (status != "no_data")
        if known:
            assert row["expanded"] == pytest.approx(row["vehicles"] * 900 / live, rel=1e-5)


@pytest.fixture
def exact(monkeypatch):
    """As if it had been measured that the counter makes hardly a mistake."""
    monkeypatch.setattr(
        relations, "known_bias", lambda measure, model: KnownBias(measure=measure, value=0.0, spread=1.0, support=9, on="made")
    )


def test_where_nothing_is_said_no_interval_is_and_where_nobody_passed_no_share_is(tmp_path, exact):
    marts, _ = made(tmp_path, per_hour=2.0, live=lambda camera, began: 0.0 if began == TEN else 900.0)
    for row in marts["flows"]:
        assert (row["lower"] is None) == (row["upper"] is None) == (row["expanded"] is None)
        shares = (row["heavy_share"], row["heavy_lower"], row["heavy_upper"])
        assert all(share is None for share in shares) == (not row["vehicles"])


@pytest.mark.parametrize("live", [480.0, 600.0, 780.0])
def test_what_passed_in_a_gap_lies_in_the_interval_nine_times_in_ten(tmp_path, exact, live):
    """Vehicles come at random here."""
    marts, truth = made(tmp_path, hours=10, per_hour=300.0, live=lambda camera, began: live)
    inside = []
    for row in marts["flows"]:
        passed = truth.passed[row["camera_id"], row["carriageway"]]
        count = sum(row["began_at"] <= at < row["began_at"] + timedelta(minutes=15) for at in passed)
        inside.append(row["lower"] <= count <= row["upper"])
    assert np.mean(inside) >= 0.9


@pytest.mark.parametrize(("start", "day", "bins"), [
    (datetime(2020, 3, 8, 5, tzinfo=UTC), date(2020, 3, 8), 92),
    (datetime(2020, 11, 1, 4, tzinfo=UTC), date(2020, 11, 1), 100),
])  # fmt: skip
def test_days_on_which_clocks_change_have_all_their_quarters_once(tmp_path, start, day, bins):
    marts, truth = made(tmp_path, start=start, hours=bins // 4, day=day, cameras=2, per_hour=20.0)
    assert len(marts["bins"]) == bins
    assert len(where(marts["flows"], camera_id="road-1", carriageway="N")) == bins
    assert sum(row["vehicles"] for row in where(marts["flows"], camera_id="road-1", carriageway="N")) == len(
        truth.passed["road-1", "N"]
    )
    assert {row["local_at"][:10] for row in marts["flows"]} == {day.isoformat()}
    assert len({row["local_at"] for row in marts["flows"]}) == bins


def test_a_day_is_local(tmp_path):
    """Vehicles of half past eleven in the evening belong to that day, though it is the next one in UTC."""
    marts, truth = made(tmp_path, start=datetime(2020, 5, 6, 2, tzinfo=UTC), hours=4)
    midnight = datetime(2020, 5, 6, 4, tzinfo=UTC)
    before = [at for at in truth.passed["road-1", "N"] if at < midnight]
    assert sum(row["vehicles"] for row in where(marts["flows"], camera_id="road-1", carriageway="N")) == len(before) > 0
    after = built(truth, date(2020, 5, 6))
    assert sum(row["vehicles"] for row in where(after["flows"], camera_id="road-1", carriageway="N")) == len(
        truth.passed["road-1", "N"]
    ) - len(before)


def test_a_camera_that_starts_in_the_middle_of_the_day_has_rows_without_data_before(tmp_path):
    marts, _ = made(
        tmp_path, live=lambda camera, began: 0.0 if camera == "road-2" and began < TEN + timedelta(hours=1) else 900.0
    )
    statuses = [row["status"] for row in where(marts["flows"], camera_id="road-2", carriageway="N")]
    assert statuses == ["no_data"] * 4 + ["observed"] * 4
    [quality] = where(marts["data_quality"], camera_id="road-2")
    assert (quality["verdict"], quality["bins_no_data"], quality["completeness"]) == ("good", 4, 0.5)


def test_travel_times_are_from_passage_to_passage(tmp_path):
    marts, truth = made(tmp_path, kmh=50.0)
    for row in marts["travel_times"]:
        assert row["metres"] == pytest.approx(500, rel=1e-4)
    rows = where(marts["travel_times"], from_camera_id="road-1", to_camera_id="road-2")
    assert sum(row["vehicles"] for row in rows) >= 0.97 * len(truth.passed["road-2", "N"])
    for row in rows:
        assert row["median_s"] == pytest.approx(36.0, rel=0.05)
        assert row["p5_s"] < row["p15_s"] < row["p25_s"] < row["median_s"] < row["p75_s"] < row["p85_s"] < row["p95_s"]
        assert row["median_lower_s"] < row["median_s"] < row["median_upper_s"]
        assert row["effective"] == pytest.approx(row["vehicles"], rel=1e-4), "all are equally sure"
        assert row["match_rate_down"] > 0.9


def test_an_unsure_match_counts_by_its_probability(tmp_path):
    """Half of the matches are wrong by a factor of two and of a tenth of the others' probability."""
    _, truth = made(tmp_path)
    place = Partition.camera_hour("road-2", TEN)
    passages, matches = truth.lake.read("passages", place), truth.lake.read("matches", place)
    unsure = np.arange(matches.num_rows) % 2 == 0
    matches = matches.set_column(
        matches.column_names.index("probability"), matches.schema.field("probability"),
        pa.array(np.where(unsure, 0.05, 0.95).astype(np.float32)),
    )  # fmt: skip
    late = set(np.array(matches["query_track_id"].to_pylist())[unsure].tolist())
    times = [
        at + timedelta(seconds=36 * (name in late))
        for name, at in zip(*(passages[c].to_pylist() for c in ("track_id", "passed_at")), strict=True)
    ]
    times = [min(at, TEN + timedelta(minutes=59)) for at in times]
    passages = passages.set_column(
        3, passages.schema.field("passed_at"), pa.array(times, passages.schema.field("passed_at").type)
    )
    truth.lake.write("passages", place, passages)
    truth.lake.write("matches", place, matches)
    [row] = where(
        built(truth)["travel_times"], from_camera_id="road-1", to_camera_id="road-2", began_at=TEN + timedelta(minutes=15)
    )
    assert row["median_s"] == pytest.approx(36.0, rel=0.06)
    assert row["effective"] < 0.65 * row["vehicles"]


def test_fragments_of_one_vehicle_are_one_match(tmp_path):
    _, truth = made(tmp_path)
    before = built(truth)["travel_times"]
    place = Partition.camera_hour("road-2", TEN)
    passages, matches = truth.lake.read("passages", place), truth.lake.read("matches", place)
    rows = passages.to_pylist()
    broken = {row["track_id"]: f"{row['track_id']}x" for row in rows}
    for row in rows:
        row["track_ids"] = [row["track_id"], broken[row["track_id"]]]
    more = [row | {"query_track_id": broken[row["query_track_id"]], "probability": 0.4} for row in matches.to_pylist()]
    truth.lake.write("passages", place, pa.Table.from_pylist(rows, passages.schema))
    truth.lake.write("matches", place, pa.Table.from_pylist(matches.to_pylist() + more, matches.schema))
    assert built(truth)["travel_times"] == before


def test_what_the_campaign_says_not_to_use_is_flagged_and_keeps_what_was_counted(tmp_path):
    said = {
        "camera": "road-2",
        "began": TEN,
        "ended": TEN + timedelta(minutes=20),
        "problem": "do-not-use",
        "note": "A lane was closed.",
    }
    marts, _ = made(tmp_path, anomalies=(Anomaly(carriageway="N", **said),))
    flows = where(marts["flows"], camera_id="road-2", carriageway="N")
    assert [row["status"] for row in flows[:3]] == ["flagged", "flagged", "observed"]
    assert flows[0]["vehicles"] > 0
    assert flows[0]["expanded"] is None
    assert {row["status"] for row in where(marts["flows"], camera_id="road-2", carriageway="S")} == {"observed"}
    assert [row["status"] for row in where(marts["travel_times"], from_camera_id="road-1", to_camera_id="road-2")][:3] == [
        "flagged",
        "flagged",
        "observed",
    ]
    [quality] = where(marts["data_quality"], camera_id="road-2")
    assert quality["excluded"] == "declared: A lane was closed."
    assert quality["bins_flagged"] == 2


def test_a_zero_where_many_are_usual_is_found_and_a_person_can_dismiss_it(tmp_path):
    """Nobody passed: the camera sees, and everybody went elsewhere."""
    _, truth = made(tmp_path, hours=3)
    place = Partition.camera_hour("road-2", TEN + timedelta(hours=1))
    passages = truth.lake.read("passages", place)
    truth.lake.write("passages", place, passages.slice(0, 0))
    found = where(built(truth)["anomalies"], kind="no_vehicles", camera_id="road-2")
    assert [(row["carriageway"], row["began_at"], row["ended_at"]) for row in found] == [
        (side, place.begin, place.begin + timedelta(hours=1)) for side in "NS"
    ]
    said = {
        "camera": "road-2",
        "began": place.begin,
        "ended": place.begin + timedelta(hours=1),
        "problem": "caveat",
        "note": "A parade.",
    }
    truth.campaign = road(3, TEN, 3, anomalies=(Anomaly(investigation="dismissed", **said),))
    assert not where(built(truth)["anomalies"], kind="no_vehicles")


def test_frames_that_come_too_seldom_count_nothing(tmp_path):
    _, truth = made(tmp_path)
    place = Partition.camera_hour("road-1", TEN)
    rows = [row | {"frames_per_s": 0.1} for row in truth.lake.read("coverage", place).to_pylist()]
    truth.lake.write("coverage", place, pa.Table.from_pylist(rows, truth.lake.read("coverage", place).schema))
    [row] = where(built(truth)["flows"], camera_id="road-1", carriageway="N", began_at=TEN)
    assert (row["vehicles"], row["status"]) == (None, "no_data")
    assert row["quality_note"] == "frames come too seldom to follow vehicles"


def test_a_damaged_partition_takes_its_own_hour_and_is_told(tmp_path):
    _, truth = made(tmp_path)
    place = Partition.camera_hour("road-1", TEN)
    (tmp_path / "lake" / key("passages", place)).write_bytes(b"no parquet")
    with Day(truth.lake, truth.campaign, calendar_of(truth.campaign), DAY) as day:
        rows = day.build("flows").to_pylist()
        assert len(day.left_out) == 1
        assert "road-1" in day.left_out[0]
    assert [row["status"] for row in where(rows, camera_id="road-1", carriageway="N")] == ["no_data"] * 4 + ["observed"] * 4
    assert {row["quality_note"] for row in where(rows, camera_id="road-1", status="no_data")} == {
        "its passages are not in the lake"
    }
    assert {row["status"] for row in where(rows, camera_id="road-2")} == {"observed"}


def test_a_day_without_anything_has_rows_that_say_so(tmp_path):
    campaign = road(2, TEN, 2)
    empty = DayLake(Lake(str(tmp_path / "lake")), campaign)
    marts = built(empty)
    assert {row["status"] for row in marts["flows"]} == {"no_data"}
    assert {row["verdict"] for row in marts["data_quality"]} == {"network_down"}
    assert (marts["reliability"], marts["corridor_od"], marts["anomalies"]) == ([], [], [])


def test_cameras_whose_direction_nobody_knows_are_counted_all_the_same(tmp_path):
    campaign = road(1, TEN, 1)
    from dataclasses import replace

    unknown = replace(campaign, cameras=(replace(campaign.cameras[0], faces=""),))
    marts = built(DayLake(Lake(str(tmp_path / "lake")), unknown))
    assert {row["carriageway"] for row in marts["flows"]} == {"away", "towards"}


def test_reliability_fills_no_gap_and_says_how_much_there_is(tmp_path):
    marts, _ = made(tmp_path, start=datetime(2020, 5, 5, 10, tzinfo=UTC), hours=4)  # 6 to 10 in New York
    for row in where(marts["reliability"], period="am"):
        assert (row["days"], row["bins"] <= row["bins_possible"], row["status"]) == (1, True, "observed")
        assert row["lottr"] == pytest.approx(row["p80_s"] / row["p50_s"])
        assert (row["pti"], row["buffer_index"]) == (None, None), "of one day nothing can be said of rare ones"
    whole = where(marts["reliability"], from_camera_id="road-1", to_camera_id="road-3", period="am")
    parts = where(marts["reliability"], carriageway="N", period="am")
    assert whole[0]["mean_s"] == pytest.approx(sum(row["mean_s"] for row in parts if row not in whole), rel=0.02)
    with_a_hole, _ = made(
        tmp_path / "hole", start=datetime(2020, 5, 5, 10, tzinfo=UTC), hours=4,
        live=lambda camera, began: 0.0 if began.hour < 12 else 900.0,
    )  # fmt: skip
    for row in where(with_a_hole["reliability"], period="am", from_camera_id="road-1", to_camera_id="road-2"):
        assert (row["status"], row["lottr"], row["bins"], row["bins_possible"]) == ("insufficient", None, 8, 16)


def test_every_status_is_one_of_the_ladder(tmp_path):
    marts, _ = made(tmp_path, live=lambda camera, began: {0: 900.0, 15: 600.0, 30: 300.0}.get(began.minute, 0.0))
    for name, rows in marts.items():
        assert {row["status"] for row in rows if "status" in row} <= set(STATUSES), name


def test_origins_and_destinations_count_whole_journeys(tmp_path):
    marts, truth = made(tmp_path, hours=1)
    [row] = where(marts["corridor_od"], origin="road-1", destination="road-3", began_at=TEN)
    assert row["journeys"] <= len(truth.passed["road-3", "N"])
    assert row["journeys"] >= 0.95 * len(truth.passed["road-3", "N"])
    assert row["expanded"] == pytest.approx(row["journeys"] / row["match_rate"], rel=1e-5)


def test_no_interval_is_told_of_models_that_nobody_measured(tmp_path):
    marts, _ = made(tmp_path, hours=1)
    assert {(row["lower"], row["upper"], row["heavy_share"]) for row in marts["flows"]} == {(None, None, None)}
    assert all(row["expanded"] > 0 for row in marts["flows"])


def test_what_is_known_of_the_counter_moves_the_interval_and_not_the_count(tmp_path, monkeypatch):
    """It counts a tenth too many, as a rule."""
    said = {"vehicle_counts": 10.0, "flows": 10.0, "heavy_share": -20.0}
    monkeypatch.setattr(
        relations,
        "known_bias",
        lambda measure, model: KnownBias(measure=measure, value=said.get(measure, 0.0), spread=2.0, support=9, on="made"),
    )
    marts, _ = made(tmp_path, hours=1, per_hour=800.0)
    for row in marts["flows"]:
        assert row["lower"] < row["vehicles"] / 1.1 < row["upper"] < row["vehicles"]
        assert row["expanded"] == row["vehicles"]
        assert row["heavy_lower"] < row["heavy_share"] < row["heavy_upper"]
    heavy = sum(row["vehicles"] for row in marts["vehicle_counts"] if row["label"] in ("bus", "truck"))
    shares = [row["heavy_share"] * row["vehicles"] for row in marts["flows"]]
    assert sum(shares) == pytest.approx(heavy / 0.8, rel=1e-4)


def test_passages_beyond_the_pole_make_no_way_longer(tmp_path):
    """The second camera sees its vehicles 50 m before its pole: 450 m are driven, and 500 are told of."""
    _, truth = made(tmp_path)
    place = Partition.camera_hour("road-2", TEN)
    rows = truth.lake.read("passages", place).to_pylist()
    for row in rows:
        early = timedelta(seconds=50 / (row["speed_kmh"] / 3.6)) if row["carriageway"] == "N" else timedelta()
        row |= {"passed_at": row["passed_at"] - early, "beyond_m": -50.0 if early else 0.0}
    kept = [row for row in rows if row["passed_at"] >= TEN]
    truth.lake.write("passages", place, pa.Table.from_pylist(kept, truth.lake.read("passages", place).schema))
    for row in where(built(truth)["travel_times"], from_camera_id="road-1", to_camera_id="road-2")[:4]:
        assert row["median_s"] == pytest.approx(36.0, rel=0.05)


def test_a_few_boxes_that_stood_still_decide_no_mean_speed(tmp_path):
    _, truth = made(tmp_path, hours=1, kmh=50.0)
    place = Partition.camera_hour("road-1", TEN)
    rows = [
        row | ({"speed_kmh": 0.01} if number % 40 == 0 else {})
        for number, row in enumerate(truth.lake.read("passages", place).to_pylist())
    ]
    truth.lake.write("passages", place, pa.Table.from_pylist(rows, truth.lake.read("passages", place).schema))
    for row in where(built(truth)["speeds"], camera_id="road-1"):
        assert row["space_mean_kmh"] == pytest.approx(49.5, rel=0.05)


LOOSE_SIDES = {"N": "away", "S": "towards"}


def loosely(of: DayLake, links: list[tuple[int, int, str]]) -> DayLake:
    """The same day, of cameras that face nobody knows where, joined by links: from, to, the side of both."""
    for camera in of.campaign.cameras:
        for hour in of.campaign.hours():
            place = Partition.camera_hour(camera.id, hour)
            for name in ("passages", "vehicles_in_view"):
                rows = of.lake.read(name, place).to_pylist()
                renamed = [row | {"carriageway": LOOSE_SIDES[row["carriageway"]]} for row in rows]
                of.lake.write(name, place, pa.Table.from_pylist(renamed, schema_of(name)))
    cameras = tuple(replace(camera, faces="", corridor="", order=0) for camera in of.campaign.cameras)
    joined = [(cameras[one], cameras[other], side) for one, other, side in links]
    made_links = tuple(
        Link(from_camera=one.id, to_camera=other.id, metres=one.distance_m(other), leaves=side, enters=side)
        for one, other, side in joined
    )
    return replace(of, campaign=replace(of.campaign, cameras=cameras, links=made_links))


def test_a_road_of_links_has_the_figures_of_its_corridor(tmp_path):
    corridor, found = made(tmp_path)
    links = [(0, 1, "away"), (1, 2, "away"), (2, 1, "towards"), (1, 0, "towards")]
    linked = built(loosely(found, links))
    along = {"N": "onward", "S": "back"}
    for name, rows in corridor.items():
        spelt = along if {"corridor", "from_camera_id"} & {*schema_of(name).names} else LOOSE_SIDES
        wanted = [row | {"carriageway": spelt[row["carriageway"]]} if row.get("carriageway") else row for row in rows]
        wanted = [row | {"corridor": "road-1 to road-3"} if "corridor" in row else row for row in wanted]
        assert sorted(map(repr, wanted)) == sorted(map(repr, linked[name])), name


def test_where_two_roads_come_together_flows_are_held_against_both_and_driven_by_their_share(tmp_path):
    """Into the third camera leads a link from either of the others; all its vehicles were matched with the second's."""
    _, found = made(tmp_path)
    marts = built(loosely(found, [(0, 2, "away"), (1, 2, "away")]))
    away = [where(marts["flows"], camera_id=f"road-{number}", carriageway="away") for number in (1, 2, 3)]
    first, second, third = ({row["began_at"]: row["expanded"] for row in rows} for rows in away)
    for row in where(marts["flows"], camera_id="road-3", carriageway="away"):
        assert row["balance"] == pytest.approx(row["expanded"] / (first[row["began_at"]] + second[row["began_at"]]), rel=1e-5)
    for row in where(marts["segment_performance"], from_camera_id="road-2"):
        assert row["vehicles"] == pytest.approx(third[row["began_at"]])
    assert {row["vehicles"] for row in where(marts["segment_performance"], from_camera_id="road-1")} == {0.0}


def test_where_a_road_parts_nothing_is_held_against_the_camera_before(tmp_path):
    _, found = made(tmp_path)
    marts = built(loosely(found, [(0, 1, "away"), (0, 2, "away")]))
    assert {row["balance"] for row in marts["flows"]} == {None}
    assert {(row["corridor"], row["from_camera_id"]) for row in marts["corridor_speeds"]} == {
        ("road-1 to road-2", "road-1"),
        ("road-1 to road-3", "road-1"),
    }


def test_a_camera_that_misses_many_does_not_fit_the_one_before_and_the_next_does_not_fit_it(tmp_path):
    """Of ten northbound vehicles the second camera sees six: too few after the first, too many come to the third."""
    _, truth = made(tmp_path)
    for hour in (TEN, TEN + timedelta(hours=1)):
        place = Partition.camera_hour("road-2", hour)
        rows = truth.lake.read("passages", place).to_pylist()
        seen = [row for number, row in enumerate(rows) if row["carriageway"] == "S" or number % 10 < 6]
        truth.lake.write("passages", place, pa.Table.from_pylist(seen, schema_of("passages")))
    found = where(built(truth)["anomalies"], kind="flow_balance")
    assert {(row["camera_id"], row["carriageway"]) for row in found} == {("road-2", "N"), ("road-3", "N")}
    assert all(
        row["note"].endswith(f"of the vehicles of {'road-1' if row['camera_id'] == 'road-2' else 'road-2'}") for row in found
    )


def test_where_few_pass_nothing_is_said_of_a_camera_that_saw_none_of_them(tmp_path):
    _, truth = made(tmp_path, per_hour=12.0)
    for hour in (TEN, TEN + timedelta(hours=1)):
        place = Partition.camera_hour("road-2", hour)
        truth.lake.write("passages", place, truth.lake.read("passages", place).slice(0, 0))
    marts = built(truth)
    assert 0.0 in {row["balance"] for row in where(marts["flows"], camera_id="road-2")}
    assert not where(marts["anomalies"], kind="flow_balance")
