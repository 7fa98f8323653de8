"""Every reader of outside bytes, by name. What a reader imports is imported when it is opened, so that it can be watched."""

import contextlib
import hashlib
import itertools
import os
import shutil
import struct
import zlib
from datetime import timedelta
from pathlib import Path

from cctview_pipeline_tests.fuzz import corpus
from cctview_pipeline_tests.fuzz.target import Reader, Target, check_words

_TOML = (
    b"[",
    b"]",
    b"[[",
    b"]]",
    b'"""',
    b"'''",
    b" = ",
    b"\n",
    b"2020-05-05T17:00:00Z",
    b"2020-05-05",
    b"inf",
    b"nan",
    b"\\u0000",
)
_JSON = (b"[", b"]", b"{", b"}", b'":', b", ", b'"\\ud800"', b"Infinity", b"1e400", b'"' + b"9" * 5000 + b'"', b"[" * 2000)
_ZIP = (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"\x01\0\x10\0", b"../", b"\\", b"\0", b"--")
_NAMES = (
    b"/",
    b"\\",
    b"..",
    b"--original.jpeg",
    b".JPEG",
    b"._",
    b"__MACOSX/",
    b"--detections",
    b"2020/13/45/99",
    b"\0",
    b"\xff",
)

_HEAD = struct.Struct("<IIBHqq")


def jpeg(folder: Path) -> Reader:
    from cctview_pipeline.images import BadPicture
    from cctview_pipeline.images.jpeg import capture_time, read_whole, strip_metadata

    def read(data: bytes) -> None:
        with contextlib.suppress(BadPicture):
            read_whole(data)
        stripped = strip_metadata(data)
        assert strip_metadata(stripped) == stripped, "what was stripped has something left to strip"
        capture_time(data)

    return read


def examine(folder: Path) -> Reader:
    from cctview_pipeline.collect.pictures import examine, is_elsewhere, is_same, thumbnail

    def read(data: bytes) -> None:
        seen = thumbnail(examine(data).jpeg)
        if seen is not None:
            assert is_same(seen, seen), "a picture differs from itself"
            is_elsewhere(seen, seen)

    return read


def mask(folder: Path) -> Reader:
    import numpy as np

    from cctview_pipeline.images import decode
    from cctview_pipeline.policy import Policy
    from cctview_pipeline.redaction.masking import Masked, Masker, fill, mask_of
    from cctview_pipeline.runtime.device import set_threads

    set_threads(1)
    masker = Masker.of(Policy())

    def read(data: bytes) -> None:
        mask_of(data)
        (masked,) = masker.mask(["cam-1"], [data])
        if isinstance(masked, Masked):
            assert mask_of(masked.jpeg) == (masked.by, masked.filled), "a masked picture does not say by what"
            assert decode(masked.jpeg).shape == (masked.height, masked.width, 3), "a masked picture has another size than told"
            fill(masked.jpeg, np.array([[-5, 0, 3.5, 1e6]], np.float32))

    return read


def upload(folder: Path) -> Reader:
    from cctview_pipeline.images import decode

    def read(data: bytes) -> None:
        image = decode(data)
        assert image.shape[2:] == (3,), "an upload is no RGB picture"

    return read


def archive_folder(folder: Path) -> Reader:
    from cctview_pipeline.cameras.archive import ArchiveNetwork

    numbers = itertools.count()

    def read(data: bytes) -> None:
        name, _, content = data.partition(b"\n")
        parts = _file_names(name.replace(b"\0", b"_"))[:20]
        root = folder / str(next(numbers))
        path = root.joinpath(*parts)
        if not parts or len(str(path)) > 3000:
            return
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        try:
            _read_all(ArchiveNetwork(root))
        finally:
            path.unlink()
            for number in range(len(parts)):
                path.parents[number].rmdir()

    return read


def _file_names(path: bytes) -> list[str]:
    """A path's parts, each short enough in bytes for a file system to take it."""
    return [os.fsdecode(part[:200]) for part in path.split(b"/") if part not in (b"", b".", b"..")]


def archive_zip(folder: Path) -> Reader:
    from cctview_pipeline.cameras.archive import ArchiveNetwork

    path = folder / "frames.zip"

    def read(data: bytes) -> None:
        path.write_bytes(data)
        _read_all(ArchiveNetwork(path))

    return read


def _read_all(network) -> None:
    """Everything that a backfill reads, up to three hours of two cameras."""
    for camera in network.cameras()[:2]:
        for hour in network.hours(camera)[:3]:
            found = network.read_hour(camera, hour)
            assert all(frame.captured_at - hour < timedelta(hours=1) for frame in found.frames)
            for rejected in found.rejected:
                check_words(rejected.detail)


