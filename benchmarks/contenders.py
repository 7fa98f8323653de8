"""The trackers that people use, beside which ours is measured in a city (track.py) and on real clips (identities.py).

They get boxes frame by frame, empty frames too. Each package runs as it comes, and adapted to a frame every two seconds: SETTINGS
says how; ON_CLIPS, to a frame a second of real clips. Needs the extra ``benchmark``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import supervision as sv
from trackers import BIoU, ByteTrackTracker, OCSORTTracker

from cctview_pipeline.boxes import pairwise_iou
from cctview_pipeline.evaluate.truth import rows_by_frame

LOST_S = 3.0
NEAR = {"iou": BIoU(1.0), "minimum_iou_threshold": 0.2, "high_conf_det_threshold": 0.0, "minimum_consecutive_frames": 1}
SETTINGS = {
    "trackers ByteTrack, as it comes": (ByteTrackTracker, {}),
    "trackers ByteTrack, adapted": (ByteTrackTracker, NEAR | {"track_activation_threshold": 0.0}),
    "trackers OC-SORT, as it comes": (OCSORTTracker, {}),
    "trackers OC-SORT, adapted": (OCSORTTracker, NEAR | {"direction_consistency_weight": 0.6, "delta_t": 1}),
    "supervision ByteTrack, as it comes": (sv.ByteTrack, {}),
    "supervision ByteTrack, adapted": (sv.ByteTrack, {"minimum_matching_threshold": 0.99}),
}
"""Adapted: the best of some 130 that were tried on four cameras of development cities 1000 and 1001: IoU, GIoU, DIoU and buffered
IoU with several least values, 1.8 to 10 s until a track is lost, kinds of Kalman state, weights of direction. All are told the
camera's frame rate, those of ``trackers`` each frame's time too, and every detection may begin a track."""

WIDE = {"iou": BIoU(1.5), "minimum_consecutive_frames": 1}
ON_CLIPS = {
    "trackers ByteTrack, chosen on the clips": (
        ByteTrackTracker,
        WIDE | {"minimum_iou_threshold": 0.2, "track_activation_threshold": 0.0},
    ),
    "trackers OC-SORT, chosen on the clips": (
        OCSORTTracker,
        WIDE | {"minimum_iou_threshold": 0.1, "direction_consistency_weight": 0.2, "delta_t": 1},
    ),
}
"""Those that find most links of 28 and 18 that were tried, on the very clips that they are measured on (identities.py): so they
say more for the packages than another camera will. IoU and buffered IoU by 0.3 to 3, several least values, weights of
direction."""


@dataclass(frozen=True)
class Given:
    """What a tracker works on. times: (F,) s of all frames, in order; frame: (N,) sorted positions in these; boxes: (N, 4) px;
    scores: (N,)."""

    times: np.ndarray
    frame: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray


def theirs(make: Callable, settings: dict) -> Callable[[Given], np.ndarray]:
    """A package's tracker, frame by frame: (N,) the number of each box's track, or -1.

    Without settings it runs as it comes, and what it gives no id is in no track. Adapted, a sighting without an id yet belongs to
    the tracklet that it began, and is a track by itself where none did, as in ours.
    """
    timed = make is not sv.ByteTrack

    def contender(given: Given) -> np.ndarray:
        rate = 1 / float(np.median(np.diff(given.times)))
        tracker = make(**settings, frame_rate=rate, lost_track_buffer=round(LOST_S * 30)) if settings else make()
        numbers, begun = np.full(len(given.scores), -1), []
        for now, rows in zip(given.times, rows_by_frame(given.frame, len(given.times)), strict=True):
            old = list(tracker.tracks if timed else tracker.tracked_tracks)
            boxes = sv.Detections(given.boxes[rows].astype(float), confidence=given.scores[rows], data={"row": rows})
            clock = {"timestamp": now} if settings else {}
            found = tracker.update(boxes, **clock) if timed else tracker.update_with_detections(boxes)
            if len(found):
                numbers[found.data["row"]] = found.tracker_id
            left = rows[numbers[rows] < 0]
            if settings and len(left):
                alive = tracker.tracks if timed else tracker.tracked_tracks
                young = [tracklet for tracklet in alive if not any(tracklet is one for one in old)]
                corners = np.array([t.get_state_bbox() if timed else t.tlbr for t in young]).reshape(-1, 4)
                begun += zip(left[pairwise_iou(corners, given.boxes[left]).argmax(1)], young, strict=True)
        for row, tracklet in begun:
            numbers[row] = tracklet.tracker_id if timed else tracklet.external_track_id
        return alone(numbers) if settings else numbers

    return contender


def alone(numbers: np.ndarray) -> np.ndarray:
    """Those that are in no track get one each."""
    left = np.flatnonzero(numbers < 0)
    numbers[left] = numbers.max(initial=0) + 1 + np.arange(len(left))
    return numbers


def splitting(make: Callable, threshold: float) -> dict[str, float]:
    """The setting that says from which score on a box is sure."""
    return {"track_activation_threshold" if make is sv.ByteTrack else "high_conf_det_threshold": threshold}


def told(settings: dict) -> dict[str, dict]:
    """What each was adapted by, for a file of results."""
    return {
        name: {key: f"BIoU({value.buffer_ratio})" if isinstance(value, BIoU) else value for key, value in mine.items()}
        | {"frame_rate": "the camera's, from the median of its intervals", "lost_track_buffer": round(LOST_S * 30)}
        for name, (_, mine) in settings.items()
        if mine
    }
