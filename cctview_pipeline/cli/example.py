"""CCTView's own example on a folder of frames: detect, extract, match, and everything written as it was published."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cctview_pipeline.cameras.archive import SUFFIX
from cctview_pipeline.cameras.archive_files import frame_id_of
from cctview_pipeline.cameras.unreadable import read_file
from cctview_pipeline.detect import VEHICLES, Detections, Detector
from cctview_pipeline.embed import Extractor
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.formats.published import write_detections, write_matches, write_vehicles
from cctview_pipeline.ids import DetectionId, FrameId
from cctview_pipeline.images import decode
from cctview_pipeline.match import track_distances


@dataclass(frozen=True)
class Outcome:
    """detections: all labels, by frame; distances: vehicle of the base -> frame or camera -> its vehicle -> distance."""

    base: str
    detections: dict[str, list[DetectionId]]
    distances: dict[str, dict[str, dict[str, float]]]


def run_example(
    folder: Path,
    out: Path,
    detector: Detector,
    extractor: Extractor,
    base: str = "",
    targets: Sequence[str] = (),
    say: Callable[[str], None] = lambda text: None,
) -> Outcome:
    """Detect in every ``*--original.jpeg`` of a folder, embed the vehicles, and compare those of the base frame with all others.
    What can't be read is left out and said.

    base: a camera or frame id, the first frame when left out; targets: likewise, all other frames in the order of their names.
    Distances are Euclidean (MED), as the original's. Raises CctviewError when there is nothing to work on.
    """
    paths = {frame_id: path for path in sorted(folder.iterdir()) if (frame_id := frame_id_of(path.name))}
    if len(paths) < 2:
        raise CctviewError(f"{folder} has {len(paths)} files named *{SUFFIX}: the example compares at least two frames.")
    images = dict(_readable(paths, say))
    if len(images) < 2:
        raise CctviewError(
            f"Of the {len(paths)} frames in {folder} {len(images)} can be read: the example compares two at least."
        )
    frames = {frame_id: _camera(frame_id) for frame_id in images}
    (chosen,) = _find(frames, [base] if base else [next(iter(frames))])
    others = _find(frames, targets) if targets else [frame_id for frame_id in frames if frame_id != chosen]
    detections, crops, embeddings = {}, {}, {}
    for (frame_id, image), found in zip(images.items(), detector.detect(list(images.values())), strict=True):
        seen = detection_ids(frame_id, image, found.select(found.scores >= detector.threshold))
        cut = {str(d): image[d.box[1] : d.box[3], d.box[0] : d.box[2]] for d in seen if d.label in VEHICLES}
        detections[frame_id], crops[frame_id] = seen, cut
        embeddings[frame_id] = dict(zip(cut, extractor.embed(list(cut.values())), strict=True))
        write_detections(out, frame_id, image, seen, detector.version)
        write_vehicles(out, frame_id, cut, embeddings[frame_id], extractor.version)
        say(f"{frame_id}: {len(seen)} detections, {len(cut)} of them vehicles")
    alone = {frame_id: sum(frames[o] == frames[frame_id] for o in others) == 1 for frame_id in others}
    names = {frame_id: frames[frame_id] if alone[frame_id] else frame_id for frame_id in others}
    distances: dict[str, dict[str, dict[str, float]]] = {vehicle: {} for vehicle in embeddings[chosen]}
    for frame_id in others:
        queries, gallery = ([vector[None] for vector in embeddings[each].values()] for each in (chosen, frame_id))
        apart = track_distances(queries, gallery)
        for vehicle, row in zip(embeddings[chosen], apart, strict=True):
            distances[vehicle][names[frame_id]] = dict(zip(embeddings[frame_id], map(float, row), strict=True))
    everyone = {key: crop for of_frame in crops.values() for key, crop in of_frame.items()}
    write_matches(out, frames[chosen], distances, everyone)
    return Outcome(chosen, detections, distances)


def detection_ids(frame_id: str, image: np.ndarray, found: Detections) -> list[DetectionId]:
    """Detections in whole pixels inside the image, numbered from 1, best score first."""
    height, width = image.shape[:2]
    ids = []
    for number, (box, score, label) in enumerate(zip(found.boxes, found.scores, found.labels, strict=True), 1):
        x1, y1 = min(round(float(box[0])), width - 1), min(round(float(box[1])), height - 1)
        x2, y2 = max(round(float(box[2])), x1 + 1), max(round(float(box[3])), y1 + 1)
        ids.append(DetectionId(frame_id=frame_id, number=number, label=label, percent=float(score) * 100, box=(x1, y1, x2, y2)))
    return ids


def _readable(paths: Mapping[str, Path], say: Callable[[str], None]) -> Iterator[tuple[str, np.ndarray]]:
    for frame_id, path in paths.items():
        try:
            yield frame_id, decode(read_file(path))
        except CctviewError as error:
            say(f"{frame_id} is left out. {error}")


def _camera(frame_id: str) -> str:
    try:
        return FrameId.parse(frame_id).camera_id
    except ValueError as error:
        raise CctviewError(f"{frame_id}{SUFFIX} is not named as a frame is: {error}") from error


def _find(frames: dict[str, str], wanted: Sequence[str]) -> list[str]:
    """Frame ids for camera or frame ids; a camera means its first frame."""
    found = []
    for name in wanted:
        matching = [frame_id for frame_id, camera in frames.items() if name in (frame_id, camera)]
        if not matching:
            known = ", ".join(sorted(set(frames.values())))
            raise CctviewError(f"The folder has no frame of '{name}': it has frames of the cameras {known}.")
        found.append(matching[0])
    return found
