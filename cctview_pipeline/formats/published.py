"""CCTView's published file formats, for readers that know them: what stood beside every frame of its data and examples.

::

    FRAME--original.jpeg      the frame
    FRAME--detections.jpeg    the same with boxes
    FRAME--detections.json    id, model, summary, and for every detection its type, percentage and box
    FRAME--detections/        a picture of every vehicle, named by its detection's id
    FRAME--features.json      id, model, and for every vehicle its embedding
    BASE--matches.json        for every vehicle of the base, the distance to every vehicle of the other frames
    matches/VEHICLE/          the vehicle (base--...) and the others in order of distance (cam-1--DISTANCE--...)

People stand in detections.json, where they are counted, and nowhere else: they had pictures and embeddings in the original.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.files import write_whole
from cctview_pipeline.ids import DetectionId
from cctview_pipeline.images import encode_jpeg
from cctview_pipeline.images.drawing import draw_boxes


def write_original(folder: Path, frame_id: str, jpeg: bytes) -> None:
    """The frame as it came: ``<frame id>--original.jpeg``."""
    _write(folder / f"{frame_id}--original.jpeg", jpeg)


def write_detections(folder: Path, frame_id: str, image: np.ndarray, found: Sequence[DetectionId], model: str) -> None:
    """detections.json and the frame with its boxes. image: the frame, RGB."""
    rows = {
        str(d): {"id": str(d), "type": d.label, "percentage_probability": d.percent, "box_points": list(d.box)} for d in found
    }
    summary = {"total": len(found), **Counter(d.label for d in found)}
    _write_json(
        folder / f"{frame_id}--detections.json", {"id": f"{frame_id}--detections", "model": model, "summary": summary} | rows
    )
    drawn = draw_boxes(image, [d.box for d in found], [d.label for d in found], scale=1)
    _write(folder / f"{frame_id}--detections.jpeg", encode_jpeg(drawn))


def write_vehicles(
    folder: Path,
    frame_id: str,
    crops: Mapping[str, np.ndarray],
    embeddings: Mapping[str, np.ndarray],
    model: str,
) -> None:
    """The vehicles' pictures and features.json. crops, embeddings: by detection id, (H, W, 3) RGB and (D,)."""
    for detection_id, crop in crops.items():
        _write(folder / f"{frame_id}--detections" / f"{detection_id}.jpeg", encode_jpeg(crop))
    rows = {key: {"id": key, "data": [float(value) for value in vector]} for key, vector in embeddings.items()}
    head = {"id": f"{frame_id}--features", "model": model}
    _write_json(folder / f"{frame_id}--features.json", head | rows)


def write_matches(
    folder: Path, base: str, distances: Mapping[str, Mapping[str, Mapping[str, float]]], crops: Mapping[str, np.ndarray]
) -> None:
    """matches.json and the matches/ folders.

    base: the camera whose vehicles are looked for; distances: vehicle of the base -> other camera or frame -> its vehicle ->
    distance; crops: all of these vehicles' pictures, by detection id.
    """
    _write_json(folder / f"{base}--matches.json", distances)
    for vehicle, others in distances.items():
        beside = folder / "matches" / vehicle
        _write(beside / f"base--{vehicle}.jpeg", encode_jpeg(crops[vehicle]))
        for number, candidates in enumerate(others.values(), 1):
            for candidate, distance in candidates.items():
                # The original has the base's id here too, so that two at one distance are one file.
                name = f"cam-{number}--{distance:09.5f}--{candidate}.jpeg"
                _write(beside / name, encode_jpeg(crops[candidate]))


def _write_json(path: Path, content: Mapping) -> None:
    _write(path, json.dumps(content, indent=2).encode())


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content, synced=False)  # thousands of small files, which can be written again
    except OSError as error:
        raise CctviewError(f"{path} can't be written: {error.strerror}. Make room, or choose another folder.") from error
