"""Vehicles have pseudonyms in the viewer as in every answer: by the key of their day, and none once that key was destroyed."""

from collections.abc import Mapping
from datetime import UTC, date, datetime

from cctview_pipeline.campaign import floor_hour
from cctview_pipeline.ids import FrameId, utc_day
from cctview_pipeline.lake import Partition
from cctview_pipeline.privacy.keys import DayKey, KeyStore
from cctview_pipeline.viewer.reading import Reading


class Names:
    """Of tracks and journeys. No key is ever made here; one that was destroyed meanwhile is asked for anew with every page."""

    def __init__(self, keys: KeyStore) -> None:
        self._keys, self._days = keys, dict[date, DayKey | None]()

    def __call__(self, identifier: str) -> str | None:
        """The pseudonym of a track or a journey, or None where its day's key is gone."""
        day = utc_day(identifier)
        if day not in self._days:
            self._days[day] = self._keys.existing(day)
        key = self._days[day]
        return key.pseudonym(identifier) if key else None


def tracks_by_name(reading: Reading, names: Names, partition: Partition) -> Mapping[str, str]:
    """pseudonym -> track_id, of a camera's hour; empty once their day's key is gone."""
    ids = reading.table("tracks", partition, ["track_id"])["track_id"].to_pylist()
    return {name: each for each in ids if (name := names(each))}


def hour_of(identifier: str) -> datetime:
    """The hour in which a track began, by its id."""
    return floor_hour(FrameId.parse("--".join(identifier.split("--")[:3])).time.astimezone(UTC))
