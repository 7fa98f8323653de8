from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.privacy.publishing import k_anonymous

EIGHT = datetime(2024, 5, 6, 8, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
MAX_VEHICLES = 10_000  # vehicles in a bin: what an attacker knows about any road
Totals = Sequence[Sequence[str]]


def table(counts: Sequence) -> pa.Table:
    """counts: by quarter of an hour from eight, camera and label; None where there is no row."""
    rows = [
        {
            "began_at": EIGHT + bin * QUARTER,
            "hour": EIGHT + bin // 4 * 4 * QUARTER,
            "camera_id": f"c{camera}",
            "label": f"l{label}",
        }
        | {"vehicles": count}
        for bin, cameras in enumerate(counts)
        for camera, labels in enumerate(cameras)
        for label, count in enumerate(labels)
        if count is not None
    ]
    kinds = [("began_at", pa.timestamp("us", "UTC")), ("hour", pa.timestamp("us", "UTC"))]
    return pa.Table.from_pylist(
        rows, pa.schema([*kinds, ("camera_id", pa.string()), ("label", pa.string()), ("vehicles", pa.int64())])
    )


def one_bin(*cameras: Sequence[int]) -> pa.Table:
    return table([cameras])


def told(published: pa.Table, *names: str) -> dict[tuple, int]:
    """What is published of a kind of rows: their dimensions -> their count."""
    everything = [name for name in published.column_names if name != "vehicles"]
    return {
        tuple(row[name] for name in names): row["vehicles"]
        for row in published.to_pylist()
        if all((row[name] is not None) == (name in names) for name in everything)
    }


class Attacker:
    """Knows which groups there are, all that is published, which missing cells are below k, and that vehicles are whole."""

    def __init__(self, groups: pa.Table, published: pa.Table, totals: Totals, k: int):
        self.names = [name for name in groups.column_names if name != "vehicles"]
        self.truth = np.array(groups["vehicles"])
        self.cells = [tuple(row[name] for name in self.names) for row in groups.to_pylist()]
        known = told(published, *self.names)
        low = [known.get(cell, 0 if count < k else k) for cell, count in zip(self.cells, self.truth, strict=True)]
        high = [known.get(cell, k - 1 if count < k else MAX_VEHICLES) for cell, count in zip(self.cells, self.truth, strict=True)]
        self.bounds = Bounds(low, high)
        self.missing = [row for cell, row in zip(self.cells, np.eye(len(self.cells)), strict=True) if cell not in known]
        equations = []
        for kept in totals:
            sums = told(published, *kept)
            for key, row in self._sums(kept).items():
                if key in sums:
                    equations.append(LinearConstraint(row, sums[key], sums[key]))
                else:
                    self.missing.append(row)
        self.equations = equations

    def _sums(self, kept: Sequence[str]) -> dict[tuple, np.ndarray]:
        keys = [tuple(cell[self.names.index(name)] for name in kept) for cell in self.cells]
        return {key: np.array([float(key == each) for each in keys]) for key in keys}

    def ranges(self) -> Iterator[tuple[int, int, int]]:
        """Of every row that was not published: what it is, and the least and the most it can be."""
        for row in self.missing:
            least, most = (milp(way * row, constraints=self.equations, bounds=self.bounds, integrality=1) for way in (1, -1))
            assert all(end.success for end in (least, most))  # or the attacker is mistaken, and finds nothing out for that reason
            yield int(row @ self.truth), round(least.fun), round(-most.fun)

    def finds_out(self, k: int) -> list[tuple[int, int, int]]:
        """The missing rows of which more is known than the rule allows."""
        return [
            (true, low, high)
            for true, low, high in self.ranges()
            if (low > 0 or high < k - 1 if true < k else high - low < k - 1)
        ]


def naively(groups: pa.Table, totals: Totals, k: int) -> pa.Table:
    """Every row and total of k or more, and nothing else thought of."""
    rows = [row for row in groups.to_pylist() if row["vehicles"] >= k]
    for kept in totals:
        sums: dict[tuple, int] = {}
        for row in groups.to_pylist():
            key = tuple(row[name] for name in kept)
            sums[key] = sums.get(key, 0) + row["vehicles"]
        rows += [dict(zip(kept, key, strict=True)) | {"vehicles": total} for key, total in sums.items() if total >= k]
    return pa.Table.from_pylist(rows, groups.schema)


CAMERAS, LABELS = ("began_at", "hour", "camera_id"), ("began_at", "hour", "label")
CROSSED = (CAMERAS, LABELS)
SETS = [
    ("began_at", "hour", "camera_id"),
    ("began_at", "hour", "label"),
    ("hour", "camera_id"),
    ("hour", "label"),
    ("camera_id", "label"),
    ("began_at",),
    ("hour",),
    ("label",),
    (),
]
TRAPS = {
    "one missing cell in a line": (one_bin([50, 60, 3]), [CAMERAS]),
    "missing cells that sum to 0": (one_bin([50, 0, 0]), [CAMERAS]),
    "missing cells that are all k - 1": (one_bin([50, 9, 9]), [CAMERAS]),
    "a cycle of missing cells that cannot turn, for the zeros": (one_bin([0, 0, 50], [3, 5, 70], [80, 30, 90]), CROSSED),
    "a bridge: every line has two missing cells, and one of them follows": (
        # c0 and c1 with l0 and l1 are a cycle, c2 and c3 with l2 and l3 another; (c0, l2) alone joins them
        one_bin([4, 6, 5, 90], [7, 3, 80, 90], [70, 80, 5, 5], [70, 80, 6, 4]),
        CROSSED,
    ),
    "a cell that is hidden for another's sake, with little room": (one_bin([2, 13], [31, 15]), CROSSED),
    "totals that overlap": (one_bin([50, 60, 3], [40, 30, 20], [80, 90, 70]), [("camera_id",), ("label",), ("hour",), ()]),
    "a total below k among totals": (one_bin([2, 3], [50, 60], [70, 80]), [CAMERAS, ("began_at",)]),
    "the same sum under two names": (one_bin([50, 60, 3]), [("camera_id",), ("hour",), ("began_at",), ()]),
    "hours over quarters": (table([[[50, 3]], [[60, 20]], [[40, 30]], [[90, 70]]]), [("began_at",), ("hour", "label"), ()]),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_who_subtracts_finds_out_nothing(trap: str):
    groups, totals = TRAPS[trap]
    assert not Attacker(groups, k_anonymous(groups, totals=totals), totals, k=10).finds_out(k=10)


@pytest.mark.parametrize("trap", TRAPS)
def test_the_same_attacker_sees_through_a_naive_rule(trap: str):
    groups, totals = TRAPS[trap]
    assert Attacker(groups, naively(groups, totals, k=10), totals, k=10).finds_out(k=10)


@pytest.mark.parametrize(
    ("trap", "count"),
    [
        ("one missing cell in a line", 3),
        ("missing cells that are all k - 1", 9),
        ("a cycle of missing cells that cannot turn, for the zeros", 5),
        ("a bridge: every line has two missing cells, and one of them follows", 5),
    ],
)
def test_it_tells_counts_exactly(trap: str, count: int):
    groups, totals = TRAPS[trap]
    assert (count, count, count) in Attacker(groups, naively(groups, totals, k=10), totals, k=10).ranges()


counts = st.integers(0, 4) | st.integers(0, 30) | st.sampled_from([8, 9, 10, 11, 200])


@st.composite
def tables(draw) -> pa.Table:
    bins, cameras, labels = draw(st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3)))
    cell = draw(st.sampled_from([counts, counts | st.none()]))
    return table([[[draw(cell) for _ in range(labels)] for _ in range(cameras)] for _ in range(bins)])


