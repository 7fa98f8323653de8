"""Where people are in a frame, so that they can be painted over: a small network made for missing nobody.

It says for every cell of four pixels whether somebody is in it, and knows nothing else of them: no boxes of single people, no
poses, nothing that could be followed.
"""

import warnings
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import openvino as ov
import torch
from scipy.ndimage import find_objects, label, maximum
from torch import Tensor, nn
from torch.nn import functional as F

from cctview_pipeline.device import pick_device
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.weights import ModelEntry, check_file, find_model, read_weights

CELL, MULTIPLE = 4, 16
"""Pixels of a cell, and of the sides that the network takes."""
MODEL = "people-finder"


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


class _FromBytes(nn.Module):
    """Pixels as they come, (B, H, W, 3) uint8 -> (B, H/4, W/4) probabilities."""

    def __init__(self, network: PeopleNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return torch.sigmoid(self.network(images.permute(0, 3, 1, 2).float() / 255))[:, 0]


class PeopleFinder:
    """threshold: the probability from which on a cell is filled, where one beside it reaches ``sure``; margin: px around it.
    version: as pictures record it."""

    def __init__(
        self, network: PeopleNetwork, version: str, threshold: float, sure: float, margin: int, device: torch.device
    ) -> None:
        self.version, self.threshold, self.sure, self.margin = version, threshold, sure, margin
        self._device, self._network = device, _FromBytes(network.eval()).to(device)
        self._compiled: dict[tuple[int, int], ov.InferRequest] = {}
        if device.type == "cpu":
            example = torch.zeros((1, 2 * MULTIPLE, 2 * MULTIPLE, 3), dtype=torch.uint8)
            self._core, shape = ov.Core(), [ov.PartialShape([1, -1, -1, 3])]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # OpenVINO traces the network in a way that PyTorch will drop
                self._model = ov.convert_model(self._network, example_input=example, input=shape)

    @classmethod
    def load(cls, device: str = "auto") -> "PeopleFinder":
        """One a process. Raises CctviewError when the weights are missing or damaged."""
        entry = find_model(MODEL, "masker")
        check_file(entry)
        return _loaded(entry, pick_device(device))

    @classmethod
    def _read(cls, entry: ModelEntry, device: torch.device) -> "PeopleFinder":
        state, metadata = read_weights(entry)
        try:
            network = PeopleNetwork(len(state["stem.0.0.weight"]))
            network.load_state_dict(state)
            threshold, sure, margin = float(metadata["threshold"]), float(metadata["sure"]), int(metadata["margin"])
        except (RuntimeError, KeyError, ValueError) as error:
            raise CctviewError(f"The weights {entry.path} are not this version's: restore the file from git.") from error
        return cls(network, entry.version, threshold, sure, margin, device)

    def find(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """RGB uint8 (H, W, 3) -> one (N, 4) float32 array an image: x1, y1, x2, y2 in px of what is to be filled."""
        return [self._rectangles(self.probabilities(image), *image.shape[:2]) for image in images]

    def probabilities(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) -> (ceil(H / 4), ceil(W / 4)): that somebody is in a cell."""
        height, width = image.shape[:2]
        down, right = -height % MULTIPLE, -width % MULTIPLE
        full = np.pad(image, ((0, down), (0, right), (0, 0)), mode="edge")[None]
        if self._device.type == "cpu":
            found = self._on_processor(full)
        else:
            with torch.inference_mode():
                found = self._network(torch.from_numpy(full).to(self._device)).cpu().numpy()
        return found[0, : -(-height // CELL), : -(-width // CELL)]

    def _on_processor(self, full: np.ndarray) -> np.ndarray:
        size = full.shape[1:3]
        if size not in self._compiled:
            model = self._model.clone()
            model.reshape([1, *size, 3])
            settings = {"INFERENCE_NUM_THREADS": torch.get_num_threads(), "ENABLE_CPU_PINNING": False}
            self._compiled[size] = self._core.compile_model(model, "CPU", settings).create_infer_request()
        request = self._compiled[size]
        request.infer([full])
        return request.get_output_tensor(0).data.copy()  # or the next picture would write into it

    def _rectangles(self, probabilities: np.ndarray, height: int, width: int) -> np.ndarray:
        return rectangles(grown(probabilities, self.threshold, self.sure), self.margin, height, width)


_loaded = lru_cache(maxsize=2)(PeopleFinder._read)


def grown(probabilities: np.ndarray, threshold: float, sure: float) -> np.ndarray:
    """Cells of groups that touch, all from the threshold on, that have a sure one among them (Canny's hysteresis, PAMI 8, 1986):
    who is found at all is filled to the edges, and a faint doubt alone fills nothing."""
    labelled, count = label(probabilities >= threshold, np.ones((3, 3)))
    best = maximum(probabilities, labelled, np.arange(1, count + 1)) if count else []
    return np.concatenate([[False], np.asarray(best) >= sure])[labelled]


def rectangles(cells: np.ndarray, margin: int, height: int, width: int) -> np.ndarray:
    """(H/4, W/4) bool -> (N, 4) float32: rectangles that cover the cells and a margin, clipped to the frame.

    A group of cells that touch has one rectangle for every stretch of rows that begin and end alike, so that a slanting queue of
    people does not take the road beside it along.
    """
    labelled, _ = label(cells, np.ones((3, 3)))
    found = []
    for number, (rows, columns) in enumerate(find_objects(labelled), 1):
        mine = labelled[rows, columns] == number
        spans: list[list[int]] = []
        for row, line in enumerate(mine, rows.start):
            filled = np.flatnonzero(line)
            first, last = columns.start + int(filled[0]), columns.start + int(filled[-1]) + 1
            if spans and spans[-1][0] == first and spans[-1][2] == last:
                spans[-1][3] = row + 1
            else:
                spans.append([first, row, last, row + 1])
        found += spans
    boxes = np.array(found, np.float32).reshape(-1, 4) * CELL + [-margin, -margin, margin, margin]
    return np.clip(boxes, 0, [width, height, width, height]).astype(np.float32)
