"""What the world really sends as an archive: one bad file takes no other with it, and nothing is left out without a word."""

import errno
import os
import re
import tempfile
import threading
import time
import zipfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctview_pipeline.cameras.archive import ArchiveNetwork
from cctview_pipeline.campaign import HOUR, floor_hour
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.frames import Rejected
from cctview_pipeline.ids import NEW_YORK, FrameId
from cctview_pipeline.images.jpeg import read_whole
from cctview_pipeline.limits import ARCHIVE_DEPTH, PICTURE_BYTES
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.odd_archives import (
    SECOND,
    flip,
    frame_name,
    frames,
    patch_entry,
    place,
    small,
    write,
    zip_up,
)
from cctview_pipeline_tests.factories.odd_pictures import encoded

CAMERA = "735-683-N"
OTHER = "733-681-N"
GOOD = frames(CAMERA, HOUR_17, 20)
FIFTH = place(CAMERA, HOUR_17 + 5 * SECOND)
NAME = Path(FIFTH).name


def seen(root: Path, camera: str = CAMERA) -> tuple[list[str], list[Rejected]]:
    """The names of all frames of a camera, and all that was set aside."""
    network = ArchiveNetwork(root)
    hours = [network.read_hour(camera, hour) for hour in network.hours(camera)]
    names = [f"{frame.frame_id}--original.jpeg" for each in hours for frame in each.frames]
    return names, [row for each in hours for row in each.rejected]


def unused(root: Path) -> dict[str, int]:
    return {found.reason: found.count for found in ArchiveNetwork(root).unused()}


def the_rest_is_read(root: Path) -> Rejected:
    """The one row of the fifth picture, when the nineteen others are frames."""
    names, rejected = seen(root)
    assert sorted(names) == sorted(Path(name).name for name in GOOD if name != FIFTH)
    (row,) = rejected
    assert row.name == NAME
    assert " object at " not in row.detail
    return row


def damage_byte(path: Path) -> None:
    flip(path, FIFTH)


def damage_local_header(path: Path) -> None:
    flip(path, FIFTH, -10)


def encrypt(path: Path) -> None:
    patch_entry(path, FIFTH, flags=1)


def compress_strangely(path: Path) -> None:
    patch_entry(path, FIFTH, method=99)


def say_that_it_is_huge(path: Path) -> None:
    patch_entry(path, FIFTH, size=3 << 30)


def say_that_it_is_smaller(path: Path) -> None:
    patch_entry(path, FIFTH, size=10)


@pytest.mark.parametrize(
    ("damage", "reason", "detail"),
    [
        (damage_byte, "unreadable", "The bytes of the entry in f.zip are damaged: their checksum is another."),
        (damage_local_header, "unreadable", "The header of the entry in f.zip is damaged."),
        (encrypt, "unreadable", "The bytes of the entry in f.zip are encrypted: unpack it with its password."),
        (compress_strangely, "unreadable", "The compression of the entry in f.zip is not known (method 99)."),
        (say_that_it_is_huge, "too_large", f"A picture of {3 << 30:,} bytes is refused: {PICTURE_BYTES.most:,} are allowed."),
        (say_that_it_is_smaller, "unreadable", "The bytes of the entry in f.zip are damaged: their checksum is another."),
    ],
)
def test_one_bad_entry_of_a_zip_costs_one_frame(tmp_path: Path, damage, reason: str, detail: str):
    damage(zip_up(tmp_path / "f.zip", GOOD))
    row = the_rest_is_read(tmp_path)
    assert (row.reason, row.detail, row.sha256) == (reason, detail, "")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damaged_compressed_bytes_cost_one_frame(tmp_path: Path, method: int):
    flip(zip_up(tmp_path / "f.zip", GOOD, method), FIFTH, 12)
    assert the_rest_is_read(tmp_path).reason == "unreadable"


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path):
    zip_up(tmp_path / "f.zip", GOOD | {FIFTH: bytes(100 << 20)}, zipfile.ZIP_DEFLATED)
    assert the_rest_is_read(tmp_path).reason == "too_large"


def as_folder(path: Path) -> None:
    path.mkdir()


def as_pipe(path: Path) -> None:
    os.mkfifo(path)


def as_dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


