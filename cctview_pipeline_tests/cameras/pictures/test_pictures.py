"""A folder of pictures as a network: every picture has its camera and its true time, and none takes another with it."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cctview_pipeline.cameras import open_network
from cctview_pipeline.cameras.pictures import PictureNetwork, PictureSettings
from cctview_pipeline.campaign import HOUR
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.frames import Frame, Rejected, StreamingNetwork
from cctview_pipeline.images import decode
from cctview_pipeline.images.jpeg import strip_metadata
from cctview_pipeline_tests.factories.archive import MAC_COMMENT, add_comments, clock_comment, make_archive
from cctview_pipeline_tests.factories.odd_pictures import half_a_scan, shown
from cctview_pipeline_tests.factories.pictures import picture, put, with_exif

HELSINKI = "Europe/Helsinki"
TAKEN = datetime(2026, 6, 3, 7, 15, 30, tzinfo=UTC)
"""10:15:30 in Helsinki's summer."""
EIGHT = TAKEN.replace(minute=0, second=0)
SECOND = timedelta(seconds=1)


def all_of(network: PictureNetwork) -> tuple[list[Frame], list[Rejected]]:
    hours = [network.read_hour(camera, hour) for camera in network.cameras() for hour in network.hours(camera)]
    return [frame for hour in hours for frame in hour.frames], [row for hour in hours for row in hour.rejected]


def times(folder: Path, zone: str = "", settings: PictureSettings = PictureSettings()) -> dict[str, list[datetime]]:
    """Camera -> when its frames were captured."""
    network = PictureNetwork(folder, settings, zone)
    return {
        camera: [f.captured_at for hour in network.hours(camera) for f in network.read_hour(camera, hour).frames]
        for camera in network.cameras()
    }


def reasons(network: PictureNetwork) -> dict[str, int]:
    return {found.reason: found.count for found in network.unused()}


@pytest.mark.parametrize(
    "place",
    [
        "cam1--2026-06-03--10.15.30.jpg",
        "cam1/2026-06-03_10-15-30.jpeg",
        "cam1/2026/06/03/10/15/30.jpg",
        "cam1/2026-06-03/101530.JPG",
        "2026-06-03/cam1_10-15-30.jpg",
        "a/b c/cam1/2026-06/03/10.15.30.jpg",
        "cam1/2026-06-03T07:15:30Z.jpg",
        "cam1/2026-06-03T09.15.30+0200.jpg",
        "cam1/1780470930.jpg",
        "cam1_1780470930000.jpg",
        "other/cam1--2026-06-03--07.15.30.000Z.jpg",
    ],
)
def test_forms_of_names(tmp_path: Path, place: str):
    put(tmp_path, place, picture())
    assert times(tmp_path, HELSINKI) == {"cam1": [TAKEN]}
    frames, _ = all_of(PictureNetwork(tmp_path, PictureSettings(), HELSINKI))
    assert frames[0].frame_id == "cam1--2026-06-03--07.15.30.000Z"


def test_the_published_layout_keeps_new_yorks_clock(tmp_path: Path):
    paths = make_archive(tmp_path, ("735-683-N",), TAKEN, frames=2)
    put(tmp_path, "735-683-N/735-683-N--2020-05-05--13.34.46--detections--7--car.jpeg", picture())
    network = PictureNetwork(tmp_path)
    assert times(tmp_path) == {"735-683-N": [TAKEN, TAKEN + 2 * SECOND]}
    assert (network.timezone, reasons(network)) == ("America/New_York", {"derived": 1})
    assert network.read_hour("735-683-N", EIGHT).frames[0].jpeg == strip_metadata(paths[0].read_bytes())
    assert times(tmp_path, HELSINKI) == times(tmp_path)  # a name that tells its zone is not read by another


