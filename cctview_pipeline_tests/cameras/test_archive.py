"""The published layout as a network: capture time decides the hour, and every file is a frame or a rejected row, once."""

import io
import shutil
import tempfile
import zipfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cctview_pipeline.cameras.archive import ArchiveNetwork
from cctview_pipeline.campaign import HOUR
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.frames import CameraHour
from cctview_pipeline.images.jpeg import segments
from cctview_pipeline_tests.factories.archive import (
    HOUR_17,
    MAC_COMMENT,
    add_comments,
    clock_comment,
    draw_frame,
    make_archive,
    write_frame,
)
from cctview_pipeline_tests.factories.tables import utc

CAMERA = "735-683-N"
SECOND = timedelta(seconds=1)
ROAD = draw_frame(0.0, [])


def small(number: int = 0) -> bytes:
    """A JPEG of 16 x 16 pixels, another for each number."""
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), (number * 37 % 256, number // 7 % 256, 80)).save(buffer, "JPEG")
    return add_comments(buffer.getvalue(), b"\xff\xfe\x00\x06" + number.to_bytes(4, "big"))


def shot(fetched_at: datetime, late: float = 0.3, number: int = 0) -> bytes:
    """A small JPEG whose clock says that it was taken so many seconds after the file's name."""
    return add_comments(small(number), clock_comment(fetched_at + late * SECOND))


def everything(network: ArchiveNetwork, camera: str = CAMERA) -> dict[datetime, CameraHour]:
    return {hour: network.read_hour(camera, hour) for hour in network.hours(camera)}


def reasons(found: CameraHour) -> dict[str, str]:
    return {row.name: row.reason for row in found.rejected}


def zip_of(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w") as file:
        for path in sorted(folder.rglob("*")):
            file.write(path, path.relative_to(folder))
    return target


@pytest.fixture
def made(tmp_path) -> Path:
    """Two cameras, 12 frames each, over the turn of an hour, one of them damaged."""
    folder = tmp_path / "made"
    paths = make_archive(folder, ("cam-1", "cam-2"), begin=HOUR_17 - 10 * SECOND, frames=12)
    paths[3].write_bytes(paths[3].read_bytes()[:-100])
    return folder


def test_cameras_and_hours(made):
    network = ArchiveNetwork(made)
    assert network.cameras() == ["cam-1", "cam-2"]
    assert network.hours("cam-1") == [HOUR_17 - HOUR, HOUR_17]
    assert network.hours("cam-3") == []


def test_frames_come_in_order_with_both_times_and_their_size(made):
    frames = ArchiveNetwork(made).read_hour("cam-1", HOUR_17).frames
    assert [frame.captured_at for frame in frames] == [HOUR_17 + (2 * i + 0.34) * SECOND for i in range(7)]
    assert frames[0].fetched_at == HOUR_17
    assert (frames[0].frame_id, frames[0].camera_id) == ("cam-1--2020-05-05--13.00.00", "cam-1")
    assert (frames[0].width, frames[0].height) == (352, 240)


@pytest.mark.parametrize("prefix", ["", "FDR/2020/"])
def test_folder_and_zip_give_the_same(made, tmp_path, prefix):
    inside = tmp_path / "again" / prefix
    shutil.copytree(made, inside, dirs_exist_ok=True)
    folder, zipped = ArchiveNetwork(made), ArchiveNetwork(zip_of(tmp_path / "again", tmp_path / "made.zip"))
    assert zipped.cameras() == folder.cameras()
    assert everything(zipped, "cam-1") == everything(folder, "cam-1")
    assert everything(zipped, "cam-2") == everything(folder, "cam-2")


def test_folder_of_zips_and_loose_frames_is_one_archive(made, tmp_path):
    expected = {camera: everything(ArchiveNetwork(made), camera) for camera in ("cam-1", "cam-2")}
    mixed = tmp_path / "mixed"
    shutil.move(made / "cam-2", mixed / "cam-2")
    zip_of(made, mixed / "first.zip")
    assert {camera: everything(ArchiveNetwork(mixed), camera) for camera in ("cam-1", "cam-2")} == expected


def test_frame_captured_after_the_hour_belongs_to_the_next_hour_only(tmp_path):
    fetched_at = HOUR_17 + HOUR - SECOND
    write_frame(tmp_path, CAMERA, fetched_at, shot(fetched_at, late=1.5))
    network = ArchiveNetwork(tmp_path)
    assert network.hours(CAMERA) == [HOUR_17, HOUR_17 + HOUR]
    assert network.read_hour(CAMERA, HOUR_17) == CameraHour([], [])
    (frame,) = network.read_hour(CAMERA, HOUR_17 + HOUR).frames
    assert frame.captured_at == HOUR_17 + HOUR + SECOND / 2
    assert frame.frame_id == f"{CAMERA}--2020-05-05--13.59.59"


def test_frame_captured_before_the_hour_belongs_to_the_hour_before_only(tmp_path):
    write_frame(tmp_path, CAMERA, HOUR_17, shot(HOUR_17, late=-0.5))
    network = ArchiveNetwork(tmp_path)
    assert [len(found.frames) for found in everything(network).values()] == [1, 0]
    assert network.hours(CAMERA) == [HOUR_17 - HOUR, HOUR_17]


@pytest.mark.parametrize(
    ("fetched_at", "name"),
    [("2020-05-05T17:34:46", "2020-05-05--13.34.46"), ("2020-01-05T18:34:46", "2020-01-05--13.34.46")],
)
def test_without_a_clock_the_name_tells_the_time_in_new_york(tmp_path, fetched_at, name):
    time = utc(fetched_at)
    write_frame(tmp_path, CAMERA, time, small())
    (frame,) = ArchiveNetwork(tmp_path).read_hour(CAMERA, time.replace(minute=0, second=0)).frames
    assert frame.captured_at == frame.fetched_at == time
    assert frame.frame_id == f"{CAMERA}--{name}"


def test_repeated_hour_without_a_clock_is_its_first_pass(tmp_path):
    write_frame(tmp_path, CAMERA, utc("2020-11-01T06:30:00"), small())
    found = everything(ArchiveNetwork(tmp_path))
    assert {hour.hour: len(each.frames) for hour, each in found.items()} == {5: 1, 6: 0}


def test_repeated_hour_with_a_clock_is_told_apart(tmp_path):
    for number, time in enumerate((utc("2020-11-01T05:10:00"), utc("2020-11-01T06:30:00"))):
        write_frame(tmp_path, CAMERA, time, shot(time, number=number))
    found = everything(ArchiveNetwork(tmp_path))
    times = {hour.hour: [frame.fetched_at for frame in each.frames] for hour, each in found.items()}
    assert times == {5: [utc("2020-11-01T05:10:00")], 6: [utc("2020-11-01T06:30:00")]}


def test_each_reason_for_rejecting_names_its_frame(tmp_path):
    good, late = shot(HOUR_17, number=1), shot(HOUR_17 + 50 * SECOND, late=5.5, number=2)
    broken = ROAD.replace(b"\xff\xdb", b"\xff\xfe")
    given_bytes = {"truncated": ROAD[:-1000], "undecodable": broken, "capture_time": late, "duplicate": good}
    write_frame(tmp_path, CAMERA, HOUR_17, good)
    written = {write_frame(tmp_path, CAMERA, HOUR_17 + 50 * SECOND, late).name: "capture_time"}
    for second, reason in enumerate(("truncated", "undecodable", "duplicate"), 1):
        written[write_frame(tmp_path, CAMERA, HOUR_17 + second * SECOND, given_bytes[reason]).name] = reason
    wrong = write_frame(tmp_path, CAMERA, HOUR_17 + 4 * SECOND, small(9))
    written[wrong.rename(wrong.with_name("picture.jpeg")).name] = "wrong_name"
    found = ArchiveNetwork(tmp_path).read_hour(CAMERA, HOUR_17)
    assert len(found.frames) == 1
    assert reasons(found) == written
    details = {row.reason: row.detail for row in found.rejected}
    assert details["capture_time"] == "The camera's time is +5.5 s from the file's name; 5 s are allowed."
    assert (
        details["duplicate"] == f"It is the same as {CAMERA}/2020/05/05/13/00/00/{CAMERA}--2020-05-05--13.00.00--original.jpeg."
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"\xff", "truncated"),
        (ROAD[:100], "truncated"),
        (ROAD[:-20], "truncated"),
        (ROAD[:-2000] + b"\xff\xd9", "truncated"),
        (b"\x89PNG\r\n\x1a\n" + b"0" * 99, "placeholder"),
        (ROAD.replace(b"\xff\xdb", b"\xff\xfe"), "undecodable"),
    ],
)
def test_what_is_no_whole_picture(tmp_path, data, reason):
    path = write_frame(tmp_path, CAMERA, HOUR_17, data)
    assert reasons(ArchiveNetwork(tmp_path).read_hour(CAMERA, HOUR_17)) == {path.name: reason}


