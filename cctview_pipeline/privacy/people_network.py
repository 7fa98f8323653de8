"""The people finder's network, for training, for graphics cards, and to make OpenVINO's form of."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cctview_pipeline.device import torch_device
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.openvino_form import converted
from cctview_pipeline.privacy.people import MULTIPLE
from cctview_pipeline.state_dicts import read_weights, without_openvino
from cctview_pipeline.weights import ModelEntry


def _step(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class PeopleNetwork(nn.Module):
    """RGB (B, 3, H, W) of 0..1, sides multiples of 16 -> (B, 1, H/4, W/4) logits. A U of four levels (Ronneberger et al. 2015):
    whether five pixels are a person depends on where they stand."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.stem = nn.Sequential(_step(3, width, 2), _step(width, 2 * width, 2))
        self.fine = _step(2 * width, 2 * width)
        self.middle = nn.Sequential(_step(2 * width, 3 * width, 2), _step(3 * width, 3 * width))
        self.coarse = nn.Sequential(_step(3 * width, 4 * width, 2), _step(4 * width, 4 * width), _step(4 * width, 4 * width))
        self.up_middle = _step(7 * width, 3 * width)
        self.up_fine = _step(5 * width, 2 * width)
        self.head = nn.Conv2d(2 * width, 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        fine = self.fine(self.stem(images))
        middle = self.middle(fine)
        coarse = F.interpolate(self.coarse(middle), scale_factor=2, mode="nearest")
        middle = F.interpolate(self.up_middle(torch.cat([coarse, middle], 1)), scale_factor=2, mode="nearest")
        return self.head(self.up_fine(torch.cat([middle, fine], 1)))


class FromBytes(nn.Module):
    """Pixels as they come, (B, H, W, 3) uint8 -> (B, H/4, W/4) probabilities."""

    def __init__(self, network: PeopleNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return torch.sigmoid(self.network(images.permute(0, 3, 1, 2).float() / 255))[:, 0]


def openvino_form(network: PeopleNetwork) -> dict[str, Tensor]:
    """The network as it runs on processors, in floating point: in 8-bit integers it would fill a fifth more cells."""
    return converted(FromBytes(network.cpu().eval()), (1, -1, -1, 3), np.zeros((1, 2 * MULTIPLE, 2 * MULTIPLE, 3), np.uint8))


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
            network = PeopleNetwork(len(state["stem.0.0.weight"]))
            network.load_state_dict(state)
        except (RuntimeError, KeyError) as error:
            raise CctviewError(f"The weights {entry.path} are not this version's: restore the file from git.") from error
        return cls(network, torch_device(device))

    @torch.inference_mode()
    def start(self, images: np.ndarray) -> Callable[[], tuple[np.ndarray]]:
        found = self._network(torch.tensor(images).to(self._device))
        return lambda: (found.cpu().numpy(),)
