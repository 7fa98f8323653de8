"""What the house asks of its code and no linter checks."""

import ast
from collections.abc import Iterator

import pytest

from cctview_pipeline_tests.documentation.pages import ROOT

MAX_FIELDS = 4
"""Of a data class that may be built without names."""
IN_ORDER = {"TableSpec"}
"""Rows of a table in the code, whose first columns need no names: name, description, partition, schema."""


def data_classes() -> Iterator[tuple[str, ast.ClassDef, str]]:
    for path in sorted((ROOT / "cctview_pipeline").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            for decorator in node.decorator_list if isinstance(node, ast.ClassDef) else ():
                if "dataclass" in (made := ast.unparse(decorator)):
                    yield f"{path.relative_to(ROOT)}: {node.name}", node, made


@pytest.mark.parametrize(("node", "made"), [pytest.param(node, made, id=where) for where, node, made in data_classes()])
def test_what_has_many_fields_is_built_by_their_names(node: ast.ClassDef, made: str):
    fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
    assert len(fields) <= MAX_FIELDS or "kw_only=True" in made or node.name in IN_ORDER
