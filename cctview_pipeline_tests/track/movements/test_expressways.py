"""Nobody turns on an expressway: neither where its road bends, nor where tracks of its carriageways jump."""

import numpy as np
import pytest

from cctview_pipeline.track.movements.found import find
from cctview_pipeline.track.movements.oncoming import without_oncoming
from cctview_pipeline.track.movements.paths import paths_of
from cctview_pipeline.track.retraced import seen_again
from cctview_pipeline_tests.factories.crossing import Crossing, Drive, traffic
from cctview_pipeline_tests.factories.expressway import carriageways
from cctview_pipeline_tests.track.movements.test_tables import WAYS, counted, found, names


def ways(crossing: Crossing):
    """The ways of its tracks, as they come."""
    (view,) = seen_again(crossing.tracks, crossing.detections)
    return paths_of(view.name, view.tracks, view.rows, view.seen)


@pytest.mark.parametrize("degrees", [0, 40, 60, -40])
def test_who_follows_a_road_that_bends_does_not_turn(degrees):
    flows = found(Crossing(carriageways(bend=np.radians(degrees)))).flows
    assert flows["turn"].to_pylist() == ["through", "through"]
    (one, other) = zip(flows["approach"].to_pylist(), flows["exit"].to_pylist(), strict=True)
    assert one == other[::-1], "there and back"


def test_carriageways_side_by_side_do_not_exchange_vehicles():
    hour = found(Crossing(carriageways(jumping=12)))
    assert names(hour) == {("N", "S"), ("S", "N")}
    assert counted(hour, "shared") == {("N", "S"): 37, ("S", "N"): 37}


def test_a_way_is_cut_where_it_jumps_into_oncoming_traffic_and_there_alone():
    view = ways(Crossing(carriageways(each=25, jumping=5)))
    lost = [len(before.rows) - len(after.rows) for before, after in zip(view.paths, without_oncoming(view).paths, strict=True)]
    assert lost == [0] * 50 + [1] * 10


def test_who_turns_across_oncoming_traffic_is_left_whole():
    view = ways(Crossing(traffic(WAYS)))
    assert [len(path.rows) for path in without_oncoming(view).paths] == [len(path.rows) for path in view.paths]


def test_who_was_missed_for_some_frames_is_not_out_of_the_picture_by_the_next():
    lost = [Drive("N", "S", start=2000.0 + 24.0 * each, missed=(5, 6, *range(8, 60))) for each in range(9)]
    view = find(ways(Crossing([*traffic([("N", "S"), ("S", "N")]), *lost])), "north")
    assert (view.exits.of_path[-9:] == -1).all()
    assert (view.exits.of_path[:-9] >= 0).all()


def test_an_end_in_the_distance_is_one_of_who_drives_along_the_view():
    """Who drives across far away is small and still to be seen: there a track is lost, and nobody leaves."""
    across = np.array([[20.0, 30.0], [-8.0, 46.0]])
    some = [Drive("", "", start=2000.0 + 24.0 * each, line=across) for each in range(9)]
    view = find(ways(Crossing([*traffic([("N", "S"), ("S", "N")]), *some])), "north")
    assert (view.exits.of_path[-9:] == -1).all()
