"""What is erased is gone from every table that rests on it, and does not come back."""

import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from cctview_pipeline.analytics.marts import MARTS
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.ids import DetectionId
from cctview_pipeline.images import decode, encode_jpeg
from cctview_pipeline.lake import Lake, Partition, layout
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.lake.storage import Storage
from cctview_pipeline.privacy.erasures import KEPT, RULES, Erasure, Erasures, erased_tracks, painted_over
from cctview_pipeline.privacy.forgetting import drop_spent, erase, erase_late, of_journey, of_span, unfinished
from cctview_pipeline.privacy.keys import KeyStore
from cctview_pipeline.privacy.retention import STRANGER
from cctview_pipeline.privacy.tombstones import Tombstone, Tombstones
from cctview_pipeline.redaction.masking import GREY
from cctview_pipeline.spool.folder import SpoolFolder
from cctview_pipeline.spool.records import Kind, Record
from cctview_pipeline.spool.segments import microseconds
from cctview_pipeline.spool.writer import SpoolWriter
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.blue_lake import (
    FIRST,
    GRAPH,
    OVER_THE_HOUR,
    SECOND,
    blue,
    blue_lake,
    frame,
    passes,
    picture,
)
from cctview_pipeline_tests.factories.killed import dies_at, end_of
from cctview_pipeline_tests.factories.pseudonyms import pseudonym_of
from cctview_pipeline_tests.factories.tables import NORTH, SOUTH, campaign, rows

NOW = datetime(2020, 5, 6, 12, tzinfo=UTC)
AROUND_FIRST = HOUR_17 + timedelta(seconds=FIRST - 60), HOUR_17 + timedelta(seconds=FIRST + 30)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return blue_lake(str(tmp_path / "lake"))


def all_bytes(folder: str | Path) -> bytes:
    return b"".join(
        path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file() and "tombstones" not in path.parts
    )


def everything(lake: Lake, table: str) -> pa.Table:
    return pa.concat_tables(lake.read(*layout.parse_key(key)) for key in lake.keys(table))


def erase_first(lake: Lake, **changes):
    erasure = of_span(lake, campaign(), [NORTH.id], *AROUND_FIRST, "letter 12", NOW)
    return erase(lake, campaign(), erasure, GRAPH, **changes)


def test_a_span_goes_from_every_table(lake: Lake):
    report = erase_first(lake)
    north, south = passes(FIRST)
    assert not {frame(NORTH.id, time) for time in north.times} & set(everything(lake, "raw_frames")["frame_id"].to_pylist())
    for table in ("detections", "crops", "features"):
        left = set(everything(lake, table)["detection_id"].to_pylist())
        assert not left & set(north.detections)
        assert left >= set(south.detections), "another camera's are not touched"
    assert north.track not in everything(lake, "tracks")["track_id"].to_pylist()
    assert south.track not in everything(lake, "matches")["query_track_id"].to_pylist(), "its match was with what is gone"
    assert north.journey not in everything(lake, "journeys")["journey_id"].to_pylist()
    assert everything(lake, "journeys").num_rows == 4, "the two other vehicles' journeys stay"
    assert list(report.changed) == [table for table in GRAPH if table in RULES]
    assert report.changed["detections"] == {"cam-1 2020-05-05T17": 3}
    assert report.changed["rejected_frames"] == {"cam-1 2020-05-05T17": 1}


def test_a_file_that_somebody_put_into_the_lake_stops_no_erasure_and_is_told(lake: Lake):
    copy = "tracks/camera=cam-1/hour=2020-05-05T17 (copy)/part-0.parquet"
    lake.storage.write(copy, b"x")
    report = erase_first(lake)
    assert report.kept[f"{lake.uri}/{copy}"] == STRANGER
    assert report.changed["detections"] == {"cam-1 2020-05-05T17": 3}


def test_the_marts_are_made_anew(lake: Lake):
    count = lambda: sum(everything(lake, "vehicle_counts")["vehicles"].to_pylist())  # noqa: E731
    before = count()
    report = erase_first(lake)
    assert count() == before - 1
    assert report.made_anew == [f"{mart} 2020-05-05" for mart in MARTS]


