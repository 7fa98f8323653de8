"""Bad input gets one clear sentence and a status that is not 0, and nothing is half-written."""

import io
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from cctview_pipeline.cameras import NETWORKS
from cctview_pipeline.cli.options import split
from cctview_pipeline.lake import Lake
from cctview_pipeline.paths import models_directory
from cctview_pipeline_tests.factories.archive import make_archive
from cctview_pipeline_tests.factories.command import Workplace
from cctview_pipeline_tests.factories.jobs import archive_campaign
from cctview_pipeline_tests.factories.pictures import picture, put
from cctview_pipeline_tests.factories.tables import campaign, partition_of, rows
from cctview_pipeline_tests.factories.videos import every, write_video

BEGIN = datetime(2020, 5, 5, 17, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("archive")
    make_archive(root, ("735-683-N",), BEGIN, frames=3)
    return root


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


def refusal(place: Workplace, *words: str | Path) -> str:
    """The sentence that a command ends with. Its lake must stay as empty as it was."""
    before = sorted(place.lake.rglob("*")) if place.lake.is_dir() else []
    done = place.invoke(*words)
    assert done.returncode == 1, done.stdout + done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert (sorted(place.lake.rglob("*")) if place.lake.is_dir() else []) == before
    return lines[0].removeprefix("cctview: ")


def backfill(path: Path | str, *more: str) -> tuple[str | Path, ...]:
    return ("backfill", "--network", "archive", "--path", path, *more)


def test_an_empty_folder(place: Workplace, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    assert refusal(place, *backfill(tmp_path / "empty")).endswith("it is empty.")


def test_a_folder_of_pngs(place: Workplace, tmp_path: Path):
    (tmp_path / "pngs").mkdir()
    for number in range(3):
        Image.new("RGB", (8, 8)).save(tmp_path / "pngs" / f"{number}.png")
    assert refusal(place, *backfill(tmp_path / "pngs")).endswith(
        "it holds 3 files, mostly '.png' (`--network pictures` reads them in any layout)."
    )


def test_a_path_that_is_not_there(place: Workplace, tmp_path: Path):
    assert refusal(place, *backfill(tmp_path / "nowhere")) == f"The archive {tmp_path / 'nowhere'} does not exist."


def test_a_network_that_nobody_knows(place: Workplace, archive: Path):
    sentence = refusal(place, "backfill", "--network", "london", "--path", archive)
    assert sentence == f"There is no camera network named 'london': known are {', '.join(NETWORKS)}."


def test_a_camera_that_is_not_in_the_catalogue(place: Workplace, tmp_path: Path):
    make_archive(tmp_path / "archive", ("999-999-N",), BEGIN, frames=1)
    sentence = refusal(place, *backfill(tmp_path / "archive"))
    assert sentence.startswith("Camera '999-999-N' is not in the catalogue: describe it under [[cameras]]")


def test_a_camera_that_is_not_in_the_archive(place: Workplace, archive: Path):
    sentence = refusal(place, *backfill(archive, "--cameras", "735-683-N,733-681-N"))
    assert sentence == f"Camera '733-681-N' is not in {archive}: it has 735-683-N."


def test_hours_that_the_archive_does_not_have(place: Workplace, archive: Path):
    sentence = refusal(place, *backfill(archive, "--from", "2020-06-01T00:00Z"))
    assert sentence.endswith("in the time asked for: they are from 2020-05-05T17:00Z to 2020-05-05T18:00Z.")


def test_a_time_that_is_none(place: Workplace, archive: Path):
    assert refusal(place, *backfill(archive, "--from", "yesterday")).startswith("'yesterday' is no time: write 2020-05-05T17:00Z")


def test_an_unwritable_lake(archive: Path, tmp_path: Path):
    (tmp_path / "lake").write_text("a file where the lake should be")
    sentence = refusal(Workplace(tmp_path), *backfill(archive))
    assert sentence == f"The lake {tmp_path / 'lake'} is a file: name a folder in CCTVIEW_LAKE."
    assert (tmp_path / "lake").read_text() == "a file where the lake should be"


def test_a_bucket_that_does_not_exist(archive: Path, tmp_path: Path, s3: dict[str, str]):
    place = Workplace(tmp_path, uri="s3://no-such-bucket/lake", extra=tuple(s3.items()))
    sentence = refusal(place, *backfill(archive))
    assert sentence == "The S3 bucket 'no-such-bucket' does not exist: create it, or name another in CCTVIEW_LAKE."


@pytest.mark.parametrize("name", ["default-detector", "default-extractor"])
def test_a_corrupt_weights_file(archive: Path, tmp_path: Path, name: str):
    shutil.copytree(models_directory(), tmp_path / "models")
    weights = tmp_path / "models" / f"{name}.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100] + bytes(100))
    place = Workplace(tmp_path, extra=(("CCTVIEW_MODELS", str(tmp_path / "models")),))
    assert refusal(place, *backfill(archive)).startswith(f"The weights {weights} are damaged")


def test_hours_outside_the_campaign(place: Workplace, archive: Path):
    place.lake.mkdir()
    (place.lake / "campaign.toml").write_text(
        '[campaign]\nname = "a"\nnetwork = "archive"\nstart = 2021-01-01T00:00:00Z\nend = 2021-01-02T00:00:00Z\n[[cameras]]\n'
        'id = "735-683-N"\nname = "48 St"\nlatitude = 40.75\nlongitude = -73.96\nfaces = "north"\ncorridor = "fdr"\norder = 1\n'
    )
    sentence = refusal(place, *backfill(archive))
    assert "is outside this campaign's window (2021-01-01T00:00Z to 2021-01-02T00:00Z): move start or end" in sentence


def test_a_broken_campaign(place: Workplace, archive: Path):
    place.lake.mkdir()
    (place.lake / "campaign.toml").write_text("[campaign\n")
    assert refusal(place, *backfill(archive)).startswith(f"{place.lake / 'campaign.toml'} is no TOML")


def test_a_question_to_an_empty_lake(place: Workplace):
    assert refusal(place, "query", "select 1").startswith(f"The lake {place.lake} is empty: fill it with")


def test_a_lake_that_lost_its_campaign_is_not_called_empty(place: Workplace):
    place.lake.mkdir()
    Lake(str(place.lake)).write("features", partition_of("features"), rows("features", {}))
    told = refusal(place, "query", "select 1")
    assert told.startswith(f"The lake {place.lake} has tables, but no campaign.toml: restore that file, or give the")


def test_a_question_that_is_no_sql(place: Workplace, archive: Path):
    place.lake.mkdir()
    Lake(str(place.lake)).write_campaign(archive_campaign())
    assert "syntax error" in refusal(place, "query", "select from where")
    assert "gibberish" in refusal(place, "query", "select gibberish from vehicle_counts")
    assert "add purposes = [" in refusal(place, "query", "select gibberish from tracks")


SPAN = ("--from", "2020-05-05T18:00Z", "--to", "2020-05-05T17:00Z")
REVERSED = "The time asked for ends (2020-05-05T17:00Z) before it begins (2020-05-05T18:00Z)."
NO_NAMES = "An option that takes names, separated by commas, was given without any: name some, or leave it out."
FROM_LAKE = ("train", "detector", "--from-lake", "--teacher", "default")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("export", "--out", "{folder}", *SPAN), REVERSED),
        (("backfill", "--path", "{folder}", *SPAN), REVERSED),
        ((*FROM_LAKE, *SPAN), REVERSED),
        (("export", "--out", "{folder}", "--cameras", ""), NO_NAMES),
        (("backfill", "--path", "{folder}", "--cameras", ","), NO_NAMES),
        (("backfill", "--network", "city", "--faults", " "), NO_NAMES),
        (("erase", "--request", "x", "--camera", ",", "--from", "2020-05-05T17:00Z", "--to", "2020-05-05T18:00Z"), NO_NAMES),
        (("collect", "--contact", "a@b.c", "--accept-terms", "--cameras", ","), NO_NAMES),
        ((*FROM_LAKE, "--cameras", ""), NO_NAMES),
        (("export", "--out", "{folder}", "--cameras", "735-683-n"), "Camera '735-683-n' is not in this campaign: it may mean"),
        (("papers", "--out", "/proc/x"), "/proc/x can be no folder on its disk: name another place."),
        (("view", "--port", "-1"), "A port is a number from 0 to 65535, not -1: choose one with --port."),
        (("view", "--port", "65536"), "A port is a number from 0 to 65535, not 65536: choose one with --port."),
        (
            ("view", "--port", "0", "--certificate", "{file}", "--key", "{file}"),
            "{file} and {file} are no certificate and its key",
        ),
        (("view", "--port", "0", "--certificate", "{file}", "--key", "{folder}/x"), "{folder}/x cannot be read: No such file"),
    ],
    ids=lambda words: " ".join(words)[:50] if isinstance(words, tuple) else "",
)
def test_arguments_that_mean_nothing(place: Workplace, tmp_path: Path, words: tuple[str, ...], sentence: str):
    place.lake.mkdir()
    lake = Lake(str(place.lake))
    lake.write_campaign(archive_campaign())
    lake.write("features", partition_of("features"), rows("features", {}))
    folder, file = tmp_path / "folder", tmp_path / "file"
    file.write_text("no PEM")
    told = refusal(place, *(word.format(folder=folder, file=file) for word in words))
    assert told.startswith(sentence.format(folder=folder, file=file))


