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


def city_archive(root: Path, cameras: int = 12, hours: int = 2, frames: int = 20) -> Campaign:
    """Write the first frames of each hour, as pollers would have. Returns the campaign of that archive.

    cameras: 12 at most, the first six of one city and the others of another.
    """
    chosen = []
    for seed, prefix in ((1000, "east"), (1001, "west")):
        city = CityNetwork(CitySettings(seed=seed, start=DAWN, minutes=60 * hours))
        for place, camera in enumerate(CAMERAS):
            if len(chosen) < cameras:
                name = f"{prefix}-{place + 1}"
                chosen.append(replace(camera, id=name, corridor=prefix, network="archive"))
                for number in range(hours):
                    for frame in islice(city.frames(camera.id, DAWN + number * HOUR), frames):
                        jpeg = add_comments(frame.jpeg, clock_comment(frame.captured_at))
                        write_frame(root, name, frame.captured_at + timedelta(seconds=0.5), jpeg)
    end = DAWN + hours * HOUR
    return Campaign(
        name="twelve", network="archive", start=DAWN, end=end, cameras=tuple(chosen), path=str(root), resources=OWN_CPU
    )
