"""The mappings resolve as drawn: which partitions each asset reads."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from cctview_pipeline.definitions import build_definitions
from cctview_pipeline.lake import Partition
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.partitions import to_key, to_partition
from cctview_pipeline_tests.factories.jobs import archive_campaign

DEFINITIONS = build_definitions(archive_campaign())
GRAPH = DEFINITIONS.get_repository_def().asset_graph


def upstream(asset: str, parent: str, key: str) -> set[str]:
    """The partition keys of a parent that one partition of an asset reads."""
    node, parent_node = GRAPH.get(dg.AssetKey(asset)), GRAPH.get(dg.AssetKey(parent))
    mapping = GRAPH.get_partition_mapping(node.key, parent_asset_key=parent_node.key)
    subset = node.partitions_def.subset_with_partition_keys([key])
    result = mapping.get_upstream_mapped_partitions_result_for_partitions(subset, node.partitions_def, parent_node.partitions_def)
    return set(result.partitions_subset.get_partition_keys())


@pytest.mark.parametrize(("asset", "parent"), [("detections", "raw_frames"), ("crops", "detections"), ("features", "crops")])
def test_up_to_features_a_camera_hour_reads_itself(asset: str, parent: str):
    assert upstream(asset, parent, "735-683-N|2020-05-05T17") == {"735-683-N|2020-05-05T17"}


def test_tracks_read_the_same_camera_one_hour_before():
    assert upstream("tracks", "tracks", "735-683-N|2020-05-05T17") == {"735-683-N|2020-05-05T16"}
    assert upstream("tracks", "tracks", "735-683-N|2020-05-05T16") == set()


def test_matches_read_the_camera_and_its_neighbours_in_the_hour_and_the_one_before():
    assert upstream("matches", "tracks", "733-681-N|2020-05-05T17") == {
        f"{camera}|2020-05-05T{hour}" for camera in ("733-681-N", "735-683-N") for hour in (16, 17)
    }
    assert upstream("matches", "tracks", "735-683-N|2020-05-05T16") == {
        f"{camera}|2020-05-05T16" for camera in ("733-681-N", "735-683-N", "689-640-S")
    }


def test_journeys_read_all_cameras_of_the_hour_and_themselves_one_hour_before():
    every = {f"{camera}|2020-05-05T17" for camera in ("733-681-N", "735-683-N", "689-640-S")}
    assert upstream("journeys", "matches", "2020-05-05T17") == every
    assert upstream("journeys", "journeys", "2020-05-05T17") == {"2020-05-05T16"}


def test_marts_read_the_hours_of_their_day():
    assert upstream("travel_times", "journeys", "2020-05-05") == {f"2020-05-05T{hour}" for hour in (16, 17, 18, 19)}


@pytest.mark.parametrize(
    "partition",
    [
        Partition.camera_hour("735-683-N", datetime(2020, 5, 5, 17, tzinfo=UTC)),
        Partition.of_hour(datetime(2020, 5, 5, 17, tzinfo=UTC)),
        Partition.of_day(datetime(2020, 5, 5).date()),
    ],
    ids=str,
)
def test_keys_round_trip(partition: Partition):
    assert to_partition(to_key(partition)) == partition


def test_every_asset_says_what_it_is():
    for asset in DEFINITIONS.resolve_all_asset_specs():
        assert asset.description
        assert asset.owners
        assert asset.kinds
        assert asset.group_name
        assert asset.code_version
        if asset.key.path[0] in TABLES:  # models and reports are none
            assert all(column.description for column in asset.metadata["dagster/column_schema"].columns)


def test_every_check_of_a_table_blocks_and_those_of_drift_only_warn():
    checks = [spec for asset in DEFINITIONS.resolve_asset_graph().assets_defs for spec in asset.check_specs]
    assert len(checks) > 20
    assert all(check.description for check in checks)
    assert {check.name for check in checks if not check.blocking} == {"score_drift", "embedding_drift"}
