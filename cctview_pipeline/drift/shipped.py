"""The references of the shipped models, made again from what they were trained on: ``python -m cctview_pipeline.drift.shipped``.

Both come from the detector's training frames, the extractor's from what the detector cuts out of them, as it is in a lake.
"""

import argparse
from pathlib import Path

from cctview_pipeline.detect import load_detector
from cctview_pipeline.detect.city_frames import draw_city_frames
from cctview_pipeline.detect.labels import find_frames
from cctview_pipeline.drift.pictures import by_camera, cut_vehicles
from cctview_pipeline.drift.reference import make_detector_reference, make_extractor_reference
from cctview_pipeline.embed import load_extractor
from cctview_pipeline.paths import project_root
from cctview_pipeline.weights import find_model

TRAINING_MINUTES = range(43)
CITIES = (0, 1, 2, 3, 26, 31, 35)
"""Of the forty: the first four, in rain, in a jam and in fair weather, and three by night."""


def write_shipped(data: Path, drawn: Path) -> list[Path]:
    """data: a folder of the published layout; drawn: where the synthetic cities' frames are kept. Returns the files."""
    recorded = [(path, frame_id) for path, frame_id in find_frames(data) if frame_id.time.minute in TRAINING_MINUTES]
    city = [(frame.path, frame.frame_id) for seed in CITIES for frame in draw_city_frames(range(seed, seed + 1), drawn)]
    frames = by_camera(recorded + city)
    detector, extractor = load_detector(), load_extractor()
    return [
        make_detector_reference(detector, frames).write(find_model("default", "detector")),
        make_extractor_reference(extractor, cut_vehicles(detector, frames)).write(find_model("default", "extractor")),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder that `cctview train detector` learned from")
    parser.add_argument("--drawn", type=Path, default=project_root() / "var" / "training" / "cities")
    arguments = parser.parse_args()
    for path in write_shipped(arguments.data, arguments.drawn):
        print(f"Wrote {path}.")