def as_link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize(
    ("make", "detail"),
    [
        (as_folder, "It is a folder, not a file."),
        (as_pipe, "It is a pipe, a socket or a device, not a file."),
        (as_dangling_link, "It was there when the archive was listed and is gone, or is a link that leads nowhere."),
        (as_link_to_itself, "It is a link that leads back to itself."),
    ],
)
def test_what_is_only_named_like_a_picture_is_set_aside(tmp_path: Path, make, detail: str):
    write(tmp_path, GOOD)
    (tmp_path / FIFTH).unlink()
    make(tmp_path / FIFTH)
    assert the_rest_is_read(tmp_path).detail == detail


@pytest.mark.parametrize(("number", "detail"), [(errno.EACCES, "not permitted"), (errno.EIO, "The disk reports an error")])
def test_a_file_that_the_system_does_not_give_is_set_aside(tmp_path: Path, monkeypatch, number: int, detail: str):
    """By a system call that fails: the tests may run as root, who may read everything."""
    write(tmp_path, GOOD)
    open_file = os.open

    def refusing(path, *more):
        if str(path).endswith(NAME):
            raise OSError(number, "the system's own words", str(path))
        return open_file(path, *more)

    monkeypatch.setattr(os, "open", refusing)
    row = the_rest_is_read(tmp_path)
    assert detail in row.detail
    assert "own words" not in row.detail


def test_a_file_that_vanishes_after_it_was_listed_is_set_aside(tmp_path: Path):
    write(tmp_path / "flat", {Path(name).name: data for name, data in GOOD.items()})
    network = ArchiveNetwork(tmp_path)
    network.cameras()
    (tmp_path / "flat" / NAME).unlink()
    found = network.read_hour(CAMERA, HOUR_17)
    assert (len(found.frames), [row.reason for row in found.rejected]) == (19, ["unreadable"])


def test_a_file_that_is_too_large_is_set_aside(tmp_path: Path):
    write(tmp_path, GOOD)
    with open(tmp_path / FIFTH, "ab") as file:
        file.truncate(int(PICTURE_BYTES.most) + 1)
    assert the_rest_is_read(tmp_path).reason == "too_large"


def test_whatever_a_decoder_stumbles_over_costs_one_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path, GOOD)

    def stumbling(data: bytes):
        if data == GOOD[FIFTH]:
            raise RecursionError("maximum depth")
        return read_whole(data)

    monkeypatch.setattr("cctview_pipeline.cameras.archive.read_whole", stumbling)
    names, rejected = seen(tmp_path)
    assert len(names) == 19
    assert [row.detail for row in rejected] == ["A decoder stumbled over it unexpectedly (RecursionError)."]


@pytest.mark.parametrize("name", [f"../{FIFTH}", f"/{FIFTH}", f"C:/{FIFTH}", f"..\\{FIFTH}"])
def test_an_entry_whose_path_leads_out_of_its_zip_is_set_aside(tmp_path: Path, name: str):
    zip_up(tmp_path / "f.zip", {name if place == FIFTH else place: data for place, data in GOOD.items()})
    assert the_rest_is_read(tmp_path).detail == "The path of the entry in f.zip leads out of it."


def test_two_entries_of_one_name_are_a_frame_and_a_duplicate(tmp_path: Path):
    zip_up(tmp_path / "f.zip", GOOD)
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(tmp_path / "f.zip", "a") as file:
        file.writestr(FIFTH, small(99))
    names, rejected = seen(tmp_path)
    assert len(names) == 20
    assert [(row.name, row.reason) for row in rejected] == [(NAME, "duplicate")]


@pytest.mark.parametrize("size", [0, 100, 0.5, -10], ids=["empty", "a hundred bytes", "half", "without its last ten bytes"])
def test_an_unfinished_zip_is_counted_and_the_rest_is_read(tmp_path: Path, size: float):
    write(tmp_path, GOOD)
    whole = zip_up(tmp_path / "download.zip", frames(OTHER, HOUR_17, 5)).read_bytes()
    (tmp_path / "download.zip").write_bytes(whole[: int(len(whole) * size) if isinstance(size, float) else size])
    assert len(seen(tmp_path)[0]) == 20
    (found,) = ArchiveNetwork(tmp_path).unused()
    assert (found.reason, found.count, found.example) == ("damaged_zip", 1, "download.zip")
    assert found.sentence.endswith("(`zip -FF` may mend them): download.zip")


def test_a_zip_whose_list_of_entries_is_damaged_is_counted(tmp_path: Path):
    write(tmp_path, GOOD)
    path = zip_up(tmp_path / "f.zip", frames(OTHER, HOUR_17, 5))
    data = path.read_bytes()
    path.write_bytes(data.replace(b"PK\x01\x02", b"PK\x01\x09", 1))
    assert unused(tmp_path) == {"damaged_zip": 1}


