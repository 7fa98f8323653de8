"""Of several words of several people: what counts, and what they agree on."""

from datetime import timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.match.verdicts import DIFFERENT, NONE, OFFERED, SAME, Judged, judge, newest
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import rows


def word(verdict: str, gallery: str | None = "a", by: str = "anna", minute: int = 0, query: str = "q") -> dict:
    said = {"query_track_id": query, "gallery_track_id": gallery, "verdict": verdict}
    return said | {"said_by": by, "said_at": HOUR_17 + timedelta(minutes=minute), "why": ""}


def judged(*words: dict, offered: str = "ab") -> Judged:
    row = {"query_track_id": "q", "assigned": False}
    matches = [row | {"gallery_track_id": each, "rank": n} for n, each in enumerate(offered, 1)]
    return judge(pa.Table.from_pylist(list(words), schema_of("verdicts")), rows("matches", *matches))


@pytest.mark.parametrize(
    ("words", "same", "different", "disputed"),
    [
        ([word(SAME)], "a", "", ""),
        ([word(SAME), word(DIFFERENT, minute=1)], "", "a", ""),
        ([word(SAME), word(SAME, by="ben")], "a", "", ""),
        ([word(SAME), word(DIFFERENT, by="ben")], "", "", "a"),
        ([word(NONE, None)], "", "ab", ""),
        ([word(SAME), word(NONE, None, minute=1)], "", "ab", ""),
        ([word(NONE, None), word(SAME, minute=1)], "a", "", ""),
        ([word(SAME), word(NONE, None, by="ben", minute=1)], "", "b", "a"),
        ([word(DIFFERENT, "b"), word(NONE, None, minute=1)], "", "ab", ""),
        ([], "", "", ""),
    ],
    ids=[
        "a word", "the newest of one person", "two agree", "two do not", "none of all that were offered", "taken back by none",
        "none taken back", "none against the same", "none and different say one thing", "nobody said anything",
    ],
)  # fmt: skip
def test_what_counts(words: list[dict], same: str, different: str, disputed: str):
    found = judged(*words)
    assert [{pair[1] for pair in part} for part in (found.same, found.different, found.disputed)] == [
        set(same), set(different), set(disputed),
    ]  # fmt: skip
    assert found.people == {each["said_by"] for each in words}


def test_none_speaks_of_the_candidates_that_were_offered_and_of_no_others():
    assert len(judged(word(NONE, None), offered="abcdefghijk").different) == OFFERED


WORDS = st.lists(
    st.builds(
        word,
        st.sampled_from([SAME, DIFFERENT]),
        st.sampled_from("ab"),
        st.sampled_from(["anna", "ben"]),
        st.integers(0, 99),
    )
    | st.builds(word, st.just(NONE), st.none(), st.sampled_from(["anna", "ben"]), st.integers(0, 99)),
    unique_by=lambda each: each["said_at"],
)


@given(WORDS, st.randoms())
def test_order_in_the_table_does_not_count_and_nobody_contradicts_themselves(words: list[dict], random):
    found = judged(*words)
    shuffled = random.sample(words, len(words))
    assert judged(*shuffled) == found
    for person in ("anna", "ben"):
        mine = [each["verdict"] for each in newest(words) if each["said_by"] == person]
        assert not {SAME, NONE} <= set(mine)
    assert not found.same & found.different
    assert not found.disputed & (found.same | found.different)
    assert found.disputed <= found.shared
