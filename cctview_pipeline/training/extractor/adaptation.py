"""Adapting an extractor to the cameras of a lake, by what the lake's own tracks tell; kept only where it has become better.

Only the identity tower learns, by the loss of the first training, and the vehicles of synthetic cities are shown again so that it
does not forget how a vehicle looks at the next camera. What comes out is registered when it finds the later tracks again,
which were never trained on, more often than chance explains, and the city's vehicles about as often as before.
"""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from rich.progress import Progress

from cctview_pipeline.drift.reference import make_extractor_reference
from cctview_pipeline.embed.default import DefaultExtractor
from cctview_pipeline.embed.network import ExtractorNetwork
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.layout import format_hour
from cctview_pipeline.registry.manifest import ModelEntry, find_model
from cctview_pipeline.registry.state_dicts import read_weights, register_weights
from cctview_pipeline.runtime.device import torch_device
from cctview_pipeline.training.checkpoints import resume, save
from cctview_pipeline.training.extractor.adaptation_recipe import AdaptationRecipe
from cctview_pipeline.training.extractor.city_crops import draw_city_crops
from cctview_pipeline.training.extractor.lake_course import LakeCourse, Sizes
from cctview_pipeline.training.extractor.lake_lessons import LakeTrack, TrackDataset, load_lessons
from cctview_pipeline.training.extractor.lessons import SyntheticVehicles
from cctview_pipeline.training.extractor.published_map import keep_published, published_cosine
from cctview_pipeline.training.extractor.quantization import extractor_with, quantize
from cctview_pipeline.training.extractor.recipe import DEVELOPMENT_CITIES, MINUTES_A_CITY
from cctview_pipeline.training.extractor.retrieval import Retrieval, refusal, retrieve
from cctview_pipeline.training.references.pictures import MAX_CROPS
from cctview_pipeline.training.versions import adapted_extractor_version

MIN_TRACKS, MIN_HELD_OUT = 24, 16
"""With fewer there is too little to learn from, or to be sure by."""
log = logging.getLogger(__name__)


@dataclass
class Curve:
    """One figure an epoch: the losses on the lake's tracks and on the city's vehicles."""

    identity_loss: list[float] = field(default_factory=list)
    city_loss: list[float] = field(default_factory=list)

    def state_dict(self) -> dict[str, list[float]]:
        return vars(self).copy()

    def load_state_dict(self, state: dict[str, list[float]]) -> None:
        vars(self).update(state)


@dataclass(frozen=True, kw_only=True)
class Adapted:
    """before, after: how the start and the outcome find vehicles again; published_cosine: between both in the published space,
    on the held-out crops; curve: of the training; entry: what was registered, or None; refused: why nothing was, else empty."""

    before: Retrieval
    after: Retrieval
    published_cosine: float
    curve: Curve
    entry: ModelEntry | None
    refused: str


def adapt_extractor(
    lake: Lake,
    partitions: Sequence[Partition],
    name: str,
    workspace: Path,
    recipe: AdaptationRecipe = AdaptationRecipe(),
    device: str = "auto",
    start: str = "default",
) -> Adapted:
    """Learn from the tracks of these camera-hours, measure, and register ``name`` if it has become better.

    workspace: a folder for the city's crops and for the checkpoint, which is written after every epoch, found again by the same
    recipe, start, lake and code, and removed at the end; start: the extractor to go on from. Raises CctviewError when the
    lake has too little to learn from or to measure on, or when the start is no network of this kind.
    """
    on, began = torch_device(device), find_model(start, "extractor")
    network = _load(began).to(on).to(memory_format=torch.channels_last)
    first = DefaultExtractor.load(began, device)
    lessons = load_lessons(lake, partitions, recipe.crops, recipe.of_a_track, recipe.held_out, recipe.seed)
    _check_enough(lessons)
    city, development = (
        SyntheticVehicles.of(draw_city_crops(seeds, MINUTES_A_CITY, workspace / "city-crops")) if recipe.cities else None
        for seeds in (range(recipe.cities), DEVELOPMENT_CITIES)
    )
    data = _data_version(lessons, city)
    origin = hashlib.sha256(f"{recipe} {began.version} {data} {adapted_extractor_version()}".encode()).hexdigest()[:12]
    checkpoint, curve = workspace / f"adaptation-{origin}.checkpoint", Curve()
    before = retrieve(first, lessons.held_out, development)
    _check_measurable(before)
    _fit(network, lessons.train, city, recipe, checkpoint, curve)
    keep_published(first, network, lessons.train)
    form = quantize(network, [image for track in lessons.train for image in track.images])
    last = extractor_with(network.to(on), form, "in adaptation")
    after, cosine = retrieve(last, lessons.held_out, development), published_cosine(first, last, lessons.held_out)
    refused, entry = refusal(before, after, recipe.tolerance), None
    if not refused:
        measured = before.facts("before_") | after.facts("after_") | {"published_cosine": round(cosine, 4)}
        facts = {"data_version": data, "code_version": adapted_extractor_version(), "recipe": vars(recipe).copy()}
        facts |= {"measured": measured, "curve": curve.state_dict(), "lineage": lineage(lake, began, lessons)}
        entry = register_weights(name, "extractor", network.state_dict() | form, {}, _described(network) | facts)
        make_extractor_reference(last, _by_camera(lessons.train)).write(entry)
    checkpoint.unlink(missing_ok=True)
    return Adapted(before=before, after=after, published_cosine=cosine, curve=curve, entry=entry, refused=refused)