def test_what_is_only_named_like_a_zip_is_counted(tmp_path: Path):
    write(tmp_path, GOOD)
    os.mkfifo(tmp_path / "pipe.zip")
    (tmp_path / "gone.zip").symlink_to("nowhere")
    assert unused(tmp_path) == {"unreadable_zip": 2}


PACKED = ("more.tar.gz", "x.rar", "a.7z", "b.tgz", "c.TAR")


def test_what_is_packed_otherwise_is_told_to_be_unpacked(tmp_path: Path):
    write(tmp_path, GOOD | dict.fromkeys(PACKED, b"x"))
    assert unused(tmp_path) == {"packed": len(PACKED)}


def test_the_parts_of_a_split_zip_are_told_as_parts(tmp_path: Path):
    write(tmp_path, GOOD)
    data = zip_up(tmp_path / "a.zip", frames(OTHER, HOUR_17, 5)).read_bytes()
    (tmp_path / "a.z01").write_bytes(data[:100])
    (tmp_path / "a.zip").write_bytes(data[100:-18] + b"\1" + data[-17:])
    assert unused(tmp_path) == {"split_zip": 2}


def test_an_empty_zip_holds_nothing(tmp_path: Path):
    zip_up(tmp_path / "x.zip", {})
    with pytest.raises(CctviewError, match=r"x\.zip is a zip file that holds nothing\.$"):
        ArchiveNetwork(tmp_path / "x.zip")
    write(tmp_path, GOOD)
    assert unused(tmp_path) == {"empty_zip": 1}


def test_a_zip_inside_a_zip_is_counted(tmp_path: Path):
    inner = zip_up(tmp_path / "inner.zip", frames(OTHER, HOUR_17, 2)).read_bytes()
    zip_up(tmp_path / "outer.zip", GOOD | {"more/inner.zip": inner})
    (tmp_path / "inner.zip").unlink()
    assert len(seen(tmp_path)[0]) == 20
    assert unused(tmp_path) == {"zip_in_zip": 1}


def test_all_folders_of_a_camera_are_read(tmp_path: Path):
    """Whatever order the disk has them in."""
    write(tmp_path / "monday", frames(CAMERA, HOUR_17, 10))
    write(tmp_path / "tuesday", frames(CAMERA, HOUR_17 + 24 * HOUR, 10, first=10))
    write(tmp_path / "tuesday", frames(CAMERA, HOUR_17 + 20 * SECOND, 5, first=20))
    zip_up(tmp_path / "w" / "e" / "d.ZIP", frames(CAMERA, HOUR_17 + 40 * SECOND, 5, first=30))
    names, rejected = seen(tmp_path)
    assert (len(names), rejected) == (30, [])


def test_the_same_picture_in_two_folders_is_one_frame(tmp_path: Path):
    for day in ("monday", "tuesday"):
        write(tmp_path / day, GOOD)
    names, rejected = seen(tmp_path)
    assert (len(names), Counter(row.reason for row in rejected)) == (20, {"duplicate": 20})
    assert f"It is the same as monday/{FIFTH}." in [row.detail for row in rejected]


def test_another_picture_of_the_same_second_is_not_called_the_same(tmp_path: Path):
    write(tmp_path / "monday", GOOD)
    write(tmp_path / "tuesday", {FIFTH: small(99)})
    names, (row,) = seen(tmp_path)
    assert (len(names), row.reason) == (20, "duplicate")
    assert row.detail == f"It has the time of another picture, monday/{FIFTH}, and other bytes."


@pytest.mark.parametrize("inside", ["", CAMERA, f"{CAMERA}/2020", f"{CAMERA}/2020/05/05", f"{CAMERA}/2020/05/05/13"])
def test_a_path_that_is_too_deep_or_too_high_is_the_same_archive(tmp_path: Path, inside: str):
    write(tmp_path / "a" / "b" / "c", GOOD)
    for root in (tmp_path, tmp_path / "a" / "b" / "c" / inside):
        assert sorted(seen(root)[0]) == sorted(Path(name).name for name in GOOD)


def test_a_folder_of_nothing_but_pictures_is_an_archive(tmp_path: Path):
    write(tmp_path, {Path(name).name: data for name, data in (GOOD | frames(OTHER, HOUR_17, 3)).items()})
    assert ArchiveNetwork(tmp_path).cameras() == [OTHER, CAMERA]
    assert len(seen(tmp_path)[0]) == 20


