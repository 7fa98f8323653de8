"""The secrets of days: made once, destroyed for good, and the pseudonyms that hang on them."""

import os
import re
import signal
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import boto3
import pyarrow as pa
import pytest

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.ids import utc_day
from cctview_pipeline.paths import keys_uri
from cctview_pipeline.privacy.keys import DayKey, KeyDestroyed, KeyStore, pseudonyms
from cctview_pipeline.resources.keys import open_keys
from cctview_pipeline_tests.factories.killed import FORK, die, end_of
from cctview_pipeline_tests.factories.pseudonyms import pseudonym_of

DAY, NEXT = date(2026, 11, 21), date(2026, 11, 22)
TRACK = "city-1--2026-11-21--23.59.59.000Z--track--1"
JOURNEY = TRACK.replace("track", "journey")
IN_THE_EVENING = "735-683-N--2026-11-21--21.30.00--track--4"
"""New York's evening of the 21st, which is the 22nd in UTC."""


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    return KeyStore(str(tmp_path / "keys"))


def folder_of(store: KeyStore) -> list[Path]:
    return sorted(Path(store.uri).iterdir())


def test_a_day_has_one_key_and_every_day_another(store):
    key = store.key(DAY)
    assert store.key(DAY) == KeyStore(store.uri).existing(DAY) == key
    assert len(key.secret) == 32
    assert store.key(NEXT).secret != key.secret
    assert store.days() == [DAY, NEXT]
    assert store.created_at(DAY) == key.created_at
    assert abs(key.created_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert store.existing(date(2026, 11, 20)) is store.created_at(date(2026, 11, 20)) is None


def test_nobody_else_may_read_it_and_it_shows_itself_nowhere(store):
    key = store.key(DAY)
    assert os.stat(store.uri).st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in folder_of(store)] == [0o600]
    assert str(key.secret) not in repr(key)
    assert re.fullmatch("[0-9a-f]{8}", key.fingerprint)
    assert key.fingerprint not in key.secret.hex()


def test_destroyed_stays_destroyed(store):
    key, other = store.key(DAY), store.key(NEXT)
    store.destroy(DAY)
    for again in (store, KeyStore(store.uri)):
        assert again.existing(DAY) is None
        with pytest.raises(KeyDestroyed, match=r"^The key of 2026-11-21 was destroyed at .* CCTVIEW_KEYS of its own\.$"):
            again.key(DAY)
    store.destroy(DAY)
    assert store.days() == [NEXT]
    assert store.key(NEXT) == other
    assert (store.fingerprint(DAY), store.created_at(DAY)) == (key.fingerprint, key.created_at)
    assert all(key.secret.hex() not in path.read_text() for path in folder_of(store))


def test_its_bytes_are_overwritten_where_they_lay(store):
    """Another name of the same file shows what became of them."""
    secret = store.key(DAY).secret.hex()
    same = Path(store.uri).parent / "same"
    os.link(folder_of(store)[0], same)
    assert secret in same.read_text()
    store.destroy(DAY)
    assert set(same.read_bytes()) == {0}


def test_a_day_that_never_had_a_key_can_be_closed_too(store):
    store.destroy(DAY)
    assert (store.days(), store.created_at(DAY), store.fingerprint(DAY)) == ([], None, None)
    with pytest.raises(KeyDestroyed):
        store.key(DAY)


def ask(uri: str, start, answers) -> None:
    start.wait()
    answers.put(KeyStore(uri).key(DAY).secret)


def test_eight_processes_that_ask_at_once_get_one_key(store):
    start, answers = FORK.Barrier(8), FORK.Queue()
    processes = [FORK.Process(target=ask, args=(store.uri, start, answers)) for _ in range(8)]
    for process in processes:
        process.start()
    found = {answers.get(timeout=30) for _ in processes}
    for process in processes:
        process.join()
    assert found == {store.key(DAY).secret}
    assert len(folder_of(store)) == 1, "and nothing else is left"


def test_who_looked_before_the_destruction_makes_no_key_after_it(store, monkeypatch):
    late = KeyStore(store.uri)
    read, looks = late._place.read, iter([lambda name: None])
    monkeypatch.setattr(late._place, "read", lambda name: next(looks, read)(name))
    store.destroy(DAY)
    with pytest.raises(KeyDestroyed):
        late.key(DAY)


