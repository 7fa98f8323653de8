"""Labelling camera-hours through Dagster, so that its runs, checks and lineage are there, from the command line."""

from collections.abc import Callable, Sequence
from itertools import groupby

import dagster as dg

from cctview_pipeline.assets.labels import LabellingConfig
from cctview_pipeline.automation.jobs import range_tags
from cctview_pipeline.campaign import HOUR
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake, Partition


def unlabelled(lake: Lake, partitions: Sequence[Partition], teachers: Sequence[str], device: str) -> list[Partition]:
    """Those that these very teachers have not labelled."""
    from cctview_pipeline.training.detector.teachers import open_ensemble

    version = open_ensemble(teachers, device).version
    return [p for p in partitions if lake.read("labels", p, ["model"])["model"].unique().to_pylist() != [version]]


def label(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    lake: Lake,
    partitions: Sequence[Partition],
    config: LabellingConfig,
    advance: Callable[[int], None],
) -> None:
    """Make labels of camera-hours in this process, a run for each camera's hours that follow one another.

    job: ``labelling`` of the campaign's definitions; advance: called with the number of camera-hours done. Raises CctviewError
    when one of them could not be written.
    """
    asked = {"ops": {"labels": {"config": config.model_dump()}}, "loggers": {"console": {"config": {"log_level": "ERROR"}}}}
    for chunk in _spans(partitions):
        tags = range_tags(chunk[0], chunk[-1])
        outcome = job.execute_in_process(asked, instance=instance, tags=tags)
        if absent := [p for p in chunk if not lake.has("labels", p)]:
            raise CctviewError(f"{absent[0]} could not be labelled: see run {outcome.run_id} with `cctview dev`.")
        advance(len(chunk))


def _spans(partitions: Sequence[Partition]) -> list[list[Partition]]:
    """A camera's hours that follow one another, together."""
    ordered = sorted(partitions, key=lambda p: (p.camera, p.begin))
    groups = groupby(enumerate(ordered), key=lambda pair: (pair[1].camera, pair[1].begin - pair[0] * HOUR))
    return [[p for _, p in group] for _, group in groups]
