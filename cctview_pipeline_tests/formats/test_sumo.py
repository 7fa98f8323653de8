"""The importers are SUMO's own: netconvert makes a small network, routeSampler.py and flowrouter.py read the counts."""

import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import sumo
import sumolib

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.formats.sumo import Detector, edge_data, read_detectors, sumo_files
from cctview_pipeline_tests.factories.figures import AUTUMN, DAY, SPRING, figures

HOME = Path(sumo.SUMO_HOME)
SOUTHBOUND = tuple(Detector(camera=f"cam-{number}", carriageway="S", edge=f"s{number}", lane=0, pos=50.0) for number in (1, 2, 3))
ROUTES = ("s1 s2 s3", "s1 s2", "s2 s3", "s1", "s2", "s3")
Counts = dict[tuple[str, int], int]
"""Edge and second of the day -> vehicles."""


def run(folder: Path, program: str, *words: str) -> str:
    command = [sys.executable, str(HOME / "tools" / program)] if program.endswith(".py") else [str(HOME / "bin" / program)]
    done = subprocess.run(
        [*command, *words], cwd=folder, env=os.environ | {"SUMO_HOME": str(HOME)}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def exported(folder: Path, detectors: tuple[Detector, ...] = SOUTHBOUND) -> dict[str, pa.Table]:
    made = figures()
    for name, content in sumo_files(str(DAY), made, detectors).items():
        (folder / name).write_bytes(content)
    return made


def counted(made: dict[str, pa.Table], *labels: str) -> Counts:
    """What the figures hold for the southbound edges, where it can be used."""
    rows = made["vehicle_counts" if labels else "flows"].to_pylist()
    begin, found = min(row["began_at"] for row in rows), Counter[tuple[str, int]]()
    for row in rows:
        usable = row["status"] in ("observed", "expanded") and row["carriageway"] == "S"
        if usable and row.get("label") in (labels or (None,)):
            edge, second = row["camera_id"].replace("cam-", "s"), (row["began_at"] - begin) // timedelta(seconds=1)
            found[edge, second] += row["expanded"]
    return {key: round(value) for key, value in found.items()}


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("network")
    nodes = (f'<node id="{name}" x="0" y="{-1000 * place}"/>' for place, name in enumerate("abcd"))
    edges = (
        f'<edge id="s{n}" from="{one}" to="{other}" numLanes="2"/>' for n, one, other in ((1, *"ab"), (2, *"bc"), (3, *"cd"))
    )
    routes = (f'<route id="r{number}" edges="{edges}"/>' for number, edges in enumerate(ROUTES))
    (folder / "road.nod.xml").write_text(f"<nodes>{''.join(nodes)}</nodes>")
    (folder / "road.edg.xml").write_text(f"<edges>{''.join(edges)}</edges>")
    (folder / "routes.xml").write_text(f"<routes>{''.join(routes)}</routes>")
    run(folder, "netconvert", "-n", "road.nod.xml", "-e", "road.edg.xml", "-o", "road.net.xml")
    return folder


def test_route_sampler_gives_the_counts_back(network: Path):
    made = exported(network)
    run(network, "routeSampler.py", "-r", "routes.xml", "-d", f"edgedata-{DAY}.xml", "-o", "sampled.xml", "--seed", "1")
    drawn = Counter[tuple[str, int]]()
    for vehicle in sumolib.xml.parse(str(network / "sampled.xml"), "vehicle"):
        for edge in vehicle.route[0].edges.split():
            drawn[edge, int(float(vehicle.depart)) // 900 * 900] += 1
    wanted = counted(made)
    assert {key: drawn[key] for key in wanted} == wanted
    assert sum(wanted.values()) > 10_000


def test_an_outage_is_no_edge_and_a_quiet_quarter_is_a_zero(network: Path):
    quiet = exported(network)["flows"].to_pylist()
    first = min(row["began_at"] for row in quiet)
    for row in quiet:
        if row["camera_id"] == "cam-1" and row["began_at"] == first:
            row |= {"vehicles": 0, "expanded": 0.0}
    flows = pa.Table.from_pylist(quiet, figures()["flows"].schema)
    intervals = ElementTree.fromstring(edge_data(flows, figures()["speeds"], SOUTHBOUND, pc.min(flows["began_at"]))).findall(
        "interval"
    )
    edges = {int(each.get("begin")): {edge.get("id"): edge.get("entered") for edge in each} for each in intervals}
    assert edges[0]["s1"] == "0"
    assert edges[10 * 3600].keys() == {"s1", "s3"}  # cam-2 was out
    assert edges[9 * 3600].keys() == {"s1", "s3"}  # less than half was seen
    assert edges[8 * 3600].keys() == {"s1", "s2", "s3"}  # 80 %
    assert edges[14 * 3600].keys() == {"s1", "s2"}  # an anomaly lies over cam-3


def test_flow_router_gives_a_detectors_counts_back(network: Path):
    """Of the camera that was out for an hour: none of its quarters has vehicles then."""
    made = exported(network, SOUTHBOUND[1:2])
    words = (
        "-n",
        "road.net.xml",
        "-d",
        "detectors.xml",
        "-f",
        f"detectors-{DAY}.csv",
        "-o",
        "flow-routes.xml",
        "-e",
        "flows.xml",
    )
    run(network, "detector/flowrouter.py", *words, "-i", "15", "--respect-zero")
    found = Counter[int]()
    for flow in sumolib.xml.parse(str(network / "flows.xml"), "flow"):
        found[int(float(flow.begin))] += int(flow.number)
    wanted = counted(made, "car", "motorcycle")
    assert found == Counter({second: count for (edge, second), count in wanted.items() if edge == "s2"})
    assert not any(second in found for second in range(9 * 3600, 11 * 3600, 900))


def test_df_router_reads_the_detectors(network: Path):
    exported(network, SOUTHBOUND[::2])
    words = ("-n", "road.net.xml", "-d", "detectors.xml", "-f", f"detectors-{DAY}.csv", "--end", "86400", "--time-step", "900")
    run(network, "dfrouter", *words, "--routes-output", "df-routes.xml", "--emitters-output", "emitters.xml")
    vehicles = list(sumolib.xml.parse(str(network / "emitters.xml"), ["vehicle"], heterogeneous=True))
    assert len(vehicles) == sum(count for (edge, _), count in counted(figures()).items() if edge == "s1")


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 23), (AUTUMN, 25)])
def test_seconds_are_those_since_the_local_day_began(day, hours: int):
    made = figures(day)
    intervals = ElementTree.fromstring(
        edge_data(made["flows"], made["speeds"], SOUTHBOUND, pc.min(made["bins"]["began_at"]))
    ).findall("interval")
    begins = [int(each.get("begin")) for each in intervals]
    assert begins == list(range(0, hours * 3600, 900))
    assert [int(each.get("end")) for each in intervals] == [begin + 900 for begin in begins]


