"""AP50 on cases small enough to be counted by hand."""

import numpy as np
import pytest
from faster_coco_eval import COCO, COCOeval_faster
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.detect.evaluation import Scored, by_size, precision_recall

A, B, FAR = [0, 0, 10, 10], [20, 0, 30, 10], [80, 80, 90, 90]


def image(found: list[tuple[list[float], float]], truth: list[list[float]], ignored: list[list[float]] = ()) -> Scored:
    boxes = np.array([box for box, _ in found], np.float32).reshape(-1, 4)
    scores = np.array([score for _, score in found], np.float32)
    return Scored(boxes, scores, np.array(truth, np.float32).reshape(-1, 4), np.array(ignored, np.float32).reshape(-1, 4))


def test_all_found_and_nothing_else():
    assert precision_recall([image([(A, 0.9), (B, 0.8)], [A, B])]).average_precision == 1


def test_hit_miss_hit():
    curve = precision_recall([image([(A, 0.9), (FAR, 0.8), (B, 0.7)], [A, B])])
    np.testing.assert_allclose(curve.precision, [1, 1 / 2, 2 / 3])
    np.testing.assert_allclose(curve.recall, [0.5, 0.5, 1])
    assert curve.average_precision == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


def test_truth_never_found_costs_recall():
    curve = precision_recall([image([(A, 0.9)], [A, B]), image([], [FAR, B])])
    assert curve.average_precision == pytest.approx(0.25)
    assert curve.truths == 4


def test_truth_is_hit_once():
    curve = precision_recall([image([(A, 0.9), (A, 0.8)], [A])])
    np.testing.assert_allclose(curve.precision, [1, 0.5])


def test_second_box_takes_the_other_truth_it_overlaps():
    beside = [2, 0, 12, 10]
    assert precision_recall([image([(A, 0.9), (A, 0.8)], [A, beside])]).average_precision == 1


@pytest.mark.parametrize(("width", "precision"), [(5.0, 1), (4.9, 0)])
def test_hit_needs_an_overlap_of_one_half(width, precision):
    assert precision_recall([image([([0, 0, width, 10], 0.9)], [A])]).precision.tolist() == [precision]


def test_scores_are_sorted_over_all_images():
    curve = precision_recall([image([(FAR, 0.3), (A, 0.7)], [A]), image([(B, 0.9)], [B])])
    np.testing.assert_allclose(curve.scores, [0.9, 0.7, 0.3])
    assert curve.average_precision == 1


@pytest.mark.parametrize("box", [B, [24, 0, 44, 10], [22, 2, 24, 4]])
def test_box_on_an_ignored_region_counts_neither_way(box):
    region = [20, 0, 34, 10]
    assert len(precision_recall([image([(A, 0.5), (box, 0.9)], [A], [region])]).scores) == 1
    assert len(precision_recall([image([(A, 0.5), (box, 0.9)], [A])]).scores) == 2


def test_hit_on_an_ignored_region_still_counts():
    assert precision_recall([image([(A, 0.9)], [A], [A])]).average_precision == 1


def test_box_hardly_on_an_ignored_region_is_a_miss():
    assert precision_recall([image([([16, 0, 26, 10], 0.9)], [A], [[20, 0, 24, 10]])]).precision.tolist() == [0]


def test_nothing_found():
    curve = precision_recall([image([], [A])])
    assert (curve.average_precision, curve.at(0.5)) == (0, (1.0, 0.0))


def test_precision_and_recall_at_a_threshold():
    curve = precision_recall([image([(A, 0.9), (FAR, 0.8), (B, 0.7)], [A, B])])
    assert curve.at(0.85) == (1.0, 0.5)
    assert curve.at(np.float32(0.7)) == pytest.approx((2 / 3, 1.0))
    assert curve.at(0.95) == (1.0, 0.0)


