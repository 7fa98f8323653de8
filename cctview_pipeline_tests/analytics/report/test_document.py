"""The daily report: everything inside, every figure with its mark, the same bytes each time."""

import itertools
import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from cctview_pipeline.analytics import known_bias
from cctview_pipeline.analytics.report import document
from cctview_pipeline.analytics.report.document import Report, daily_report
from cctview_pipeline.analytics.report.verify import read_json, verify
from cctview_pipeline.anomalies import Anomaly
from cctview_pipeline.errors import NotFoundError
from cctview_pipeline.lake import Lake
from cctview_pipeline_tests.factories.day_lake import road
from cctview_pipeline_tests.factories.reported import BEGIN, MAY_5, make_marts, reported

LANE = Anomaly(
    camera="road-1",
    began=BEGIN + timedelta(hours=1),
    ended=BEGIN + timedelta(hours=2),
    problem="do-not-use",
    investigation="confirmed",
    note="A lane was closed </script> here.",
)


class Page(HTMLParser):
    """What of a page the tests ask for."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: dict[str, list[str]] = {}
        self.feed(html.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open:
            self.text.setdefault(self.open[-1], []).append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def holes(camera: str, began: datetime) -> float:
    """The second camera sees nothing of one quarter, a third of the next, and two thirds of the one after."""
    quarters = {15: 0.0, 30: 300.0, 45: 600.0}
    return quarters.get(began.minute, 900.0) if camera == "road-2" and began.hour == BEGIN.hour + 2 else 900.0


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return reported(tmp_path_factory.mktemp("report"), replace(road(3, BEGIN, 4), anomalies=(LANE,)), holes)


@pytest.fixture(scope="module")
def report(lake: Lake) -> Report:
    return daily_report(lake, lake.require_campaign(), MAY_5)


def rows(report: Report, table: str) -> dict[str, dict]:
    """Of the JSON inside, by their names."""
    found = read_json(report.html, "it")["tables"][table]
    return {" ".join(of): dict(zip(found["columns"], values, strict=True)) for of, *values in found["rows"]}


def test_it_loads_nothing_and_runs_nothing(report: Report):
    page = Page(report.html)
    assert [attrs["type"] for attrs in page.named("script")] == ["application/json"]
    assert not {"link", "img", "iframe", "object", "embed", "form", "base"} & {tag for tag, _ in page.tags}
    addresses = {attrs[name] for _, attrs in page.tags for name in ("href", "src", "xlink:href") if name in attrs}
    assert addresses
    assert all(address.startswith("#") for address in addresses)
    assert b"://" not in report.html
    assert re.findall(rb"url\((?!#)", report.html) == []
    assert b"@import" not in report.html


def test_it_shows_what_the_cameras_operator_asks_for(tmp_path: Path):
    lake = reported(tmp_path, replace(road(2, BEGIN, 1), network="singapore"))
    campaign = lake.require_campaign()
    footer = Page(daily_report(lake, campaign, MAY_5).html)
    assert any("Traffic Images accessed on 2020-05-05 from data.gov.sg" in text for text in footer.text["p"])


def test_a_screen_reader_finds_its_way(report: Report):
    page = Page(report.html)
    assert page.named("html") == [{"lang": "en"}]
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in itertools.pairwise(levels))
    assert len(page.named("caption")) == len(page.named("table")) > 10
    assert all(attrs.get("scope") for attrs in page.named("th"))
    assert all(attrs.get("aria-label") for attrs in page.named("svg") if "drawing" in attrs.get("class", ""))


def test_every_status_stands_in_it_and_a_gap_is_no_zero(report: Report):
    """10:00 local is the first quarter, so 12:15 is the tenth."""
    flows = rows(report, "flows")
    assert flows["road-2 N"]["status"] == "ooooooooo" + "nie" + "oooo"
    assert flows["road-1 N"]["status"] == "oooo" + "ffff" + "oooooooo"
    assert flows["road-2 N"]["expanded"][9:11] == [None, None]
    assert flows["road-2 N"]["vehicles"][9] is None
    seen = rows(report, "coverage")["road-2"]
    assert seen["missing"] == "." * 9 + "LLL" + "...."
    assert seen["missed_s"] == 900 + 600 + 300
    html = report.html.decode()
    for kind in ("gap ours none", "gap ours little", "few", "flagged"):
        assert f'class="{kind}"' in html
    assert "A lane was closed &lt;/script&gt; here." in html
    assert json.loads(re.search(r'id="figures">(.*?)</script>', html, re.DOTALL)[1])  # not ended by the note


def test_numbers_are_those_of_the_marts(lake: Lake, report: Report):
    counts = [n for row in rows(report, "flows").values() for n in row["vehicles"] if n is not None]
    assert report.headline["passages counted"] == sum(counts) > 500
    assert report.headline["anomalies"] == 1
    (metres, speed) = 500.0, 50.0
    assert report.headline["s along road, northbound (median)"] == pytest.approx(2 * metres / (speed / 3.6), rel=0.05)
    assert "Times are the cameras&#39; own: EDT, UTC-4" in report.html.decode().replace("'", "&#39;")
    made_from = read_json(report.html, "it")["made_from"]
    assert len(made_from["marts"]["flows"]) == 64
    assert set(made_from["inputs"]["tables"]["passages"]) == {"road-1", "road-2", "road-3"}


def test_bytes_are_stable(lake: Lake, report: Report):
    make_marts(lake, lake.require_campaign(), MAY_5)
    assert daily_report(lake, lake.require_campaign(), MAY_5).html == report.html


def test_what_is_told_from_outside_stands_in_it(lake: Lake):
    found = daily_report(
        lake, lake.require_campaign(), MAY_5, ["tracks of 3 went."], bias=lambda mart, models: f"{mart}|{models}"
    )
    assert b"tracks of 3 went." in found.html
    assert b"travel_times|made up" in found.html


@pytest.mark.parametrize(
    ("start", "hours", "quarters", "said"),
    [
        (datetime(2020, 11, 1, 4, tzinfo=UTC), 25, 100, "EDT, UTC-4, then EST, UTC-5"),
        (datetime(2020, 3, 8, 5, tzinfo=UTC), 23, 92, "EST, UTC-5, then EDT, UTC-4"),
    ],
)
def test_a_day_on_which_clocks_change(tmp_path: Path, start: datetime, hours: int, quarters: int, said: str):
    day = start.date()
    lake = reported(tmp_path, road(1, start, hours), days=(day,), per_hour=20)
    report = daily_report(lake, lake.require_campaign(), day)
    assert len(rows(report, "flows")["road-1 N"]["vehicles"]) == quarters
    html = report.html.decode()
    assert said in html
    assert "only a part of this day" not in html
    assert ("01:00 EDT" in html and "01:00 EST" in html) == (hours == 25)  # the hour that comes twice is two


def test_a_day_without_any_data(tmp_path: Path):
    lake = reported(tmp_path, live=lambda camera, began: 0.0)
    report = daily_report(lake, lake.require_campaign(), MAY_5)
    assert report.headline["passages counted"] is None
    assert set(rows(report, "flows")["road-1 N"]["status"]) == {"n"}
    html = report.html.decode()
    assert "Without a usable quarter: road-1, road-2, road-3." in html
    assert "network down" in html


def test_an_empty_day(tmp_path: Path):
    """No hour of it is in the lake."""
    lake, campaign = Lake(str(tmp_path / "lake")), road(2, BEGIN, 4)
    lake.write_campaign(campaign)
    make_marts(lake, campaign, MAY_5)
    report = daily_report(lake, campaign, MAY_5)
    assert rows(report, "coverage") == {}
    assert b"none: no passage was there" in report.html


def test_cameras_whose_facing_nobody_knows(tmp_path: Path):
    """They have no ways between them, and flows towards and away."""
    campaign = road(2, BEGIN, 1)
    campaign = replace(campaign, cameras=tuple(replace(camera, faces="") for camera in campaign.cameras))
    lake = reported(tmp_path, campaign)
    report = daily_report(lake, campaign, MAY_5)
    assert set(rows(report, "flows")) == {f"road-{n} {side}" for n in (1, 2) for side in ("away", "towards")}
    assert b"No two neighbouring cameras" in report.html


def test_a_day_of_many_cameras_is_told_by_the_hour(lake: Lake, report: Report, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(document, "MOST_BINS", 100)
    by_hour = daily_report(lake, lake.require_campaign(), MAY_5)
    said = read_json(by_hour.html, "it")["times"]
    assert said["bins"] == {"first": "2020-05-05T14:00Z", "end": "2020-05-05T18:00Z", "minutes": 60}
    assert said["cells"]["minutes"] == 15
    fine, coarse = (rows(each, "flows")["road-2 N"] for each in (report, by_hour))
    assert coarse["status"] == "oono"  # an hour is what its worst quarter is
    assert coarse["expanded"][2] is None
    assert coarse["upper"][0] == pytest.approx(sum(fine["upper"][:4]), abs=0.3)
    assert verify(lake, lake.require_campaign(), by_hour.html).differences == []
    assert b"told by the hour" in by_hour.html


def test_without_a_measured_bias_there_is_no_interval(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(known_bias, "_measured", lambda: {"model": "", "on": "", "measures": {}})
    other = reported(tmp_path, road(2, BEGIN, 1))
    monkeypatch.setattr(document, "MOST_BINS", 1)
    report = daily_report(other, other.require_campaign(), MAY_5)
    side = rows(report, "flows")["road-1 N"]
    assert side["expanded"][0] > 10
    assert side["upper"] == [None]
    assert b"was not measured for these models" in report.html


def test_without_marts_it_says_what_makes_them(lake: Lake):
    campaign = lake.require_campaign()
    with pytest.raises(NotFoundError, match="lies outside the window"):
        daily_report(lake, campaign, date(2020, 5, 6))
    later = replace(campaign, end=campaign.end + timedelta(days=1))
    with pytest.raises(NotFoundError, match="cctview backfill --from 2020-05-06T04:00Z --to 2020-05-06T18:00Z"):
        daily_report(lake, later, date(2020, 5, 6))
