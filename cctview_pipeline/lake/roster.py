"""The roster: every camera that is one of the campaign's or was so lately, its group, and when it came and left.

It lies beside campaign.toml, which says only who is there now. Dagster's runs and backfills name what they cover by the first and
the last camera of a range: one that has left stays among the partitions for a while, so that what was queued before goes on. And
nobody waits for a camera in an hour that was over before it came.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from cctview_pipeline.campaign import HOUR, Campaign
from cctview_pipeline.documents import parse_json
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.groups import groups_of
from cctview_pipeline.lake.tables import ROSTER, Lake

STAYS = timedelta(days=30)
"""How long a camera that has left the campaign stays a partition: no run waits longer."""


@dataclass(frozen=True, kw_only=True)
class Roster:
    """groups: camera -> its group, of all; came: of those that joined a campaign that had begun; left: of those that have gone.

    Times are those at which somebody first noticed.
    """

    groups: Mapping[str, str] = field(default_factory=dict)
    came: Mapping[str, datetime] = field(default_factory=dict)
    left: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def departed(self) -> dict[str, str]:
        """Cameras that have left and are partitions still -> their group."""
        return {camera: self.groups[camera] for camera in self.left}

    def expects(self, camera: str, hour: datetime) -> bool:
        """Whether a camera was one of the campaign's before an hour was over."""
        return camera not in self.came or self.came[camera] < hour + HOUR

    def pinned(self, campaign: Campaign) -> Campaign:
        """The campaign with the group of every camera said: campaign.toml's, else the one that it has been in so far."""
        known = [replace(camera, group=camera.group or self.groups.get(camera.id, "")) for camera in campaign.cameras]
        names = {camera: group.name for group in groups_of(replace(campaign, cameras=tuple(known))) for camera in group.cameras}
        return replace(campaign, cameras=tuple(replace(camera, group=names[camera.id]) for camera in campaign.cameras))

    def after(self, campaign: Campaign, now: datetime) -> "Roster":
        """The roster once this campaign has been seen; campaign: as :meth:`pinned` gives it."""
        present = {camera.id: camera.group for camera in campaign.cameras}
        fresh = {camera: now for camera in present if self.groups and (camera not in self.groups or camera in self.left)}
        left = {camera: self.left.get(camera, now) for camera in self.groups if camera not in present}
        left = {camera: at for camera, at in left.items() if now - at < STAYS}
        return Roster(
            groups={camera: self.groups[camera] for camera in left} | present,
            came={camera: at for camera, at in (dict(self.came) | fresh).items() if camera in present},
            left=left,
        )


def enrolled(lake: Lake, campaign: Campaign, now: datetime) -> tuple[Campaign, Roster]:
    """The lake's campaign with the group of every camera said, and the roster, which is written where it has changed."""
    before = read_roster(lake)
    pinned = before.pinned(campaign)
    roster = before.after(pinned, now)
    if roster != before:
        with suppress(CctviewError):  # who may not write here makes nothing either
            lake.storage.write(ROSTER, _written(roster))
    return pinned, roster


def read_roster(lake: Lake) -> Roster:
    """The lake's; an empty one where there is none, or none that can be read: it is written anew from the campaign."""
    try:
        said: Any = parse_json(lake.storage.read(ROSTER).to_pybytes(), lake.storage.path(ROSTER))
        cameras: Mapping[str, Any] = said["cameras"]
        return Roster(
            groups={name: each["group"] for name, each in cameras.items()},
            came=_times(cameras, "came"),
            left=_times(cameras, "left"),
        )
    except (FileNotFoundError, CctviewError, KeyError, TypeError, ValueError, AttributeError):
        return Roster()


def _times(cameras: Mapping[str, Any], key: str) -> dict[str, datetime]:
    return {name: datetime.fromisoformat(each[key]) for name, each in cameras.items() if key in each}


def _written(roster: Roster) -> bytes:
    cameras = {
        name: {"group": group}
        | {key: at[name].isoformat() for key, at in (("came", roster.came), ("left", roster.left)) if name in at}
        for name, group in sorted(roster.groups.items())
    }
    return (json.dumps({"cameras": cameras}, indent=1) + "\n").encode()
