"""``cctview export``: the lake as files for other programs."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from cctview_pipeline.analytics.exports import FORMS, INSIDE, export_figures
from cctview_pipeline.campaign import parse_span, touching
from cctview_pipeline.cli.options import CamerasOption, split
from cctview_pipeline.cli.privacy import PurposeOption
from cctview_pipeline.cli.terminal import console, print_json
from cctview_pipeline.errors import CctviewError, ConfigurationError, NotFoundError
from cctview_pipeline.files import made_folder
from cctview_pipeline.lake import Partition
from cctview_pipeline.lake.layout import parse_day

FRAMES = "cctview"
"""The format of frames, vehicles and embeddings."""
VIDEO = "video"
"""The format of frames as mp4; all others are of figures."""
_KNOWN = ", ".join((FRAMES, VIDEO, *FORMS))


def export(
    out: Annotated[Path, typer.Option(help="The folder to write to.")],
    form: Annotated[str, typer.Option("--format", help=f"Of the files: {_KNOWN}.")] = FRAMES,
    cameras: CamerasOption = [],  # noqa: B006
    begin: Annotated[
        str, typer.Option("--from", help="First local day, 2020-05-05; of cctview and video an hour, ISO 8601.")
    ] = "",
    end: Annotated[str, typer.Option("--to", help="End, exclusive, in the same form.")] = "",
    purpose: PurposeOption = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON; of figures only.")] = False,
) -> None:
    """Write the lake as files for other programs: figures and the road, or partitions in CCTView's published layout or as video.

    cctview: frames, detections, crops and embeddings of camera-hours, which is written to the audit log first. video: masked
    frames of camera-hours as mp4 with their times, written to the log as well. csv, parquet: all
    figures with a datapackage.json. geojson, gmns: cameras and the ways between them. sumo: counts as edge data and detector
    files. tmg: hourly volumes as FHWA's records. Figures are one's own here: `cctview publish` makes what may be handed on.
    """
    if form in (FRAMES, VIDEO):
        _frames(out, form, cameras, begin, end, purpose)
        return
    if form not in FORMS:
        raise NotFoundError(f"There is no format named '{form}': use {_KNOWN}.")
    if cameras or purpose:
        raise ConfigurationError(
            f"--cameras and --purpose go with --format {FRAMES} or {VIDEO}: figures are of all cameras and about nobody."
        )
    from cctview_pipeline.automation.instance import open_campaign

    lake, _ = open_campaign()
    done = export_figures(lake, form, out, *day_span(begin, end))
    if as_json:
        print_json({"out": str(out), "days": [str(day) for day in done.days], "files": list(done.files)})
        return
    of_days = f" of {len(done.days)} day{'s' * (len(done.days) != 1)}, {done.days[0]} to {done.days[-1]}" if done.days else ""
    console.print(f"Wrote {len(done.files)} files{of_days} to {out}. {INSIDE}", soft_wrap=True)


def day_span(begin: str, end: str) -> tuple[date | None, date | None]:
    """Two local days, the second exclusive. Raises CctviewError for what is no day, and where the second is not later."""
    days = [_day(text) if text else None for text in (begin, end)]
    if days[0] and days[1] and days[1] <= days[0]:
        raise ConfigurationError(f"The days asked for end ({days[1]}, exclusive) before they begin ({days[0]}).")
    return days[0], days[1]


def _day(text: str) -> date:
    try:
        return parse_day(text)
    except ValueError:
        raise ConfigurationError(f"'{text}' is no day: write 2020-05-05.") from None


def _frames(out: Path, form: str, cameras: list[str], begin: str, end: str, purpose: str) -> None:
    """Camera-hours in the published layout, or as video."""
    from cctview_pipeline.automation.instance import open_campaign
    from cctview_pipeline.detect import threshold_of
    from cctview_pipeline.privacy.export import export_partitions, export_videos

    lake, campaign = open_campaign()
    wanted = [campaign.camera(name).id for name in split(cameras)] or [camera.id for camera in campaign.cameras]
    hours = touching(campaign.hours(), *parse_span(begin, end))
    partitions = [Partition.camera_hour(camera, hour) for camera in wanted for hour in hours]
    needed = "raw_frames" if form == VIDEO else "features"
    there = [partition for partition in partitions if lake.has(needed, partition)]
    if not there:
        raise CctviewError(f"None of these camera-hours has {needed} yet: `cctview backfill` makes them.")
    frames = 0
    made_folder(out)
    with Progress(console=console) as progress:
        if form == VIDEO:
            written = export_videos(lake, there, out, purpose)
        else:
            written = export_partitions(lake, there, threshold_of(campaign.model("detector")), out, purpose)
        for count in progress.track(written, total=len(there), description="camera-hours"):
            frames += count
    left = len(partitions) - len(there)
    console.print(
        f"Wrote {frames} frames of {len(there)} camera-hours to {out}{f'; {left} are not made yet' if left else ''}.",
        soft_wrap=True,
    )
