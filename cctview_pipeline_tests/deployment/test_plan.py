"""The arithmetic of a deployment: by hand for a thousand cameras, by its own formulas for any number of them."""

import json
import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline import groups
from cctview_pipeline.backfill.stages import OF_CAMERA_HOURS, STAGES
from cctview_pipeline.campaign import MAX_PARTITIONS
from cctview_pipeline.deployment import Asked, Figures, Plan, Prices, figures_of_lake, make_plan, shipped
from cctview_pipeline.deployment.figures import OfTable
from cctview_pipeline.deployment.plan import GROUP, STAGES_OF_DISTRICT, STAGES_OF_GROUP, district_cameras
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline_tests.factories.command import Workplace
from cctview_pipeline_tests.factories.tables import DAY, HOUR_17, campaign, rows

MADE = Figures(
    source="made",
    camera_hours=100,
    tables={
        "raw_frames": OfTable(core_seconds=6.0, bytes=20e6, lifetime_days=1.0),
        "detections": OfTable(core_seconds=30.0, bytes=1e6, lifetime_days=7.0),
        "coverage": OfTable(core_seconds=0.0, bytes=1e4, lifetime_days=None),
    },
    rows=70.0,
    row_bytes=50_000.0,
    rows_source="made",
)
PRICES = Prices(core_hour=0.05, gpu_hour=2.0, store_gb_month=0.02, database_gb_month=0.1)


def planned(cameras: int = 1000, days: int = 30, prices: Prices = PRICES, **more: float) -> Plan:
    return make_plan(Asked(cameras=cameras, days=days, **more), MADE, prices)


def test_a_thousand_cameras_by_hand():
    plan = planned(gpu_seconds=5)
    assert [plan[key] for key in ("districts", "cameras_a_district", "groups_a_district", "groups")] == [10, 100, 4, 40]
    assert plan["partitions"] == 100 * 24 * 30
    assert plan["camera_hours"] == 24_000
    assert plan["runs_a_day"] == 10 * (24 * (3 * 4 + 2) + 1 + 49)
    assert plan["core_hours"] == pytest.approx(240)  # 36 s x 24,000
    assert plan["cores"] == 15  # 240 h / 16.8 h
    assert plan["gpu_hours"] == pytest.approx(33.333, abs=1e-3)
    assert plan["gpus"] == 2
    assert plan["store_a_day"] == pytest.approx(504.24)
    # 20 MB for a day, 1 MB for seven and 10 kB for thirty, 24,000 times
    assert plan["store"] == pytest.approx((20e6 + 7e6 + 3e5) * 24_000 / 1e9)
    assert plan["store_a_day_for_ever"] == pytest.approx(0.24)
    assert plan["rows"] == 1_680_000
    assert plan["database_a_day"] == pytest.approx(1.2)
    assert plan["database"] == pytest.approx(1.2 * 14)
    assert plan["cost_cores"] == pytest.approx(15 * 720 * 0.05)
    assert plan["cost_gpus"] == pytest.approx(2 * 720 * 2)
    assert plan["cost_store"] == pytest.approx(plan["store"] * 0.02)
    assert plan["cost_database"] == pytest.approx(1.68)


def test_a_small_campaign_is_one_group_whose_frames_become_matches_in_one_run():
    plan = planned(6, 1, hours=10)
    assert [plan[key] for key in ("districts", "groups")] == [1, 1]
    assert plan["runs_a_day"] == 10 * 2 + 1 + 49


@pytest.mark.parametrize(
    ("days", "cameras"), [(30, 100), (41, 100), (42, 75), (55, 75), (56, 50), (166, 25), (167, 24), (4166, 1)]
)
def test_a_district_s_cameras_leave_room_for_its_hours(days: int, cameras: int):
    assert district_cameras(days) == cameras


def value(formula: str) -> float:
    """What a formula comes to: units are words between its numbers."""
    plain = re.sub(r"(?<=\d),(?=\d)", "", formula)
    plain = re.sub(r"\b(?!ceil\b|floor\b|min\b|x\b)[A-Za-z][A-Za-z-]*", "", plain).replace(" x ", " * ")
    return eval(plain, {"__builtins__": {}, "ceil": math.ceil, "floor": math.floor, "min": min})


asked = st.builds(
    Asked,
    cameras=st.integers(1, 20_000),
    days=st.integers(1, 4166),
    hours=st.integers(1, 24).map(float),
    gpu_seconds=st.sampled_from([0.0, 5.0]),
)


@given(asked)
def test_the_formula_beside_a_line_is_its_value(asked: Asked):
    for line in make_plan(asked, MADE, PRICES).lines:
        assert value(line.formula) == pytest.approx(line.value, rel=2e-3, abs=1), line  # numbers are shown with four digits


@given(asked)
def test_no_district_holds_more_than_a_campaign_may(asked: Asked):
    plan = make_plan(asked, MADE, PRICES)
    assert plan["partitions"] <= MAX_PARTITIONS
    assert plan["cameras_a_district"] <= plan["cameras_a_district_at_most"]
    assert plan["cameras_a_district"] * plan["districts"] >= asked.cameras, "every camera has its place"
    assert plan["groups_a_district"] * GROUP >= plan["cameras_a_district"]


