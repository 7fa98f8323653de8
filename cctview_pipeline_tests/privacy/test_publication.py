"""A package for everybody is whole, valid and the only one about its vehicles."""

import csv
import io
import json
from datetime import UTC, date, datetime
from pathlib import Path

import frictionless
import pyarrow as pa
import pytest

from cctview_pipeline.errors import AccessRefusedError, CctviewError, StorageError
from cctview_pipeline.lake import Lake, Partition, S3Access
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.lake.storage import Storage
from cctview_pipeline.privacy.audit import AuditLog
from cctview_pipeline.privacy.publication import earlier, publish
from cctview_pipeline_tests.factories.figures import DAY, figures_lake

NEXT = date(2020, 5, 6)
LICENCE = "CC-BY-4.0"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return figures_lake(tmp_path / "lake", [DAY, NEXT])


def changed(lake: Lake, day: date = DAY) -> None:
    """The day's figures as a later run of a better model made them."""
    for name in ("vehicle_counts", "flows"):
        rows = lake.read(name, Partition.of_day(day)).to_pylist()
        busy = max(rows, key=lambda row: row["vehicles"] or 0)
        for row in rows:
            if all(row[key] == busy[key] for key in ("camera_id", "carriageway", "began_at")) and row.get("label") in (
                None,
                "car",
            ):
                row["vehicles"] += 1
        if name == "vehicle_counts":
            place = {key: busy[key] for key in ("camera_id", "carriageway", "began_at")}
        else:
            assert {key: busy[key] for key in place} == place
        lake.write(name, Partition.of_day(day), pa.Table.from_pylist(rows, schema_of(name)))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_frictionless_validates_what_is_published(lake: Lake, tmp_path: Path):
    done = publish(lake, str(tmp_path / "out"), licence=LICENCE)
    report = frictionless.validate(str(tmp_path / "out" / "datapackage.json"))
    assert report.flatten(["message"]) == []
    assert done.days == (DAY, NEXT)
    assert set(done.files) == files(tmp_path / "out").keys()
    assert {"README.md", "cameras.geojson", "links.geojson", "data/flows.csv"} < set(done.files)
    assert not {"data/corridor_speeds.csv", "data/corridor_od.csv", "data/throughput.csv"} & set(done.files)


def test_it_says_whose_the_pictures_were(tmp_path: Path):
    lake = figures_lake(tmp_path / "lake", [DAY, NEXT], network="singapore")
    publish(lake, str(tmp_path / "out"), licence=LICENCE)
    notice = "Traffic Images accessed on 2020-05-05 to 2020-05-06 from data.gov.sg"
    assert json.loads((tmp_path / "out" / "datapackage.json").read_text())["attribution"][0].startswith(
        "Contains information from"
    )
    for name in ("datapackage.json", "README.md", "cameras.geojson", "links.geojson"):
        assert notice in (tmp_path / "out" / name).read_text()
    assert frictionless.validate(str(tmp_path / "out" / "datapackage.json")).valid


def test_it_says_what_it_is(lake: Lake, tmp_path: Path):
    publish(lake, str(tmp_path / "out"), licence=LICENCE, k=12)
    said = json.loads((tmp_path / "out" / "datapackage.json").read_text())
    assert said["licenses"][0]["name"] == LICENCE
    assert said["k"] == 12
    assert "fewer than 12" in said["privacy"]
    assert said["window"] == {"first_day": "2020-05-05", "last_day": "2020-05-06"}
    assert said["generated_by"]["models"] == ["detector@0123456789ab, tracker@1"]
    assert len(said["known_biases"]) > 3
    fields = {each["name"]: each for each in said["resources"]}["flows"]["schema"]["fields"]
    assert "withheld" in {each["name"]: each["description"] for each in fields}["status"]
    readme = (tmp_path / "out" / "README.md").read_text()
    for resource in said["resources"]:
        for field in resource.get("schema", {}).get("fields", []):
            assert resource["name"] == "cameras" or f"| `{field['name']}` |" in readme


def test_no_group_below_k_is_in_the_files(lake: Lake, tmp_path: Path):
    done = publish(lake, str(tmp_path / "out"), licence=LICENCE, k=30)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out" / "data" / "flows.csv").read_text())))
    assert min(int(row["vehicles"]) for row in rows if row["vehicles"]) >= 30
    assert done.rows["flows"] == len(rows) == 2 * 576
    assert done.withheld["flows"] == sum(row["status"] == "withheld" for row in rows) > 0


def test_only_the_days_asked_for(lake: Lake, tmp_path: Path):
    assert publish(lake, str(tmp_path / "out"), licence=LICENCE, between=(NEXT, None)).days == (NEXT,)
    assert earlier(lake, DAY) is None
    assert earlier(lake, NEXT).licence == LICENCE


def test_it_is_written_to_the_audit_log(lake: Lake, tmp_path: Path):
    publish(lake, str(tmp_path / "out"), licence=LICENCE)
    entry = next(AuditLog().newest())
    assert (entry.kind, entry.asked) == ("publish", f"2020-05-05 to 2020-05-06, 2 days, k = 10, to {tmp_path / 'out'}")


def test_the_same_figures_may_be_published_again(lake: Lake, tmp_path: Path):
    publish(lake, str(tmp_path / "week"), licence=LICENCE)
    publish(lake, str(tmp_path / "day"), licence=LICENCE, between=(NEXT, None))
    week, day = ((tmp_path / name / "data" / "flows.csv").read_text().splitlines() for name in ("week", "day"))
    assert set(day) < set(week)


