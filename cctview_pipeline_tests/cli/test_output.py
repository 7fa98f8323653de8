"""What commands print is text: brackets in it are not swallowed as a style."""

import json
from pathlib import Path

from cctview_pipeline.lake import Lake
from cctview_pipeline_tests.factories.command import Workplace
from cctview_pipeline_tests.factories.jobs import archive_campaign


def test_a_cell_with_brackets(tmp_path: Path):
    place = Workplace(tmp_path)
    Lake(str(place.lake)).write_campaign(archive_campaign())
    asked = place.invoke("query", "select '[bold]' || '[/]' as brackets, ':car:' as colons")
    assert asked.returncode == 0, asked.stderr
    assert "[bold][/]" in asked.stdout
    assert ":car:" in asked.stdout
    assert json.loads(place.invoke("query", "--json", "select '[bold]' as brackets").stdout) == {"brackets": "[bold]"}
