"""The references of the shipped models, made again from what they were trained on:
``python -m cctview_pipeline.training.references.shipped``.

Both come from the detector's training frames, of the city those in which nobody walks; the extractor's from what the detector
cuts out of them, as it is in a lake.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cctview_pipeline.detect import load_detector
from cctview_pipeline.drift.reference import Reference, make_detector_reference, make_extractor_reference
from cctview_pipeline.embed import load_extractor
from cctview_pipeline.ids import FrameId
from cctview_pipeline.paths import project_root
from cctview_pipeline.registry.manifest import find_model
from cctview_pipeline.training.detector.city_frames import EMPTY, draw_city_frames
from cctview_pipeline.training.detector.recipe import DetectorRecipe, load_split
from cctview_pipeline.training.references.pictures import Picture, by_camera, cut_vehicles

CITIES = (1, 3, 4, 11, 26, 31, 35)
"""Of the forty-eight: two in fair weather, one in a jam, one in rain, and three by night."""
MIN_VEHICLES = 100


def write_shipped(data: Sequence[Path], drawn: Path) -> list[Path]:
    """data: folders of recorded frames; drawn: where the synthetic cities' frames are kept. Returns the files."""
    recorded = load_split(data, drawn, DetectorRecipe(cities=0)).train
    city = [frame for seed in CITIES for frame in draw_city_frames(range(seed, seed + 1), drawn)]
    pictures: list[tuple[Picture, FrameId]] = [(frame.path, frame.frame_id) for frame in recorded]
    pictures += [(frame.file.parent / EMPTY / frame.file.name, frame.frame_id) for frame in city]
    frames = by_camera(pictures)
    detector, extractor = load_detector(), load_extractor()
    made = make_detector_reference(detector, frames), make_extractor_reference(extractor, cut_vehicles(detector, frames))
    tasks = "detector", "extractor"
    return [_telling(each).write(find_model("default", task)) for each, task in zip(made, tasks, strict=True)]


def _telling(reference: Reference) -> Reference:
    """Without cameras that showed too few vehicles for their shares to mean anything."""
    cameras = {name: profile for name, profile in reference.cameras.items() if profile.count >= MIN_VEHICLES}
    return replace(reference, cameras=cameras)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data",
        type=Path,
        action="append",
        required=True,
        help="a folder that `cctview train detector` learned from; may be given again",
    )
    parser.add_argument("--drawn", type=Path, default=project_root() / "var" / "training" / "cities")
    arguments = parser.parse_args()
    for path in write_shipped(arguments.data, arguments.drawn):
        print(f"Wrote {path}.")
