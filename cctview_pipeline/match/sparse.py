"""Sparse reconstruction of embeddings from the images of a track: the residuals of RSCR (arXiv 1910.09458, section 3.3).

For a query embedding q and a track R, one image a row, the lasso a = argmin 1/2 ||q - R'a||^2 + ||a||_1 needs only the
products R R' and R q, so that D plays no part once they are there. Coordinate descent (Friedman et al., J. Stat. Softw.
2010) finds which images take part, and a linear system how much they do, as in feature-sign search (Lee et al., NIPS
2006): images of one vehicle are so alike that descent alone takes hundreds of sweeps. All queries and tracks go at once, in
double precision, since the residual of an image that the track holds itself is a small difference of large numbers.
"""

import numpy as np
import torch
from torch import Tensor

PENALTY = 1.0
"""Of ||a||_1 beside half the squared error, which is alpha = 2 beside the whole squared error."""
TOLERANCE = 1e-11
"""How far the duality gap may be from 0, as a share of half the query's squared norm, when a problem counts as solved.
What is explained is then off by less than 5e-6 of the norm."""
MAX_ROUNDS = 300
"""Beyond so many an error is better than a guess."""
RIDGE = 1e-10
"""Added to the diagonal of the linear systems, as a share of it."""
STEPS = 3
"""Linear systems solved after the first sweep; measured: fewer make more rounds, more are wasted."""
AT_ONCE = 1 << 19
"""Numbers in the linear systems that are solved together: what a processor's cache holds."""


def residual_norms(queries: Tensor, gallery: Tensor, lengths: np.ndarray) -> Tensor:
    """Squared residuals of every query image (N, D) on every track: (N, T) float64.

    gallery: (M, D), all tracks' images one after the other; lengths: (T,) of each.
    """
    queries, gallery = queries.double(), gallery.double()
    products, norms = queries @ gallery.T, (queries * queries).sum(1)
    first = np.cumsum(lengths) - lengths
    squared = torch.empty((len(queries), len(lengths)), dtype=torch.double, device=queries.device)
    for length in np.unique(lengths):
        tracks, problems = np.flatnonzero(lengths == length), max(1, AT_ONCE // int(length) ** 2)
        most = max(1, min(problems // len(queries), 8 * AT_ONCE // int(length * gallery.shape[1])))
        for chosen in np.array_split(tracks, -(-len(tracks) // most)):
            images = torch.from_numpy(first[chosen][:, None] + np.arange(length)).to(queries.device)
            gram, columns = gallery[images] @ gallery[images].mT, torch.from_numpy(chosen).to(queries.device)
            for begin in range(0, len(queries), problems):
                rows = slice(begin, begin + problems)
                squared[rows, columns] = _solve(gram, products[rows, images].movedim(0, 1), norms[rows]).T
    return squared


def _solve(gram: Tensor, products: Tensor, norms: Tensor) -> Tensor:
    """gram (T, n, n), products (T, N, n) and squared norms (N,) -> squared residuals (T, N)."""
    tracks, count, _ = products.shape
    # Every problem by itself, so that those that are solved can be put aside.
    gram, products, norms = gram.repeat_interleave(count, 0), products.flatten(0, 1), norms.repeat(tracks)
    squared, left = norms.clone(), torch.arange(len(norms), device=norms.device)
    weights = torch.zeros_like(products)
    for done in range(MAX_ROUNDS):
        _sweep(gram, products, weights)
        # A step ends where a first weight vanishes, so a stubborn problem may need one for each.
        for _ in range(min(STEPS + done, weights.shape[1])):
            _step(gram, products, weights)
        fitted = (gram @ weights[..., None])[..., 0]
        rest = norms - 2 * (products * weights).sum(1) + (fitted * weights).sum(1)
        unsolved = _duality_gap(products, weights, fitted, norms, rest) > TOLERANCE * (norms / 2).clamp(min=1)
        remaining = int(unsolved.sum())
        if remaining < 0.7 * len(left):
            squared[left] = rest
            left, norms, gram, products, weights = (part[unsolved] for part in (left, norms, gram, products, weights))
        if not remaining:
            return squared.clamp(min=0).view(tracks, count)
    raise ValueError(
        f"RSCR did not converge for {len(left)} image(s): with embeddings of norm {float(norms.max()) ** 0.5:.0f}, a track whose "
        "images are nearly equal has no stable solution. Scale them to a norm of about 30."
    )


def _sweep(gram: Tensor, products: Tensor, weights: Tensor) -> None:
    """One pass of coordinate descent over the n weights (problems, n), in place."""
    for i in range(weights.shape[1]):
        own = gram[:, i, i]
        pull = products[:, i] - torch.linalg.vecdot(gram[:, i], weights) + own * weights[:, i]
        weights[:, i] = torch.nn.functional.softshrink(pull, PENALTY) / own.clamp(min=1e-30)


def _step(gram: Tensor, products: Tensor, weights: Tensor) -> None:
    """Go to the minimum for the weights' present signs, or as far as the first of them would change, in place."""
    sign = weights.sign()
    active = sign.abs()
    system = gram * active[:, :, None] * active[:, None, :]
    pull = (products - PENALTY * sign - (gram @ weights[..., None])[..., 0]) * active
    # Images that repeat others make the system singular; a ridge does not move the point where nothing pulls any more.
    system.diagonal(dim1=1, dim2=2).mul_(1 + RIDGE).add_(1 - active)
    move, _ = torch.linalg.solve_ex(system.mT, pull)  # its own transpose, in the order that LAPACK reads
    target = weights + torch.where(move.isfinite(), move, 0)
    share = torch.where(weights * target < 0, weights / (weights - target), 1.0)
    first = share.amin(1, keepdim=True)
    weights += first * (target - weights)
    weights.masked_fill_((share == first) & (share < 1), 0)


def _duality_gap(products: Tensor, weights: Tensor, fitted: Tensor, norms: Tensor, rest: Tensor) -> Tensor:
    """How far at most the lasso's value is above its minimum: the gap to the residual scaled into the dual's bounds."""
    scale = (PENALTY / (products - fitted).abs().amax(1).clamp(min=1e-30)).clamp(max=1)
    primal = rest / 2 + PENALTY * weights.abs().sum(1)
    explained = norms - (products * weights).sum(1)  # q'(q - R'a)
    return primal - (scale * explained - scale**2 * rest / 2)
