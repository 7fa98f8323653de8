"""JSON of others is read, or refused in our own words."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.documents import parse_json
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


@given(data=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(data: bytes):
    with contextlib.suppress(CctviewError):
        parse_json(data, "it")


def test_a_byte_order_mark_is_no_fault():
    assert parse_json(b'\xef\xbb\xbf{"a": 1}', "x") == {"a": 1}