@pytest.mark.parametrize(
    ("zone", "local", "utc"),
    [
        (HELSINKI, "2026-01-15_12-00-00", "2026-01-15T10:00:00"),
        (HELSINKI, "2026-10-25_03-30-00", "2026-10-25T00:30:00"),  # twice that night: the first
        ("Asia/Kolkata", "2026-06-03_12-45-30", "2026-06-03T07:15:30"),
        ("Australia/Lord_Howe", "2026-06-03_17-45-30", "2026-06-03T07:15:30"),
        ("Australia/Lord_Howe", "2026-01-15_12-00-00", "2026-01-15T01:00:00"),  # its summer is half an hour ahead
        ("Australia/Lord_Howe", "2026-04-05_01-45-00", "2026-04-04T14:45:00"),  # half an hour twice
        ("America/New_York", "2026-06-03_03-15-30", "2026-06-03T07:15:30"),
    ],
)
def test_zones_and_changes_of_clocks(tmp_path: Path, zone: str, local: str, utc: str):
    put(tmp_path, f"cam1/{local}.jpg", picture())
    assert times(tmp_path, zone) == {"cam1": [datetime.fromisoformat(f"{utc}+00:00")]}


@pytest.mark.parametrize("name", ["2026-03-29_03-30-00", "1970-01-01_00-00-00", "0001-01-01_00-00-00", "2126-01-01_00-00-00"])
def test_a_time_that_cannot_be_right_is_left_out(tmp_path: Path, name: str):
    put(tmp_path, "cam1/2026-03-29_05-30-00.jpg", picture())
    put(tmp_path, f"cam1/{name}.jpg", picture(1))
    network = PictureNetwork(tmp_path, PictureSettings(), HELSINKI)
    assert (len(all_of(network)[0]), reasons(network)) == (1, {"clock": 1})


def test_one_date_far_from_all_others_is_left_out(tmp_path: Path):
    for second in range(10, 20):
        put(tmp_path, f"cam1/2026-06-03T07-15-{second}Z.jpg", picture(second))
    put(tmp_path, "cam1/2016-06-03T07-15-30Z.jpg", picture())
    network = PictureNetwork(tmp_path)
    assert network.hours("cam1") == [EIGHT]
    assert network.unused()[0].example == "cam1/2016-06-03T07-15-30Z.jpg (2016-06-03, far from all others)"


def test_a_time_without_a_zone_is_refused_in_a_sentence(tmp_path: Path):
    put(tmp_path, "cam1/2026-06-03_10-15-30.jpg", picture())
    with pytest.raises(CctviewError, match=r"zone \(1\), such as cam1/2026-06-03_10-15-30\.jpg .*: give --timezone, such as"):
        PictureNetwork(tmp_path)
    put(tmp_path, "cam1/2026-06-03_07-15-30Z.jpg", picture(1))
    assert reasons(PictureNetwork(tmp_path)) == {"no_zone": 1}
    assert times(tmp_path) == {"cam1": [TAKEN]}


@pytest.mark.parametrize(
    ("offset", "fraction", "zone", "at"),
    [
        ("+03:00", "", "", TAKEN),
        ("+03:00", "25", "", TAKEN + timedelta(milliseconds=250)),
        ("", "", HELSINKI, TAKEN),
        ("+05:30", "", HELSINKI, TAKEN - timedelta(hours=2.5)),  # a picture's own offset counts
    ],
)
def test_exif_tells_what_the_name_does_not(tmp_path: Path, offset: str, fraction: str, zone: str, at: datetime):
    put(tmp_path, "cam1/IMG_0001.jpg", with_exif(picture(), "2026:06:03 10:15:30", offset, fraction))
    assert times(tmp_path, zone) == {"cam1": [at]}


def test_exif_without_a_zone_is_refused_and_a_name_goes_before_it(tmp_path: Path):
    data = with_exif(picture(), "2025:01:01 00:00:00")
    put(tmp_path, "cam1/IMG_0001.jpg", data)
    with pytest.raises(CctviewError, match=r"Its metadata tells 2025-01-01 00:00:00\): give --timezone"):
        PictureNetwork(tmp_path)
    put(tmp_path, "cam1/20260603_071530Z.jpg", data)
    assert times(tmp_path) == {"cam1": [TAKEN]}
    exif_first = PictureSettings(start=("metadata", "name"))
    assert times(tmp_path, "UTC", exif_first)["cam1"] == [datetime(2025, 1, 1, tzinfo=UTC)]