def test_speeds_stand_in_a_file_of_counts_only_where_none_is_missing():
    made = figures()
    head, first, *_ = sumo_files("day", made, SOUTHBOUND[:1])["detectors-day.csv"].decode().splitlines()
    assert head == "Detector;Time;qPKW;qLKW;vPKW;vLKW"
    assert re.fullmatch(r"cam-1_S;0;\d+;\d+;(\d+\.\d);\1", first)
    speeds = made["speeds"].slice(1)  # the first quarter's is not known
    head, first, *_ = (
        sumo_files("day", made | {"speeds": speeds}, [Detector(camera="cam-1", carriageway="N", edge="n1")])["detectors-day.csv"]
        .decode()
        .splitlines()
    )
    assert head == "Detector;Time;qPKW;qLKW"
    assert re.fullmatch(r"cam-1_N;0;\d+;\d+", first)


def test_names_of_edges_are_written_as_xml_wants_them():
    odd = replace(SOUTHBOUND[0], edge='a"<b>&')
    made = figures()
    root = ElementTree.fromstring(edge_data(made["flows"], made["speeds"], [odd], pc.min(made["bins"]["began_at"])))
    assert {edge.get("id") for edge in root.iter("edge")} == {'a"<b>&'}


GIVEN = {"camera": "cam-1", "carriageway": "N", "edge": "e1"}


def test_what_the_campaign_says():
    assert read_detectors([GIVEN | {"lane": 1, "pos": 12.5}]) == (
        Detector(camera="cam-1", carriageway="N", edge="e1", lane=1, pos=12.5),
    )
    assert read_detectors([]) == ()


@pytest.mark.parametrize(
    ("tables", "sentence"),
    [
        ([{"camera": "cam-1"}], "carriageway is missing"),
        ([GIVEN | {"carriageway": "north"}], "is no N, S, E, W, towards or away"),
        ([GIVEN | {"lane": "0"}], "is no whole number"),
        ([GIVEN | {"sumo_edge": "e"}], "unknown key 'sumo_edge'"),
        ([GIVEN, GIVEN | {"edge": "e2"}], "names 'cam-1_N' twice"),
        ([GIVEN, GIVEN | {"carriageway": "S"}], "names 'e1' twice"),
    ],
)
def test_what_is_no_detector(tables: object, sentence: str):
    with pytest.raises(CctviewError, match=sentence):
        read_detectors(tables)