def make_a_key_and_die(uri: str, when: str) -> None:
    link = os.link

    def dying(source: str, target: str) -> None:
        if when == "after":
            link(source, target)
        die()

    os.link = dying
    KeyStore(uri).key(DAY)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_that_is_killed_while_it_makes_a_key_leaves_nothing_wrong(store, when):
    """Before its file has its name, and after it: then two names are left of one file."""
    assert end_of(make_a_key_and_die, store.uri, when) == -signal.SIGKILL
    (left,) = [path for path in folder_of(store) if path.name.startswith(".")]
    assert store.days() == ([] if when == "before" else [DAY])
    key = store.key(DAY)
    assert (key.secret.hex() in left.read_text()) == (when == "after")
    store.destroy(DAY)
    assert [path.name for path in folder_of(store)] == ["2026-11-21.key"]
    assert key.secret.hex() not in folder_of(store)[0].read_text()


def test_a_damaged_key_and_a_place_that_is_none_are_one_sentence(store, tmp_path):
    store.key(DAY)
    folder_of(store)[0].write_text("{}")
    with pytest.raises(CctviewError, match=r"2026-11-21\.key is no key: put back the file that was there\.$"):
        store.key(DAY)
    (tmp_path / "file").touch()
    with pytest.raises(CctviewError, match=r"^The keys' folder .*file.* cannot be used: .*Mend CCTVIEW_KEYS\.$"):
        KeyStore(str(tmp_path / "file" / "keys")).key(DAY)
    with pytest.raises(CctviewError, match="neither a folder nor s3"):
        KeyStore("gs://bucket/keys")


def test_the_keys_lie_beside_the_lake_and_never_in_it(tmp_path, monkeypatch):
    monkeypatch.delenv("CCTVIEW_KEYS")
    monkeypatch.setenv("CCTVIEW_LAKE", str(tmp_path / "lake"))
    assert open_keys().uri == keys_uri() == str(tmp_path / "keys")
    assert keys_uri("s3://bucket/lake").endswith("/var/keys")
    (tmp_path / "lake").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "lake")
    inside = {"lake/keys": "", "lake": "", "link/keys": "", "s3://bucket/lake/keys": "s3://bucket/lake"}
    for keys, lake in inside.items():
        monkeypatch.setenv("CCTVIEW_KEYS", keys if "://" in keys else str(tmp_path / keys))
        with pytest.raises(CctviewError, match=r"^The keys at .* would lie in the lake that they protect: name a place"):
            open_keys(lake)
    monkeypatch.setenv("CCTVIEW_KEYS", "s3://bucket/lake-keys/")
    assert keys_uri("s3://bucket/lake") == "s3://bucket/lake-keys"


@pytest.fixture(scope="module")
def server(s3: dict[str, str]) -> dict[str, str]:
    """A real S3 server; its bucket ``lake`` has no versions, and ``versioned`` keeps them all."""
    client = client_of(s3)
    client.create_bucket(Bucket="versioned")
    client.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    return s3


def client_of(server: dict[str, str]):
    access = {"aws_access_key_id": server["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": server["AWS_SECRET_ACCESS_KEY"]}
    return boto3.client("s3", endpoint_url=server["AWS_ENDPOINT_URL"], region_name="us-east-1", **access)


@pytest.fixture
def on_s3(server, monkeypatch, request):
    """Opens a store below a bucket, as a run would."""
    for name, value in server.items():
        monkeypatch.setenv(name, value)

    def open_store(bucket: str) -> KeyStore:
        monkeypatch.setenv("CCTVIEW_KEYS", f"s3://{bucket}/keys/{request.node.originalname}")
        return open_keys()

    return open_store


@pytest.mark.parametrize("bucket", ["lake", "versioned"])
def test_on_s3_destroyed_is_destroyed_in_all_versions(on_s3, server, bucket):
    store = on_s3(bucket)
    key = store.key(DAY)
    assert on_s3(bucket).key(DAY) == key
    assert store.existing(NEXT) is None
    assert store.days() == [DAY]
    store.destroy(DAY)
    store.destroy(NEXT)
    assert (store.days(), store.fingerprint(DAY), store.created_at(DAY)) == ([], key.fingerprint, key.created_at)
    for day in (DAY, NEXT):
        with pytest.raises(KeyDestroyed):
            on_s3(bucket).key(day)
    client = client_of(server)
    versions = client.list_object_versions(Bucket=bucket, Prefix=store.uri.removeprefix(f"s3://{bucket}/"))["Versions"]
    assert len(versions) == 2, "a marker each"
    where = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in versions]
    left = [client.get_object(Bucket=bucket, **each)["Body"].read().decode() for each in where]
    assert not any(key.secret.hex() in text for text in left)


