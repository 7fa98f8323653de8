"""From a network's server to the figures of its local day: of a frame list with an address a frame, and of a described list.

``python benchmarks/networks.py`` does it for all of them.
"""

from pathlib import Path

import pytest

from cctview_pipeline.analytics.exports import export_figures
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.lake import Lake
from cctview_pipeline.policy import Policy
from cctview_pipeline.redaction.masking import Masker, mask_of
from cctview_pipeline_tests.factories.network_runs import How, play, rows_of, through_pipeline
from cctview_pipeline_tests.factories.stand_in import KEY

pytestmark = pytest.mark.slow

ZONES = {"singapore": "Asia/Singapore", "generic": "Europe/Vienna"}


@pytest.fixture(scope="module")
def lakes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Lake]:
    home = tmp_path_factory.mktemp("pipeline")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CCTVIEW_CAMERAS_KEY", KEY)
        runs = play([*ZONES], home, How(frames=15, masker=Masker.of(Policy())))
        return {name: through_pipeline(name, run, home / name / "pipeline") for name, run in runs.items()}


@pytest.mark.parametrize("name", ZONES)
def test_every_table_is_made(lakes: dict[str, Lake], name: str):
    rows = rows_of(lakes[name], ("raw_frames", "detections", "crops", "features", "tracks", "flows", "data_quality", "gaps"))
    assert rows["raw_frames"] > 60
    assert min(rows.values()) > 0
    assert rows["data_quality"] == 6


@pytest.mark.parametrize("name", ZONES)
def test_every_frame_was_masked_before_it_was_stored(lakes: dict[str, Lake], name: str):
    lake = lakes[name]
    for partition in lake.partitions("raw_frames"):
        frames = lake.read("raw_frames", partition)
        assert frames.num_rows
        assert all(mask_of(jpeg) for jpeg in frames["jpeg"].to_pylist())
        assert set(frames["network"].to_pylist()) == {name}


@pytest.mark.parametrize(("name", "zone"), ZONES.items())
def test_days_are_by_the_network_s_own_clock_and_exports_say_whose_pictures_they_are(
    lakes: dict[str, Lake], name: str, zone: str, tmp_path: Path
):
    campaign: Campaign = lakes[name].require_campaign()
    local = lakes[name].read("flows", next(iter(lakes[name].partitions("flows"))))["local_at"][0].as_py()
    offset = {"Asia/Singapore": ("+08:00",), "Europe/Vienna": ("+01:00", "+02:00")}[zone]
    assert local.endswith(offset)
    done = export_figures(lakes[name], "csv", tmp_path / "out")
    said = (tmp_path / "out" / "README.md").read_text()
    assert str(done.days[0]) in said.partition("Show with everything that is made of it: ")[2].partition("\n")[0]
    assert campaign.network == name
