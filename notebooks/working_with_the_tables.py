# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Working with the tables
#
# CCTView showed its sample data in a notebook: list, filter, look at a frame, its vehicles, their features, and who may be whom.
# This does the same on a whole lake. Fill one with `make demo`, name it in `CCTVIEW_LAKE` (and its keys, if they are elsewhere,
# in `CCTVIEW_KEYS`), and run the cells. The short form for a folder of frames is `cctview example`.
#
# Questions about vehicles go through `ask`: it wants a purpose, writes the question to the audit log, and gives pseudonyms
# for ids. In the synthetic city nobody lives, and no purpose is needed. On your own cameras state yours once, here:

# %%
import io

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from cctview_pipeline.cameras.local_time import calendar_of
from cctview_pipeline.detect import threshold_of
from cctview_pipeline.evaluate import Evaluation
from cctview_pipeline.ids import DetectionId
from cctview_pipeline.lake import Partition
from cctview_pipeline.lake.columns import embedding_matrix
from cctview_pipeline.privacy.access import ask, authorize
from cctview_pipeline.resources.lake import open_lake

PURPOSE = ""

lake = open_lake()
campaign = lake.require_campaign()


def question(sql):
    return ask(lake, sql, purpose=PURPOSE).to_pandas()


# %% [markdown]
# ## List
# Every table is a view in DuckDB, partitioned by camera and hour.

# %%
question(
    "SELECT camera, hour, count(*) AS frames, min(captured_at) AS first, max(captured_at) AS last "
    "FROM raw_frames GROUP BY ALL ORDER BY ALL"
)

# %%
tables = ["raw_frames", "detections", "crops", "features", "tracks", "matches", "journeys", "vehicle_counts", "travel_times"]
{name: int(question(f"SELECT count(*) AS rows FROM {name}")["rows"][0]) for name in tables}

# %% [markdown]
# ## Filter
# The tables keep every detection from 0.05 up. What is downstream takes those at the detector's threshold.

# %%
threshold = threshold_of(campaign.model("detector"))
question(
    f"SELECT label, count(*) AS boxes, round(avg(score), 2) AS score FROM detections WHERE score >= {threshold} "
    "GROUP BY label ORDER BY boxes DESC"
)

# %% [markdown]
# ## A frame with its boxes
# One frame of a camera's hour is one small read (`look_up`), from the disk as from S3. Files are read without `ask`, so the
# purpose is stated here (`authorize`). This is the frame with most vehicles.

# %%
busiest = question(
    f"SELECT camera, hour, frame_id, count(*) AS vehicles FROM detections WHERE score >= {threshold} "
    "AND label NOT IN ('person', 'bicycle') GROUP BY ALL ORDER BY vehicles DESC, frame_id LIMIT 1"
).iloc[0]
hour = next(each for each in campaign.hours() if each.strftime("%Y-%m-%dT%H") == busiest.hour)
place = Partition.camera_hour(busiest.camera, hour)
authorize(lake, "query", f"notebook: pictures of {place}", ("raw_frames", "crops", "features"), PURPOSE)


