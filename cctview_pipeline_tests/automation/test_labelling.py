"""What the command asks of the job that labels."""

from types import SimpleNamespace

from cctview_pipeline.assets.labels import LabellingConfig
from cctview_pipeline.automation.labelling import label
from cctview_pipeline_tests.factories.jobs import FIRST, LAST


def test_teachers_and_every_reach_the_asset():
    asked, done = [], []

    def execute_in_process(config: dict, instance: object, tags: dict) -> SimpleNamespace:
        asked.append(config["ops"]["labels"]["config"])
        return SimpleNamespace(run_id="made")

    job, lake = SimpleNamespace(execute_in_process=execute_in_process), SimpleNamespace(has=lambda *_: True)
    label(job, None, lake, [FIRST, LAST], LabellingConfig(teachers=["boxes.parquet"], every=2, device="cpu"), done.append)
    assert asked == [{"teachers": ["boxes.parquet"], "every": 2, "device": "cpu"}] * 2, "a run a camera"
    assert done == [1, 1]
