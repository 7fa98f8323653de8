"""A picture of one's own is looked at in memory, and finds the vehicle that it was cut from."""

import pyarrow as pa
import pytest

from cctview_pipeline.embed import load_extractor
from cctview_pipeline.embed.tables import embed_crops
from cctview_pipeline.lake import Partition
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import NORTH
from cctview_pipeline_tests.factories.viewer_lake import HOUR_KEY
from cctview_pipeline_tests.viewer.conftest import ORIGIN, Browser
from cctview_pipeline_tests.viewer.test_pages import vehicle

PLACE = Partition.camera_hour(NORTH.id, HOUR_17)


@pytest.fixture
def embedded(browser: Browser) -> Browser:
    """The crops' embeddings are the extractor's."""
    crops = browser.lake.read("crops", PLACE)
    browser.lake.write("features", PLACE, embed_crops(load_extractor(), crops))
    return browser.state()


def send(browser: Browser, picture: bytes, **seen: str):
    return browser.post(
        "/search",
        data={"camera": NORTH.id, "hour": HOUR_KEY} | seen,
        files={"picture": ("mine.png", picture)},
        headers={"origin": ORIGIN},
    )


def test_a_crop_finds_its_own_vehicle_at_no_distance_to_speak_of(embedded: Browser):
    text = send(embedded, _crop(embedded.lake.read("crops", PLACE))).text
    assert "1 of 1 tracks" in text
    assert vehicle(embedded) in text
    assert "distance 0." in text
    assert embedded.asked()[-1].endswith("search for an uploaded picture at cam-1 in 2020-05-05T17")


@pytest.mark.parametrize(
    ("camera", "at", "found"),
    [
        ("cam-2", "2020-05-05T17:00:20Z", True),
        ("cam-2", "2020-05-05T13:00:20-04:00", True),
        ("cam-2", "2020-05-05T17:01:19Z", False),  # a second before: nobody is as fast
        ("cam-2", "2020-05-05T16:00:20Z", False),
        ("cam-1", "2020-05-05T17:00:20Z", False),  # not a neighbour
    ],
)
def test_where_and_when_it_was_seen_leave_only_what_it_can_be(embedded: Browser, camera: str, at: str, found: bool):
    text = send(embedded, _crop(embedded.lake.read("crops", PLACE)), seen_camera=camera, seen_at=at).text
    assert ("1 of 1 tracks" in text) == (vehicle(embedded) in text) == found
    assert "only what it could be" in text
    assert f"seen at {camera} at 2020-05-05T1" in embedded.asked()[-1]


@pytest.mark.parametrize("seen", [{"seen_camera": "cam-2"}, {"seen_at": "2020-05-05T17:00Z"}, {"seen_at": "noon"}])
def test_half_of_where_and_when_is_refused_in_a_sentence(embedded: Browser, seen: dict[str, str]):
    answer = send(embedded, _crop(embedded.lake.read("crops", PLACE)), **seen)
    assert answer.status_code == 404
    assert "Say both where and when" in answer.text or "is no time" in answer.text


def _crop(crops: pa.Table) -> bytes:
    return crops["image"][7].as_py()
