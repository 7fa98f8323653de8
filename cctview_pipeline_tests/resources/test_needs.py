"""What a run needs of a machine, and the tags by which Ray and Kubernetes read it."""

import json
from dataclasses import replace

import pytest

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.resources.needs import KUBERNETES, NEEDS, RAY, Needs, needs_of, tags_of
from cctview_pipeline.resources.understood import understood
from cctview_pipeline_tests.factories.tables import campaign


def test_as_ray_reads_it():
    """A GPU that is not needed is left out: dagster-ray takes 0 for not given, and then its own default."""
    assert json.loads(Needs(cpus=2.0, memory_gib=1.5).tags()[RAY]) == {"num_cpus": 2.0, "memory": 1_610_612_736}
    assert json.loads(Needs(gpus=0.5).tags()[RAY])["num_gpus"] == 0.5


def test_as_kubernetes_reads_it():
    """Which has no parts of a GPU. What is asked for is the bound as well: the quota says how many threads a run may use."""
    resources = json.loads(Needs(cpus=1.5, gpus=0.5, memory_gib=3.0).tags()[KUBERNETES])["container_config"]["resources"]
    assert resources["requests"] == resources["limits"] == {"cpu": "1500m", "memory": "3072Mi", "nvidia.com/gpu": "1"}


def test_the_campaign_says_otherwise_than_the_default_where_it_does():
    said = campaign(resources={"vision": {"gpus": 1}})
    assert needs_of(said, "vision") == replace(NEEDS["vision"], gpus=1.0)
    assert tags_of(said, "frames") == NEEDS["frames"].tags()
    assert Campaign.from_toml(said.to_toml()) == said
    assert Campaign.from_toml(said.to_toml()).resources == said.resources


@pytest.mark.parametrize(
    ("resources", "sentence"),
    [
        ({"visions": {}}, r"\[campaign.resources.visions\] names no job: known are camera_hours, frames, vision"),
        (
            {"vision": {"gpu": 1}},
            r"the unknown key 'gpu' stands under \[campaign.resources.vision\]: it may mean gpus; known are",
        ),
        ({"vision": {"cpus": 0}}, r"cpus = 0 under \[campaign.resources.vision\] is out of range .*: write cpus = 4.0"),
        ({"vision": {"memory_gib": "2"}}, r"memory_gib = \"2\" under \[campaign.resources.vision\] is no number"),
        ({"vision": 2}, r"\[campaign.resources.vision\] is 2: write \[campaign.resources.vision\] on a line of its own"),
    ],
)
def test_what_cannot_be_is_one_sentence(resources: dict, sentence: str):
    with pytest.raises(CctviewError, match=sentence):
        understood(campaign(resources=resources))
