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


def send(browser: Browser, picture: bytes):
    return browser.post(
        "/search",
        data={"camera": NORTH.id, "hour": HOUR_KEY},
        files={"picture": ("mine.png", picture)},
        headers={"origin": ORIGIN},
    )


def test_a_crop_finds_its_own_vehicle_at_no_distance_to_speak_of(embedded: Browser):
    text = send(embedded, _crop(embedded.lake.read("crops", PLACE))).text
    assert "1 of 1 tracks" in text
    assert vehicle(embedded) in text
    assert "distance 0." in text
    assert embedded.asked()[-1].endswith("search for an uploaded picture at cam-1 in 2020-05-05T17")


def _crop(crops: pa.Table) -> bytes:
    return crops["image"][7].as_py()
