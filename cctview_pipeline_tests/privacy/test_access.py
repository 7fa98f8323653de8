"""Asking the lake: what needs a purpose and is written down, what is refused, and that no raw id comes out."""

import re
import resource
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from click.testing import Result
from typer.main import get_command
from typer.testing import CliRunner

import cctview_pipeline
from cctview_pipeline.analytics.warehouse import FILTERED_VIEWS, ID_COLUMNS, connect_confined
from cctview_pipeline.cli.app import app
from cctview_pipeline.detect.tables import vehicles
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Lake
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.paths import project_root
from cctview_pipeline.privacy.access import AGGREGATES, ask
from cctview_pipeline.privacy.audit import AuditLog
from cctview_pipeline.privacy.entries import Entry
from cctview_pipeline.privacy.export import export_partitions, export_videos
from cctview_pipeline.privacy.keys import KeyStore
from cctview_pipeline.privacy.verification import verify
from cctview_pipeline.resources.lake import open_lake
from cctview_pipeline_tests.factories.pseudonyms import pseudonym_of
from cctview_pipeline_tests.factories.tables import DAY, EARLIER, TRACK, campaign, partition_of, rows

PURPOSE = "traffic counts"
TOMORROW = TRACK.replace("2020-05-05", "2020-05-06")


@pytest.fixture(autouse=True)
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AuditLog:
    monkeypatch.setenv("CCTVIEW_AUDIT", str(tmp_path / "audit" / "audit.jsonl"))
    monkeypatch.setenv("CCTVIEW_KEYS", str(tmp_path / "keys"))
    return AuditLog()


@pytest.fixture
def keys(log: AuditLog, tmp_path: Path) -> KeyStore:
    return KeyStore(str(tmp_path / "keys"))


def fill(lake: Lake, **changes) -> Lake:
    """A row of every table, and the campaign beside them."""
    for table in TABLES:
        lake.write(table, partition_of(table), rows(table, {}))
    lake.write_campaign(campaign(**({"privacy": {"purposes": [PURPOSE, "road safety"]}} | changes)))
    return lake


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return fill(Lake(str(tmp_path_factory.mktemp("filled"))))


@pytest.fixture
def lake(filled: Lake, tmp_path: Path) -> Lake:
    shutil.copytree(filled.uri, tmp_path / "lake")
    return Lake(str(tmp_path / "lake"))


def entries(log: AuditLog) -> list[Entry]:
    return list(log.newest())[::-1] if log.path.exists() else []


def test_figures_are_asked_freely_and_leave_no_trace(lake: Lake, log: AuditLog):
    for table in AGGREGATES:
        assert ask(lake, f"SELECT * FROM {table}").num_rows == 1
    assert not log.path.exists()


def test_a_question_about_vehicles_is_written_down_before_it_is_answered(lake: Lake, log: AuditLog):
    sql = "SELECT camera_id, speed_kmh FROM journeys JOIN tracks USING (camera_id, speed_kmh, label)"
    assert ask(lake, "SELECT count(*) AS n FROM journeys, Tracks", PURPOSE)["n"].to_pylist() == [1]
    with pytest.raises(CctviewError, match="label"):
        ask(lake, sql, PURPOSE)
    (entry,) = entries(log)
    assert (entry.kind, entry.purpose, entry.tables, entry.lake) == ("query", PURPOSE, ("journeys", "tracks"), lake.uri)
    assert entry.asked == "SELECT count(*) AS n FROM journeys, Tracks"


@pytest.mark.parametrize("table", sorted(set(TABLES) - AGGREGATES))
def test_every_table_that_is_no_sum_needs_a_purpose(lake: Lake, log: AuditLog, table: str):
    with pytest.raises(CctviewError, match=rf"^{table}: single vehicles .* purpose only, so state one .*'{PURPOSE}'"):
        ask(lake, f"SELECT * FROM {table}")
    assert not log.path.exists()
    assert ask(lake, f"SELECT * FROM {table}", PURPOSE).num_rows == 1
    assert len(entries(log)) == 1


def test_a_purpose_must_be_one_of_the_campaigns(lake: Lake, log: AuditLog):
    with pytest.raises(
        CctviewError, match=r"and 'curiosity' is none of this campaign's: there is 'traffic counts', 'road safety'"
    ):
        ask(lake, "SELECT * FROM tracks", "curiosity")
    lake.write_campaign(campaign())
    with pytest.raises(
        CctviewError, match=r'add purposes = \["traffic counts"\].* under \[campaign.privacy\] in .*campaign.toml'
    ):
        ask(lake, "SELECT * FROM tracks", PURPOSE)
    assert not log.path.exists()