def lineage(lake: Lake, start: ModelEntry, lessons: TrackDataset) -> dict[str, object]:
    """Where adapted weights come from: the start, the campaign, and what of it was learned from."""
    campaign, train = lake.campaign(), lessons.train
    return {
        "start": start.version,
        "campaign": campaign.name if campaign else "",
        "cameras": sorted({track.camera for track in train}),
        "hours": sorted({format_hour(track.hour.begin) for track in train}),
        "tracks_models": sorted({track.model for track in train}),
        "tracks": len(train),
        "crops": sum(len(track.images) for track in train),
        "judged_pairs": sum(len(track.judged & {each.id for each in train}) for track in train) // 2,
    }


def _fit(
    network: ExtractorNetwork,
    tracks: Sequence[LakeTrack],
    city: SyntheticVehicles | None,
    recipe: AdaptationRecipe,
    checkpoint: Path,
    curve: Curve,
) -> None:
    course = LakeCourse(network, tracks, city, Sizes(recipe.tracks, recipe.vehicles, recipe.views))
    optimizer = torch.optim.AdamW(network.identity.parameters(), lr=recipe.learning_rate, weight_decay=0.05)
    total = course.steps * recipe.epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, total_steps=total + 1, pct_start=0.15)
    parts = {"network": network, "curve": curve, "optimizer": optimizer, "schedule": schedule}
    done = resume(checkpoint, parts)
    with Progress() as progress:
        task = progress.add_task("adapting the extractor", total=total, completed=done * course.steps)
        for epoch in range(done, recipe.epochs):
            network.train()
            torch.manual_seed(recipe.seed * 1000 + epoch)
            losses = []
            for of_lake, of_city in course.losses(recipe.seed, epoch):
                optimizer.zero_grad(set_to_none=True)
                (of_lake + of_city).backward()
                optimizer.step()
                schedule.step()
                losses.append((of_lake.item(), of_city.item()))
                progress.advance(task)
            mean = np.mean(losses, axis=0)
            curve.identity_loss.append(round(float(mean[0]), 4))
            curve.city_loss.append(round(float(mean[1]), 4))
            log.info("epoch %d of %d: losses %.4f on the lake, %.4f on the city", epoch + 1, recipe.epochs, *mean)
            save(checkpoint, parts, epoch + 1)


def _by_camera(tracks: Sequence[LakeTrack]) -> dict[str, list[bytes]]:
    """Camera -> some of its crops, for drift from them to be told."""
    crops = {
        camera: [image for track in tracks if track.camera == camera for image in track.images]
        for camera in sorted({track.camera for track in tracks})
    }
    return {camera: images[:: max(1, len(images) // MAX_CROPS)] for camera, images in crops.items()}


def _load(entry: ModelEntry) -> ExtractorNetwork:
    mend = "start from 'default', or from weights that were adapted from it"
    if entry.name == "densenet201-veri":
        raise CctviewError(f"{entry.name} cannot be adapted here: {mend}.")
    state, _ = read_weights(entry)
    try:
        return ExtractorNetwork.of(state)
    except (KeyError, RuntimeError) as error:
        raise CctviewError(f"{entry.name} is another network than the default extractor's: {mend}.") from error


def _check_enough(lessons: TrackDataset) -> None:
    train, held_out = len(lessons.train), len(lessons.held_out)
    if train < MIN_TRACKS or held_out < MIN_HELD_OUT:
        raise CctviewError(
            f"These hours give {train} tracks with crops to learn from and {held_out} later ones to measure on; "
            f"{MIN_TRACKS} and {MIN_HELD_OUT} are the least: name more hours or cameras, whose crops were not deleted yet."
        )


def _check_measurable(before: Retrieval) -> None:
    if len(before.camera.first) < MIN_HELD_OUT:
        raise CctviewError(
            f"Only {len(before.camera.first)} of the later tracks have others near them to be taken for, and {MIN_HELD_OUT} "
            "are the least to measure on: name more hours or cameras."
        )


def _data_version(lessons: TrackDataset, city: SyntheticVehicles | None) -> str:
    digest = hashlib.sha256(lessons.version().encode())
    if city:
        digest.update(city.vehicles.tobytes())
        for crop in city.crops:
            digest.update(crop.tobytes())
    return digest.hexdigest()[:12]


def _described(network: ExtractorNetwork) -> dict[str, object]:
    return {
        "licence": "MIT, as the weights it began with",
        "classes": ["car", "bus", "truck", "motorcycle"],
        "input": "RGB crops of any size: the middle, and the whole letterboxed, at 64x64",
        "dimension": network.dimension,
    }
