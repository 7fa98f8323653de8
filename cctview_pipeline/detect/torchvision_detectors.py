"""torchvision's detectors with the weights that torchvision publishes for them: Faster R-CNN, RetinaNet and SSD.

Faster R-CNN: Ren et al., arXiv 1506.01497. RetinaNet: Lin et al., arXiv 1708.02002. SSD: Liu et al., arXiv 1512.02325.
"""

from collections.abc import Callable
from functools import partial

from torch import nn
from torchvision.models import detection
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.ops import FrozenBatchNorm2d
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

from cctview_pipeline.detect.coco import FLOOR, CocoDetector, load_published, runner_of_torchvision
from cctview_pipeline.registry.manifest import ModelEntry, read_facts
from cctview_pipeline.runtime.device import torch_device

NAMES = detection.FasterRCNN_ResNet50_FPN_Weights.COCO_V1.meta["categories"]
"""COCO's 91 classes with the gaps of its numbering, of all three."""
_BACKBONE = partial(
    resnet_fpn_backbone,
    backbone_name="resnet50",
    weights=None,
    # torchvision does the same for these weights: they were trained when FrozenBatchNorm2d had no epsilon.
    norm_layer=partial(FrozenBatchNorm2d, eps=0.0),
    trainable_layers=0,
)


def _faster_rcnn() -> nn.Module:
    return detection.FasterRCNN(_BACKBONE(), len(NAMES), box_score_thresh=FLOOR)


def _retinanet() -> nn.Module:
    backbone = _BACKBONE(returned_layers=[2, 3, 4], extra_blocks=LastLevelP6P7(256, 256))
    return detection.RetinaNet(backbone, len(NAMES), score_thresh=FLOOR)


def _ssd() -> nn.Module:
    return detection.ssd300_vgg16(weights=None, weights_backbone=None, num_classes=len(NAMES), score_thresh=FLOOR)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "torchvision-fasterrcnn": _faster_rcnn,
    "torchvision-retinanet": _retinanet,
    "torchvision-ssd": _ssd,
}
"""The loaders of models/manifest.toml that this module knows. No call downloads anything."""


class TorchvisionDetector(CocoDetector):
    """One of :data:`NETWORKS`."""

    @classmethod
    def load(cls, entry: ModelEntry, device: str) -> "TorchvisionDetector":
        """device: ``auto``, ``cpu``, ``cuda``, ``cuda:N``. Raises CctviewError when the weights are missing or not these."""
        facts, chosen = read_facts(entry), torch_device(device)
        network = NETWORKS[facts["loader"]]()
        load_published(network, entry)
        batch = 1 if chosen.type == "cpu" else 8
        return cls(runner_of_torchvision(network, chosen), NAMES, entry.version, float(facts["threshold"]), batch)