def test_the_city_needs_no_purpose_and_has_no_limit_but_is_written_down(lake: Lake, log: AuditLog):
    lake.write_campaign(campaign(network="city", privacy={"queries_an_hour": 1}))
    for _ in range(3):
        ask(lake, "SELECT * FROM tracks")
    assert [entry.purpose for entry in entries(log)] == ["synthetic"] * 3


def test_only_so_many_questions_an_hour(lake: Lake, log: AuditLog):
    lake.write_campaign(campaign(privacy={"purposes": [PURPOSE], "queries_an_hour": 3}))
    log.append("erase", "a plate", user="ada", lake=lake.uri)
    log.append("query", "elsewhere", user="ada", lake="/another/lake")
    for _ in range(3):
        ask(lake, "SELECT * FROM tracks", PURPOSE, "ada")
    again = (entries(log)[2].time + timedelta(hours=1)).strftime("%H:%M:%S")
    with pytest.raises(
        CctviewError, match=rf"^ada has asked about vehicles 3 times within an hour, .* ask again at {again} UTC\.$"
    ):
        ask(lake, "SELECT * FROM tracks", PURPOSE, "ada")
    assert len(entries(log)) == 5
    ask(lake, "SELECT * FROM tracks", PURPOSE, "grace")
    ask(lake, "SELECT * FROM gaps", user="ada")


def test_after_an_hour_the_next_may_be_asked(lake: Lake, log: AuditLog, monkeypatch: pytest.MonkeyPatch):
    lake.write_campaign(campaign(privacy={"purposes": [PURPOSE], "queries_an_hour": 1}))

    class Earlier(datetime):
        @classmethod
        def now(cls, zone=None) -> datetime:
            return datetime.now(zone) - timedelta(minutes=61)

    with monkeypatch.context() as patch:
        patch.setattr("cctview_pipeline.privacy.audit.datetime", Earlier)
        ask(lake, "SELECT * FROM tracks", PURPOSE)
    ask(lake, "SELECT * FROM tracks", PURPOSE)
    with pytest.raises(CctviewError, match=r" 1 times within an hour"):
        ask(lake, "SELECT * FROM tracks", PURPOSE)


def test_two_at_once_cannot_both_be_the_last(lake: Lake, log: AuditLog):
    lake.write_campaign(campaign(privacy={"purposes": [PURPOSE], "queries_an_hour": 5}))

    def attempt(_: int) -> bool:
        try:
            return ask(lake, "SELECT * FROM tracks", PURPOSE).num_rows == 1
        except CctviewError:
            return False

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(attempt, range(12))) == 5
    assert len(entries(log)) == 5
    assert verify(log).whole


def test_what_cannot_be_logged_is_not_answered(lake: Lake, log: AuditLog):
    log.path.mkdir(parents=True)
    with pytest.raises(CctviewError, match=r"^Refused, because it can't be logged"):
        ask(lake, "SELECT * FROM tracks", PURPOSE)
    assert ask(lake, "SELECT * FROM gaps").num_rows == 1