def test_the_comment_of_a_camera_tells_its_time(tmp_path: Path):
    at = TAKEN + timedelta(milliseconds=340)
    put(tmp_path, "cam1/0001.jpg", add_comments(picture(), clock_comment(at), MAC_COMMENT))
    assert times(tmp_path) == {"cam1": [at]}


def test_times_csv_tells_the_rest(tmp_path: Path):
    for number in range(1, 8):
        put(tmp_path, f"cam1/{number}.jpg", picture(number))
    rows = [
        "cam1/1.jpg,2026-06-03T10:15:30",
        "cam1\\2.jpg,2026-06-03T10:15:31.250+03:00",
        "./cam1/3.jpg,1780470932.5",
        "cam1/4.jpg,yesterday",
        "cam1/5.jpg,",
        "cam1/9.jpg,2026-06-03T10:15:30",
    ]
    put(tmp_path, "times.csv", "\n".join(["file,captured_at", *rows]))
    put(
        tmp_path,
        "cam1/times.csv",
        "\ufefffile;captured_at;who\r\n6.jpg;2026-06-03 10:15:35;me\r\n1.jpg;2026-06-03 10:15:36;me\r\n",
    )
    network = PictureNetwork(tmp_path, PictureSettings(), HELSINKI)
    after = [timedelta(seconds=s) for s in (1.25, 2.5, 5, 6)]  # the nearer file counts for the first
    assert times(tmp_path, HELSINKI) == {"cam1": [TAKEN + each for each in after]}
    assert reasons(network) == {"no_start": 2, "sidecar": 1, "row": 2}
    examples = {found.reason: found.example for found in network.unused()}
    assert examples["sidecar"].startswith("cam1/4.jpg (times.csv: 'yesterday' is no time of a recording")
    assert examples["row"] == "times.csv: cam1/1.jpg"


def test_folders_that_are_no_ids_are_not_one_camera(tmp_path: Path):
    folder = tmp_path / "mine"
    for place in ("Tor Ost/2026-06-03T07:15:30Z.jpg", "Tor West/2026-06-03T07:15:31Z.jpg", "gate/2026-06-03T07:15:30Z.jpg"):
        put(folder, place, picture(len(place)))
    assert times(folder) == {"gate": [TAKEN]}
    assert reasons(PictureNetwork(folder)) == {"camera_id": 2}


def test_a_folder_that_is_a_link_is_told(tmp_path: Path):
    put(tmp_path, "elsewhere/2026-06-03T07:15:31Z.jpg", picture())
    put(tmp_path, "mine/gate/2026-06-03T07:15:30Z.jpg", picture())
    (tmp_path / "mine" / "bridge").symlink_to(tmp_path / "elsewhere")
    assert reasons(PictureNetwork(tmp_path / "mine")) == {"linked_folder": 1}


def test_times_csv_corrects_a_name(tmp_path: Path):
    put(tmp_path, "cam1/20260603_070000Z.jpg", picture())
    put(tmp_path, "times.csv", "file,captured_at\ncam1/20260603_070000Z.jpg,2026-06-03T07:15:30Z")
    assert times(tmp_path) == {"cam1": [TAKEN]}
    assert times(tmp_path, settings=PictureSettings(start=("name",))) == {"cam1": [EIGHT]}


@pytest.mark.parametrize("text", ["name,when\na,b", b"\xff\xfe\0", 'file,captured_at\n"' + "x" * 200_000])
def test_a_times_csv_that_cannot_be_read_takes_nothing_with_it(tmp_path: Path, text: str | bytes):
    put(tmp_path, "times.csv", text)
    put(tmp_path, "cam1/20260603_071530Z.jpg", picture())
    put(tmp_path, "cam1/1.jpg", picture())
    network = PictureNetwork(tmp_path)
    assert reasons(network) == {"no_start": 1, "sidecar": 1}
    assert len(all_of(network)[0]) == 1


