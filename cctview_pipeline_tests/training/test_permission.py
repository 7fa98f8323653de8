"""What models may learn from: hours that are there, for a purpose that is written down."""

from datetime import timedelta
from pathlib import Path

import pytest
import torch

from cctview_pipeline.campaign import Campaign
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.privacy.audit import AuditLog
from cctview_pipeline.registry.state_dicts import register_weights
from cctview_pipeline.training.permission import authorize_training, written_hours
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import NORTH, SOUTH, rows

HOUR = timedelta(hours=1)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path / "lake"))
    campaign = Campaign(
        name="a road",
        network="archive",
        start=HOUR_17,
        end=HOUR_17 + 3 * HOUR,
        cameras=(NORTH, SOUTH),
        privacy={"purposes": ["adapting"]},
    )
    lake.write_campaign(campaign)
    for camera, hour in ((NORTH, 0), (NORTH, 2), (SOUTH, 0)):
        partition = Partition.camera_hour(camera.id, HOUR_17 + hour * HOUR)
        lake.write("raw_frames", partition, rows("raw_frames"))
    return lake


def test_the_hours_that_are_there(lake: Lake):
    north, later, south = (
        Partition.camera_hour(camera.id, HOUR_17 + hour * HOUR) for camera, hour in ((NORTH, 0), (NORTH, 2), (SOUTH, 0))
    )
    assert written_hours(lake, "raw_frames") == [north, later, south]
    assert written_hours(lake, "raw_frames", [NORTH.id]) == [north, later]
    assert written_hours(lake, "raw_frames", begin=HOUR_17 + HOUR) == [later]
    assert written_hours(lake, "raw_frames", end=HOUR_17 + HOUR) == [north, south]


def test_there_is_nothing_to_learn_from(lake: Lake, tmp_path: Path):
    with pytest.raises(CctviewError, match="The lake has no tracks of these cameras and hours"):
        written_hours(lake, "tracks")
    with pytest.raises(CctviewError, match="Camera 'nobody' is not in this campaign"):
        written_hours(lake, "raw_frames", ["nobody"])
    with pytest.raises(CctviewError, match="is empty: there is nothing to learn from"):
        written_hours(Lake(str(tmp_path / "other")), "raw_frames")


def test_learning_is_written_down_first_and_needs_a_purpose(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CCTVIEW_AUDIT", str(tmp_path / "audit.jsonl"))
    hours = written_hours(lake, "raw_frames")
    with pytest.raises(CctviewError, match=r"state one \(--purpose\)"):
        authorize_training(lake, "detector", "mine", hours, ("raw_frames",), "")
    authorize_training(lake, "detector", "mine", hours, ("raw_frames", "labels"), "adapting")
    (entry,) = AuditLog().newest()
    assert (entry.kind, entry.purpose, entry.tables) == ("training", "adapting", ("labels", "raw_frames"))
    assert entry.asked == f"mine learns from 3 camera-hours of {NORTH.id}, {SOUTH.id}, 2020-05-05T17 to 2020-05-05T19"


@pytest.mark.parametrize("name", ["default", "default-detector", "torchvision-ssd", "densenet201-veri"])
def test_the_name_of_a_model_that_was_not_adapted_here_is_refused(lake: Lake, name: str):
    with pytest.raises(CctviewError, match=f"'{name}' can't be the name of an adapted model: it is another model's"):
        authorize_training(lake, "detector", name, written_hours(lake, "raw_frames"), ("raw_frames",), "adapting")


@pytest.mark.parametrize("name", ["", "Mine", "a/b", "../mine", "two words"])
def test_a_name_that_would_leave_the_folder_is_refused(lake: Lake, name: str):
    with pytest.raises(CctviewError, match=f"'{name}' can't be the name of an adapted model: it is not of small letters"):
        authorize_training(lake, "detector", name, written_hours(lake, "raw_frames"), ("raw_frames",), "adapting")


def test_adapted_weights_may_be_replaced_until_they_are_in_use(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CCTVIEW_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("CCTVIEW_AUDIT", str(tmp_path / "audit.jsonl"))
    register_weights("mine", "detector", {"weight": torch.zeros(3)}, {}, {"lineage": {"start": "default-detector@0"}})
    hours = written_hours(lake, "raw_frames")
    authorize_training(lake, "detector", "mine", hours, ("raw_frames",), "adapting")
    with pytest.raises(CctviewError, match="'mine' can't be the name of an adapted model: it is another model's"):
        authorize_training(lake, "extractor", "mine", hours, ("raw_frames",), "adapting")
    lake.write_campaign(lake.campaign().with_model("detector", "mine"))
    with pytest.raises(CctviewError, match="it is that of the detector in use, which stays as it is until `cctview models use`"):
        authorize_training(lake, "detector", "mine", hours, ("raw_frames",), "adapting")
