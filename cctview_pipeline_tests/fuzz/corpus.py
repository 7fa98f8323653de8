"""Inputs to begin with, all made by code: the formats that are read, small, and each with something of its own."""

import io
import json
import tempfile
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from cctview_pipeline_tests.factories import stand_in
from cctview_pipeline_tests.factories.archive import MAC_COMMENT, add_comments, clock_comment
from cctview_pipeline_tests.factories.videos import Coding, every, write_video

CAMERA = "735-683-N"
TAKEN = datetime(2020, 5, 5, 17, 34, 46, tzinfo=UTC)
PLACE = f"{CAMERA}/2020/05/05/13/34/46/{CAMERA}--2020-05-05--13.34.46--original.jpeg"

JPEG_TOKENS = (
    *(bytes([0xFF, marker]) for marker in (0x01, 0xC0, 0xC1, 0xC2, 0xC4, 0xD0, 0xD7, 0xD8, 0xD9, 0xDA, 0xDB, 0xDD, 0xE0, 0xE1)),
    *(bytes([0xFF, marker]) for marker in (0xE2, 0xEE, 0xFE, 0xFF, 0x00)),
    b"JFIF\0",
    b"Exif\0\0",
    b"Exif\0\0II*\0\x08\0\0\0",
    b"Exif\0\0MM\0*\0\0\0\x08",
    b"Adobe\0",
    b"MPF\0",
    b"ICC_PROFILE\0",
    b"\x0a\x01",
    b"cctview ",
    b'cctview {"mask": "x", "filled": 1}',
    b"\x89PNG\r\n\x1a\n",
    b"GIF89a",
    b"RIFF",
    b"\xff\xc0\0\x11\x08\xff\xff\xff\xff\x03",
    b"\xff\xfe\0\0",
    b"\xff\xda\0\x0c\x03",
)


def videos() -> list[bytes]:
    """A few frames in the containers and codecs that recorders use."""
    kinds = {
        ".mp4": Coding(codec="libx264"),
        ".mkv": Coding(),
        ".ts": Coding(codec="libx264"),
        ".avi": Coding(codec="mjpeg", pixels="yuvj420p"),
        ".webm": Coding(codec="libvpx-vp9"),
    }
    with tempfile.TemporaryDirectory() as folder:
        files = [write_video(Path(folder) / f"a{suffix}", every(0.5, 4), coding) for suffix, coding in kinds.items()]
        return [file.read_bytes() for file in files]


def sidecars() -> list[bytes]:
    """What stands beside a video."""
    moment = TAKEN.isoformat()
    return [
        json.dumps({"start": moment}).encode(),
        json.dumps({"start": "2020-05-05T13:34:46", "timezone": "America/New_York", "times": [moment, 1588700087.5]}).encode(),
        f"start = {moment}\n".encode(),
        f"start,timezone\n{moment},UTC\n".encode(),
        f"captured_at\n{moment}\n2020-05-05T17:34:47Z\n".encode(),
        f"#EXTM3U\n#EXT-X-PROGRAM-DATE-TIME:{moment}\n#EXTINF:4.0,\na.ts\n#EXTINF:4.0,\nb.ts?x=1\n".encode(),
    ]


def own_pictures() -> list[bytes]:
    """A path below a folder of a user's own, a line's end, and the picture that lies there."""
    names = (
        "cam-1--2026-11-29--10.15.30.jpg",
        "cam-1/2026/11/29/10/15/30.jpg",
        "cam-1/2026-11-29/101530.250Z.png",
        "2026-11/29/10/cam-1_15-30.gif",
        "cam-1/1795947330250.jpeg",
        "cam-1/2026-03-29_03-30-00.jpg",
        "cam-1/0001-01-01_00-00-00.jpg",
        "cam-1/IMG_0001.webp",
        "times.csv",
    )
    return [name.encode() + b"\n" + picture for name, picture in zip(names, pictures(), strict=False)]


