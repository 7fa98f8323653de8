"""The importer is frictionless, which knows nothing of this project."""

import csv
import hashlib
import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import frictionless
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from cctview_pipeline.formats.data_package import DESCRIPTOR, About, Form, package_files
from cctview_pipeline.formats.figures import KEYS, Figures, of_days
from cctview_pipeline.lake.marts import BY_DAY
from cctview_pipeline_tests.factories.figures import AUTUMN, CAMERAS, DAY, SPRING, figures

ABOUT = About(
    name="made",
    title="Three made cameras",
    network="archive",
    begin="2020-05-05",
    end="2020-05-05",
    software="cctview-pipeline 0.1.0",
    created=datetime(2026, 11, 29, 12, tzinfo=UTC),
    licence="CC-BY-4.0",
    models=("detector@1",),
    biases=("Trucks are seen less well than cars.",),
)


def tables(*days: date) -> list[Figures]:
    made = {day: figures(day) for day in days}
    rows = {spec.name: of_days({day: each[spec.name] for day, each in made.items()}) for spec in BY_DAY}
    return [Figures(spec.name, spec.description, rows[spec.name], KEYS[spec.name]) for spec in BY_DAY]


def written(folder: Path, form: Form, *days: date) -> Path:
    for path, content in package_files(ABOUT, CAMERAS, tables(*days), form):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder / DESCRIPTOR


def errors(descriptor: Path) -> list[str]:
    report = frictionless.validate(str(descriptor))
    return [error.message for task in report.tasks for error in task.errors] + [error.message for error in report.errors]


def test_frictionless_finds_nothing_wrong(tmp_path: Path):
    assert errors(written(tmp_path, "csv", DAY)) == []


def test_days_of_23_and_25_hours_are_valid_too(tmp_path: Path):
    descriptor = written(tmp_path, "csv", SPRING, AUTUMN)
    assert errors(descriptor) == []
    assert sum(1 for _ in (tmp_path / "data" / "bins.csv").open()) == 1 + 92 + 100


@pytest.mark.parametrize(
    ("table", "old", "new"),
    [
        ("flows", "2020-05-05T04:00:00Z", "yesterday"),
        ("flows", '"cam-1","N"', '"cam-9","N"'),
        ("bins", "00:15", "00:16"),
    ],
)
def test_frictionless_would_find_a_change(tmp_path: Path, table: str, old: str, new: str):
    descriptor = written(tmp_path, "csv", DAY)
    path = tmp_path / "data" / f"{table}.csv"
    path.write_text(path.read_text().replace(old, new, 1))
    assert errors(descriptor)


def test_what_is_missing_is_empty_and_zero_is_zero(tmp_path: Path):
    written(tmp_path, "csv", DAY)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "data" / "vehicle_counts.csv").read_text())))
    assert {row["vehicles"] for row in rows if row["status"] == "no_data"} == {""}
    assert "0" in {row["vehicles"] for row in rows if row["status"] == "observed"}
    assert {row["expanded"] for row in rows if row["status"] == "insufficient"} == {""}


def test_parquet_has_the_same_values_and_says_what_they_mean(tmp_path: Path):
    """Frictionless checks its descriptor alone: it reads Parquet by way of pandas, in which no whole number can be missing."""
    descriptor = written(tmp_path, "parquet", DAY)
    said = json.loads(descriptor.read_text())
    assert list(frictionless.Package.metadata_validate(said)) == []
    read = pq.read_table(tmp_path / "data" / "flows.parquet")
    assert read.drop_columns("day").equals(figures()["flows"])
    assert read.schema.field("flow_per_h").metadata == {b"description": b"vehicles an hour of the time that was seen"}
    for each in said["resources"]:
        path = tmp_path / each["path"]
        assert each["hash"] == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
        assert [field["name"] for field in each["schema"]["fields"]] == duckdb.sql(f"FROM '{path}' LIMIT 0").columns


def test_what_the_descriptor_says(tmp_path: Path):
    said = json.loads(written(tmp_path, "csv", DAY).read_text())
    assert said["licenses"] == [{"name": "CC-BY-4.0", "title": "CC-BY-4.0"}]
    assert said["window"] == {"first_day": "2020-05-05", "last_day": "2020-05-05"}
    assert said["known_biases"] == ["Trucks are seen less well than cars."]
    assert "k" not in said
    resources = {each["name"]: each["schema"] for each in said["resources"]}
    assert resources["flows"]["primaryKey"] == ["camera_id", "carriageway", "began_at"]
    fields = {each["name"]: each for each in resources["flows"]["fields"]}
    assert fields["flow_per_h"] == {
        "name": "flow_per_h",
        "type": "number",
        "description": "vehicles an hour of the time that was seen",
        "unit": "veh/h",
    }
    assert {"fields": ["began_at"], "reference": {"resource": "bins", "fields": ["began_at"]}} in resources["flows"][
        "foreignKeys"
    ]


def test_a_package_of_nobody_has_no_licence(tmp_path: Path):
    *_, (name, content) = package_files(replace(ABOUT, licence=""), CAMERAS, tables(DAY), "csv")
    assert name == DESCRIPTOR
    assert "licenses" not in json.loads(content)


def test_the_key_of_every_table_is_one():
    for each in tables(DAY, AUTUMN):
        if each.key:
            assert each.rows.group_by(list(each.key)).aggregate([]).num_rows == each.rows.num_rows, each.name
    assert set(KEYS) == {spec.name for spec in BY_DAY}
    assert pc.all(pc.is_valid(tables(DAY)[0].rows["local_date"])).as_py()
