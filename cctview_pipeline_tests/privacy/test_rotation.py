"""Embeddings can be compared within their day, and with another day's only as long as both keys exist."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import binomtest

from cctview_pipeline.assets import pictures
from cctview_pipeline.campaign import HOUR
from cctview_pipeline.definitions import build_definitions
from cctview_pipeline.embed.tables import embedding_matrix
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.partitions import to_key
from cctview_pipeline.privacy.keys import DayKey, KeyStore
from cctview_pipeline.privacy.rotation import in_period, period_of, seal
from cctview_pipeline_tests.factories.tables import campaign, rows
from cctview_pipeline_tests.factories.traffic import DrivenCar, drive

MONDAY, TUESDAY = date(2020, 5, 4), date(2020, 5, 5)
IDENTITIES, DIMENSION = 400, 256


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeyStore:
    """With the same secrets in every run, so that chance is the same chance."""
    drawn = iter(range(1, 100))
    monkeypatch.setattr("secrets.token_bytes", lambda count: bytes([next(drawn)]) * count)
    return KeyStore(str(tmp_path / "keys"))


def table(vectors: np.ndarray, name: str = "d", model: str = "made@1") -> pa.Table:
    """Features as they come from a model."""
    schema = schema_of("features", vectors.shape[1])
    values = pa.array(vectors.astype(np.float16).ravel(), pa.float16())
    columns = {
        "detection_id": [f"{name}{i}" for i in range(len(vectors))],
        "embedding": pa.FixedSizeListArray.from_arrays(values, type=schema.field("embedding").type),
        "model": [model] * len(vectors),
        "period": [""] * len(vectors),
    }
    return pa.table(columns, schema)


def unrotated(features: pa.Table) -> pa.Table:
    place = features.schema.get_field_index("period")
    return features.set_column(place, features.schema.field(place), [[""] * features.num_rows])


def seen_twice(count: int = IDENTITIES, dimension: int = DIMENSION) -> tuple[np.ndarray, np.ndarray]:
    """(N, D) each, of length 1: every identity on one day and on the next. All resemble each other, as vehicles do."""
    rng = np.random.default_rng(7)
    identity = 0.7 * rng.normal(size=dimension) + rng.normal(size=(count, dimension))
    views = [identity + 0.5 * rng.normal(size=identity.shape) for _ in range(2)]
    return tuple(view / np.linalg.norm(view, axis=1, keepdims=True) for view in views)


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return cdist(a, b)


def found_first(queries: np.ndarray, gallery: np.ndarray) -> int:
    """How many queries have their own identity, which stands in the same row, nearest."""
    return int((distances(queries, gallery).argmin(1) == np.arange(len(queries))).sum())


def test_the_rotation_is_orthogonal_and_any_is_as_likely(keys):
    turns = np.stack([DayKey(MONDAY, bytes([i]) * 32, datetime.now(UTC)).rotation(8) for i in range(200)])
    np.testing.assert_allclose(turns @ turns.transpose(0, 2, 1), np.broadcast_to(np.eye(8), turns.shape), atol=1e-5)
    # Haar's measure: every entry has mean 0 and variance 1/D, and half of the matrices mirror.
    assert abs(turns.mean(0)).max() < 4 / np.sqrt(200 * 8)
    np.testing.assert_allclose(turns.var(0) * 8, 1, atol=4 * np.sqrt(2 / 200))
    assert 70 < (np.linalg.det(turns) > 0).sum() < 130
    key = keys.key(MONDAY)
    assert key.rotation(8) is key.rotation(8)
    assert not np.allclose(key.rotation(8), keys.key(TUESDAY).rotation(8), atol=0.1)


@pytest.mark.parametrize("dimension", [256, 384])
def test_distances_within_a_day_stay(keys, dimension):
    plain = table(np.concatenate(seen_twice(100, dimension)))
    sealed = seal(plain, keys.key(MONDAY))
    before, after = embedding_matrix(plain), embedding_matrix(sealed)
    np.testing.assert_allclose(distances(after, after), distances(before, before), atol=1e-3)
    assert abs((after * before).sum(1)).max() < 0.3, "and the embeddings are others"
    assert sealed.drop_columns(["embedding", "period"]).equals(plain.drop_columns(["embedding", "period"]))
    assert period_of(sealed) == f"2020-05-04#{keys.fingerprint(MONDAY)}"


def test_what_is_sealed_is_not_sealed_again(keys):
    with pytest.raises(ValueError, match="rotated already"):
        seal(seal(table(np.eye(4)), keys.key(MONDAY)), keys.key(TUESDAY))


def test_within_its_period_nothing_is_moved_and_no_key_is_needed(keys):
    sealed = seal(table(np.eye(4)), keys.key(MONDAY))
    keys.destroy(MONDAY)
    assert in_period(sealed, period_of(sealed), keys).equals(sealed)
    assert in_period(sealed, period_of(sealed)).equals(sealed)
    assert in_period(sealed, None).equals(sealed)


def test_another_day_is_moved_while_both_keys_exist(keys):
    first, second = seen_twice()
    monday, tuesday = seal(table(first, "m"), keys.key(MONDAY)), seal(table(second, "t"), keys.key(TUESDAY))
    both = pa.concat_tables([monday, tuesday])
    assert period_of(both) == period_of(tuesday)
    moved = in_period(both, period_of(tuesday), keys)
    assert moved["detection_id"].equals(both["detection_id"])
    assert set(moved["period"].to_pylist()) == {period_of(tuesday)}
    vectors = embedding_matrix(moved)
    np.testing.assert_array_equal(vectors[IDENTITIES:], embedding_matrix(tuesday))
    np.testing.assert_allclose(distances(vectors[:IDENTITIES], vectors[IDENTITIES:]), distances(first, second), atol=1e-3)


@pytest.mark.parametrize("destroyed", [MONDAY, TUESDAY])
def test_once_a_key_is_gone_a_vehicle_is_found_again_by_chance_alone(keys, destroyed):
    first, second = seen_twice()
    monday, tuesday = seal(table(first, "m"), keys.key(MONDAY)), seal(table(second, "t"), keys.key(TUESDAY))
    there = found_first(embedding_matrix(tuesday), embedding_matrix(in_period(monday, period_of(tuesday), keys)))
    assert there > 0.99 * IDENTITIES
    keys.destroy(destroyed)
    assert in_period(monday, period_of(tuesday), keys).num_rows == 0, "what could only be matched by chance is left out"
    still = found_first(embedding_matrix(tuesday), embedding_matrix(monday))  # who takes the stored numbers all the same
    interval = binomtest(still, IDENTITIES).proportion_ci(0.95, "exact")
    assert interval.low <= 1 / IDENTITIES <= interval.high < 0.02


def test_features_from_before_there_were_periods_are_of_an_open_one(keys):
    old = table(np.eye(4)).drop_columns(["period"])
    assert period_of(old) == ""
    assert in_period(old, "").equals(table(np.eye(4)))
    sealed = seal(table(np.eye(4)), keys.key(MONDAY))
    np.testing.assert_allclose(embedding_matrix(in_period(old, period_of(sealed), keys)), embedding_matrix(sealed), atol=1e-3)
    np.testing.assert_allclose(embedding_matrix(in_period(sealed, "", keys)), np.eye(4), atol=1e-3)


def test_no_features_are_of_no_period(keys):
    nothing = rows("features", dimension=4)
    assert period_of(nothing) is None
    assert in_period(nothing, "2020-05-04#00000000", keys).equals(nothing)
    assert period_of(seal(nothing, keys.key(MONDAY))) is None


def test_keys_of_another_place_are_refused(keys, tmp_path):
    sealed, other = seal(table(np.eye(4)), keys.key(MONDAY)), seal(table(np.eye(4)), keys.key(TUESDAY))
    elsewhere = KeyStore(str(tmp_path / "elsewhere"))
    with pytest.raises(CctviewError, match=r"has none for that day: name the place of their key in CCTVIEW_KEYS"):
        in_period(sealed, period_of(other), elsewhere)
    elsewhere.key(MONDAY), elsewhere.destroy(TUESDAY)
    with pytest.raises(CctviewError, match=r"rotated by the key \w{8}, but .*elsewhere has \w{8} for that day"):
        in_period(other, period_of(sealed), elsewhere)
    with pytest.raises(CctviewError, match="that takes the days' keys"):
        in_period(sealed, period_of(other))


def matched_and_continued(lake: Lake, place: Partition) -> dict[str, int]:
    """How many of a camera-hour's vehicles go on from the hour before, and were matched over midnight and within the day."""
    make(lake, "tracks", place)
    make(lake, "matches", place)
    matched = [row["gallery_track_id"] for row in lake.read("matches", place).to_pylist() if row["assigned"]]
    continued = [row for row in lake.read("tracks", place)["continues"].to_pylist() if row]
    across = [name for name in matched if "--2020-05-04--" in name]
    return {"continued": len(continued), "across": len(across), "within": len(matched) - len(across)}


