import json
import re
import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from jinja2 import UndefinedError

from cctview_pipeline.assets.graph import BY_PRODUCTS, build_assets
from cctview_pipeline.automation import paper_graph
from cctview_pipeline.cameras.networks.nyc_dot import NycDot
from cctview_pipeline.campaign import floor_hour
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.paths import project_root
from cctview_pipeline.privacy import compliance as package
from cctview_pipeline.privacy.compliance import DPIA, RECORD, Facts, Made, gather, papers, render
from cctview_pipeline.privacy.compliance.facts import words
from cctview_pipeline.privacy.erasures import KEPT
from cctview_pipeline_tests.factories import blue_lake
from cctview_pipeline_tests.factories.tables import NORTH, SOUTH, campaign

GRAPH = {name: Made(TABLES[name].description, frozenset(before)) for name, before in blue_lake.GRAPH.items()}
GRAPH["detections"] = Made("Boxes.", frozenset({"raw_frames", "detector_model"}))
GRAPH["detector_model"] = Made("The detector's weights.")
FOLDER = Path(package.__file__).parent
BLANK = "**To be filled in by the controller:**"
dpia, record_of_processing = partial(render, DPIA), partial(render, RECORD)


def facts(network: str = "archive", results: Path = Path("nowhere"), said: dict | None = None, **changes) -> Facts:
    """said: under [campaign.privacy]; changes: of the campaign."""
    return gather(campaign(network=network, privacy=said or {}, **changes), GRAPH, results=results)


def tables(text: str) -> list[list[list[str]]]:
    """The Markdown tables of a paper: their rows' cells, the head first, without the line of dashes."""
    found, lines = [], text.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("|") and not lines[number - 1].startswith("|"):
            found.append([])
        if line.startswith("|"):
            found[-1].append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return [[rows[0], *rows[2:]] for rows in found]


def rows(text: str, head: str) -> dict[str, dict[str, str]]:
    """Of the table that has such a column: first cell -> column -> cell."""
    [found] = [rows for rows in tables(text) if head in rows[0]]
    return {row[0]: dict(zip(found[0], row, strict=True)) for row in found[1:]}


def test_every_table_of_the_graph_stands_in_the_record_with_its_lifetime_and_its_columns():
    found = facts(said={"lifetimes": {"tracks": "30 d", "crops": "1 h"}})
    record = record_of_processing(found)
    listed, columns = rows(record, "what it holds"), rows(record, "columns")
    assert set(listed) == set(columns) == {f"`{name}`" for name in blue_lake.GRAPH}
    kept = {name.strip("`"): row["kept"] for name, row in listed.items()}
    assert kept["tracks"] == "30 days"
    assert kept["crops"] == "1 hour"
    assert kept["raw_frames"] == "24 hours"
    assert kept["vehicle_counts"] == "for ever"
    assert listed["`tracks`"]["tells of"] == "single vehicles"
    assert listed["`travel_times`"]["tells of"] == "sums over vehicles"
    assert all(f"`{field.name}`" in columns["`tracks`"]["columns"] for field in TABLES["tracks"].schema)
    assert "`journey_id` (p)" in columns["`journeys`"]["columns"]


def test_the_assessment_shows_the_graph():
    text = dpia(facts())
    edges = re.findall(r"^    (\w+) --> (\w+)$", text, re.MULTILINE)
    assert set(edges) == {
        ("cameras", "raw_frames"),
        ("cameras", "rejected_frames"),
        *((before, name) for name, made in GRAPH.items() for before in made.inputs),
    }
    made = rows(text, "made from")
    assert made["`detections`"]["made from"] == "`detector_model`, `raw_frames`"
    assert made["`matches`"]["kept"] == "7 days"


def test_people_who_stay_visible_are_told_of_everywhere():
    found = facts(said={"purposes": ["road safety"], "unmasked_for": "road safety"})
    record, assessment = record_of_processing(found), dpia(found)
    assert "Passers-by and cyclists: **visible** in the stored pictures" in record
    assert "**In this campaign people are visible in it.**" in rows(record, "what it holds")["`raw_frames`"]["what it holds"]
    assert "People are not masked in this campaign" in record
    assert "**People are visible** for the purpose 'road safety'." in assessment
    assert "**off for people**" in rows(assessment, "what it does not do")["M1"]["in this campaign"]
    assert "M1 (not in use)" in assessment
    assert "in the size they came in" in assessment
    assert rows(record, "what it holds")["`raw_frames`"]["kept"] == "6 hours"
    assert "painted over where they are found" not in record + assessment


