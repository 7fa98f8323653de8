"""A new campaign.toml with what each key is beside it, for a person who goes on by hand."""

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from cctview_pipeline.campaign import Camera, Campaign, Head
from cctview_pipeline.links import Link
from cctview_pipeline.policy import Policy
from cctview_pipeline.settings import keys_of, schema_of
from cctview_pipeline.toml_text import written

_SECTIONS: dict[str, type] = {"[campaign]": Head, "[campaign.privacy]": Policy, "[[cameras]]": Camera, "[[links]]": Link}
_LEFT_OUT = {"unmasked_for", "lifetimes", "settings", "privacy", "models", "resources", "group", "network", "network_id"}
"""Keys of which nothing is said where they are not there: sections of their own, and what init itself fills in."""
_WIDTH = 126
_PRIVACY = """
# [campaign.privacy]
# purposes = ["traffic counts"]   # what vehicles may be asked about for; nobody may ask without one
"""
_LINKS = """
# Where a camera's traffic comes next: `cctview links propose` learns it from an hour of tracks, and `accept` writes it here.
# [[links]]
# from = "{0}"
# to = "{1}"
# metres = 1500.0
# leaves = "away"
# enters = "away"
"""


def commented(campaign: Campaign) -> str:
    """What :meth:`Campaign.from_toml` reads as the same campaign."""
    lines: list[str] = []
    seen, section, keys = set[str](), "", set[str]()
    text = campaign.to_toml().split("\n", 1)[1]  # its own first comment
    for line in [*text.splitlines(), "[end]"]:
        if line.startswith("["):
            lines += _possible(section, keys) if section not in seen else []
            seen.add(section)
            section, keys = line.strip(), set()
        elif (key := line.partition(" = ")[0]) != line and section in _SECTIONS:
            if section not in seen:
                lines += _comment(keys_of(schema_of(_SECTIONS[section]))[key]["description"])
            keys.add(key)
        lines.append(line)
    found = "\n".join([*_comment(_HEAD), *lines[:-1]]).rstrip() + "\n"
    if not campaign.privacy:
        found += _PRIVACY
    if not campaign.links and len(campaign.cameras) > 1:
        found += _LINKS.format(*(camera.id for camera in campaign.cameras[:2]))
    return found


_HEAD = (
    "One lake, one campaign: its cameras, where their frames come from, and its hours (UTC). docs/reference/configuration.md has "
    "every key. `cctview doctor` looks over it."
)


def _possible(section: str, keys: set[str]) -> Iterator[str]:
    """Keys that are not there, as comments with an example each, above the blank line that ends a section."""
    if section not in _SECTIONS:
        return
    schema: Mapping[str, Mapping[str, Any]] = keys_of(schema_of(_SECTIONS[section]))
    for key, each in schema.items():
        if key not in keys | _LEFT_OUT and each.get("examples"):
            yield from _comment(each["description"])
            yield f"# {key} = {written(each['examples'][0])}"
    yield ""


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ")