def test_the_same_damage_is_told_in_the_same_words(tmp_path):
    """Or a second run would make another table of the same files."""
    write_frame(tmp_path, CAMERA, HOUR_17, b"".join(piece for marker, piece in segments(ROAD) if marker != 0xC0))
    first, second = (ArchiveNetwork(tmp_path).read_hour(CAMERA, HOUR_17).rejected for _ in range(2))
    assert first == second
    assert " object at 0x" not in first[0].detail


@pytest.mark.parametrize(
    "name",
    [
        "731-679-N--2020-05-05--13.00.07--original.jpeg",
        f"{CAMERA}--2020-05-05--13.00.07.jpeg",
        f"{CAMERA}--2020-05-05--13.00.60--original.jpeg",
        "snapshot.PNG",
    ],
)
def test_wrong_names(tmp_path, name):
    path = write_frame(tmp_path, CAMERA, HOUR_17, small())
    path.rename(path.with_name(name))
    found = {hour: reasons(each) for hour, each in everything(ArchiveNetwork(tmp_path)).items()}
    assert found == {HOUR_17: {name: "wrong_name"}}


def test_crops_and_drawings_made_from_frames_are_no_frames(tmp_path):
    path = write_frame(tmp_path, CAMERA, HOUR_17, small())
    for ending in ("--detections.jpeg", "--detections--1--car--90.0--4x4--0.0v4.4.jpeg", "--detections.json"):
        path.with_name(path.name.replace("--original.jpeg", ending)).write_bytes(small(5))
    found = ArchiveNetwork(tmp_path).read_hour(CAMERA, HOUR_17)
    assert (len(found.frames), found.rejected) == (1, [])


