"""Two collectors on one shard, on different machines: one of them is refused, by the store and by nobody's clock."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cctview_pipeline.errors import StorageError
from cctview_pipeline.lake import conditional
from cctview_pipeline.lake.conditional import WrittenByAnother, read_tagged, write_if
from cctview_pipeline.lake.storage import Storage
from cctview_pipeline.spool import lease as leases
from cctview_pipeline.spool.bucket import SpoolBucket
from cctview_pipeline.spool.lease import Backlog, Lease, LeaseLost, told_of
from cctview_pipeline.spool.opening import open_bucket
from cctview_pipeline.spool.segments import microseconds
from cctview_pipeline_tests.factories.spool import NINE
from cctview_pipeline_tests.factories.troubled_store import troubled_store

NOTHING = Backlog()
SHORT_S = 1.0
"""The store's clock tells whole seconds."""


@pytest.fixture(scope="module")
def bucket(s3: dict[str, str]) -> Iterator[SpoolBucket]:
    """Of all tests, which take shards of their own."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in s3.items():
            environment.setenv(name, value)
        yield open_bucket("s3://lake/leases/spool")


@pytest.fixture
def shard(tmp_path: Path) -> str:
    return tmp_path.name


@pytest.fixture(scope="module")
def expired(bucket: SpoolBucket, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Lease]:
    """Leases of three shards that were not renewed for longer than they live: shard -> its first collector's."""
    found = {f"{n}-of-3": Lease(bucket.storage, f"{n}-of-3", tmp_path_factory.mktemp("a"), SHORT_S) for n in (1, 2, 3)}
    for lease in found.values():
        lease.take(Backlog(since_us=microseconds(NINE)))
    with pytest.raises(LeaseLost):
        Lease(bucket.storage, "1-of-3", tmp_path_factory.mktemp("b"), SHORT_S).take(NOTHING)
    assert bucket.written_hours() == [NINE]
    time.sleep(SHORT_S + 1.1)
    return found


def test_the_second_collector_of_a_shard_is_refused(tmp_path: Path, bucket: SpoolBucket, shard: str):
    first, second = Lease(bucket.storage, shard, tmp_path / "a"), Lease(bucket.storage, shard, tmp_path / "b")
    first.take(NOTHING)
    with pytest.raises(LeaseLost) as refused:
        second.take(NOTHING)
    assert str(refused.value).startswith(
        f"Another collector, on {socket.gethostname()}, has shard {shard}: stop it, or give this one another shard. If it was "
        "killed, its shard is free in 6"
    )
    first.renew(NOTHING)


def test_other_shards_are_others(tmp_path: Path, bucket: SpoolBucket, shard: str):
    Lease(bucket.storage, shard, tmp_path / "a").take(NOTHING)
    Lease(bucket.storage, f"1{shard}", tmp_path / "b").take(NOTHING)


def test_a_shard_that_was_given_up_is_free_at_once(tmp_path: Path, bucket: SpoolBucket, shard: str):
    first = Lease(bucket.storage, shard, tmp_path / "a")
    first.take(NOTHING)
    first.give_up(NOTHING)
    Lease(bucket.storage, shard, tmp_path / "b").take(NOTHING)


def test_a_killed_collector_is_started_again_at_once_on_its_own_machine(tmp_path: Path, bucket: SpoolBucket, shard: str):
    Lease(bucket.storage, shard, tmp_path / "a").take(NOTHING)
    Lease(bucket.storage, shard, tmp_path / "a").take(NOTHING)


def test_a_killed_collector_s_shard_is_free_elsewhere_after_its_time(expired: dict[str, Lease], tmp_path: Path):
    """And if it was not killed but cut off, it hears so when it is back, and stops."""
    first, second = expired["1-of-3"], Lease(expired["1-of-3"].storage, "1-of-3", tmp_path)
    second.take(NOTHING)
    with pytest.raises(LeaseLost, match="It took over when this one could not be heard"):
        first.renew(NOTHING)
    second.renew(NOTHING)


def test_the_first_that_comes_back_keeps_its_shard(expired: dict[str, Lease], tmp_path: Path):
    """Expired, and nobody took it: collecting went on all the while."""
    expired["2-of-3"].renew(NOTHING)
    with pytest.raises(LeaseLost):
        Lease(expired["2-of-3"].storage, "2-of-3", tmp_path).take(NOTHING)


