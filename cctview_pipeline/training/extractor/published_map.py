"""Keeping an adapted extractor's place in the published space, where only one part of its embeddings was to change."""

import math
from collections.abc import Sequence

import numpy as np
import torch

from cctview_pipeline.embed import Extractor
from cctview_pipeline.embed.network import ExtractorNetwork
from cctview_pipeline.embed.torch_backend import extractor_of
from cctview_pipeline.training.extractor.lake_lessons import LakeTrack

FITTED = 4000
"""Crops, at most, that the map is fitted on."""


def keep_published(start: Extractor, network: ExtractorNetwork, tracks: Sequence[LakeTrack]) -> None:
    """Refit a network's map to the published 1920 numbers, so that it gives of its embeddings what the start gives.

    Ridge regression on the tracks' crops, towards the map of the start: what these crops do not tell stays as it was.
    """
    images = _images(tracks)
    images = images[:: math.ceil(len(images) / FITTED)]
    wanted = start.embed(images, space="veri").astype(np.float64)
    given = extractor_of(network, "in adaptation").embed(images).astype(np.float64)
    inputs, head = np.concatenate([given, np.ones((len(given), 1))], axis=1), network.published
    old = torch.cat((head.weight.detach().T, head.bias.detach()[None])).cpu().numpy().astype(np.float64)
    gram = inputs.T @ inputs + 1e-3 * len(inputs) / inputs.shape[1] * np.eye(inputs.shape[1])
    new = old + np.linalg.solve(gram, inputs.T @ (wanted - inputs @ old))
    head.weight.data = torch.from_numpy(new[:-1].T.copy()).float().to(head.weight.device)
    head.bias.data = torch.from_numpy(new[-1]).float().to(head.bias.device)


def published_cosine(start: Extractor, adapted: Extractor, tracks: Sequence[LakeTrack]) -> float:
    """Mean cosine between what both give of the tracks' crops in the published space, less the start's mean."""
    wanted, given = (each.embed(_images(tracks), space="veri") for each in (start, adapted))
    given, wanted = given - wanted.mean(0), wanted - wanted.mean(0)
    lengths = np.linalg.norm(wanted, axis=1) * np.linalg.norm(given, axis=1)
    return float(np.mean((wanted * given).sum(1) / np.maximum(lengths, 1e-9)))


def _images(tracks: Sequence[LakeTrack]) -> list[bytes]:
    return [image for track in tracks for image in track.images]