FILE = "{lake}/tracks/camera=cam-1/hour=2020-05-05T17/part-0.parquet"
TRICKS = {
    "a file's name": f"SELECT * FROM '{FILE}'",
    "a file read": f"SELECT * FROM read_parquet('{FILE}')",
    "a pattern": "SELECT * FROM read_parquet('{lake}/*/*/*/*.parquet')",
    "a file in a subquery": f"SELECT (SELECT max(track_id) FROM read_parquet('{FILE}')) FROM gaps",
    "a file in a CTE": f"WITH g AS (FROM read_parquet('{FILE}')) SELECT * FROM g, gaps",
    "a CTE named like the file": f'SELECT * FROM "{FILE}", (WITH "{FILE}" AS (SELECT 1) SELECT * FROM gaps)',
    "a description of the file": f"DESCRIBE SELECT * FROM read_parquet('{FILE}')",
    "a way round the folder": "SELECT * FROM read_parquet('{lake}/gaps/../tracks/*/*/*.parquet')",
    "its metadata": f"SELECT * FROM parquet_metadata('{FILE}')",
    "the log": "SELECT * FROM read_json('{lake}/../audit/audit.jsonl')",
    "the log as text": "SELECT content FROM read_text('{lake}/../audit/audit.jsonl')",
    "the keys": "SELECT content FROM read_blob('{lake}/../keys/*')",
    "a listing": "SELECT * FROM glob('{lake}/**')",
    "a table's name in a text": "SELECT * FROM query_table('tracks')",
    "SQL in a text": "SELECT * FROM query('SELECT * FROM tracks')",
    "SQL in JSON": "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM tracks'))",
    "a plan": "SELECT json_serialize_plan('SELECT * FROM tracks') FROM gaps",
    "a guessed id": f"SELECT cctview_pseudonym('{TRACK}') FROM gaps",
    "a variable of the program": "SELECT * FROM sql",
    "DuckDB's tables": "SELECT sql FROM duckdb_views()",
    "DuckDB's tables by name": "SELECT * FROM duckdb_views",
    "the schema": "SELECT * FROM information_schema.tables",
    "secrets": "FROM duckdb_secrets()",
    "two statements": "SELECT 1; SELECT * FROM tracks",
    "two statements and a comment": "SELECT 1 -- ;\n; COPY tracks TO '{lake}/../stolen.csv'",
    "copy": "COPY tracks TO '{lake}/../stolen.csv'",
    "copy of a question": "COPY (SELECT * FROM gaps) TO '{lake}/gaps/stolen.csv'",
    "attach": "ATTACH '{lake}/gaps/stolen.db'",
    "a new table": "CREATE TABLE t AS SELECT * FROM tracks",
    "a setting": "SET enable_external_access = true",
    "pragma": "PRAGMA database_list",
    "call": "CALL pragma_table_info('tracks')",
    "explain": "EXPLAIN ANALYZE SELECT * FROM tracks",
    "install": "INSTALL httpfs",
    "a pivot that is two statements": "PIVOT gaps ON reason USING count(*)",
    "nothing": "",
}


@pytest.mark.parametrize("trick", TRICKS)
def test_nothing_but_one_select_over_the_tables_is_answered(lake: Lake, log: AuditLog, trick: str):
    """With a purpose neither: what is written down must be what is read."""
    for purpose in ("", PURPOSE):
        with pytest.raises(CctviewError, match=r"^[^\n]+$") as refusal:
            ask(lake, TRICKS[trick].format(lake=lake.uri), purpose)
        assert "purpose" not in str(refusal.value)
    assert not log.path.exists()
    assert not list(Path(lake.uri).parent.rglob("stolen*"))


HIDDEN = [
    "FROM TRACKS",
    'SELECT * FROM "Tracks"',
    "SELECT * FROM main.tracks",
    "TABLE tracks",
    "SUMMARIZE tracks",
    "SELECT * FROM gaps WHERE camera_id IN (SELECT camera_id FROM tracks)",
    "SELECT (SELECT max(label) FROM tracks) FROM gaps",
    "WITH g AS (SELECT * FROM tracks) SELECT * FROM g",
    "WITH gaps AS (SELECT * FROM tracks) SELECT * FROM gaps",
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r, tracks WHERE n < 2) FROM r",
    "SELECT 1 UNION ALL SELECT 2 FROM tracks",
    "SELECT * FROM gaps ORDER BY (SELECT count(*) FROM tracks)",
    "SELECT * FROM gaps LIMIT (SELECT count(*) FROM tracks)",
    "SELECT list_transform([(SELECT count(*) FROM tracks)], lambda x: x + 1) FROM gaps",
    "SELECT * FROM (PIVOT tracks ON label IN ('car') USING count(*))",
    "SELECT * FROM gaps, LATERAL (SELECT * FROM tracks WHERE tracks.camera_id = gaps.camera_id)",
    "SELECT camera_id FROM gaps POSITIONAL JOIN (VALUES (1)) JOIN tracks USING (camera_id)",
    "SELECT * FROM gaps TABLESAMPLE 50% WHERE EXISTS (FROM tracks)",
    "SELECT * FROM (DESCRIBE gaps), tracks",
    "SELECT * FROM (DESCRIBE tracks), (SELECT * FROM tracks)",
]


@pytest.mark.parametrize("sql", HIDDEN)
def test_a_table_is_found_wherever_a_statement_hides_it(lake: Lake, log: AuditLog, sql: str):
    with pytest.raises(CctviewError, match=r"^tracks: single vehicles"):
        ask(lake, sql)
    ask(lake, sql, PURPOSE)
    assert "tracks" in entries(log)[0].tables


