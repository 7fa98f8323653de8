"""Training the default extractor on recorded vehicles and on those of the synthetic city.

Recorded crops are split by time: minutes up to 42 of an hour train, 43 and 44 choose how the embedding's two halves are
weighed, 45 and later are only measured. They may be split by camera too. The city is split by seed.
"""

import hashlib
import logging
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from rich.progress import Progress

from cctview_pipeline.embed.default import DefaultExtractor
from cctview_pipeline.embed.network import IDENTITY, LIKENESS, WIDTHS, ExtractorNetwork
from cctview_pipeline.embed.torch_backend import extractor_of
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.registry.manifest import ModelEntry
from cctview_pipeline.registry.state_dicts import register_weights
from cctview_pipeline.runtime.device import torch_device
from cctview_pipeline.training.checkpoints import resume, save
from cctview_pipeline.training.extractor.assessment import agreement, centred_cosine, city_ranking, embedded, next_frame_rank1
from cctview_pipeline.training.extractor.city_crops import draw_city_crops
from cctview_pipeline.training.extractor.courses import StepSize, identity_course, likeness_course
from cctview_pipeline.training.extractor.lessons import RealVehicles, SyntheticVehicles, load_recorded, published_basis
from cctview_pipeline.training.extractor.quantization import extractor_with, quantize
from cctview_pipeline.training.versions import extractor_version

DEVELOPMENT_CITIES = range(1000, 1004)
MINUTES_A_CITY = 10
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
"""How much of the embedding may be likeness. The published space needs some of it."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ExtractorRecipe:
    """What the weights follow from, beside the data and the code.

    batch: recorded crops a step for likeness; paired: for identity, about; vehicles, crops: of the city in a step for identity,
    each so often; cities: how many synthetic ones; tracks: whether recorded crops of one track are taught to be one vehicle;
    without: cameras that are left out and measured as unseen; narrowed: what the network's channels are divided by.
    """

    epochs: int = 14
    batch: int = 256
    paired: int = 160
    vehicles: int = 24
    crops: int = 3
    learning_rate: float = 3e-3
    seed: int = 7
    cities: int = 16
    tracks: bool = True
    without: tuple[str, ...] = ()
    narrowed: int = 1


@dataclass(frozen=True, kw_only=True)
class Split:
    """Recorded cameras by what they are for, and the city. unseen: cameras that are left out, their minutes 45 and later;
    basis: of the recorded features."""

    train: list[RealVehicles]
    tune: list[RealVehicles]
    test: list[RealVehicles]
    unseen: list[RealVehicles]
    basis: tuple[np.ndarray, np.ndarray]
    city: SyntheticVehicles | None
    development: SyntheticVehicles | None

    def version(self) -> str:
        """A hash of all that is trained on."""
        digest = hashlib.sha256()
        for camera in self.train:
            for array in (*camera.crops, camera.features, camera.seen.times):
                digest.update(np.ascontiguousarray(array).tobytes())
        if self.city:
            for crop in self.city.crops:
                digest.update(crop.tobytes())
            digest.update(self.city.vehicles.tobytes())
        return digest.hexdigest()[:12]


@dataclass
class History:
    """The curves of a training: one figure an epoch."""

    loss: list[float] = field(default_factory=list)
    identity_loss: list[float] = field(default_factory=list)
    agreement: list[float] = field(default_factory=list)

    def state_dict(self) -> dict[str, list[float]]:
        return vars(self).copy()

    def load_state_dict(self, state: dict[str, list[float]]) -> None:
        vars(self).update(state)


def train_extractor(data: Path, workspace: Path, recipe: ExtractorRecipe = ExtractorRecipe(), device: str = "auto") -> ModelEntry:
    """Train, weigh, measure and register ``default-extractor``.

    workspace: a folder for the city's crops and for the checkpoint, which is written after every epoch, found again by the
    same recipe on the same data with the same code, and removed at the end.
    """
    on, history = torch_device(device), History()
    split = load_split(data, workspace / "city-crops", recipe)
    origin = hashlib.sha256(f"{recipe} {split.version()} {extractor_version()}".encode()).hexdigest()[:12]
    checkpoint = workspace / f"extractor-{origin}.checkpoint"
    network = _fit(split, recipe, checkpoint, on, history)
    if recipe.tracks or recipe.cities:
        network.share.fill_(choose_share(network, split, on))
    else:
        network.share.fill_(1.0)
    fit_published(network, split, on)
    crops = [crop for camera in split.train for crop in camera.crops]
    form = quantize(network, crops + (list(split.city.crops) if split.city else []))
    extractor = extractor_with(network.to(on), form, "in training")
    measured = {"share": round(float(network.share), 2)} | measure(extractor, split)
    log.info("%s", measured)
    entry = register_weights(
        "default-extractor",
        "extractor",
        network.state_dict() | form,
        {},
        {"licence": "MIT", "classes": ["car", "bus", "truck", "motorcycle"]}
        | {"input": "RGB crops of any size: the middle, and the whole letterboxed, at 64x64", "dimension": network.dimension}
        | {"data_version": split.version(), "code_version": extractor_version()}
        | {"recipe": vars(recipe) | {"without": list(recipe.without)}, "measured": measured, "curve": history.state_dict()},
    )
    checkpoint.unlink(missing_ok=True)
    return entry


def load_split(data: Path, drawn: Path, recipe: ExtractorRecipe) -> Split:
    """data: a folder of the published layout; drawn: where the city's crops are kept."""
    cameras = load_recorded(data)
    if unknown := set(recipe.without) - {camera.camera_id for camera in cameras}:
        there = ", ".join(camera.camera_id for camera in cameras)
        raise CctviewError(f"{data} has no camera {' or '.join(sorted(unknown))}: it has {there}.")
    known = [camera for camera in cameras if camera.camera_id not in recipe.without]
    train, tune, test = (
        [camera.select((camera.minutes >= first) & (camera.minutes <= last)) for camera in known]
        for first, last in ((0, 42), (43, 44), (45, 59))
    )
    if not all(any(len(camera.crops) for camera in part) for part in (train, tune, test)):
        raise CctviewError(f"{data} must hold crops of minutes 0-42, 43-44 and 45-59 of an hour to train, tune and test on.")
    unseen = [camera.select(camera.minutes >= 45) for camera in cameras if camera.camera_id in recipe.without]
    city, development = (
        SyntheticVehicles.of(draw_city_crops(seeds, MINUTES_A_CITY, drawn)) if recipe.cities else None
        for seeds in (range(recipe.cities), DEVELOPMENT_CITIES)
    )
    return Split(
        train=train,
        tune=tune,
        test=test,
        unseen=unseen,
        basis=published_basis(data),
        city=city,
        development=development,
    )


