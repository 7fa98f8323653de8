"""Footage as a network: every frame has its true time, and no file takes another with it."""

import json
import os
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cctview_pipeline.cameras import open_network
from cctview_pipeline.cameras.footage import FootageNetwork, FootageSettings
from cctview_pipeline.campaign import HOUR
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.frames import CameraHour, StreamingNetwork
from cctview_pipeline.images import decode
from cctview_pipeline.redaction.masking import Masker, mask_hour
from cctview_pipeline_tests.factories.magenta_people import MagentaFinder, magenta, road_with_people
from cctview_pipeline_tests.factories.videos import (
    MOST,
    NOON,
    Coding,
    after,
    every,
    number_of,
    write_faulty,
    write_pictures,
    write_sound,
    write_video,
)

ALL = FootageSettings(fps=0.0)
NAME = "cam-1--2025-06-03--16.00.00.000Z"
MILLISECOND = timedelta(milliseconds=1)


def hour_of(
    folder: Path, chosen: FootageSettings = ALL, hour: datetime = NOON, camera: str = "cam-1", zone: str = ""
) -> CameraHour:
    return FootageNetwork(folder, chosen, zone).read_hour(camera, hour)


def times(found: CameraHour) -> list[datetime]:
    return [frame.captured_at for frame in found.frames]


def reasons(folder: Path) -> dict[str, int]:
    return {found.reason: found.count for found in FootageNetwork(folder, ALL).unused()}


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".mov"])
def test_frames_have_the_times_of_their_file(tmp_path: Path, suffix: str):
    shown = every(0.1, 25)
    write_video(tmp_path / f"{NAME}{suffix}", shown, Coding(codec="libx264"))
    found = hour_of(tmp_path)
    assert times(found) == after(NOON, shown)
    assert [number_of(frame) for frame in found.frames] == list(range(25))
    assert (found.rejected, found.told) == ([], {"start_from": "name (1)"})
    frame = found.frames[1]
    assert (frame.frame_id, frame.width, frame.height) == ("cam-1--2025-06-03--16.00.00.100Z", 64, 48)


def test_the_rate_takes_the_nearest_and_makes_up_none(tmp_path: Path):
    shown = [0, 400, 900, 1100, 1450, 4080, 4950]
    write_video(tmp_path / f"{NAME}.mp4", shown)
    assert times(hour_of(tmp_path, FootageSettings())) == after(NOON, [0, 900, 4080, 4950])  # at 2 and 3 s there is none


def test_a_rate_of_one_in_five_seconds(tmp_path: Path):
    write_video(tmp_path / f"{NAME}.mp4", every(0.5, 41))
    assert times(hour_of(tmp_path, FootageSettings(fps=0.2))) == after(NOON, [0, 5000, 10_000, 15_000, 20_000])


@settings(max_examples=15)
@given(gaps=st.lists(st.integers(1, 5000), min_size=1, max_size=15), begin=st.integers(0, 3_500_000))
def test_times_of_any_variable_rate_come_back(gaps: list[int], begin: int):
    shown = [sum(gaps[:i]) for i in range(len(gaps) + 1)]
    first = NOON + begin * MILLISECOND
    name = f"cam-1--{first:%Y-%m-%d--%H.%M.%S}.{first.microsecond // 1000:03d}Z.mp4"
    with tempfile.TemporaryDirectory() as folder:
        write_video(Path(folder) / name, shown)
        network = FootageNetwork(folder, ALL)
        found = [time for hour in network.hours("cam-1") for time in times(network.read_hour("cam-1", hour))]
    assert found == after(first, shown)


def test_a_file_over_two_hours_is_in_both(tmp_path: Path):
    shown = every(0.5, 20)
    write_video(tmp_path / "cam-1--2025-06-03--16.59.55.250Z.mp4", shown)
    network = FootageNetwork(tmp_path, FootageSettings(fps=2.0))
    hours = [network.read_hour("cam-1", hour) for hour in network.hours("cam-1")]
    assert network.hours("cam-1") == [NOON, NOON + HOUR]
    assert [len(found.frames) for found in hours] == [10, 10]
    assert [time for found in hours for time in times(found)] == after(NOON + HOUR - 4.75 * timedelta(seconds=1), shown)


def test_a_long_file_is_looked_into_in_its_middle(tmp_path: Path):
    shown = every(10, 1000)  # 2 h 46 min
    write_video(tmp_path / f"{NAME}.mp4", shown, Coding(options={"g": "12"}))
    second = hour_of(tmp_path, hour=NOON + HOUR)
    assert times(second) == after(NOON, shown[360:720])
    assert [number_of(frame) for frame in second.frames] == [i % MOST for i in range(360, 720)]


