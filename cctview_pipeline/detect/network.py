"""The default detector's network: dense 3x3 convolutions with one output at stride 4.

A vehicle 8 px wide is two cells of this output, where a stride of 8 would leave it one. Each cell says how much it
looks like the centre of an object of each label, and how far the object's four sides are (the centre heatmap of
CenterNet, arXiv 1904.07850; the distances to the sides of FCOS, arXiv 1904.01355). :class:`Candidates` reads the peaks off;
that is what runs, on every backend.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STRIDE = 4
VEHICLE_LABELS = 4
"""The first so many labels are vehicles and compete for one place; each of the others has a place of its own."""
WIDTHS = (32, 64, 128, 224)
"""Channels at a half, a quarter, an eighth and a sixteenth of the picture's size."""
CANDIDATES = 192
"""Peaks kept an image, of all labels together; the fullest frame seen has 60 vehicles."""


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


class Merge(nn.Module):
    """Brings a coarse map up to a fine one's size and mixes the two."""

    def __init__(self, coarse: int, fine: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(coarse, fine, 1)
        self.mix = ConvBlock(fine, fine)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        return self.mix(fine + F.interpolate(self.project(coarse), size=fine.shape[-2:], mode="nearest"))


class DetectorNetwork(nn.Module):
    """(B, 3, H, W) RGB in 0..1 -> logits (B, labels, H/4, W/4) and side distances (B, 4, H/4, W/4) in pixels.

    H and W must be multiples of 16. About 2.8 million parameters and 2.3 GMAC at 240 x 352, with the widths as they are.
    """

    def __init__(self, labels: int, widths: tuple[int, int, int, int] = WIDTHS) -> None:
        super().__init__()
        half, fine, middle, coarse = widths
        self.stem = nn.Sequential(ConvBlock(3, half, stride=2), ConvBlock(half, fine, stride=2))
        self.fine = Residual(fine)
        self.middle = nn.Sequential(ConvBlock(fine, middle, stride=2), Residual(middle))
        self.coarse = nn.Sequential(ConvBlock(middle, coarse, stride=2), Residual(coarse), Residual(coarse))
        self.to_middle = Merge(coarse, middle)
        self.to_fine = Merge(middle, fine)
        self.head = ConvBlock(fine, fine)
        self.logits = nn.Conv2d(fine, labels, 1)
        self.sides = nn.Conv2d(fine, 4, 1)
        # Start from "almost nowhere is an object", or the background drowns the first hundred steps (arXiv 1708.02002).
        nn.init.constant_(self.logits.get_parameter("bias"), -4.6)
        nn.init.constant_(self.sides.get_parameter("bias"), 1.0)

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> "DetectorNetwork":
        """The network of a model's tensors, as wide as they are; tensors that are not the network's are left aside."""
        half, fine, middle, coarse = (len(state[f"{name}.0.weight"]) for name in ("stem.0", "stem.1", "middle.0", "coarse.0"))
        network = cls(len(state["logits.weight"]), (half, fine, middle, coarse))
        network.load_state_dict({name: state[name] for name in network.state_dict()})
        return network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        fine = self.fine(self.stem(images * 2 - 1))
        middle = self.middle(fine)
        middle = self.to_middle(self.coarse(middle), middle)
        features = self.head(self.to_fine(middle, fine))
        sides = F.softplus(self.sides(features).float()) * STRIDE
        return self.logits(features).float(), sides


def boxes_from_sides(sides: Tensor) -> Tensor:
    """Side distances (B, 4, h, w), left, top, right, bottom in pixels -> boxes (B, 4, h, w), x1, y1, x2, y2."""
    rows, columns = sides.shape[-2:]
    y = (torch.arange(rows, device=sides.device) + 0.5)[:, None] * STRIDE
    x = (torch.arange(columns, device=sides.device) + 0.5)[None, :] * STRIDE
    left, top, right, bottom = sides.unbind(1)
    return torch.stack((x - left, y - top, x + right, y + bottom), 1)


class Candidates(nn.Module):
    """Images as they are decoded, (B, H, W, 3) uint8, -> the CANDIDATES best local maxima of each.

    Returns scores (B, K) in 0..1, best first; label indices (B, K); boxes (B, K, 4) in pixels, not clipped. All vehicle
    labels count as one when maxima are sought: a cell between car and bus is one vehicle, whichever wins.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        dtype = next(self.parameters()).dtype
        pixels = images.permute(0, 3, 1, 2).to(dtype) / 255
        logits, sides = self.network(pixels)
        vehicles, people = logits[:, :VEHICLE_LABELS], logits[:, VEHICLE_LABELS:]
        best, label = vehicles.max(1, keepdim=True)
        grouped = torch.cat((best, people), 1)
        maxima = F.max_pool2d(grouped, 3, stride=1, padding=1) == grouped
        scores = (grouped.sigmoid() * maxima).flatten(1)
        scores, place = scores.topk(CANDIDATES)
        cells = logits.shape[2] * logits.shape[3]
        group, cell = place // cells, place % cells
        label = torch.where(group == 0, label.flatten(1).gather(1, cell), group + VEHICLE_LABELS - 1)
        boxes = boxes_from_sides(sides).flatten(2).gather(2, cell[:, None].expand(-1, 4, -1))
        return scores, label, boxes.transpose(1, 2)
