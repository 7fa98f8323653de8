"""What the network should say, and the loss: low for a network that says it."""

import numpy as np
import pytest
import torch

from cctview_pipeline.detect.detections import LABELS
from cctview_pipeline.detect.network import STRIDE
from cctview_pipeline.training.detector import targets
from cctview_pipeline.training.detector.augmentation import HEIGHT, WIDTH, Example
from cctview_pipeline.training.detector.labels import UNKNOWN_VEHICLE
from cctview_pipeline.training.detector.targets import detection_loss, render_targets

CAR, SMALL = [100.0, 80.0, 140.0, 110.0], [202.0, 42.0, 210.0, 50.0]


def example(boxes: list[list[float]], ignored: list[list[float]] = []) -> Example:  # noqa: B006
    objects, left_out = (np.array(b, np.float32).reshape(-1, 4) for b in (boxes, ignored))
    return Example(
        pixels=torch.zeros(3, HEIGHT, WIDTH), objects=objects, labels=np.zeros(len(objects), np.int64), ignored=left_out
    )


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
    heatmap, _, corners, weight, _ = render_targets(example(boxes))
    logits = torch.full((1, len(LABELS), rows, columns), -float(sure))
    logits[0, 0][heatmap[0] == 1] = sure
    y, x = torch.meshgrid(torch.arange(rows) * 4.0 + 2, torch.arange(columns) * 4.0 + 2, indexing="ij")
    sides = torch.stack((x - corners[0], y - corners[1], corners[2] - x, corners[3] - y))
    return logits, torch.where(weight > 0, sides, 1.0)[None]


def test_the_truth_costs_least():
    truth = [part[None] for part in render_targets(example([CAR, SMALL]))]
    right = detection_loss(*said([CAR, SMALL], 8), truth).item()
    missed = detection_loss(*said([CAR], 8), truth).item()
    elsewhere = detection_loss(*said([CAR, SMALL, [20.0, 20.0, 60.0, 60.0]], 8), truth).item()
    assert right == pytest.approx(0, abs=0.01)
    assert missed > 1
    assert elsewhere > 1


def test_nothing_to_see_is_no_division_by_zero():
    truth = [part[None] for part in render_targets(example([]))]
    assert detection_loss(*said([], 8), truth).item() == pytest.approx(0, abs=0.01)


def test_a_vehicle_of_unknown_kind_may_be_any_but_must_be_one():
    unknown = example([CAR])
    unknown.labels[:] = UNKNOWN_VEHICLE
    truth = [part[None] for part in render_targets(unknown)]
    logits, sides = said([CAR], 8)
    bus = logits.clone()
    bus[:, [0, 1]] = bus[:, [1, 0]]
    person = logits.clone()
    person[:, [0, 4]] = person[:, [4, 0]]
    assert detection_loss(logits, sides, truth).item() == pytest.approx(0, abs=0.01)
    assert detection_loss(bus, sides, truth).item() == pytest.approx(0, abs=0.01)
    assert detection_loss(person, sides, truth).item() > 1
    assert detection_loss(torch.full_like(logits, -8), sides, truth).item() > 1


def test_to_miss_what_is_rare_costs_more():
    def missed(label: str) -> float:
        rare = example([CAR, [200.0, 80.0, 240.0, 110.0]])
        rare.labels[1] = LABELS.index(label)
        logits, sides = said([CAR], 8)
        return detection_loss(logits, sides, [part[None] for part in render_targets(rare)]).item()

    assert missed("motorcycle") > missed("bus") > missed("car")


def test_one_kind_taken_for_another_costs_more_than_a_doubt(monkeypatch: pytest.MonkeyPatch):
    truth = [part[None] for part in render_targets(example([CAR]))]
    logits, sides = said([CAR], 8)
    row, column = 95 // STRIDE, 120 // STRIDE
    doubtful, wrong = logits.clone(), logits.clone()
    doubtful[0, 1, row, column] = 8
    wrong[0, 0, row, column], wrong[0, 1, row, column] = -8, 8
    of_kinds = []
    for said_so in (logits, doubtful, wrong):
        losses = []
        for weight in (0.0, 1.0):
            monkeypatch.setattr(targets, "KIND_WEIGHT", weight)
            losses.append(detection_loss(said_so, sides, truth).item())
        of_kinds.append(losses[1] - losses[0])
    assert of_kinds == pytest.approx([0, np.log(2), 16], abs=0.01)