def test_of_two_files_that_overlap_the_earlier_counts(tmp_path: Path):
    write_video(tmp_path / f"{NAME}.mp4", every(0.5, 20))  # to 9.5 s
    write_video(tmp_path / "cam-1--2025-06-03--16.00.05.200Z.mp4", every(0.5, 20))
    found = hour_of(tmp_path)
    assert times(found) == after(NOON, every(0.5, 20) + every(0.5, 11, 9.7))
    (row,) = found.rejected
    assert (row.name, row.reason) == ("cam-1--2025-06-03--16.00.05.200Z.mp4", "duplicate")
    assert row.detail == "9 frames of it are from a time that an earlier file has as well."


def test_a_copy_adds_nothing(tmp_path: Path):
    write_video(tmp_path / f"{NAME}.mp4", every(0.5, 20))
    shutil.copy(tmp_path / f"{NAME}.mp4", tmp_path / "cam-1--2025-06-03--16.00.00Z.mp4")
    found = hour_of(tmp_path)
    assert times(found) == after(NOON, every(0.5, 20))
    assert [row.reason for row in found.rejected] == ["duplicate"]


def test_clips_of_ten_seconds_make_an_hour(tmp_path: Path):
    for number in range(6):
        begin = NOON + number * timedelta(minutes=5)
        write_video(tmp_path / "00001.01234" / f"{begin:%H}_{round(begin.timestamp() * 1000)}.mp4", every(0.04, 250))
    found = hour_of(tmp_path, FootageSettings(), camera="00001.01234")
    assert times(found)[:12] == after(NOON, [*every(1, 10), 9960, 300_000])
    assert len(found.frames) == 66
    assert found.told == {"start_from": "name (6)"}


def test_a_time_that_no_calendar_has_in_utc_is_none(tmp_path: Path):
    for camera, said in (("cam-1", "0001-01-01T00:00:00+05:00"), ("cam-2", "2025-06-03T18:00:00+02:00")):
        told = Coding(
            metadata={"com.apple.quicktime.creationdate": said}, container={"movflags": "use_metadata_tags"}, codec="libx264"
        )
        write_video(tmp_path / f"{camera}.mov", every(0.5, 4), told)
    assert FootageNetwork(tmp_path, ALL).cameras() == ["cam-2"]


def test_segments_of_a_playlist_have_its_times(tmp_path: Path):
    folder = tmp_path / "cam-1"
    for number in range(3):
        write_video(folder / f"seg{number}.ts", every(0.5, 8, 100 + 4 * number), Coding(codec="libx264"))
    (folder / "live.m3u8").write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-PROGRAM-DATE-TIME:2025-06-03T16:00:00.500Z\n"
        "#EXTINF:4.0,\nseg0.ts\n#EXTINF:4.0,\nseg1.ts?token=1\n#EXT-X-DISCONTINUITY\n"
        "#EXT-X-PROGRAM-DATE-TIME:2025-06-03T18:00:20.000+02:00\n#EXTINF:4.0,\nseg2.ts\n"
    )
    found = hour_of(tmp_path)
    assert times(found) == after(NOON, every(0.5, 16, 0.5) + every(0.5, 8, 20))
    assert found.told == {"start_from": "playlist (3)"}
    (folder / "live.m3u8").write_text(
        f"#EXTM3U\n#EXT-X-PROGRAM-DATE-TIME:2025-06-03T16:00:00.500Z\n#EXTINF:{'9' * 14},\nseg0.ts\nseg1.ts\n"
    )
    assert hour_of(tmp_path).told == {"start_from": "playlist (1)"}  # when what follows an endless one begins nobody knows
    (folder / "live.m3u8").write_text(
        "#EXTM3U\n#EXT-X-PROGRAM-DATE-TIME:2025-06-03T16:00:00.500Z\n#EXTINF:4.0,\nseg0.ts\nseg1.ts\n"
    )
    alone = FootageNetwork(folder / "seg1.ts", FootageSettings(fps=0.0, camera="folder"))
    assert times(alone.read_hour("cam-1", NOON)) == after(NOON, every(0.5, 8, 4.5))
    with pytest.raises(CctviewError, match="is a playlist: give the folder that holds it"):
        FootageNetwork(folder / "live.m3u8")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("clip.json", '{"start": "2025-06-03T16:00:00Z"}'),
        ("clip.mp4.json", '{"start": 1748966400}'),
        ("clip.toml", "start = 2025-06-03T17:00:00\ntimezone = 'Europe/London'\n"),
        ("clip.csv", "start,timezone\n2025-06-03 12:00:00,America/New_York\n"),
    ],
)
def test_a_sidecar_says_the_start(tmp_path: Path, name: str, text: str):
    write_video(tmp_path / "cam-1" / "clip.mp4", every(1, 3))
    (tmp_path / "cam-1" / name).write_text(text)
    network = FootageNetwork(tmp_path, ALL)
    assert times(network.read_hour("cam-1", NOON)) == after(NOON, every(1, 3))
    assert (network.unused(), network.notes()) == ([], ["Begin of 1 file by sidecar (1); frames: every one."])