def times() -> list[bytes]:
    """What tells when pictures were taken."""
    return [
        f"file,captured_at\ncam-1/1.jpg,{TAKEN.isoformat()}\n2.jpg,1588700087.5\n".encode(),
        b"\xef\xbb\xbffile;captured_at;who\r\ncam-1\\1.jpg;2020-05-05 13:34:46;me\r\n",
        b'file,captured_at\n"a, b.jpg","0001-01-01T00:00:00"\n',
    ]


def pictures() -> list[bytes]:
    """JPEGs of every kind that cameras send and some that they should not, and other formats."""
    road = _road(48, 64)
    plain = _saved(road)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0x9003] = "2020:05:05 13:34:46"
    stamped = add_comments(plain, clock_comment(TAKEN), MAC_COMMENT)
    return [
        plain,
        stamped,
        _saved(road, progressive=True),
        _saved(road, exif=exif.tobytes()),
        _saved(road, subsampling=0, quality=100),
        _saved(road, restart_marker_blocks=1),
        _saved(road.convert("L")),
        _saved(road.convert("CMYK")),
        _saved(road.resize((1, 1))),
        _saved(road.resize((640, 3))),
        plain[:-2],
        plain[: len(plain) // 2] + b"\xff\xd9",
        plain + stamped,
        plain[:2] + b"\xff\xfe\0\x00" + plain[2:],
        plain[:2] + b"\xff\xfe\x10\x00Dahua" + plain[2:],
        plain.replace(b"\0\x30\0\x40", b"\xff\xff\xff\xff", 1),
        _saved(road, "PNG"),
        _saved(road, "GIF"),
        _saved(road, "WEBP"),
        _saved(road, "BMP"),
        _saved(road, "TIFF"),
        b"<html>503</html>",
        b"",
    ]


def named_pictures() -> list[bytes]:
    """A path in an archive, a line's end, and the picture that lies there."""
    names = [
        PLACE,
        PLACE.replace("jpeg", "JPG"),
        PLACE.replace("46--", "47--"),
        f"monday/{PLACE}",
        f"a/b/c/{PLACE}",
        PLACE.replace("2020/05/05", "2020/13/45"),
        PLACE.replace("05/05", "03/08").replace("05-05", "03-08").replace("/13/", "/02/").replace("13.", "02."),
        f"__MACOSX/{PLACE}",
        PLACE.replace(f"/{CAMERA}--", f"/._{CAMERA}--"),
        PLACE.replace("/", "\\"),
    ]
    return [name.encode() + b"\n" + picture for name, picture in zip(names, pictures(), strict=False)]


def zips() -> list[bytes]:
    """Archives of two frames, stored and compressed, with entries that are no frames, and one that is empty."""
    frames = [(PLACE, pictures()[1]), (PLACE.replace("46", "48"), pictures()[0])]
    others = [("../../etc/passwd", b"x"), ("__MACOSX/._x", b""), (f"{CAMERA}/2020/99/99/13/34/46/x--original.jpeg", b"x")]
    return [
        _zip(frames, zipfile.ZIP_STORED),
        _zip(frames, zipfile.ZIP_DEFLATED),
        _zip(frames[:1], zipfile.ZIP_BZIP2),
        _zip(frames[:1], zipfile.ZIP_LZMA),
        _zip(frames + others, zipfile.ZIP_DEFLATED),
        _zip(frames, zipfile.ZIP_STORED)[:-30],
        _zip([], zipfile.ZIP_STORED),
    ]


def other_lists() -> list[bytes]:
    """Of every network's shape."""
    two, taken = range(2), lambda camera: "2026-01-01T10:00:00Z"
    documents = [
        stand_in.digitraffic_stations(two),
        stand_in.tfl_rows(two),
        stand_in.drivebc_rows(two, taken),
        stand_in.singapore_items(two, taken, lambda camera: 7),
        stand_in.norway_items(two, stand_in.NORWAY),
        stand_in.caltrans_rows(4, two),
        stand_in.five_one_one_sites(two),
        stand_in.five_one_one_ny_rows(two),
        {"data": [{"id": "a", "name": "b", "latitude": "1.5", "longitude": 2}]},
    ]
    texts = [stand_in.hong_kong_list(two), "id;name;latitude;longitude\na;b;1,5;2\n"]
    return [json.dumps(each).encode() for each in documents] + [each.encode() for each in texts]


def network_lists() -> list[bytes]:
    row = {"id": "e5f322e7-e38c", "name": "FDR @ 48 St", "latitude": 40.75, "longitude": -73.96, "area": "Manhattan"}
    rows = [
        [row | {"isOnline": "true"}, row | {"id": "b", "isOnline": "false"}],
        [row | {"latitude": None}, row | {"id": "b"}],
        [row | {"id": 7, "latitude": "40.1", "name": None, "area": None}],
        [row, row],
        [],
        {"detail": "Not found"},
    ]
    return [json.dumps(each).encode() for each in rows] + [b"<html></html>", b"\xff\xfe[]", b"[" * 3000]


def snapshots() -> list[bytes]:
    row = {"id": "a", "network_id": "a", "name": "A", "latitude": 40.75, "longitude": -73.96, "online": True, "area": ""}
    return [json.dumps(each).encode() for each in ([row], [row | {"latitude": None}], [row | {"more": 1}], [1], {}, [])]


def campaigns() -> list[bytes]:
    return [
        b"""[campaign]
name = "archive"
network = "archive"
path = "frames"
start = 2020-05-05T17:00:00Z
end = 2020-05-05T18:00:00Z
[campaign.privacy]
purposes = ["traffic counts"]
largest_side = 640
[campaign.privacy.lifetimes]
crops = "12 h"
[campaign.models]
detector = "default"
[[cameras]]
id = "735-683-N"
name = "FDR @ 48 St"
latitude = 40.751693
longitude = -73.965239
faces = "north"
corridor = "fdr-drive"
order = 2
masks = [[[0, 0], [10, 0], [10, 10.5]]]
privacy_zones = [[[0, 0], [352, 0], [352, 240]]]
[[sumo]]
camera = "735-683-N"
carriageway = "N"
edge = "-23425634#3"
pos = 12.5
[[tmg]]
camera = "735-683-N"
state = "36"
functional_class = "2U"
station = "000735"
""",
        b"""[campaign]
name = "live"
network = "nyc-dot"
start = 2020-05-05T17:00:00
[campaign.settings]
collect = true
contact = "a@b.org"
window = "13:00-14:00"
budget_gib = 1
""",
        b"[campaign]\nname = 1\nnetwork = []\nstart = 2020-05-05\ncameras = 1\n",
        b"cameras = [[]]\n[campaign]\nname = ''\nnetwork = 'city'\nstart = 0001-01-01T00:00:00+14:00\n",
        b"a = " + b"[" * 3000,
    ]


def detections() -> list[bytes]:
    row = {"id": "x", "type": "car", "percentage_probability": 85.4, "box_points": [1, 2, 30, 40]}
    head = {"id": "f--detections", "model": "retinanet", "summary": {"total": 1, "car": 1}}
    rows = [{**head, "x": row}, {"x": row | {"box_points": [1, 2]}}, {"x": row | {"percentage_probability": None}}, {}, [row], 1]
    return [json.dumps(each).encode() for each in rows] + [b"", b"\xff\xfe", b"[" * 3000]


def weights() -> list[bytes]:
    from safetensors.numpy import save

    tensors = {"layer.weight": np.arange(12, dtype=np.float16).reshape(3, 4), "openvino.xml": np.zeros(4, np.uint8)}
    metadata = {"cctview": json.dumps({"classes": "car bus", "size": "352x240"})}
    return [save(tensors, metadata), save(tensors), save(tensors, {"cctview": "{"}), save({}), b"", b"<html></html>"]


def manifests() -> list[bytes]:
    return [
        b"""[default-detector]
task = "detector"
file = "default-detector.safetensors"
size = 10
sha256 = "00"
licence = "MIT"
[imageai-retinanet]
task = "detector"
file = "retinanet.pth"
url = "https://example.org/retinanet.pth"
""",
        b"default-detector = 1\n",
        b"[default-detector]\ntask = 1\nfile = 2\nsha256 = 3\n",
        b"[default-detector]\ntask = 'detector'\nfile = '../../x\\u0000'\n",
        b"\xff\xfe",
        b"a = " + b"[" * 3000,
    ]


def volume_records() -> list[bytes]:
    head, hours = b"3362U0007351020200505", b"00000" * 8 + b" " * 5 + b"  123" * 15
    return [head + b"3" + hours + b"2\n", (head + b"3" + hours + b"0\r\n") * 2, head + b"4" + hours + b"0", b"\n", b"C36"]


def parquet_files() -> list[bytes]:
    from cctview_pipeline.lake.schemas import schema_of

    schema = schema_of("detections")
    found = []
    for table in (schema.empty_table(), pa.table({"frame_id": ["a", "b"], "score": [0.5, None]}), _detections(schema)):
        for compression in ("NONE", "ZSTD"):
            buffer = io.BytesIO()
            pq.write_table(table, buffer, compression=compression)
            found.append(buffer.getvalue())
    return [*found, b"PAR1PAR1", b""]


def segments() -> list[bytes]:
    """Of a spool: frames and notes, as a collector writes them."""
    from cctview_pipeline.spool.folder import SpoolFolder
    from cctview_pipeline.spool.records import Kind, Record
    from cctview_pipeline.spool.segments import microseconds
    from cctview_pipeline.spool.writer import SpoolWriter

    at = microseconds(TAKEN)
    notes = [{"follows": {"cam-1": "live"}, "begins": True}, {"runs": True, "synced_within_s": 0.1}, {"full_since_us": at}]
    events = [
        Record(kind=Kind.EVENT, camera_id="", captured_us=at + n, fetched_us=at + n, payload=json.dumps(note).encode())
        for n, note in enumerate(notes)
    ]
    events.append(
        Record(
            kind=Kind.EVENT,
            camera_id="cam-1",
            captured_us=at,
            fetched_us=at,
            payload=json.dumps({"state": "live", "detail": "x"}).encode(),
        )
    )
    frames = [
        Record(kind=Kind.FRAME, camera_id="cam-1", captured_us=at + n, fetched_us=at + n + 300_000, payload=jpeg)
        for n, jpeg in enumerate(pictures()[:3])
    ]
    found = []
    for records in ([*events, *frames], frames[-1:]):
        with tempfile.TemporaryDirectory() as folder:
            writer = SpoolWriter(Path(folder), 1 << 20)
            for record in records:
                writer.append(record)
            writer.close()
            found.append(SpoolFolder(Path(folder)).segments()[0].path.read_bytes())
    return [*found, found[0][:8], b"", b"CCTVSP02" + found[1][8:]]


def indexes() -> list[bytes]:
    """Of the first of the segments."""
    from cctview_pipeline.spool.index import INDEX

    found = []
    for schema in (INDEX, pa.schema([("kind", pa.int64())])):
        buffer = io.BytesIO()
        with pa.ipc.new_file(buffer, schema) as writer:
            writer.write(schema.empty_table())
        found.append(buffer.getvalue())
    rows = {"kind": [1], "camera_id": ["cam-1"], "captured_us": [0], "fetched_us": [0], "offset": [8]}
    buffer = io.BytesIO()
    with pa.ipc.new_file(buffer, INDEX) as writer:
        writer.write(pa.table(rows, INDEX))
    return [*found, buffer.getvalue(), b"", b"ARROW1"]


def _detections(schema: pa.Schema) -> pa.Table:
    made = {pa.string(): "a", pa.float32(): 0.5, pa.int16(): 1, pa.int32(): 1, pa.int64(): 1, pa.bool_(): True}
    row = {field.name: TAKEN + timedelta(0) if pa.types.is_timestamp(field.type) else made.get(field.type) for field in schema}
    return pa.Table.from_pylist([row] * 3, schema)


def _road(height: int, width: int) -> Image.Image:
    noise = np.random.default_rng(7).integers(0, 40, (height, width, 3))
    ramp = np.linspace(40, 200, width)[None, :, None]
    return Image.fromarray((noise + ramp).astype(np.uint8))


def _saved(image: Image.Image, form: str = "JPEG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def _zip(entries: list[tuple[str, bytes]], compression: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, data in entries:
            file.writestr(zipfile.ZipInfo(name, (2020, 5, 5, 13, 34, 46)), data, compression)
    return buffer.getvalue()
