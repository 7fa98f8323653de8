"""Recorded frames with what several teachers see in them together, as training labels.

Nobody drew a box in these frames. Seven passes of five detectors looked at each, and their boxes were fused: the score of a
fused box says how many of them agree and how sure they are. Looked at, those of 0.25 and more are right in daylight and those
of 0.35 and more anywhere, so that they are objects; those below are neither objects nor background down to where hardly any is
right. Where the recording has the published boxes of a RetinaNet, those of 0.40 and more are right as well, and say which kind
of vehicle it is.

``recordings.toml`` has what no detector knows: when it is night, and what places teachers take for something they are not.
"""

import io
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image

from cctview_pipeline.boxes import areas, pairwise_iou
from cctview_pipeline.city.light import sun_position
from cctview_pipeline.detect.detections import LABELS, VEHICLES
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.ids import FrameId
from cctview_pipeline.images import BadPicture, decode
from cctview_pipeline.images.jpeg import read
from cctview_pipeline.training.detector.city_frames import RIDER, part
from cctview_pipeline.training.detector.labels import (
    NOTHING,
    UNKNOWN_VEHICLE,
    Boxes,
    FrameLabels,
    Picture,
    clipped,
    packaged_boxes,
    published_boxes,
    vote,
    without_doubles,
)

FUSED, IDENTITIES, PACKAGED = "teacher-fused.parquet", "jamcam-identities.parquet", "packaged-detections.parquet"
MAX_SIDE = 640
"""px: a larger frame is taken at the size at which it would be stored."""
SURE, SURE_IN_DAYLIGHT, DOUBTFUL, DOUBTFUL_IN_DAYLIGHT = 0.35, 0.25, 0.10, 0.12
"""Fused vehicles: objects from the first two on, left out of the loss from the last two on."""
SMALL_PX, SMALL_LESS = 12.0, 0.05
"""Below this side fewer teachers see a vehicle: it is an object at a score that is lower by so much."""
PERSON, PUBLISHED_PERSON, TWO_WHEELER = 0.30, 0.50, 0.30
MOVED_PX = 15.0
"""A vehicle that was followed through its clip and went so far is one, whatever it scores."""
GIANT_SHARE, GIANT_SCORE = 0.25, 0.45
"""A box over so much of the frame that scores less is none: empty and blurred frames give many."""
RECURS, MIN_MINUTES = 0.10, 8
"""A place at which a person is seen in such a share of a camera's frames, taken in so many minutes or more, is a post or a
signal."""


@dataclass(frozen=True)
class Reduced:
    """A frame's file as it would be stored: at most MAX_SIDE px wide or high."""

    path: Path

    def read_bytes(self) -> bytes:
        picture = Image.fromarray(decode(self.path.read_bytes()))
        size = [round(side * MAX_SIDE / max(picture.size)) for side in picture.size]
        buffer = io.BytesIO()
        picture.resize(size, Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=90)
        return buffer.getvalue()


@dataclass(frozen=True, kw_only=True)
class Recording:
    """Where a frame lies and what is known of its surroundings. size: width and height, px, as it would be stored; scale: from
    the file's pixels to these."""

    path: Path
    frame_id: FrameId
    size: tuple[int, int]
    scale: float
    light: str
    clear: bool
    two_wheelers: str

    @property
    def picture(self) -> Picture:
        return self.path if self.scale == 1 else Reduced(self.path)

    @property
    def name(self) -> str:
        """As the teachers' files name it."""
        return self.path.stem.removesuffix("--original")


@cache
def known() -> dict[str, dict]:
    """Folder of a recording -> what is known of it, from recordings.toml."""
    return tomllib.loads(Path(__file__).with_name("recordings.toml").read_text())


def load_recordings(directory: Path) -> list[FrameLabels]:
    """Every frame below a folder with ``teacher-fused.parquet``, by camera and time.

    Raises CctviewError when there is none, or no frame.
    """
    file = directory / FUSED
    if not file.exists():
        raise CctviewError(f"The training labels need {file}, which is not there.")
    fused = _by_frame(file, "label")
    followed = _followed(directory / IDENTITIES)
    packaged = packaged_boxes(directory / PACKAGED) if (directory / PACKAGED).exists() else {}
    by_camera: dict[str, list[Recording]] = defaultdict(list)
    for recording in find_recordings(directory):
        by_camera[recording.frame_id.camera_id].append(recording)
    found = []
    for camera, recordings in sorted(by_camera.items()):
        spots = _spots(camera) | {"recurring": _recurring(recordings, fused)}
        for each in recordings:
            sources = {"published": published_boxes(each.path)} | packaged.get(each.name, {}) if each.clear else {}
            found.append(_labels(each, fused.get(each.name, {}), followed.get(each.name, NOTHING.boxes), sources, spots))
    return found


