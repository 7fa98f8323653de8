"""Every network collected from a stand-in of its form, all at once, until every camera has given four frames. Its faults are in
test_network_faults.py."""

import pytest

from cctview_pipeline.redaction.masking import Masker, NoPeopleDetector
from cctview_pipeline_tests.factories.network_runs import NAMES, Collected, How, play
from cctview_pipeline_tests.factories.stand_in import KEY

FRAMES, PERIOD_S = 4, 1.0
LISTS_THAT_TELL = ("digitraffic", "drivebc", "singapore")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Collected]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CCTVIEW_FIVE_ONE_ONE_KEY", KEY)
        environment.setenv("CCTVIEW_CAMERAS_KEY", KEY)
        masker = Masker(NoPeopleDetector("tests"), 640)
        how = How(frames=FRAMES, seconds=60.0, period_s=PERIOD_S, masker=masker, faulty=False)
        return play(NAMES, tmp_path_factory.mktemp("networks"), how)


@pytest.mark.parametrize("name", NAMES)
def test_what_was_served_is_stored_once_or_lies_in_gaps(runs: dict[str, Collected], name: str):
    run = runs[name]
    account, (stored, cards) = run.account, run.stored
    assert all(len(numbers) >= FRAMES - 1 for numbers in stored.values())
    assert (account["twice"], account["lost_at"], cards) == (0, [], [])
    assert all(number in run.played.served[camera] for camera, numbers in stored.items() for number in numbers)
    assert account["asked"] == sum(run.tally(each) for each in ("new", "unchanged", "notices", "failed"))
    assert set(account["not_used"]) <= {"404 Not Found"}, "Singapore's picture of a moment ago"


@pytest.mark.parametrize("name", LISTS_THAT_TELL)
def test_frames_have_the_time_that_the_list_tells(runs: dict[str, Collected], name: str):
    run = runs[name]
    times = run.table("raw_frames").select(["camera_id", "captured_at"]).to_pylist()
    phases = {camera_id: run.played.phase(camera) for camera, camera_id in enumerate(run.ids)}
    offsets = [(row["captured_at"].timestamp() - phases[row["camera_id"]]) % PERIOD_S for row in times]
    assert sum(min(offset, PERIOD_S - offset) < 0.002 for offset in offsets) > 0.9 * len(offsets)


def test_pages_and_districts_come_together_and_a_district_fails_alone(runs: dict[str, Collected]):
    assert len(runs["norway"].listed.cameras) == 6
    found = runs["caltrans"].listed
    assert [camera.id for camera in found.cameras] == ["d4-0", "d4-1", "d4-2", "d5-3", "d5-4", "d5-5"]
    (sentence,) = found.incomplete
    assert "cctvStatusD03.json gives no list of cameras: 500 Internal Server Error." in sentence


def test_png_and_gif_are_stored_as_jpeg(runs: dict[str, Collected]):
    for name in ("511on", "generic"):
        pictures = runs[name].table("raw_frames")["jpeg"].to_pylist()
        assert len(pictures) > 10
        assert all(picture.startswith(b"\xff\xd8") for picture in pictures)


def test_no_key_is_in_a_spool(runs: dict[str, Collected]):
    for name in NAMES:
        for file in runs[name].spool.rglob("*"):
            assert not file.is_file() or KEY.encode() not in file.read_bytes()
