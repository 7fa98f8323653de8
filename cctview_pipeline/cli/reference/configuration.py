"""docs/reference/configuration.md: every key of campaign.toml and every environment variable, from the tables that they are read
by."""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime, timedelta
from typing import Any

from cctview_pipeline import campaign, policy
from cctview_pipeline.city import network as city
from cctview_pipeline.cli.reference.markdown import GENERATED, page, table
from cctview_pipeline.collect import settings as collecting
from cctview_pipeline.environment import VARIABLES
from cctview_pipeline.formats import sumo, tmg
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.settings import Key

SECTIONS: dict[str, tuple[Mapping[str, Key], type, str]] = {
    "[campaign]": (campaign.HEAD, campaign.Campaign, "What the lake is about."),
    "[[cameras]]": (campaign.CAMERA, campaign.Camera, "One such section a camera."),
    "[campaign.settings] of a live network": (collecting.KEYS, collecting.CollectSettings, "An archive has no settings."),
    "[campaign.settings] of the synthetic city": (city.KEYS, city.CitySettings, ""),
    "[campaign.models]": (campaign.MODELS, campaign.Campaign, ""),
    "[[sumo]]": (sumo.KEYS, sumo.Detector, "One such section a carriageway; [exports.md](../exports.md) says what for."),
    "[[tmg]]": (tmg.KEYS, tmg.Station, "One such section a camera; [exports.md](../exports.md) says what for."),
    "[campaign.privacy]": (policy.KEYS, policy.Policy, "[privacy.md](../privacy.md) says what each promises."),
}
"""A heading -> its keys, the data class that holds their defaults, and what stands above them."""


def configuration_page() -> str:
    return page(
        "# Configuration",
        GENERATED,
        "## campaign.toml",
        "It lies beside the lake's tables, and the first backfill of an empty lake writes it. Unknown keys are refused, and so "
        "is a value that is not of its kind or out of its range, with the line to write instead.",
        *(_section(f"### {name}", intro, keys, holder) for name, (keys, holder, intro) in SECTIONS.items()),
        "### [campaign.privacy.lifetimes]",
        'How long a thing is kept: `"12 h"`, `"7 d"` or `"forever"`. In the synthetic city everything is kept unless it stands '
        "here; any table may be named.",
        table(["key", "default", "what it is"], _lifetimes()),
        "## Environment",
        "A path that is a default lies inside the project. On S3 what boto3 reads counts as well (`AWS_ACCESS_KEY_ID`, "
        "`AWS_SECRET_ACCESS_KEY`, `AWS_DEFAULT_REGION`, `AWS_ENDPOINT_URL`), and `deploy/dagster.yaml` names more of them.",
        table(
            ["variable", "default", "what it is for"],
            ([f"`{each.name}`", each.where or f"`{each.default}`", each.sentence] for each in VARIABLES.values()),
        ),
    )


def _section(heading: str, intro: str, keys: Mapping[str, Key], holder: type) -> str:
    rows = ([f"`{name}`", _kind(key), _default(name, key, holder), key.sentence] for name, key in keys.items())
    return page(heading, intro, table(["key", "kind", "default", "what it is"], rows)).rstrip("\n")


def _kind(key: Key) -> str:
    return f"{key.value_name}, {key.range}" if key.is_bounded else key.value_name


def _default(name: str, key: Key, holder: type) -> str:
    if key.needed:
        return "needed"
    if name in campaign.TASKS:
        return '`"default"`'
    found = {each.name: each for each in fields(holder)}[name].default if is_dataclass(holder) else MISSING
    return "" if found in (MISSING, None, "", ()) else f"`{_as_toml(found)}`"


def _as_toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return f'"{value}"' if isinstance(value, str) else str(value)


def _lifetimes() -> Iterable[list[str]]:
    for name, lifetime in policy.LIFETIMES.items():
        yield [f"`{name}`", f'`"{_hours(lifetime)}"`', policy.BESIDE.get(name) or TABLES[name].description]


def _hours(lifetime: timedelta | None) -> str:
    if lifetime is None:
        return "forever"
    hours = int(lifetime.total_seconds() // 3600)
    return f"{hours // 24} d" if hours % 24 == 0 else f"{hours} h"
