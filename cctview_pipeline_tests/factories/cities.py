"""Synthetic cities that are soon there: a traffic day is driven from 08:00 UTC on, and most tests do not need all of it."""

from datetime import UTC, datetime

DAWN = datetime(2025, 6, 3, 10, tzinfo=UTC)
"""An hour that is quick to drive to: a second. Noon takes six."""
RUSH = datetime(2025, 6, 3, 12, tzinfo=UTC)
"""The first busy hour, eight in the morning in New York: as full as noon, in half of its time."""
