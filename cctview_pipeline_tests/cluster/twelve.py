"""Cameras of the synthetic city for a cluster: two cities of six make an archive of twelve, some frames of each of two hours."""

from dataclasses import replace
from datetime import timedelta
from itertools import islice
from pathlib import Path

from cctview_pipeline.campaign import HOUR, Campaign
from cctview_pipeline.city.mounts import CAMERAS
from cctview_pipeline.city.network import CityNetwork, CitySettings
from cctview_pipeline.resources.needs import NEEDS
from cctview_pipeline_tests.factories.archive import add_comments, clock_comment, write_frame
from cctview_pipeline_tests.factories.cities import DAWN

OWN_CPU = {job: {"cpus": 1.0, "memory_gib": 0.5} for job in NEEDS}
"""Nodes of one processor, of which this machine has few: no run asks for more."""


SEEDS = {"east": 1000, "west": 1001}


def city_campaign(root: Path, cameras: int = 12, hours: int = 2) -> Campaign:
    """The campaign of an archive that :func:`write_archive` writes. cameras: 12 at most, six of one city, then six of another."""
    chosen = [
        replace(camera, id=f"{side}-{place}", corridor=side, network="archive")
        for side in SEEDS
        for place, camera in enumerate(CAMERAS, 1)
    ]
    return Campaign(
        name="twelve",
        network="archive",
        start=DAWN,
        end=DAWN + hours * HOUR,
        cameras=tuple(chosen[:cameras]),
        path=str(root),
        resources=OWN_CPU,
    )


def write_archive(campaign: Campaign, frames: int = 20) -> None:
    """Write the first frames of each hour of its cameras, as pollers would have."""
    cities = {side: CityNetwork(CitySettings(seed=seed, start=DAWN, minutes=120)) for side, seed in SEEDS.items()}
    for camera in campaign.cameras:
        side, _, place = camera.id.partition("-")
        for hour in campaign.hours():
            for frame in islice(cities[side].frames(CAMERAS[int(place) - 1].id, hour), frames):
                jpeg = add_comments(frame.jpeg, clock_comment(frame.captured_at))
                write_frame(Path(campaign.path), camera.id, frame.captured_at + timedelta(seconds=0.5), jpeg)
