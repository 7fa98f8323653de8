"""What the network should say, and the loss: low for a network that says it."""

import numpy as np
import pytest
import torch

from cctview_pipeline.detect.augmentation import HEIGHT, WIDTH, Example
from cctview_pipeline.detect.detections import LABELS
from cctview_pipeline.detect.labels import UNKNOWN_VEHICLE
from cctview_pipeline.detect.network import STRIDE
from cctview_pipeline.detect.targets import detection_loss, render_targets

CAR, SMALL = [100.0, 80.0, 140.0, 110.0], [202.0, 42.0, 210.0, 50.0]


def example(boxes: list[list[float]], ignored: list[list[float]] = []) -> Example:  # noqa: B006
    objects, left_out = (np.array(b, np.float32).reshape(-1, 4) for b in (boxes, ignored))
    return Example(torch.zeros(3, HEIGHT, WIDTH), objects, np.zeros(len(objects), np.int64), left_out)


def test_every_object_has_one_centre_and_its_box_around_it():
    heatmap, mask, boxes, weight, importance = render_targets(example([CAR, SMALL]))
    assert (heatmap[0] == 1).nonzero().tolist() == [[46 // STRIDE, 206 // STRIDE], [95 // STRIDE, 120 // STRIDE]]
    assert heatmap[1:].sum() == 0
    assert boxes[:, 95 // STRIDE, 120 // STRIDE].tolist() == CAR
    assert weight[95 // STRIDE, 120 // STRIDE] == 1
    assert mask.all()
    assert importance[42 // STRIDE + 1, 206 // STRIDE] == 1.5, "what is small weighs more"


def test_the_loss_looks_away_from_what_is_left_out_but_not_from_an_object_in_it():
    _, mask, *_ = render_targets(example([CAR], ignored=[[90, 70, 200, 150]]))
    assert mask[140 // STRIDE, 190 // STRIDE] == 0
    assert mask[95 // STRIDE, 120 // STRIDE] == 1


def said(boxes: list[list[float]], sure: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and sides of a network that sees exactly these boxes."""
    rows, columns = HEIGHT // STRIDE, WIDTH // STRIDE
    heatmap, _, targets, weight, _ = render_targets(example(boxes))
    logits = torch.full((1, len(LABELS), rows, columns), -float(sure))
    logits[0, 0][heatmap[0] == 1] = sure
    y, x = torch.meshgrid(torch.arange(rows) * 4.0 + 2, torch.arange(columns) * 4.0 + 2, indexing="ij")
    sides = torch.stack((x - targets[0], y - targets[1], targets[2] - x, targets[3] - y))
    return logits, torch.where(weight > 0, sides, 1.0)[None]


def test_the_truth_costs_least():
    targets = [part[None] for part in render_targets(example([CAR, SMALL]))]
    right = detection_loss(*said([CAR, SMALL], 8), targets).item()
    missed = detection_loss(*said([CAR], 8), targets).item()
    elsewhere = detection_loss(*said([CAR, SMALL, [20.0, 20.0, 60.0, 60.0]], 8), targets).item()
    assert right == pytest.approx(0, abs=0.01)
    assert missed > 1
    assert elsewhere > 1


def test_nothing_to_see_is_no_division_by_zero():
    targets = [part[None] for part in render_targets(example([]))]
    assert detection_loss(*said([], 8), targets).item() == pytest.approx(0, abs=0.01)


def test_a_vehicle_of_unknown_kind_may_be_any_but_must_be_one():
    unknown = example([CAR])
    unknown.labels[:] = UNKNOWN_VEHICLE
    targets = [part[None] for part in render_targets(unknown)]
    logits, sides = said([CAR], 8)
    bus = logits.clone()
    bus[:, [0, 1]] = bus[:, [1, 0]]
    person = logits.clone()
    person[:, [0, 4]] = person[:, [4, 0]]
    assert detection_loss(logits, sides, targets).item() == pytest.approx(0, abs=0.01)
    assert detection_loss(bus, sides, targets).item() == pytest.approx(0, abs=0.01)
    assert detection_loss(person, sides, targets).item() > 1
    assert detection_loss(torch.full_like(logits, -8), sides, targets).item() > 1


def test_to_miss_what_is_rare_costs_more():
    def missed(label: str) -> float:
        rare = example([CAR, [200.0, 80.0, 240.0, 110.0]])
        rare.labels[1] = LABELS.index(label)
        logits, sides = said([CAR], 8)
        return detection_loss(logits, sides, [part[None] for part in render_targets(rare)]).item()

    assert missed("motorcycle") > missed("bus") > missed("car")
