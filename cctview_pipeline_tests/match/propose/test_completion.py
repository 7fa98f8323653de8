"""Which parts of ways are looked for, and at which travel times."""

from scipy.sparse import csr_array

from cctview_pipeline.match.propose.completion import missing_parts
from cctview_pipeline.match.propose.reduction import Way
from cctview_pipeline.match.propose.sharing import Shared

WHOLE, FIRST, LAST = ("a", "away", "c", "away"), ("a", "away", "b", "towards"), ("b", "towards", "c", "away")


def shares(seconds: float) -> Shared:
    return Shared(probability=csr_array((1, 1)), vehicles=50, median=seconds, low=seconds, high=seconds, spread=1.0)


def parts(found: dict[Way, float]) -> dict[Way, tuple[float, float]]:
    known = {way: shares(seconds) for way, seconds in found.items()}
    return missing_parts(known, list(known))


def test_what_is_left_of_a_way_is_looked_for_behind_its_first_part_and_before_its_last():
    assert parts({WHOLE: 200, FIRST: 50}) == {LAST: (130, 170)}
    assert parts({WHOLE: 200, LAST: 50}) == {FIRST: (130, 170)}


def test_a_part_that_was_found_is_not_looked_for():
    assert parts({WHOLE: 200, FIRST: 50, LAST: 150}) == {}


def test_what_takes_longer_than_the_way_is_no_part_of_it():
    known = {WHOLE: shares(200), FIRST: shares(210)}
    assert missing_parts(known, [WHOLE]) == {}


def test_ways_that_share_no_end_say_nothing_of_each_other():
    assert parts({WHOLE: 200, ("a", "towards", "b", "towards"): 50, ("d", "away", "c", "towards"): 50}) == {}
