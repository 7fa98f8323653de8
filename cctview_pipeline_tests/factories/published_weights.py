"""Random weights for networks of other projects, in the layout of the published files, that find some dozens of things."""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np
import tomlkit
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import detection

FILES = {
    "torchvision-fasterrcnn": "fasterrcnn_resnet50_fpn_coco-258fb6c6.pth",
    "torchvision-retinanet": "retinanet_resnet50_fpn_coco-eeacb38b.pth",
    "torchvision-ssd": "ssd300_vgg16_coco-b556d3b4.pth",
    "imageai-retinanet": "retinanet_resnet50_fpn_coco-eeacb38b.pth",
    "imageai-yolov3": "yolov3.pt",
    "imageai-tinyyolov3": "tiny-yolov3.pt",
}
LIKELY = [1, 2, 3, 4, 6, 8, 10, 13, 18]
"""Of COCO's 91 classes the six labels, and three others that must be dropped."""


def pictures() -> list[np.ndarray]:
    """Three sizes: networks that bring the shorter side to 800 px and the longer to 1333 at most are quick on strips."""
    rng, made = np.random.default_rng(5), []
    for height, width in ((20, 400), (400, 20), (22, 330)):
        blocks = rng.integers(0, 256, (height // 6 + 1, width // 6 + 1, 3), dtype=np.uint8)
        made.append(np.ascontiguousarray(blocks.repeat(6, 0).repeat(6, 1)[:height, :width]))
    return made


def made_state(loader: str) -> OrderedDict[str, Tensor]:
    """The state dict of a published file, with seeded random weights."""
    if loader == "torchvision-fasterrcnn":
        return old_keys(_faster_rcnn().state_dict())
    if loader.endswith("retinanet"):
        return old_keys(_retinanet().state_dict())
    return (_ssd() if loader == "torchvision-ssd" else _yolo(loader)).state_dict()


def _faster_rcnn() -> nn.Module:
    network = _made(
        partial(detection.fasterrcnn_resnet50_fpn, weights=None, weights_backbone=None),
        lambda n: [n.roi_heads.box_predictor.cls_score, n.rpn.head.cls_logits, n.rpn.head.bbox_pred],
    )
    network.rpn.head.bbox_pred.weight.data *= 0.2
    network.roi_heads.box_predictor.cls_score.bias.data += _likely(91, LIKELY, -8, 0, background=4)
    return network


def _retinanet() -> nn.Module:
    network = _made(
        partial(detection.retinanet_resnet50_fpn, weights=None, weights_backbone=None),
        lambda n: [n.head.classification_head.cls_logits, n.head.regression_head.bbox_reg],
    )
    network.head.classification_head.cls_logits.bias.data += _likely(91, LIKELY, -12, -6).repeat(9)
    network.head.regression_head.bbox_reg.weight.data *= 0.3
    network.head.regression_head.bbox_reg.bias.data *= 0.3
    return network


def _ssd() -> nn.Module:
    network = _made(
        partial(detection.ssd300_vgg16, weights=None, weights_backbone=None),
        lambda n: [*n.head.classification_head.module_list, *n.head.regression_head.module_list],
    )
    for layer in network.head.classification_head.module_list:
        layer.bias.data += _likely(91, LIKELY, -8, -2, background=5).repeat(layer.out_channels // 91)
    return network


def _yolo(loader: str) -> nn.Module:
    from cctview_pipeline.detect.imageai_detectors import KINDS

    layers = ("conv59", "conv67", "conv75") if loader == "imageai-yolov3" else ("conv10", "conv13")
    network = _made(
        partial(KINDS[loader].build, torch.device("cpu")), lambda n: [getattr(n, name).conv for name in layers], "square"
    )
    box_and_objectness = torch.tensor([0, 0, 0, 0, -1.0 if loader == "imageai-yolov3" else -0.5])
    for name in layers:
        layer = getattr(network, name).conv
        layer.weight.data *= 0.5
        layer.bias.data *= 0.5
        layer.bias.data += torch.cat([box_and_objectness, _likely(80, [0, 1, 2, 3, 5, 7, 9, 11, 16], -6, -1.5)]).repeat(3)
    return network


def _likely(count: int, classes: list[int], others: float, likely: float, background: float | None = None) -> Tensor:
    """A bias that makes some classes likely."""
    bias = torch.full((count,), float(others))
    bias[classes] = likely
    if background is not None:
        bias[0] = background
    return bias


def _made(build: Callable[[], nn.Module], heads: Callable[[nn.Module], Iterable[nn.Module]], takes: str = "list") -> nn.Module:
    """A network with seeded weights. Its batch normalisations know what comes through them, with variances so small that an
    epsilon shows; every output of the heads' layers has a mean of 0 and a deviation of 1, so that biases decide what is found."""
    torch.manual_seed(0)
    network = build().eval()
    hooks = [m.register_forward_pre_hook(_learn_statistics) for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    done: set[nn.Module] = set()
    hooks += [layer.register_forward_pre_hook(partial(_standardise, done)) for layer in heads(network)]
    example = torch.from_numpy(pictures()[0]).permute(2, 0, 1) / 255
    with torch.no_grad():
        network([example] if takes == "list" else F.interpolate(example[None], (416, 416)))
    for hook in hooks:
        hook.remove()
    return network


def _learn_statistics(norm: nn.BatchNorm2d, inputs: tuple[Tensor]) -> None:
    norm.running_mean.copy_(inputs[0].mean((0, 2, 3)))
    norm.running_var.copy_(inputs[0].var((0, 2, 3)).clamp_min(1e-4))


def _standardise(done: set[nn.Module], layer: nn.Conv2d | nn.Linear, inputs: tuple[Tensor]) -> None:
    if layer in done:
        return  # heads go over several levels, of which the first is the largest
    done.add(layer)
    nn.init.normal_(layer.weight, std=0.01)
    nn.init.zeros_(layer.bias)
    output = layer.forward(inputs[0])
    output = output if output.dim() == 2 else output.transpose(0, 1).flatten(1).T
    mean, std = output.mean(0), output.std(0) if len(output) > 1 else torch.ones(output.shape[1])
    layer.weight.data /= std.view(-1, *[1] * (layer.weight.dim() - 1))
    layer.bias.data = -mean / std


def old_keys(state: OrderedDict[str, Tensor]) -> OrderedDict[str, Tensor]:
    """A state dict of torchvision's with the names that it had when the published weights were saved."""
    renamed = OrderedDict((_old(key), value) for key, value in state.items() if not key.endswith("num_batches_tracked"))
    renamed._metadata = OrderedDict((name, {"version": 1}) for name in state._metadata)
    return renamed


def _old(key: str) -> str:
    key = re.sub(r"(fpn\.(?:inner|layer)_blocks\.\d)\.0\.", r"\1.", key)
    key = key.replace("rpn.head.conv.0.0.", "rpn.head.conv.")
    return re.sub(r"(_head\.conv)\.(\d)\.0\.", lambda found: f"{found[1]}.{2 * int(found[2])}.", key)


def register(models: Path, loader: str, content: object) -> None:
    """Write content as PyTorch does, and a manifest with this one model, which has the name of its loader."""
    models.mkdir(parents=True, exist_ok=True)
    path = models / FILES[loader]
    torch.save(content, path)
    told = {"size": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    facts = {"task": "detector", "loader": loader, "file": path.name, "url": "http://127.0.0.1:9/x"} | told | {"threshold": 0.6}
    (models / "manifest.toml").write_text(tomlkit.dumps({loader: facts}))