@given(tables(), st.lists(st.sampled_from(SETS), max_size=4, unique=True), st.integers(2, 12))
def test_of_any_table_nobody_finds_out_what_is_missing(groups: pa.Table, totals: list, k: int):
    published = k_anonymous(groups, k, totals=totals)
    assert not Attacker(groups, published, totals, k).finds_out(k)
    assert all(count >= k for count in published["vehicles"].to_pylist())
    assert set(map(str, naively(groups, totals, k).to_pylist())) >= set(map(str, published.to_pylist()))  # and nothing is made up


def test_for_one_small_row_one_more_is_missing():
    published = k_anonymous(one_bin([50, 60, 70], [50, 60, 3]), totals=[CAMERAS, ()])
    assert [row["vehicles"] for row in published.to_pylist()] == [50, 60, 70, 50, 180, 113, 293]  # 60 is missing for the 3


def test_where_all_groups_are_large_all_is_published():
    published = k_anonymous(one_bin([10, 11], [12, 13]), totals=[*CROSSED, ()])
    assert told(published, "camera_id", "began_at", "hour") == {("c0", EIGHT, EIGHT): 21, ("c1", EIGHT, EIGHT): 25}
    assert told(published) == {(): 46}
    assert len(published) == 4 + 2 + 2 + 1


