"""The default extractor's network: dense 3x3 convolutions on a 64 x 64 crop, average pooling, one linear layer."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIDE = 64


class Stage(nn.Sequential):
    """Halves the map, then refines it with one residual pair of convolutions."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            _Refine(outputs),
        )


class _Refine(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.layers(x))


class ExtractorNetwork(nn.Module):
    """(B, 3, 64, 64) RGB in 0..1 -> (B, dimension), of length 1. About 2.1 million parameters and 91 MMAC."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.stages = nn.Sequential(Stage(3, 32), Stage(32, 64), Stage(64, 128), Stage(128, 256))
        self.project = nn.Linear(256 * 2, dimension)

    def forward(self, crops: Tensor) -> Tensor:
        features = self.stages(crops * 2 - 1)
        # The mean tells the colours, the maximum the one detail that stands out.
        pooled = torch.cat((features.mean((2, 3)), features.amax((2, 3))), 1)
        return F.normalize(self.project(pooled).float(), dim=1)