def choose_share(network: ExtractorNetwork, split: Split, device: torch.device) -> float:
    """How much of the embedding should be likeness: what finds the same vehicle most often, in the next frame and, in the
    city, at the next camera."""
    network.share.fill_(0.5)
    embed = extractor_of(network, "in training").embed
    seen = {camera.camera_id: embed(list(camera.crops)) for camera in split.tune}
    in_city = embed(list(split.development.crops)) if split.development else None

    def found_again(share: float) -> list[float]:
        weights = np.sqrt(np.repeat([2 * share, 2 - 2 * share], [LIKENESS, IDENTITY])).astype(np.float32)
        found = [next_frame_rank1(lambda camera: seen[camera.camera_id] * weights, split.tune)[0]]
        if split.development is not None and in_city is not None:
            found.append(city_ranking(in_city * weights, split.development).rank1)
        return [round(each, 4) for each in found]

    scores = {share: found_again(share) for share in SHARES}
    log.info("found again in the next frame and at the next camera, by share of likeness: %s", scores)
    return max(SHARES, key=lambda share: sum(scores[share]))


def fit_published(network: ExtractorNetwork, split: Split, device: torch.device) -> None:
    """The least-squares map from embeddings to the published 1920 numbers, by ridge regression."""
    extractor, (mean, components) = extractor_of(network, "in training"), split.basis
    embeddings = np.concatenate([extractor.embed(list(camera.crops)) for camera in split.train]).astype(np.float64)
    wanted = np.concatenate([camera.features for camera in split.train]).astype(np.float64)
    inputs = np.concatenate([embeddings, np.ones((len(embeddings), 1))], axis=1)
    gram = inputs.T @ inputs + 1e-3 * len(inputs) / inputs.shape[1] * np.eye(inputs.shape[1])
    solved = np.linalg.solve(gram, inputs.T @ wanted)
    weight, bias = solved[:-1] @ components, solved[-1] @ components + mean
    network.published.weight.data = torch.from_numpy(weight.T).float().to(device)
    network.published.bias.data = torch.from_numpy(bias).float().to(device)


