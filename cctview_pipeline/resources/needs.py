"""What a run of each job needs of a machine, and the tags by which engines that know of machines read it.

``[campaign.resources.JOB]`` of campaign.toml says otherwise than :data:`NEEDS`. The default launcher reads none of the tags.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import Field, StrictFloat

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.environment import KEYS, LAKE
from cctview_pipeline.errors import ConfigurationError, printable
from cctview_pipeline.paths import keys_uri, lake_uri
from cctview_pipeline.settings import CLOSED, Section, read

RAY, KUBERNETES = "dagster-ray/config", "dagster-k8s/config"


@dataclass(frozen=True, kw_only=True)
class Needs:
    """``[campaign.resources.JOB]``."""

    __pydantic_config__ = CLOSED

    cpus: Annotated[StrictFloat, Field(gt=0, le=1024, examples=[4.0])] = 1.0
    """Processors. Models use as many threads."""
    gpus: Annotated[StrictFloat, Field(ge=0, le=64, examples=[0.5])] = 0.0
    """Devices. Ray shares one among runs that need a part of it; Kubernetes gives whole ones only."""
    memory_gib: Annotated[StrictFloat, Field(gt=0, le=16_384, examples=[8.0])] = 2.0
    """GiB of memory."""

    def tags(self, environment: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
        """For Ray and for Kubernetes. environment: variables that the run is given, which everybody may see."""
        ray: dict[str, Any] = {"num_cpus": self.cpus, "memory": int(self.memory_gib * (1 << 30))}
        ray |= {"num_gpus": self.gpus} if self.gpus else {}  # dagster-ray takes 0 for not given
        ray |= {"env_vars": [f"{name}={value}" for name, value in environment.items()]} if environment else {}
        own: dict[str, Any] = {"cpu": f"{round(1000 * self.cpus)}m", "memory": f"{round(1024 * self.memory_gib)}Mi"}
        own |= {"nvidia.com/gpu": str(-int(-self.gpus // 1))} if self.gpus else {}
        container: dict[str, Any] = {"resources": {"requests": own, "limits": own}}
        container |= {"env": [{"name": name, "value": value} for name, value in environment.items()]} if environment else {}
        return {RAY: json.dumps(ray), KUBERNETES: json.dumps({"container_config": container})}


NEEDS: Mapping[str, Needs] = {
    "camera_hours": Needs(cpus=2, memory_gib=3),
    "frames": Needs(cpus=2, memory_gib=2),
    "vision": Needs(cpus=2, memory_gib=3),
    "tracking": Needs(cpus=1, memory_gib=2),
    "matching": Needs(cpus=1, memory_gib=3),
    "hours": Needs(cpus=1, memory_gib=2),
    "days": Needs(cpus=2, memory_gib=4),
    "labelling": Needs(cpus=2, memory_gib=4),
    "drift": Needs(cpus=1, memory_gib=2),
    "collect_job": Needs(cpus=1, memory_gib=2),
    "retention_job": Needs(cpus=1, memory_gib=1),
    "old_runs_job": Needs(cpus=1, memory_gib=1),
}
"""Job -> what its run needs where the campaign says nothing. No GPU: nobody knows whether there is one."""


def needs_of(campaign: Campaign, job: str) -> Needs:
    """What a job's run needs, by the campaign. Raises ConfigurationError for a value that cannot be."""
    section = Section(campaign.source, f"[campaign.resources.{job}]")
    said = campaign.resources.get(job, {})
    found = read(Needs, said, section)
    return replace(NEEDS[job], **{key: getattr(found, key) for key in said})


def tags_of(campaign: Campaign, job: str) -> dict[str, str]:
    """The tags of a job's runs. In a district they say whose lake it is: a node or a pod may work for any of them."""
    from cctview_pipeline.districts import district_tags  # Dagster, which a command that only checks the needs does without

    where = {LAKE.name: lake_uri(), KEYS.name: keys_uri()} if campaign.district else {}
    return needs_of(campaign, job).tags(where) | district_tags(campaign.district)


def check_resources(campaign: Campaign) -> None:
    """Raises ConfigurationError for jobs that there are not, and for needs that cannot be."""
    for job in campaign.resources:
        if job not in NEEDS:
            raise ConfigurationError(
                f"{campaign.source}: [campaign.resources.{printable(job)}] names no job: known are {', '.join(NEEDS)}."
            )
        needs_of(campaign, job)