def test_a_sidecar_may_have_a_time_for_every_frame(tmp_path: Path):
    write_video(tmp_path / f"{NAME}.mp4", every(1, 4))
    true = [NOON + timedelta(microseconds=us) for us in (123, 1_700_456, 3_399_789, 3_600_000_001)]
    (tmp_path / f"{NAME}.csv").write_text("captured_at\n" + "\n".join(time.isoformat() for time in true))
    network = FootageNetwork(tmp_path, ALL)
    assert network.hours("cam-1") == [NOON, NOON + HOUR]
    assert times(network.read_hour("cam-1", NOON)) == true[:3]
    assert times(network.read_hour("cam-1", NOON + HOUR)) == true[3:]


def test_a_sidecar_of_another_file_is_not_believed(tmp_path: Path):
    write_video(tmp_path / f"{NAME}.mp4", every(1, 4))
    (tmp_path / f"{NAME}.json").write_text(json.dumps({"times": [time.isoformat() for time in after(NOON, every(1, 3))]}))
    found = hour_of(tmp_path)
    assert found.frames == []
    assert found.rejected[0].reason == "capture_time"
    assert found.rejected[0].detail == "Its sidecar has 3 times, and the file 4 frames: write one for each."


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "a.json is no JSON: see line 1, column 2"),
        ("[]", "a.json is no JSON object"),
        ("{}", "a.json has neither start nor times"),
        ('{"start": "noon"}', "a.json: 'noon' is no time of a recording"),
        ('{"start": "2025-06-03T16:00:00"}', "a.json: '2025-06-03T16:00:00' has no offset: add one, or timezone"),
        ('{"start": "2025-06-03T16:00:00", "timezone": "Mars"}', "a.json: timezone = 'Mars' is no time zone"),
        ('{"times": ["2025-06-03T16:00:00Z", "2025-06-03T16:00:00Z"]}', "a.json: its times do not increase"),
    ],
)
def test_a_bad_sidecar_sets_its_file_aside(tmp_path: Path, text: str, why: str):
    write_video(tmp_path / f"{NAME}.mp4", every(1, 3))
    write_video(tmp_path / "cam-1" / "a.mp4", every(1, 3))
    (tmp_path / "cam-1" / "a.json").write_text(text)
    network = FootageNetwork(tmp_path, ALL)
    (unused,) = network.unused()
    assert unused.reason == "sidecar"
    assert why in unused.example
    assert len(network.read_hour("cam-1", NOON).frames) == 3


def test_metadata_tell_the_start_of_what_has_no_other(tmp_path: Path):
    write_video(tmp_path / "cam-1" / "clip.mp4", every(1, 3), Coding(metadata={"creation_time": "2025-06-03T16:00:00Z"}))
    network = FootageNetwork(tmp_path, ALL)
    assert times(network.read_hour("cam-1", NOON)) == after(NOON, every(1, 3))
    assert "What metadata tell may be when a file was written" in network.notes()[0]
    with pytest.raises(CctviewError, match="nothing tells the beginning of"):
        FootageNetwork(tmp_path, FootageSettings(start=("sidecar", "name")))


def test_names_without_a_zone_need_one(tmp_path: Path):
    write_video(tmp_path / "cam-1" / "20250603_170000.mp4", every(1, 3))
    with pytest.raises(CctviewError, match=r"tell a time without a zone, such as cam-1/20250603_170000\.mp4: give --timezone"):
        FootageNetwork(tmp_path, ALL)
    assert times(hour_of(tmp_path, zone="Europe/London")) == after(NOON, every(1, 3))