def segment(folder: Path) -> Reader:
    from cctview_pipeline.spool.folder import SpoolFolder
    from cctview_pipeline.spool.segments import Segment

    numbers = itertools.count()

    def read(data: bytes) -> None:
        home = folder / str(next(numbers))
        path = home / "0" / "20200505T17-1588699800123456.segment"
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        try:
            _read_spool(home)
            Segment(SpoolFolder(home), "0/" + path.name).rewrite(lambda record: None if record.camera_id == "cam-1" else record)
        finally:
            shutil.rmtree(home)

    return read


def record(folder: Path) -> Reader:
    """As :func:`segment`, with right checksums: what another version wrote, or somebody who means it."""
    read_segment = segment(folder)
    return lambda data: read_segment(_with_checksums(data))


def _with_checksums(data: bytes) -> bytes:
    """A segment is eight bytes, then records: each its payload's length, the checksum of what follows, its kind, its camera's
    length and two times, the camera and the payload."""
    mended, at = bytearray(data), 8
    mended[:at] = b"CCTVSP01"
    while at + _HEAD.size <= len(mended):
        length, _, _, name, *_ = _HEAD.unpack_from(mended, at)
        end = at + _HEAD.size + name + length
        if end > len(mended):  # the last record is as long as it can be
            length = max(0, len(mended) - at - _HEAD.size - name)
            end = at + _HEAD.size + name + length
            struct.pack_into("<I", mended, at, length)
        struct.pack_into("<I", mended, at + 4, zlib.crc32(mended[at + 8 : end]))
        at = end
    return bytes(mended)


def index(folder: Path) -> Reader:
    numbers = itertools.count()
    segment = corpus.segments()[0]

    def read(data: bytes) -> None:
        home = folder / str(next(numbers))
        path = home / "0" / "20200505T17-1588699800123456.segment"
        path.parent.mkdir(parents=True)
        path.write_bytes(segment)
        path.with_suffix(".index").write_bytes(data)
        try:
            _read_spool(home)
        finally:
            shutil.rmtree(home)

    return read


def _read_spool(home: Path) -> None:
    """Everything that sealing reads."""
    from cctview_pipeline.cameras.spooled import SpoolNetwork
    from cctview_pipeline.collect.sealing import sealable
    from cctview_pipeline.collect.tables import status_table
    from cctview_pipeline.lake.schemas import schema_of
    from cctview_pipeline.spool.folder import SpoolFolder

    network, hour = SpoolNetwork("nyc-dot", SpoolFolder(home)), corpus.TAKEN.replace(minute=0, second=0)
    sealable(SpoolFolder(home), corpus.TAKEN + timedelta(days=1))
    for camera in [*network.cameras()[:2], "cam-1"]:
        for each in [*network.hours(camera)[:2], hour]:
            for rejected in network.read_hour(camera, each).rejected:
                check_words(rejected.detail)
            status_table(SpoolFolder(home), camera, each, schema_of("camera_status").empty_table())


def other_lists(folder: Path) -> Reader:
    """Every network's reader of lists and of frame lists, on the same bytes."""
    from cctview_pipeline.cameras.live import LIVE_NETWORKS, open_live
    from cctview_pipeline.cameras.networks.generic import Source
    from cctview_pipeline.cameras.protocol import is_of
    from cctview_pipeline.errors import CctviewError

    base = {"operator": "x", "list": "https://a.at/l", "image": "https://a.at/{id}.jpg", "timezone": "UTC"}
    forms = [Source.read(base | form) for form in ({"form": "csv"}, {"form": "json", "rows": "data"}, {"form": "geojson"})]
    networks = [open_live(name) for name in LIVE_NETWORKS if name not in ("generic", "replay")]
    networks += [open_live("generic", source=form) for form in forms]

    def read(data: bytes) -> None:
        for network in networks:
            with contextlib.suppress(CctviewError):
                for camera in network.read_list(data).cameras:
                    assert is_of(network.frame_request(camera).url, network.hosts) or not camera.image_url
                network.next_page(data)
            with contextlib.suppress(CctviewError):
                if network.frames_every_s:
                    network.read_frames(data)
            network.notice(data[:1000])

    return read


def network_list(folder: Path) -> Reader:
    from cctview_pipeline.cameras.networks.nyc_dot import NycDot
    from cctview_pipeline.cameras.snapshots import compare, read_list, write_list
    from cctview_pipeline.collect.session import choose
    from cctview_pipeline.collect.sharding import Shard

    def read(data: bytes) -> None:
        listed = NycDot("http://127.0.0.1:1").read_list(data)
        chosen, _ = choose(listed, [], Shard())
        compare(listed.cameras, listed.cameras)
        write_list(folder / "cameras.json", chosen)
        # Every id is of one camera here: what was chosen is what is kept.
        assert read_list(folder / "cameras.json") == sorted(chosen, key=lambda camera: camera.id)

    return read


