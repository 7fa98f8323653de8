"""Inputs that fuzzing has found, each with what is right: the sentence that refuses it, or nothing for what is read.

By code where the input is easily made. What is found next is added here, in its smallest form.
"""

import json
from dataclasses import dataclass

from cctview_pipeline_tests.fuzz import corpus

_DEEP = b"[" * 3000


@dataclass(frozen=True)
class Found:
    """target: a name of TARGETS; raised: by the reader at that time; refused: a part of the sentence that is right, empty where
    the input is read; data: the input."""

    target: str
    raised: str
    refused: str
    data: bytes


def _detections(**changed: object) -> bytes:
    row = {"type": "car", "percentage_probability": 85.4, "box_points": [1, 2, 30, 40]} | changed
    return json.dumps({"x": {name: value for name, value in row.items() if value != "left out"}}).encode()


def _lying_length() -> bytes:
    """A record of four gigabytes, in a segment of a hundred bytes."""
    data = bytearray(corpus.segments()[0])
    data[8:12] = b"\xff\xff\xff\xff"
    return bytes(data)


def _changed(at: int, value: int) -> bytes:
    data = bytearray(corpus.segments()[0])
    data[at] = value
    return bytes(data)


def _playlist(seconds: str) -> bytes:
    """A dated segment that lasts so long, and one after it."""
    return f"#EXT-X-PROGRAM-DATE-TIME:{corpus.TAKEN.isoformat()}\n#EXTINF:{seconds},\na.ts\nb.ts\n".encode()


FOUND = (
    Found("detections", "JSONDecodeError", "is no JSON: see line 1, column 1", b""),
    Found("detections", "UnicodeDecodeError", "is no JSON: byte 0 is not UTF-8", b"\xff\xfe"),
    Found("detections", "RecursionError", "nested too deep", _DEEP),
    Found("detections", "ValueError", "a number or a date that there is not", b'{"x": ' + b"9" * 5000 + b"}"),
    Found("detections", "AttributeError", "is no list of detections", b"[]"),
    Found("detections", "ValueError", "without four box_points", _detections(box_points=[1, 2])),
    Found("detections", "TypeError", "without four box_points", _detections(box_points=[1, 2, 3, {}])),
    Found("detections", "KeyError", "without four box_points", _detections(box_points="left out")),
    Found("detections", "TypeError", "percentage_probability from 0 to 100", _detections(percentage_probability=None)),
    Found("manifest", "TypeError", "[default-detector] is no table", b"default-detector = 1"),
    Found("manifest", "KeyError", "has no text under task", b"[default-detector]\nfile = 'x'"),
    Found("manifest", "Hang", "is no TOML: line 1", b'"."' * 19),
    Found("manifest", "UnicodeDecodeError", "is UTF-16, and TOML is UTF-8", b"\xff\xfe"),
    Found("manifest", "RecursionError", "nested more than 32 deep", b"a = " + _DEEP),
    Found("manifest", "ValueError", "no name of a file in its own folder", b"[x]\ntask = 'detector'\nfile = '../../etc/passwd'"),
    Found("manifest", "IsADirectoryError", "no name of a file in its own folder", b"[x]\ntask = 'detector'\nfile = ''"),
    Found("manifest", "IsADirectoryError", "no name of a file in its own folder", b"[x]\ntask = 'detector'\nfile = '..'"),
    Found("weights", "JSONDecodeError", "is no JSON: see line 1, column 2", corpus.weights()[2]),
    Found("spool-segment", "MemoryError", "", _lying_length()),
    Found("spool-record", "ValueError", "", _changed(16, 31)),  # a kind that there is not
    Found("spool-record", "OverflowError", "", _changed(26, 0x7F)),  # a time that there is not
    Found("spool-record", "JSONDecodeError", "", _changed(35, 0)),  # a note that is no JSON
    Found("spool-index", "ArrowInvalid", "", b""),
    Found("spool-index", "OSError", "", b"ARROW1\0\0" + b"\xff" * 20 + b"ARROW1"),
    Found("spool-index", "KeyError", "", corpus.indexes()[1]),
    Found("spool-index", "OverflowError", "", corpus.indexes()[2].replace(b"\x08" + bytes(7), b"\x08" + bytes(6) + b"\x7f")),
    Found("sidecar", "OverflowError", "", _playlist("9" * 14)),
    Found("sidecar", "OverflowError", "", _playlist("9" * 400)),  # float has no end
    Found("parquet", "AssertionError", "is another file than detections", corpus.parquet_files()[2]),
)
