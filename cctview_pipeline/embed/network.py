"""The default extractor's network: two towers of dense 3x3 convolutions on 64 x 64 pixels, a part of the embedding each."""

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cctview_pipeline.embed.views import SIDE

LIKENESS, IDENTITY = 257, 127
"""Numbers of an embedding that say what a vehicle looks like, as the teacher sees it, and that tell it from others."""
WIDTHS = (32, 64, 128, 256), (32, 64, 128, 192)
"""Channels of the four stages of the towers for likeness and for identity."""
PUBLISHED = 1920
"""Numbers of the published DenseNet201-VeRI features."""


class ConvBlock(nn.Sequential):
    """3x3 convolution, batch normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
        )


class Residual(nn.Module):
    """Two 3x3 convolutions around a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = ConvBlock(width, width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(self.first(x)))


def lift(vectors: Tensor) -> Tensor:
    """(B, D) -> (B, D + 1) of length 1: laid on the upper half of a sphere, as targets are (RealVehicles.targets)."""
    return F.normalize(torch.cat((vectors, torch.ones_like(vectors[:, :1])), 1), dim=1)


class Tower(nn.Module):
    """(B, 3, 64, 64) in -1..1 -> (B, dimension). widths: channels of the four stages, each of which halves the map."""

    def __init__(self, widths: tuple[int, ...], dimension: int) -> None:
        super().__init__()
        stages = [nn.Sequential(ConvBlock(a, b, stride=2), Residual(b)) for a, b in pairwise((3, *widths))]
        self.stages = nn.Sequential(*stages)
        self.places = nn.Conv2d(widths[-1], 64, 1)
        self.project = nn.Linear(2 * widths[-1] + 64 * (SIDE // 16) ** 2, dimension)

    def forward(self, crops: Tensor) -> Tensor:
        last = self.stages(crops)
        # The mean tells the colours, the maximum the one detail that stands out, and the places how the vehicle is laid out.
        pooled = torch.cat((last.mean((2, 3)), last.amax((2, 3)), self.places(last).flatten(1)), 1)
        return self.project(pooled).float()


class ExtractorNetwork(nn.Module):
    """(B, 6, 64, 64) in 0..1, RGB of a crop's middle and of the whole crop -> (B, 384), of length 1. 4.7 million parameters and
    173 MMAC, with the widths as they are.

    The embedding's first LIKENESS numbers point where the teacher's do, and are seen in the middle as the teacher sees it; the
    other IDENTITY ones are learned from vehicles that are known to be the same, and are seen in all of the vehicle. ``share`` is
    how much of the squared length the first have, and so of every similarity.
    """

    share: Tensor

    def __init__(self, share: float = 0.5, widths: tuple[tuple[int, ...], tuple[int, ...]] = WIDTHS) -> None:
        super().__init__()
        self.likeness, self.identity = Tower(widths[0], LIKENESS - 1), Tower(widths[1], IDENTITY)
        self.published = nn.Linear(LIKENESS + IDENTITY, PUBLISHED)
        """From an embedding to the published features: fitted when everything else is trained."""
        self.register_buffer("share", torch.tensor(share))

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> "ExtractorNetwork":
        """The network of a model's tensors, as wide as they are; tensors that are not the network's are left aside.

        Raises KeyError or RuntimeError for another network's.
        """
        likeness, identity = (
            tuple(len(state[f"{tower}.stages.{i}.0.0.weight"]) for i in range(4)) for tower in ("likeness", "identity")
        )
        network = cls(widths=(likeness, identity))
        network.load_state_dict({name: state[name] for name in network.state_dict()})
        return network

    @property
    def dimension(self) -> int:
        return LIKENESS + IDENTITY

    def see_likeness(self, middles: Tensor) -> Tensor:
        """(B, 3, 64, 64) -> (B, LIKENESS) of length 1."""
        return lift(self.likeness(middles * 2 - 1))

    def see_identity(self, wholes: Tensor) -> Tensor:
        """(B, 3, 64, 64) -> (B, IDENTITY) of length 1."""
        return F.normalize(self.identity(wholes * 2 - 1), dim=1)

    def forward(self, views: Tensor) -> Tensor:
        share, (middles, wholes) = self.share.float(), views.split(3, dim=1)
        return torch.cat((self.see_likeness(middles) * share.sqrt(), self.see_identity(wholes) * (1 - share).sqrt()), 1)
