"""Synthetic cities that are soon there: a traffic day is driven from 08:00 UTC on, and most tests do not need all of it."""

from datetime import UTC, datetime

DAWN = datetime(2025, 6, 3, 10, tzinfo=UTC)
"""An hour that is quick to drive to."""
