"""``cctview train``: the shipped models anew, and their adaptation to a lake's own cameras."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cctview_pipeline.campaign import parse_span
from cctview_pipeline.cli.options import split
from cctview_pipeline.cli.privacy import PurposeOption
from cctview_pipeline.cli.terminal import console, say
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.extras import TRAINING, need
from cctview_pipeline.paths import project_root
from cctview_pipeline.shell import command

if TYPE_CHECKING:
    from cctview_pipeline.lake import Lake, Partition
    from cctview_pipeline.registry.manifest import ModelEntry

train = typer.Typer(no_args_is_help=True, help="Train the models that are shipped in models/, or adapt them to a lake's cameras.")

DataOption = Annotated[Path | None, typer.Option(help="A folder of the published layout, to train the shipped model anew.")]
FoldersOption = Annotated[
    list[Path],
    typer.Option("--data", help="A folder of recorded frames, to train the shipped model anew; may be given several times."),
]
LakeOption = Annotated[bool, typer.Option("--from-lake", help="Adapt the model in use to the cameras of the lake.")]
NameOption = Annotated[str, typer.Option(help="What the adapted model is called.")]
CamerasOption = Annotated[list[str], typer.Option("--cameras", help="Of the lake to learn from; all when left out.")]
FromOption = Annotated[str, typer.Option("--from", help="First hour to learn from, ISO 8601; UTC unless it has an offset.")]
ToOption = Annotated[str, typer.Option("--to", help="End, exclusive, in the same form.")]
WithoutOption = Annotated[list[str], typer.Option("--without", help="Cameras to leave out and to measure as never seen.")]
EpochsOption = Annotated[int | None, typer.Option(help="Passes over the pictures; the recipe's own number when left out.")]
RateOption = Annotated[float | None, typer.Option(help="The highest learning rate; the recipe's own when left out.")]
CitiesOption = Annotated[int | None, typer.Option(help="Synthetic cities in the mixture, 0 for none.")]
SeedOption = Annotated[int, typer.Option(help="Of the weights' beginning and of the pictures' order.")]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]


class _Said(TypedDict, total=False):
    """What was said of a recipe, whose defaults stand for the rest."""

    seed: int
    epochs: int
    learning_rate: float
    cities: int


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """What was said of an adaptation. recipe: what of it is not to be the default's."""

    cameras: list[str]
    begin: str
    end: str
    purpose: str
    name: str
    start: str
    recipe: _Said
    device: str

    def camera_hours(self, lake: "Lake", table: str) -> "list[Partition]":
        from cctview_pipeline.training.permission import written_hours

        return written_hours(lake, table, self.cameras, *parse_span(self.begin, self.end))


@train.command("detector")
def train_detector(
    data: FoldersOption = [],  # noqa: B006
    from_lake: LakeOption = False,
    teachers: Annotated[
        list[str],
        typer.Option(
            "--teacher", help="With --from-lake: a detector, or a file of boxes, that labels frames; may be given twice."
        ),
    ] = [],  # noqa: B006
    every: Annotated[int, typer.Option(help="With --from-lake: of so many frames one is labelled.")] = 1,
    again: Annotated[
        bool, typer.Option("--again", help="With --from-lake: label anew what these teachers have labelled.")
    ] = False,
    cameras: CamerasOption = [],  # noqa: B006
    begin: FromOption = "",
    end: ToOption = "",
    purpose: PurposeOption = "",
    name: NameOption = "adapted-detector",
    epochs: EpochsOption = None,
    start: Annotated[str, typer.Option(help="A detector to go on from; with --data from nothing when left out.")] = "",
    learning_rate: RateOption = None,
    cities: CitiesOption = None,
    without: WithoutOption = [],  # noqa: B006
    seed: SeedOption = 7,
    device: DeviceOption = "auto",
) -> None:
    """Train models/default-detector.safetensors anew (--data), or adapt the one in use to your own cameras (--from-lake).

    Adapting has frames of the lake labelled by teachers (models/manifest.toml, or a Parquet file of recorded boxes), goes on from
    the weights in use, and registers what comes out under --name if it measures better on the last fifth of every camera's
    frames. An interrupted training goes on where it was. CCTVIEW_MODELS names another folder than models/ for what comes out.
    """
    _one_source(data, from_lake, without)
    _begin()
    said = _said(seed=seed, epochs=epochs, learning_rate=learning_rate, cities=cities)
    if from_lake:
        wanted = _Wanted(
            cameras=split(cameras), begin=begin, end=end, purpose=purpose, name=name, start=start, recipe=said, device=device
        )
        _adapt_detector(wanted, teachers, every, again)
        return
    if teachers:
        raise CctviewError("--teacher labels frames of the lake: add --from-lake.")
    from cctview_pipeline.training.detector.recipe import DetectorRecipe
    from cctview_pipeline.training.detector.recipe import train_detector as run

    recipe = DetectorRecipe(**said, start=start, without=tuple(split(without)))
    entry = run(data, _workspace(), recipe, device)
    console.print(f"Wrote {entry.path} ({entry.version}).", soft_wrap=True)