def measure(extractor: DefaultExtractor, split: Split) -> dict[str, float | int]:
    """The figures that a manifest keeps."""
    measured: dict[str, float | int] = {}
    for name, cameras in (("", split.test), ("_unseen", split.unseen)):
        if cameras:
            cosines = [centred_cosine(extractor.embed(list(c.crops), space="veri"), c, split.basis) for c in cameras]
            found, queries = next_frame_rank1(embedded(extractor), cameras)
            measured[f"centred_cosine{name}"] = float(np.average(cosines, weights=[len(c.crops) for c in cameras]))
            measured[f"published_nearest_in_top5{name}"] = agreement(embedded(extractor, "veri"), cameras)
            measured |= {f"next_frame_rank1{name}": found, f"next_frame_queries{name}": queries}
            measured[f"test_crops{name}"] = sum(len(camera.crops) for camera in cameras)
    if split.development:
        ranking = city_ranking(extractor.embed(list(split.development.crops)), split.development)
        measured |= {"city_rank1": ranking.rank1, "city_mAP": ranking.mean_average_precision}
    return {name: round(value, 4) for name, value in measured.items()}


def _fit(split: Split, recipe: ExtractorRecipe, checkpoint: Path, device: torch.device, history: History) -> ExtractorNetwork:
    """Every epoch is a pass of both courses; of one, where there is nothing to learn identity from."""
    torch.manual_seed(recipe.seed)
    likeness, identity = (tuple(width // recipe.narrowed for width in tower) for tower in WIDTHS)
    network = ExtractorNetwork(1.0, (likeness, identity)).to(device).to(memory_format=torch.channels_last)
    courses = [likeness_course(network, split.train, recipe.batch, recipe.seed, device)]
    if recipe.tracks or split.city:
        paired, step = split.train if recipe.tracks else [], StepSize(recipe.paired, recipe.vehicles, recipe.crops)
        courses.append(identity_course(network, paired, split.city, step, recipe.seed, device))
    optimizers = [torch.optim.AdamW(course.tower.parameters(), lr=recipe.learning_rate, weight_decay=0.05) for course in courses]
    # Epochs differ by a step or so: pairs of frames start at the first or at the second.
    schedules = [
        torch.optim.lr_scheduler.OneCycleLR(
            optimizer, recipe.learning_rate, total_steps=(course.steps + 3) * recipe.epochs, pct_start=0.15
        )
        for course, optimizer in zip(courses, optimizers, strict=True)
    ]
    parts = {"network": network, "history": history}
    for number, (optimizer, schedule) in enumerate(zip(optimizers, schedules, strict=True)):
        parts |= {f"optimizer {number}": optimizer, f"schedule {number}": schedule}
    first, steps = resume(checkpoint, parts), sum(course.steps for course in courses)
    with Progress() as progress:
        task = progress.add_task("training the extractor", total=steps * recipe.epochs, completed=first * steps)
        for epoch in range(first, recipe.epochs):
            network.train()
            torch.manual_seed(recipe.seed * 1000 + epoch)
            means = []
            for course, optimizer, schedule in zip(courses, optimizers, schedules, strict=True):
                losses = []
                for loss in course.losses(epoch):
                    optimizer.zero_grad(set_to_none=True)
                    loss.backward()
                    optimizer.step()
                    schedule.step()
                    losses.append(loss.item())
                    progress.advance(task)
                means.append(round(float(np.mean(losses)), 4))
            history.loss.append(means[0])
            history.identity_loss.append(means[1] if len(means) > 1 else 0.0)
            extractor = extractor_of(network, "in training")
            history.agreement.append(round(agreement(embedded(extractor), split.tune), 4))
            log.info("epoch %d of %d: losses %s, agreement %.4f", epoch + 1, recipe.epochs, means, history.agreement[-1])
            save(checkpoint, parts, epoch + 1)
    return network