@pytest.mark.parametrize("groups", [one_bin([1, 2], [0, 3]), one_bin()], ids=["small", "none"])
def test_where_all_groups_are_small_nothing_is_published(groups: pa.Table):
    assert k_anonymous(groups, totals=[*CROSSED, ()]).to_pylist() == []


def test_small_groups_are_published_in_sum():
    groups = table([[[5, 4, 9, 0, 6, 2]]])
    assert [row["vehicles"] for row in k_anonymous(groups, totals=[CAMERAS]).to_pylist()] == [26]


@settings(max_examples=20, deadline=None)
@given(tables(), st.randoms())
def test_the_order_of_rows_changes_nothing(groups: pa.Table, random):
    order = list(range(len(groups)))
    random.shuffle(order)
    totals = [*CROSSED, ("hour",), ()]
    assert k_anonymous(groups.take(pa.array(order, pa.int64())), totals=totals).equals(k_anonymous(groups, totals=totals))


def test_a_row_that_is_not_given_is_no_hiding_place_and_is_not_protected():
    """[50, 3, none]: whoever knows that the third label never comes here must not find the 3 either."""
    assert told(k_anonymous(table([[[50, 3, None]]]), totals=[CAMERAS]), *CAMERAS) == {(EIGHT, EIGHT, "c0"): 53}
    assert len(k_anonymous(table([[[50, 30, None]]]), totals=[CAMERAS])) == 3
    assert len(k_anonymous(table([[[50, 30, 0]]]), totals=[CAMERAS])) == 2  # given as 0, it is


def test_what_was_measured_goes_with_its_row_and_not_with_totals():
    row = {"from_camera_id": "a", "to_camera_id": "b", "began_at": EIGHT, "vehicles": 12, "median_s": 61.0}
    few, many = row | {"to_camera_id": "c", "vehicles": 9}, row | {"to_camera_id": "d", "vehicles": 40}
    fields = [schema_of("travel_times").field(name) for name in row]
    mart = pa.Table.from_pylist([row, few, many], pa.schema(fields))
    assert k_anonymous(mart, values=["median_s"]).to_pylist() == [row, many]
    shown, total = k_anonymous(mart, values=["median_s"], totals=[("from_camera_id", "began_at")]).to_pylist()
    assert shown == row
    assert (total["vehicles"], total["to_camera_id"], total["median_s"]) == (61, None, None)
    assert k_anonymous(mart, values=["median_s"]).schema.field("to_camera_id").nullable  # or it could not be written down


def changed(column: str, values: list, kind: pa.DataType | None = None) -> pa.Table:
    groups = one_bin([50, 60])
    return groups.set_column(groups.column_names.index(column), column, pa.array(values, kind or groups[column].type))


@pytest.mark.parametrize(
    ("groups", "asked", "sentence"),
    [
        (changed("began_at", [EIGHT, EIGHT + timedelta(minutes=5)]), {}, "holds 08:05:00, which is no multiple of 15 minutes"),
        (changed("hour", [EIGHT, EIGHT + timedelta(minutes=5)]), {}, "'hour' holds 08:05:00"),
        (changed("began_at", ["08:00", "08:15"], pa.string()), {}, "must hold times"),
        (changed("vehicles", [50, -1]), {}, "holds -1"),
        (changed("vehicles", [50, None]), {}, "whole number in every row"),
        (changed("vehicles", [50, 0.5], pa.float64()), {}, "whole number in every row"),
        (changed("label", ["car", None]), {}, "'label' holds nulls"),
        (changed("label", [0.1, 0.2], pa.float64()), {}, "name it under values"),
        (changed("label", ["car", "car"]), {}, "add them up first"),
        (one_bin([50]).drop_columns("vehicles"), {}, "no column 'vehicles'"),
        (one_bin([50]), {"values": ["began_at"]}, "'began_at' the time"),
        (one_bin([50]), {"values": ["vehicles"]}, "is the count"),
        (one_bin([50]), {"k": 1}, "protects nobody"),
        (one_bin([50]), {"totals": ["label"]}, "lists of dimensions"),
        (one_bin([50]), {"totals": [["lable"]]}, "'lable' is none"),
        (one_bin([50]), {"totals": [["label", "camera_id", "hour", "began_at"]]}, "the row itself"),
        (one_bin([50]), {"totals": [["label"], ["label"]]}, "given twice"),
    ],
)
def test_what_cannot_be_meant_is_refused(groups: pa.Table, asked: dict, sentence: str):
    with pytest.raises(CctviewError, match=sentence):
        k_anonymous(groups, **asked)
