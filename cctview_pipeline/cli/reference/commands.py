"""docs/reference/commands.md: every command of ``cctview`` with its arguments and options, from what ``--help`` says."""

import inspect
from collections.abc import Iterator

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from cctview_pipeline.cli.app import app
from cctview_pipeline.cli.reference.markdown import GENERATED, page, table

_TYPES = {"str": "TEXT", "int": "NUMBER", "float": "NUMBER", "bool": "", "path": "PATH"}


def commands() -> Iterator[tuple[str, TyperCommand]]:
    """Every command that does something, by its whole name, such as ``cctview cameras list``."""
    return _leaves("cctview", typer.main.get_command(app))


def commands_page() -> str:
    """The page commands.md."""
    known = list(commands())
    overview = ([f"[`{name}`](#{name.replace(' ', '-')})", _first_sentence(command)] for name, command in known)
    return page(
        "# Commands",
        GENERATED,
        "`cctview COMMAND --help` says the same. A command ends with status 0; with 1 and one sentence that says what to do; or "
        "with 2 where it was called wrongly. Which lake it works on, environment variables say "
        "([configuration.md](configuration.md)). Options that take a list may be given again, or have several values with commas "
        "between them where that is said.",
        table(["command", "what it does"], overview),
        *(_section(name, command) for name, command in known),
    )


def _leaves(name: str, command: object) -> Iterator[tuple[str, TyperCommand]]:
    if not isinstance(command, TyperGroup):
        assert isinstance(command, TyperCommand), "typer makes groups and commands, and nothing else."
        yield name, command
        return
    for each in sorted(command.commands):
        yield from _leaves(f"{name} {each}", command.commands[each])


def _section(name: str, command: TyperCommand) -> str:
    context = typer.Context(command)
    arguments = [each for each in command.params if isinstance(each, TyperArgument)]
    options = [each for each in command.params if isinstance(each, TyperOption)]
    usage = " ".join([name, *(each.name.upper() for each in arguments), *(["[OPTIONS]"] if options else [])])
    rows = [[f"`{each.name.upper()}`", _default(each), _help(each)] for each in arguments]
    rows += [[f"`{_spelling(each, context)}`", _default(each), _help(each)] for each in options]
    return page(
        f"## {name}",
        f"`{usage}`",
        inspect.cleandoc(_help(command)),
        table(["argument or option", "default", "what it is"], rows) if rows else "",
    ).rstrip("\n")


def _spelling(option: TyperOption, context: typer.Context) -> str:
    spelling = ", ".join([*option.opts, *option.secondary_opts])
    if option.is_flag:
        return spelling
    kind = option.display_type(context).strip("<>").split()[0].removeprefix("list[").removesuffix("]")
    return f"{spelling} {_TYPES.get(kind, kind.upper())}"


def _default(parameter: TyperArgument | TyperOption) -> str:
    if parameter.required:
        return "needed"
    if parameter.default in (None, "", False) or parameter.default == []:
        return ""
    return "on" if parameter.default is True else f"`{parameter.default}`"


def _help(documented: TyperCommand | TyperArgument | TyperOption) -> str:
    assert documented.help is not None, f"{documented.name} does not say what it is."
    return documented.help


def _first_sentence(command: TyperCommand) -> str:
    first = inspect.cleandoc(_help(command)).split("\n\n")[0].replace("\n", " ")
    return f"{first.partition('. ')[0].rstrip('.')}."
