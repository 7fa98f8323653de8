"""What a camera's flow looks like, over one of its frames."""

import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure

from cctview_pipeline.images import decode
from cctview_pipeline.images.size import pixel_of
from cctview_pipeline.track.flow import AWAY, TOWARDS, RoadModel

COLOURS = {TOWARDS: "tab:orange", AWAY: "tab:cyan"}


def draw_flow(jpegs: pa.ChunkedArray, flow: RoadModel) -> Figure:
    """Where vehicles go, over the middle one of an hour's frames."""
    return plot_flow(decode(jpegs[len(jpegs) // 2].as_py()), flow)


def plot_flow(image: np.ndarray, flow: RoadModel, apart: int = 11) -> Figure:
    """RGB (H, W, 3) with an arrow wherever traffic was seen: where a vehicle gets to in half a second at the usual pace.

    apart: px from an arrow to the next in a picture of the usual width."""
    height, width = image.shape[:2]
    apart_px = apart * pixel_of((width, height))
    figure = Figure(figsize=(6, 6 * height / width), layout="tight")
    axes = figure.add_subplot()
    axes.imshow(image)
    axes.set_axis_off()
    grid = np.stack(np.meshgrid(np.arange(0, width, apart_px), np.arange(0, height, apart_px)), axis=-1).reshape(-1, 2) + 0.5
    for direction, way in enumerate(flow.ways):
        if way is None:
            continue
        places = grid[way.places.query(grid, k=5)[0][:, -1] < apart_px]
        x, y = way.velocity(places).T / 2
        at_x, at_y = places.T
        axes.quiver(at_x, at_y, x, y, color=COLOURS[direction], angles="xy", scale_units="xy", scale=1, width=0.004)
    return figure
