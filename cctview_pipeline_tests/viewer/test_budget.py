"""A question that takes too long or too much is stopped with a sentence, and so is one whose asker has gone."""

import asyncio

import pytest

from cctview_pipeline.viewer import ViewerSettings, budget
from cctview_pipeline.viewer.budget import Budget, TooMuch, granted
from cctview_pipeline.viewer.door import Door
from cctview_pipeline_tests.viewer.conftest import Browser
from cctview_pipeline_tests.viewer.test_pages import HOUR


@pytest.mark.parametrize(
    ("limit", "value", "sentence"),
    [
        ("MAX_DURATION_S", -1.0, "The question was stopped after"),
        ("MAX_BYTES", 100, "The question was stopped: it takes more than"),
    ],
)
def test_too_much_is_a_sentence_and_the_next_question_is_answered(browser: Browser, monkeypatch, limit, value, sentence):
    browser.state()
    with monkeypatch.context() as patched:
        patched.setattr(budget, limit, value)
        answer = browser.get(HOUR)
    assert (answer.status_code, sentence in answer.text) == (503, True)
    assert browser.get(HOUR).status_code == 200


def test_whoever_goes_away_stops_the_question():
    seen = []

    async def app(scope, receive, send):
        await asyncio.sleep(0.05)  # the time in which the asker goes
        try:
            budget.check()
        except TooMuch as error:
            seen.append(str(error))

    async def run() -> None:
        scope = {"type": "http", "method": "GET", "scheme": "http", "path": "/", "headers": [(b"host", b"localhost")]}

        async def receive():
            return {"type": "http.disconnect"}

        await Door(app, ViewerSettings())(scope, receive, None)

    asyncio.run(run())
    assert seen == ["The question was stopped: nobody waits for its answer any more."]


def test_outside_of_a_request_nothing_is_limited():
    budget.check(10**12)
    with granted(Budget(left=5)), pytest.raises(TooMuch):
        budget.check(6)
