"""What the extractor is taught: to see as the teacher sees, and to bring one vehicle's crops together."""

import torch
from torch import Tensor
from torch.nn import functional as F


def distillation_loss(likeness: Tensor, targets: Tensor) -> Tensor:
    """One minus the cosine to the teacher's direction, the error of the length, and that of the batch's similarities.

    likeness, targets: (B, 257) of length 1; the last number is what a feature lacks to the sphere's radius.
    """
    ours, theirs = likeness[:, :-1], targets[:, :-1]
    length = F.mse_loss(ours.norm(dim=1), theirs.norm(dim=1))
    ours, theirs = F.normalize(ours, dim=1), F.normalize(theirs, dim=1)
    direction = 1 - (ours * theirs).sum(1).mean()
    return direction + 4 * length + 4 * F.mse_loss(ours @ ours.T, theirs @ theirs.T)


def identity_loss(identity: Tensor, vehicles: Tensor, possible: Tensor, temperature: float = 0.1) -> Tensor:
    """Supervised contrastive loss (Khosla et al., NeurIPS 2020, its ``out`` form).

    identity: (B, 127) of length 1; vehicles: (B,) numbers; possible: (B, B) pairs that may be compared at all. Crops without
    another of their vehicle have no say of their own, but others must keep away from them.
    """
    itself = torch.eye(len(vehicles), dtype=torch.bool, device=vehicles.device)
    logits = (identity @ identity.T / temperature).masked_fill(itself | ~possible, -1e4)
    log_share = logits.log_softmax(1)
    same = (vehicles[:, None] == vehicles[None, :]) & ~itself & possible
    count = same.sum(1)
    each = -(log_share * same).sum(1)[count > 0] / count[count > 0]
    return each.mean() if len(each) else identity.sum() * 0