@pytest.mark.parametrize("suffix", [".png", ".webp", ".GIF", ".bmp", ".tiff"])
def test_a_picture_of_another_kind_is_told_as_what_it_is(tmp_path: Path, suffix: str):
    name = FIFTH.replace(".jpeg", suffix)
    data = encoded(np.zeros((16, 16, 3), np.uint8), suffix[1:].upper())
    write(tmp_path, {name if place == FIFTH else place: data if place == FIFTH else jpeg for place, jpeg in GOOD.items()})
    names, (row,) = seen(tmp_path)
    assert (len(names), row.name, row.reason) == (19, Path(name).name, "placeholder")
    assert re.fullmatch(r"It is a (PNG|WebP|GIF|BMP|TIFF); cameras send JPEG\.", row.detail)


def test_a_folder_in_another_case_than_its_files_says_so(tmp_path: Path):
    write(tmp_path, {name.replace(CAMERA, CAMERA.lower(), 1): data for name, data in GOOD.items()})
    names, rejected = seen(tmp_path, CAMERA.lower())
    assert (names, {row.reason for row in rejected}) == ([], {"wrong_name"})
    what = f"'{NAME}' lies in the folder of '735-683-n': rename the folder to 735-683-N, or the file."
    assert what in [row.detail for row in rejected]


@pytest.mark.parametrize("folder", ["", "layout"])
def test_the_names_of_live_frames_are_read(tmp_path: Path, folder: str):
    """In UTC to the millisecond: what a lake of live cameras gives away."""
    at = HOUR_17 + timedelta(minutes=10, milliseconds=40_500)
    inside = f"{CAMERA}/{at.astimezone(NEW_YORK):%Y/%m/%d/%H/%M/%S}/" if folder else ""
    write(tmp_path, GOOD | {f"{inside}{FrameId(CAMERA, at)}--original.jpeg": small(99)})
    names, rejected = seen(tmp_path)
    assert (len(names), rejected) == (21, [])
    assert "735-683-N--2020-05-05--17.10.40.500Z--original.jpeg" in names


@pytest.mark.parametrize("suffix", [".JPG", ".jpg", ".JPEG", ".jfif", ".jpe"])
@pytest.mark.parametrize("kind", ["--original", "--ORIGINAL"])
def test_suffixes_of_any_case(tmp_path: Path, kind: str, suffix: str):
    write(tmp_path, {name.replace("--original.jpeg", kind + suffix): data for name, data in GOOD.items()})
    names, rejected = seen(tmp_path)
    assert (len(names), rejected) == (20, [])


def test_backslashes_in_a_zip(tmp_path: Path):
    zip_up(tmp_path / "f.zip", {f"D\\{name}".replace("/", "\\"): data for name, data in GOOD.items()})
    assert len(seen(tmp_path)[0]) == 20


def test_what_a_system_leaves_behind_is_no_picture(tmp_path: Path):
    left = {f"__MACOSX/{FIFTH}": b"x", FIFTH.replace(NAME, f"._{NAME}"): b"x"}
    write(tmp_path / "folder", GOOD | left)
    zip_up(tmp_path / "f.zip", frames(OTHER, HOUR_17, 2) | left)
    names, rejected = seen(tmp_path)
    assert (len(names), rejected) == (20, [])
    assert unused(tmp_path) == {"hidden": 4}


def test_an_id_may_have_dots_and_no_spaces(tmp_path: Path):
    write(tmp_path, frames("JamCams_00001.03601", HOUR_17, 3))
    write(tmp_path, {name.replace("x", "cam 1"): data for name, data in frames("x", HOUR_17, 2).items()})
    assert ArchiveNetwork(tmp_path).cameras() == ["JamCams_00001.03601"]
    assert unused(tmp_path) == {"camera_id": 2}


def test_what_is_not_used_is_counted_by_reason_with_an_example(tmp_path: Path):
    write(tmp_path, GOOD | {"notes.txt": b"", "photo.jpg": b"", FIFTH.replace("--original", "--detections"): b""})
    deep = "/".join("d" * (int(ARCHIVE_DEPTH.most) + 1))
    write(tmp_path, {f"{deep}/x.jpeg": b""})
    found = {each.reason: (each.count, each.example) for each in ArchiveNetwork(tmp_path).unused()}
    assert found == {
        "derived": (1, FIFTH.replace("--original", "--detections")),
        "other_file": (1, "notes.txt"),
        "no_place": (1, "photo.jpg"),
        "too_deep": (1, deep),
    }