def test_the_published_hours_are_new_yorks(tmp_path: Path):
    for camera, name in (("735-683-N", "735-683-N"), ("253-134-S", "253-134-5")):
        write_video(tmp_path / camera / f"{name}--2020-05-05--13--original.mp4", every(1.7, 5))
    (tmp_path / "README.md").write_text("hours")
    network = FootageNetwork(tmp_path, ALL)
    assert network.cameras() == ["253-134-S", "735-683-N"]
    assert network.hours("253-134-S") == [datetime(2020, 5, 5, 17, tzinfo=UTC)]
    assert network.timezone == "America/New_York"
    assert reasons(tmp_path) == {"other_file": 1}


@pytest.mark.parametrize(
    ("codec", "pixels", "suffix"),
    [
        ("libx264", "yuv420p", ".mp4"),
        ("libx264", "yuv422p", ".mp4"),
        ("libx264", "yuv420p10le", ".mp4"),
        ("prores_ks", "yuv422p10le", ".mov"),
        ("ffv1", "gray", ".mkv"),
        ("ffv1", "bgr0", ".mkv"),
        ("ffv1", "gray16le", ".mkv"),
        ("libx264rgb", "rgb24", ".mkv"),
        ("libvpx-vp9", "yuv444p", ".webm"),
        ("mjpeg", "yuvj420p", ".avi"),
    ],
)
def test_any_format_of_pixels(tmp_path: Path, codec: str, pixels: str, suffix: str):
    shown = every(0.1, 10)
    write_video(tmp_path / f"{NAME}{suffix}", shown, Coding(codec=codec, pixels=pixels))
    found = hour_of(tmp_path)
    assert [number_of(frame) for frame in found.frames] == list(range(10))
    assert times(found) == after(NOON, shown)


def test_odd_sizes_and_interlaced_fields(tmp_path: Path):
    write_video(tmp_path / f"{NAME}.mkv", every(0.1, 5), Coding(codec="ffv1", size=(65, 47), pixels="bgr0"))
    fields = Coding(codec="libx264", options={"flags": "+ildct+ilme"})
    write_video(tmp_path / "cam-1--2025-06-03--16.01.00.000Z.ts", every(0.1, 5), fields)
    found = hour_of(tmp_path)
    assert [(frame.width, frame.height) for frame in found.frames] == [(65, 47)] * 5 + [(64, 48)] * 5
    assert [number_of(frame) for frame in found.frames] == [*range(5)] * 2


@pytest.mark.parametrize(("turned", "corner"), [(90, (-1, 0)), (180, (-1, -1)), (-90, (0, -1))])
def test_rotated_video_stands_upright(tmp_path: Path, turned: int, corner: tuple[int, int]):
    write_video(tmp_path / f"{NAME}.mp4", every(1, 2), Coding(turned=turned))
    frame = hour_of(tmp_path).frames[0]
    assert (frame.width, frame.height) == ((48, 64) if turned != 180 else (64, 48))
    assert decode(frame.jpeg)[corner].min() > 200  # counterclockwise by so many degrees, as FFmpeg shows it


