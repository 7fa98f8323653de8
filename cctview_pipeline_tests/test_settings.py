"""A TOML file of a person's own, whatever is in it: it is read as it is written, or one sentence names the file and the mend."""

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake
from cctview_pipeline.settings import Key, Section, decode_toml, parse_toml, read_section
from cctview_pipeline_tests.factories.tables import campaign

GOOD = campaign().to_toml()
SECTION = Section("here.toml", "[campaign.settings]")
KINDS = {str: '"a"', bool: "true", int: "1", float: "1.5", list: '["a"]', dict: "{}", datetime: "2020-05-05T17:00:00Z"}


def read(data: bytes) -> Campaign:
    return Campaign.from_toml(decode_toml(data, "here.toml"), "here.toml")


def attempt(function: Callable, *arguments: object) -> tuple[Any, str | None]:
    """What it gave, or the sentence with which it refused."""
    try:
        return function(*arguments), None
    except CctviewError as error:
        return None, str(error)


@pytest.mark.parametrize("data", [GOOD.encode("utf-8-sig"), GOOD.replace("\n", "\r\n").encode(), f"\n\n{GOOD}".encode()])
def test_what_windows_editors_write_is_read(data: bytes):
    assert read(data) == campaign()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "has no section [campaign]"),
        (GOOD.encode("utf-16"), "is UTF-16, and TOML is UTF-8: save it as UTF-8."),
        (GOOD.encode("utf-16-le"), "is UTF-16, and TOML is UTF-8: save it as UTF-8."),
        (GOOD.replace('"made"', '"Caf\xe9"').encode("latin-1"), "is no UTF-8 in line 4 (byte 0xe9): save it as UTF-8."),
        (GOOD.replace("\n", "\r").encode(), "is no TOML: line 1 is `# One lake"),
        (
            GOOD.replace("[campaign]", "[campaign]\nname = 1").encode(),
            'name = "made"`: a key or a section stands there for the second',
        ),
        (f"{GOOD}[campaign]\n".encode(), "line 27 is `[campaign]`: a key or a section stands there for the second time."),
        (b"a = " + b"[" * 100_000, "It is nested more than 32 deep"),
        (b"a = " + b"{a=" * 5000, "It is nested more than 32 deep"),
        (b"a" + b".a" * 100_000 + b" = 1", "It is nested more than 32 deep"),
        (b"[" + b"a . " * 100_000 + b"a]", "It is nested more than 32 deep"),
        (b"a = " + b"9" * 5000, "a number in it has too many digits."),
        (b"a = 1\n" * 200_000, "A TOML file of 1,200,000 bytes is refused: 1,048,576 are allowed."),
    ],
)
def test_what_is_no_campaign_is_told_at_once(data: bytes, sentence: str):
    began = time.process_time()
    with pytest.raises(CctviewError, match=r"^here.toml[^\n]*$") as refusal:
        read(data)
    assert sentence in str(refusal.value)
    assert time.process_time() - began < 2


def test_a_campaign_of_a_gigabyte_is_not_even_read(tmp_path: Path):
    lake = Lake(str(tmp_path))
    with (tmp_path / "campaign.toml").open("wb") as file:
        file.truncate(1 << 30)  # takes no room on the disk
    with pytest.raises(
        CctviewError, match=r"campaign.toml: A TOML file of 1,073,741,824 bytes is refused: 1,048,576 are allowed\.$"
    ):
        lake.campaign()


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda data: data.decode("latin-1")))
def test_whatever_stands_in_a_file_is_read_or_refused_in_one_line(text: str):
    for whole in (text, GOOD.replace('"made"', text, 1), GOOD.replace("name", text, 1), f"{GOOD}\n{text}"):
        _, refused = attempt(Campaign.from_toml, whole, "here.toml")
        assert refused is None or (refused.startswith("here.toml") and refused.isprintable())


values = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates() | st.times() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(list(KINDS)), values)
def test_a_value_is_of_its_kind_or_refused(kind: type, value: object):
    """Nothing is made into another thing first: no true into 1, no \"1\" into 1, no 1 into \"1\"."""
    found, refused = attempt(read_section, {"key": value}, SECTION, {"key": Key(kind, KINDS[kind])})
    if refused:
        assert refused.startswith("here.toml: key = ")
        assert refused.isprintable()
    else:
        assert found["key"] is value
        assert isinstance(value, (int, float) if kind is float else kind)
        assert isinstance(value, bool) == (kind is bool)


@pytest.mark.parametrize(("value", "right"), [(0, False), (-1, False), (float("nan"), False), (float("inf"), False), (0.5, True)])
def test_a_number_is_in_its_range(value: float, right: bool):
    assert (Key(float, "1.0", above=0, most=10).wrong(value) is None) == right


@pytest.mark.parametrize("kind", [int, float])
@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 10**400])
def test_a_whole_number_has_64_bits_as_toml_says(kind: type, value: int):
    assert Key(kind, "1").wrong(value) == "is larger than any whole number of TOML"
    assert Key(int, "1").wrong(2**63 - 1) is None


@pytest.mark.parametrize("text", ["x\0y", "a\nb", "\x1b[2J", "a\u2028b", "\u202etxt.exe", "\ud800"])
def test_a_text_is_one_line_that_every_terminal_and_page_shows(text: str):
    for kind, value in ((str, text), (list, ["a", text])):
        assert Key(kind, "").wrong(value) == "has characters that cannot be shown in one line"
    assert Key(str, "").wrong("Café \u3000Straße\u00a0日本 👩\u200d🚒") is None


@pytest.mark.parametrize("text", ["[campaign]\nname = 'a.b.c'", "a.b.c = 1", 'a = "' + "a.b" * 20 + '"'])
def test_dots_in_reason_are_no_depth(text: str):
    assert parse_toml(text, "here.toml")