def test_a_folder_that_may_not_be_listed_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path, GOOD)
    (tmp_path / "closed").mkdir()
    scan = os.scandir

    def refusing(path):
        if str(path).endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert unused(tmp_path) == {"unreadable_folder": 1}


@pytest.mark.parametrize("link", ["000-000-N", "999-999-N", "000/999-999-N"])
def test_a_link_takes_no_camera_its_frames(tmp_path: Path, link: str):
    """Whichever of the two names comes first on the disk: a folder is known by its own."""
    write(tmp_path, GOOD)
    (tmp_path / link).parent.mkdir(exist_ok=True)
    (tmp_path / link).symlink_to(tmp_path / CAMERA)
    assert ArchiveNetwork(tmp_path).cameras() == [CAMERA]
    assert (len(seen(tmp_path)[0]), seen(tmp_path)[1]) == (20, [])


def test_links_that_lead_around_end(tmp_path: Path):
    write(tmp_path, GOOD)
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / CAMERA / "loop").symlink_to(tmp_path / CAMERA)
    names, rejected = seen(tmp_path)
    assert (len(names), rejected) == (20, [])


def test_names_that_are_no_text_are_told_as_text(tmp_path: Path):
    write(tmp_path, GOOD)
    folder = os.fsencode((tmp_path / FIFTH).parent)
    (Path(os.fsdecode(folder + b"/caf\xe9\n.jpeg"))).write_bytes(small(1))
    (row,) = seen(tmp_path)[1]
    assert row.name.encode() == rb"caf\udce9\n.jpeg"


def test_no_zip_is_held_open_and_threads_may_read_at_once(tmp_path: Path):
    for number in range(50):
        zip_up(tmp_path / f"{number}.zip", frames(CAMERA, HOUR_17 + number * 20 * SECOND, 2, first=number * 2))
    before = len(os.listdir("/proc/self/fd"))
    network, counts = ArchiveNetwork(tmp_path), []
    readers = [threading.Thread(target=lambda: counts.append(len(network.read_hour(CAMERA, HOUR_17).frames))) for _ in range(4)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert counts == [100] * 4
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_zip_of_many_entries_opens_about_as_fast_as_python_lists_it(tmp_path: Path):
    names = [place(CAMERA, HOUR_17 + n * SECOND) for n in range(4000)]
    zip_up(tmp_path / "f.zip", dict.fromkeys(names, b"x"))

    def seconds(work) -> float:
        begun = time.process_time()
        work()
        return time.process_time() - begun

    listing = min(seconds(lambda: zipfile.ZipFile(tmp_path / "f.zip").close()) for _ in range(3))
    assert min(seconds(lambda: ArchiveNetwork(tmp_path)) for _ in range(3)) < 12 * listing


AHEAD = floor_hour(datetime.now(UTC)) + timedelta(days=365)


@pytest.mark.parametrize("when", [AHEAD, datetime(1970, 1, 1, 12, tzinfo=UTC), HOUR_17 + timedelta(days=10)])
def test_a_lone_date_is_set_aside_and_is_no_hour(tmp_path: Path, when: datetime):
    write(tmp_path, GOOD | frames(CAMERA, when, 1, first=50))
    network = ArchiveNetwork(tmp_path)
    assert network.hours(CAMERA) == [HOUR_17]
    found = network.read_hour(CAMERA, HOUR_17)
    assert len(found.frames) == 20
    assert [(row.name, row.reason) for row in found.rejected] == [(frame_name(CAMERA, when), "clock")]
    assert f"It is dated {when:%Y-%m-%d %H:%MZ}, far from all others" in found.rejected[0].detail


@pytest.mark.parametrize("when", ["1970-01-01T00:10Z", "1970-01-02T12:00Z", "1980-01-01T05:00Z", "2000-01-01T00:30Z"])
def test_the_dates_of_dead_clocks_are_set_aside_however_many_they_are(tmp_path: Path, when: str):
    write(tmp_path, GOOD | frames(CAMERA, datetime.fromisoformat(when), 60, first=50))
    names, rejected = seen(tmp_path)
    assert (len(names), Counter(row.reason for row in rejected)) == (20, {"clock": 60})


def test_where_there_is_no_other_date_a_dead_clock_s_is_read(tmp_path: Path):
    write(tmp_path, frames(CAMERA, datetime(1970, 1, 2, tzinfo=UTC), 5))
    assert len(seen(tmp_path)[0]) == 5


def test_a_date_is_not_lone_when_it_is_near_or_has_many_pictures_or_the_others_are_few(tmp_path: Path):
    write(tmp_path / "near", GOOD | frames(CAMERA, HOUR_17 + timedelta(days=6), 1, first=50))
    write(tmp_path / "many", GOOD | frames(CAMERA, HOUR_17 + timedelta(days=60), 4, first=50))
    write(tmp_path / "few", frames(CAMERA, HOUR_17, 2) | frames(CAMERA, HOUR_17 + timedelta(days=60), 1, first=50))
    for name in ("near", "many", "few"):
        assert len(ArchiveNetwork(tmp_path / name).hours(CAMERA)) == 2
        assert seen(tmp_path / name)[1] == []


def test_a_camera_with_nothing_but_a_lone_date_is_counted(tmp_path: Path):
    write(tmp_path, GOOD | frames(OTHER, AHEAD, 1))
    assert ArchiveNetwork(tmp_path).cameras() == [CAMERA]
    assert unused(tmp_path) == {"clock": 1}


def test_an_archive_of_the_future_is_a_wrong_clock(tmp_path: Path):
    write(tmp_path, frames(CAMERA, AHEAD, 3))
    with pytest.raises(
        CctviewError, match=r"Every picture of .* is dated in the future, the first 20\d\d-.*: set this machine's"
    ):
        ArchiveNetwork(tmp_path)


PLACES = ("layout", "monday/layout", "flat", "deep", "f.zip", "x/G.ZIP")
KINDS = ("good", "damaged", "wrong name", "odd name", "hidden", "derived", "text", "lone", "bad id", "folder", "copy")
trees = st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(KINDS), st.integers(0, 90)), min_size=1, max_size=12)


