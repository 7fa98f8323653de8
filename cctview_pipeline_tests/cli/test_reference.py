"""docs/reference/ is what the code says, and the code says something of everything that a person can set, give or read."""

import dataclasses

import pytest

from cctview_pipeline.campaign import Head
from cctview_pipeline.cli.reference import pages
from cctview_pipeline.cli.reference.commands import commands
from cctview_pipeline.cli.reference.configuration import SECTIONS
from cctview_pipeline.collect.settings import CollectSettings
from cctview_pipeline.environment import VARIABLES
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.paths import project_root
from cctview_pipeline.policy import KEPT, LIFETIMES, Policy
from cctview_pipeline.settings import keys_of, schema_of


@pytest.mark.parametrize("name", pages())
def test_the_page_is_what_the_code_says(name: str):
    page = project_root() / "docs" / "reference" / name
    assert page.read_text() == pages()[name], f"{page} is stale: `make reference` writes it anew."


@pytest.mark.parametrize(("name", "command"), [pytest.param(*each, id=each[0]) for each in commands()])
def test_every_command_and_option_has_a_sentence(name: str, command):
    page = pages()["commands.md"]
    section = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    assert command.help.strip()[0].isupper()
    for parameter in command.params:
        assert parameter.help.rstrip().endswith((".", ")")), parameter.name
        assert parameter.help.replace("|", "\\|") in section
        assert all(spelling in section for spelling in parameter.opts if spelling.startswith("-"))


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_key_of_the_campaign_has_a_sentence_and_stands_once(heading: str):
    kind, _ = SECTIONS[heading]
    section = pages()["configuration.md"].partition(f"\n### {heading}\n")[2].partition("\n#")[0]
    spelt = {"from_camera": "from", "to_camera": "to"}  # Python has a `from` of its own
    assert [spelt.get(each.name, each.name) for each in dataclasses.fields(kind)] == list(keys_of(schema_of(kind)))
    for name, key in keys_of(schema_of(kind)).items():
        assert key["description"].endswith("."), name
        assert section.count(f"\n| `{name}` | ") == 1


def test_every_section_that_is_read_is_on_the_page():
    """What campaign.toml may hold, from the readers' own classes: none of them can get a table that the page does not have."""
    tables = {
        kind: [key for key, found in keys_of(schema_of(kind)).items() if found["type"] == "object"]
        for kind, _ in SECTIONS.values()
    }
    assert tables.pop(Head) == ["settings", "privacy", "models", "resources"]
    assert tables.pop(Policy) == ["lifetimes"]
    assert tables.pop(CollectSettings) == ["source"]
    assert not any(tables.values())
    assert set(LIFETIMES) <= set(KEPT)


def test_every_variable_has_a_sentence_and_a_default():
    page = pages()["configuration.md"]
    for name, variable in VARIABLES.items():
        assert variable.sentence.endswith("."), name
        assert bool(variable.default) != bool(variable.where), f"{name} has one default"
        assert page.count(f"\n| `{name}` | ") == 1


@pytest.mark.parametrize("name", TABLES)
def test_every_column_is_on_the_page(name: str):
    section = pages()["tables.md"].partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    assert TABLES[name].description in section
    for field in TABLES[name].schema:
        assert section.count(f"\n| `{field.name}` | ") == 1
