"""docs/reference/ is what the code says, and the code says something of everything that a person can set, give or read."""

import dataclasses

import pytest

from cctview_pipeline.campaign import CAMERA, HEAD, MODELS
from cctview_pipeline.cli.reference import pages
from cctview_pipeline.cli.reference.commands import commands
from cctview_pipeline.cli.reference.configuration import SECTIONS
from cctview_pipeline.environment import VARIABLES
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.paths import project_root
from cctview_pipeline.policy import BESIDE, KEYS, LIFETIMES


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
    keys, holder, _ = SECTIONS[heading]
    section = pages()["configuration.md"].partition(f"\n### {heading}\n")[2].partition("\n#")[0]
    known = {each.name for each in dataclasses.fields(holder)}
    for name, key in keys.items():
        assert key.sentence.endswith("."), name
        assert section.count(f"\n| `{name}` | ") == 1
        assert name in known or name in MODELS, f"{holder.__name__} holds no {name}"


def test_every_section_that_is_read_is_on_the_page():
    """What campaign.toml may hold, from the readers' own tables: none of them can get a key that the page does not have."""
    assert [keys for keys, _, _ in SECTIONS.values()][:2] == [HEAD, CAMERA]
    assert {name for name, key in HEAD.items() if key.kind is dict} == {"settings", "privacy", "models"}
    assert {name for name, key in KEYS.items() if key.kind is dict} == {"lifetimes"}
    assert set(LIFETIMES) <= {*TABLES, *BESIDE}


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
