"""A TOML file of a person's own, whatever is in it: it is read as it is written, or one sentence names the file and the mend."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, StrictBool, StrictFloat, StrictInt

from cctview_pipeline.campaign import Camera, Campaign, Head, Models
from cctview_pipeline.city import CitySettings
from cctview_pipeline.collect.settings import CollectSettings
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake
from cctview_pipeline.policy import Policy
from cctview_pipeline.settings import (
    CLOSED,
    Absent,
    Moment,
    Section,
    Text,
    Texts,
    keys_of,
    read,
    schema_of,
)
from cctview_pipeline.toml_text import decode_toml, parse_toml
from cctview_pipeline_tests.factories.tables import campaign

GOOD = campaign().to_toml()
SECTION = Section("here.toml", "[campaign.settings]")
SECTIONS = (Camera, Head, Models, CitySettings, CollectSettings, Policy)


@dataclass(frozen=True)
class Within:
    __pydantic_config__ = CLOSED

    text: Annotated[Text, Field(examples=["a"])] = ""


@dataclass(frozen=True)
class Everything:
    """A section with a key of every kind."""

    __pydantic_config__ = CLOSED

    text: Annotated[Text, Field(examples=["a"])] = ""
    switch: Annotated[StrictBool, Field(examples=[True])] = False
    whole: Annotated[StrictInt, Field(ge=-1000, le=1000, examples=[1])] = 0
    number: Annotated[StrictFloat, Field(gt=0, le=10, examples=[1.5])] = 1.0
    texts: Annotated[Texts, Field(examples=[["a"]])] = ()
    moment: Annotated[Moment | Absent, Field(examples=["2020-05-05T17:00:00Z"])] = None
    table: Mapping[str, Any] = field(default_factory=dict)
    within: Within = Within()


KINDS = {
    "text": str,
    "switch": bool,
    "whole": int,
    "number": int | float,
    "texts": list,
    "moment": datetime,
    "table": dict,
}


def campaign_of(data: bytes) -> Campaign:
    return Campaign.from_toml(decode_toml(data, "here.toml"), "here.toml")


def attempt(function: Callable, *arguments: object) -> tuple[Any, str | None]:
    """What it gave, or the sentence with which it refused."""
    try:
        return function(*arguments), None
    except CctviewError as error:
        return None, str(error)


@pytest.mark.parametrize("data", [GOOD.encode("utf-8-sig"), GOOD.replace("\n", "\r\n").encode(), f"\n\n{GOOD}".encode()])
def test_what_windows_editors_write_is_read(data: bytes):
    assert campaign_of(data) == campaign()


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
        campaign_of(data)
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


@given(st.sampled_from([each.name for each in fields(Everything) if each.name != "within"]), values)
def test_a_value_is_of_its_kind_or_refused(key: str, value: object):
    """Nothing is made into another thing first: no true into 1, no "1" into 1, no 1 into "1"."""
    found, refused = attempt(read, Everything, {key: value}, SECTION)
    if refused:
        assert refused.startswith(f"here.toml: {key} = ")
        assert refused.isprintable()
        assert f": write {key} = " in refused or f": write [campaign.settings.{key}] on a line of its own" in refused
    else:
        assert isinstance(value, KINDS[key])
        assert isinstance(value, bool) == (key == "switch")
        assert getattr(found, key) == (tuple(map(str.strip, value)) if key == "texts" else value)


@pytest.mark.parametrize("value", [0, -1, 10.5, float("nan"), float("inf"), 2**63, 10**300])
def test_a_number_is_in_its_range(value: float):
    assert attempt(read, Everything, {"number": value}, SECTION)[1].endswith(
        " under [campaign.settings] is out of range (more than 0, to 10): write number = 1.5."
    )
    assert read(Everything, {"number": 3}, SECTION).number == 3


@pytest.mark.parametrize(("kind", "key"), [(kind, key) for kind in SECTIONS for key in keys_of(schema_of(kind))])
def test_every_key_says_what_it_is_and_every_number_has_bounds_within_those_of_toml(kind: type, key: str):
    found = keys_of(schema_of(kind))[key]
    assert found["description"].endswith(".")
    assert found.get("examples") or found["type"] == "object"
    if found["type"] in ("integer", "number"):
        assert -(2**63) <= found.get("minimum", found.get("exclusiveMinimum")) < found["maximum"] < 2**63


@pytest.mark.parametrize("text", ["x\0y", "a\nb", "\x1b[2J", "a\u2028b", "\u202etxt.exe", "\ud800"])
def test_a_text_is_one_line_that_every_terminal_and_page_shows(text: str):
    for key, value in (("text", text), ("texts", ["a", text])):
        assert " has characters that cannot be shown in one line: write " in attempt(read, Everything, {key: value}, SECTION)[1]
    shown = "Café \u3000Straße\u00a0日本 👩\u200d🚒"
    assert read(Everything, {"text": shown}, SECTION).text == shown


def test_a_key_of_a_table_within_is_told_by_that_table():
    with pytest.raises(CctviewError, match=r"^here.toml: text = 1 under \[campaign.settings.within\] is no text: write text = "):
        read(Everything, {"within": {"text": 1}}, SECTION)
    with pytest.raises(CctviewError, match=r"'txt' stands under \[campaign.settings.within\]: it may mean text; known are text"):
        read(Everything, {"within": {"txt": "a"}}, SECTION)


@pytest.mark.parametrize("text", ["[campaign]\nname = 'a.b.c'", "a.b.c = 1", 'a = "' + "a.b" * 20 + '"'])
def test_dots_in_reason_are_no_depth(text: str):
    assert parse_toml(text, "here.toml")
