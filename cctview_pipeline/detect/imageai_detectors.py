"""The detectors of ImageAI 3 with ImageAI's weights: RetinaNet, which CCTView chose, YOLOv3 and TinyYOLOv3.

ImageAI's ObjectDetection rounds boxes to pixels, drops scores below 0.5, writes arrays to files in its own folder and needs
tkinter. So its networks, preparation and suppression are used without it; what comes out is the same.
YOLOv3: Redmon and Farhadi, arXiv 1804.02767.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import nn

from cctview_pipeline.detect.coco import FLOOR, CocoDetector, Found, load_published, runner_of_torchvision
from cctview_pipeline.registry.manifest import ModelEntry, read_facts
from cctview_pipeline.runtime.device import torch_device

Run = Callable[[list[np.ndarray]], list[Found]]
SIDE = 416
"""Pixels of the square that YOLO's images are letterboxed into."""
ANCHORS = [10, 13, 16, 30, 33, 23, 30, 61, 62, 45, 59, 119, 116, 90, 156, 198, 373, 326]
TINY_ANCHORS = [10, 14, 23, 27, 37, 58, 81, 82, 135, 169, 344, 319]
"""Widths and heights of YOLO's anchors in pixels, as ObjectDetection has them: they are no part of the weights."""
OBJECTNESS, OVERLAP = 0.5, 0.4
"""ObjectDetection's own settings for YOLO: a box below this objectness is none, one of more overlap with a better is dropped."""


@dataclass(frozen=True)
class Kind:
    """names: the file of classes in ImageAI's folder Detection."""

    names: str
    build: Callable[[torch.device], nn.Module]
    runner: Callable[[nn.Module, torch.device], Run]


def _retinanet(device: torch.device) -> nn.Module:
    """torchvision's, with batch normalisation that has an epsilon: ImageAI runs the same weights a little differently."""
    from torchvision.models.detection import retinanet_resnet50_fpn

    return retinanet_resnet50_fpn(weights=None, weights_backbone=None, num_classes=91, score_thresh=FLOOR)


def _yolo(device: torch.device) -> nn.Module:
    from imageai.yolov3.yolov3 import YoloV3

    return YoloV3(ANCHORS, num_classes=80, device=str(device))


def _tiny_yolo(device: torch.device) -> nn.Module:
    from imageai.yolov3.tiny_yolov3 import YoloV3Tiny

    return YoloV3Tiny(TINY_ANCHORS, num_classes=80, device=str(device))


def _runner_of_yolo(network: nn.Module, device: torch.device) -> Run:
    from imageai.yolov3.utils import get_predictions, prepare_image

    network = network.eval().to(device)

    @torch.inference_mode()
    def run(images: list[np.ndarray]) -> list[Found]:
        # ImageAI expects the order of colours that OpenCV reads.
        prepared = [prepare_image(np.ascontiguousarray(image[:, :, ::-1]), (SIDE, SIDE)) for image in images]
        output = network(torch.cat(prepared).to(device))
        rows = get_predictions(output, output.shape[2] - 5, OBJECTNESS, OVERLAP, device=str(device))
        rows = np.zeros((0, 8), np.float32) if rows is None else rows.cpu().numpy()
        return [_found(rows[rows[:, 0] == place], *image.shape[:2]) for place, image in enumerate(images)]

    return run


def _found(rows: np.ndarray, height: int, width: int) -> Found:
    """Rows of image, x1, y1, x2, y2 in the letterboxed square, objectness, score, class. The score is that of the class alone,
    which is what ImageAI reports."""
    size = np.array([width, height, width, height], np.float32)
    scale = np.float32(min(SIDE / width, SIDE / height))
    return Found((rows[:, 1:5] - (SIDE - scale * size) / 2) / scale, rows[:, 6], rows[:, 7].astype(int))


KINDS = {
    "imageai-retinanet": Kind("coco91_classes.txt", _retinanet, runner_of_torchvision),
    "imageai-yolov3": Kind("coco_classes.txt", _yolo, _runner_of_yolo),
    "imageai-tinyyolov3": Kind("coco_classes.txt", _tiny_yolo, _runner_of_yolo),
}
"""The loaders of models/manifest.toml that this module knows."""


class ImageAiDetector(CocoDetector):
    """One of :data:`KINDS`."""

    @classmethod
    def load(cls, entry: ModelEntry, device: str) -> "ImageAiDetector":
        """device: ``auto``, ``cpu``, ``cuda``, ``cuda:N``. Raises CctviewError when the weights are missing or not these."""
        facts, chosen = read_facts(entry), torch_device(device)
        kind = KINDS[facts["loader"]]
        network = kind.build(chosen)
        load_published(network, entry)
        names = [name.strip() for name in (_detection_folder() / kind.names).read_text().splitlines()]
        batch = 1 if chosen.type == "cpu" else 8
        return cls(kind.runner(network, chosen), names, entry.version, float(facts["threshold"]), batch)


def _detection_folder() -> Path:
    """ImageAI's folder of detection, found without importing it: that would need tkinter."""
    found = find_spec("imageai")
    assert found is not None  # without it this module is not reached
    assert found.origin is not None
    return Path(found.origin).parent / "Detection"