@pytest.mark.parametrize(
    ("sql", "count"),
    [
        ("WITH g AS (SELECT * FROM gaps) SELECT * FROM g", 1),
        ("SELECT * FROM range(3)", 3),
        ("SELECT unnest([1, 2])", 2),
        ("VALUES (1), (2)", 2),
        ("SELECT 'read_parquet(''x'')', '{\"type\": \"BASE_TABLE\", \"table_name\": \"tracks\"}'", 1),
        ("SELECT * FROM (PIVOT gaps ON reason IN ('missed') USING count(*) GROUP BY camera_id)", 1),
        ("SUMMARIZE gaps", 7),
        ("DESCRIBE tracks", len(TABLES["tracks"].schema) + 2),
        ("DESCRIBE SELECT track_id FROM tracks", 1),
        ("SHOW TABLES", len(TABLES) + len(FILTERED_VIEWS)),
    ],
)
def test_what_is_not_about_vehicles_needs_no_purpose(lake: Lake, log: AuditLog, sql: str, count: int):
    assert ask(lake, sql).num_rows == count
    assert not log.path.exists()


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("SELECT nothing FROM gaps", "Binder Error"),
        ("SELEC 1", "Parser Error"),
        ("SELECT * FROM elsewhere", "There is no table 'elsewhere': known are raw_frames, "),
        ("CREATE TABLE t (a INT)", "ask with SELECT"),
        ("SELECT error('a\nb') FROM gaps", "Invalid Input Error: a"),
    ],
)
def test_a_statement_that_cannot_run_is_told_in_one_line(lake: Lake, sql: str, sentence: str):
    with pytest.raises(CctviewError, match=r"^[^\n]+$") as refusal:
        ask(lake, sql)
    assert sentence in str(refusal.value)


def test_a_statement_that_is_too_deep_to_be_looked_at_is_refused(lake: Lake):
    with pytest.raises(CctviewError, match=r"^The statement is nested too deeply"):
        ask(lake, f"SELECT {'abs(' * 900}1{')' * 900} FROM gaps")


