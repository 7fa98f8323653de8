"""Crops to features."""

import numpy as np
import pytest

from cctview_pipeline.embed.tables import embed_crops
from cctview_pipeline.images import decode, encode_png
from cctview_pipeline.lake.columns import embedding_matrix
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline_tests.factories.tables import rows


class MeanColour:
    """An extractor whose embedding is the crop's mean colour."""

    dimension, version = 3, "made@1"

    def embed(self, crops: list[bytes]) -> np.ndarray:
        return np.array([decode(crop).mean((0, 1)) / 255 for crop in crops], np.float32)


COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (51, 102, 153), (0, 0, 0)]
CROPS = rows(
    "crops",
    *({"detection_id": f"d{i}", "image": encode_png(np.full((4, 6, 3), c, np.uint8))} for i, c in enumerate(COLOURS)),
)


@pytest.mark.parametrize("batch", [1, 2, 256])
def test_one_embedding_a_crop_in_the_same_order(batch):
    features = embed_crops(MeanColour(), CROPS, batch=batch)
    assert features.schema == schema_of("features", 3)
    assert features["detection_id"].to_pylist() == [f"d{i}" for i in range(5)]
    assert features["model"].to_pylist() == ["made@1"] * 5
    np.testing.assert_allclose(embedding_matrix(features), np.array(COLOURS) / 255, atol=1e-3)


def test_progress_is_told():
    done = []
    embed_crops(MeanColour(), CROPS, batch=2, advance=done.append)
    assert done == [2, 2, 1]


def test_no_crops_are_no_features():
    features = embed_crops(MeanColour(), CROPS.slice(0, 0))
    assert features.equals(schema_of("features", 3).empty_table())
    assert embedding_matrix(features).shape == (0, 3)


def test_matrix_of_a_part_of_a_table():
    features = embed_crops(MeanColour(), CROPS)
    np.testing.assert_allclose(embedding_matrix(features.slice(1, 2)), [[0, 1, 0], [0, 0, 1]])
    assert embedding_matrix(features).dtype == np.float32
