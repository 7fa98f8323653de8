"""The course of an adaptation: a lake's tracks, and the synthetic city's vehicles again, for the identity tower alone."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cctview_pipeline.embed.network import ExtractorNetwork
from cctview_pipeline.embed.views import SIDE, letterbox
from cctview_pipeline.runtime.device import quick_autocast
from cctview_pipeline.training.extractor.courses import vary
from cctview_pipeline.training.extractor.lake_lessons import LakeTrack, different, letterboxed, meetings, vehicles
from cctview_pipeline.training.extractor.lessons import SyntheticVehicles, city_groups
from cctview_pipeline.training.extractor.losses import identity_loss

MEETING = 12
"""Tracks of one camera and time that a step holds together."""


@dataclass(frozen=True)
class Sizes:
    """Of a step. tracks: of the lake; vehicles: of the city; views: crops of each."""

    tracks: int
    vehicles: int
    views: int


@dataclass(frozen=True)
class Batch:
    """Crops of a lake: their rows (B,), which vehicles they show (B,), and which two may be compared (B, B)."""

    rows: np.ndarray
    vehicles: np.ndarray
    possible: np.ndarray


class LakeCourse:
    """Batches of a pass over the tracks, each with the losses on the lake's crops and on the city's."""

    def __init__(
        self, network: ExtractorNetwork, tracks: Sequence[LakeTrack], city: SyntheticVehicles | None, sizes: Sizes
    ) -> None:
        self.steps = _steps(meetings(tracks, MEETING, np.random.default_rng(0)), sizes)
        self._network, self._tracks, self._city, self._sizes = network, tracks, city, sizes
        self._crops, self._begins = letterboxed(tracks)
        self._in_city = np.stack([letterbox(crop) for crop in city.crops]) if city else np.zeros((0, SIDE, SIDE, 3), np.uint8)
        self._whose = city.vehicles if city else np.zeros(0, np.int64)

    def losses(self, seed: int, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        rng = np.random.default_rng([seed, epoch])
        shown = city_groups(self._city, self._sizes.vehicles, self._sizes.views, rng) if self._city else []
        for step, batch in enumerate(batches(self._tracks, self._begins, self._sizes, rng)):
            yield self._step(batch, shown[step % len(shown)] if shown else np.zeros(0, np.int64))

    def _step(self, batch: Batch, again: np.ndarray) -> tuple[Tensor, Tensor]:
        """The tower sees both kinds of crops in one batch, as it did when it was trained first."""
        device = self._network.share.device
        seen = [vary(_to_tensor(self._crops[batch.rows], device), light=0.1)]
        if len(again):
            seen.append(vary(_to_tensor(self._in_city[again], device), light=0.25))
        with quick_autocast(device):
            found = self._network.see_identity(torch.cat(seen).contiguous(memory_format=torch.channels_last))
        of_lake, of_city = found[: len(batch.rows)], found[len(batch.rows) :]
        whose, possible = (torch.from_numpy(each).to(device) for each in (batch.vehicles, batch.possible))
        loss = identity_loss(of_lake, whose, possible)
        if not len(again):
            return loss, loss.new_zeros(())
        whose = torch.from_numpy(self._whose[again]).to(device)
        return loss, identity_loss(of_city, whose, torch.ones(len(again), len(again), dtype=torch.bool, device=device))


def batches(tracks: Sequence[LakeTrack], begins: np.ndarray, sizes: Sizes, rng: np.random.Generator) -> Iterator[Batch]:
    """A pass: every track once, and again beside those of other cameras that people compared it with. begins: (T + 1,) where
    each track's crops begin."""
    met, whose, place = meetings(tracks, MEETING, rng), vehicles(tracks), {track.id: row for row, track in enumerate(tracks)}
    steps = _steps(met, sizes)
    for step in range(steps):
        members = np.concatenate(met[step::steps])
        judged = {place[each] for row in members for each in tracks[row].judged if each in place}
        members = np.array([*members, *sorted(judged - set(members.tolist()))])
        rows = [begins[row] + _some(begins[row + 1] - begins[row], sizes.views, rng) for row in members]
        mine = whose[members]
        possible = different([tracks[row] for row in members]) | (mine[:, None] == mine[None, :])
        spread = np.repeat(np.arange(len(members)), sizes.views)
        yield Batch(np.concatenate(rows), mine[spread], possible[np.ix_(spread, spread)])


def _steps(met: Sequence[np.ndarray], sizes: Sizes) -> int:
    return math.ceil(len(met) / max(1, sizes.tracks // MEETING))


def _some(count: int, wanted: int, rng: np.random.Generator) -> np.ndarray:
    return rng.choice(count, wanted, replace=count < wanted)


def _to_tensor(crops: np.ndarray, device: torch.device) -> Tensor:
    """(B, 64, 64, 3) uint8 -> (B, 3, 64, 64) in 0..1."""
    return torch.from_numpy(crops).to(device).permute(0, 3, 1, 2).float().div_(255)
