"""No group below k leaves the house, nor anything that tells one."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.formats.figures import CLASSES
from cctview_pipeline.lake.marts import BY_DAY
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.privacy.release import (
    COUNTED,
    NOT_RELEASED,
    READ,
    RELEASED,
    WITHHELD,
    at_least,
    description_of,
    release,
)
from cctview_pipeline_tests.factories.figures import AUTUMN, figures

K = 10


@pytest.fixture(scope="module")
def made() -> dict[str, pa.Table]:
    return figures()


@pytest.fixture(scope="module")
def out(made: dict[str, pa.Table]) -> dict[str, pa.Table]:
    return release(made, K)


def rows(table: pa.Table, **wanted: Any) -> Iterator[dict[str, Any]]:
    return (row for row in table.to_pylist() if all(row[name] == value for name, value in wanted.items()))


def keyed(table: pa.Table, *names: str) -> dict[tuple, dict[str, Any]]:
    return {tuple(row[name] for name in names): row for row in table.to_pylist()}


PLACE = ("camera_id", "carriageway", "began_at")


def test_no_count_below_k_is_shown(out: dict[str, pa.Table]):
    for name, column in (("class_counts", "vehicles"), ("flows", "vehicles"), ("speeds", "vehicles_at_least")):
        assert pc.min(out[name][column]).as_py() >= K, name
        assert pc.count(out[name][column]).as_py() > 100, name


@pytest.mark.parametrize("name", COUNTED)
def test_a_withheld_row_tells_its_place_and_coverage_and_nothing_else(out: dict[str, pa.Table], name: str):
    hidden = list(rows(out[name], status=WITHHELD))
    assert hidden
    for row in hidden:
        told = {column for column, value in row.items() if value is not None}
        assert told == {field.name for field in out[name].schema if not field.nullable}


def test_every_row_of_the_grid_is_still_there(made: dict[str, pa.Table], out: dict[str, pa.Table]):
    for name in COUNTED[1:]:
        assert out[name]["began_at"].equals(made[name]["began_at"])
    assert len(keyed(out["class_counts"], *PLACE, "vehicle_class")) == 2 * made["flows"].num_rows == out["class_counts"].num_rows


def test_an_outage_is_no_secret_and_a_zero_is_withheld(made: dict[str, pa.Table], out: dict[str, pa.Table]):
    labels = keyed(made["vehicle_counts"], *PLACE, "label")
    places = {key[:3] for key in labels}
    zeros = {place for place in places if labels[*place, "bus"]["vehicles"] == labels[*place, "truck"]["vehicles"] == 0}
    dark = {place for place in places if labels[*place, "bus"]["vehicles"] is None}
    found = keyed(out["class_counts"], *PLACE, "vehicle_class")
    assert zeros
    assert dark
    assert {found[*place, "heavy"]["status"] for place in zeros} == {WITHHELD}
    assert {found[*place, "heavy"]["status"] for place in dark} == {"no_data"}


def test_classes_are_the_sums_of_their_labels(made: dict[str, pa.Table], out: dict[str, pa.Table]):
    labels = keyed(made["vehicle_counts"], *PLACE, "label")
    shown = [row for row in out["class_counts"].to_pylist() if row["vehicles"] is not None]
    assert len(shown) > 300
    for row in shown:
        parts = [labels[*(row[name] for name in PLACE), label] for label in CLASSES[row["vehicle_class"]]]
        assert row["vehicles"] == sum(part["vehicles"] for part in parts)
        assert row["status"] == parts[0]["status"]
        if row["status"] in ("observed", "expanded"):
            assert row["expanded"] == pytest.approx(row["vehicles"] / row["coverage"], rel=1e-5)


def test_a_label_that_is_flagged_flags_its_class(made: dict[str, pa.Table]):
    rows = made["vehicle_counts"].to_pylist()
    for row in rows:
        if row["label"] == "bus":
            row["status"] = "flagged"
    out = release(made | {"vehicle_counts": pa.Table.from_pylist(rows, schema_of("vehicle_counts"))}, K)["class_counts"]
    assert set(pc.unique(out.filter(pc.equal(out["vehicle_class"], "heavy"))["status"]).to_pylist()) == {"flagged", WITHHELD}
    assert "observed" in out.filter(pc.equal(out["vehicle_class"], "light"))["status"].to_pylist()


def test_what_is_shown_is_what_was_counted(made: dict[str, pa.Table], out: dict[str, pa.Table]):
    before = keyed(made["flows"], *PLACE)
    for key, row in keyed(out["flows"], *PLACE).items():
        if row["status"] != WITHHELD:
            kept = ("vehicles", "expanded", "in_view_count", "status", "coverage")
            assert {name: row[name] for name in kept} == {name: before[key][name] for name in kept}


def test_where_the_sum_is_shown_no_class_below_k_is_its_remainder(out: dict[str, pa.Table]):
    """The attack that subtracting flows and class_counts is. More of them: test_publishing.py."""
    classes: dict[tuple, list] = {}
    for row in out["class_counts"].to_pylist():
        classes.setdefault(tuple(row[name] for name in PLACE), []).append(row["vehicles"])
    tried = [(row["vehicles"], classes[key]) for key, row in keyed(out["flows"], *PLACE).items() if row["vehicles"] is not None]
    assert all(of.count(None) != 1 for _, of in tried)
    assert all(whole >= 2 * K - 1 for whole, of in tried if None in of)
    assert {of.count(None) for _, of in tried} == {0, 2}


def test_figures_that_need_other_rows_are_shown_where_those_are(out: dict[str, pa.Table]):
    found = keyed(out["flows"], *PLACE)
    for (camera, way, at), row in found.items():
        other = found[camera, "S" if way == "N" else "N", at]
        if WITHHELD in (row["status"], other["status"]):
            assert row["directional_share"] is None
        quarters = [
            found[key]["status"] for key in found if key[:2] == (camera, way) and key[2].replace(minute=0) == at.replace(minute=0)
        ]
        if WITHHELD in quarters:
            assert row["peak_hour_factor"] is None
    assert pc.count(out["flows"]["directional_share"]).as_py() > 100
    assert pc.count(out["flows"]["peak_hour_factor"]).as_py() > 100


def test_no_column_tells_how_many_were_matched(out: dict[str, pa.Table]):
    told = set(out["travel_times"].column_names)
    assert not told & {"vehicles", "effective", "match_rate_down", "match_rate_up", "p5_s", "p95_s", "filtered_share"}
    assert not {"balance", "heavy_share", "heavy_lower", "heavy_upper"} & set(out["flows"].column_names)


@given(whole=st.integers(0, 300), share=st.floats(0, 1), k=st.integers(2, 40))
def test_the_vehicles_of_unknown_speed_are_never_known_to_be_few(whole: int, share: float, k: int):
    """Whoever knows the whole, k and the rule strikes out every part that would have been told otherwise."""
    part = round(whole * share)
    told = at_least(part, whole, k)
    possible = [whole - each for each in range(whole + 1) if at_least(each, whole, k) == told]
    if told:
        assert part >= told >= k
        assert max(possible) - min(possible) >= k - 1
        assert min(possible) == 0 or min(possible) >= k


def test_segments_are_shown_where_counts_and_times_are(out: dict[str, pa.Table]):
    ways = ("from_camera_id", "to_camera_id", "carriageway", "began_at")
    flows, times = keyed(out["flows"], *PLACE), keyed(out["travel_times"], *ways)
    shown = 0
    for (source, target, way, at), row in keyed(out["segment_performance"], *ways).items():
        if row["vehicles"] is not None:
            shown += 1
            assert flows[target, way, at]["expanded"] == pytest.approx(row["vehicles"])
            assert times[source, target, way, at]["vehicles_at_least"] >= K
    assert shown > 100


def test_reliability_of_few_quarters_is_withheld(out: dict[str, pa.Table]):
    few = list(rows(out["reliability"], period="pm"))  # three of them
    assert {row["status"] for row in few} == {WITHHELD}
    assert {row["p95_s"] for row in few} == {None}
    assert {row["bins_at_least"] for row in rows(out["reliability"], period="am")} == {10}  # of sixteen


def test_that_a_camera_saw_nobody_is_a_count_too(made: dict[str, pa.Table]):
    [declared] = made["anomalies"].to_pylist()
    found = pa.Table.from_pylist(
        [declared, declared | {"kind": "no_vehicles"}, declared | {"kind": "frozen"}], schema_of("anomalies")
    )
    assert release(made | {"anomalies": found}, K)["anomalies"]["kind"].to_pylist() == ["declared", "frozen"]


def test_every_table_of_figures_is_released_or_says_why_not():
    assert {*READ, *NOT_RELEASED} == {spec.name for spec in BY_DAY}
    assert not {*READ} & {*NOT_RELEASED}


def test_no_column_of_what_is_released_holds_an_id_of_a_vehicle(out: dict[str, pa.Table]):
    assert out.keys() == set(RELEASED)
    for table in out.values():
        assert not {"track_id", "track_ids", "journey_id", "vehicle_id", "detection_ids"} & set(table.column_names)


def test_every_column_says_what_it_is_and_every_table_too(out: dict[str, pa.Table]):
    for name, table in out.items():
        assert description_of(name).endswith(".")
        assert all(field.metadata[b"description"] for field in table.schema), name


def test_the_order_of_rows_changes_nothing(made: dict[str, pa.Table], out: dict[str, pa.Table]):
    turned = {name: table.take(list(range(table.num_rows))[::-1]) for name, table in made.items()}
    for name, table in release(turned, K).items():
        rows = table.to_pylist()
        assert (rows if name == "class_counts" else rows[::-1]) == out[name].to_pylist(), name


def test_a_day_of_25_hours_and_one_without_anything():
    assert release(figures(AUTUMN), K)["flows"].num_rows == 600
    assert {each.num_rows for each in release({spec.name: spec.schema.empty_table() for spec in BY_DAY}, K).values()} == {0}


def test_counts_that_do_not_agree_are_refused(made: dict[str, pa.Table]):
    odd = made["flows"].to_pylist()
    odd[40]["vehicles"] += 1
    with pytest.raises(CctviewError, match=r"^flows and vehicle_counts of camera cam-1 count different vehicles: make"):
        release(made | {"flows": pa.Table.from_pylist(odd, schema_of("flows"))}, K)


def test_a_k_that_protects_nobody(made: dict[str, pa.Table]):
    with pytest.raises(CctviewError, match=r"^k = 1 protects nobody"):
        release(made, 1)