def test_people_who_are_masked_are_masked_as_well_as_was_measured(tmp_path: Path):
    assert "the share of their pixels that stays visible was not measured (`benchmarks/results/people.json`" in dpia(facts())
    figures = {"day": {"people_missed": 0.0681, "vehicles_filled": 0.02}, "night": {"people_missed": 0.03}}
    (tmp_path / "people.json").write_text(json.dumps({"results": figures, "commit": "c71be4d"}))
    limit = rows(dpia(facts(results=tmp_path)), "what it does not do")["M1"]["what it does not do"]
    share = "the share of their pixels that stays visible is 6.8 % (day), 3.0 % (night): `benchmarks/results/people.json`"
    assert limit == f"It misses people; {share}. It paints over people and zones, not vehicles."


def test_what_is_kept_for_ever_needs_a_reason():
    found = facts(said={"purposes": ["counts"], "lifetimes": {"matches": "forever", "keys": "forever"}})
    record, assessment = record_of_processing(found), dpia(found)
    assert rows(record, "what it holds")["`matches`"]["kept"] == "**for ever: a risk that needs a reason**"
    assert "Kept **for ever, a risk that needs a reason**: `matches`, `keys`." in assessment
    assert f"`matches` is kept **for ever**. {BLANK} the reason" in assessment
    assert f"`tracks` is kept for 7 days. {BLANK} why a shorter lifetime is not enough" in assessment
    assert "**keys are kept for ever**" in record
    assert "needs a reason" not in record_of_processing(facts()) + dpia(facts())


def test_what_links_days_is_told_with_how_long_it_is_kept():
    known = rows(dpia(facts(said={"lifetimes": {"features": "2 h", "keys": "forever"}})), "what is known")["R2"]
    assert "`features` is kept for 2 hours" in known["what is known"]
    assert "gone: **keys are kept for ever**." in known["what is known"]
    assert known["measures"] == "M6, M7"


def test_missing_purposes_are_missed():
    without, with_one = facts(), facts(said={"purposes": ["traffic counts"]})
    for paper in (record_of_processing, dpia):
        assert "**No purpose is declared**" in paper(without)
        assert f"{BLANK} the purposes" in paper(without)
        assert "**No purpose is declared" not in paper(with_one)
        assert "- traffic counts" in paper(with_one)
        assert f"{BLANK} legal basis of each purpose" in paper(with_one)
    assert "a purpose, and none is declared; an entry in the audit log" in record_of_processing(without)
    assert "M8 (not in use)" in dpia(without)
    assert "M8 (not in use)" not in dpia(with_one)


def test_of_live_cameras_the_operator_is_named_and_how_they_are_collected():
    settings = {"collect": True, "contact": "us@example.org", "window": "07:00-09:00"}
    on = {"start": floor_hour(datetime.now(UTC)), "end": None}
    record = record_of_processing(facts("nyc-dot", settings=settings, **on))
    assert NycDot.terms.operator in record
    assert NycDot.terms.url in record
    assert "every day 07:00-09:00, the network's local time. Contact that the operator is given: us@example.org" in record
    assert "on, **with no end**" in record
    assert "`spool`" in record
    assert "counts from when it begins" in record
    text = dpia(facts("nyc-dot", **on))
    assert "about one every 1.5 s" in text
    assert "since it has no end" in text


def test_the_operator_of_an_archive_is_known_by_its_cameras_or_left_blank():
    unknown = record_of_processing(facts())
    assert f"{BLANK} operator of the cameras" in unknown
    assert f"{BLANK} licence of the pictures" in unknown
    assert "New York" not in unknown
    assert "`spool`" not in unknown
    known = record_of_processing(facts(cameras=(replace(NORTH, network="nyc-dot"), SOUTH)))
    assert f"Operator of `nyc-dot`: {NycDot.terms.operator}" in known
    assert "operator of the cameras" not in known


