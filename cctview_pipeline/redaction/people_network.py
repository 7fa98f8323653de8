"""The people finder's network, for training, for graphics cards, and to make OpenVINO's form of."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse

from cctview_pipeline.detect.network import ConvBlock, Merge, Residual
from cctview_pipeline.errors import ModelError
from cctview_pipeline.registry.manifest import ModelEntry
from cctview_pipeline.registry.state_dicts import read_weights, without_openvino
from cctview_pipeline.runtime.device import torch_device
from cctview_pipeline.runtime.openvino_form import quantized

WIDTHS = (16, 32, 48, 96)
"""Channels at a half, a quarter, an eighth and a sixteenth of the picture's size."""
SOMEBODY, VEHICLE = 0, 1
"""What the two maps say is in a cell. Vehicles are for learning alone: who tells a windscreen from a face knows vehicles."""


class PeopleNetwork(nn.Module):
    """RGB (B, 3, H, W) of 0..1, sides multiples of 16 -> (B, 2, H/4, W/4) logits.

    The detector's blocks (:mod:`cctview_pipeline.detect.network`), narrower: whether five pixels are a person depends on where
    they stand, so that most of it looks at coarse maps (a U of four levels, Ronneberger et al. 2015).
    """

    def __init__(self, widths: tuple[int, int, int, int] = WIDTHS) -> None:
        super().__init__()
        half, fine, middle, coarse = widths
        self.stem = nn.Sequential(ConvBlock(3, half, stride=2), ConvBlock(half, fine, stride=2))
        self.fine = Residual(fine)
        self.middle = nn.Sequential(ConvBlock(fine, middle, stride=2), Residual(middle))
        self.coarse = nn.Sequential(ConvBlock(middle, coarse, stride=2), Residual(coarse), Residual(coarse))
        self.to_middle = Merge(coarse, middle)
        self.to_fine = Merge(middle, fine)
        self.head = nn.Conv2d(fine, 2, 1)
        nn.init.constant_(self.head.get_parameter("bias"), -4.6)  # almost nowhere is anything, as in the detector

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> "PeopleNetwork":
        """The network of a model's tensors, as wide as they are. Raises RuntimeError or KeyError for others."""
        half, fine, middle, coarse = (len(state[f"{name}.0.weight"]) for name in ("stem.0", "stem.1", "middle.0", "coarse.0"))
        network = cls((half, fine, middle, coarse))
        network.load_state_dict(state)
        return network

    def forward(self, images: Tensor) -> Tensor:
        fine = self.fine(self.stem(images * 2 - 1))
        middle = self.middle(fine)
        middle = self.to_middle(self.coarse(middle), middle)
        return self.head(self.to_fine(middle, fine))


class FromBytes(nn.Module):
    """Pixels as they come, (B, H, W, 3) uint8 -> (B, H/4, W/4) probabilities that somebody is in a cell."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        pixels = images.permute(0, 3, 1, 2).to(next(self.parameters()).dtype) / 255
        return torch.sigmoid(self.network(pixels)[:, SOMEBODY].float())


def openvino_form(network: PeopleNetwork, images: Sequence[np.ndarray]) -> dict[str, Tensor]:
    """The network in 8-bit integers, as it runs on processors. images: (H, W, 3) uint8, sides multiples of 16, such as it will
    see."""
    return quantized(FromBytes(fuse(network.cpu().eval())), (1, -1, -1, 3), [image[None] for image in images])


class TorchBackend:
    """The network on a device, a picture at a time."""

    depth = 1

    def __init__(self, network: PeopleNetwork, device: torch.device) -> None:
        self._device, self._network = device, FromBytes(network.eval()).to(device)

    @classmethod
    def of(cls, entry: ModelEntry, device: str) -> "TorchBackend":
        """With the weights of a model of the manifest."""
        state = without_openvino(read_weights(entry)[0])
        try:
            network = PeopleNetwork.of(state)
        except (RuntimeError, KeyError) as error:
            raise ModelError(f"The weights {entry.path} are not this version's: restore the file from git.") from error
        return cls(network, torch_device(device))

    @torch.inference_mode()
    def start(self, images: np.ndarray) -> Callable[[], tuple[np.ndarray]]:
        found = self._network(torch.tensor(images).to(self._device))
        return lambda: (found.cpu().numpy(),)