def test_damage_costs_what_is_behind_it_up_to_the_next_key_frame(tmp_path: Path):
    shown = every(0.1, 100)
    path = write_video(tmp_path / f"{NAME}.mp4", shown, Coding(codec="libx264", size=(160, 120), options={"g": "10", "bf": "0"}))
    data = bytearray(path.read_bytes())
    for at in range(len(data) // 3, len(data) // 3 + 400):
        data[at] = 0xFF
    path.write_bytes(bytes(data))
    write_video(tmp_path / "cam-1--2025-06-03--16.10.00.000Z.mp4", every(0.1, 10))
    found = hour_of(tmp_path)
    whole = [frame for frame in found.frames if frame.captured_at < NOON + timedelta(minutes=1)]
    assert 50 < len(whole) < 100
    assert {frame.captured_at for frame in whole} < set(after(NOON, shown))
    by_time = dict(zip(after(NOON, shown), range(100), strict=True))
    assert [number_of(frame) for frame in whole] == [by_time[frame.captured_at] % MOST for frame in whole]
    assert len(found.frames) - len(whole) == 10
    (row,) = found.rejected
    assert (row.name, row.reason) == (path.name, "undecodable")
    assert "damaged packets" in row.detail
    assert "until the next key frame" in row.detail
    assert f"{len(whole)} frames are good" in row.detail


def test_a_camera_that_breaks_a_rule_in_every_packet_is_read_all_the_same(tmp_path: Path):
    unfinished = b"\0\0\0\1\x06\x05\x64\x01\x02\x80"  # supplemental information that is shorter than it says
    write_faulty(tmp_path / f"{NAME}.ts", every(0.1, 20), unfinished)
    found = hour_of(tmp_path)
    assert times(found) == after(NOON, every(0.1, 20))
    assert [number_of(frame) for frame in found.frames] == list(range(20))
    assert [row.detail for row in found.rejected] == ["Every packet of it breaks a rule of its codec; 20 frames are good."]


def test_of_what_is_damaged_throughout_nothing_is_taken(tmp_path: Path):
    path = write_video(tmp_path / f"{NAME}.mp4", every(0.1, 30), Coding(codec="libx264", size=(160, 120)))
    data = bytearray(path.read_bytes())
    begin, end = data.index(b"mdat") + 4, data.index(b"moov")
    data[begin:end] = bytes((17 * i + i // 251) % 256 for i in range(end - begin))
    path.write_bytes(bytes(data))
    found = hour_of(tmp_path)
    assert found.frames == []
    assert [row.reason for row in found.rejected] == ["undecodable"]


@pytest.mark.parametrize("suffix", [".ts", ".mkv"])
def test_a_file_cut_short_gives_what_it_has(tmp_path: Path, suffix: str):
    path = write_video(tmp_path / f"{NAME}{suffix}", every(0.1, 100), Coding(codec="libx264", options={"g": "10"}))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = hour_of(tmp_path)
    assert 30 < len(found.frames) < 70
    assert [number_of(frame) for frame in found.frames] == [i % MOST for i in range(len(found.frames))]


def test_what_is_no_video_is_named_and_takes_nothing_with_it(tmp_path: Path):
    write_video(tmp_path / f"{NAME}.mp4", every(1, 3))
    (tmp_path / "cam-1--2025-06-03--16.01.00Z.mp4").write_bytes(b"")
    (tmp_path / "cam-1--2025-06-03--16.02.00Z.mp4").write_bytes(b"no video at all" * 100)
    cut = write_video(tmp_path / "cam-1--2025-06-03--16.03.00Z.mp4", every(1, 30))
    cut.write_bytes(cut.read_bytes()[:-300])  # the index stands at the end
    write_sound(tmp_path / "cam-1--2025-06-03--16.04.00Z.mp4")
    write_video(tmp_path / "cam-1" / "nobody knows when.mp4", every(1, 3))
    write_video(tmp_path / "cam-1--1970-01-01--00.00.10Z.mp4", every(1, 3))
    for name in ("raw.h264", "init.m4s", "all.zip", ".hidden.mp4", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    network = FootageNetwork(tmp_path, ALL)
    counted = {found.reason: found.count for found in network.unused()}
    assert counted == dict.fromkeys(("empty", "no_video", "no_start", "clock", "no_times", "fragment", "packed"), 1) | {
        "undecodable": 2,
        "hidden": 1,
        "other_file": 1,
    }
    assert len(network.read_hour("cam-1", NOON).frames) == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_what_may_not_be_read_is_named(tmp_path: Path):
    write_video(tmp_path / f"{NAME}.mp4", every(1, 3))
    write_video(tmp_path / "cam-1--2025-06-03--16.02.00Z.mp4", every(1, 3)).chmod(0)
    assert reasons(tmp_path) == {"unreadable": 1}


def test_a_playlist_under_a_videos_name_leads_nowhere(tmp_path: Path):
    write_video(tmp_path / f"{NAME}.mp4", every(1, 3))
    secret = write_video(tmp_path / "elsewhere" / "secret.ts", every(1, 3), Coding(codec="libx264"))
    (tmp_path / "cam-1--2025-06-03--16.02.00Z.mp4").write_text(f"#EXTM3U\n#EXTINF:4,\n{secret}\n#EXT-X-ENDLIST\n")
    (tmp_path / "cam-1--2025-06-03--16.03.00Z.mp4").write_text(f"ffconcat version 1.0\nfile {secret}\n")
    assert reasons(tmp_path)["undecodable"] == 2


@pytest.mark.parametrize(
    ("place", "by", "camera"),
    [
        ("north/clip_20250603T160000Z.mp4", "auto", "north"),
        ("north/2025/06/03/20250603T160000Z.mp4", "auto", "north"),
        ("site/north/2025-06-03/20250603T160000Z.mp4", "auto", "north"),
        ("clips/south--20250603T160000Z.mp4", "auto", "south"),
        ("clips/south--20250603T160000Z.mp4", "folder", "clips"),
        ("clips/south_20250603T160000Z.mp4", "name", "south"),
        ("south_20250603T160000Z.mp4", "auto", "south"),
        ("20250603T160000Z.mp4", "auto", "root"),
    ],
)
def test_whose_a_file_is(tmp_path: Path, place: str, by: str, camera: str):
    write_video(tmp_path / "root" / place, every(1, 2))
    assert FootageNetwork(tmp_path / "root", FootageSettings(camera=by)).cameras() == [camera]


def test_a_single_file_is_footage(tmp_path: Path):
    path = write_video(tmp_path / f"{NAME}.mp4", every(1, 3))
    write_video(tmp_path / "cam-2--2025-06-03--16.00.00.000Z.mp4", every(1, 3))
    assert FootageNetwork(path, ALL).cameras() == ["cam-1"]


def test_an_hour_is_decoded_as_it_is_asked_for(tmp_path: Path):
    write_video(tmp_path / f"{NAME}.mp4", every(0.5, 20))
    network = FootageNetwork(tmp_path, ALL)
    assert isinstance(network, StreamingNetwork)
    stream = network.stream_hour("cam-1", NOON)
    assert next(stream.frames).captured_at == NOON
    (tmp_path / f"{NAME}.mp4").unlink()  # what is open goes on
    assert len(list(stream.frames)) == 19


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"fps": -1.0}, "fps = -1.0 under [campaign.settings] is out of range (from 0 to 60)"),
        ({"fps": "1"}, 'fps = "1" under [campaign.settings] is no number'),
        ({"start": ["clock"]}, "'clock' tells no start of a file: start lists some of sidecar, playlist, name, metadata."),
        ({"start": []}, "start lists nothing"),
        ({"camera": "x"}, "camera = 'x' says no camera"),
        ({"rate": 1}, "unknown key 'rate'"),
    ],
)
def test_settings_that_mean_nothing(wrong: dict, sentence: str):
    with pytest.raises(CctviewError) as caught:
        FootageSettings.read(wrong)
    assert sentence in str(caught.value)


