"""Maps: drawn for everybody, on tiles only where somebody configured them, and then from one place alone."""

import gzip
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import uvicorn
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer
from typer.testing import CliRunner

from cctview_pipeline.cli.app import app as cli
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.images import encode_png
from cctview_pipeline.lake import Lake
from cctview_pipeline.privacy.audit import AuditLog
from cctview_pipeline.privacy.keys import KeyStore
from cctview_pipeline.viewer import ViewerSettings, create_app
from cctview_pipeline.viewer.app import STATIC
from cctview_pipeline.viewer.serving import listen
from cctview_pipeline.viewer.tiles import Tiles
from cctview_pipeline_tests.factories.viewer_lake import HOUR_KEY
from cctview_pipeline_tests.viewer.conftest import Browser, Open
from cctview_pipeline_tests.viewer.test_pages import FREE, vehicle

PICTURE = encode_png(np.full((256, 256, 3), 200, np.uint8))
DEEPEST = 14
MAX_SCRIPT = 60_000


def write_tiles(path: Path, kind: TileType = TileType.PNG, compressed: Compression = Compression.NONE) -> Path:
    """The tiles about the small lake's cameras, from zoom 10 to 14."""
    with path.open("wb") as file:
        writer = Writer(file)
        for zoom in range(10, DEEPEST + 1):
            middle_x, middle_y = (73 * 2**zoom) // 248, (2**zoom * 770) // 2048
            for x in range(middle_x - 8, middle_x + 9):
                for y in range(middle_y - 8, middle_y + 9):
                    writer.write_tile(zxy_to_tileid(zoom, x, y), PICTURE)
        bounds = {"min_lon_e7": -750000000, "min_lat_e7": 400000000, "max_lon_e7": -730000000, "max_lat_e7": 415000000}
        middle = {"center_zoom": 12, "center_lon_e7": -740000000, "center_lat_e7": 407000000}
        header = {"tile_type": kind, "tile_compression": compressed, "min_zoom": 10, "max_zoom": DEEPEST} | bounds | middle
        writer.finalize(header, {"attribution": '<a href="https://example.org">The &amp; surveyors</a>'})
    return path


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiles(tmp_path_factory.mktemp("tiles") / "place.pmtiles")


def test_without_tiles_there_is_the_drawn_map_and_nothing_of_another(browser: Browser):
    answer = browser.get("/")
    assert 'class="drawing map"' in answer.text
    assert "leaflet" not in answer.text
    assert "img-src 'self';" in answer.headers["content-security-policy"]
    assert browser.get("/tiles/10/301/384").status_code == 404


def test_a_file_s_tiles_come_from_here(open_browser: Open, tiles: Path):
    browser = open_browser(ViewerSettings(tiles=Tiles.open(str(tiles))))
    answer = browser.get("/")
    assert 'class="drawing map"' in answer.text
    assert "/static/vendor/leaflet/leaflet.js" in answer.text
    assert "The & surveyors" in answer.text or r"The \u0026 surveyors" in answer.text
    assert "img-src 'self';" in answer.headers["content-security-policy"]
    tile = browser.get("/tiles/10/301/385")
    assert (tile.status_code, tile.headers["content-type"], tile.content) == (200, "image/png", PICTURE)
    for place in ("0/0/0", "10/0/0", "10/9999/0", "40/0/0", "-1/0/0", "10/-1/3"):
        assert browser.get(f"/tiles/{place}").status_code == 204
    assert browser.get("/tiles/ten/0/0").status_code == 404


def test_a_server_s_host_is_all_that_is_let_in(open_browser: Open):
    browser = open_browser(ViewerSettings(tiles=Tiles.open("https://tiles.example.org:8443/a/{z}/{x}/{y}.png?key=1")))
    for address in ("/", "/cameras", "/nothing"):
        policy = browser.get(address).headers["content-security-policy"]
        assert "img-src 'self' https://tiles.example.org:8443;" in policy
        assert policy.count("http") == 1
    assert "Tiles of tiles.example.org:8443" in browser.get("/").text


def test_scripts_of_a_map_are_loaded_on_pages_with_a_map_alone_and_none_is_large(open_browser: Open, tiles: Path):
    browser = open_browser(ViewerSettings(tiles=Tiles.open(str(tiles)))).state()
    for address in (*FREE, f"/cameras/cam-1/{HOUR_KEY}", vehicle(browser), f"/journeys/{HOUR_KEY}?least=2"):
        text = browser.get(address).text
        scripts = re.findall(r'<script src="([^"]*)"', text)
        sent = sum(len(gzip.compress((STATIC / each.removeprefix("/static/")).read_bytes())) for each in scripts)
        assert sent <= MAX_SCRIPT, address
        assert ("/static/vendor/leaflet/leaflet.js" in scripts) == ('id="tiles"' in text) == (address == "/")
        assert "<script>" not in text


def test_what_is_vendored_is_what_was_published_with_its_licence():
    folder = STATIC / "vendor" / "leaflet"
    assert "Leaflet 1.9.4" in (folder / "leaflet.js").read_text()[:200]
    assert "BSD 2-Clause License" in (folder / "LICENSE").read_text()


@pytest.mark.parametrize(
    "address",
    [
        "https://tiles.example.org/{z}/{x}.png",
        "https://{s}.example.org/{z}/{x}/{y}.png",
        "https://example.org; script-src *//{z}/{x}/{y}",
        "https://someone:secret@example.org/{z}/{x}/{y}.png",
        "ftp://example.org/{z}/{x}/{y}.png",
        "javascript://example.org/{z}/{x}/{y}",
        "https://example.org/place.pmtiles",
        "https://example.org/{z}/{x}/{y}/{z}/{quadkey}",
        "https://[/{z}/{x}/{y}",
    ],
)
def test_an_address_that_is_none_is_refused_in_a_sentence(address: str):
    with pytest.raises(CctviewError, match=r"is no address of tiles: write one such as https://tiles\.example\.org/"):
        Tiles.open(address)


