"""One server of this machine that plays every network: its list, its pictures, its habits and its faults.

Everything lies below ``/HOST/``, as a network asks for it whose base address is this server. A picture says in its upper edge, in
black and white squares, which camera's and which one it is, so that what became of it can be told after it was masked and stored.
"""

import asyncio
import contextlib
import gzip
import hashlib
import io
import json
import random
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from functools import cached_property, lru_cache

import numpy as np
from aiohttp import web
from PIL import Image

from cctview_pipeline_tests.factories.archive import Car, draw_frame, traffic

CELL, CELLS = 8, 28
STALE, CARDS = 1, range(2, 6)
"""The camera whose picture stands still for a while, and those that all send one card for a while."""
WINDOWS = {"shrunk": (0.15, 0.25), "stale": (0.3, 0.45), "cards": (0.5, 0.65), "outage": (0.75, 0.82)}
"""Parts of a run in which a fault lasts."""
ERRORS = 0.08
KEY = "made-key"


def marked(pixels: np.ndarray, camera: int, number: int) -> np.ndarray:
    """The picture with its squares."""
    bits = [1, 0, 1] + [number >> place & 1 for place in range(16)] + [camera >> place & 1 for place in range(4)]
    bits += [sum(bits) & 1, 1, 0, 1, 1]
    pixels = pixels.copy()
    for place, bit in enumerate(bits):
        pixels[:CELL, place * CELL : (place + 1) * CELL] = 255 * bit
    return pixels


def mark_of(pixels: np.ndarray) -> tuple[int, int] | None:
    """Camera and number; None for a card, or where something was painted over the squares."""
    means = [pixels[1 : CELL - 1, place * CELL + 1 : (place + 1) * CELL - 1].mean() for place in range(CELLS)]
    bits = [int(mean > 127) for mean in means]
    if bits[:3] != [1, 0, 1] or bits[24:] != [1, 0, 1, 1] or bits[23] != sum(bits[:23]) & 1:
        return None
    number, camera = (sum(bit << place for place, bit in enumerate(part)) for part in (bits[3:19], bits[19:23]))
    return camera, number


@lru_cache(maxsize=8)
def _cars(seconds: int) -> list[Car]:
    return traffic(seconds, seed=3)


@lru_cache(maxsize=4000)
def drawn(camera: int, number: int, period_s: float) -> np.ndarray:
    """A road with cars on it."""
    second = number % 600 * period_s % 1200
    return np.asarray(Image.open(io.BytesIO(draw_frame(second, _cars(1300), seed=camera))).convert("RGB"))