def test_best_threshold_has_the_highest_f1():
    curve = precision_recall([image([(A, 0.9), (B, 0.6), (FAR, 0.5)], [A, B])])
    assert curve.best_threshold() == pytest.approx(0.6)


def test_best_threshold_with_slack_is_the_highest_that_is_nearly_as_good():
    many = [([x, 0, x + 5, 10], 0.9 - x / 1000) for x in range(0, 60, 6)]
    curve = precision_recall([image(many, [box for box, _ in many])])
    assert curve.best_threshold() == pytest.approx(0.846)
    assert curve.best_threshold(slack=0.06) == pytest.approx(0.852)


@given(
    st.lists(st.tuples(st.sampled_from([A, B, FAR]), st.floats(0, 1)), max_size=8), st.sets(st.sampled_from([0, 1]), min_size=1)
)
def test_average_precision_and_recall_stay_between_0_and_1(found, truth):
    curve = precision_recall([image(found, [(A, B)[i] for i in truth])])
    assert 0 <= curve.average_precision <= 1
    assert (np.diff(curve.recall) >= 0).all()
    assert all(0 <= value <= 1 for value in curve.at(0.5))


def test_classes_of_size_go_by_the_shorter_side():
    boxes = np.array([[0, 0, 11.9, 50], [0, 0, 12, 50], [0, 0, 50, 24], [0, 0, 50, 24.1]])
    nothing = np.zeros((0, 4))
    assert [len(part.truth) for part in by_size(Scored(nothing, np.zeros(0), boxes, nothing))] == [1, 2, 1]


def by_coco(images: list[Scored]) -> float:
    """AP50 by COCO's evaluator, ignored regions as its crowds, on so many levels of recall that they are the whole curve: COCO's
    own 101 are up to 0.01 off where there are few truths."""

    def row(image: int, box: np.ndarray, **more: float) -> dict:
        sides = [*box[:2], *(box[2:] - box[:2])]
        return {"image_id": image, "category_id": 1, "bbox": list(map(float, sides)), "area": float(sides[2] * sides[3])} | more

    truth, found = [], []
    for i, image in enumerate(images):
        truth += [row(i, box, iscrowd=0) for box in image.truth] + [row(i, box, iscrowd=1) for box in image.ignored]
        found += [row(i, box, score=float(score)) for box, score in zip(image.boxes, image.scores, strict=True)]
    known = {"images": [{"id": i} for i in range(len(images))], "categories": [{"id": 1, "name": "vehicle"}]}
    judged = COCO(known | {"annotations": [each | {"id": i} for i, each in enumerate(truth, 1)]})
    judge = COCOeval_faster(judged, judged.loadRes(found), "bbox", print_function=lambda *_: None)
    judge.params.iouThrs, judge.params.recThrs = np.array([0.5]), np.linspace(0, 1, 10_001)
    judge.params.areaRng, judge.params.areaRngLbl, judge.params.maxDets = [[0, 1e10]], ["all"], [1000]
    judge.evaluate()
    judge.accumulate()
    return float(judge.eval["precision"].mean())


@pytest.mark.parametrize("seed", range(10))
def test_it_is_what_cocos_evaluator_says(seed: int):
    """The curve is read at the operating point too, which COCO's evaluator does not give: so it stands beside, as the judge."""
    random = np.random.default_rng(seed)

    def boxes(count: int) -> np.ndarray:
        corners = random.uniform(0, 300, (count, 2))
        return np.hstack([corners, corners + random.uniform(16, 60, (count, 2))])

    def one() -> Scored:
        there = boxes(random.integers(1, 8))
        seen = there[random.random(len(there)) < 0.8]
        found = np.vstack([seen + random.normal(0, 3, seen.shape), boxes(random.integers(0, 4))])
        ignored = random.integers(0, 3)
        return Scored(found, random.random(len(found)), there[ignored:], there[:ignored])

    images = [one() for _ in range(20)]
    assert precision_recall(images).average_precision == pytest.approx(by_coco(images), abs=1e-3)
