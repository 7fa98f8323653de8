"""A second of every target in every run of the tests, and that the fuzzing finds what is planted. `make test-all` fuzzes every
target for a minute, `make soak` for an hour."""

import random
from pathlib import Path

import pytest

from cctview_pipeline.errors import CctviewError
from cctview_pipeline_tests.fuzz.found import FOUND, Found
from cctview_pipeline_tests.fuzz.mutation import mutated
from cctview_pipeline_tests.fuzz.planted import PLANTED, SIGN
from cctview_pipeline_tests.fuzz.runner import fuzzed
from cctview_pipeline_tests.fuzz.target import LONGEST, execute
from cctview_pipeline_tests.fuzz.targets import TARGETS


@pytest.fixture(autouse=True)
def _models(monkeypatch: pytest.MonkeyPatch):
    """Targets may name their own folder of models; setting it first is what makes it be restored."""
    monkeypatch.setenv("CCTVIEW_MODELS", "")
    monkeypatch.delenv("CCTVIEW_MODELS")


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_of_a_second_is_a_finding(name: str, tmp_path: Path):
    target, dice = TARGETS[name], random.Random(name)
    corpus, read = target.corpus(), target.open(tmp_path)
    execute(read, corpus[0], target.own)  # what is loaded at the first use is no slowness
    inputs = [*corpus, *(mutated(dice.choice(corpus), dice, corpus, target.tokens, LONGEST) for _ in range(target.quick))]
    findings = {found.key: found for data in inputs if (found := execute(read, data, target.own))}
    assert list(findings.values()) == []


@pytest.mark.parametrize("found", FOUND, ids=[f"{each.target}: {each.raised}, {each.refused}" for each in FOUND])
def test_what_was_found_is_refused_in_our_words_or_read(found: Found, tmp_path: Path):
    read = TARGETS[found.target].open(tmp_path)
    if not found.refused:
        read(found.data)
        return
    with pytest.raises(CctviewError) as refusal:
        read(found.data)
    assert found.refused in str(refusal.value)


@pytest.mark.parametrize("name", ["planted-exception", "planted-address", "planted-slow"])
def test_what_one_execution_finds(name: str, tmp_path: Path):
    read = PLANTED[name].open(tmp_path)
    assert execute(read, b"") is None
    assert execute(read, SIGN).data == SIGN


def test_an_exception_that_a_reader_documents_is_no_finding(tmp_path: Path):
    read = PLANTED["planted-exception"].open(tmp_path)
    assert execute(read, SIGN, own=["LookupError"]) is None
    assert execute(read, SIGN, own=["ValueError"]).what.startswith("KeyError")


def test_mutations_are_the_same_for_a_seed_and_never_too_long():
    corpus = TARGETS["jpeg"].corpus()
    once, again = (
        [mutated(corpus[0], dice, corpus, [b"token"], 1000) for _ in range(300)] for dice in (random.Random(5), random.Random(5))
    )
    assert once == again
    assert len(set(once)) > 150
    assert max(map(len, once)) == 1000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "told"),
    {
        "planted-exception": "KeyError",
        "planted-memory": "MemoryError",
        "planted-crash": "Crash",
        "planted-nothing": "",
    }.items(),
)
def test_the_fuzzing_finds_what_is_planted(name: str, told: str, tmp_path: Path):
    outcome = fuzzed(name, seconds=10, seed=1, findings=tmp_path)
    assert outcome.executions > 10
    assert [finding.split(":")[0] for finding in outcome.findings[:1]] == [told] * bool(told)
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.suffix not in (".json", ".log") and path.is_file()]
    assert all(data.startswith(SIGN) for data in kept)
    assert len(kept) == len(outcome.findings)
