"""docs/reference/configuration.md: every key of campaign.toml and every environment variable, from the data classes and the table
that they are read by."""

import json
from collections.abc import Iterable
from datetime import timedelta

from cctview_pipeline import policy
from cctview_pipeline.anomalies import Anomaly
from cctview_pipeline.cameras.footage.settings import FootageSettings
from cctview_pipeline.cameras.networks.generic import Source
from cctview_pipeline.cameras.pictures.settings import PictureSettings
from cctview_pipeline.campaign import Camera, Head, Models
from cctview_pipeline.city import CitySettings
from cctview_pipeline.cli.reference.markdown import GENERATED, page, table
from cctview_pipeline.collect.settings import CollectSettings
from cctview_pipeline.environment import VARIABLES
from cctview_pipeline.formats.sumo import Detector
from cctview_pipeline.formats.tmg import Station
from cctview_pipeline.links import Link
from cctview_pipeline.resources.needs import NEEDS, Needs
from cctview_pipeline.settings import keys_of, schema_of, value_name, value_range

SECTIONS: dict[str, tuple[type, str]] = {
    "[campaign]": (Head, "What the lake is about."),
    "[[cameras]]": (Camera, "One such section a camera."),
    "[[links]]": (Link, "Where a camera's traffic comes next, one such section a way."),
    "[[anomalies]]": (Anomaly, "Times in which a camera's figures are not what they seem, one such section each."),
    "[[sumo]]": (Detector, "One such section a carriageway; [exports.md](../exports.md) says what for."),
    "[[tmg]]": (Station, "One such section a camera; [exports.md](../exports.md) says what for."),
    "[campaign.settings] of a live network": (CollectSettings, "An archive has no settings."),
    "[campaign.settings.source] of a generic network": (Source, "[networks.md](../networks.md) shows how lists are described."),
    "[campaign.settings] of the synthetic city": (CitySettings, ""),
    "[campaign.settings] of footage": (FootageSettings, ""),
    "[campaign.settings] of pictures": (PictureSettings, ""),
    "[campaign.models]": (Models, ""),
    "[campaign.resources.JOB]": (
        Needs,
        f"Of the jobs {', '.join(NEEDS)}; [operations.md](../operations.md#several-machines) says which is which. "
        "A default here is that of a job of which nothing else is known.",
    ),
    "[campaign.privacy]": (policy.Policy, "[privacy.md](../privacy.md) says what each promises."),
}
"""A heading -> the data class that reads it, and what stands above its keys."""


def configuration_page() -> str:
    """The page configuration.md."""
    return page(
        "# Configuration",
        GENERATED,
        "## campaign.toml",
        "It lies beside the lake's tables, and the first backfill of an empty lake writes it. Unknown keys are refused, and so "
        "is a value that is not of its kind or out of its range, with the line to write instead.",
        "An editor that knows [taplo](https://taplo.tamasfe.dev), such as VS Code with Even Better TOML, completes and checks "
        "the file by [campaign.schema.json](campaign.schema.json): begin it with `#:schema` and that schema's path or address.",
        *(_section(f"### {name}", intro, kind) for name, (kind, intro) in SECTIONS.items()),
        "### [campaign.privacy.lifetimes]",
        'How long a thing is kept: `"12 h"`, `"7 d"` or `"forever"`. In the synthetic city everything is kept unless it stands '
        "here; any table may be named.",
        table(["key", "default", "what it is"], _lifetimes()),
        "## Environment",
        "A path that is a default lies inside the project. On S3 what boto3 reads counts as well (`AWS_ACCESS_KEY_ID`, "
        "`AWS_SECRET_ACCESS_KEY`, `AWS_DEFAULT_REGION`, `AWS_ENDPOINT_URL`), and the files in deploy/ name more of them.",
        table(
            ["variable", "default", "what it is for"],
            ([f"`{each.name}`", each.where or f"`{each.default}`", each.sentence] for each in VARIABLES.values()),
        ),
    )


def _section(heading: str, intro: str, kind: type) -> str:
    needed = schema_of(kind).get("required", ())
    rows = (
        [f"`{key}`", _kind(found), "needed" if key in needed else _default(found), found["description"]]
        for key, found in keys_of(schema_of(kind)).items()
    )
    return page(heading, intro, table(["key", "kind", "default", "what it is"], rows)).rstrip("\n")


def _kind(schema: dict) -> str:
    return ", ".join(filter(None, (value_name(schema), value_range(schema))))


def _default(schema: dict) -> str:
    if "default" not in schema:
        return ""
    return f"`{schema['default'] if 'format' in schema else json.dumps(schema['default'])}`"


def _lifetimes() -> Iterable[list[str]]:
    for name, lifetime in policy.LIFETIMES.items():
        yield [f"`{name}`", f'`"{_hours(lifetime)}"`', policy.KEPT[name]]


def _hours(lifetime: timedelta | None) -> str:
    if lifetime is None:
        return "forever"
    hours = int(lifetime.total_seconds() // 3600)
    return f"{hours // 24} d" if hours % 24 == 0 else f"{hours} h"
