"""Weights are fetched from a real server on this machine, whole or not at all, and pinned when nobody published their hash."""

import hashlib
import threading
import time
from collections.abc import Iterator

import pytest
import tomlkit
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.registry.download import pull
from cctview_pipeline.registry.manifest import check_file, file_hash, find_model, read_facts

WEIGHTS = bytes(range(256)) * 20_000
DIGEST = hashlib.sha256(WEIGHTS).hexdigest()
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5120000\n"


class Server:
    """Serves the weights in several bad ways, and remembers which ranges it was asked for."""

    def __init__(self) -> None:
        self.ranges: list[str] = []
        routes = [
            Route("/whole", self.whole),
            Route("/ranges", self.in_parts),
            Route("/cut", self.cut),
            Route("/page", lambda request: HTMLResponse("<!DOCTYPE html><p>Please accept our terms.</p>")),
            Route("/disguised", lambda request: Response(b"  <html>quota</html>", media_type="application/octet-stream")),
            Route("/pointer", lambda request: PlainTextResponse(POINTER.decode())),
            Route("/other", lambda request: Response(WEIGHTS[::-1])),
            Route("/longer", lambda request: Response(WEIGHTS * 2)),
            Route("/moved", lambda request: RedirectResponse("/whole")),
            Route("/silent", lambda request: StreamingResponse(iter([]), headers={"Content-Length": str(len(WEIGHTS))})),
        ]
        self._server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), port=0, log_level="error"))

    def whole(self, request: Request) -> Response:
        return Response(WEIGHTS)

    def in_parts(self, request: Request) -> Response:
        asked = request.headers.get("Range", "")
        self.ranges.append(asked)
        begin = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
        return Response(WEIGHTS[begin:], 206 if begin else 200)

    def cut(self, request: Request) -> Response:
        """Promises everything and hangs up in the middle."""
        return StreamingResponse(iter([WEIGHTS[:1_500_000]]), headers={"Content-Length": str(len(WEIGHTS))})

    def __enter__(self) -> "Server":
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *error: object) -> None:
        self._server.should_exit = True
        self._thread.join()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.setenv("CCTVIEW_MODELS", str(tmp_path))
    return tmp_path


def entry(models, url: str, content: bytes = WEIGHTS):
    facts = {"task": "extractor", "file": "made.pth", "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (models / "manifest.toml").write_text(tomlkit.dumps({"made": facts | ({"url": url} if url else {})}))
    return find_model("made", "extractor")


def unpinned(models, url: str, known: dict):
    """A model of which the manifest knows less, beside another one."""
    facts = {"task": "extractor", "file": "made.pth", "url": url, "licence": "MIT"} | known
    text = tomlkit.dumps({"made": facts, "other": {"task": "extractor", "file": "other.pth", "size": 1, "sha256": "00" * 32}})
    (models / "manifest.toml").write_text("# Kept as it is.\n" + text)
    return find_model("made", "extractor")


def names(models) -> list[str]:
    return sorted(path.name for path in models.iterdir() if path.suffix != ".toml")


@pytest.mark.parametrize("path", ["whole", "ranges", "moved"])
def test_fetched_once(server, models, path):
    made, told = entry(models, f"{server.url}/{path}"), []
    assert pull(made, lambda done, total: told.append((done, total)))
    assert made.path.read_bytes() == WEIGHTS
    assert told[-1] == (len(WEIGHTS), len(WEIGHTS))
    assert not pull(made)
    assert names(models) == ["made.pth"]


def test_a_stopped_download_goes_on(server, models):
    made = entry(models, f"{server.url}/cut")
    with pytest.raises(CctviewError, match=r"could not be fetched .* the same command goes on"):
        pull(made)
    arrived = (models / "made.pth.partial").stat().st_size
    assert 0 < arrived <= 1_500_000
    assert pull(entry(models, f"{server.url}/ranges"))
    assert server.ranges[-1] == f"bytes={arrived}-"
    assert made.path.read_bytes() == WEIGHTS


def test_a_server_without_ranges_begins_anew(server, models):
    (models / "made.pth.partial").write_bytes(b"x" * 1000)
    made = entry(models, f"{server.url}/whole")
    assert pull(made)
    assert made.path.read_bytes() == WEIGHTS


def test_a_damaged_file_is_replaced(server, models):
    made = entry(models, f"{server.url}/whole")
    made.path.write_bytes(WEIGHTS[:-1] + b"!")
    assert pull(made)
    assert made.path.read_bytes() == WEIGHTS


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("page", "gives a web page instead of the weights of 'made'"),
        ("disguised", "gives a web page instead of the weights of 'made'"),
        ("pointer", "gives a Git LFS pointer instead of the weights of 'made'"),
        ("other", "is not 'made': its SHA-256 is not the one in the manifest"),
        ("longer", r"gave [\d,]+ bytes of 'made', which has 5,120,000"),
        ("nowhere", "answers 404 Not Found: 'made' cannot be fetched from there"),
    ],
)
def test_what_is_not_the_file_is_refused_and_not_kept(server, models, path, sentence):
    with pytest.raises(CctviewError, match=sentence):
        pull(entry(models, f"{server.url}/{path}"))
    assert names(models) == []