def find_recordings(directory: Path) -> list[Recording]:
    """The frames below a folder, by id."""
    paths = sorted(path for path in directory.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    if not paths:
        raise CctviewError(f"There is nothing to train on: no frame below {directory}.")
    return sorted((_recording(path) for path in paths), key=lambda each: str(each.frame_id))


def _recording(path: Path) -> Recording:
    folder: dict[str, Any] = next((known()["folder"][part.name] for part in path.parents if part.name in known()["folder"]), {})
    published = path.stem.endswith("--original")
    try:
        frame_id = _frame_id(path.stem.removesuffix("--original"))
        picture = read(path.read_bytes())
    except (BadPicture, ValueError, OverflowError) as error:
        raise CctviewError(f"{path} is no frame to train on, take it away: {error}") from error
    width, height = picture.width, picture.height
    scale = min(1.0, MAX_SIDE / max(width, height))
    size = (round(width * scale), round(height * scale))
    two_wheelers = folder.get("two_wheelers", "")
    return Recording(
        path=path,
        frame_id=frame_id,
        size=size,
        scale=scale,
        light=_light(frame_id, folder),
        clear=published or "clear" in folder,
        two_wheelers=two_wheelers,
    )


def _light(frame_id: FrameId, folder: Mapping) -> str:
    """By the sun's height: day from 3 degrees on, night from 6 below the horizon."""
    if "place" not in folder:
        return "day"
    # Names are read as New York's, whatever zone they are in.
    moment = frame_id.time.replace(tzinfo=ZoneInfo(folder["zone"]), fold=0)
    height = np.degrees(sun_position(moment, *folder["place"])[0])
    return "day" if height > 3 else "night" if height < -6 else "dusk"


def _frame_id(name: str) -> FrameId:
    """Frames of a video are named by their number: one a second from an arbitrary noon on."""
    camera, _, number = name.partition("--")
    if number.isdecimal():
        return FrameId(camera, datetime(2000, 1, 1, 12, tzinfo=UTC) + timedelta(seconds=int(number)))
    return FrameId.parse(name)


def _by_frame(file: Path, column: str) -> dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """frame -> label -> boxes (N, 4) and scores (N,)."""
    table = pq.read_table(file).to_pandas()
    found: dict[str, dict] = defaultdict(dict)
    for (frame, label), rows in table.groupby(["frame_id", column], sort=False):
        found[frame][label] = rows[["x1", "y1", "x2", "y2"]].to_numpy(np.float32), rows["score"].to_numpy(np.float32)
    return found


def _followed(file: Path) -> dict[str, np.ndarray]:
    """frame -> boxes of vehicles that went on in their clip."""
    if not file.exists():
        return {}
    table = pq.read_table(file)
    rows = table.filter(pc.greater_equal(table["moved_px"], MOVED_PX)).to_pandas()
    return {frame: group[["x1", "y1", "x2", "y2"]].to_numpy(np.float32) for frame, group in rows.groupby("frame_id")}


def _spots(camera: str) -> dict[str, np.ndarray]:
    """label -> (N, 5): box, and the score up to which it is not believed."""
    said = known()["camera"].get(camera, {})
    rows = {label: [[float(v) for v in f"{each} 1".split()[:5]] for each in boxes] for label, boxes in said.items()}
    return {label: np.array(values, np.float32).reshape(-1, 5) for label, values in rows.items()}


def _recurring(recordings: Sequence[Recording], fused: Mapping[str, Mapping]) -> np.ndarray:
    """(N, 5): places at which a person is seen again and again: nobody stands there, but a post."""
    found = [fused.get(each.name, {}).get("person", (NOTHING.boxes, None))[0] for each in recordings]
    if len({f"{each.frame_id.time:%d%H%M}" for each in recordings}) < MIN_MINUTES:
        return np.zeros((0, 5), np.float32)
    frame = np.repeat(np.arange(len(found)), [len(boxes) for boxes in found])
    boxes = np.concatenate(found)
    near = pairwise_iou(boxes, boxes) > 0.5
    seen = np.array([len(np.unique(frame[row])) for row in near])
    places = boxes[seen >= max(3, RECURS * len(found))]
    return np.column_stack([places, np.ones(len(places), np.float32)])


def _believed(boxes: np.ndarray, scores: np.ndarray, spots: np.ndarray | None, recording: Recording) -> np.ndarray:
    """Which of the boxes are neither on a spot nor giants."""
    width, height = recording.size
    giant = (areas(boxes) > GIANT_SHARE * width * height) & (scores < GIANT_SCORE)
    if spots is None or not len(spots) or not len(boxes):
        return ~giant
    on = pairwise_iou(boxes, spots[:, :4] * recording.scale) > 0.5
    return ~giant & ~(on & (scores[:, None] <= spots[None, :, 4])).any(1)


def _labels(
    recording: Recording,
    fused: Mapping[str, tuple[np.ndarray, np.ndarray]],
    followed: np.ndarray,
    sources: Mapping[str, Boxes],
    spots: Mapping[str, np.ndarray],
) -> FrameLabels:
    seen = dict(_scaled(fused, recording, spots))
    vehicles, sure, doubtful = _vehicles(recording, *seen["vehicle"], followed * recording.scale, sources)
    riding, unsure_riding = _two_wheelers(*seen["two_wheeler"], *seen["vehicle"])
    people, unsure = _people(recording, *seen["person"], sources)
    named = [vote(sure, vehicles, sources), np.full(len(people), LABELS.index("person"))]
    objects, ignored, hidden = [sure, people], [doubtful, unsure_riding], [unsure]
    if recording.two_wheelers and recording.light != "night":
        objects.append(riding)
        named.append(np.full(len(riding), LABELS.index(recording.two_wheelers)))
    else:
        ignored.append(riding)
        hidden.append(riding)
    riders = np.concatenate([people, part(riding, RIDER)] if recording.light != "night" else [people])
    return FrameLabels(
        path=recording.picture,
        frame_id=recording.frame_id,
        objects=_joined(objects),
        labels=np.concatenate(named).astype(np.int64),
        ignored=_joined(ignored),
        still=NOTHING.boxes,
        people=riders.astype(np.float32),
        unsure=_joined([*hidden, unsure_riding]),
    )


def _scaled(fused: Mapping, recording: Recording, spots: Mapping) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    for label in ("vehicle", "person", "two_wheeler"):
        boxes, scores = fused.get(label, (NOTHING.boxes, NOTHING.scores))
        boxes = boxes * np.float32(recording.scale)
        near = spots.get(label, np.zeros((0, 5), np.float32))
        if label == "person":
            near = np.concatenate([near, spots["recurring"]])
        keep = _believed(boxes, scores, near, recording)
        yield label, (boxes[keep], scores[keep])


def _vehicles(
    recording: Recording, boxes: np.ndarray, scores: np.ndarray, followed: np.ndarray, sources: Mapping[str, Boxes]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels (N,) and boxes (N, 4) of vehicles, and boxes (M, 4) that may be some."""
    least, doubt = (SURE_IN_DAYLIGHT, DOUBTFUL_IN_DAYLIGHT) if recording.clear else (SURE, DOUBTFUL)
    small = (boxes[:, 2:] - boxes[:, :2]).min(1, initial=np.inf) < SMALL_PX if len(boxes) else np.zeros(0, bool)
    certain = scores >= np.where(small, least - SMALL_LESS, least)
    sure, doubtful = boxes[certain], [boxes[~certain & (scores >= doubt)]]
    published = without_doubles(clipped(sources["published"], *recording.size)) if "published" in sources else NOTHING
    published = published.select(published.labels < len(VEHICLES))
    for more in (published.boxes[published.scores >= 0.40], followed):
        fresh = pairwise_iou(more, sure).max(1, initial=0) < 0.5
        sure = np.concatenate([sure, more[fresh]])
    doubtful.append(published.boxes[published.scores < 0.40])
    left = np.concatenate(doubtful)
    left = left[pairwise_iou(left, sure).max(1, initial=0) < 0.5] if len(left) else left
    return np.full(len(sure), UNKNOWN_VEHICLE), sure.astype(np.float32), left


def _two_wheelers(
    boxes: np.ndarray, scores: np.ndarray, vehicles: np.ndarray, vehicle_scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Cars seen from the front often carry a weak box of a two-wheeler: believed is who has no vehicle's box on it."""
    on_vehicle = pairwise_iou(boxes, vehicles[vehicle_scores >= 0.15]).max(1, initial=0) > 0.5
    riding = (scores >= TWO_WHEELER) & ~on_vehicle
    return boxes[riding], boxes[~riding & ~on_vehicle & (scores >= DOUBTFUL)]


def _people(
    recording: Recording, boxes: np.ndarray, scores: np.ndarray, sources: Mapping[str, Boxes]
) -> tuple[np.ndarray, np.ndarray]:
    """Boxes of people, and boxes that may be some. By night most that teachers call people are lamps and posts."""
    certain = (scores >= PERSON) & (recording.light != "night")
    sure, doubtful = boxes[certain], [boxes[~certain & (scores >= DOUBTFUL)]]
    if "published" in sources:
        published = clipped(sources["published"], *recording.size)
        published = published.select(np.isin(published.labels, [LABELS.index("person"), LABELS.index("bicycle")]))
        more = published.boxes[published.scores >= PUBLISHED_PERSON]
        sure = np.concatenate([sure, more[pairwise_iou(more, sure).max(1, initial=0) < 0.5]])
        doubtful.append(published.boxes[published.scores < PUBLISHED_PERSON])
    left = np.concatenate(doubtful)
    return sure.astype(np.float32), left[pairwise_iou(left, sure).max(1, initial=0) < 0.5] if len(left) else left


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([each.reshape(-1, 4) for each in parts]).astype(np.float32)