def test_marts_stay_where_what_they_were_made_from_is_gone(lake: Lake):
    before = everything(lake, "vehicle_counts")
    place = Partition.camera_hour(SOUTH.id, HOUR_17)
    Tombstones(lake).put(Tombstone("passages", place, "old", NOW))
    report = erase_first(lake)
    assert everything(lake, "vehicle_counts") == before
    assert "gone for good" in report.kept["vehicle_counts 2020-05-05"]


def test_one_vehicle_goes_and_the_others_stay(lake: Lake, tmp_path: Path):
    keys = KeyStore(str(tmp_path / "keys"))
    one, other = passes(SECOND), passes(FIRST)
    erase(lake, campaign(), of_journey(lake, keys, one[0].journey, "letter 13", NOW), GRAPH)
    shown = {row["frame_id"]: decode(row["jpeg"]) for row in everything(lake, "raw_frames").to_pylist()}
    for each in one:
        assert not any(blue(shown[frame(each.camera, time)]).any() for time in each.times)
    for each in other:
        assert all(blue(shown[frame(each.camera, time)]).any() for time in each.times)
    told = pa.concat_tables(everything(lake, table).select([0]).rename_columns(["id"]) for table in ("crops", "features"))
    assert not set(told["id"].to_pylist()) & {*one[0].detections, *one[1].detections}
    assert set(everything(lake, "journeys")["journey_id"].to_pylist()) == {other[0].journey, passes(OVER_THE_HOUR)[0].journey}


def test_boxes_below_the_threshold_go_with_their_vehicle(lake: Lake, tmp_path: Path):
    """Each vehicle's second box is one that was recovered."""
    for key in lake.keys("tracks"):
        table, place = layout.parse_key(key)
        said = lake.read(table, place).to_pylist()
        for row in said:
            first, middle, last = row["detection_ids"]
            row |= {"detection_ids": [first, last], "sizes": row["sizes"][:2], "recovered_ids": [middle]}
        lake.write(table, place, rows(table, *said))
    one = passes(SECOND)
    erasure = of_journey(lake, KeyStore(str(tmp_path / "keys")), one[0].journey, "letter 13", NOW)
    assert set(erasure.detections) == {*one[0].detections, *one[1].detections}
    seen = everything(lake, "tracks")
    by_box = replace(erasure, tracks=(), detections=(one[0].detections[1],))
    assert seen.filter(pa.array(erased_tracks(by_box, seen)))["track_id"].to_pylist() == [one[0].track]


@pytest.mark.parametrize(("width", "height"), [(128, 96), (256, 192), (64, 48)])
def test_a_vehicle_is_painted_over_where_it_is_in_a_frame_of_another_size(width: int, height: int):
    """As the spool may have it, where the lake's frame was stored smaller."""
    one = DetectionId.parse(passes(FIRST)[0].detections[0])
    erasure = Erasure(id="e", why="letter", asked_at=NOW, detections=(str(one),), frame_sizes={one.frame_id: (128, 96)})
    sent = np.asarray(Image.fromarray(decode(picture(vehicle=True))).resize((width, height), Image.Resampling.NEAREST))
    left = decode(painted_over(erasure, one.frame_id, encode_jpeg(sent)))
    assert blue(sent).any()
    assert left.shape == (height, width, 3)
    assert not blue(left).any()
    assert (np.abs(left[-4:].astype(int) - sent[-4:]) < 6).all(), "what is elsewhere stays"


def test_where_a_frame_shows_something_else_than_when_the_vehicle_was_found_all_of_it_goes():
    one = DetectionId.parse(passes(FIRST)[0].detections[0])
    erasure = Erasure(id="e", why="letter", asked_at=NOW, detections=(str(one),), frame_sizes={one.frame_id: (200, 96)})
    assert np.abs(decode(painted_over(erasure, one.frame_id, picture(vehicle=True))).astype(int) - GREY).max() < 12


