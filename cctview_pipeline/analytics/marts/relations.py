"""What the statements of the marts know of a day without reading a table: its bins, the campaign's cameras and the ways between
them, what a person said of its figures, and how far they are off."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, timedelta

import pyarrow as pa

from cctview_pipeline.analytics.known_bias import MEASURES, known_bias
from cctview_pipeline.campaign import Campaign, floor_hour
from cctview_pipeline.detect import VEHICLES
from cctview_pipeline.lake import Partition
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.links import sides_of
from cctview_pipeline.local_calendar import BIN, LocalCalendar
from cctview_pipeline.roads import Edge, Road, RoadNetwork

_FIVE = timedelta(minutes=5)


def relations(campaign: Campaign, calendar: LocalCalendar, day: date) -> dict[str, pa.Table]:
    """Name -> table: bins, fives, cameras, sides, labels, edges, ends, stops, said and declared, as the statements read them."""
    bins = naive(bins_table(calendar, day))
    begins = bins["began_at"].to_pylist()
    fives = [calendar.begin(day) + number * _FIVE for number in range(3 * len(begins))]
    roads = RoadNetwork.of(campaign).roads
    said = [each.to_dict() for each in campaign.anomalies]
    return {
        "bins": bins.append_column("ended_at", pa.array([at + BIN for at in begins], pa.timestamp("us")))
        .append_column("clock_hour", pa.array([text[:13] + text[-6:] for text in bins["local_at"].to_pylist()]))
        .append_column("in_window", pa.array(in_window(campaign, bins))),
        "fives": naive(
            pa.table({"began_at": pa.array(fives, pa.timestamp("us", "UTC")), "local_at": [*map(calendar.local, fives)]})
        ),
        "cameras": pa.table({"camera_id": [camera.id for camera in campaign.cameras]}),
        "sides": pa.Table.from_pylist(
            [{"camera_id": camera.id, "carriageway": side} for camera in campaign.cameras for side in sides_of(camera.faces)],
            pa.schema([("camera_id", pa.string()), ("carriageway", pa.string())]),
        ),
        "labels": pa.table({"label": list(VEHICLES)}),
        "edges": _edges(roads),
        "ends": _ends(roads),
        "stops": _stops(roads),
        "said": _anomalies(said),
        "declared": _anomalies(
            [each for each in said if each["problem"] == "do-not-use" and each["investigation"] != "dismissed"]
        ),
    }


def in_window(campaign: Campaign, bins: pa.Table) -> list[bool]:
    """Whether each of the bins lies in the campaign's window."""
    return [campaign.covers(floor_hour(at.replace(tzinfo=UTC))) for at in bins["began_at"].to_pylist()]


def bins_table(calendar: LocalCalendar, day: date) -> pa.Table:
    """The table ``bins`` of a local day."""
    rows = []
    for began in calendar.bins(day):
        local = began.astimezone(calendar.zone)
        offset = local.utcoffset()
        assert offset is not None
        rows.append(
            {
                "began_at": began,
                "local_at": calendar.local(began),
                "local_date": day,
                "local_time": f"{local:%H:%M}",
                "utc_offset_min": offset // timedelta(minutes=1),
                "weekday": local.isoweekday(),
                "holiday": calendar.holiday(day),
                "period": calendar.period(began),
            }
        )
    return pa.Table.from_pylist(rows, schema_of("bins"))


def naive(table: pa.Table) -> pa.Table:
    """Times without their zone, which is UTC: DuckDB calculates with zones only where its ICU extension is installed."""
    fields = [f.with_type(pa.timestamp("us")) if pa.types.is_timestamp(f.type) else f for f in table.schema]
    return table.cast(pa.schema(fields))


def made(there: list[Partition]) -> pa.Table:
    """Camera-hours that have passages."""
    hours = [place.begin.replace(tzinfo=None) for place in there]
    return pa.table(
        {"camera_id": pa.array([place.camera for place in there], pa.string()), "hour": pa.array(hours, pa.timestamp("us"))}
    )


def _edges(roads: Sequence[Road]) -> pa.Table:
    """Ways between cameras that follow each other, with their places along their road. only_in, only_out: whether no other way
    leads to where it enters, and none from where it leaves."""
    ways = [(road, edge) for road in roads for way in road.carriageways.values() for edge in way]
    into, out = (Counter(ends) for ends in zip(*(_ends_of(edge) for _, edge in ways), strict=True)) if ways else (Counter(),) * 2
    rows = [
        {
            "corridor": road.name,
            "carriageway": edge.carriageway,
            "from_camera_id": edge.source.id,
            "to_camera_id": edge.target.id,
            "leaves": edge.leaves,
            "enters": edge.enters,
            "metres": edge.metres,
            "from_m": road.at(edge.source.id),
            "to_m": road.at(edge.target.id),
            "only_in": into[edge.target.id, edge.enters] == 1,
            "only_out": out[edge.source.id, edge.leaves] == 1,
        }
        for road, edge in ways
    ]
    texts = ("corridor", "carriageway", "from_camera_id", "to_camera_id", "leaves", "enters")
    numbers, flags = ("metres", "from_m", "to_m"), ("only_in", "only_out")
    kinds = ((texts, pa.string()), (numbers, pa.float64()), (flags, pa.bool_()))
    schema = pa.schema([(name, kind) for names, kind in kinds for name in names])
    return pa.Table.from_pylist(rows, schema).append_column("way", pa.array(range(len(rows)), pa.int32()))


def _ends_of(edge: Edge) -> tuple[tuple[str, str], tuple[str, str]]:
    """The sides of the road where it enters and where it leaves."""
    return (edge.target.id, edge.enters), (edge.source.id, edge.leaves)


def _ends(roads: Sequence[Road]) -> pa.Table:
    """Where a road's carriageway begins and ends, and over how many ways."""
    rows = [
        {
            "corridor": road.name,
            "carriageway": side,
            "from_camera_id": ways[0].source.id,
            "to_camera_id": ways[-1].target.id,
            "ways": len(ways),
        }
        for road in roads
        for side, ways in road.carriageways.items()
    ]
    names = ("corridor", "carriageway", "from_camera_id", "to_camera_id")
    return pa.Table.from_pylist(rows, pa.schema([*((name, pa.string()) for name in names), ("ways", pa.int64())]))


def _stops(roads: Sequence[Road]) -> pa.Table:
    """The cameras of every road, with their places along it."""
    rows = [
        {"corridor": road.name, "camera_id": camera, "place": place} for road in roads for place, camera in enumerate(road.ids)
    ]
    return pa.Table.from_pylist(rows, pa.schema([("corridor", pa.string()), ("camera_id", pa.string()), ("place", pa.int32())]))


def _anomalies(said: list[dict]) -> pa.Table:
    texts = ("carriageway", "label", "problem", "investigation", "note")
    rows = [
        {"camera_id": each["camera"], "began_at": each["began"], "ended_at": each["ended"]}
        | {name: each.get(name) for name in texts}
        for each in said
    ]
    times = [(name, pa.timestamp("us", "UTC")) for name in ("began_at", "ended_at")]
    return naive(
        pa.Table.from_pylist(rows, pa.schema([("camera_id", pa.string()), *times, *((name, pa.string()) for name in texts)]))
    )


def bias(model: str) -> pa.Table:
    """What is known of models, as shares of the true values."""
    known = [known_bias(measure, model) for measure in MEASURES]
    rows = [{"measure": each.measure, "value": each.value / 100, "spread": each.spread / 100} for each in known if each]
    return pa.Table.from_pylist(rows, pa.schema([("measure", pa.string()), ("value", pa.float64()), ("spread", pa.float64())]))
