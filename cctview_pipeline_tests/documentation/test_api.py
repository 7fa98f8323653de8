"""What docs/api.md calls public is there, and says what it takes and gives. The examples are run by end_to_end/test_city.py."""

import ast
import importlib
import inspect

import pytest

from cctview_pipeline_tests.documentation.pages import blocks, prose

EXAMPLES = blocks("docs/api.md", "python")
PUBLIC = sorted(
    (node.module, alias.name)
    for node in ast.walk(ast.parse("\n".join(EXAMPLES)))
    if isinstance(node, ast.ImportFrom) and node.module.startswith("cctview_pipeline")
    for alias in node.names
)


@pytest.mark.parametrize(("module", "name"), PUBLIC)
def test_what_is_public_can_be_imported_and_is_described(module: str, name: str):
    thing = getattr(importlib.import_module(module), name)
    assert len(inspect.getdoc(thing) or "") > 20, f"{module}.{name} has no docstring"
    for method, function in inspect.getmembers(thing if inspect.isclass(thing) else None, inspect.isfunction):
        if not method.startswith("_"):
            assert inspect.getdoc(function), f"{name}.{method} has no docstring"


def test_every_public_name_is_told_and_has_an_example():
    told = set("".join(letter if letter.isalnum() or letter == "_" else " " for letter in prose("docs/api.md")).split())
    untold = {name for _, name in PUBLIC} - told
    assert untold <= {"decode"}, "every import of an example is a promise"