def test_no_hardware_address_and_no_comment_is_left(made):
    frames = [frame for found in everything(ArchiveNetwork(made), "cam-1").values() for frame in found.frames]
    assert len(frames) == 11
    for frame in frames:
        assert MAC_COMMENT[6:] not in frame.jpeg
        assert 0xFE not in {marker for marker, _ in segments(frame.jpeg)}


def test_missing_path_is_told(tmp_path):
    with pytest.raises(CctviewError) as refusal:
        ArchiveNetwork(tmp_path / "nowhere")
    assert str(refusal.value) == f"The archive {tmp_path}/nowhere does not exist."


def test_empty_folder_is_told(tmp_path):
    with pytest.raises(CctviewError, match=r"is no archive: expected <camera>/YYYY/.*; it is empty\.$"):
        ArchiveNetwork(tmp_path)


def test_folder_of_pngs_is_told_what_it_holds(tmp_path):
    for number in range(3):
        Image.new("RGB", (4, 4)).save(tmp_path / f"{number}.png")
    with pytest.raises(
        CctviewError,
        match=r"is no archive: expected .*; it holds 3 files, mostly '.png' \(`--network pictures` reads them in any layout\)\.$",
    ):
        ArchiveNetwork(tmp_path)


@pytest.mark.parametrize("name", ["broken.zip", "frames.tar"])
def test_file_that_is_no_zip_is_told(tmp_path, name):
    (tmp_path / name).write_bytes(b"no zip")
    with pytest.raises(CctviewError, match=rf"{name} is no readable zip file"):
        ArchiveNetwork(tmp_path / name)