def snapshot(folder: Path) -> Reader:
    from cctview_pipeline.cameras.snapshots import compare, read_list

    def read(data: bytes) -> None:
        (folder / "cameras.json").write_bytes(data)
        cameras = read_list(folder / "cameras.json")
        compare(cameras, cameras)

    return read


def campaign(folder: Path) -> Reader:
    from cctview_pipeline.collect.settings import CollectSettings
    from cctview_pipeline.formats.sumo import read_detectors
    from cctview_pipeline.formats.tmg import read_stations
    from cctview_pipeline.lake import Lake
    from cctview_pipeline.policy import Policy

    lake = Lake(str(folder / "lake"))
    (folder / "lake").mkdir()

    def read(data: bytes) -> None:
        (folder / "lake" / "campaign.toml").write_bytes(data)
        found = lake.campaign()
        Policy.of(found)
        found.hours()
        if found.network == "nyc-dot":
            CollectSettings.read(found.settings)
        read_detectors(found.sumo)
        read_stations(found.tmg)
        lake.write_campaign(found)
        assert lake.campaign() == found, "a campaign that was written is another when it is read"

    return read


def detections(folder: Path) -> Reader:
    from cctview_pipeline.training.detector.labels import published_truth

    def read(data: bytes) -> None:
        (folder / "x--detections.json").write_bytes(data)
        published_truth(folder / "x--original.jpeg")

    return read


def weights(folder: Path) -> Reader:
    """The hash is right: somebody's own weights, which nobody wrote with this package."""
    os.environ["CCTVIEW_MODELS"] = str(folder)
    from cctview_pipeline.registry.manifest import find_model, read_arrays, read_metadata

    def read(data: bytes) -> None:
        (folder / "default-detector.safetensors").write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        facts = f'task = "detector"\nfile = "default-detector.safetensors"\nsha256 = "{digest}"\n'
        (folder / "manifest.toml").write_text(f"[default-detector]\n{facts}")
        entry = find_model("default", "detector")
        dict(read_metadata(entry))
        read_arrays(entry, "")

    return read


def manifest(folder: Path) -> Reader:
    os.environ["CCTVIEW_MODELS"] = str(folder)
    from cctview_pipeline.registry.manifest import check_file, find_model, list_models, read_facts

    def read(data: bytes) -> None:
        (folder / "manifest.toml").write_bytes(data)
        for entry in list_models():
            dict(read_facts(entry))
            check_file(find_model(entry.name, entry.task))

    return read


def volumes(folder: Path) -> Reader:
    """Hourly volume records: what is read is written as it was."""
    from cctview_pipeline.formats.tmg import read_volumes, write_volumes

    def read(data: bytes) -> None:
        found = list(read_volumes(data))
        assert list(read_volumes(write_volumes(found))) == found, "what was read is written as something else"

    return read


def parquet(folder: Path) -> Reader:
    from cctview_pipeline.lake import Lake, Partition, layout
    from cctview_pipeline.lake.schemas import schema_of

    lake = Lake(str(folder))
    place = Partition.camera_hour("cam-1", corpus.TAKEN.replace(minute=0, second=0))
    path = folder / layout.key("detections", place)
    path.parent.mkdir(parents=True)

    def read(data: bytes) -> None:
        path.write_bytes(data)
        part = lake.read("detections", place, ["frame_id", "score"])
        assert part.column_names == ["frame_id", "score"]
        whole = lake.read("detections", place)
        assert whole.schema.names == schema_of("detections").names
        whole.to_pylist()

    return read


def video(folder: Path) -> Reader:
    """Containers and codecs: what is no frame is told in our words."""
    from cctview_pipeline.cameras.footage import FootageNetwork, FootageSettings

    numbers = itertools.count()

    def read(data: bytes) -> None:
        path = folder / f"{next(numbers)}" / f"cam-1--{corpus.TAKEN:%Y-%m-%dT%H-%M-%S}Z.mp4"
        path.parent.mkdir()
        path.write_bytes(data)
        try:
            network = FootageNetwork(path, FootageSettings(fps=2.0))
            for hour in network.hours("cam-1")[:2]:
                for rejected in network.read_hour("cam-1", hour).rejected:
                    check_words(rejected.detail)
        finally:
            shutil.rmtree(path.parent)

    return read


