"""``cctview links``: proposed from tracks, accepted by a person, refused in one sentence."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cctview_pipeline.lake import Lake
from cctview_pipeline.links import Link
from cctview_pipeline_tests.factories.command import Workplace
from cctview_pipeline_tests.factories.linked_roads import Route, driven, write_tracks
from cctview_pipeline_tests.factories.tables import NORTH, SOUTH, campaign

CAMERAS = tuple(replace(camera, faces="", corridor="", order=0) for camera in (SOUTH, NORTH))
ALONG = Route(((NORTH.id, "towards", 0), (SOUTH.id, "away", 80)), 150)
BACK = Route(((SOUTH.id, "towards", 0), (NORTH.id, "away", 90)), 150)
COMMENT = "# Walked there on Sunday."


@pytest.fixture(scope="module")
def proposed(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A lake for which links were proposed, whose campaign has a comment of its owner's."""
    place = Workplace(tmp_path_factory.mktemp("links"))
    lake = Lake(str(place.lake))
    write_tracks(lake, driven([ALONG, BACK]))
    (place.lake / "campaign.toml").write_text(f"{COMMENT}\n{campaign(cameras=CAMERAS).to_toml()}")
    done = place.invoke("links", "propose")
    assert done.returncode == 0, done.stderr
    assert "2 links, one way each, between 1 pairs of cameras" in done.stdout
    assert "links accept" in done.stdout
    return place


@pytest.fixture
def place(proposed: Workplace, tmp_path: Path) -> Workplace:
    """The same lake, to be changed."""
    (tmp_path / "lake").mkdir()
    for path in proposed.lake.iterdir():
        if path.is_dir():
            (tmp_path / "lake" / path.name).symlink_to(path)
        else:
            (tmp_path / "lake" / path.name).write_bytes(path.read_bytes())
    return Workplace(tmp_path)


def links_of(place: Workplace) -> set[Link]:
    found = Lake(str(place.lake)).campaign()
    return set(found.links)


def refusal(place: Workplace, *words: str) -> str:
    """The sentence; the lake's files stay as they were."""
    before = {path: path.read_bytes() for path in place.lake.glob("*.*")}
    done = place.invoke("links", *words)
    assert done.returncode == 1, done.stdout
    assert {path: path.read_bytes() for path in place.lake.glob("*.*")} == before
    (line,) = done.stderr.strip().splitlines()
    return line.removeprefix("cctview: ")


def test_what_is_accepted_stands_in_the_campaign_beside_its_comments(place: Workplace):
    done = place.invoke("links", "accept")
    assert done.returncode == 0, done.stderr
    metres = round(NORTH.distance_m(SOUTH), 1)
    assert links_of(place) == {
        Link(from_camera=NORTH.id, to_camera=SOUTH.id, metres=metres, leaves="towards", enters="away"),
        Link(from_camera=SOUTH.id, to_camera=NORTH.id, metres=metres, leaves="towards", enters="away"),
    }
    assert (place.lake / "campaign.toml").read_text().startswith(COMMENT)
    again = place.invoke("links", "accept")
    assert "Wrote 0 links" in again.stdout
    assert "2 stood there already" in again.stdout
    assert len(links_of(place)) == 2


def test_one_link_is_accepted_by_its_name(place: Workplace):
    assert place.invoke("links", "accept", f"{NORTH.id}:{SOUTH.id}").returncode == 0
    assert [link.pair for link in links_of(place)] == [(NORTH.id, SOUTH.id)]
    listed = json.loads(place.invoke("links", "list", "--json").stdout)
    assert [link["from"] for link in listed["links"]] == [NORTH.id]
    assert {each["source"] for each in listed["proposed"]} == {NORTH.id, SOUTH.id}
    assert "by the tracks of 2020-05-05T17Z" in place.invoke("links", "list").stdout


