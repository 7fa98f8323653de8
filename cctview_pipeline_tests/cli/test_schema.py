"""docs/reference/campaign.schema.json lets in what the reader lets in, and refuses what it refuses."""

import tomllib
from datetime import datetime
from typing import Any

import jsonschema
import pytest

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.cli.reference.schema import campaign_schema
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.resources.understood import understood
from cctview_pipeline_tests.documentation.pages import NAMES, blocks
from cctview_pipeline_tests.factories.tables import campaign

SCHEMA = jsonschema.Draft202012Validator(campaign_schema())
GOOD = campaign().to_toml()
SHOWN = [text for name in NAMES for text in blocks(name, "toml")]


def as_an_editor_sees_it(text: str) -> Any:
    """TOML's times are texts in a JSON schema."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(each) for key, each in value.items()}
        if isinstance(value, list):
            return [plain(each) for each in value]
        return value.isoformat() if isinstance(value, datetime) else value

    return plain(tomllib.loads(text))


def test_the_schema_is_one():
    SCHEMA.check_schema(SCHEMA.schema)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"end": None, "start": campaign().start.replace(year=2026)},
        {"privacy": {"purposes": ["counts"], "lifetimes": {"tracks": "30 d", "matches": "forever", "spool": "12h"}}},
        {"network": "city", "settings": {"seed": 7, "faults": ["jam"]}},
        {"network": "nyc-dot", "settings": {"collect": True, "budget_gib": 5, "window": "22:30-01:00"}},
    ],
)
def test_what_the_package_writes_is_right(changes: dict):
    text = understood(campaign(**changes)).to_toml()
    SCHEMA.validate(as_an_editor_sees_it(text))


@pytest.mark.parametrize("shown", SHOWN)
def test_what_documents_show_is_right(shown: str):
    """Each is a part of a file; the rest of it is put beside."""
    found = as_an_editor_sees_it(GOOD)
    part = as_an_editor_sees_it(shown)
    found["campaign"] |= part.get("campaign", {})
    SCHEMA.validate({**found, "cameras": part.get("cameras", found["cameras"])})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "made"', ""),
        ('name = "made"', "name = 1"),
        ('name = "made"', 'name = "made"\nstop = 3'),
        ('network = "archive"', 'network = "nyc_dotty"'),
        ('network = "archive"', 'network = "archive"\nsettings = {seed = 7}'),
        ('network = "archive"', 'network = "city"\nsettings = {seed = "7"}'),
        ('network = "archive"', 'network = "nyc-dot"\nsettings = {window = "noon"}'),
        ('network = "archive"', 'network = "nyc-dot"\nsettings = {base_url = "ftp://here"}'),
        ('path = "/made"', "privacy = {purpose = []}"),
        ('path = "/made"', 'privacy = {lifetimes = {crop = "1 h"}}'),
        ('path = "/made"', 'privacy = {lifetimes = {crops = "soon"}}'),
        ('path = "/made"', 'models = {detectr = "x"}'),
        ("latitude = 40.75", "latitude = 91"),
        ("latitude = 40.75", 'latitude = "40.75"'),
        ("order = 1", "order = 1.5"),
        ("order = 1", "order = true"),
        ("order = 1", "order = 1\nmasks = [[1, 2]]"),
        ("order = 1", "order = 1\nzones_size = [352]"),
        ("[campaign]", "[other]"),
    ],
)
def test_what_the_reader_refuses_is_wrong_in_the_editor_too(old: str, new: str):
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    assert not SCHEMA.is_valid(as_an_editor_sees_it(text))
    with pytest.raises(CctviewError):
        understood(Campaign.from_toml(text))