@pytest.fixture(params=["folder", "odd", "s3"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    if request.param != "s3":
        return fill(Lake(str(tmp_path / {"folder": "lake", "odd": "it's [a] *lake*"}[request.param])))
    for name, value in request.getfixturevalue("s3").items():
        monkeypatch.setenv(name, value)
    return fill(open_lake(f"s3://lake/{tmp_path.name}"))


def test_even_what_the_parser_missed_could_reach_no_other_table(anywhere: Lake):
    """The second wall: DuckDB's own rights, for SQL that is run without being looked at."""
    path = anywhere.storage.path("")
    with connect_confined(anywhere, ["gaps"], lambda column: column) as database:
        assert database.sql("SELECT count(*) FROM gaps").fetchall() == [(1,)]
        assert database.sql("SELECT count(*) FROM tracks").fetchall() == [(0,)]
        for sql in (
            f"SELECT * FROM read_parquet($${path}tracks/*/*/part-0.parquet$$)",
            f"SELECT * FROM read_parquet($${path}gaps/../tracks/camera=cam-1/hour=2020-05-05T17/part-0.parquet$$)",
            f"SELECT * FROM read_text($${path}campaign.toml$$)",
            "SELECT * FROM read_text('/etc/hostname')",
            "SET enable_external_access = true",
            f"SET allowed_directories = [$${path}$$]",
            "SET lock_configuration = false",
            "INSTALL spatial",
            "COPY gaps TO '/tmp/stolen.csv'",
            "SELECT * FROM database",
        ):
            with pytest.raises(duckdb.Error, match=r"Permission|locked|disabled|does not exist|HTTP"):
                database.sql(sql)


def test_every_column_that_follows_a_vehicle_is_known():
    """A new column of ids must be thought about here."""
    ids = {field.name for spec in TABLES.values() for field in spec.schema if re.search(r"_ids?$|^continues$", field.name)}
    others = {"camera_id", "frame_id", "detection_id", "detection_ids", "recovered_ids", "best_detection_id", "vehicle_id"}
    assert ids - others - {"from_camera_id", "to_camera_id", "gallery_camera_id"} == ID_COLUMNS


def test_ids_leave_as_pseudonyms_and_never_raw(lake: Lake, keys: KeyStore):
    raw = {TRACK, EARLIER, TRACK.replace("track", "journey")}
    for table, spec in TABLES.items():
        lake.write(table, partition_of(table), rows(table, {"continues": EARLIER} if table == "tracks" else {}))
        (row,) = ask(lake, f"SELECT * FROM {table}", PURPOSE).to_pylist()
        assert not raw & {str(value) for value in row.values()}
        shown = [row[name] for name in ID_COLUMNS & set(spec.schema.names)]
        flat = [each for value in shown for each in (value if isinstance(value, list) else [value])]
        assert all(re.fullmatch("[a-z2-7]{26}", each) for each in flat)
    assert ask(lake, "SELECT track_id FROM tracks", PURPOSE)["track_id"].to_pylist() == [pseudonym_of(keys, TRACK)]


def test_joins_and_conditions_work_on_pseudonyms(lake: Lake, keys: KeyStore):
    joined = (
        "SELECT journey_id, gallery_track_id FROM tracks JOIN matches ON track_id = query_track_id JOIN journeys USING (track_id)"
    )
    (row,) = ask(lake, joined, PURPOSE).to_pylist()
    assert row["gallery_track_id"] == pseudonym_of(keys, EARLIER)
    again = f"SELECT count(*) AS n FROM tracks WHERE track_id = '{pseudonym_of(keys, TRACK)}' OR track_id = '{TRACK}'"
    assert ask(lake, again, PURPOSE)["n"].to_pylist() == [1]
    assert ask(lake, f"SELECT * FROM tracks WHERE track_id = '{TRACK}'", PURPOSE).num_rows == 0
    assert ask(lake, "SELECT continues FROM tracks", PURPOSE)["continues"].to_pylist() == [None]


def test_an_id_is_null_once_the_key_of_its_day_is_destroyed(lake: Lake, keys: KeyStore):
    lake.write("tracks", partition_of("tracks"), rows("tracks", {}, {"track_id": TOMORROW, "continues": TRACK}))
    keys.destroy(DAY)
    found = ask(lake, "SELECT track_id, continues FROM tracks ORDER BY track_id", PURPOSE).to_pylist()
    assert found == [{"track_id": pseudonym_of(keys, TOMORROW), "continues": None}, {"track_id": None, "continues": None}]
    assert ask(lake, "SELECT count(*)::INT AS n FROM tracks", PURPOSE)["n"].to_pylist() == [2]
    assert keys.existing(DAY) is None
    assert keys.existing(date(2020, 5, 6)) is not None


def test_keys_that_cannot_be_read_are_told_in_their_own_words(lake: Lake, tmp_path: Path):
    (tmp_path / "keys").write_text("a file where the keys should be")
    with pytest.raises(CctviewError, match=r"^The keys' folder .* cannot be used: Not a directory\. Mend CCTVIEW_KEYS\.$"):
        ask(lake, "SELECT track_id FROM tracks", PURPOSE)


def test_an_export_is_one_entry_and_none_is_made_without_a_purpose(lake: Lake, log: AuditLog, tmp_path: Path):
    partitions = [partition_of("features")]
    with pytest.raises(CctviewError, match="single vehicles"):
        export_partitions(lake, partitions, 0.5, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not log.path.exists()
    lake.write_campaign(campaign(privacy={"purposes": [PURPOSE], "queries_an_hour": 1}))
    export_partitions(lake, partitions, 0.5, tmp_path / "out", PURPOSE)
    with pytest.raises(CctviewError, match="ask again at"):
        ask(lake, "SELECT * FROM tracks", PURPOSE)
    (entry,) = entries(log)
    assert (entry.kind, entry.purpose) == ("export", PURPOSE)
    assert entry.asked.startswith("1 camera-hours of cam-1, 2020-05-05T17 to 2020-05-05T17, as files to /")


def test_frames_as_video_are_one_entry_and_none_without_a_purpose(lake: Lake, log: AuditLog, tmp_path: Path):
    partition = partition_of("raw_frames")
    with pytest.raises(CctviewError, match="raw_frames: single vehicles may be asked about for a purpose only"):
        export_videos(lake, [partition], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not log.path.exists()
    lake.write_campaign(campaign(privacy={"purposes": [PURPOSE]}))
    export_videos(lake, [partition], tmp_path / "out", PURPOSE)
    (entry,) = entries(log)
    assert (entry.kind, entry.purpose, entry.tables) == ("export", PURPOSE, ("raw_frames",))
    assert ", as video to /" in entry.asked


def commands(group: object) -> Iterator[str]:
    """The names of all commands and of their options."""
    for name, command in getattr(group, "commands", {}).items():
        yield name
        yield from (option for parameter in command.params for option in parameter.opts)
        yield from commands(command)


def test_there_is_nothing_for_plates_faces_or_people():
    """No module, no library and no command reads plates or faces or looks for people, and no person has a picture or a vector."""
    package = Path(cctview_pipeline.__file__).parent
    code = "\n".join(path.read_text() for path in package.rglob("*.py"))
    imported = {name.split(".")[0] for name in re.findall(r"^\s*(?:import|from) ([\w.]+)", code, re.MULTILINE)}
    pinned = set(re.findall(r"^([\w.-]+)==", (project_root() / "requirements.lock").read_text().lower(), re.MULTILINE))
    readers = re.compile(r"ocr|tesseract|alpr|plate|face(?!ts)|insight|arcface|dlib|mediapipe|reid")
    assert {"numpy", "duckdb"} <= imported & pinned
    assert not [name for name in sorted(imported | pinned) if readers.search(name)]
    found = {name for name in commands(get_command(app)) if re.search(r"plate|face|person|people|embedding", name)}
    assert found <= {"--people", "people"}, "how many walk through the synthetic city; training what paints people over"
    assert not [path.name for path in package.rglob("*.py") if re.search(r"plate|face|ocr", path.stem) and path.stem != "surface"]
    seen = rows("detections", {}, *({"label": label} for label in ("person", "bicycle")))
    assert vehicles(seen, 0.5)["label"].to_pylist() == ["car"]
    assert {"crops", "features", "tracks", "matches", "journeys"} <= set(TABLES) - AGGREGATES


def test_a_question_about_many_tracks_takes_seconds(lake: Lake):
    count = 50_000
    ids = [f"cam-1--2020-05-05--17.{i % 60:02d}.{i // 60 % 60:02d}.{i // 3600:03d}Z--track--{i}" for i in range(count)]
    example = rows("tracks", {}).drop_columns("track_id")
    many = example.take(pa.array([0] * count)).add_column(0, TABLES["tracks"].schema.field("track_id"), pa.array(ids))
    lake.write("tracks", partition_of("tracks"), many)
    began = time.process_time()
    found = ask(lake, "SELECT count(DISTINCT track_id)::INT AS n FROM tracks", PURPOSE)
    assert found["n"].to_pylist() == [count]
    assert time.process_time() - began < 10


@pytest.fixture
def command(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """``cctview`` in this process: its status, what it printed, and as ``exception`` what it refused with."""
    monkeypatch.setenv("CCTVIEW_LAKE", lake.uri)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


def test_the_command_line_asks_for_a_purpose_and_shows_what_was_asked(command: Callable[..., Result], log: AuditLog):
    figures = "select camera_id, vehicles from vehicle_counts"
    assert command("query", "--json", figures).stdout == '{"camera_id": "cam-1", "vehicles": 3}\n'
    refused = command("query", "--json", "select label from tracks")
    assert (refused.stdout, refused.exit_code) == ("", 1)
    assert "state one (--purpose)" in str(refused.exception)
    asked = command("query", "--json", "--purpose", PURPOSE, "select label from tracks")
    assert asked.stdout == '{"label": "car"}\n'
    shown = command("audit", "show", "--last", "1").stdout
    assert all(word in shown for word in (PURPOSE, "select label from tracks", entries(log)[0].user))
    assert "All 1 entries are as they were written." in command("audit", "verify").stdout
    noted = command("audit", "head").stdout.strip()
    assert command("audit", "verify", "--expect", noted).exit_code == 0
    log.path.write_text(log.path.read_text().replace("label", "model"))
    assert re.search(r"audit.jsonl, line 1: Line 1 was changed", str(command("audit", "verify").exception))
    assert command("audit", "head").exit_code == 1


def test_a_full_disk_answers_nothing(command: Callable[..., Result], log: AuditLog, monkeypatch: pytest.MonkeyPatch):
    """As test_audit.py has it on a disk that is really full: here the question itself gets no answer."""
    command("query", "--purpose", PURPOSE, "select label from tracks")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.path.stat().st_size + 100, limits[1]))
    try:
        refused = command("query", "--json", "--purpose", PURPOSE, "select label from tracks")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (refused.stdout, refused.exit_code) == ("", 1)
    assert str(refused.exception).startswith("Refused, because it can't be logged")
    assert len(entries(log)) == 1


def test_an_export_from_the_command_line_needs_a_purpose_too(command: Callable[..., Result], log: AuditLog, tmp_path: Path):
    assert "so state one (--purpose)" in str(command("export", "--out", tmp_path / "out").exception)
    assert not log.path.exists()