def encoded(pixels: np.ndarray, kind: str = "JPEG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **({"quality": 88} if kind == "JPEG" else {}))
    return buffer.getvalue()


def card(kind: str = "JPEG") -> bytes:
    """What is sent where there is no picture."""
    return encoded(np.full((240, 352, 3), (70, 70, 90), np.uint8), kind)


def red_card() -> bytes:
    """DriveBC's: a black frame and a red bar."""
    pixels = np.zeros((258, 352, 3), np.uint8)
    pixels[-18:] = (255, 0, 0)
    return encoded(pixels)


def with_bar(pixels: np.ndarray, now: float) -> np.ndarray:
    """With 18 rows below it in which a clock runs on."""
    bar = np.zeros((18, pixels.shape[1], 3), np.uint8)
    bar[4:14, 4 + int(now * 10) % 300 :][:, :20] = 255
    return np.concatenate([pixels, bar])


@dataclass
class Played:
    """One network. served: camera -> numbers that were sent, and when first; answers: by what they were."""

    name: str
    count: int = 6
    period_s: float = 1.0
    run_s: float = 10.0
    faulty: bool = True
    began: float = field(default_factory=time.time)
    served: dict[int, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    answers: Counter[str] = field(default_factory=Counter)
    dice: random.Random = field(default_factory=lambda: random.Random(7))
    list_faults: bool = True

    def lasts(self, fault: str) -> bool:
        first, last = WINDOWS[fault]
        return self.faulty and first <= (time.time() - self.began) / self.run_s < last

    def now_of(self, camera: int) -> float:
        """The clock by which a camera takes pictures: it stands while the picture does."""
        first, _ = WINDOWS["stale"]
        return self.began + first * self.run_s if camera == STALE and self.lasts("stale") else time.time()

    def number(self, camera: int) -> int:
        return int((self.now_of(camera) - self.phase(camera)) / self.period_s)

    def phase(self, camera: int) -> float:
        return self.began - 1000 * self.period_s + camera * 0.61803 % 1 * self.period_s

    def taken(self, camera: int, number: int) -> float:
        return self.phase(camera) + number * self.period_s

    def taken_at(self, camera: int) -> str:
        moment = datetime.fromtimestamp(self.taken(camera, self.number(camera)), UTC)
        return moment.isoformat(timespec="milliseconds")

    def shows_card(self, camera: int) -> bool:
        return camera in CARDS and self.lasts("cards")

    def picture(self, camera: int, kind: str = "JPEG", bar: bool = False) -> bytes:
        number = self.number(camera)
        self.served[camera].setdefault(number, time.time())
        pixels = marked(drawn(camera, number, self.period_s), camera, number)
        return encoded(with_bar(pixels, time.time()) if bar else pixels, kind)

    def fault(self, camera: int) -> web.Response | None:
        """What the first camera's server answers now and then."""
        if not self.faulty or camera != 0 or self.dice.random() > ERRORS:
            return None
        kind = self.dice.choice(["500", "429", "xml", "cut"])
        self.answers[kind] += 1
        match kind:
            case "500":
                return web.Response(status=500)
            case "429":
                return web.Response(status=429, headers={"Retry-After": "1"})
            case "xml":
                return web.Response(text="<Error><Message>Invalid Key</Message></Error>", content_type="application/xml")
        return web.Response(body=self.picture(camera)[:-40], content_type="image/jpeg")

    @property
    def listed(self) -> range:
        return range(2) if self.list_faults and self.lasts("shrunk") else range(self.count)


LIMITS = {"tie.digitraffic.fi/": 60, "weathercam.digitraffic.fi/": 60, "511on.ca/api/": 10, "511ny.org/api/": 10}
"""Place -> how often it may be asked in a window; more is answered with 429."""


class StandIn:
    """The server. played: by name, those that are played; window_s: of the limits."""

    def __init__(self, played: Mapping[str, Played], window_s: float = 60.0) -> None:
        self.played, self.window_s = played, window_s
        self._asked_at: dict[str, deque[float]] = defaultdict(deque)
        self.over: Counter[str] = Counter()
        self.agents: set[str] = set()
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        host, rest = request.match_info["host"], request.match_info["rest"]
        self.agents.add(request.headers.get("User-Agent", ""))
        self.asked.append(request.path_qs)
        if self._is_too_much(f"{host}/{rest}"):
            return web.Response(status=429, headers={"Retry-After": "1"})
        for network, hosts in HOSTS.items():
            if host in hosts and network in self.played:
                found = PLAYS[network](self.played[network], f"{host}/{rest}", request)
                return found if found is not None else web.Response(status=404)
        return web.Response(status=404)

    def _is_too_much(self, path: str) -> bool:
        place = next((each for each in LIMITS if path.startswith(each)), None)
        if place is None:
            return False
        asked, now = self._asked_at[place], time.monotonic()
        while asked and asked[0] < now - self.window_s + 0.05:  # a request is on its way for a moment
            asked.popleft()
        asked.append(now)
        self.over[place] += len(asked) > LIMITS[place]
        return len(asked) > LIMITS[place]

    @cached_property
    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/{host}/{rest:.*}", self.answer)
        return app

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        """From a thread of its own. Gives the address."""
        loop, ready, found = asyncio.new_event_loop(), threading.Event(), {}

        async def serve() -> None:
            found["stop"] = asyncio.Event()
            runner = web.AppRunner(self.app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            found["url"] = f"http://127.0.0.1:{runner.addresses[0][1]}"
            ready.set()
            await found["stop"].wait()
            await runner.cleanup()

        thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
        thread.start()
        assert ready.wait(20)
        try:
            yield found["url"]
        finally:
            loop.call_soon_threadsafe(found["stop"].set)
            thread.join()


def _json(document: object, **headers: str) -> web.Response:
    return web.Response(text=json.dumps(document), content_type="application/json", headers=headers)


def _jpeg(played: Played, camera: int, request: web.Request, stand: bytes = b"", validators: bool = False) -> web.Response:
    """A camera's newest picture. stand: what is sent in its place in the window of cards."""
    if (fault := played.fault(camera)) is not None:
        return fault
    if played.shows_card(camera):
        played.answers["card"] += 1
        return web.Response(body=stand or card(), content_type="image/jpeg")
    if not validators:
        return web.Response(body=played.picture(camera), content_type="image/jpeg")
    tag = f'"{hashlib.sha1(f"{camera} {played.number(camera)}".encode()).hexdigest()}"'
    modified = formatdate(played.taken(camera, played.number(camera)), usegmt=True)
    if request.headers.get("If-None-Match") == tag:
        played.answers["304"] += 1
        return web.Response(status=304)
    return web.Response(body=played.picture(camera), content_type="image/jpeg", headers={"ETag": tag, "Last-Modified": modified})


def tfl_rows(cameras: range) -> list:
    def row(camera: int) -> dict:
        name = f"00001.0000{camera}"
        told = {
            "available": "true",
            "imageUrl": f"https://s3-eu-west-1.amazonaws.com/jamcams.tfl.gov.uk/{name}.jpg",
            "videoUrl": f"https://s3-eu-west-1.amazonaws.com/jamcams.tfl.gov.uk/{name}.mp4",
            "view": "West - A222 Foo St Twds Bar",
        }
        properties = [{"category": "payload", "key": key, "value": value} for key, value in told.items()]
        place = {"id": f"JamCams_{name}", "commonName": f"A{camera} Foo Rd/Bar St", "placeType": "JamCam"}
        return place | {"lat": 51.5 + camera / 100, "lon": -0.1, "additionalProperties": properties}

    return [row(camera) for camera in cameras]


def _tfl(played: Played, path: str, request: web.Request) -> web.Response | None:
    if not request.headers.get("User-Agent") or request.headers["User-Agent"].startswith("Python"):
        return web.Response(status=403)
    if path == "api.tfl.gov.uk/Place/Type/JamCam":
        return _json(tfl_rows(played.listed))
    if path.startswith("s3-eu-west-1.amazonaws.com/jamcams.tfl.gov.uk/"):
        return _jpeg(played, int(path[-5]), request, validators=True)
    return None


def _preset(camera: int) -> str:
    return f"C0150{camera // 2}0{camera % 2 + 1}"


def digitraffic_stations(cameras: range) -> dict:
    """Two views a station."""

    def station(number: int) -> dict:
        presets = [{"id": _preset(camera), "inCollection": True} for camera in cameras if camera // 2 == number]
        told = {
            "id": f"C0150{number}",
            "name": f"vt{number}_Foo",
            "collectionStatus": "GATHERING",
            "state": "OK",
            "presets": presets,
        }
        point = {"type": "Point", "coordinates": [24.94 + number / 10, 60.17, 10]}
        return {"type": "Feature", "id": told["id"], "geometry": point, "properties": told}

    return {"type": "FeatureCollection", "features": [station(number) for number in sorted({c // 2 for c in cameras})]}


def _digitraffic(played: Played, path: str, request: web.Request) -> web.Response | None:
    if path.startswith("tie."):
        if "gzip" not in request.headers.get("Accept-Encoding", ""):
            return web.Response(status=406)
        document: object
        if path.endswith("/stations"):
            document = digitraffic_stations(played.listed)
        else:
            if played.lasts("outage"):
                return web.Response(status=503)
            document = {
                "stations": [
                    {"id": f"C0150{camera // 2}", "presets": [{"id": _preset(camera), "measuredTime": played.taken_at(camera)}]}
                    for camera in played.listed
                ]
            }
        packed = gzip.compress(json.dumps(document).encode())
        return web.Response(body=packed, content_type="application/json", headers={"Content-Encoding": "gzip"})
    if "Authorization" in request.headers:
        return web.Response(status=400)
    name = path.rsplit("/", 1)[1]
    return _jpeg(played, int(name[5]) * 2 + int(name[7]) - 1, request, validators=True)


def drivebc_rows(cameras: range, taken_at: Callable[[int], str], on: Callable[[int], bool] = lambda camera: True) -> list:
    def row(camera: int) -> dict:
        point = {"type": "Point", "coordinates": [-120.7 + camera / 10, 55.7]}
        times = {"last_update_modified": taken_at(camera), "update_period_mean": 850, "update_period_stddev": 60}
        told = {"id": 880 + camera, "name": f"Foo Rd - W {camera}", "region_name": "Peace", "orientation": "W", "credit": ""}
        states = {"is_on": on(camera), "should_appear": True, "marked_stale": False}
        return told | states | times | {"location": point, "links": {"imageDisplay": f"/images/{880 + camera}.jpg?t=1"}}

    return [row(camera) for camera in cameras]


def _drivebc(played: Played, path: str, request: web.Request) -> web.Response | None:
    if path == "www.drivebc.ca/api/webcams/":
        if played.lasts("outage"):
            return web.Response(status=503)
        # In the first half of the cards' window the list has not heard of it yet.
        first, last = WINDOWS["cards"]
        late = (time.time() - played.began) / played.run_s > (first + last) / 2
        return _json(drivebc_rows(played.listed, played.taken_at, lambda camera: not (late and played.shows_card(camera))))
    camera = int(path.rsplit("/", 1)[1].split(".")[0]) - 880
    if (fault := played.fault(camera)) is not None:
        return fault
    if played.shows_card(camera):
        played.answers["card"] += 1
        return web.Response(body=red_card(), content_type="image/jpeg")
    return web.Response(body=played.picture(camera, bar=True), content_type="image/jpeg")


def hong_kong_list(cameras: range) -> str:
    rows = (
        f"<image><key>H10{camera}F</key><region>Hong Kong Island</region><district>Central</district>"
        f"<description>Foo Rd near Bar [H10{camera}F]</description><easting>833710</easting><northing>816280</northing>"
        f"<latitude>22.28</latitude><longitude>114.15</longitude><url>https://tdcctv.data.one.gov.hk/H10{camera}F.JPG</url></image>"
        for camera in cameras
    )
    return f"<image-list>{''.join(rows)}</image-list>"


def _hong_kong(played: Played, path: str, request: web.Request) -> web.Response | None:
    if path.startswith("static."):
        return web.Response(text=hong_kong_list(played.listed), content_type="application/xml")
    return _jpeg(played, int(path[-6]), request)


def singapore_items(cameras: range, taken_at: Callable[[int], str], number: Callable[[int], int]) -> dict:
    def row(camera: int) -> dict:
        url = f"https://images.data.gov.sg/api/traffic-images/2026/01/{camera}-{number(camera)}.jpg"
        place = {"latitude": 1.29 + camera / 100, "longitude": 103.87}
        about = {"height": 240, "width": 352, "md5": hashlib.md5(url.encode()).hexdigest()}
        return {
            "timestamp": taken_at(camera),
            "image": url,
            "location": place,
            "camera_id": f"100{camera}",
            "image_metadata": about,
        }

    return {"items": [{"timestamp": "2026-01-01T10:00:30+08:00", "cameras": [row(camera) for camera in cameras]}]}


def _singapore(played: Played, path: str, request: web.Request) -> web.Response | None:
    if path.startswith("api."):
        if played.lasts("outage"):
            return _json({"api_info": {"status": "healthy"}, "message": "no results found"})
        return _json(singapore_items(played.listed, played.taken_at, played.number))
    camera, number = map(int, path.rsplit("/", 1)[1].removesuffix(".jpg").split("-"))
    if number != played.number(camera) and not played.shows_card(camera):
        return web.Response(status=404)  # every picture has its own address, and an old one is gone
    found = _jpeg(played, camera, request)
    found.content_type = "application/octet-stream"
    return found


def norway_items(cameras: range, following: str = "") -> dict:
    def row(camera: int) -> dict:
        told = {
            "CAMERA_ID": f"300004{camera}_2",
            "DESCRIPTION": f"E{camera} Foo",
            "ORIENTATION_DESCRIPTION": "Mot Bar",
            "STATUS_STILL_IMAGE_AVAILABILITY": "videoOrImagesAvailable",
            "ROAD_NUMBER": f"E{camera}",
        }
        point = {"type": "Point", "coordinates": [10.7 + camera / 10, 59.9]}
        return {"type": "Feature", "id": f"fid-{camera}", "geometry": point, "properties": told}

    links = [{"rel": "self", "href": "x"}] + ([{"rel": "next", "href": following}] if following else [])
    return {"type": "FeatureCollection", "features": [row(camera) for camera in cameras], "links": links}


NORWAY = "https://ogckart-sn1.atlas.vegvesen.no/ogc/features/v1/collections/datex_3_1:CctvSimple_v2/items"


def _norway(played: Played, path: str, request: web.Request) -> web.Response | None:
    if path.startswith("ogckart"):
        offset = int(request.query.get("offset", 0))
        cameras = [camera for camera in played.listed if offset <= camera < offset + 4]
        following = f"{NORWAY}?f=application/json&limit=4&offset={offset + 4}" if offset + 4 < len(played.listed) else ""
        return _json(norway_items(range(cameras[0], cameras[-1] + 1), following))
    return _jpeg(played, int(path.rsplit("/", 1)[1][6]), request)


def caltrans_rows(district: int, cameras: range) -> dict:
    def row(camera: int) -> dict:
        url = f"https://cwwp2.dot.ca.gov/data/d{district}/cctv/image/cam{camera}/cam{camera}.jpg"
        place = {"district": str(district), "locationName": f"TV10{camera} -- I-580 : West of SR-24", "county": "Alameda"}
        place |= {"longitude": "-122.2", "latitude": "37.8", "direction": "North"}
        still = {"currentImageUpdateFrequency": "2", "currentImageURL": url}
        data = {"imageDescription": "Looking North", "streamingVideoURL": "Not Reported", "static": still}
        return {"cctv": {"index": str(camera), "location": place, "inService": "true", "imageData": data}}

    return {"data": [row(camera) for camera in cameras]}


def _caltrans(played: Played, path: str, request: web.Request) -> web.Response | None:
    if path.endswith(".json"):
        district = int(path[-7:-5])
        if district == 3:
            return web.Response(status=500)
        return _json(caltrans_rows(district, range((district - 4) * 3, (district - 3) * 3) if district in (4, 5) else range(0)))
    return _jpeg(played, int(path[-5]), request)


def five_one_one_sites(cameras: range, host: str = "511on.ca") -> list:
    """Two views a site."""

    def site(number: int) -> dict:
        views = [
            {
                "Id": 10 + camera,
                "Url": f"https://{host}/map/Cctv/{10 + camera}",
                "Status": "Enabled",
                "Description": "Looking East",
            }
            for camera in cameras
            if camera // 2 == number
        ]
        place = {"Latitude": 43.3 + number / 10, "Longitude": -79.8, "Location": f"QEW at Foo {number}", "Roadway": "QEW"}
        return {"Id": number, "Source": "made", "Direction": "Eastbound", **place, "Views": views}

    return [site(number) for number in sorted({camera // 2 for camera in cameras})]


def _wrong_key(request: web.Request) -> web.Response | None:
    if request.query.get("key") == KEY:
        return None
    return web.Response(status=400, text="<Error><Message>Invalid Key</Message></Error>", content_type="application/xml")


def _five_one_one(played: Played, path: str, request: web.Request) -> web.Response | None:
    if path == "511on.ca/api/v2/get/cameras":
        return _wrong_key(request) or _json(five_one_one_sites(played.listed))
    camera = int(path.rsplit("/", 1)[1]) - 10
    if (fault := played.fault(camera)) is not None:
        return fault
    if played.shows_card(camera):
        played.answers["card"] += 1
        return web.Response(body=card("PNG"), content_type="image/png")
    return web.Response(body=played.picture(camera, "PNG" if camera % 2 else "JPEG"), content_type="image/jpeg")


def five_one_one_ny_rows(cameras: range) -> list:
    return [
        {
            "ID": f"Skyline-{camera}",
            "Name": f"7 Avenue @ {camera} Street",
            "RoadwayName": "7 Avenue",
            "DirectionOfTravel": "Unknown",
            "Latitude": 40.7 + camera / 100,
            "Longitude": -73.9,
            "Url": f"https://511ny.org/map/Cctv/{camera}",
            "VideoUrl": None,
            "Disabled": False,
            "Blocked": False,
        }
        for camera in cameras
    ]


def _five_one_one_ny(played: Played, path: str, request: web.Request) -> web.Response | None:
    if path == "511ny.org/api/getcameras":
        return _wrong_key(request) or _json(five_one_one_ny_rows(played.listed))
    return _jpeg(played, int(path.rsplit("/", 1)[1]), request, card())


SOURCE = {
    "operator": "Roads of Example",
    "list": "https://data.example.org/cameras.csv",
    "form": "csv",
    "image": "https://images.example.org/{id}.gif",
    "timezone": "Europe/Vienna",
    "latitude": "lat",
    "longitude": "lon",
    "attribution": "Roads of Example, CC BY 4.0, accessed {accessed}",
    "headers": ["Referer: https://example.org/"],
    "key_header": "AccountKey",
}


def _generic(played: Played, path: str, request: web.Request) -> web.Response | None:
    if path == "data.example.org/cameras.csv":
        if request.headers.get("AccountKey") != KEY:
            return web.Response(status=401)
        rows = (f"c{camera};Foo {camera};48.2;16.3{camera}\n" for camera in played.listed)
        return web.Response(text=f"id;name;lat;lon\n{''.join(rows)}", content_type="text/csv")
    if request.headers.get("Referer") != "https://example.org/":
        return web.Response(text="<html>temporarily unavailable</html>", content_type="text/html")
    camera = int(path[-5])
    if (fault := played.fault(camera)) is not None:
        return fault
    if played.shows_card(camera):
        played.answers["card"] += 1
        return web.Response(body=card("GIF"), content_type="image/gif")
    return web.Response(body=played.picture(camera, "GIF"), content_type="image/gif")


HOSTS = {
    "tfl": ("api.tfl.gov.uk", "s3-eu-west-1.amazonaws.com"),
    "digitraffic": ("tie.digitraffic.fi", "weathercam.digitraffic.fi"),
    "drivebc": ("www.drivebc.ca",),
    "hong-kong": ("static.data.gov.hk", "tdcctv.data.one.gov.hk"),
    "singapore": ("api.data.gov.sg", "images.data.gov.sg"),
    "norway": ("ogckart-sn1.atlas.vegvesen.no", "kamera.atlas.vegvesen.no"),
    "caltrans": ("cwwp2.dot.ca.gov",),
    "511on": ("511on.ca",),
    "511ny": ("511ny.org",),
    "generic": ("data.example.org", "images.example.org"),
}
PLAYS: dict[str, Callable[[Played, str, web.Request], web.Response | None]] = {
    "tfl": _tfl,
    "digitraffic": _digitraffic,
    "drivebc": _drivebc,
    "hong-kong": _hong_kong,
    "singapore": _singapore,
    "norway": _norway,
    "caltrans": _caltrans,
    "511on": _five_one_one,
    "511ny": _five_one_one_ny,
    "generic": _generic,
}