def sidecar(folder: Path) -> Reader:
    from cctview_pipeline.cameras.footage.starts import SIDECARS, read_playlist, read_sidecar
    from cctview_pipeline.errors import CctviewError
    from cctview_pipeline.ids import NEW_YORK

    def read(data: bytes) -> None:
        (folder / "cam-1.m3u8").write_bytes(data)
        with contextlib.suppress(CctviewError):
            read_playlist(folder / "cam-1.m3u8", None)
        for suffix in SIDECARS:
            (folder / f"cam-1{suffix}").write_bytes(data)
            with contextlib.suppress(CctviewError):
                read_sidecar(folder / f"cam-1{suffix}", NEW_YORK)

    return read


def own_pictures(folder: Path) -> Reader:
    """A path below a folder, a line's end, and the picture that lies there; and once more under a name that tells nothing."""
    from cctview_pipeline.cameras.pictures import PictureNetwork

    numbers = itertools.count()

    def read(data: bytes) -> None:
        root = folder / str(next(numbers))
        name, _, picture = data.partition(b"\n")
        path = root.joinpath(*_file_names(name.replace(b"\0", b""))[:10] or ["1.jpg"])
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            for each in (path, root / "cam-1.jpg"):
                if not each.is_dir():
                    each.write_bytes(picture)
            network = PictureNetwork(root, timezone="Europe/Helsinki")
            for camera in network.cameras():
                for hour in network.hours(camera):
                    for rejected in network.read_hour(camera, hour).rejected:
                        check_words(rejected.detail)
        finally:
            shutil.rmtree(root, ignore_errors=True)

    return read


def times_csv(folder: Path) -> Reader:
    from cctview_pipeline.cameras.pictures.times import NAME, Times
    from cctview_pipeline.ids import NEW_YORK

    def read(data: bytes) -> None:
        (folder / NAME).write_bytes(data)
        times = Times()
        times.add("", folder / NAME)
        for row in times.idle():
            times.of(row.removeprefix(f"{NAME}: "), NEW_YORK)

    return read


TARGETS: dict[str, Target] = {
    "jpeg": Target(corpus.pictures, jpeg, corpus.JPEG_TOKENS, own=("DamagedJpeg",), quick=2000),
    "examine": Target(corpus.pictures, examine, corpus.JPEG_TOKENS, own=("NotAPicture",), quick=1000),
    "mask": Target(corpus.pictures, mask, corpus.JPEG_TOKENS, quick=60),
    "upload": Target(corpus.pictures, upload, corpus.JPEG_TOKENS, quick=1000),
    "archive-folder": Target(corpus.named_pictures, archive_folder, (*corpus.JPEG_TOKENS, *_NAMES), quick=300),
    "archive-zip": Target(corpus.zips, archive_zip, (*_ZIP, *_NAMES), quick=300),
    "video": Target(corpus.videos, video, (b"moov", b"mdat", b"ftyp", b"\x1a\x45\xdf\xa3", b"\x47", b"#EXTM3U"), quick=60),
    "sidecar": Target(corpus.sidecars, sidecar, (b"#EXTINF:4,", b"#EXT-X-PROGRAM-DATE-TIME:", b"\n", *_TOML, *_JSON), quick=300),
    "own-pictures": Target(corpus.own_pictures, own_pictures, (*corpus.JPEG_TOKENS, *_NAMES), quick=300),
    "times-csv": Target(corpus.times, times_csv, (b",", b";", b'"', b"\n", b"file", b"captured_at", b"\xff"), quick=300),
    "spool-segment": Target(corpus.segments, segment, (b"CCTVSP01", *_JSON), quick=60),
    "spool-record": Target(corpus.segments, record, (b"CCTVSP01", *_JSON), quick=60),
    "spool-index": Target(corpus.indexes, index, (b"ARROW1", b"kind", b"offset", b"\xff\xff\xff\xff"), quick=60),
    "network-list": Target(corpus.network_lists, network_list, _JSON, quick=1000),
    "other-lists": Target(corpus.other_lists, other_lists, _JSON, quick=150),
    "snapshot": Target(corpus.snapshots, snapshot, _JSON, quick=1000),
    "campaign": Target(corpus.campaigns, campaign, _TOML, quick=150),
    "detections": Target(corpus.detections, detections, _JSON, quick=1000),
    "weights": Target(corpus.weights, weights, (b'"dtype":"', b'"F8"', b'"data_offsets":[', *_JSON), quick=500),
    "manifest": Target(corpus.manifests, manifest, _TOML, quick=500),
    "volume-records": Target(corpus.volume_records, volumes, (b"3", b" " * 5, b"00000", b"2U", b"\n", b"\xff"), quick=500),
    "parquet": Target(corpus.parquet_files, parquet, (b"PAR1", b"ARROW:schema"), quick=300),
}