def _adapt_detector(wanted: _Wanted, teachers: list[str], every: int, again: bool) -> None:

    from cctview_pipeline.assets.labels import LabellingConfig
    from cctview_pipeline.assets.weights import DETECTOR, kept, record_candidate
    from cctview_pipeline.automation.instance import open_campaign, open_instance
    from cctview_pipeline.automation.labelling import label, unlabelled
    from cctview_pipeline.definitions import build_definitions
    from cctview_pipeline.training.detector.adaptation import AdaptationRecipe, adapt_detector
    from cctview_pipeline.training.permission import authorize_training

    if every < 1:
        raise CctviewError(f"--every {every}: label every frame (1), or one of so many.")
    lake, campaign = open_campaign()
    hours = wanted.camera_hours(lake, "raw_frames")
    todo = hours if again else unlabelled(lake, hours, teachers, wanted.device)
    authorize_training(lake, "detector", wanted.name, hours, ("raw_frames", "labels"), wanted.purpose)
    with open_instance() as instance:
        if todo:
            job = build_definitions(campaign).resolve_job_def("labelling")
            columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
            with Progress(*columns, console=console) as progress:
                task = progress.add_task("camera-hours labelled", total=len(todo))
                config = LabellingConfig(teachers=teachers, every=every, device=wanted.device)
                label(job, instance, lake, todo, config, lambda count: progress.advance(task, count))
        start = wanted.start or campaign.model("detector")
        recipe = AdaptationRecipe(**wanted.recipe)
        adapted = adapt_detector(lake, hours, wanted.name, _workspace(), recipe, wanted.device, start)
        entry = kept(adapted.entry, adapted.refused)
        record_candidate(instance, campaign, DETECTOR, entry)
    console.print(f"AP50 on held-out frames: {adapted.before:.3f} before, {adapted.after:.3f} now.")
    _print_next(entry)


@train.command("extractor")
def train_extractor(
    data: DataOption = None,
    from_lake: LakeOption = False,
    cameras: CamerasOption = [],  # noqa: B006
    begin: FromOption = "",
    end: ToOption = "",
    purpose: PurposeOption = "",
    name: NameOption = "adapted-extractor",
    epochs: EpochsOption = None,
    start: Annotated[str, typer.Option(help="With --from-lake: an extractor to go on from; the one in use when left out.")] = "",
    without: WithoutOption = [],  # noqa: B006
    learning_rate: RateOption = None,
    cities: CitiesOption = None,
    tracks: Annotated[bool, typer.Option(help="With --data: learn from vehicles seen again in the next frame.")] = True,
    seed: SeedOption = 7,
    device: DeviceOption = "auto",
) -> None:
    """Train models/default-extractor.safetensors anew (--data), or adapt the one in use to your own cameras (--from-lake).

    Adapting learns from the lake's own tracks: crops of one track show one vehicle, and so do tracks of two cameras where
    people said so in the viewer. What comes out is registered under --name
    if it finds later tracks again better than before. An interrupted training goes on where it was. CCTVIEW_MODELS names
    another folder than models/ for what comes out.
    """
    _one_source(data, from_lake, without)
    _begin()
    said = _said(seed=seed, epochs=epochs, learning_rate=learning_rate, cities=cities)
    if from_lake:
        _adapt_extractor(
            _Wanted(
                cameras=split(cameras), begin=begin, end=end, purpose=purpose, name=name, start=start, recipe=said, device=device
            )
        )
        return
    assert data is not None, "Without --from-lake, _one_source has seen to it that --data is given."
    from cctview_pipeline.training.extractor.recipe import ExtractorRecipe
    from cctview_pipeline.training.extractor.recipe import train_extractor as run

    recipe = ExtractorRecipe(**said, tracks=tracks, without=tuple(split(without)))
    entry = run(data, _workspace(), recipe, device)
    console.print(f"Wrote {entry.path} ({entry.version}).", soft_wrap=True)