def tree_of(drawn: list[tuple[str, str, int]]) -> dict[tuple[str, str], bytes]:
    """(folder or zip, name in it) -> bytes, of drawn files; a folder has None."""
    made: dict[tuple[str, str], bytes] = {}
    for number, (where, kind, second) in enumerate(drawn):
        at = HOUR_17 - timedelta(days=3 * 365) if kind == "lone" else HOUR_17 + second * 60 * SECOND
        file = place("cam x" if kind == "bad id" else "cam-1", at)
        folder, name = file.rsplit("/", 1)
        name = {
            "wrong name": f"{number}.jpeg",
            "odd name": name.replace("--original", ""),
            "hidden": f"._{name}",
            "derived": name.replace("--original", "--detections"),
            "text": f"{number}.txt",
        }.get(kind, name)
        data = {"damaged": b"?", "copy": small(), "folder": None}.get(kind, small(number + 1))
        inside = {"flat": name, "deep": f"a/b/c/d/{name}"}.get(where, f"{folder}/{name}")
        made[where if where.lower().endswith(".zip") else where.replace("layout", ""), inside] = data
    return made


@given(trees)
def test_every_file_is_a_frame_or_a_row_or_counted(drawn: list[tuple[str, str, int]]):
    """A filter always has its remainder: whatever the tree, the sum is complete."""
    good = {("", place("cam-1", HOUR_17 + (100 + n) * 20 * SECOND)): small(500 + n) for n in range(4)}
    made = tree_of(drawn) | good
    with tempfile.TemporaryDirectory() as folder:
        root, zips = Path(folder), {}
        for (where, inside), data in made.items():
            if where.lower().endswith(".zip"):
                zips.setdefault(where, {})[inside if data is not None else f"{inside}/"] = data or b""
            elif data is None:
                (root / where / inside).mkdir(parents=True, exist_ok=True)
            else:
                write(root / where, {inside: data})
        for where, files in zips.items():
            zip_up(root / where, files)
        network = ArchiveNetwork(root)
        names: list[str] = []
        for camera in network.cameras():
            hours = [network.read_hour(camera, hour) for hour in network.hours(camera)]
            names += [f"{frame.frame_id}--original.jpeg" for each in hours for frame in each.frames]
            names += [row.name for each in hours for row in each.rejected]
        count = sum(found.count for found in network.unused())
    assert len(names) + count == len(made)
    assert Counter(names) <= Counter(inside.rsplit("/", 1)[-1] for _, inside in made)
