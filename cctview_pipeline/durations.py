"""A length of time as a person writes it: ``90s``, ``20m``, ``1h30m``, ``12 h`` or ``7 d``."""

import re
from datetime import timedelta

from cctview_pipeline.errors import ConfigurationError

_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
PATTERN = r"([0-9]{1,6} ?d)? ?([0-9]{1,6} ?h)? ?([0-9]{1,6} ?m)? ?([0-9]{1,9} ?s)?"


def parse_duration(text: str) -> timedelta:
    """More than nothing. Raises ConfigurationError for what is no length of time."""
    found = re.fullmatch(PATTERN, text)
    parts = {_UNITS[part[-1]]: int(part[:-1]) for part in found.groups() if part} if found else {}
    if not any(parts.values()):
        raise ConfigurationError(f"A duration is given as 90s, 20m, 1h30m or 7d, not '{text}'.")
    return timedelta(**parts)