def test_a_journey_over_the_hour_s_end_goes_whole(lake: Lake, tmp_path: Path):
    north, south = passes(OVER_THE_HOUR)
    report = erase(lake, campaign(), of_journey(lake, KeyStore(str(tmp_path / "keys")), north.journey, "letter", NOW), GRAPH)
    assert set(report.changed["journeys"]) == {"2020-05-05T17", "2020-05-05T18"}
    assert {north.track, south.track}.isdisjoint(everything(lake, "tracks")["track_id"].to_pylist())


def test_a_subject_s_request_names_the_pseudonym_that_a_query_told(lake: Lake, tmp_path: Path):
    keys = KeyStore(str(tmp_path / "keys"))
    journey = passes(FIRST)[0].journey
    assert of_journey(lake, keys, pseudonym_of(keys, journey), "letter", NOW).journeys == (journey,)
    with pytest.raises(CctviewError, match="no journey 'abc'"):
        of_journey(lake, keys, "abc", "letter", NOW)


def test_what_is_written_again_lacks_what_was_erased(lake: Lake, tmp_path: Path):
    fresh = blue_lake(str(tmp_path / "again"))
    one = passes(SECOND)
    erase_first(lake)
    erase(lake, campaign(), of_journey(lake, KeyStore(str(tmp_path / "keys")), one[0].journey, "letter", NOW), GRAPH)
    erasures = Erasures(lake)
    for table in RULES:
        for camera in (NORTH.id, SOUTH.id):
            place = Partition.of_hour(HOUR_17) if table == "journeys" else Partition.camera_hour(camera, HOUR_17)
            again = erasures.apply(table, place, fresh.read(table, place))
            assert again.num_rows == lake.read(table, place).num_rows, f"{table} {camera}"


def test_erasing_twice_changes_nothing_more(lake: Lake, tmp_path: Path):
    erasure = of_journey(lake, KeyStore(str(tmp_path / "keys")), passes(FIRST)[0].journey, "letter", NOW)
    erase(lake, campaign(), erasure, GRAPH)
    before = {key: lake.storage.read(key).to_pybytes() for table in TABLES for key in lake.keys(table)}
    assert erase(lake, campaign(), erasure, GRAPH).changed == {}
    assert before == {key: lake.storage.read(key).to_pybytes() for table in TABLES for key in lake.keys(table)}


@pytest.mark.parametrize("step", [1, 2, 4, 7])
def test_killed_in_the_middle_and_run_again(tmp_path: Path, step: int):
    """The process dies before its n-th write to the lake."""
    lake = blue_lake(str(tmp_path / "lake"))

    def erase_and_die() -> None:
        Storage.write = dies_at(Storage.write, step)
        erase_first(lake)

    assert end_of(erase_and_die) == -signal.SIGKILL
    for erasure in unfinished(lake) or [of_span(lake, campaign(), [NORTH.id], *AROUND_FIRST, "letter 12", NOW)]:
        erase(lake, campaign(), erasure, GRAPH)
    assert unfinished(lake) == []
    north, _ = passes(FIRST)
    everywhere = all_bytes(lake.uri)
    assert not any(name.encode() in everywhere for name in (*north.detections, north.track, north.journey))


