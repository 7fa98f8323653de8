"""Vehicles have pseudonyms in the viewer as in every answer: by the key of their day, and none once that key was destroyed."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime

from cctview_pipeline.campaign import floor_hour
from cctview_pipeline.ids import FrameId, utc_day
from cctview_pipeline.lake import Partition
from cctview_pipeline.privacy.keys import DayKey, KeyStore
from cctview_pipeline.viewer.reading import Reading


class Names:
    """Of tracks and journeys. No key is ever made here; one that was destroyed meanwhile is asked for anew with every page."""

    def __init__(self, keys: KeyStore) -> None:
        self._keys, self._days, self._dates = keys, dict[date, DayKey | None](), dict[tuple, date]()

    def __call__(self, identifier: str) -> str | None:
        """The pseudonym of a track or a journey, or None where its day's key is gone."""
        key = self._key(self._day(identifier))
        return key.pseudonym(identifier) if key else None

    def find(self, name: str, identifiers: Iterable[str]) -> str | None:
        """Which of the ids a pseudonym stands for; None where it is none of theirs, or once their day's key is gone."""
        by_day = defaultdict[date, list[str]](list)
        for each in identifiers:
            by_day[self._day(each)].append(each)
        keys = ((self._key(day), ids) for day, ids in by_day.items())
        return next((found for key, ids in keys if key and (found := key.find(name, ids))), None)

    def _key(self, day: date) -> DayKey | None:
        if day not in self._days:
            self._days[day] = self._keys.existing(day)
        return self._days[day]

    def _day(self, identifier: str) -> date:
        """An hour's ids are of one day, and reading them takes longest."""
        camera, local, time, *_ = [*identifier.split("--", 3), "", ""]
        hour = camera, local, time[:2], time.endswith("Z")
        if hour not in self._dates:
            self._dates[hour] = utc_day(identifier)
        return self._dates[hour]


def track_named(reading: Reading, names: Names, partition: Partition, name: str) -> str | None:
    """The id of the track of a camera's hour that has a pseudonym; None once their day's key is gone."""
    return names.find(name, reading.table("tracks", partition, ["track_id"])["track_id"].to_pylist())


def hour_of(identifier: str) -> datetime:
    """The hour in which a track began, by its id."""
    return floor_hour(FrameId.parse("--".join(identifier.split("--")[:3])).time.astimezone(UTC))
