from datetime import timedelta

import pytest

from cctview_pipeline.durations import parse_duration
from cctview_pipeline.errors import CctviewError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("20m", 1200),
        ("1h", 3600),
        ("1h30m", 5400),
        ("2h1m5s", 7265),
        ("12 h", 43_200),
        ("7d", 604_800),
        ("1 d 6 h", 108_000),
    ],
)
def test_a_length_of_time_as_people_write_it(text: str, seconds: int):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "0s", "90", "1.5h", "-1h", "30m1h", "h", "1 hour", "9999999d", "٣h"])
def test_what_is_none_is_told(text: str):
    with pytest.raises(CctviewError, match=f"^A duration is given as 90s, 20m, 1h30m or 7d, not '{text}'.$"):
        parse_duration(text)