def picture(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


frame = lake.look_up("raw_frames", place, "frame_id", [busiest.frame_id], ["jpeg"])
boxes = question(f"SELECT * FROM detections WHERE frame_id = '{busiest.frame_id}' AND score >= {threshold}")
figure, axes = plt.subplots(figsize=(9, 6))
axes.imshow(picture(frame["jpeg"][0].as_py()))
for box in boxes.itertuples():
    axes.add_patch(plt.Rectangle((box.x1, box.y1), box.x2 - box.x1, box.y2 - box.y1, fill=False, color="gold"))
axes.set_title(f"{busiest.frame_id}: {busiest.vehicles} vehicles")
axes.axis("off")
# %% [markdown]
# ## Its crops
# A detection's id holds its frame, its label, its score and its box; its crop is found by it.

# %%
crops = lake.look_up("crops", place, "detection_id", boxes.detection_id, ["detection_id", "image", "label"]).to_pylist()
figure, axes = plt.subplots(1, len(crops), figsize=(1.2 * len(crops), 1.6), squeeze=False)
for crop, each in zip(crops, axes[0], strict=True):
    each.imshow(picture(crop["image"]))
    each.set_title(f"{crop['label']} {DetectionId.parse(crop['detection_id']).percent:.0f}", fontsize=8)
    each.axis("off")

# %% [markdown]
# ## Features: who looks alike
# Embeddings have length 1, so that the product of two is their cosine. The nearest to the first crop are mostly the same vehicle
# in the frames before and after: within a camera looks tell a lot. Between cameras they hardly do; see below.

# %%
features = lake.read("features", place)
vectors, ids = embedding_matrix(features), features["detection_id"].to_pylist()
likeness = vectors @ vectors[ids.index(crops[0]["detection_id"])]
nearest = [ids[row] for row in np.argsort(-likeness)[:8]]
found = {
    row["detection_id"]: row["image"]
    for row in lake.look_up("crops", place, "detection_id", nearest, ["detection_id", "image"]).to_pylist()
}
figure, axes = plt.subplots(1, len(nearest), figsize=(1.2 * len(nearest), 1.6), squeeze=False)
for name, each in zip(nearest, axes[0], strict=True):
    each.imshow(picture(found[name]))
    each.set_title(f"{likeness[ids.index(name)]:.2f}", fontsize=8)
    each.axis("off")

# %% [markdown]
# ## A ranked match
# For every track the candidates at the cameras before, with a probability and what it rests on: logarithms of how much likelier
# each is for one vehicle than for none. `none` is what is left.

# %%
ranked = question(
    "SELECT query_track_id, gallery_camera_id, rank, round(probability, 3) AS probability, assigned, round(gap_s, 1) AS gap_s, "
    "round(implied_speed_kmh) AS kmh, round(looks, 1) AS looks, round(size, 1) AS size, round(pace, 1) AS pace, "
    "round(label, 1) AS label, round(travel_time, 1) AS travel_time "
    "FROM matches JOIN match_evidence USING (query_track_id, gallery_track_id, camera, hour) "
    "WHERE query_track_id = (SELECT query_track_id FROM matches WHERE assigned "
    "ORDER BY abs(probability - 0.9), query_track_id LIMIT 1) "
    "ORDER BY gallery_camera_id, rank LIMIT 8"
)
print("none of these:", round(1 - ranked.probability.sum(), 3))
ranked.drop(columns="query_track_id")

# %% [markdown]
# ## A chart
# Vehicles of each camera and quarter of an hour. `status` says how much of the quarter was seen: of one that was hardly seen
# nothing is told, and that is no low traffic.

# %%
counts = question(
    "SELECT camera_id, local_at, sum(expanded) AS vehicles, min(status) = 'observed' AS observed "
    "FROM flows WHERE status IN ('observed', 'expanded') GROUP BY ALL ORDER BY ALL"
)
figure, axes = plt.subplots(figsize=(9, 3))
labels = [f"{row.camera_id}\n{row.local_at[11:16]}" for row in counts.itertuples()]
axes.bar(labels, counts.vehicles, color=["tab:blue" if observed else "lightgrey" for observed in counts.observed])
axes.set_ylabel("vehicles in 15 minutes")
axes.set_xlabel("beginning of the 15 minutes, local time")
axes.tick_params(axis="x", labelsize=7)

# %% [markdown]
# ## A report
# Travel times with how many matches they rest on; and in the synthetic city, where the truth is known, how good they are.

# %%
question(
    "SELECT from_camera_id, to_camera_id, local_at, vehicles, median_s, p15_s, p85_s, space_mean_kmh, mean_probability, status "
    "FROM travel_times ORDER BY ALL"
)

# %%
days = [Partition.of_day(day) for day in calendar_of(campaign).days_of(campaign.hours())]
known = [lake.read("evaluation", day) for day in days if lake.has("evaluation", day)]
if known:
    print(Evaluation.from_table(known[0]).markdown()[:1500])
else:
    print("On real cameras nobody knows the truth.")
