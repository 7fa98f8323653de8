"""Links are found where vehicles are shared, in their direction and with their travel time, and nowhere else."""

from dataclasses import replace

import numpy as np
import pytest

from cctview_pipeline.match.propose import FEWEST, Passers, Proposals, propose
from cctview_pipeline_tests.factories.linked_roads import Route, driven

ALONG = Route((("a", "away", 0), ("b", "towards", 60), ("c", "away", 150)), 250)
BACK = Route((("c", "towards", 0), ("b", "away", 100), ("a", "towards", 170)), 250)


def ends(found: Proposals) -> set[tuple[str, str, str, str]]:
    return {(each.source, each.leaves, each.target, each.enters) for each in found.links()}


@pytest.fixture(scope="module")
def there_and_back() -> list[Passers]:
    return driven([ALONG, BACK])


@pytest.fixture(scope="module")
def found(there_and_back: list[Passers]) -> Proposals:
    return propose(there_and_back)


def test_neighbours_are_linked_in_both_directions_and_nothing_besides(found: Proposals):
    along = {("a", "away", "b", "towards"), ("b", "towards", "c", "away")}
    back = {("c", "towards", "b", "away"), ("b", "away", "a", "towards")}
    assert ends(found) == along | back


def test_travel_times_are_those_driven(found: Proposals):
    times = {(each.source, each.target): each for each in found.links()}
    for pair, seconds in {("a", "b"): 60, ("b", "c"): 90, ("c", "b"): 100, ("b", "a"): 70}.items():
        assert times[pair].seconds == pytest.approx(seconds, rel=0.02)
        assert times[pair].low < times[pair].seconds < times[pair].high
        assert times[pair].vehicles == pytest.approx(250, rel=0.1)


def test_what_cameras_between_tell_is_no_link(found: Proposals):
    told = {(each.source, each.target): each.by_way_of for each in found.ways if each.by_way_of}
    assert told == {("a", "c"): ("b",), ("c", "a"): ("b",)}


def test_names_and_order_of_cameras_change_nothing(there_and_back: list[Passers], found: Proposals):
    other = {"a": "z", "b": "a", "c": "m"}
    renamed = propose([replace(group, camera=other[group.camera]) for group in there_and_back[::-1]])
    same = {(other[one], leaves, other[to], enters) for one, leaves, to, enters in ends(found)}
    assert ends(renamed) == same
    assert sorted(each.seconds for each in renamed.ways) == pytest.approx(sorted(each.seconds for each in found.ways), rel=1e-6)
    assert sorted(each.q for each in renamed.ways) == pytest.approx(sorted(each.q for each in found.ways))


def test_demand_that_comes_in_one_wave_is_no_link():
    """Everybody arrives in platoons at all cameras alike, and no two cameras see the same vehicle."""
    alone = [Route(((camera, way, start),), 250) for start, camera in enumerate("abcd") for way in ("away", "towards")]
    found = propose(driven(alone, wave=True))
    assert found.ways == ()
    assert found.hypotheses == 48


def test_a_cloud_over_two_cameras_is_no_link():
    """Light changes at both cameras at once, so that vehicles look alike that pass at the same time."""
    groups = driven([Route(((camera, way, 0),), 250) for camera in "abc" for way in ("away", "towards")])
    cloud = np.random.default_rng(5).normal(size=(1, groups[0].looks.shape[1]))
    shaded = [replace(each, looks=each.looks + 2 * np.sin(each.passed / 300)[:, None] * cloud) for each in groups]
    assert propose(shaded).ways == ()


def test_a_fork_has_two_links_and_one_way_streets_none_back():
    fork = [Route((("a", "away", 0), ("b", "away", 50)), 200), Route((("a", "away", 0), ("c", "towards", 80)), 200)]
    others = Route((("b", "towards", 0),), 200), Route((("c", "away", 0),), 200)
    assert ends(propose(driven([*fork, *others]))) == {("a", "away", "b", "away"), ("a", "away", "c", "towards")}


def test_a_loop_is_closed():
    loop = Route((("a", "away", 0), ("b", "away", 40), ("c", "away", 110)), 200)
    home = Route((("c", "away", 0), ("a", "away", 60), ("b", "away", 100)), 200)
    assert ends(propose(driven([loop, home]))) == {
        ("a", "away", "b", "away"),
        ("b", "away", "c", "away"),
        ("c", "away", "a", "away"),
    }


def test_a_shorter_way_beside_that_past_a_camera_is_a_link_too():
    detour = Route((("a", "away", 0), ("b", "away", 60), ("c", "away", 120)), 200)
    motorway = Route((("a", "away", 0), ("c", "away", 70)), 200)
    assert ("a", "away", "c", "away") in ends(propose(driven([detour, motorway])))


def test_a_way_that_takes_as_long_as_that_past_a_camera_is_a_link_too():
    """Nobody who takes it is seen at the camera on the other one."""
    past = Route((("a", "away", 0), ("b", "away", 60)), 150), Route((("b", "away", 0), ("c", "away", 60)), 150)
    beside = Route((("a", "away", 0), ("c", "away", 120)), 200)
    assert ("a", "away", "c", "away") in ends(propose(driven([*past, beside], noise=0.3)))


def test_a_part_that_is_too_faint_alone_is_found_where_the_rest_of_the_way_says():
    """Few of those that the camera between sees go on; the seventh hypothesis asks for them where they have to be."""
    seen = Route((("a", "away", 0), ("b", "away", 60)), 150), Route((("a", "away", 0), ("b", "away", 60), ("c", "away", 150)), 9)
    unseen = Route((("a", "away", 0), ("c", "away", 150)), 60)
    others = Route((("b", "away", 0),), 150), Route((("c", "away", 0),), 150)
    found = propose(driven([*seen, unseen, *others], noise=1.0))
    assert found.hypotheses == 7
    (part,) = (each for each in found.links() if (each.source, each.target) == ("b", "c"))
    assert part.seconds == pytest.approx(90, rel=0.1)


def test_nothing_arrives_sooner_than_anybody_drives():
    """What a camera 5 km on sees after a minute is no vehicle of this one."""
    route = Route((("a", "away", 0), ("b", "away", 20)), 200), Route((("a", "towards", 0),), 200)
    near, far = (propose(driven(route), {("b", "a"): metres}) for metres in (400.0, 5000.0))
    assert [(each.metres, each.metres_from) for each in near.links()] == [(400.0, "places")]
    assert far.links() == []


def test_without_places_the_travel_time_tells_the_metres(found: Proposals):
    for each in found.links():
        assert each.metres_from == "travel time"
        assert each.metres == pytest.approx(each.seconds * 60 / 3.6)


def test_directions_of_a_few_vehicles_are_left_out_and_named():
    found = propose(driven([ALONG, Route((("a", "towards", 0),), FEWEST - 1)]))
    assert found.too_few == (("a", "towards"),)
    assert {("a", "away", "b", "towards"), ("b", "towards", "c", "away")} == ends(found)


def test_no_cameras_have_no_links():
    assert propose([]) == Proposals(ways=(), hypotheses=0, decoys=0, too_few=())