def test_what_nobody_knows_is_a_blank():
    record, assessment = record_of_processing(facts()), dpia(facts())
    for what in ("name and contact of the controller", "recipients, by purpose", "transfers to third countries"):
        assert f"{BLANK} {what}" in record
    assert {row["assessment"] for row in rows(assessment, "assessment").values()} == {f"{BLANK} likelihood, severity"}
    for text in (record, assessment):
        assert f"in {text.count(BLANK)} places" in text
        assert "**Draft, not legal advice.**" in text


def test_without_models_their_place_is_a_blank(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("CCTVIEW_MODELS", str(tmp_path))
    assert f"{BLANK} which models are used" in dpia(facts())


def test_a_model_comes_with_its_figures_and_its_cards_limits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("CCTVIEW_MODELS", str(tmp_path))
    (tmp_path / "manifest.toml").write_text(
        f'[default-detector]\ntask = "detector"\nfile = "a"\nsha256 = "{"0123456789abcdef" * 4}"\nclasses = ["car", "person"]\n'
        f'[default-detector.measured]\nap50 = 0.9\n[other]\ntask = "detector"\nfile = "b"\nsha256 = "{"fedcba9876543210" * 4}"\n'
    )
    (tmp_path / "default-detector.md").write_text(
        "# d\n\n**Where it fails**, by looking:\n- Vans ([how](../docs/x.md)).\n- Night.\n\nMore."
    )
    text = dpia(gather(campaign(), GRAPH, home=".."))
    [(name, row)] = rows(text, "licence").items()
    assert name == "`default-detector@0123456789ab`"
    assert (row["of"], row["licence"], row["measured"]) == ("car, person", "not known", "ap50 0.9")
    assert "> *default-detector: Where it fails*, by looking: / Vans ([x.md](../docs/x.md)). / Night.\n" in text


def test_the_model_that_the_campaign_uses_stands_in_the_papers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("CCTVIEW_MODELS", str(tmp_path))
    entries = (f'[{name}]\ntask = "detector"\nfile = "{name}"\nsha256 = "{digit * 64}"\n' for name, digit in NAMED)
    (tmp_path / "manifest.toml").write_text("".join(entries))
    chosen = campaign().with_model("detector", "mine")
    assert list(rows(dpia(gather(chosen, GRAPH, home="..")), "licence")) == ["`mine@111111111111`"]


NAMED = (("default-detector", "0"), ("mine", "1"))


def test_a_table_that_no_rule_speaks_of_is_a_risk(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(KEPT, "gaps")
    found = gather(campaign(), GRAPH | {"gaps": Made("When a camera has no frames.")})
    assert rows(record_of_processing(found), "what it holds")["`gaps`"]["tells of"].startswith(BLANK)
    assert "Nothing in the code says whether `gaps` does." in dpia(found)


def test_only_roads_with_two_cameras_can_be_followed():
    assert "recognised again along 'road' (2 cameras, 1.4 km at least)" in dpia(facts())
    assert "No road has two cameras" in dpia(facts(cameras=(NORTH, replace(SOUTH, corridor="elsewhere"))))


@pytest.mark.parametrize("network", ["archive", "city", "nyc-dot"])
def test_the_tables_are_tables_whatever_a_campaign_writes_into_them(network: str):
    odd = replace(NORTH, name="A | B C `d` <b>", corridor="x|y")
    said = {"purposes": ["a | b # c", "*d*"], "unmasked_for": "*d*"} if network != "city" else {}
    found = facts(network, said=said, cameras=(odd, SOUTH), name="e | f g")
    for text in (record_of_processing(found), dpia(found)):
        assert text.startswith(
            ("# Record of processing activities: e \\| f g\n", "# Data protection impact assessment: e \\| f g\n")
        )
        assert "\n# c" not in text
        for head, *others in tables(text):
            assert all(len(row) == len(head) for row in others)
        lines = text.splitlines()
        begins = [i for i, line in enumerate(lines) if line.startswith("|") and not lines[i - 1].startswith("|")]
        assert all(set(lines[i + 1]) == {"|", "-"} and not lines[i - 1] for i in begins)


def test_the_same_facts_give_the_same_text_in_whatever_order_they_come():
    backwards = dict(reversed(GRAPH.items()))
    assert papers(campaign(), GRAPH) == papers(campaign(), backwards)


def test_papers_elsewhere_link_to_nothing_but_each_other():
    found = papers(campaign(), GRAPH)
    assert set(found) == {RECORD, DPIA}
    assert set(re.findall(r"\]\(([^)]*)\)", "".join(found.values()))) == {RECORD}


def test_a_campaigns_graph_is_that_of_its_definitions():
    of_archive = campaign()
    graph = paper_graph.paper_graph(of_archive)
    made = {spec.key.path[-1] for asset in build_assets(of_archive) for spec in asset.specs}
    assert set(graph) - set(BY_PRODUCTS) == made - {"daily_report"}, "which holds no more than the figures"
    assert graph["crops"].inputs == {"raw_frames", "detections"}
    assert "tracks" in graph["tracks"].inputs
    assert graph["match_evidence"].inputs == graph["matches"].inputs
    assert "evaluation" in paper_graph.paper_graph(replace(of_archive, network="city"))
    assert "gaps" in paper_graph.paper_graph(replace(of_archive, network="nyc-dot"))


def test_the_documents_are_what_the_code_writes_now():
    mend = "regenerate them with `python -m cctview_pipeline.automation.paper_graph`"
    for name, text in paper_graph.city_papers().items():
        assert (project_root() / "docs" / name).read_text() == text, f"docs/{name} is stale: {mend}"


def test_whatever_the_documents_name_is_there():
    root = project_root()
    for name in (RECORD, DPIA):
        text = (root / "docs" / name).read_text()
        named = {*re.findall(r"`(cctview_pipeline/[\w/]+(?:\.py)?)`", text), *re.findall(r"\]\((?:\.\./)?([^)]*)\)", text)}
        missing = [path for path in named if not (root / path).exists() and not (root / "docs" / path).exists()]
        assert missing == []


def test_papers_are_written_as_files(tmp_path: Path):
    written = paper_graph.write(tmp_path / "papers", {RECORD: "a", DPIA: "b"})
    assert [path.read_text() for path in written] == ["a", "b"]


def test_a_lifetime_in_words():
    assert [words(timedelta(hours=h)) for h in (1, 24, 47, 48, 50, 168)] == [
        "1 hour",
        "24 hours",
        "47 hours",
        "2 days",
        "50 hours",
        "7 days",
    ]
    assert words(None) == "for ever"


def test_the_papers_need_no_dagster():
    imported = {
        path.name: re.findall(r"^\s*(?:import|from) (\w+)", path.read_text(), re.MULTILINE) for path in FOLDER.glob("*.py")
    }
    assert "cctview_pipeline" in imported["rendering.py"]
    assert not [name for name, packages in imported.items() if "dagster" in packages]


def test_a_fact_that_there_is_not_fails():
    """Were it nothing, a paper would say less than it means to."""
    found = facts()
    for name in ("about_vehicles", "kept_for_ever", "cadence_s"):
        missing = SimpleNamespace(**{each: getattr(found, each) for each in dir(found) if each[0] != "_" and each != name})
        with pytest.raises(UndefinedError, match=name):
            dpia(missing)


def test_both_papers_name_the_same_measures_as_they_are_set_in_this_campaign():
    for found in (facts(), facts("city"), facts(said={"purposes": ["road safety"], "unmasked_for": "road safety"})):
        [done] = [table for table in tables(record_of_processing(found)) if table[0][0] == "measure"]
        [lacking] = [table for table in tables(dpia(found)) if "what it does not do" in table[0]]
        assert [(row[0], row[3]) for row in done[1:]] == [(row[1], row[2]) for row in lacking[1:]]
        assert [row[0] for row in lacking[1:]] == [f"M{number}" for number in range(1, len(lacking))]


def test_whatever_the_package_needs_beside_its_code_is_installed_with_it():
    folder = FOLDER.parents[1]
    declared = tomllib.loads((project_root() / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    beside = {path for path in folder.rglob("*") if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts}
    assert FOLDER / "dpia.md.j2" in beside
    assert beside == {path for pattern in declared["cctview_pipeline"] for path in folder.glob(pattern) if path.is_file()}