def test_models_where_there_are_none(tmp_path: Path):
    sentence = refusal(Workplace(tmp_path, extra=(("CCTVIEW_MODELS", str(tmp_path / "none")),)), "models", "list")
    assert sentence == f"There is no model in {tmp_path}/none: it has no manifest.toml. Name another folder in CCTVIEW_MODELS."


def test_a_camera_named_twice_is_one():
    assert split(["a, b", "b,,a", " c "]) == ["a", "b", "c"]


@pytest.mark.parametrize("below", ["", "/papers/here"])
@pytest.mark.parametrize(
    "words", [("papers",), ("example", "--detector", "none"), ("export",)], ids=["papers", "example", "export"]
)
def test_a_file_where_a_folder_should_be_made(place: Workplace, tmp_path: Path, words: tuple[str, ...], below: str):
    place.lake.mkdir()
    lake = Lake(str(place.lake))
    lake.write_campaign(campaign(network="city", path=None))
    lake.write("features", partition_of("features"), rows("features", {}))
    (tmp_path / "file").write_text("mine")
    more = (tmp_path,) if words[0] == "example" else ()
    sentence = refusal(place, *words, *more, "--out", f"{tmp_path / 'file'}{below}")
    assert sentence == f"{tmp_path / 'file'}{below} can be no folder, because {tmp_path / 'file'} is a file: name another place."
    assert not (tmp_path / "audit").exists(), "nothing was exported"


