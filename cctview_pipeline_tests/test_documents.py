"""JSON and TOML of others are read, or refused in our own words."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.documents import parse_json, parse_toml
from cctview_pipeline.errors import CctviewError


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "list.json is no JSON: see line 1, column 1."),
        (b'{"a": 1,\n "b": }', "list.json is no JSON: see line 2, column 7."),
        (b"\xff\xfe[\0]\0", "list.json is no JSON: byte 0 is not UTF-8."),
        (b"[" * 3000, "list.json is no JSON: its brackets are nested too deep."),
        (b"[NaN]", "list.json is no JSON: it holds a number or a date that there is not."),
        (b"9" * 5000, "list.json is no JSON: it holds a number or a date that there is not."),
    ],
)
def test_what_is_no_json_is_told_with_its_place(data: bytes, sentence: str):
    with pytest.raises(CctviewError) as refusal:
        parse_json(data, "list.json")
    assert str(refusal.value) == sentence


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"a = 1\nb = \n", "x.toml is no TOML: see line 2, column 5."),
        (b"a = " + b"[" * 3000, "x.toml is no TOML: its brackets are nested too deep."),
        (b"a = ", "x.toml is no TOML: it ends too early."),
        (b"\xff", "x.toml is no TOML: byte 0 is not UTF-8."),
        (b"a = 2020-13-45", "x.toml is no TOML: see line 1, column 9."),
    ],
)
def test_what_is_no_toml_is_told_with_its_place(data: bytes, sentence: str):
    with pytest.raises(CctviewError) as refusal:
        parse_toml(data, "x.toml")
    assert str(refusal.value) == sentence


@given(data=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(data: bytes):
    for parse in (parse_json, parse_toml):
        with contextlib.suppress(CctviewError):
            parse(data, "it")


def test_a_byte_order_mark_is_no_fault():
    assert parse_json(b'\xef\xbb\xbf{"a": 1}', "x") == parse_toml(b"\xef\xbb\xbfa = 1", "x") == {"a": 1}
