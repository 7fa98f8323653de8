"""A network's form for OpenVINO: what PyTorch gives, made the same way every time, and shared by threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cctview_pipeline.runtime import device
from cctview_pipeline.runtime.openvino_form import converted, quantized
from cctview_pipeline.runtime.openvino_network import OpenVinoNetwork

SHAPE = (-1, 16, 16, 3)


class Tiny(nn.Module):
    """(B, 16, 16, 3) uint8 -> (B, 5)."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.first, self.last = nn.Conv2d(3, 8, 3, stride=2), nn.Linear(8, 5)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.first(images.permute(0, 3, 1, 2).float() / 255).relu().mean((2, 3)))


def pictures(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 255, (count, 16, 16, 3), np.uint8)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_threads", 1)


def test_in_floating_point_it_gives_what_pytorch_gives():
    network, images = Tiny(), pictures(4)
    (found,) = OpenVinoNetwork(converted(network, SHAPE, images[:1])).start(images)()
    np.testing.assert_allclose(found, network(torch.from_numpy(images)).detach().numpy(), atol=1e-4)


def test_the_same_weights_and_pictures_give_the_same_bytes():
    batches = list(pictures(4)[:, None])
    for make in (lambda: quantized(Tiny(), SHAPE, batches), lambda: converted(Tiny(), SHAPE, batches[0])):
        first, second = make(), make()
        assert first.keys() == {"openvino.xml", "openvino.bin"}
        assert all(torch.equal(first[name], second[name]) for name in first)


def test_integers_are_near():
    network, images = Tiny(), pictures(8)
    (found,) = OpenVinoNetwork(quantized(network, SHAPE, list(images[:, None]))).start(images)()
    exact = network(torch.from_numpy(images)).detach().numpy()
    assert 0 < np.abs(found - exact).max() < 0.1 * np.abs(exact).max()


def test_threads_that_share_it_get_their_own_results():
    images = pictures(40)
    network = OpenVinoNetwork(converted(Tiny(), SHAPE, images[:1]))
    alone = [network.start(image[None])()[0] for image in images]
    with ThreadPoolExecutor(4) as pool:
        shared = list(pool.map(lambda image: network.start(image[None])()[0], images))
    np.testing.assert_array_equal(shared, alone)


def test_an_earlier_result_is_not_written_over():
    images = pictures(2)
    network = OpenVinoNetwork(converted(Tiny(), SHAPE, images[:1]))
    (first,) = network.start(images[:1])()
    before = first.copy()
    network.start(images[1:])()
    np.testing.assert_array_equal(first, before)