def _adapt_extractor(wanted: _Wanted) -> None:

    from cctview_pipeline.assets.weights import EXTRACTOR, kept, record_candidate
    from cctview_pipeline.automation.instance import open_campaign, open_instance
    from cctview_pipeline.training.extractor.adaptation import AdaptationRecipe, adapt_extractor
    from cctview_pipeline.training.permission import authorize_training

    lake, campaign = open_campaign()
    hours = wanted.camera_hours(lake, "tracks")
    authorize_training(lake, "extractor", wanted.name, hours, ("crops", "tracks", "matches", "verdicts"), wanted.purpose)
    start, recipe = wanted.start or campaign.model("extractor"), AdaptationRecipe(**wanted.recipe)
    adapted = adapt_extractor(lake, hours, wanted.name, _workspace(), recipe, wanted.device, start)
    with open_instance() as instance:
        entry = kept(adapted.entry, adapted.refused)
        record_candidate(instance, campaign, EXTRACTOR, entry)
    before, after = (each.camera.mean_average_precision for each in (adapted.before, adapted.after))
    console.print(f"mAP of finding later tracks again: {before:.3f} before, {after:.3f} now.")
    _print_next(entry)


@train.command("people")
def train_people(
    data: FoldersOption,
    epochs: EpochsOption = None,
    start: Annotated[str, typer.Option(help="A people finder to go on from; from nothing when left out.")] = "",
    learning_rate: RateOption = None,
    cities: CitiesOption = None,
    without: WithoutOption = [],  # noqa: B006
    seed: SeedOption = 7,
    device: DeviceOption = "auto",
) -> None:
    """Train models/people-finder.safetensors, by which people are painted over, on recorded frames and on the synthetic city.

    An interrupted training goes on where it was. CCTVIEW_MODELS names another folder than models/ for what comes out.
    """
    _begin()
    from cctview_pipeline.training.people.recipe import PeopleRecipe
    from cctview_pipeline.training.people.recipe import train_people as run

    said = _said(seed=seed, epochs=epochs, learning_rate=learning_rate, cities=cities)
    entry = run(data, _workspace(), PeopleRecipe(**said, start=start, without=tuple(split(without))), device)
    console.print(f"Wrote {entry.path} ({entry.version}).", soft_wrap=True)


def _workspace() -> Path:
    """For drawn cities and checkpoints."""
    return project_root() / "var" / "training"


def _begin() -> None:
    """Check that training is possible here, and let this package say what it does; libraries have nothing to say."""
    need("Training", *TRAINING)
    logging.basicConfig(format="%(message)s")
    logging.getLogger("cctview_pipeline").setLevel(logging.INFO)


def _one_source(data: Path | list[Path] | None, from_lake: bool, without: list[str]) -> None:
    if from_lake == bool(data):
        raise CctviewError("Say what to learn from: --data DIR for the shipped model anew, or --from-lake for your own cameras.")
    if from_lake and without:
        raise CctviewError("--without is for --data: with --from-lake name the --cameras to learn from.")


def _said(seed: int, epochs: int | None, learning_rate: float | None, cities: int | None) -> _Said:
    said = _Said(seed=seed)
    if epochs is not None:
        said["epochs"] = epochs
    if learning_rate is not None:
        said["learning_rate"] = learning_rate
    if cities is not None:
        said["cities"] = cities
    return said


def _print_next(entry: "ModelEntry") -> None:
    say(f"Wrote {entry.path} ({entry.version}). `{command('cctview', 'models', 'use', entry.name)}` makes this lake use it.")
