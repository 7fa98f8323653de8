"""Every network collected from a stand-in with its habits and faults, all at once: every frame that was due is accounted for.

Some seconds here, at a frame a second, by the clock and so alone; ten minutes by ``python benchmarks/networks.py``.
"""

import json
from collections import Counter

import pytest

from cctview_pipeline.redaction.masking import Masker, NoPeopleDetector
from cctview_pipeline.spool.folder import SpoolFolder
from cctview_pipeline.spool.records import Kind
from cctview_pipeline_tests.factories.network_runs import NAMES, Collected, How, play
from cctview_pipeline_tests.factories.stand_in import KEY, WINDOWS

pytestmark = pytest.mark.alone

RUN_S, PERIOD_S = 20.0, 1.0
MISSED = 0.15
"""Of the frames of cameras that tell no time, singly, between two that came: at a frame a second a rhythm is hard to hold. In a
minute of each network 9 to 13 % were (benchmarks/results/networks.json)."""
LISTS_THAT_TELL = ("digitraffic", "drivebc", "singapore")
"""Networks with a frame list, which does not come for a while."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Collected]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CCTVIEW_FIVE_ONE_ONE_KEY", KEY)
        environment.setenv("CCTVIEW_CAMERAS_KEY", KEY)
        masker = Masker(NoPeopleDetector("tests"), 640)
        return play(NAMES, tmp_path_factory.mktemp("networks"), How(seconds=RUN_S, period_s=PERIOD_S, masker=masker))


@pytest.mark.parametrize("name", NAMES)
def test_every_frame_that_was_due_is_accounted_for(runs: dict[str, Collected], name: str):
    account = runs[name].account
    assert account["due"] > 5 * RUN_S / PERIOD_S
    assert account["stored"] > account["due"] / 2
    assert (account["twice"], account["lost_at"]) == (0, [])
    assert account["single_between_two"] <= (0 if name in LISTS_THAT_TELL else MISSED * account["due"])
    assert account["asked"] == runs[name].tally("new") + sum(runs[name].tally(n) for n in ("unchanged", "notices", "failed"))


@pytest.mark.parametrize("name", NAMES)
def test_the_faults_happened_and_have_their_names(runs: dict[str, Collected], name: str):
    run = runs[name]
    sent = {"500 Internal Server Error": "500", "429 Too Many Requests": "429", "no_picture": "xml", "truncated": "cut"}
    reasons = sum((followed.tally.reasons for followed in run.engine.followed), Counter[str]())
    for told, kind in sent.items():
        assert run.played.answers[kind] - 1 <= reasons[told] <= run.played.answers[kind]
    assert set(reasons) <= {*sent, "404 Not Found"}
    assert sum(run.played.answers[kind] for kind in sent.values()) > 0


@pytest.mark.parametrize("name", NAMES)
def test_a_card_that_many_cameras_send_is_no_frame(runs: dict[str, Collected], name: str):
    """Until the fourth has sent it; one that is known beforehand, never."""
    account = runs[name].account
    assert account["notices"] > 0
    assert account["stored_cards_until_known"] <= (0 if name == "drivebc" else 3)
    assert "placeholder" in account["gaps"]


@pytest.mark.parametrize("name", LISTS_THAT_TELL)
def test_a_frame_list_saves_askings_and_its_outage_is_told(runs: dict[str, Collected], name: str):
    run = runs[name]
    assert run.engine.frames.readings.failed > 0
    assert run.tally("asked") < 1.6 * run.account["due"]
    assert "offline" in run.account["gaps"]


def test_a_list_that_shrinks_for_a_while_takes_no_camera_away(runs: dict[str, Collected]):
    run = runs["singapore"]
    notes = [record for record in SpoolFolder(run.spool).records() if record.kind == Kind.EVENT]
    details = [json.loads(note.payload) for note in notes if note.camera_id == "1005"]
    assert {"state": "offline", "detail": "not in the frame list"} in details
    after = run.began + WINDOWS["shrunk"][1] * RUN_S
    assert any(run.played.taken(5, number) > after for number in run.stored[0][5])