def test_papers_that_somebody_made_binary_or_a_folder(place: Workplace, tmp_path: Path):
    place.lake.mkdir()
    Lake(str(place.lake)).write_campaign(archive_campaign())
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "dpia.md").write_bytes(b"\xff\xfe")
    assert refusal(place, "papers", "--out", tmp_path / "papers").startswith(f"{tmp_path}/papers/dpia.md was filled in")
    (tmp_path / "papers" / "dpia.md").unlink()
    (tmp_path / "papers" / "dpia.md").mkdir()
    assert "dpia.md: it is a folder, where a file should be" in refusal(place, "papers", "--out", tmp_path / "papers")


@pytest.mark.parametrize("request_", ["x\ny", "\x1b[2J", "a\u2028x", "a" * 201])
def test_the_reference_of_an_erasure_is_one_line(place: Workplace, tmp_path: Path, request_: str):
    place.lake.mkdir()
    Lake(str(place.lake)).write_campaign(archive_campaign())
    span = ("--camera", "735-683-N", "--from", "2020-05-05T17:00", "--to", "2020-05-05T17:30")
    sentence = refusal(place, "erase", *span, "--request", request_)
    assert sentence.endswith("' is no reference: write one line of at most 200 characters.")
    assert not (tmp_path / "audit").exists()


def test_nothing_to_train_on(place: Workplace, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    assert refusal(place, "train", "detector", "--data", tmp_path / "empty").startswith("There is nothing to train on")
    assert refusal(place, "train", "extractor", "--data", tmp_path / "empty").startswith("There is nothing to learn from")


def test_damaged_frames_are_set_aside_and_the_rest_goes_on(tmp_path: Path):
    """Not a refusal: what can be used is used, what can't is counted."""
    from cctview_pipeline.cameras.archive import ArchiveNetwork

    good, cut, png = make_archive(tmp_path, ("735-683-N",), BEGIN, frames=3)
    cut.write_bytes(cut.read_bytes()[:500])
    picture = io.BytesIO()
    Image.new("RGB", (8, 8)).save(picture, "PNG")
    png.write_bytes(picture.getvalue())
    found = ArchiveNetwork(tmp_path).read_hour("735-683-N", BEGIN.replace(minute=0))
    assert [f"{frame.frame_id}--original.jpeg" for frame in found.frames] == [good.name]
    assert {row.name: row.reason for row in found.rejected} == {cut.name: "truncated", png.name: "placeholder"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--network", "city", "--fps", "2"), "--fps is of video files: add --network footage."),
        (
            ("--network", "archive", "--timezone", "Europe/London"),
            "--timezone is of video files and pictures: add --network footage, or --network pictures.",
        ),
        (("--network", "footage"), "Footage needs its folder or file: give --path, or set path in campaign.toml."),
        (
            ("--network", "footage", "--path", "VIDEOS"),
            ": give --timezone, such as America/New_York, or timezone under",
        ),
        (("--network", "footage", "--path", "VIDEOS", "--timezone", "Mars"), "timezone = 'Mars' is no time zone"),
        (("--network", "footage", "--path", "VIDEOS", "--fps", "-1"), "fps = -1.0 under [campaign.settings] is out of range"),
    ],
)
def test_footage_that_cannot_be_read_as_asked(place: Workplace, tmp_path: Path, words: tuple[str, ...], sentence: str):
    write_video(tmp_path / "videos" / "735-683-N" / "20200505_130000.mp4", every(1, 3))
    said = refusal(place, "backfill", *(str(tmp_path / "videos") if word == "VIDEOS" else word for word in words))
    assert sentence in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "Pictures need their folder: give --path, or set path in campaign.toml."),
        (("--path", "PICTURES"), "cam1/20200505_130000.jpg (Its name tells 2020-05-05 13:00:00): give --timezone, such as"),
        (("--path", "PICTURES", "--timezone", "Mars"), "timezone = 'Mars' is no time zone"),
        (("--path", "PICTURES", "--fps", "2"), "--fps is of video files: add --network footage."),
    ],
)
def test_pictures_that_cannot_be_read_as_asked(place: Workplace, tmp_path: Path, words: tuple[str, ...], sentence: str):
    put(tmp_path / "pictures", "cam1/20200505_130000.jpg", picture())
    words = tuple(str(tmp_path / "pictures") if word == "PICTURES" else word for word in words)
    assert sentence in refusal(place, "backfill", "--network", "pictures", *words)
