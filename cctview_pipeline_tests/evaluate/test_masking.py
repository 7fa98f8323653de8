"""What masking costs, measured with every default: on the published hour, where it is there, and on a city where people walk."""

import math
from pathlib import Path

import numpy as np

from cctview_pipeline.city import CityNetwork, CitySettings
from cctview_pipeline.city.network import START
from cctview_pipeline.detect import PEOPLE, Detections, load_detector
from cctview_pipeline.detect.detections import LABELS
from cctview_pipeline.evaluate.masking import MaskingCost, Painted, Seen, average_precision, masking_cost
from cctview_pipeline.policy import Policy
from cctview_pipeline.redaction.masking import Masker, fill
from cctview_pipeline.training.detector.city_frames import RIDER, part
from cctview_pipeline.training.detector.labels import find_frames, published_boxes, published_truth

NOTHING = np.zeros((0, 4), np.float32)


def cost(pictures: list[Seen]) -> MaskingCost:
    return masking_cost(Masker.of(Policy()), load_detector(device="cpu"), pictures)


def test_on_the_published_hour_it_costs_less_than_a_point(published_hour: Path):
    """Minutes 45-49, which no training has seen."""
    pictures = []
    for path, frame_id in [each for each in find_frames(published_hour) if each[1].time.minute >= 45][::8]:
        boxes = published_boxes(path)
        people = boxes.boxes[(boxes.labels == LABELS.index("person")) & (boxes.scores >= 0.5)]
        vehicles, ignored = published_truth(path)
        seen = Seen(camera_id=frame_id.camera_id, jpeg=path.read_bytes(), vehicles=vehicles, ignored=ignored, people=people)
        pictures.append(seen)
    found = cost(pictures)
    assert found.ap50_before > 0.9
    assert found.lost < 0.01
    assert found.vehicles < 0.01
    assert found.picture < 0.02


def test_in_a_city_with_people_it_costs_hardly_more_than_if_they_were_known():
    """Who walks in front of a vehicle or rides it hides some of it, however exactly they are painted over."""
    start, pictures, known = START.replace(hour=12), [], []  # an early hour, to which traffic is quick to drive
    network = CityNetwork(CitySettings(seed=1003, start=start, minutes=2, people=400))
    for camera in network.cameras():
        for shot in network.shots(camera, start)[::10]:
            frame, truth = network.picture_and_truth(camera, shot)
            boxes = np.stack([truth[name].to_numpy() for name in ("x1", "y1", "x2", "y2")], axis=1)
            labels, visible = truth["label"].to_numpy(zero_copy_only=False), truth["visible_fraction"].to_numpy()
            walks, large = np.isin(labels, PEOPLE), (boxes[:, 2:] - boxes[:, :2]).min(1) >= 8
            counted = ~walks & large & (visible >= 0.3)
            people, riders = boxes[walks & (visible >= 0.1)], part(boxes[(labels == "motorcycle") & (visible >= 0.3)], RIDER)
            pictures.append(
                Seen(camera_id=camera, jpeg=frame.jpeg, vehicles=boxes[counted], ignored=boxes[~walks & ~counted], people=people)
            )
            known.append(fill(frame.jpeg, np.concatenate([people, riders]) + np.array([-2, -2, 2, 2])))
    found = cost(pictures)
    assert found.ap50_after > 0.93
    # More than the point that masking may cost on real frames: the finder paints 1.5 % of the city's vehicles.
    assert average_precision(load_detector(device="cpu").detect(known), pictures) - found.ap50_after < 0.015
    assert found.people > 0.9


def test_shares_are_of_what_was_painted():
    before = np.full((40, 40, 3), 200, np.uint8)
    before[:10] = 110  # as grey as paint: nobody can tell whether it was painted
    after = before.copy()
    after[10:20, :20] = 114
    painted = Painted()
    painted.add(before, after, np.array([[0, 10, 40, 30]], np.float32), np.array([[0, 10, 10, 20]], np.float32))
    picture, vehicles, people = painted.shares()
    assert picture == 200 / 1200
    assert vehicles == 100 / 700, "without the people in them"
    assert people == 1
    assert all(math.isnan(share) for share in Painted().shares())


def test_only_vehicles_are_looked_for():
    box = np.array([[10, 10, 30, 30]], np.float32)
    seen = Seen(camera_id="cam-1", jpeg=b"", vehicles=box, ignored=NOTHING, people=NOTHING)
    for label, reached in (("bus", 1.0), ("person", 0.0)):
        assert average_precision([Detections(box, np.ones(1, np.float32), [label])], [seen]) == reached