def test_an_hour_waits_for_no_collector_that_is_dead(expired: dict[str, Lease], bucket: SpoolBucket):
    """What it holds is on its disk: the hour is sealed without it, and again when it comes."""
    assert bucket.written_hours() == []
    expired["3-of-3"].renew(Backlog(since_us=microseconds(NINE)))
    assert bucket.written_hours() == [NINE]
    expired["3-of-3"].give_up(Backlog(since_us=microseconds(NINE)))
    assert bucket.written_hours() == []


def test_no_machine_s_clock_counts(tmp_path: Path, bucket: SpoolBucket, shard: str, monkeypatch: pytest.MonkeyPatch):
    """The second collector's clock is a day ahead: the shard is not free for that."""
    Lease(bucket.storage, shard, tmp_path / "a").take(NOTHING)
    monkeypatch.setattr(time, "time", lambda now=time.time: now() + 86_400)
    with pytest.raises(LeaseLost):
        Lease(bucket.storage, shard, tmp_path / "b").take(NOTHING)


def test_an_answer_that_was_lost_is_no_loss(tmp_path: Path, bucket: SpoolBucket, shard: str, monkeypatch: pytest.MonkeyPatch):
    """The store wrote the lease, and the collector heard of an error: what is there is its own."""

    def written_and_lost(storage: Storage, key: str, content: bytes, tag: str | None) -> str:
        write_if(storage, key, content, tag)
        raise StorageError("The answer was lost.")

    first = Lease(bucket.storage, shard, tmp_path / "a")
    first.take(NOTHING)
    with monkeypatch.context() as lossy:
        lossy.setattr(leases, "write_if", written_and_lost)
        with pytest.raises(StorageError):
            first.renew(Backlog(segments=1))
    first.renew(Backlog(segments=2))
    first.renew(Backlog(segments=3))
    assert told_of(first.storage, first.key).waiting == 3


def test_a_lease_that_somebody_deleted_is_written_again(tmp_path: Path, bucket: SpoolBucket, shard: str):
    first = Lease(bucket.storage, shard, tmp_path / "a")
    first.take(NOTHING)
    first.storage.delete(first.key)
    first.renew(NOTHING)
    with pytest.raises(LeaseLost):
        Lease(bucket.storage, shard, tmp_path / "b").take(NOTHING)


def test_a_lease_that_nobody_can_read_is_nobody_s(tmp_path: Path, bucket: SpoolBucket, shard: str):
    first = Lease(bucket.storage, shard, tmp_path)
    for junk in (b"", b"{", b"[]", b'{"owner": 1}', b'{"owner": "a", "host": "b", "takes": "x"}', b"\xff"):
        bucket.write(first.key, junk)
        assert shard not in dict(bucket.leases())
    first.take(NOTHING)
    assert shard in dict(bucket.leases())


def test_a_store_that_is_away_at_the_beginning(
    tmp_path: Path, bucket: SpoolBucket, shard: str, s3: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    """Who collected the shard last goes on; anybody else waits for the store."""
    with troubled_store(s3["AWS_ENDPOINT_URL"]) as store:
        monkeypatch.setenv("AWS_ENDPOINT_URL", store.url)
        storage = open_bucket(bucket.place).storage
        Lease(storage, shard, tmp_path / "a").take(NOTHING)
        store.away = True
        again, other = (Lease(storage, shard, tmp_path / name) for name in "ab")
        assert "This machine collected shard" in again.take(NOTHING)
        with pytest.raises(StorageError, match="cannot be read"):
            other.take(NOTHING)
        with pytest.raises(StorageError, match="cannot be read"):
            again.renew(NOTHING)
        store.away = False
        again.renew(NOTHING)
        with pytest.raises(LeaseLost):
            other.take(NOTHING)


def test_a_store_that_knows_no_conditions_is_refused(
    tmp_path: Path, bucket: SpoolBucket, shard: str, monkeypatch: pytest.MonkeyPatch
):
    """It would let both in."""
    monkeypatch.setattr(
        leases, "write_if", lambda storage, key, content, tag: (storage.write(key, content), read_tagged(storage, key).tag)[1]
    )
    with pytest.raises(StorageError, match="overwrites what it is asked not to"):
        Lease(bucket.storage, shard, tmp_path / "a").take(NOTHING)


def test_of_two_at_the_same_moment_one_is_refused(bucket: SpoolBucket):
    storage = bucket.storage
    tag = write_if(storage, "object", b"1", None)
    with pytest.raises(WrittenByAnother):
        write_if(storage, "object", b"2", None)
    write_if(storage, "object", b"3", tag)
    with pytest.raises(WrittenByAnother):
        write_if(storage, "object", b"4", tag)
    assert conditional.read_tagged(storage, "object").content == b"3"
