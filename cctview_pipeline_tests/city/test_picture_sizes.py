"""The city in pictures of any size: the same view, with as many pixels as asked for."""

import pytest

from cctview_pipeline.city import CAMERAS, CityNetwork, CitySettings
from cctview_pipeline.city.picture_sizes import picture_sizes
from cctview_pipeline.city.truth import in_stored_frames
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.images import decode
from cctview_pipeline_tests.factories.cities import DAWN
from cctview_pipeline_tests.factories.tables import rows

IDS = [camera.id for camera in CAMERAS]


@pytest.fixture(scope="module")
def usual() -> CityNetwork:
    return CityNetwork(CitySettings(seed=1000, start=DAWN, minutes=1))


def made(usual: CityNetwork, *sizes: str, faults: tuple[str, ...] = ()) -> CityNetwork:
    """The same traffic, which takes seconds to set going, photographed otherwise."""
    network = CityNetwork(CitySettings(seed=1000, start=DAWN, minutes=1, sizes=sizes, faults=faults))
    network.traffic = usual.traffic
    return network


def test_cameras_have_the_size_that_was_said_last_of_them():
    sizes = picture_sizes(("1280x720", "720x576:city-3", "640x480:city-3"), IDS)
    assert sizes["city-1"] == (1280, 720)
    assert sizes["city-3"] == (640, 480)
    assert set(picture_sizes((), IDS).values()) == {(352, 240)}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("large", "is no size of a picture"),
        ("640x480:city-9", "known are city-1"),
        ("32x32", "64 to 4096 pixels a side"),
        ("9999x100", "64 to 4096"),
    ],
)
def test_what_is_no_size_is_refused(said, why):
    with pytest.raises(CctviewError, match=why):
        CitySettings(sizes=(said,))


@pytest.mark.parametrize("size", [(320, 240), (720, 576)])
def test_the_same_vehicles_are_in_the_same_places(usual, size):
    small, large = usual, made(usual, f"{size[0]}x{size[1]}:city-2")
    shot = small.shots("city-2", DAWN)[10]
    assert large.shots("city-2", DAWN)[10] == shot
    (frame, truth), (_, known) = large.picture_and_truth("city-2", shot), small.picture_and_truth("city-2", shot)
    assert (frame.width, frame.height) == size == decode(frame.jpeg).shape[1::-1]
    assert large.mount("city-1").size == (352, 240)
    boxes, before = ({row["vehicle_id"]: row for row in table.to_pylist()} for table in (truth, known))
    whole = [{name for name, row in each.items() if row["visible_fraction"] > 0.9} for each in (boxes, before)]
    both = sorted(whole[0] & whole[1])
    assert len(both) > 3
    for each in both:  # the pole, the lens and the upper edge are the same; how far the camera is tilted down follows
        for corner in ("x1", "x2"):
            assert boxes[each][corner] * 352 / size[0] == pytest.approx(before[each][corner], abs=6)
        wide = [(row[each]["x2"] - row[each]["x1"]) for row in (boxes, before)]
        assert wide[0] * 352 / size[0] == pytest.approx(wide[1], rel=0.15, abs=2)
    assert max(row["y2"] for row in boxes.values()) <= size[1]


def test_pictures_double_half_way_and_the_truth_stays_in_pixels_of_the_camera(usual):
    network = made(usual, faults=("resized:city-2",))
    before, after = network.shots("city-2", DAWN)[0], network.shots("city-2", DAWN)[-1]
    sizes = [(frame.width, frame.height) for frame in (network.picture("city-2", shot) for shot in (before, after))]
    assert sizes == [(352, 240), (704, 480)]
    frame, truth = network.picture_and_truth("city-2", after)
    _, known = usual.picture_and_truth("city-2", usual.shots("city-2", DAWN)[-1])
    seen = dict(zip(truth["vehicle_id"].to_pylist(), truth["x1"].to_pylist(), strict=True))
    there = {name: x for name, x in zip(known["vehicle_id"].to_pylist(), known["x1"].to_pylist(), strict=True) if name in seen}
    assert len(there) > 3
    assert [seen[name] for name in there] == pytest.approx(list(there.values()), abs=1)
    stored = rows("raw_frames", {"frame_id": frame.frame_id, "width": 640, "height": 436})
    assert in_stored_frames(truth, stored)["x1"].to_numpy() == pytest.approx(truth["x1"].to_numpy() * 640 / 352, rel=1e-5)


def test_sizes_are_only_said_where_there_are_any():
    assert "sizes" not in CitySettings().as_dict()
    assert CitySettings.read(CitySettings(sizes=("640x360",)).as_dict()).sizes == ("640x360",)
