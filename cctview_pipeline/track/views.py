"""What a camera showed in an hour, view by view: pixels can be compared with those of the same view alone.

Frames that show the same, larger or smaller, are one view: their boxes are brought to the size that most of them have. Frames of
another shape, or from after the camera was turned, are another view: it has a flow and a calibration of its own, and no track
leads from one into the other.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.images.size import Size, named, same_shape, sizes_of
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.track.sightings import CameraDetections, sightings
from cctview_pipeline.track.tracker import UNSURE_FROM

Tables = Mapping[str, pa.Table]

VIEW = "view"
"""A column that raw_frames may have for the tracker: numbers that tell frames of one shape but of different views apart."""


@dataclass(frozen=True)
class View:
    """name: ``352x240``, or ``352x240/2`` for the second of that shape; size: px, of which the sightings' boxes are; frame_times:
    (F,) s since 1970, sorted, of its frames."""

    name: str
    size: Size
    seen: CameraDetections
    frame_times: np.ndarray

    def brought_to(self, size: Size) -> "View":
        """The same view in pixels of another size."""
        scale = np.array([size[0] / self.size[0], size[1] / self.size[1]] * 2)
        return replace(self, size=size, seen=replace(self.seen, boxes=self.seen.boxes * scale, frame_size=size))


def views(tables: Tables) -> list[View]:
    """raw_frames (times, sizes, ids), detections and features of a camera-hour -> its views, by their first frame.

    Where the frames are gone by now, the detections tell when there were any. Raises CctviewError where nobody knows of what size
    a detection's frame was.
    """
    frames, detections = tables["raw_frames"], tables["detections"]
    sizes = _detected_sizes(detections, frames)
    if not frames.num_rows:
        frames = _frames_of(detections, sizes)
    frames = frames.sort_by("captured_at")
    times = frames["captured_at"].cast(pa.int64()).to_numpy() / 1e6
    numbers = frames[VIEW].to_pylist() if VIEW in frames.column_names else [0] * frames.num_rows
    number_of = dict(zip(frames["frame_id"].to_pylist(), numbers, strict=True)) if any(numbers) else {}
    shapes = reference_sizes(sizes_of(frames), also=sizes)
    of_frames = [(shapes[size], number) for size, number in zip(sizes_of(frames), numbers, strict=True)]
    in_frames = [number_of.get(frame, 0) for frame in detections["frame_id"].to_pylist()] if number_of else [0] * len(sizes)
    of_detections = [(shapes[size], number) for size, number in zip(sizes, in_frames, strict=True)]
    found = []
    for size, number in dict.fromkeys([*of_frames, *of_detections]):
        mine = np.array([key == (size, number) for key in of_detections], bool)
        seen = _sightings(detections, tables["features"], mine, sizes, size)
        shown = times[np.array([key == (size, number) for key in of_frames], bool)]
        found.append(View(_name(size, number), size, seen, shown))
    return found


def names_of_frames(frames: pa.Table) -> list[str]:
    """raw_frames (sizes), with the column VIEW where they show several views -> of each frame the name of its view."""
    sizes = sizes_of(frames)
    numbers = frames[VIEW].to_pylist() if VIEW in frames.column_names else [0] * frames.num_rows
    shapes = reference_sizes(sizes)
    return [_name(shapes[size], number) for size, number in zip(sizes, numbers, strict=True)]


def _name(size: Size, number: int) -> str:
    return f"{named(size)}/{number + 1}" if number else named(size)


def reference_sizes(frames: Sequence[Size], also: Sequence[Size] = ()) -> dict[Size, Size]:
    """Sizes of frames -> each size -> the most frequent one of its shape. also: sizes that need one, and have no say."""
    counts = Counter(frames)
    counts.update(dict.fromkeys(also, 0))
    found: dict[Size, Size] = {}
    for size in sorted(counts, key=lambda size: (-counts[size], size)):
        found[size] = next((known for known in found.values() if same_shape(known, size)), size)
    return found


def _sightings(detections: pa.Table, features: pa.Table, mine: np.ndarray, sizes: Sequence[Size], size: Size) -> CameraDetections:
    """Those of one view, in pixels of its size. mine: (D,) which detections are of it; sizes: D, of their frames."""
    if not mine.all():
        owner = pc.fill_null(pc.index_in(features["detection_id"], detections["detection_id"].combine_chunks()), -1).to_numpy()
        features = features.filter(pa.array((owner < 0) | mine[owner]))
        detections, sizes = detections.filter(pa.array(mine)), [each for each, keep in zip(sizes, mine, strict=True) if keep]
    if set(sizes) - {size}:
        for side, names in enumerate((("x1", "x2"), ("y1", "y2"))):
            scale = np.array([size[side] / own[side] for own in sizes])
            for name in names:
                place = detections.schema.get_field_index(name)
                detections = detections.set_column(place, name, pa.array(detections[name].to_numpy() * scale))
    return sightings(detections, features, size, UNSURE_FROM)


def _detected_sizes(detections: pa.Table, frames: pa.Table) -> list[Size]:
    """D, of every detection's frame."""
    known = list(zip(detections["frame_width"].to_pylist(), detections["frame_height"].to_pylist(), strict=True))
    if all(width for width, _ in known):
        return known
    of_frames = dict(zip(frames["frame_id"].to_pylist(), sizes_of(frames), strict=True))
    ids = detections["frame_id"].to_pylist()
    if unknown := [frame for frame, (width, _) in zip(ids, known, strict=True) if not width and frame not in of_frames]:
        raise CctviewError(
            f"Nobody knows any more of what size the frame {unknown[0]} was, and so what its detections' pixels mean: "
            "it was detected by an older version, and the frame is gone."
        )
    return [size if size[0] else of_frames[frame] for frame, size in zip(ids, known, strict=True)]


def _frames_of(detections: pa.Table, sizes: Sequence[Size]) -> pa.Table:
    """What detections tell of frames that are gone: those that showed anything."""
    columns = {name: detections[name] for name in ("frame_id", "captured_at")}
    columns |= {name: [size[side] for size in sizes] for side, name in enumerate(("width", "height"))}
    schema = pa.schema([schema_of("raw_frames").field(name) for name in columns])
    return pa.table(columns, schema).group_by(list(columns)).aggregate([])
