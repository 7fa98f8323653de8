"""What the losses reward."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from cctview_pipeline.embed.network import lift
from cctview_pipeline.training.extractor.losses import distillation_loss, identity_loss


def units(*rows: list[float]) -> Tensor:
    return F.normalize(torch.tensor(rows), dim=1)


TEACHER = lift(torch.tensor([[1, 0, 0], [0.9, 0.2, 0], [0, 0.7, 0], [0, 0, 0.5]]))
EVERY = torch.ones(4, 4, dtype=torch.bool)


def test_a_student_that_is_its_teacher_costs_nothing():
    assert distillation_loss(TEACHER, TEACHER).item() == pytest.approx(0, abs=1e-5)


def test_wrong_neighbours_cost_more_than_a_turn_of_the_whole():
    """The teacher's first two are neighbours. Turned as a whole they still are; exchanged with others they are not."""
    turned, exchanged = TEACHER[:, [1, 2, 0, 3]], TEACHER[[0, 2, 3, 1]]
    off = lambda student: 1 - F.cosine_similarity(student[:, :-1], TEACHER[:, :-1]).mean().item()  # noqa: E731
    assert off(turned) >= off(exchanged) > 0.6
    assert distillation_loss(exchanged, TEACHER) > distillation_loss(turned, TEACHER) + 0.5


def test_a_feature_of_another_length_costs():
    """As far in direction, which costs nothing, but the published method would see how far apart they are."""
    longer = lift(torch.tensor([[3.0, 0, 0], [2.7, 0.6, 0], [0, 2.1, 0], [0, 0, 1.5]]))
    assert distillation_loss(longer, TEACHER) > 0.2


def test_crops_of_one_vehicle_shall_be_near():
    near, vehicles = units([1, 0.1, 0], [1, -0.1, 0], [0, 1, 0.1], [0, 1, -0.1]), torch.tensor([5, 5, 9, 9])
    assert identity_loss(near, vehicles, EVERY) < 0.01
    assert identity_loss(near, torch.tensor([5, 9, 5, 9]), EVERY) > 5


def test_pairs_that_may_not_be_compared_have_no_say():
    """The same crop again, of which nobody knows whether it is the same vehicle."""
    crops, vehicles = units([1, 0, 0], [1, 0.1, 0], [1, 0, 0], [0, 1, 0]), torch.tensor([1, 1, 2, 3])
    unknown = EVERY.clone()
    unknown[2, :3] = unknown[:3, 2] = False
    assert identity_loss(crops, vehicles, unknown) < 0.01 < identity_loss(crops, vehicles, EVERY)


def test_a_batch_without_pairs_costs_nothing_and_can_be_learned_from():
    crops = TEACHER.clone().requires_grad_()
    loss = identity_loss(crops, torch.arange(4), EVERY)
    loss.backward()
    assert loss.item() == 0
    assert crops.grad.abs().sum() == 0


@pytest.mark.parametrize("step", range(3))
def test_descent_brings_one_vehicle_together(step):
    torch.manual_seed(step)
    crops, vehicles = torch.randn(8, 6), torch.arange(8) // 2
    possible = torch.ones(8, 8, dtype=torch.bool)
    crops.requires_grad_()
    optimizer = torch.optim.SGD([crops], lr=0.5)
    for _ in range(200):
        optimizer.zero_grad()
        identity_loss(F.normalize(crops, dim=1), vehicles, possible).backward()
        optimizer.step()
    similarity = F.normalize(crops, dim=1) @ F.normalize(crops, dim=1).T
    assert similarity.fill_diagonal_(-1).argmax(1).tolist() == [1, 0, 3, 2, 5, 4, 7, 6]
