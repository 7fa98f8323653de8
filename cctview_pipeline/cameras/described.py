"""Which of a network's cameras somebody has described: by the lake's campaign, the package's catalogue, or the network itself."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from cctview_pipeline.cameras.catalogue import catalogue
from cctview_pipeline.cameras.spooled import SpoolNetwork
from cctview_pipeline.campaign import HOUR, Camera, Campaign, nearest
from cctview_pipeline.errors import ConfigurationError, printable
from cctview_pipeline.frames import CameraNetwork, FilesNetwork

MAX_NAMED = 10
"""Cameras of a source that a refusal names."""


class UndescribedCameras(ConfigurationError):
    """Nobody knows where an archive's cameras stand. draft: a campaign.toml of them, whose places are to be filled in."""

    def __init__(self, message: str, draft: str) -> None:
        super().__init__(message)
        self.draft = draft


def described(source: CameraNetwork, existing: Campaign | None) -> Mapping[str, Camera]:
    """Camera id -> camera. existing: the lake's campaign, which alone counts where there is one."""
    if existing:
        return {camera.id: camera for camera in existing.cameras}
    if isinstance(source, SpoolNetwork):
        return _live(source)
    if source.name != "city":
        return catalogue()
    from cctview_pipeline.city import CityNetwork

    assert isinstance(source, CityNetwork)
    return {camera.id: camera for camera in source.world.cameras}


def refuse_undescribed(
    strangers: list[str],
    source: CameraNetwork,
    existing: Campaign | None,
    lake_uri: str,
    path: str | None,
    purposes: Sequence[str],
) -> None:
    """Raises CctviewError, with the mend, for cameras that nobody has described. path, purposes: of the campaign to come."""
    first = strangers[0]
    if source.name in ("archive", "footage", "pictures"):
        check_offered(strangers, source.cameras(), path)
    if existing:
        existing.camera(first)  # raises
    if source.name == "city":
        raise ConfigurationError(f"The city has no camera '{first}': known are {', '.join(described(source, None))}.")
    if isinstance(source, SpoolNetwork):
        check_offered(strangers, source.cameras(), source.spool)
    raise UndescribedCameras(
        f"Camera '{first}' is not in the catalogue: describe it under [[cameras]] in {lake_uri}/campaign.toml, which is not "
        "there yet: `cctview init --at LATITUDE,LONGITUDE` writes it, and what is printed above is its beginning, with places to "
        "fill in. Or choose others with --cameras. Known are "
        f"{', '.join(catalogue())}.",
        _draft(strangers, source, path, purposes),
    )


def check_offered(camera_ids: Sequence[str], offered: Sequence[str], place: object) -> None:
    """Raises CctviewError, with the nearest id, for a camera of which a source has nothing. place: the source's."""
    absent = next((camera_id for camera_id in camera_ids if camera_id not in offered), None)
    if absent is None:
        return
    near = nearest(absent, offered)
    more = f" and {len(offered) - MAX_NAMED:,} more" if len(offered) > MAX_NAMED else ""
    raise ConfigurationError(
        f"Camera '{printable(absent)}' is not in {place}: {f'it may mean {near}; ' if near else ''}"
        f"it has {', '.join(offered[:MAX_NAMED]) or 'none'}{more}."
    )


def _draft(camera_ids: list[str], source: CameraNetwork, path: str | None, purposes: Sequence[str]) -> str:
    """Without places it is no TOML: nobody can leave them as they are."""
    hours: list[datetime] = sorted({hour for camera_id in camera_ids for hour in source.hours(camera_id)})
    cameras = [
        Camera(id=camera_id, name=camera_id, latitude=0.0, longitude=0.0, faces="", corridor=camera_id, order=0)
        for camera_id in camera_ids
    ]
    privacy = {"purposes": list(purposes)} if purposes else {}
    campaign = Campaign(
        name=source.name,
        network=source.name,
        start=hours[0],
        end=hours[-1] + HOUR,
        cameras=tuple(cameras),
        path=path,
        timezone=source.timezone if isinstance(source, FilesNetwork) else "",
        privacy=privacy,
    )
    text = campaign.to_toml()
    for name, meaning in (("latitude", "degrees north"), ("longitude", "degrees east, west of Greenwich below 0")):
        text = text.replace(f"{name} = 0.0", f"{name} =   # {meaning}")
    return text.replace('faces = ""', 'faces = ""   # north, east, south or west; empty where nobody knows').replace(
        "order = 0", "order = 0   # its place along the corridor, which cameras along one road share"
    )


def _live(source: SpoolNetwork) -> dict[str, Camera]:
    """The package's catalogue knows where a camera looks and along which road; of others only the place is known."""
    known = catalogue()
    places = {
        live.id: Camera(
            id=live.id,
            name=live.name,
            latitude=live.latitude,
            longitude=live.longitude,
            faces=live.faces,
            corridor=live.id,
            order=0,
            network=source.name,
            network_id=live.network_id,
        )
        for live in source.described().values()
        if live.id not in known
    }
    return {**known, **places}
