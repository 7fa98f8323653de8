"""Augmented frames: boxes stay on their objects, whatever is done to the picture."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cctview_pipeline.detect.detections import LABELS
from cctview_pipeline.training.detector.augmentation import (
    HEIGHT,
    MIN_SIDE_PX,
    WIDTH,
    Example,
    augment,
    cut,
    degrade,
    join,
    masked,
    place,
    relight,
    strew,
)
from cctview_pipeline.training.detector.drawn_things import lit, overlaid, thing
from cctview_pipeline.training.detector.labels import FrameLabels
from cctview_pipeline_tests.factories.archive import HOUR_17

seeds = st.integers(0, 2**31)


def labelled(*boxes: tuple[int, int, int, int], background: int = 30):
    """A dark picture with a bright block on every box."""
    image = np.full((240, 352, 3), background, np.uint8)
    for x1, y1, x2, y2 in boxes:
        image[y1:y2, x1:x2] = 230
    objects = np.array(boxes, np.float32).reshape(-1, 4)
    nothing = np.zeros((0, 4), np.float32)
    return image, FrameLabels(
        path=Path("frame.jpeg"),
        frame_id=HOUR_17,
        objects=objects,
        labels=np.zeros(len(boxes), np.int64),
        ignored=nothing,
        still=nothing,
    )


@settings(max_examples=25)
@given(seeds)
def test_a_box_stays_on_its_object(seed):
    placed = place(labelled((150, 100, 200, 140)), np.random.default_rng(seed))
    assert placed.pixels.shape == (3, HEIGHT, WIDTH)
    bright = placed.pixels[0] > 0.7
    if len(placed.objects):
        y, x = np.nonzero(bright.numpy())
        seen = np.array([x.min(), y.min(), x.max() + 1, y.max() + 1])
        np.testing.assert_allclose(placed.objects[0], seen, atol=1.6)
    else:
        assert bright.sum() < 0.5 * 50 * 40 * 4  # mostly cut away


@settings(max_examples=25)
@given(seeds)
def test_objects_are_inside_and_large_enough_and_others_are_left_out(seed):
    rng = np.random.default_rng(seed)
    example = augment(labelled((10, 10, 18, 18), (300, 200, 352, 240)), labelled((40, 40, 90, 80)), rng)
    assert example.pixels.min() >= 0
    assert example.pixels.max() <= 1
    for boxes in (example.objects, example.ignored):
        assert (boxes >= 0).all()
        assert (boxes <= [WIDTH, HEIGHT, WIDTH, HEIGHT]).all()
    assert (example.objects[:, 2:] - example.objects[:, :2] >= MIN_SIDE_PX).all()
    assert len(example.labels) == len(example.objects)


def example(*boxes: tuple[float, float, float, float], grey: float = 0.0) -> Example:
    objects = np.array(boxes, np.float32).reshape(-1, 4)
    pixels = torch.full((3, HEIGHT, WIDTH), grey)
    return Example(pixels=pixels, objects=objects, labels=np.arange(len(boxes)), ignored=np.zeros((0, 4), np.float32))


def test_what_is_mostly_cut_away_is_left_out_of_the_loss():
    left = cut(example((0, 0, 20, 20), (90, 0, 110, 20), (60, 0, 105, 20)), (0, 0, 95, HEIGHT))
    assert left.objects.tolist() == [[0, 0, 20, 20], [60, 0, 95, 20]]
    assert left.labels.tolist() == [0, 2]
    assert left.ignored.tolist() == [[90, 0, 95, 20]]


def test_what_lies_outside_the_window_is_neither():
    left = cut(example((100, 0, 120, 20)), (0, 0, 95, HEIGHT))
    assert (len(left.objects), len(left.ignored)) == (0, 0)


@settings(max_examples=25)
@given(seeds)
def test_joined_halves_keep_their_own_objects(seed):
    boxes = [(x, y, x + 20, y + 20) for x in (0, 330) for y in (0, 220)]
    joined = join(example(*boxes, grey=0.0), example(*boxes, grey=1.0), np.random.default_rng(seed))
    assert len(joined.objects) == 4
    first = (joined.pixels[0] == 0).float().mean()
    assert 0.25 < first < 0.75


@settings(max_examples=25)
@given(seeds)
def test_pieces_are_put_where_no_object_is_and_vehicles_bring_their_boxes(seed):
    before, source = example((100, 100, 160, 140)), example((10, 10, 40, 30), (300, 200, 340, 230), grey=0.5)
    after = strew(before, source, np.random.default_rng(seed))
    assert after.objects[0].tolist() == [100, 100, 160, 140]
    assert (after.pixels[:, 100:140, 100:160] == before.pixels[:, 100:140, 100:160]).all()
    for box, label in zip(after.objects[1:], after.labels[1:], strict=True):
        assert (box[2:] - box[:2]).tolist() == (source.objects[label, 2:] - source.objects[label, :2]).tolist()
        x1, y1, x2, y2 = box.astype(int)
        assert 0 <= x1 < x2 <= WIDTH
        assert 0 <= y1 < y2 <= HEIGHT


@settings(max_examples=25)
@given(seeds)
def test_light_and_damage_leave_a_picture(seed):
    rng = np.random.default_rng(seed)
    pixels = degrade(relight(torch.rand(3, HEIGHT, WIDTH), rng), rng)
    assert pixels.shape == (3, HEIGHT, WIDTH)
    assert pixels.isfinite().all()
    assert pixels.min() >= 0
    assert pixels.max() <= 1


def test_the_same_seed_gives_the_same_example():
    frames = labelled((150, 100, 200, 140)), labelled((40, 40, 90, 80))
    first, second = (augment(*frames, np.random.default_rng(3)) for _ in range(2))
    assert torch.equal(first.pixels, second.pixels)
    np.testing.assert_array_equal(first.objects, second.objects)


@pytest.mark.parametrize("size", [(120, 176), (480, 704), (100, 400)])
def test_pictures_of_other_sizes_are_brought_to_size(size):
    image, frame = np.zeros((*size, 3), np.uint8), labelled((10, 10, 40, 40))[1]
    assert augment((image, frame), (image, frame), np.random.default_rng(0)).pixels.shape == (3, HEIGHT, WIDTH)


def with_people(*boxes: tuple[int, int, int, int]) -> Example:
    return replace(example((100, 100, 140, 130)), people=np.array(boxes, np.float32), labels=np.array([0]))


@settings(max_examples=25)
@given(seeds)
def test_people_go_where_the_picture_goes(seed):
    image, frame = labelled((150, 100, 200, 140))
    placed = place((image, replace(frame, people=frame.objects, unsure=frame.objects)), np.random.default_rng(seed))
    for boxes in (placed.people, placed.unsure):
        if len(placed.objects):
            np.testing.assert_allclose(boxes, placed.objects)


@settings(max_examples=25)
@given(seeds)
def test_a_masked_picture_shows_nobody_and_keeps_its_vehicles(seed):
    before = with_people((120, 90, 130, 120), (300, 200, 310, 225))
    before = replace(
        before, objects=np.append(before.objects, before.people[1:], 0), labels=np.array([0, LABELS.index("person")])
    )
    after = masked(before, np.random.default_rng(seed))
    for x1, y1, x2, y2 in before.people.astype(int):
        assert (after.pixels[:, y1:y2, x1:x2] == torch.tensor(114 / 255)).all()
    assert after.objects.tolist() == before.objects[:1].tolist(), "the rider is painted over, the vehicle stays"
    assert before.people[1].tolist() in after.ignored.tolist(), "a grey place is nobody to be found"


def test_lamps_are_on_vehicles_and_light_nothing_far_away():
    dark = torch.full((3, HEIGHT, WIDTH), 0.02)
    bright = lit(dark, np.array([[100, 100, 140, 130]], np.float32), False, np.random.default_rng(5))
    alone = lit(dark, np.zeros((0, 4), np.float32), False, np.random.default_rng(5))
    assert bright[:, 100:140, 90:150].max() > 0.5
    assert alone.min() >= 0
    assert bright.max() <= 1


@settings(max_examples=25)
@given(seeds)
def test_things_and_overlays_are_pictures(seed):
    rng = np.random.default_rng(seed)
    drawn = thing((int(rng.integers(8, 80)), int(rng.integers(8, 80))), rng)
    assert drawn.ndim == 3
    picture = torch.full((3, HEIGHT, WIDTH), 0.4)
    over = overlaid(picture, rng)
    assert over.shape == picture.shape
    assert (over - picture).abs().max() > 0.05
    assert ((over - picture).abs().amax(0) < 0.01).float().mean() > 0.4, "most of the picture stays"