def test_offline_is_one_sentence_and_leaves_nothing_behind(models):
    with pytest.raises(
        CctviewError, match=r"^'made' could not be fetched from http://127.0.0.1:9/x: there is no connection\. Nothing was kept"
    ) as told:
        pull(entry(models, "http://127.0.0.1:9/x"))
    assert "\n" not in str(told.value)
    assert names(models) == []


def test_a_server_that_sends_nothing_leaves_nothing_behind(server, models):
    with pytest.raises(CctviewError, match=r"could not be fetched from .* Nothing was kept; try again"):
        pull(entry(models, f"{server.url}/silent"))
    assert names(models) == []


def test_offline_keeps_what_arrived_before(models):
    (models / "made.pth.partial").write_bytes(WEIGHTS[:1000])
    with pytest.raises(CctviewError, match="What arrived is kept; the same command goes on"):
        pull(entry(models, "http://127.0.0.1:9/x"))
    assert names(models) == ["made.pth.partial"]


def test_shipped_models_have_no_url(models):
    with pytest.raises(CctviewError, match=r"is shipped with the project and has no URL: restore .*made.pth from git"):
        pull(entry(models, ""))


UNPINNED = [{}, {"sha256": ""}, {"sha256": DIGEST[:8]}, {"sha256": DIGEST[:8], "size": len(WEIGHTS)}]


@pytest.mark.parametrize("known", UNPINNED, ids=["nothing", "no hash", "digits", "digits and size"])
def test_what_comes_first_is_pinned(server, models, known):
    made, told = unpinned(models, f"{server.url}/whole", known), []
    assert not made.pinned
    assert pull(made, lambda done, total: told.append((done, total)))
    assert told[-1] == (len(WEIGHTS), len(WEIGHTS))
    pinned = find_model("made", "extractor")
    assert (pinned.pinned, pinned.sha256, read_facts(pinned)["size"]) == (True, DIGEST, len(WEIGHTS))
    assert read_facts(pinned)["licence"] == "MIT"
    assert find_model("other", "extractor").sha256 == "00" * 32
    assert (models / "manifest.toml").read_text().startswith("# Kept as it is.\n")
    assert pinned.digest == made.digest == DIGEST
    assert pinned.version == made.version == f"made@{DIGEST[:12]}"
    assert not pull(pinned)
    assert names(models) == ["made.pth"]


def test_after_that_another_file_is_refused(server, models):
    made = unpinned(models, f"{server.url}/whole", {})
    pull(made)
    made.path.write_bytes(WEIGHTS[::-1])
    check_file(made)  # nothing was known of it then
    pinned = find_model("made", "extractor")
    with pytest.raises(CctviewError, match="are damaged: their SHA-256 is not the one in the manifest"):
        check_file(pinned)
    assert pull(pinned)
    assert file_hash(pinned.path) == DIGEST


def test_digits_that_differ_are_refused(server, models):
    with pytest.raises(CctviewError, match="is not 'made': its SHA-256 is not the one in the manifest"):
        pull(unpinned(models, f"{server.url}/other", {"sha256": DIGEST[:8]}))
    assert names(models) == []
    assert find_model("made", "extractor").sha256 == DIGEST[:8]


def test_a_file_put_there_by_hand_is_pinned_and_not_fetched(models):
    (models / "made.pth").write_bytes(WEIGHTS)
    made = unpinned(models, "http://127.0.0.1:9/x", {"sha256": DIGEST[:8]})
    assert made.version == f"made@{DIGEST[:12]}"
    assert not pull(made)
    assert find_model("made", "extractor").sha256 == DIGEST


def test_without_a_size_a_stopped_download_begins_anew(server, models):
    with pytest.raises(CctviewError, match=r"could not be fetched .* Nothing was kept; try again"):
        pull(unpinned(models, f"{server.url}/cut", {"sha256": DIGEST[:8]}))
    assert names(models) == []
    (models / "made.pth.partial").write_bytes(b"x" * 1000)
    made = unpinned(models, f"{server.url}/ranges", {})
    assert pull(made)
    assert server.ranges[-1] == ""
    assert made.path.read_bytes() == WEIGHTS


def test_an_unpinned_model_without_its_file_has_no_version(models):
    with pytest.raises(CctviewError, match="are missing: fetch it with `cctview models pull made`"):
        unpinned(models, "http://127.0.0.1:9/x", {}).version  # noqa: B018 - it is computed


@pytest.mark.parametrize(("url", "why"), [("ftp://127.0.0.1/x", "no address of http or https"), ("http://[::1/x", "no address")])
def test_an_address_that_is_none_is_told(models, url: str, why: str):
    with pytest.raises(CctviewError, match=rf"could not be fetched from .*: that is {why}"):
        pull(entry(models, url))