def test_the_spool_forgets_as_well(tmp_path: Path):
    lake, spool = blue_lake(str(tmp_path / "lake")), tmp_path / "spool"
    writer = SpoolWriter(spool / "1", 1 << 30)
    for each in (*passes(FIRST), *passes(SECOND)):
        for time in each.times:
            writer.append(
                Record(
                    kind=Kind.FRAME,
                    camera_id=each.camera,
                    captured_us=microseconds(time),
                    fetched_us=microseconds(time),
                    payload=picture(vehicle=True),
                )
            )
    writer.append(
        Record(
            kind=Kind.EVENT,
            camera_id="",
            captured_us=microseconds(HOUR_17),
            fetched_us=microseconds(HOUR_17),
            payload=b'{"ends": true}',
        )
    )
    writer.close()
    (of_then, of_another_day) = (spool / f"{day}-1588698000000001.damaged" for day in ("20200505T17", "20200601T17"))
    for path in (of_then, of_another_day):
        path.write_bytes(b"what nobody can read")
    erase_first(lake, spool=SpoolFolder(spool))
    assert [path.exists() for path in (of_then, of_another_day)] == [False, True]
    journey = of_journey(lake, KeyStore(str(tmp_path / "keys")), passes(SECOND)[0].journey, "letter", NOW)
    erase(lake, campaign(), journey, GRAPH, SpoolFolder(spool))
    kept = list(SpoolFolder(spool).records())
    names = [frame(r.camera_id, datetime.fromtimestamp(r.captured_us / 1e6, UTC)) for r in kept if r.kind == Kind.FRAME]
    assert len(kept) == 10, "three frames of twelve are gone, the note is there"
    assert not set(names) & {frame(NORTH.id, time) for time in passes(FIRST)[0].times}
    shows = {
        name: blue(decode(r.payload)).any() for name, r in zip(names, [r for r in kept if r.kind == Kind.FRAME], strict=True)
    }
    assert {name for name, shown in shows.items() if shown} == {frame(SOUTH.id, time) for time in passes(FIRST)[1].times}
    assert list(spool.rglob("*.partial")) == []
    late = SpoolWriter(spool / "2", 1 << 30)  # a collector that was cut off
    for name, time in ((NORTH.id, passes(FIRST)[0].times[0]), (NORTH.id, NOW)):
        at = microseconds(time)
        late.append(Record(kind=Kind.FRAME, camera_id=name, captured_us=at, fetched_us=at, payload=picture(vehicle=True)))
    late.close()
    assert erase_late(lake, SpoolFolder(spool)) == 1
    assert erase_late(lake, SpoolFolder(spool)) == 0
    assert len(list(SpoolFolder(spool).records())) == 11


def test_what_is_not_over_is_not_erased(lake: Lake, tmp_path: Path):
    with pytest.raises(CctviewError, match="what is past"):
        of_span(lake, campaign(), [NORTH.id], HOUR_17, HOUR_17 + timedelta(hours=1), "letter", HOUR_17)
    with pytest.raises(CctviewError, match="end after it begins"):
        of_span(lake, campaign(), [NORTH.id], HOUR_17, HOUR_17, "letter", NOW)
    with pytest.raises(CctviewError, match="'cam-9' is not in this campaign"):
        of_span(lake, campaign(), ["cam-9"], *AROUND_FIRST, "letter", NOW)
    writer = SpoolWriter(tmp_path / "spool" / "1", 1 << 30)
    writer.append(
        Record(
            kind=Kind.FRAME, camera_id=NORTH.id, captured_us=microseconds(HOUR_17), fetched_us=microseconds(HOUR_17), payload=b""
        )
    )
    writer.flush()
    with pytest.raises(CctviewError, match="still writes an hour"):
        erase_first(lake, spool=SpoolFolder(tmp_path / "spool"))


def test_every_table_has_a_rule(lake: Lake):
    assert set(RULES) | set(KEPT) | set(MARTS) == set(TABLES)
    with pytest.raises(CctviewError, match="does to plates"):
        erase(lake, campaign(), of_span(lake, campaign(), [NORTH.id], *AROUND_FIRST, "x", NOW), GRAPH | {"plates": {"crops"}})


def test_the_note_of_what_lies_outside_the_campaign_stays(lake: Lake):
    erase_first(lake)
    later = HOUR_17 + timedelta(days=1)
    assert drop_spent(lake, campaign(start=later, end=later + timedelta(hours=1))) == []


def test_the_note_itself_goes_when_nothing_can_bring_the_vehicle_back(lake: Lake):
    erase_first(lake)
    assert drop_spent(lake, campaign()) == []
    Tombstones(lake).put(Tombstone("raw_frames", Partition.camera_hour(NORTH.id, HOUR_17), "old", NOW))
    assert len(drop_spent(lake, campaign())) == 1
    assert list(Erasures(lake)) == []
