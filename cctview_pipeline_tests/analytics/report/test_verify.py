"""A report held against a lake: nothing differs, something was changed, something has gone."""

import shutil
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from cctview_pipeline.analytics.report.document import daily_report
from cctview_pipeline.analytics.report.verify import verify
from cctview_pipeline.errors import ConfigurationError
from cctview_pipeline.lake import Lake, Partition, layout
from cctview_pipeline.lake.tables import CAMPAIGN
from cctview_pipeline_tests.factories.reported import BEGIN, MAY_5, make_marts, reported

HOUR = Partition.camera_hour("road-2", BEGIN + timedelta(hours=1))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(reported(tmp_path_factory.mktemp("verify")).uri)


@pytest.fixture(scope="module")
def html(whole: Path) -> bytes:
    lake = Lake(str(whole))
    return daily_report(lake, lake.require_campaign(), MAY_5).html


@pytest.fixture
def lake(whole: Path, tmp_path: Path) -> Lake:
    """To be changed."""
    return Lake(str(shutil.copytree(whole, tmp_path / "lake")))


def test_nothing_differs(lake: Lake, html: bytes):
    found = verify(lake, lake.require_campaign(), html)
    assert (found.differences, found.unverifiable, found.gone, found.changed) == ([], 0, {}, [])
    assert found.compared > 1500


def test_a_passage_that_was_taken_out_is_found(lake: Lake, html: bytes):
    rows = lake.read("passages", HOUR).sort_by("passed_at")
    taken = rows.slice(0, 1).to_pylist()[0]
    lake.write("passages", HOUR, rows.slice(1))
    found = verify(lake, lake.require_campaign(), html)
    quarter = f"2020-05-05 11:{taken['passed_at'].minute // 15 * 15:02d}"
    counted = f"flows road-2 {taken['carriageway']} vehicles at {quarter}"
    (difference,) = [each for each in found.differences if each.where == counted]
    assert difference.was == difference.now + 1
    assert str(difference) == f"{counted}: was {difference.was}, is {difference.now}"
    assert not [each for each in found.differences if each.where.startswith(("flows road-1", "flows road-3"))]
    assert any(sentence.startswith("passages: 1 partitions were written anew since") for sentence in found.changed)


def test_marts_that_were_forged_are_found(lake: Lake):
    """The report follows the marts, and the verification the hours below them."""
    place = Partition.of_day(MAY_5)
    rows = lake.read("travel_times", place)
    slower = pa.array([value and value + 5 for value in rows["median_s"].to_pylist()], pa.float32())
    field = rows.schema.field("median_s")
    lake.write("travel_times", place, rows.set_column(rows.column_names.index("median_s"), field, slower))
    html = daily_report(lake, lake.require_campaign(), MAY_5).html
    found = verify(lake, lake.require_campaign(), html)
    assert {each.where.split(" at ")[0].split()[-1] for each in found.differences} == {"median_s"}


def test_what_has_gone_cannot_be_verified_and_is_not_wrong(lake: Lake, html: bytes):
    lake.storage.delete(layout.key("passages", HOUR))
    found = verify(lake, lake.require_campaign(), html)
    assert found.gone == {"passages": 1}
    assert found.differences == []
    assert 0 < found.unverifiable < found.compared
    lake.storage.delete(layout.key("matches", HOUR))
    assert verify(lake, lake.require_campaign(), html).gone == {"passages": 1, "matches": 1}


def test_what_else_was_changed_is_said(lake: Lake, html: bytes):
    text = lake.storage.read(CAMPAIGN).to_pybytes()
    lake.storage.write(CAMPAIGN, text + b"\n# a note\n")
    found = verify(lake, lake.require_campaign(), html)
    assert found.changed == ["campaign.toml was changed since."]
    make_marts(lake, lake.require_campaign(), MAY_5)
    assert found.differences == []


@pytest.mark.parametrize("text", [b"", b"<html>", b'<script type="application/json" id="figures">{"format":1}</script>'])
def test_what_is_no_report_is_refused(lake: Lake, text: bytes):
    with pytest.raises(ConfigurationError, match=r"mine\.html is no report"):
        verify(lake, lake.require_campaign(), text, "mine.html")
