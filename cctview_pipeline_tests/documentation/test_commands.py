"""Every command that a document tells is one: its name, its options and its arguments."""

import re
import shlex

import pytest
import typer
from typer.core import TyperGroup

from cctview_pipeline.cli.app import app
from cctview_pipeline_tests.documentation.pages import NAMES, ROOT, blocks, prose, spans, typed

NOT_TYPED = ("CHANGELOG.md",)
"""What it tells of may be gone by now."""


def parse(words: list[str], whole: bool) -> None:
    """Raises typer's usage error for what is no command. whole: with all that it needs."""
    command, name = typer.main.get_command(app), "cctview"
    while isinstance(command, TyperGroup) and words and not words[0].startswith("-") and not words[0].isupper():
        assert words[0] in command.commands, f"{name} has no command '{words[0]}'"
        command, name, words = command.commands[words[0]], f"{name} {words[0]}", words[1:]
    if isinstance(command, TyperGroup):
        assert not whole, f"{name} needs a command"
        return
    if whole:
        command.make_context(name, list(words))
    else:
        command.make_parser(typer.Context(command)).parse_args([*(word.rstrip(",") for word in words), "VALUE"])


@pytest.mark.parametrize("name", [name for name in NAMES if name not in NOT_TYPED])
def test_what_is_typed_is_understood(name: str):
    for words in typed(name):
        parse(words, whole=True)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in NOT_TYPED])
def test_what_is_named_in_a_sentence_is_a_command(name: str):
    for span in spans(name):
        if span.startswith("cctview ") and "[" not in span and "=" not in span:
            words = shlex.split(span)[1:]
            parse([word for word in words if word != "..."], whole=False)


@pytest.mark.parametrize("name", NAMES)
def test_every_make_target_is_one(name: str):
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    typed_here = re.findall(r"^\$? ?make ([a-z][\w-]*)", "\n".join(blocks(name, "")), re.MULTILINE)
    for said in [*spans(name), *(f"make {each}" for each in typed_here)]:
        if match := re.fullmatch(r"make ((?:[a-z][\w-]*|[A-Z_]+=\S+)(?: (?:[a-z][\w-]*|[A-Z_]+=\S+))*)", said):
            wanted = {word for word in match[1].split() if "=" not in word}
            assert wanted <= targets, f"{name} says {said}"


def test_commands_are_found_in_the_documents():
    """Or the tests above would hold for nothing."""
    assert sum(len(list(typed(name))) for name in NAMES) > 40
    assert next(typed("README.md"))[0] == "query"
    with pytest.raises(Exception, match="No such option"):
        parse(["backfill", "--no-such-option"], whole=False)
    with pytest.raises(AssertionError, match="no command"):
        parse(["no-such-command"], whole=True)
    assert "cctview query" in prose("docs/privacy.md")