def test_footage_that_is_none(tmp_path: Path):
    with pytest.raises(CctviewError, match="holds no video files: it is empty"):
        open_network("footage", str(tmp_path))
    with pytest.raises(CctviewError, match="does not exist"):
        open_network("footage", str(tmp_path / "x"))
    with pytest.raises(CctviewError, match="Footage needs its folder or file: give --path"):
        open_network("footage")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(CctviewError, match=r"holds no footage that can be used: files that are no videos: a\.txt"):
        open_network("footage", str(tmp_path))


@pytest.mark.parametrize("phase", [0, 250, 333, 499])
def test_a_steady_rate_of_the_cameras_own_loses_no_frame(tmp_path: Path, phase: int):
    shown = [500 * i + (-3, 0, 4)[i % 3] * (i > 0) for i in range(30)]  # a clock that trembles
    begin = NOON + phase * MILLISECOND
    write_video(tmp_path / f"cam-1--2025-06-03--16.00.00.{phase:03d}Z.mp4", shown)
    assert times(hour_of(tmp_path, FootageSettings(fps=2.0))) == after(begin, shown)


def test_files_that_follow_each_other_have_one_clock(tmp_path: Path):
    for number in range(4):
        begin = NOON + number * timedelta(seconds=2.5)
        write_video(tmp_path / f"cam-1--{begin:%Y-%m-%d--%H.%M.%S}.{begin.microsecond // 1000:03d}Z.mp4", every(0.1, 25))
    assert times(hour_of(tmp_path, FootageSettings())) == after(NOON, [*every(1, 10), 9900])


def test_nothing_of_a_video_is_stored_unmasked(tmp_path: Path):
    write_pictures(tmp_path / f"{NAME}.mp4", [road_with_people((100 + 3 * i, 100, 120 + 3 * i, 140)) for i in range(70)])
    stream = FootageNetwork(tmp_path, ALL).stream_hour("cam-1", NOON)
    found = mask_hour(stream, Masker(MagentaFinder(), 176))
    assert len(found.frames) == 70
    told = {(frame.width, frame.filled, frame.masked_by) for frame in found.frames}
    assert told == {(176, 1, "magenta-finder@000000000000 side 176")}
    assert not any(magenta(decode(frame.jpeg)).any() for frame in found.frames)
    assert found.told == {"start_from": "name (1)"}
