"""matches: the same vehicle at the camera before."""

from typing import TYPE_CHECKING

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.assets.partition_run import PartitionRun, table_asset
from cctview_pipeline.assets.pictures import rows_of, strip
from cctview_pipeline.campaign import HOUR
from cctview_pipeline.images import decode
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.partitions import Partitions
from cctview_pipeline.resources.lake import LakeResource

if TYPE_CHECKING:
    from cctview_pipeline.match.belief import EdgeModel
    from cctview_pipeline.roads import Edge


def matches(partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        **table_asset("matches", group="journeys", code_version="2", kinds={"numpy"}),
        deps=[
            dg.AssetDep("tracks", partition_mapping=partitions.near_cameras_hour_and_before),
            dg.AssetDep("features", partition_mapping=partitions.near_cameras_hour_and_before),
        ],
        partitions_def=partitions.camera_hours,
        backfill_policy=partitions.after_all_tracks,
    )
    def asset(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
        from cctview_pipeline.match.tables import match_tracks
        from cctview_pipeline.roads import RoadNetwork

        store, campaign = lake.open_campaign()
        run = PartitionRun(context, store, "matches")

        def make(partition: Partition) -> None:
            edges = RoadNetwork.of(campaign).edges_into(partition.camera)
            own, vectors = store.read("tracks", partition), store.read("features", partition)
            sources = [(edge, *_hour_and_before(store, edge, partition, vectors)) for edge in edges]
            matched = match_tracks(sources, own, vectors)
            found = matched.matches
            assigned = found.filter(found["assigned"])
            run.store(
                partition,
                found,
                {"tracks": own},
                beside={"match_evidence": matched.evidence},
                queries=len(pc.unique(found["query_track_id"])),
                assigned=assigned.num_rows,
                neighbours=[edge.source.id for edge in edges],
                neighbours_not_tracked=[edge.source.id for edge in edges if not _tracked(store, edge.source.id, partition)],
                mean_probability=round(pc.mean(assigned["probability"]).as_py() or 0.0, 3),
                travel_times=dg.MetadataValue.md(_travel_times(matched.learned)),
                ranked=run.pictures.seen(lambda: _ranked(store, partition, found)) if assigned.num_rows else None,
            )

        return run.make_all(make, inputs=["tracks", "features"])

    return asset


def _travel_times(learned: "list[tuple[Edge, EdgeModel]]") -> str:
    """What this hour taught about its edges, and on how much that rests."""
    rows = [
        f"| {edge.source.id} | {belief.seconds():.1f} s | {edge.metres / belief.seconds() * 3.6:.0f} km/h | "
        f"{100 * belief.spread:.1f} % | {100 * belief.share:.0f} % | {belief.support:.0f} |"
        for edge, belief in learned
    ]
    head = [
        "| from | usual travel time | over the distance | spread | of the vehicles | rests on matches |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *rows])


def _tracked(store: Lake, camera: str, partition: Partition) -> bool:
    return store.has("tracks", Partition.camera_hour(camera, partition.begin))


def _hour_and_before(store: Lake, edge: "Edge", partition: Partition, like: pa.Table) -> tuple[pa.Table, pa.Table]:
    """A neighbour's tracks and features of the hour and the hour before, as far as they are of the given features' model."""
    tracks, vectors = [store.read("tracks", partition).slice(0, 0)], [like.slice(0, 0)]
    for hour in (partition.begin - HOUR, partition.begin):
        place = Partition.camera_hour(edge.source.id, hour)
        found = store.read("features", place)
        if found.num_rows and pc.unique(found["model"]).equals(pc.unique(like["model"])):
            tracks.append(store.read("tracks", place))
            vectors.append(found)
    return pa.concat_tables(tracks), pa.concat_tables(vectors)


def _ranked(store: Lake, partition: Partition, found: pa.Table) -> np.ndarray:
    """The five surest matches: the vehicle, then its candidates by rank, one crop each."""
    sure = found.filter(found["assigned"]).sort_by([("probability", "descending")])["query_track_id"].to_pylist()[:5]
    cameras = {partition.camera, *pc.unique(found["gallery_camera_id"]).to_pylist()}
    wanted = found.filter(pc.is_in(found["query_track_id"], pa.array(sure, pa.string())))
    ids = {*sure, *wanted["gallery_track_id"].to_pylist()}
    best: dict[str, np.ndarray] = {}
    for camera in sorted(cameras):
        for hour in (partition.begin - HOUR, partition.begin):
            best |= _best_crops(store, Partition.camera_hour(camera, hour), ids)
    rows = []
    for query in sure:
        ranked = wanted.filter(pc.equal(wanted["query_track_id"], query)).sort_by("rank")["gallery_track_id"].to_pylist()
        rows.append(strip([best[i] for i in [query, *ranked[:8]] if i in best]))
    return rows_of(rows)


def _best_crops(store: Lake, partition: Partition, ids: set[str]) -> dict[str, np.ndarray]:
    """track_id -> its largest crop."""
    seen = store.read("tracks", partition, ["track_id", "detection_ids"])
    cut = store.read("crops", partition)
    area = pc.multiply(cut["width"].cast(pa.int32()), cut["height"].cast(pa.int32())).to_pylist()
    row = {detection_id: i for i, detection_id in enumerate(cut["detection_id"].to_pylist())}
    best = {}
    for name, members in zip(seen["track_id"].to_pylist(), seen["detection_ids"].to_pylist(), strict=True):
        rows = [row[i] for i in members if i in row]
        if name in ids and rows:
            best[name] = decode(cut["image"][max(rows, key=area.__getitem__)].as_py())
    return best