def make(lake: Lake, table: str, place: Partition) -> None:
    definitions = build_definitions(lake.require_campaign())
    (asset,) = (each for each in definitions.assets if each.key.path[-1] == table)
    assert dg.materialize([asset], partition_key=to_key(place), resources=definitions.resources).success


def test_tracks_and_matches_go_on_over_midnight_until_a_key_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The real assets on made traffic: from the first camera to the second takes 84 s, and midnight lies between for many."""
    midnight = datetime(2020, 5, 5, tzinfo=UTC)
    lake, keys = Lake(str(tmp_path / "lake")), KeyStore(str(tmp_path / "keys"))
    hours = {midnight - HOUR: (midnight - timedelta(seconds=300), 0.0), midnight: (midnight, 300.0)}
    lake.write_campaign(campaign(start=midnight - HOUR, end=midnight + HOUR))
    for camera, later in (("cam-1", 0.0), ("cam-2", 84.0)):
        cars = [DrivenCar(i, 6.1 * i + later, away=False) for i in range(75)]
        for hour, (begin, second) in hours.items():
            made = drive(cars, 300, begin, second, camera=camera)
            tables = made.tables() | {"features": seal(unrotated(made.features), keys.key(hour.date()))}
            for name in ("raw_frames", "detections", "features"):
                lake.write(name, Partition.camera_hour(camera, hour), tables[name])
    monkeypatch.setenv("CCTVIEW_LAKE", lake.uri)
    monkeypatch.setenv("CCTVIEW_KEYS", keys.uri)
    monkeypatch.setattr(pictures, "MOST_PICTURES", 0)
    before, last = midnight - HOUR, Partition.camera_hour("cam-2", midnight)
    for camera, hour in (("cam-1", before), ("cam-2", before), ("cam-1", midnight)):
        make(lake, "tracks", Partition.camera_hour(camera, hour))
    with_keys = matched_and_continued(lake, last)
    keys.destroy(before.date())
    without = matched_and_continued(lake, last)
    assert with_keys["continued"] >= 1
    assert with_keys["across"] >= 8
    assert without["continued"] == without["across"] == 0
    assert without["within"] >= 0.9 * with_keys["within"] > 10, "within the day all is as before"