def test_what_is_no_file_of_pictures_is_refused_in_a_sentence(tmp_path: Path, tiles: Path):
    whole = tiles.read_bytes()
    for content in (b"", b"PMTiles", b"\x89PNG" * 100, whole[:127], whole[:7] + b"\x02" + whole[8:], whole[:200]):
        (tmp_path / "bad.pmtiles").write_bytes(content)
        with pytest.raises(CctviewError, match=r"bad\.pmtiles is no \.pmtiles file of version 3, or it is damaged\.$"):
            Tiles.open(str(tmp_path / "bad.pmtiles"))
    with pytest.raises(CctviewError, match=r"cannot be read: No such file"):
        Tiles.open(str(tmp_path / "none.pmtiles"))
    with pytest.raises(CctviewError, match=r"neither an address such as"):
        Tiles.open(str(tmp_path / "map.mbtiles"))


def test_vector_tiles_are_refused_in_a_sentence(tmp_path: Path):
    path = write_tiles(tmp_path / "vector.pmtiles", TileType.MVT, Compression.GZIP)
    with pytest.raises(CctviewError, match=r"has tiles of type MVT: .* draws no vector tiles\.$"):
        Tiles.open(str(path))


def test_tiles_that_no_browser_would_load_are_refused_in_a_sentence():
    with pytest.raises(CctviewError, match=r"Over HTTPS browsers load no tiles of http://example\.org: name an https://"):
        ViewerSettings(secure=True, tiles=Tiles.open("http://example.org/{z}/{x}/{y}.png"))


def test_a_file_that_is_cut_while_it_is_open_harms_one_tile(open_browser: Open, tmp_path: Path, tiles: Path):
    path = Path(shutil.copy(tiles, tmp_path / "cut.pmtiles"))
    browser = open_browser(ViewerSettings(tiles=Tiles.open(str(path))))
    with path.open("r+b") as file:
        file.truncate(130)
    assert browser.get("/tiles/10/301/385").status_code == 503
    assert browser.get("/").status_code == 200


def test_the_command_refuses_what_are_no_tiles(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CCTVIEW_TILES", "https://example.org/")
    with pytest.raises(CctviewError, match="is no address of tiles"):
        CliRunner().invoke(cli, ["view", "--port", "0"], catch_exceptions=False, standalone_mode=False)


@contextmanager
def running(lake: Path, folder: Path, settings: ViewerSettings) -> Iterator[str]:
    """A real server over the small lake; its address."""
    shutil.copytree(lake, folder / "small")
    made = Lake(str(folder / "small" / "lake")), KeyStore(str(folder / "small" / "keys"))
    listener = listen("127.0.0.1", 0)
    app = create_app(*made, settings, AuditLog(folder / "audit.jsonl"))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


class TileServer(ThreadingHTTPServer):
    """Somebody else's, which keeps what it learns."""

    def __init__(self) -> None:
        self.learned: list[tuple[str, str | None, str | None]] = []
        super().__init__(("127.0.0.1", 0), _Answer)


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.learned.append((self.path, self.headers["Referer"], self.headers["Cookie"]))
        self.send_response(200)
        self.send_header("Content-Type", "image/png")
        self.end_headers()
        self.wfile.write(PICTURE)

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def tile_server() -> Iterator[TileServer]:
    server = TileServer()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.mark.parametrize("of", ["file", "server"])
def test_the_map_stands_on_tiles_and_its_cameras_are_links(
    chromium, whole: Path, tmp_path: Path, tiles: Path, tile_server: TileServer, of: str
):
    elsewhere = f"http://127.0.0.1:{tile_server.server_port}"
    said = str(tiles) if of == "file" else elsewhere + "/{z}/{x}/{y}.png"
    with running(whole, tmp_path, ViewerSettings(tiles=Tiles.open(said))) as here:
        page, complaints, asked = chromium.new_page(base_url=here), [], []
        page.set_default_timeout(15_000)
        page.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda sent: asked.append(sent.url))
        page.goto("/")
        page.wait_for_function("document.querySelectorAll('#tiles img.leaflet-tile-loaded').length > 1")
        assert page.locator(".drawing.map").is_hidden()
        assert page.locator("#tiles").inner_text().count("cam-") == 2
        assert ("The & surveyors" if of == "file" else "Tiles of 127.0.0.1") in page.locator("#tiles").inner_text()
        page.locator("#tiles").get_by_role("button", name="Zoom in").click()
        page.wait_for_timeout(600)
        page.locator("#tiles").get_by_role("button", name="Zoom out").click()
        page.wait_for_timeout(600)
        page.locator("#tiles").get_by_role("link", name="cam-1").click()
        assert page.url.endswith("/cameras/cam-1")
        assert complaints == []
        assert {url for url in asked if not url.startswith((here, elsewhere if of == "server" else here))} == set()
        assert all(referer is None and cookie is None for _, referer, cookie in tile_server.learned)
        assert bool(tile_server.learned) == (of == "server")
        plain = chromium.new_context(base_url=here, java_script_enabled=False).new_page()
        plain.goto("/")
        assert plain.locator(".drawing.map").is_visible()
        assert plain.locator("#tiles").is_hidden()