def test_a_files_own_time_counts_only_where_it_is_asked_for(tmp_path: Path):
    path = put(tmp_path, "cam1/1.jpg", picture())
    os.utime(path, (TAKEN.timestamp(), TAKEN.timestamp()))
    with pytest.raises(CctviewError, match="nothing tells the time of"):
        PictureNetwork(tmp_path)
    assert times(tmp_path, settings=PictureSettings(start=("name", "mtime"))) == {"cam1": [TAKEN]}


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP"])
def test_other_kinds_become_jpegs(tmp_path: Path, kind: str):
    data = picture(kind=kind, **({"lossless": True} if kind == "WEBP" else {}))
    put(tmp_path, f"cam1/20260603T071530Z.{kind.lower()}", data)
    put(tmp_path, "cam2/20260603T071531Z.jpg", data)  # by its bytes, whatever its name
    frames, rejected = all_of(PictureNetwork(tmp_path))
    assert (frames[0].jpeg, rejected) == (frames[1].jpeg, [])
    assert (frames[0].width, frames[0].height, frames[0].jpeg[:2]) == (32, 24, b"\xff\xd8")
    assert np.abs(decode(frames[0].jpeg).astype(int) - shown(data)).mean() < 8


def test_jpegs_keep_their_bytes_less_what_tells_of_the_camera(tmp_path: Path):
    plain = picture()
    put(tmp_path, "cam1/20260603T071530Z.jpg", with_exif(plain, "2026:06:03 10:15:30"))
    assert all_of(PictureNetwork(tmp_path))[0][0].jpeg == plain