GROWS = (
    "camera_hours",
    "core_hours",
    "cores",
    "store_a_day",
    "store",
    "rows",
    "database_a_day",
    "database",
    "cost_cores",
    "cost_store",
)


@given(asked, st.integers(0, 5000), st.integers(0, 500))
def test_more_cameras_or_days_take_no_less(less: Asked, cameras: int, days: int):
    more = Asked(cameras=less.cameras + cameras, days=min(less.days + days, 4166), hours=less.hours)
    small, large = make_plan(less, MADE, PRICES), make_plan(more, MADE, PRICES)
    for key in GROWS:
        assert large[key] >= small[key] * (1 - 1e-9), key
    assert large["districts"] >= small["districts"]


def test_groups_and_stages_are_those_that_jobs_are_cut_by():
    assert groups.SIZE == GROUP
    assert len(OF_CAMERA_HOURS) - 1 == STAGES_OF_GROUP, "matching is of all groups"
    assert set(STAGES) - {*OF_CAMERA_HOURS[:-1], "days"} == {"matching", "hours"}
    assert STAGES_OF_DISTRICT == 2


def test_nothing_is_said_of_what_nobody_knows():
    plan = planned(prices=Prices())
    assert not [line for line in plan.lines if line.key.startswith(("cost", "gpu"))]
    assert any("GPU hours" in sentence for sentence in plan.unknown)
    assert any("no price is known" in sentence for sentence in plan.unknown)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"cameras": 0}, "one of each at least"),
        ({"days": 4167}, "more than the 100,000 partitions"),
        ({"hours": 25}, "up to 24 hours"),
        ({"busy": 0}, "a share of it"),
        ({"runs_kept_days": 0.5}, "for a day at least"),
    ],
)
def test_what_no_deployment_can_be_is_refused(wrong: dict, sentence: str):
    with pytest.raises(CctviewError, match=sentence):
        Asked(**({"cameras": 10, "days": 10} | wrong))


def test_a_lake_s_own_figures(tmp_path: Path):
    """Two cameras of two hours: 2,000 s and 8 MB of detections, on runs of two cores."""
    lake = Lake(str(tmp_path))
    told = [
        {"asset": "raw_frames", "began_at": HOUR_17, "partitions": 4, "bytes": 40_000_000, "seconds": 20.0},
        {"asset": "detections", "began_at": HOUR_17, "partitions": 4, "bytes": 8_000_000, "seconds": 2000.0},
        {"asset": "journeys", "began_at": HOUR_17, "partitions": 1, "bytes": 1_000, "seconds": 4.0},
    ]
    lake.write("throughput", Partition.of_day(DAY), rows("throughput", *told))
    found = figures_of_lake(lake, campaign(privacy={"lifetimes": {"detections": "2 d"}}), cores_a_run=2)
    assert found is not None
    assert found.camera_hours == 4
    assert found.tables["detections"] == OfTable(core_seconds=1000.0, bytes=2e6, lifetime_days=2.0)
    assert found.tables["journeys"].core_seconds == 2.0, "an hour's share of each of its cameras"
    assert found.core_seconds == pytest.approx(1012)
    assert figures_of_lake(Lake(str(tmp_path / "empty")), campaign(), 1) is None


def test_the_shipped_figures_are_of_the_published_hour():
    found = shipped()
    assert found.camera_hours == 4
    assert {"raw_frames", "detections", "features", "tracks", "matches"} <= set(found.tables)
    assert found.tables["raw_frames"].lifetime_days == 1
    known = json.loads((Path(__file__).parents[2] / "benchmarks" / "results" / "real-hour.json").read_text())
    cpu = known["results"]["as users run it"]["seconds"]["cpu"]
    assert found.core_seconds == pytest.approx(cpu / 4, rel=0.25), "what the whole command took, measured by another program"


def test_the_command_says_whose_figures_they_are(tmp_path: Path):
    place = Workplace(tmp_path)
    text = place.invoke("deploy", "plan", "--cameras", "1000", "--days", "30")
    assert text.returncode == 0, text.stderr
    assert "benchmarks/throughput.py" in text.stdout
    assert "ceil(1,000 cameras / 10" in text.stdout
    lake = Lake(str(place.lake))
    lake.write_campaign(campaign())
    lake.write("throughput", Partition.of_day(DAY), rows("throughput", {"asset": "raw_frames"}))
    own = json.loads(place.invoke("deploy", "plan", "--cameras", "1000", "--days", "30", "--json").stdout)
    assert own["figures"]["source"].startswith(f"{lake.uri}, 2 camera-hours of 1 days")
    assert {"key": "districts", "value": 10.0}.items() <= next(
        line for line in own["lines"] if line["key"] == "districts"
    ).items()
    markdown = place.invoke(
        "deploy", "plan", "--cameras", "1000", "--days", "30", "--shipped", "--price-store", "0.02", "--markdown"
    )
    assert "| store a month, as full as it gets |" in markdown.stdout
    assert "benchmarks/throughput.py" in markdown.stdout
