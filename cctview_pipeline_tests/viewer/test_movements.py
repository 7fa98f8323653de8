"""The drawing of a camera's movements."""

from cctview_pipeline.viewer.movements import movement_drawings
from cctview_pipeline_tests.factories.tables import rows


def drawn(flows: list[dict], seen: list[dict]) -> list[str]:
    tables = (rows("camera_flows", *flows), rows("movements_seen", *seen))
    return [str(each.__html__()) for each in movement_drawings(*(table.to_pylist() for table in tables))]


def test_every_view_has_a_drawing_with_its_ways_and_their_vehicles():
    one, other = drawn(
        [{}, {"exit": "W", "turn": "right"}, {"view": "640x480"}], [{"whole": 3.0}, {"label": "bus", "whole": 3.0}]
    )
    assert "N to S: 7 (through)" in one
    assert "N to W: ? (right)" in one
    assert 'aria-label="Movements of view 640x480: N to S: ?"' in other


def test_of_which_few_were_seen_from_end_to_end_no_number_is_told():
    (one,) = drawn([{}], [{"shared": 20.0, "whole": 5.0}])
    assert "N to S: ? (through)" in one
    (other,) = drawn([{}], [{"shared": 4.0, "whole": 4.0}])
    assert "N to S: ? (through)" in other, "four are too few, though all were seen whole"


def test_texts_do_not_lie_over_each_other():
    (one,) = drawn([{}, {"exit": "W"}, {"exit": "E"}], [])
    places = [part.split('"')[1] for part in one.split('<text x="8" y=')[1:]]
    assert len(places) == len(set(places)) == 3


def test_where_nothing_was_found_nothing_is_drawn():
    assert drawn([], []) == []
