"""Local storage: an object is seen whole or not at all, whatever happens to the process that writes it."""

import os
import signal
import threading
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cctview_pipeline.errors import CctviewError, StorageError
from cctview_pipeline.lake.storage import S3Access, Storage
from cctview_pipeline_tests.factories.killed import die, end_of

KEY = "raw_frames/camera=cam-1/hour=2020-05-05T17/part-0.parquet"


def kill_in_the_middle_of_a_write(root: Path, key: str = KEY) -> None:
    """Write in another process and end it by SIGKILL after its bytes went out, before they are in place."""

    def write_and_die() -> None:
        os.fsync = die
        Storage(str(root)).write(key, b"new" * 1000)

    assert end_of(write_and_die) == -signal.SIGKILL


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_written_bytes_are_read_back(tmp_path):
    storage = Storage(str(tmp_path / "lake"))
    storage.write(KEY, b"first")
    storage.write(KEY, b"second")
    assert storage.read(KEY).to_pybytes() == b"second"
    assert storage.exists(KEY)
    assert storage.list("raw_frames") == [KEY]


def test_what_was_never_written(tmp_path):
    storage = Storage(str(tmp_path / "lake"))
    assert not storage.exists(KEY)
    assert storage.list("raw_frames") == []
    with pytest.raises(FileNotFoundError):
        storage.read(KEY)


def test_folder_is_no_object(tmp_path):
    storage = Storage(str(tmp_path))
    storage.write(KEY, b"1")
    assert not storage.exists("raw_frames")


def test_relative_uri_and_slash_at_its_end_mean_the_same_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Storage("lake/").write(KEY, b"1")
    assert Storage(str(tmp_path / "lake")).read(KEY).to_pybytes() == b"1"
    assert Storage("lake").path(KEY) == f"{tmp_path}/lake/{KEY}"


def test_killed_write_leaves_the_old_object_whole(tmp_path):
    storage = Storage(str(tmp_path))
    storage.write(KEY, b"old")
    kill_in_the_middle_of_a_write(tmp_path)
    assert storage.read(KEY).to_pybytes() == b"old"


def test_what_a_killed_write_left_is_not_listed_and_goes_with_the_next_write(tmp_path):
    storage = Storage(str(tmp_path))
    kill_in_the_middle_of_a_write(tmp_path)
    (left,) = files(tmp_path)
    assert left.read_bytes() == b"new" * 1000
    assert storage.list("") == []
    assert not storage.exists(KEY)
    storage.write(KEY, b"next")
    assert files(tmp_path) == [tmp_path / KEY]


def test_cleaning_leaves_other_objects_alone(tmp_path):
    storage = Storage(str(tmp_path))
    kill_in_the_middle_of_a_write(tmp_path, KEY.replace("17", "18"))
    storage.write(KEY, b"1")
    assert len(files(tmp_path)) == 2


def test_failed_write_leaves_nothing_behind(tmp_path, monkeypatch):
    storage = Storage(str(tmp_path))
    storage.write(KEY, b"old")
    monkeypatch.setattr("os.fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(CctviewError, match=r"^The lake .* cannot be written: .*No space left on device"):
        storage.write(KEY, b"new")
    assert files(tmp_path) == [tmp_path / KEY]
    assert storage.read(KEY).to_pybytes() == b"old"


def test_lake_below_a_regular_file_is_refused_with_one_sentence(tmp_path):
    (tmp_path / "file").write_text("no folder")
    storage = Storage(str(tmp_path / "file" / "lake"))
    with pytest.raises(CctviewError, match=rf"^The lake {tmp_path}/file/lake cannot be written: [^\n]+\.$"):
        storage.check_writable()


def test_lake_that_is_a_regular_file_is_refused_with_one_sentence(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(CctviewError, match=r"^The lake .*/file is a file: name a folder in CCTVIEW_LAKE\.$"):
        Storage(str(tmp_path / "file"))


def test_writable_lake_is_left_as_it_was(tmp_path):
    Storage(str(tmp_path / "lake")).check_writable()
    assert files(tmp_path) == []


@pytest.mark.parametrize("uri", ["http://example.org/lake", "gs://bucket/lake", "file:///tmp/lake"])
def test_other_schemes_are_refused(uri):
    with pytest.raises(CctviewError, match=f"The lake '{uri}' is neither a folder nor s3://bucket/prefix"):
        Storage(uri)


def test_bucket_without_a_name_is_refused():
    with pytest.raises(CctviewError, match="names no bucket"):
        Storage("s3:///prefix")


@pytest.mark.parametrize(
    ("endpoint", "use_ssl"), [(None, True), ("https://s3.example.org", True), ("http://127.0.0.1:9000", False)]
)
def test_plain_http_only_where_the_endpoint_says_so(endpoint, use_ssl):
    assert S3Access(endpoint_url=endpoint).use_ssl is use_ssl


@pytest.mark.parametrize(("attempts", "read"), [(8, True), (0, False)])
def test_a_store_that_is_away_is_asked_as_often_as_was_said(attempts: int, read: bool):
    asked = iter(range(1000))

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(503 if next(asked) < 4 else 200)
            self.send_header("Content-Length", "4")
            self.send_header("ETag", '"one"')
            self.end_headers()

        def do_GET(self) -> None:
            self.do_HEAD()
            self.wfile.write(b"kept")

        def log_message(self, *_) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        access = S3Access(access_key="a", secret_key="b", region="us-east-1", endpoint_url=endpoint, attempts=attempts)
        with nullcontext() if read else pytest.raises(StorageError):
            assert Storage("s3://lake", access).read("word").to_pybytes() == b"kept"
        server.shutdown()