def test_on_s3_a_destruction_that_was_interrupted_is_told_and_finished(on_s3, monkeypatch):
    store = on_s3("versioned")
    store.key(DAY)
    with monkeypatch.context() as killed:
        killed.setattr(store._place, "purge", lambda name: None)
        store.destroy(DAY)
    assert store.existing(DAY) is None
    assert store.days() == [DAY], "a version of its secret is still there"
    store.destroy(DAY)
    assert store.days() == []


def test_on_s3_four_that_ask_at_once_get_one_key(on_s3):
    stores, found = [on_s3("lake") for _ in range(4)], []
    start = threading.Barrier(4)

    def ask_one(store: KeyStore) -> None:
        start.wait()
        found.append(store.key(DAY).secret)

    threads = [threading.Thread(target=ask_one, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1


def test_on_s3_a_bucket_that_is_not_there_is_one_sentence(on_s3):
    store = on_s3("nowhere")
    for call in (lambda: store.key(DAY), store.days):
        with pytest.raises(CctviewError, match=r"^The keys at s3://nowhere/.* cannot be used: S3 answers NoSuchBucket"):
            call()


def test_the_day_in_an_id_is_utc_s():
    assert utc_day(TRACK) == utc_day(JOURNEY) == DAY
    assert utc_day(IN_THE_EVENING) == NEXT
    with pytest.raises(ValueError, match="is no frame id"):
        utc_day("track-7")


def test_an_id_has_one_pseudonym_and_it_says_nothing(store):
    name = pseudonym_of(store, TRACK)
    assert name == pseudonym_of(KeyStore(store.uri), TRACK)
    assert re.fullmatch("[a-z2-7]{26}", name)
    assert name != pseudonym_of(store, JOURNEY)


def test_another_key_makes_another_pseudonym(store, tmp_path):
    assert store.key(DAY).pseudonym(TRACK) != store.key(NEXT).pseudonym(TRACK)
    assert pseudonym_of(store, TRACK) != pseudonym_of(KeyStore(str(tmp_path / "others")), TRACK)


def test_a_column_of_ids_becomes_one_of_pseudonyms(store):
    column = pa.chunked_array([[TRACK, None, IN_THE_EVENING], [], [TRACK]], pa.string())
    found = pseudonyms(store, column).to_pylist()
    assert found == [pseudonym_of(store, TRACK), None, pseudonym_of(store, IN_THE_EVENING), pseudonym_of(store, TRACK)]
    assert store.days() == [DAY, NEXT]
    assert pseudonyms(store, pa.chunked_array([[None]], pa.string())).to_pylist() == [None]
    assert len(pseudonyms(store, column.slice(0, 0))) == 0
    with pytest.raises(CctviewError, match="'car 7' has no pseudonym: it is the id of no track or journey"):
        pseudonyms(store, pa.chunked_array([["car 7"]]))


def test_once_the_key_is_gone_nobody_can_make_the_pseudonym(store):
    pseudonym_of(store, TRACK)
    store.destroy(DAY)
    with pytest.raises(KeyDestroyed):
        pseudonym_of(store, TRACK)
    with pytest.raises(KeyDestroyed):
        pseudonyms(store, pa.chunked_array([[IN_THE_EVENING, TRACK]]))
    assert pseudonym_of(store, IN_THE_EVENING), "of another day"


def test_what_is_derived_from_a_secret_stays_the_same():
    """Stored pseudonyms must be met again by every later version."""
    key = DayKey(DAY, bytes(range(32)), datetime(2026, 11, 21, tzinfo=UTC))
    assert (key.fingerprint, key.pseudonym(TRACK)) == ("b050630f", "clmq2ltb5eheaeeycfdlpwmdf4")


def test_a_pseudonym_is_found_again_among_the_ids_that_it_may_stand_for(tmp_path: Path):
    key = KeyStore(str(tmp_path)).key(DAY)
    ids = [f"cam-1--2020-05-05--17.00.{n:02d}.000Z--track--1" for n in range(40)]
    for each in ids:
        assert key.find(key.pseudonym(each), ids) == each
    name = key.pseudonym(ids[7])
    twin = name[:-1] + chr(ord(name[-1]) + 1)  # of its last letter two bits say nothing
    for wrong in (name.upper(), twin, name[:-1], f"{name}a", "", "é", "=" * 26, key.pseudonym("another")):
        assert key.find(wrong, ids) is None
