"""What a live camera's hour is told to have been, where its campaign does not say where the notes of it are."""

from pathlib import Path

import dagster as dg
import pytest

from cctview_pipeline.cameras.networks.nyc_dot import NycDot
from cctview_pipeline.definitions import build_definitions
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.partitions import to_key
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.jobs import verdicts
from cctview_pipeline_tests.factories.tables import campaign


def test_a_live_campaign_without_a_spool_is_told_what_it_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    lake = Lake(str(tmp_path / "lake"))
    lake.write_campaign(campaign(network=NycDot.name, path=None))
    monkeypatch.setenv("CCTVIEW_LAKE", lake.uri)
    place = Partition.camera_hour("cam-1", HOUR_17)
    definitions = build_definitions(lake.require_campaign())
    (asset,) = (each for each in definitions.assets if dg.AssetKey("camera_status") in each.keys)
    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize(
            [asset], partition_key=to_key(place), resources=definitions.resources, instance=instance, raise_on_error=False
        )
        found = verdicts(instance, "camera_status")
    assert found == {to_key(place): "not written: The campaign names no spool: set path under [campaign] in campaign.toml."}
    assert not lake.has("camera_status", place)