def test_zip_of_something_else_is_told(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "readme.txt").write_text("hello")
    with pytest.raises(CctviewError, match=r"other.zip is no archive: expected"):
        ArchiveNetwork(zip_of(tmp_path / "other", tmp_path / "other.zip"))


def file_names(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file())


def found_names(root: Path) -> list[str]:
    """Every file that the network hands over, as a frame or as rejected, as often as it does."""
    found = everything(ArchiveNetwork(root)).values()
    frames = [f"{frame.frame_id}--original.jpeg" for each in found for frame in each.frames]
    return sorted(frames + [row.name for each in found for row in each.rejected])


KINDS = ("clock", "no clock", "truncated", "undecodable", "wrong name", "copy")
files = st.tuples(st.integers(-20, 20), st.sampled_from(KINDS), st.integers(-60, 60))


@given(st.lists(files, min_size=1, max_size=8, unique_by=lambda file: file[0]))
def test_every_file_is_a_frame_or_rejected_in_exactly_one_hour(files):
    with tempfile.TemporaryDirectory() as name:
        root, last = Path(name), small(999)
        for second, kind, late in files:
            fetched_at = HOUR_17 + second * SECOND
            whole = shot(fetched_at, late / 10, number=second + 100)
            data = {"clock": whole, "no clock": small(second + 100), "truncated": whole[:-20], "copy": last}.get(kind, b"?")
            path = write_frame(root, CAMERA, fetched_at, data)
            last = data
            if kind == "wrong name":
                path.rename(path.with_name(f"{second}.jpeg"))
        assert found_names(root) == file_names(root)


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4))
def test_damaged_bytes_never_stop_a_run(damage):
    with tempfile.TemporaryDirectory() as name:
        data = bytearray(shot(HOUR_17))
        for position, value in damage:
            data[position % len(data)] = value
        write_frame(Path(name), CAMERA, HOUR_17, bytes(data))
        assert len(found_names(Path(name))) == 1


def test_copy_of_a_frame_over_the_hours_turn_is_rejected_once(tmp_path):
    """Captured at 16:59:56, fetched at :53, and the same bytes again in the next hour, within the tolerance."""
    data = shot(HOUR_17 - 7 * SECOND, late=3)
    write_frame(tmp_path, CAMERA, HOUR_17 - 7 * SECOND, data)
    copy = write_frame(tmp_path, CAMERA, HOUR_17 + SECOND, data)
    found = everything(ArchiveNetwork(tmp_path)).values()
    assert Counter(reason for each in found for reason in reasons(each).items()) == {(copy.name, "duplicate"): 1}
    assert found_names(tmp_path) == file_names(tmp_path)


def test_frame_in_the_folder_of_another_hour_is_set_aside_not_dropped(tmp_path):
    write_frame(tmp_path, CAMERA, HOUR_17, small(1))
    path = write_frame(tmp_path, CAMERA, HOUR_17 + 5 * HOUR, small(2))
    target = tmp_path / CAMERA / "2020/05/05/13/00/01" / path.name
    target.parent.mkdir(parents=True)
    path.rename(target)
    assert found_names(tmp_path) == file_names(tmp_path)


def test_folder_of_an_hour_that_spring_skips_is_set_aside_not_dropped(tmp_path):
    folder = tmp_path / CAMERA / "2020/03/08/02/30/00"
    folder.mkdir(parents=True)
    (folder / f"{CAMERA}--2020-03-08--02.30.00--original.jpeg").write_bytes(small())
    assert found_names(tmp_path) == file_names(tmp_path)


def test_hours_are_utc(tmp_path):
    write_frame(tmp_path, CAMERA, HOUR_17, small())
    assert [hour.tzinfo for hour in ArchiveNetwork(tmp_path).hours(CAMERA)] == [UTC]
