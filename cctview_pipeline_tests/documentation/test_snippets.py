"""SQL, TOML and programs that documents show are understood."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from cctview_pipeline.analytics.warehouse import connect
from cctview_pipeline.campaign import EXPORTED, Campaign
from cctview_pipeline.lake import Lake
from cctview_pipeline.toml_text import parse_toml
from cctview_pipeline_tests.documentation.pages import NAMES, ROOT, blocks, text_of, typed
from cctview_pipeline_tests.factories.tables import campaign

PROGRAM = re.compile(r"\bpython (?:-m ([\w.]+\w)|((?:\w+/)+\w+\.py))")


def test_every_question_can_be_asked(tmp_path: Path):
    """Of a lake that is empty, in which every table has its columns."""
    questions = [part for name in NAMES for sql in blocks(name, "sql") for part in sql.split(";") if part.strip()]
    asked = [word for name in NAMES for words in typed(name) if words[0] == "query" for word in words if " from " in word.lower()]
    assert len(questions) >= 5
    assert len(asked) >= 5
    with connect(Lake(str(tmp_path / "lake"))) as database:
        for question in [*questions, *asked]:
            if "captured from gaps" not in question:  # a slip of the pen, and what is said of it
                database.execute(question)


@pytest.mark.parametrize("name", [name for name in NAMES if blocks(name, "toml")])
def test_every_part_of_a_campaign_is_one(name: str):
    for text in blocks(name, "toml"):
        assert set(parse_toml(text, name)) <= {"campaign", "cameras", "anomalies", *EXPORTED}
        head = campaign().to_toml()
        if "[[cameras]]" in text:
            assert Campaign.from_toml(f"{head}\n{text}", name).cameras[-1].id


@pytest.mark.parametrize("name", NAMES)
def test_every_program_is_there(name: str):
    for module, path in PROGRAM.findall(text_of(name)):
        assert (ROOT / path).is_file() if path else find_spec(module), f"{name}: python {module or path}"
