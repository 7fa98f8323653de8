"""What the two towers are taught: by whom a crop is seen how, and which crops may be compared."""

import numpy as np
import pytest
import torch

from cctview_pipeline.embed.network import ExtractorNetwork
from cctview_pipeline.training.extractor.courses import FAR_S, StepSize, _pairs, identity_course, likeness_course, vary
from cctview_pipeline.training.extractor.lessons import SyntheticVehicles, frame_pairs
from cctview_pipeline_tests.factories.vehicles import driving

CPU = torch.device("cpu")


def test_successive_frames_tell_who_is_who():
    recorded, which = driving(vehicles=4, frames=4)
    pairs = frame_pairs([recorded], np.random.default_rng(0))
    found = _pairs([recorded], [recorded.successors()], pairs)
    rows = np.concatenate([rows for _, rows in pairs])
    pair = np.repeat(np.arange(len(pairs)), [len(rows) for _, rows in pairs])
    same = found.vehicles[:, None] == found.vehicles[None, :]
    together = pair[:, None] == pair[None, :]
    np.testing.assert_array_equal(same & together, (which[rows][:, None] == which[rows][None, :]) & together)
    assert found.possible[together].all()  # every crop of a pair has found its like
    assert not found.possible[~together].any()  # seconds apart it may be the same vehicle


def test_who_has_not_found_its_like_is_compared_within_its_frame_only():
    recorded, _ = driving(vehicles=3, frames=2)
    found = _pairs([recorded], [np.full(6, -1)], [(0, np.arange(6))])
    one_frame = np.kron(np.eye(2, dtype=bool), np.ones((3, 3), bool))
    np.testing.assert_array_equal(found.possible, one_frame)
    assert len(set(found.vehicles)) == 6


def test_a_minute_apart_it_is_another_vehicle():
    recorded, _ = driving(vehicles=2, frames=4)
    recorded.seen.times[4:] += 2 * FAR_S
    found = _pairs([recorded], [recorded.successors()], [(0, np.arange(4)), (0, np.arange(4, 8))])
    assert found.possible.all()
    assert not (found.vehicles[:4, None] == found.vehicles[None, 4:]).any()


def learn(course, epochs: int, rate: float = 1e-3) -> list[float]:
    """Mean loss of every epoch."""
    optimizer = torch.optim.AdamW(course.tower.parameters(), rate)
    means = []
    for epoch in range(epochs):
        losses = []
        for loss in course.losses(epoch):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        means.append(float(np.mean(losses)))
        assert abs(len(losses) - course.steps) <= 1  # pairs of frames begin at the first or at the second
    return means


def test_likeness_is_learned_by_its_tower_alone():
    torch.manual_seed(0)
    recorded, _ = driving(vehicles=4, frames=6)
    network = ExtractorNetwork()
    before = [p.clone() for p in network.identity.parameters()]
    means = learn(likeness_course(network, [recorded], batch=8, seed=1, device=CPU), epochs=6)
    assert means[-1] < 0.5 * means[0]
    assert all(torch.equal(a, b) for a, b in zip(before, network.identity.parameters(), strict=True))


@pytest.mark.parametrize("recorded", [True, False], ids=["with recordings", "city alone"])
def test_identity_is_learned_from_the_city_and_from_recordings(recorded: bool):
    torch.manual_seed(0)
    cameras = [driving(vehicles=4, frames=8)[0]] if recorded else []
    which = np.repeat(np.arange(6), 4)
    looks = np.random.default_rng(0).integers(0, 255, (6, 8, 8, 3), np.uint8).repeat(8, 1).repeat(8, 2)
    city = SyntheticVehicles(
        crops=looks[which], vehicles=which, cameras=np.tile(["city-1", "city-2"], 12), seeds=np.zeros(24), times=which * 10.0
    )
    course = identity_course(ExtractorNetwork(), cameras, city, StepSize(recorded=8, vehicles=3, crops=3), seed=1, device=CPU)
    means = learn(course, epochs=8)
    assert means[-1] < 0.6 * means[0]


def test_varied_crops_stay_pictures():
    torch.manual_seed(0)
    crops = torch.rand(16, 3, 64, 64)
    varied = vary(crops, 0.25)
    assert varied.shape == crops.shape
    assert 0 <= varied.min() <= varied.max() <= 1
    mirrored = [(varied[i] - crops[i].flip(2)).abs().mean() < (varied[i] - crops[i]).abs().mean() for i in range(16)]
    assert 0 < sum(mirrored) < 16
