"""The city over HTTP: the public API's form, pictures at their time, faults that show through, one rendering a picture."""

import io
import json
import os
import re
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import UUID

import pytest
from PIL import Image

from cctview_pipeline.cameras.city_server import camera_uuid, running, serve
from cctview_pipeline.city import CAMERAS, CityNetwork, CitySettings
from cctview_pipeline.city.clock import CityClock
from cctview_pipeline.city.studio import Exposure, notice
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.frames import Frame
from cctview_pipeline.images.jpeg import COM, capture_time, segments, strip_metadata
from cctview_pipeline_tests.factories.cities import DAWN
from cctview_pipeline_tests.factories.killed import FORK

SETTINGS = CitySettings(
    seed=7, start=DAWN, minutes=15, faults=("frozen:city-2", "serviced:city-3", "offline:city-4", "lost_frames:city-5")
)
SPEED = 10.0


class Hand:
    """A clock that is moved by hand."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Site:
    """A server, its network, and the hand of its clock."""

    url: str
    network: CityNetwork
    hand: Hand
    speed: float = SPEED

    def get(self, path: str, method: str = "GET") -> Answer:
        try:
            with urlopen(Request(self.url + path, method=method), timeout=30) as answer:
                return Answer(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())
        except HTTPError as error:
            return Answer(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())

    def at(self, minutes: float, seconds: float = 0.0) -> datetime:
        """Move the clock to this moment of the city."""
        self.hand.seconds = (60 * minutes + seconds) / self.speed
        return self.network.begin + timedelta(minutes=minutes, seconds=seconds)

    def image(self, camera_id: str) -> bytes:
        answer = self.get(f"/api/cameras/{camera_uuid(camera_id)}/image")
        assert answer.status == 200
        return answer.body

    def newest(self, camera_id: str, moment: datetime) -> Exposure:
        return [shot for shot in self.network.shots(camera_id, self.network.begin) if shot.captured_at <= moment][-1]


@pytest.fixture(scope="module")
def city() -> Iterator[Site]:
    network, hand = CityNetwork(SETTINGS), Hand()
    with running(network, speed=SPEED, now=hand) as url:
        yield Site(url, network, hand)


class Sketches(CityNetwork):
    """A city whose traffic and pictures take no time, and which counts how often it is asked for them."""

    def __init__(self, settings: CitySettings) -> None:
        super().__init__(settings)
        self.prepared, self.rendered, self.may_go_on = Counter(), Counter(), threading.Event()
        self.may_go_on.set()

    def _traffic(self, hour: datetime) -> None:
        self.prepared[hour] += 1

    def picture(self, camera_id: str, shot: Exposure) -> Frame:
        self.traffic(shot.captured_at.replace(minute=0, second=0, microsecond=0))
        self.rendered[camera_id, shot.captured_at] += 1
        assert self.may_go_on.wait(30)
        return Frame(
            frame_id="",
            camera_id=camera_id,
            captured_at=shot.captured_at,
            fetched_at=shot.captured_at,
            jpeg=notice(),
            width=352,
            height=240,
        )


def wait_for(what) -> None:
    end = time.monotonic() + 20
    while not what():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.01)


@pytest.mark.parametrize("path", ["/api/cameras/", "/api/cameras"])
def test_the_list_has_the_public_api_s_form(city, path):
    city.at(9.5)
    answer = city.get(path)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    entries = json.loads(answer.body)
    for entry, camera in zip(entries, CAMERAS, strict=True):
        assert list(entry) == ["id", "name", "latitude", "longitude", "area", "isOnline", "imageUrl"]
        assert str(UUID(entry["id"])) == entry["id"]
        assert (entry["name"], entry["latitude"], entry["longitude"]) == (camera.name, camera.latitude, camera.longitude)
        assert (entry["area"], entry["isOnline"]) == ("Synthetic", "false" if camera.id == "city-4" else "true")
        assert entry["imageUrl"] == f"{city.url}/api/cameras/{entry['id']}/image"
    assert len({entry["id"] for entry in entries}) == 6
    assert entries[0]["id"] == "1bf06f6a-b311-511e-874c-1a52f0c3a0b9", "ids stay the same for ever"


def test_an_image_is_an_axis_camera_s_of_its_time(city):
    moment = city.at(2, 30.4)
    shot = city.newest("city-1", moment)
    answer = city.get(f"/api/cameras/{camera_uuid('city-1')}/image")
    assert {k: v for k, v in answer.headers.items() if k not in ("date", "connection")} == {
        "content-type": "image/jpeg",
        "content-length": str(len(answer.body)),
        "cache-control": "no-cache",
    }, "and no ETag, no Last-Modified"
    with Image.open(io.BytesIO(answer.body)) as image:
        assert (image.format, image.size) == ("JPEG", (352, 240))
        image.load()
    assert timedelta(0) <= shot.captured_at - capture_time(answer.body) < timedelta(milliseconds=10)
    assert timedelta(0) <= moment - capture_time(answer.body) < timedelta(seconds=10)
    markers = [marker for marker, _ in segments(answer.body)]
    assert markers[:4] == [0xD8, 0xE0, COM, COM], "JFIF's header comes first"
    comments = [piece[4:] for marker, piece in segments(answer.body) if marker == COM]
    assert [comment[:2] for comment in comments] == [b"\x0a\x00", b"\x0a\x01"]
    assert re.fullmatch(rb"\x0a\x00\x02.{5}", comments[0], re.DOTALL), "six bytes, locally administered"
    assert strip_metadata(answer.body) == city.network.picture("city-1", shot).jpeg


def test_hardware_addresses_differ_and_stay(city):
    city.at(1)
    addresses = [next(piece for marker, piece in segments(city.image(camera.id)) if marker == COM) for camera in CAMERAS]
    assert len(set(addresses)) == 6
    city.at(2)
    assert addresses[5] in city.image("city-6")


def test_a_camera_answers_to_both_ids_whatever_a_browser_adds(city):
    city.at(3)
    assert city.get("/api/cameras/city-6/image").body == city.image("city-6")
    assert city.get("/api/cameras/city-6/image?t=1717800000000").body == city.image("city-6")
    head = city.get("/api/cameras/city-6/image", "HEAD")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(city.image("city-6"))))


def test_a_picture_stays_until_the_next_one(city):
    first, second, third = city.network.shots("city-1", city.network.begin)[100:103]
    seen = []
    for moment in (first.captured_at, second.captured_at - timedelta(milliseconds=1), second.captured_at, third.captured_at):
        city.at(0, (moment - city.network.begin).total_seconds() + 1e-4)
        seen.append(city.image("city-1"))
    assert seen[0] == seen[1]
    assert len(set(seen)) == 3
    assert [strip_metadata(jpeg) for jpeg in seen[1:]] == [city.network.picture("city-1", s).jpeg for s in (first, second, third)]


def test_before_the_first_picture_is_the_first_picture(city):
    moment = city.at(0)
    shot = city.network.shots("city-1", moment)[0]
    assert shot.captured_at > moment
    assert strip_metadata(city.image("city-1")) == city.network.picture("city-1", shot).jpeg


def test_at_its_end_the_city_goes_round(city):
    city.at(14, 59.9)
    last = city.image("city-1")
    city.at(15, 30)
    again = city.image("city-1")
    city.at(0, 30)
    assert again == city.image("city-1")
    assert capture_time(last) - capture_time(again) > timedelta(minutes=14)


def test_a_frozen_camera_s_clock_goes_on(city):
    city.at(6, 10)
    early = city.image("city-2")
    city.at(7, 50)
    late = city.image("city-2")
    assert timedelta(seconds=98) < capture_time(late) - capture_time(early) < timedelta(seconds=102)
    shown = {city.newest("city-2", city.network.begin + timedelta(minutes=m)).shows for m in (6.2, 7.8)}
    assert shown == {DAWN + timedelta(minutes=6)}
    assert pixels_alike(early, late) > 0.9
    city.at(8, 10)
    assert pixels_alike(late, city.image("city-2")) < 0.5


def pixels_alike(one: bytes, other: bytes) -> float:
    """Share of equal pixels; of two pictures of a moving scene with noise it is small."""
    pictures = [Image.open(io.BytesIO(jpeg)).convert("L").tobytes() for jpeg in (one, other)]
    return sum(a == b for a, b in zip(*pictures, strict=True)) / len(pictures[0])


def test_a_serviced_camera_shows_the_network_s_notice(city):
    city.at(3, 10)
    assert city.image("city-3") == notice()
    assert capture_time(city.image("city-3")) is None
    city.at(5, 5)
    assert capture_time(city.image("city-3")) is not None


def test_an_offline_camera_is_listed_as_such_and_has_no_image(city):
    def is_online() -> list[str]:
        return [entry["isOnline"] for entry in json.loads(city.get("/api/cameras/").body)]

    city.at(8, 59)
    assert (city.get("/api/cameras/city-4/image").status, is_online()) == (200, ["true"] * 6)
    city.at(9, 20)
    answer = city.get("/api/cameras/city-4/image")
    assert (answer.status, answer.body) == (503, b"The camera is offline.\n")
    assert answer.headers["content-type"].startswith("text/plain")
    assert is_online() == ["true", "true", "true", "false", "true", "true"]
    city.at(10)
    assert (city.get("/api/cameras/city-4/image").status, is_online()) == (200, ["true"] * 6)


def test_where_frames_are_lost_the_older_one_stays(city):
    city.at(11, 5)
    early = city.image("city-5")
    city.at(12, 25)
    assert city.image("city-5") == early
    assert capture_time(early) < DAWN + timedelta(minutes=11)
    city.at(12, 40)
    assert capture_time(city.image("city-5")) > DAWN + timedelta(minutes=12.5)


@pytest.mark.parametrize("name", ["city-7", "00000000-0000-0000-0000-000000000000"])
def test_an_unknown_camera_is_not_found(city, name):
    answer = city.get(f"/api/cameras/{name}/image")
    assert (answer.status, answer.headers["content-type"]) == (404, "application/json")
    assert json.loads(answer.body) == {"detail": f"There is no camera with the id '{name}'."}


@pytest.mark.parametrize("path", ["/api/cameras/", "/api/cameras/city-1/image"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_changed(city, path, method):
    assert city.get(path, method).status == 405


def test_only_this_machine_is_served(city):
    port = int(city.url.rpartition(":")[2])
    assert city.url == f"http://127.0.0.1:{port}"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port), timeout=5)


def test_requests_that_come_together_are_one_rendering_and_others_go_on():
    network, hand = Sketches(CitySettings(seed=7, start=DAWN, minutes=15)), Hand()
    with running(network, now=hand) as url, ThreadPoolExecutor(20) as pool:
        site = Site(url, network, hand, speed=1.0)
        shot = site.newest("city-1", site.at(5))
        network.rendered.clear()
        network.may_go_on.clear()
        answers = [pool.submit(site.get, "/api/cameras/city-1/image") for _ in range(20)]
        wait_for(lambda: network.rendered)
        assert site.get("/api/cameras/").status == 200
        assert not any(answer.done() for answer in answers)
        network.may_go_on.set()
        assert len({answer.result().body for answer in answers}) == 1
    assert network.rendered == {("city-1", shot.captured_at): 1}


def test_the_next_hour_is_prepared_ahead_and_each_hour_once():
    network, hand = Sketches(CitySettings(seed=7, start=DAWN, minutes=150)), Hand()
    hours = [DAWN + timedelta(hours=i) for i in range(3)]
    with running(network, now=hand) as url:
        site = Site(url, network, hand, speed=1.0)
        site.at(58)
        site.image("city-1")
        time.sleep(0.7)
        assert network.prepared == {hours[0]: 1}
        site.at(59, 30)
        wait_for(lambda: network.prepared == dict.fromkeys(hours[:2], 1))
        site.at(60, 0.1)
        assert capture_time(site.image("city-1")) < hours[1], "the last of the hour before, which is still known"
        site.at(119, 30)
        wait_for(lambda: network.prepared == dict.fromkeys(hours, 1))
        site.at(149, 30)
        wait_for(lambda: network.prepared[hours[0]] == 2)
        site.at(150, 10)
        assert capture_time(site.image("city-1")) < hours[0] + timedelta(seconds=10)
    assert network.prepared == {hours[0]: 2, hours[1]: 1, hours[2]: 1}


def test_a_port_in_use_is_told_before_anything_is_prepared():
    network = Sketches(CitySettings(seed=7, start=DAWN, minutes=15))
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(CctviewError, match=rf"^Port {port} is in use: .* --port\.$"):
            serve(network, port, 1.0)
    assert not network.prepared
    with pytest.raises(CctviewError, match="from 0 to 65535"):
        serve(network, 65_536, 1.0)


def test_a_server_can_be_started_again_at_once():
    network = Sketches(CitySettings(seed=7, start=DAWN, minutes=15))
    with running(network) as url:
        assert Site(url, network, Hand()).get("/api/cameras/").status == 200
    with running(network, port=int(url.rpartition(":")[2])) as again:
        assert again == url


@pytest.mark.parametrize("speed", [0.0, -1.0, 1e6, float("nan"), float("inf")])
def test_an_impossible_speed_is_refused(speed):
    with pytest.raises(CctviewError, match="speed is above 0"):
        serve(CityNetwork(SETTINGS), 0, speed)


def test_the_clock_runs_at_its_speed_and_goes_round():
    hand = Hand()
    hand.seconds = 1000.0
    clock = CityClock(DAWN, DAWN + timedelta(minutes=15), 60.0, hand)
    hand.seconds = 1005.0
    assert clock.moment() == DAWN, "it stands until it is started"
    clock.start()
    for seconds, minutes in ((0, 0), (2.5, 2.5), (14.99, 14.99), (15, 0), (47, 2)):
        hand.seconds = 1005.0 + seconds
        assert abs(clock.moment() - DAWN - timedelta(minutes=minutes)) < timedelta(milliseconds=1)


def serve_until_ctrl_c(network: CityNetwork, said: Connection) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that runs the tests in the background ignores it
    serve(network, 0, 1.0, said.send)
    said.send("stopped")


@pytest.mark.parametrize(
    ("network", "until"),
    [(CityNetwork(CitySettings(seed=7)), "Preparing the traffic"), (Sketches(SETTINGS), "The city's cameras are at")],
)
@pytest.mark.timeout(90)
def test_ctrl_c_stops_it_at_once(network, until):
    said, saying = FORK.Pipe(duplex=False)
    server = FORK.Process(target=serve_until_ctrl_c, args=(network, saying))
    server.start()
    saying.close()
    while not (line := said.recv()).startswith(until):
        pass
    if url := re.search(r"http://127\.0\.0\.1:\d+/api/cameras/", line):
        assert len(json.loads(urlopen(url[0], timeout=30).read())) == 6
    else:
        time.sleep(0.5)
    began = time.monotonic()
    os.kill(server.pid, signal.SIGINT)
    server.join(30)
    assert (server.exitcode, said.recv()) == (0, "stopped")
    assert time.monotonic() - began < 3
    with pytest.raises(EOFError):
        said.recv()
