"""The shipped extractor in OpenVINO's form, made again from its weights, which stay as they are:
``python -m cctview_pipeline.training.shipped_forms --data DIR``. Training makes the form in the same way.
"""

import argparse
from pathlib import Path

from torch import Tensor

from cctview_pipeline.drift.reference import find_reference
from cctview_pipeline.embed.network import ExtractorNetwork
from cctview_pipeline.paths import project_root
from cctview_pipeline.registry.manifest import ModelEntry, find_model, read_facts
from cctview_pipeline.registry.state_dicts import read_weights, register_weights, without_openvino
from cctview_pipeline.training.extractor.city_crops import draw_city_crops
from cctview_pipeline.training.extractor.lessons import SyntheticVehicles, load_recorded
from cctview_pipeline.training.extractor.quantization import quantize
from cctview_pipeline.training.extractor.recipe import MINUTES_A_CITY

TRAINING_MINUTES, CITIES = 42, range(2)
"""The last minute of the recorded hour that the extractor was trained on, and two of its sixteen cities."""


def write_extractor(data: Path, drawn: Path) -> ModelEntry:
    """data: a folder of the published layout; drawn: where the city's crops are kept."""
    entry = find_model("default", "extractor")
    tensors, metadata = read_weights(entry)
    network = ExtractorNetwork.of(tensors)
    recorded = [crop for camera in load_recorded(data) for crop in camera.crops[camera.minutes <= TRAINING_MINUTES]]
    rendered = SyntheticVehicles.of(draw_city_crops(CITIES, MINUTES_A_CITY, drawn)).crops
    reference = find_reference(entry.version)
    written = _register(entry, without_openvino(tensors) | quantize(network, [*recorded, *rendered]), metadata)
    reference.write(written)
    return written


def _register(entry: ModelEntry, tensors: dict[str, Tensor], metadata: dict[str, str]) -> ModelEntry:
    facts = {name: value for name, value in read_facts(entry).items() if name not in ("task", "file", "size", "sha256")}
    return register_weights(entry.name, entry.task, tensors, metadata, facts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder that `cctview train extractor` learned from")
    parser.add_argument("--drawn", type=Path, default=project_root() / "var" / "training" / "city-crops")
    arguments = parser.parse_args()
    entry = write_extractor(arguments.data, arguments.drawn)
    print(f"Wrote {entry.path} ({entry.version}).")