def test_another_k_for_the_same_vehicles_is_refused(lake: Lake, tmp_path: Path):
    publish(lake, str(tmp_path / "ten"), licence=LICENCE, between=(None, NEXT))
    with pytest.raises(
        AccessRefusedError, match=r"^2020-05-05 was published .* with k = 10, and the two could be subtracted from one"
    ):
        publish(lake, str(tmp_path / "five"), licence=LICENCE, k=5)
    assert not (tmp_path / "five").exists()
    assert earlier(lake, NEXT) is None  # a refused publication leaves no note
    publish(lake, str(tmp_path / "five"), licence=LICENCE, k=5, again=True)
    assert earlier(lake, DAY).k == 5


def test_figures_that_were_made_anew_are_refused(lake: Lake, tmp_path: Path):
    publish(lake, str(tmp_path / "first"), licence=LICENCE)
    changed(lake)
    with pytest.raises(AccessRefusedError, match=r"with other figures, .* withdraw that package, and add --again\.$"):
        publish(lake, str(tmp_path / "second"), licence=LICENCE)
    publish(lake, str(tmp_path / "other-day"), licence=LICENCE, between=(NEXT, None))
    publish(lake, str(tmp_path / "second"), licence=LICENCE, again=True)


@pytest.mark.parametrize(("licence", "sentence"), [("", "nobody may use"), ("all rights", "no licence's identifier")])
def test_a_licence_is_needed(lake: Lake, tmp_path: Path, licence: str, sentence: str):
    with pytest.raises(CctviewError, match=sentence):
        publish(lake, str(tmp_path / "out"), licence=licence)


def test_a_lake_without_figures_says_which_command_makes_them(tmp_path: Path):
    lake = figures_lake(tmp_path / "lake", [DAY], tables=["travel_times"])
    with pytest.raises(CctviewError, match=r"^No day of this lake has figures yet .*: `cctview backfill` makes them\.$"):
        publish(lake, str(tmp_path / "out"), licence=LICENCE)
    with pytest.raises(CctviewError, match=r"^None of these days has figures yet"):
        publish(lake, str(tmp_path / "out"), licence=LICENCE, between=(NEXT, None))


def test_a_day_that_has_its_counts_alone_is_published(tmp_path: Path):
    lake = figures_lake(tmp_path / "lake", [DAY], tables=["vehicle_counts", "flows", "bins"])
    assert publish(lake, str(tmp_path / "out"), licence=LICENCE).rows["speeds"] == 0
    assert frictionless.validate(str(tmp_path / "out" / "datapackage.json")).valid


def test_a_folder_that_is_there_is_left_alone(lake: Lake, tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(StorageError, match=r"is there already and not empty: name another place"):
        publish(lake, str(tmp_path / "out"), licence=LICENCE)
    assert files(tmp_path / "out") == {"mine.txt": b"mine"}
    (tmp_path / "out" / "mine.txt").unlink()
    publish(lake, str(tmp_path / "out"), licence=LICENCE)  # an empty one is a place like any other


def test_a_disk_that_fails_leaves_nothing_behind(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    real, written = Path.write_bytes, []

    def full(path: Path, data: bytes) -> int:
        written.append(path)
        if len(written) == 5:
            raise OSError(28, "No space left on device")
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        publish(lake, str(tmp_path / "out"), licence=LICENCE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lake"]
    monkeypatch.undo()
    publish(lake, str(tmp_path / "out"), licence=LICENCE)  # what was noted and not published is no obstacle


def access(environment: dict[str, str]) -> S3Access:
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL")
    key, secret, endpoint = (environment[name] for name in names)
    return S3Access(access_key=key, secret_key=secret, region=environment["AWS_DEFAULT_REGION"], endpoint_url=endpoint)


def test_to_s3_with_the_descriptor_last(lake: Lake, tmp_path: Path, s3: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    order, real = [], Storage.write

    def noted(self: Storage, key: str, data: bytes) -> None:
        order.append(key)
        real(self, key, data)

    monkeypatch.setattr(Storage, "write", noted)
    done = publish(lake, "s3://lake/published/may", licence=LICENCE, s3=access(s3))
    target = Storage("s3://lake/published/may", access(s3))
    assert target.list("") == sorted(done.files)
    assert order[-1] == "datapackage.json"
    publish(lake, str(tmp_path / "out"), licence=LICENCE)
    assert target.read("data/flows.csv").to_pybytes() == (tmp_path / "out" / "data" / "flows.csv").read_bytes()
    with pytest.raises(StorageError, match=r"^s3://lake/published/may is there already and not empty"):
        publish(lake, "s3://lake/published/may", licence=LICENCE, s3=access(s3))


def test_a_store_that_fails_keeps_no_half_of_it(lake: Lake, s3: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    real = Storage.write

    def failing(self: Storage, key: str, data: bytes) -> None:
        if key == "data/speeds.csv":
            raise StorageError("The store is full.")
        real(self, key, data)

    monkeypatch.setattr(Storage, "write", failing)
    with pytest.raises(StorageError, match=r"could not be written whole, and has no datapackage\.json: The store is full\.$"):
        publish(lake, "s3://lake/published/june", licence=LICENCE, s3=access(s3))
    assert Storage("s3://lake/published/june", access(s3)).list("") == []


def test_a_note_that_is_none(lake: Lake, tmp_path: Path):
    lake.storage.write("publications/2020-05-05.json", b'{"sha256": 1, "by": "hand"}')
    with pytest.raises(StorageError, match="is no note of a publication"):
        publish(lake, str(tmp_path / "out"), licence=LICENCE)


def test_the_time_of_a_note_is_utc(lake: Lake, tmp_path: Path):
    publish(lake, str(tmp_path / "out"), licence=LICENCE)
    at = datetime.fromisoformat(earlier(lake, DAY).at)
    assert at.tzinfo == UTC
    assert abs((datetime.now(UTC) - at).total_seconds()) < 60
