"""A camera comes, another leaves, and new code is installed, while runs go on and others are queued."""

import shutil
from dataclasses import replace
from pathlib import Path

from cctview_pipeline.backfill.stages import STAGES
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.paths import project_root
from cctview_pipeline.resources.lake import open_lake
from cctview_pipeline_tests.cluster.course import Course, empty_lake, lake
from cctview_pipeline_tests.cluster.deployment import Deployment

OF_ONE_CAMERA = (*STAGES["frames"], *STAGES["vision"], *STAGES["tracking"])
"""Tables that say the same whoever else is there."""


def rolling_change(deployment: Deployment, reference: dict[str, str]) -> dict:
    """Two backfills: the change comes into the first, whose campaign lacks the last camera, and the second, whose campaign lacks
    the first camera, has the rest. reference: the files of all cameras, as one course without a change made them.

    Returns what came of both, and of the files of cameras that are there in the end which differ or are missing.
    """
    campaign = open_lake().require_campaign()
    first, *_, last = campaign.cameras
    _change(campaign, without=last.id)
    empty_lake()
    told: dict = {}

    def fault(course: Course) -> None:
        course.until(*STAGES["vision"])
        told["queued"] = course.unfinished()
        _change(campaign, without=first.id)
        told["marker"] = str(install_new_code(deployment))

    during = Course(deployment).run(fault, empty=False)
    after = Course(deployment).run(empty=False)
    found = lake()
    wanted = {key for key in reference if key.partition("/")[0] in OF_ONE_CAMERA and f"={first.id}/" not in key}
    marker = Path(told.pop("marker"))
    told["processes_of_new_code"] = len(marker.read_text().splitlines()) if marker.exists() else 0
    open_lake().write_campaign(campaign)
    summary = {key: during[key] + after[key] for key in ("seconds", "tried_again")}
    return (
        told
        | summary
        | {
            "complete": during["complete"] and after["complete"],
            "runs": {name: each["runs"] for name, each in (("during", during), ("after", after))},
            "longest_run_s": max(during["longest_run_s"], after["longest_run_s"]),
            "files": len(found["digests"]),
            "different": sorted(key for key in wanted if found["digests"].get(key) != reference[key]),
            "strange": found["strange"],
        }
    )


def install_new_code(deployment: Deployment) -> Path:
    """Put another checkout where units start from, and start the code server anew, as docs/cluster.md says.

    Returns a file to which every process of the new code adds a line.
    """
    checkout, marker = deployment.folder / "code-2", deployment.folder / "processes-of-new-code"
    checkout.mkdir()
    for path in project_root().iterdir():
        if path.name == "cctview_pipeline":
            shutil.copytree(path, checkout / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (checkout / path.name).symlink_to(path)
    with (checkout / "cctview_pipeline" / "__init__.py").open("a") as file:
        file.write(f"\nwith open({str(marker)!r}, 'a') as _file:\n    _file.write('one\\n')\n")
    fresh = deployment.folder / "code-new"
    fresh.symlink_to(checkout)
    fresh.replace(deployment.code)
    deployment.services["cctview-code@"].kill()
    return marker


def _change(campaign: Campaign, without: str) -> None:
    """Somebody edits campaign.toml."""
    open_lake().write_campaign(replace(campaign, cameras=tuple(each for each in campaign.cameras if each.id != without)))