def test_what_is_damaged_is_set_aside_by_itself(tmp_path: Path):
    jpeg, png = picture(), picture(1, "PNG")
    spoiled = {
        "10.jpg": half_a_scan(jpeg),
        "11.jpg": b"",
        "12.jpg": bytes(4000),
        "13.jpg": jpeg[: len(jpeg) // 2] + bytes(len(jpeg) // 2),
        "14.png": png[: len(png) // 2],
        "15.png": png[:60] + bytes(len(png) - 60),
        "16.jpg": b"<html>gone</html>",
    }
    for name, data in spoiled.items():
        put(tmp_path, f"cam1/20260603/0715{name}", data)
    moving = picture(2, "GIF", save_all=True, append_images=[Image.new("RGB", (32, 24))])
    put(tmp_path, "cam1/20260603/071517.gif", moving)
    (tmp_path / "cam1/20260603/071518.jpg").symlink_to("nowhere.jpg")
    put(tmp_path, "cam1/20260603/071530.jpg", jpeg)
    frames, rejected = all_of(PictureNetwork(tmp_path, PictureSettings(), "UTC"))
    assert [frame.captured_at for frame in frames] == [TAKEN]
    expected = ["truncated", "empty", "no_picture", "truncated", "truncated", "undecodable", "no_picture", "placeholder"]
    assert [row.reason for row in rejected] == [*expected, "unreadable"]
    assert rejected[0].name == "cam1/20260603/071510.jpg"
    assert all(row.detail.endswith(".") for row in rejected)


def test_twins_and_pictures_of_one_moment_are_duplicates(tmp_path: Path):
    put(tmp_path, "cam1/20260603T071530.250Z.jpg", picture())
    put(tmp_path, "cam1/again/cam1--2026-06-03--07.15.30.250Z.jpg", picture(1))
    put(tmp_path, "cam1/20260603T071530.2509Z.jpg", picture(2))  # the same millisecond
    put(tmp_path, "cam1/20260603T071531Z.jpg", picture())
    put(tmp_path, "cam2/20260603T071531Z.jpg", picture())  # another camera
    frames, rejected = all_of(PictureNetwork(tmp_path))
    assert [frame.frame_id for frame in frames] == ["cam1--2026-06-03--07.15.30.250Z", "cam2--2026-06-03--07.15.31.000Z"]
    assert [(row.name, row.reason) for row in rejected] == [
        ("cam1/again/cam1--2026-06-03--07.15.30.250Z.jpg", "duplicate"),
        ("cam1/20260603T071530.2509Z.jpg", "duplicate"),
        ("cam1/20260603T071531Z.jpg", "duplicate"),
    ]


def test_what_is_not_used_is_counted_with_an_example(tmp_path: Path):
    root = tmp_path / "my pictures"
    put(root, "cam1/20260603T071530Z.jpg", picture())
    for place in ("notes.txt", ".DS_Store", "more.zip", "clip.mp4", "a.heic", "b.tiff", "c/IMG_1.jpg", "d/20260603_071530.jpg"):
        put(root, place, b"")
    put(root, "ä/20260603T071530Z.jpg", b"")
    network = PictureNetwork(root)
    assert network.cameras() == ["cam1"]
    assert reasons(network) == {
        "other_file": 1,
        "hidden": 1,
        "packed": 1,
        "video": 1,
        "other_picture": 2,
        "camera_id": 1,
        "no_start": 1,
        "no_zone": 1,
    }
    assert "video files: --network footage reads those: clip.mp4" in [found.sentence for found in network.unused()]


def test_whose_a_picture_is(tmp_path: Path):
    root = tmp_path / "gate"
    put(root, "20260603T071530Z.jpg", picture())
    put(root, "east--20260603T071530Z.jpg", picture())
    put(root, "west/north--20260603T071530Z.jpg", picture())
    put(root, "west/2026-06-03/IMG_071530Z.jpg", picture())
    assert list(times(root, "UTC")) == ["east", "gate", "north", "west"]
    assert list(times(root, "UTC", PictureSettings(camera="folder"))) == ["gate", "west"]
    assert list(times(root, "UTC", PictureSettings(camera="name"))) == ["IMG", "east", "north"]


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("absent", "does not exist"),
        ("empty", "holds no pictures: it is empty"),
        ("more.zip", "is no folder: give the folder that the pictures lie in; zip files are unpacked first"),
        ("words", r"holds no pictures that can be used: files that are no pictures: notes.txt"),
    ],
)
def test_what_is_no_folder_of_pictures(tmp_path: Path, place: str, sentence: str):
    (tmp_path / "empty").mkdir()
    put(tmp_path, "more.zip", b"PK")
    put(tmp_path, "words/notes.txt", "x")
    with pytest.raises(CctviewError, match=sentence):
        open_network("pictures", str(tmp_path / place))


def test_settings_are_checked(tmp_path: Path):
    put(tmp_path, "cam1/20260603T071530Z.jpg", picture())
    with pytest.raises(
        CctviewError, match=r"'exif' tells no start of a file: start lists some of name, metadata, sidecar, mtime"
    ):
        open_network("pictures", str(tmp_path), {"start": ["exif"]})
    with pytest.raises(CctviewError, match="'Mars' is no time zone"):
        open_network("pictures", str(tmp_path), {}, "Mars")


def test_ten_thousand_names_are_read_without_opening_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for number in range(10_000):
        at = TAKEN + number * SECOND
        path = tmp_path / f"cam{number % 10}" / f"{at:%Y-%m-%d}" / f"{at:%H-%M-%S}.jpg"
        if number < 10:
            path.parent.mkdir(parents=True)
        os.close(os.open(path, os.O_CREAT))
    monkeypatch.setattr("cctview_pipeline.cameras.pictures.files.read_head", None)
    begin = time.process_time()
    network = PictureNetwork(tmp_path, PictureSettings(), "UTC")
    assert time.process_time() - begin < 5
    assert network.notes() == ["Time of 10,000 pictures by name (10,000); times without a zone are UTC's."]
    assert isinstance(network, StreamingNetwork)
    assert {row.reason for row in network.read_hour("cam3", EIGHT + HOUR).rejected} == {"empty"}
