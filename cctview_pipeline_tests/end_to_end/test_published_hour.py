"""The published hour, all four cameras: the summary's figures against a count that goes another way."""

import json
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from cctview_pipeline.images.jpeg import COM, segments
from cctview_pipeline_tests.factories.command import Workplace

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
"""Two minutes where the processor has AMX; one without AVX-512 needs three to five times as long."""
COUNTED = ("frames", "rejected", "detections", "crops", "features", "tracks", "passages", "matched")


@pytest.fixture(scope="module")
def place(published_hour: Path, tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    place = Workplace(tmp_path_factory.mktemp("published"))
    done = place.backfill(published_hour)
    assert done.returncode == 0, done.stdout + done.stderr
    return place


@pytest.fixture(scope="module")
def summary(place: Workplace) -> dict:
    return json.loads(place.run("summary", "--json").stdout)


def table(place: Workplace, name: str, camera: str, columns: list[str] | None = None) -> pd.DataFrame:
    """One camera's file, read by pandas alone."""
    return pd.read_parquet(place.lake / name / f"camera={camera}" / "hour=2020-05-05T17" / "part-0.parquet", columns=columns)


DAMAGED = "689-640-S--2020-05-05--13.37.59"
"""Nearly black, and its scan ends early: no viewer shows a road."""


def test_every_original_is_a_frame(place: Workplace, summary: dict, published_hour: Path):
    found = (path.name.removesuffix("--original.jpeg") for path in published_hour.rglob("*--original.jpeg"))
    originals = Counter(name.split("--")[0] for name in found if name != DAMAGED)
    assert {row["camera"]: row["frames"] for row in summary["cameras"]} == originals
    assert [row["rejected"] for row in summary["cameras"]] == [int(row["camera"] == "689-640-S") for row in summary["cameras"]]
    (rejected,) = table(place, "rejected_frames", "689-640-S").to_dict("records")
    assert (rejected["name"], rejected["reason"]) == (f"{DAMAGED}--original.jpeg", "truncated")
    for camera, names in originals.items():
        assert table(place, "raw_frames", camera, ["frame_id"])["frame_id"].nunique() == names


def test_the_summary_counts_what_the_files_hold(place: Workplace, summary: dict):
    for row in summary["cameras"]:
        camera = row["camera"]
        matches = table(place, "matches", camera)
        again = {
            "frames": len(table(place, "raw_frames", camera, ["frame_id"])),
            "rejected": len(table(place, "rejected_frames", camera)),
            "detections": len(table(place, "detections", camera)),
            "crops": len(table(place, "crops", camera, ["label"])),
            "features": len(table(place, "features", camera, ["model"])),
            "tracks": len(table(place, "tracks", camera)),
            "passages": len(table(place, "passages", camera)),
            "matched": int(matches["assigned"].sum()),
        }
        assert {name: row[name] for name in COUNTED} == again
        assert row["detections"] > row["crops"] == row["features"] > row["tracks"] > 1000


def test_journeys_and_travel_times_are_those_of_the_matches(place: Workplace, summary: dict):
    journeys = pd.read_parquet(place.lake / "journeys" / "hour=2020-05-05T17" / "part-0.parquet")
    cameras = journeys.groupby("journey_id")["camera_id"].nunique()
    assert summary["journeys"] == {
        "journeys": len(cameras),
        "over_two_or_more_cameras": int((cameras > 1).sum()),
        "most_cameras": int(cameras.max()),
    }
    assert (cameras > 1).sum() > 50
    times = pd.read_parquet(place.lake / "travel_times" / "day=2020-05-05" / "part-0.parquet").query("status == 'observed'")
    assert {(way["from"], way["to"]): way["vehicles"] for way in summary["travel"]} == (
        times.groupby(["from_camera_id", "to_camera_id"])["vehicles"].sum().to_dict()
    )


def test_travel_times_are_those_of_matches_whose_vehicles_passed_both_lines(place: Workplace):
    """Found once more without SQL: each vehicle once, by its likeliest match, its time brought to the way from pole to pole."""
    times = pd.read_parquet(place.lake / "travel_times" / "day=2020-05-05" / "part-0.parquet")
    cameras = sorted(set(times["from_camera_id"]))
    passages = pd.concat([table(place, "passages", camera) for camera in cameras]).explode("track_ids")
    matches = pd.concat([table(place, "matches", camera) for camera in cameras]).query("assigned")
    assert matches["implied_speed_kmh"].max() < 200
    later = matches.merge(passages, left_on="query_track_id", right_on="track_ids")
    pairs = later.merge(passages, left_on="gallery_track_id", right_on="track_ids", suffixes=("", "_before"))
    pairs = pairs.sort_values("probability", ascending=False).drop_duplicates("track_id")
    assert len(pairs) > 0.8 * len(matches)
    pairs["began_at"] = pairs["passed_at"].dt.floor("15min")
    rows = pairs.merge(
        times,
        left_on=["camera_id_before", "camera_id", "began_at"],
        right_on=["from_camera_id", "to_camera_id", "began_at"],
        suffixes=("", "_way"),
    )
    seen_m = rows["metres"] + rows["beyond_m"] - rows["beyond_m_before"]
    share = (rows["metres"] / seen_m).where(seen_m > rows["metres"] / 2, 1)  # what is so far off says nothing of the way
    rows["time"] = (rows["passed_at"] - rows["passed_at_before"]).dt.total_seconds() * share
    for (_, _, at), group in rows.groupby(["from_camera_id", "to_camera_id", "began_at"]):
        told = group.iloc[0]
        assert len(group) == told["vehicles"]
        if told["status"] == "observed":
            mean = (group["time"] * group["probability"]).sum() / group["probability"].sum()
            assert told["mean_s"] == pytest.approx(mean, rel=1e-3), at
    assert len(rows) == times["vehicles"].sum()


def test_the_marts_add_up_to_the_passages(place: Workplace, summary: dict):
    counts = pd.read_parquet(place.lake / "vehicle_counts" / "day=2020-05-05" / "part-0.parquet")
    by_camera = counts.groupby("camera_id")["vehicles"].sum().to_dict()
    assert by_camera == {row["camera"]: row["passages"] for row in summary["cameras"]}
    assert len(counts) == 4 * 2 * 4 * 4, "a complete grid: cameras, carriageways, labels, quarters"


def test_nothing_that_tells_about_the_camera_is_in_the_lake(place: Workplace, published_hour: Path):
    """The comment 0A 00 of an original ends with the camera's hardware address."""
    for camera in ("733-681-N", "735-683-N", "689-640-S", "731-679-N"):
        original = next(published_hour.rglob(f"{camera}*--original.jpeg")).read_bytes()
        (address,) = (piece[-6:] for marker, piece in segments(original) if marker == COM and piece[4:6] == b"\x0a\x00")
        for path in place.lake.rglob("*.parquet"):
            assert address not in path.read_bytes()


def test_a_question_in_sql_is_answered(place: Workplace):
    done = place.run(
        "query", "--json", "select camera_id, sum(vehicles) as vehicles from vehicle_counts group by all order by all"
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["camera_id"] for row in rows] == ["689-640-S", "731-679-N", "733-681-N", "735-683-N"]