def test_proposals_as_json_have_both_counts_and_the_evidence(place: Workplace):
    found = json.loads(place.invoke("links", "propose", "--json").stdout)
    assert (found["directed"], found["pairs"], found["told_by_cameras_between"], found["too_few"]) == (2, 1, 0, [])
    times = {each["source"]: each["seconds"] for each in found["links"]}
    assert times == pytest.approx({NORTH.id: 80, SOUTH.id: 90}, rel=0.03)
    assert all(each["q"] < 0.01 for each in found["links"])


def test_proposals_as_a_table_for_a_document(place: Workplace):
    lines = place.invoke("links", "propose", "--markdown").stdout.splitlines()
    assert lines[0].startswith("| from | leaves | to | enters | travel time, s |")
    assert len([line for line in lines if line.startswith(("| cam-1", "| cam-2"))]) == 2


def test_a_name_that_was_not_proposed(place: Workplace):
    sentence = refusal(place, "accept", f"{NORTH.id}:cam-3")
    assert sentence.startswith(
        f"No link '{NORTH.id}:cam-3' was proposed: it may mean {NORTH.id}:{SOUTH.id}, or `cctview links list`"
    )


def test_a_camera_that_there_is_not(place: Workplace):
    assert refusal(place, "propose", "--cameras", "cam-7").startswith("Camera 'cam-7' is not in this campaign")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("accept", "--q", "0"), "--q 0 is no false discovery rate: give a number above 0 and up to 1, such as 0.05."),
        (("propose", "--longest", "2h"), "--longest 2h is no travel time between neighbours: give up to 1h."),
        (("propose", "--longest", "soon"), "A duration is given as 90s, 20m, 1h30m or 7d, not 'soon'."),
        (
            ("propose", "--from", "2020-05-05T18:00Z"),
            "No hour of those asked for has tracks yet: `cctview backfill` makes them.",
        ),
    ],
)
def test_what_nobody_can_mean(place: Workplace, words: tuple[str, ...], sentence: str):
    assert refusal(place, *words) == sentence


def test_a_lake_without_tracks(tmp_path: Path):
    place = Workplace(tmp_path)
    Lake(str(place.lake)).write_campaign(campaign())
    assert refusal(place, "propose") == "No hour of those asked for has tracks yet: `cctview backfill` makes them."
    assert refusal(place, "accept").endswith("yet: `cctview links propose` does.")


def test_a_proposal_that_somebody_changed(place: Workplace):
    (place.lake / "proposed_links.json").write_text('{"links": [{}]}')
    assert refusal(place, "accept").endswith("is no proposal of this version: give `cctview links propose` once more.")


def test_a_campaign_with_links_in_one_line(place: Workplace):
    path = place.lake / "campaign.toml"
    path.write_text(f"links = []\n{path.read_text()}")
    assert refusal(place, "accept").endswith("has its links in one line: write each under a [[links]] of its own.")


def test_what_the_campaign_says_of_faces_and_roads_changes_nothing(place: Workplace):
    bare = json.loads(place.invoke("links", "propose", "--json").stdout)
    (place.lake / "campaign.toml").write_text(campaign(cameras=(NORTH, SOUTH)).to_toml())
    assert json.loads(place.invoke("links", "propose", "--json").stdout) == bare


def test_a_pair_that_a_corridor_joins_keeps_its_link(place: Workplace):
    (place.lake / "campaign.toml").write_text(campaign(cameras=(NORTH, SOUTH)).to_toml())
    shown = place.invoke("links", "list").stdout
    assert "corridor" in shown
    assert "Wrote 0 links" in place.invoke("links", "accept").stdout
    assert links_of(place) == set()


def test_what_was_proposed_for_a_camera_that_is_gone_is_left_out(place: Workplace):
    (place.lake / "campaign.toml").write_text(campaign(cameras=CAMERAS[:1]).to_toml())
    done = place.invoke("links", "accept")
    assert done.returncode == 0, done.stderr
    assert "Left out: 2 that were proposed for cameras which campaign.toml no longer has." in done.stdout
