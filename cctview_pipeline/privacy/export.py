"""Partitions of the lake as files in CCTView's published layout, and frames of camera-hours as video."""

from collections.abc import Iterator
from pathlib import Path

from cctview_pipeline.cameras.attribution import FILE, attributions
from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.files import write_whole
from cctview_pipeline.formats.published import write_detections, write_original, write_vehicles
from cctview_pipeline.ids import NEW_YORK, DetectionId, FrameId
from cctview_pipeline.images import decode
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.columns import embedding_matrix
from cctview_pipeline.lake.layout import format_hour
from cctview_pipeline.privacy.access import authorize

TABLES = ("raw_frames", "detections", "crops", "features")


def export_partitions(
    lake: Lake, partitions: list[Partition], threshold: float, out: Path, purpose: str = "", user: str | None = None
) -> Iterator[int]:
    """Write camera-hours below ``out/<camera>/YYYY/MM/DD/HH/MM/SS/``; gives the number of frames of each as it is done.

    threshold: detections below it are left out; purpose, user: as for ``privacy.access.authorize``, which writes the export down
    as one entry before the first file, or refuses it. Folders are named by the time in the frame's id: New York's for published
    frames, UTC for others. What the lake does not have yet (crops, features) is left out.
    """
    authorize(lake, "export", f"{_told(partitions)}, as files to {out.absolute()}", TABLES, purpose, user)
    _attribute(lake, partitions, out)
    return (_export_camera_hour(lake, partition, threshold, out) for partition in partitions)


def export_videos(
    lake: Lake, partitions: list[Partition], out: Path, purpose: str = "", user: str | None = None, comment: str = ""
) -> Iterator[int]:
    """Write the masked frames of camera-hours as mp4, each to ``out/<camera>/`` (formats/mp4.py); gives the number of frames of
    each as it is done. purpose, user: as above; comment: of the files' metadata, whose the pictures are when left
    out."""
    from cctview_pipeline.formats.mp4 import Shot, write_mp4  # not at the top: FFmpeg's libraries load for a while

    authorize(lake, "export", f"{_told(partitions)}, as video to {out.absolute()}", ("raw_frames",), purpose, user)
    comment = comment or "; ".join(_attribute(lake, partitions, out))

    def write(partition: Partition) -> int:
        frames = lake.read("raw_frames", partition, ["captured_at", "jpeg", "width", "height"])
        shots = [Shot(*row) for row in zip(*(frames[n].to_pylist() for n in frames.column_names), strict=True)]
        write_mp4(out / partition.camera, partition.camera, shots, comment)
        return len(shots)

    return (write(partition) for partition in partitions)


def _attribute(lake: Lake, partitions: list[Partition], out: Path) -> tuple[str, ...]:
    """Say beside the pictures whose they are, where somebody asks for that. Returns the sentences."""
    campaign = lake.require_campaign()
    days = calendar_of(campaign).days_of([partition.begin for partition in partitions])
    if whose := attributions(campaign, days):
        out.mkdir(parents=True, exist_ok=True)
        write_whole(out / FILE, "".join(f"{sentence}\n" for sentence in whose).encode())
    return whose


def _told(partitions: list[Partition]) -> str:
    """Which camera-hours, for the log."""
    cameras, hours = sorted({p.camera for p in partitions}), sorted(format_hour(p.begin) for p in partitions)
    return f"{len(partitions)} camera-hours of {', '.join(cameras)}, {hours[0]} to {hours[-1]}"


def _export_camera_hour(lake: Lake, partition: Partition, threshold: float, out: Path) -> int:
    frames = lake.read("raw_frames", partition)
    found = lake.read("detections", partition)
    by_frame: dict[str, list[DetectionId]] = {}
    for frame_id, text, score in zip(*(found[n].to_pylist() for n in ("frame_id", "detection_id", "score")), strict=True):
        if score >= threshold:
            by_frame.setdefault(frame_id, []).append(DetectionId.parse(text))
    crops = lake.read("crops", partition)
    images = dict(zip(crops["detection_id"].to_pylist(), crops["image"].to_pylist(), strict=True))
    features = lake.read("features", partition)
    vectors = dict(zip(features["detection_id"].to_pylist(), embedding_matrix(features), strict=True))
    detector, extractor = (table["model"][0].as_py() if table.num_rows else "" for table in (found, features))
    for frame_id, jpeg in zip(frames["frame_id"].to_pylist(), frames["jpeg"].to_pylist(), strict=True):
        folder, seen = out / _folder(frame_id), by_frame.get(frame_id, [])
        keys = [str(d) for d in seen]
        write_original(folder, frame_id, jpeg)
        write_detections(folder, frame_id, decode(jpeg), seen, detector)
        cut = {key: decode(images[key]) for key in keys if key in images}
        write_vehicles(folder, frame_id, cut, {key: vectors[key] for key in keys if key in vectors}, extractor)
    return frames.num_rows


def _folder(frame_id: str) -> Path:
    parsed = FrameId.parse(frame_id)
    time = parsed.time.astimezone(NEW_YORK) if parsed.published else parsed.time
    return Path(parsed.camera_id, f"{time:%Y/%m/%d/%H/%M/%S}")
