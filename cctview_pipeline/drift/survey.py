"""One day of a lake, camera by camera and hour by hour, against what its models gave in training: where to label next."""

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from typing import Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.campaign import HOUR
from cctview_pipeline.detect import VEHICLES
from cctview_pipeline.drift.profile import EXPECTED_F1, IN_DOUBT, Profile
from cctview_pipeline.drift.reference import NoReference, Reference, find_reference
from cctview_pipeline.lake import Lake, Partition
from cctview_pipeline.lake.columns import embedding_matrix
from cctview_pipeline.lake.layout import format_day, format_hour
from cctview_pipeline.shell import command

Table = Literal["detections", "features"]
Verdict = Literal["drift", "like training", "too few to tell", "no reference"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
LIMITS: dict[Table, float] = {"detections": 0.05, "features": 0.1}
"""Divergence from the nearest training camera above which a camera-hour counts as drifted; docs/drift.md has the measurements."""
SHORTFALL = 0.03
"""How much less F1 than on the training cameras scores may promise before a camera-hour counts as drifted."""
MIN_COUNTS: dict[Table, int] = {"detections": 500, "features": 200}
"""Rows below which a camera-hour differs by chance alone."""
MAX_READ: dict[Table, int] = {"detections": 100_000, "features": 1_200}
"""Camera-hours that are read of a day: embeddings are 7 MB an hour, so of many cameras not every hour is looked at."""
READERS = 4


@dataclass(frozen=True, kw_only=True)
class CameraHourDrift:
    """One camera-hour. count: vehicles that it rests on; distance: from the nearest training camera, 0..1, None where it
    cannot be told; nearest: that camera; expected_f1: what the scores promise, and in_doubt: their share near the threshold,
    None for embeddings."""

    camera: str
    hour: datetime
    model: str
    count: int
    verdict: Verdict
    distance: float | None = None
    nearest: str = ""
    expected_f1: float | None = None
    in_doubt: float | None = None

    @property
    def urgency(self) -> float:
        """The higher, the more labels of it teach: of detections by what F1 their scores lack, of embeddings by distance."""
        return 1 - self.expected_f1 if self.expected_f1 is not None else self.distance or 0.0

    @property
    def place(self) -> str:
        return f"{self.camera} at {format_hour(self.hour)}"


@dataclass(frozen=True, kw_only=True)
class DriftReport:
    """findings: those to label next first; notes: why models could not be compared, a sentence each; left_out: camera-hours that
    were not read because there were too many."""

    table: Table
    day: date
    findings: list[CameraHourDrift]
    notes: list[str]
    left_out: int = 0

    @property
    def drifted(self) -> list[CameraHourDrift]:
        return [finding for finding in self.findings if finding.verdict == "drift"]

    @property
    def sentence(self) -> str:
        """What a person should do, with the command."""
        counts = Counter(finding.verdict for finding in self.findings)
        told = counts["drift"] + counts["like training"]
        rest = "".join(f" {number} {why}." for why, number in counts.items() if why not in ("drift", "like training"))
        if not self.findings:
            return f"There are no {self.table} of {format_day(self.day)}."
        if not counts["drift"]:
            found = f"None of {told} camera-hours of {format_day(self.day)} has drifted." if told else "Nothing can be told."
            return " ".join([found + rest, *self.notes])
        first = self.drifted[:3]
        return " ".join(
            [
                f"{counts['drift']} of {told} camera-hours of {format_day(self.day)} have drifted from the training.{rest}",
                f"Label these next: {', '.join(finding.place for finding in first)}: `{labelling_command(self.table, first)}`.",
                *self.notes,
            ]
        )

    def as_dict(self) -> dict:
        findings = [asdict(finding) | {"hour": format_hour(finding.hour)} for finding in self.findings]
        return {"table": self.table, "day": format_day(self.day), "sentence": self.sentence, "left_out": self.left_out} | {
            "limit": LIMITS[self.table],
            "findings": findings,
        }


def labelling_command(table: Table, findings: Iterable[CameraHourDrift]) -> str:
    """Of ``cctview``, over all of these camera-hours."""
    findings = list(findings)
    cameras = ",".join(dict.fromkeys(finding.camera for finding in findings))
    hours = [finding.hour for finding in findings]
    task = ("detector", "--teacher", "NAME") if table == "detections" else ("extractor",)
    begin, end = format_hour(min(hours)), format_hour(max(hours) + HOUR)
    chosen = "--cameras", cameras, "--from", begin, "--to", end
    return command("cctview", "train", *task, "--from-lake", *chosen, "--purpose", "PURPOSE")


def latest_day(lake: Lake, table: Table = "detections") -> date | None:
    """The newest UTC day of which there is anything."""
    hours = [place.begin for place in lake.partitions(table)]
    return max(hours).date() if hours else None


def survey(lake: Lake, table: Table, day: date, cameras: Iterable[str] = ()) -> DriftReport:
    """Read a day's camera-hours, a few at a time, and rank them. cameras: only these; all when left out.

    Raises CctviewError when a partition can't be read.
    """
    wanted = set(cameras)
    places = [place for place in lake.partitions(table) if place.begin.date() == day]
    places = [place for place in places if not wanted or place.camera in wanted]
    chosen = spread(places, MAX_READ[table])
    references = lru_cache(_reference)
    look = {"detections": _detections, "features": _features}[table]
    with ThreadPoolExecutor(READERS) as pool:
        findings = list(pool.map(lambda place: look(lake, place, references), chosen))
    notes = [found for model in sorted({f.model for f in findings} - {""}) if isinstance(found := references(model), str)]
    return DriftReport(table=table, day=day, findings=ranked(findings), notes=notes, left_out=len(places) - len(chosen))


def spread(places: list[Partition], most: int) -> list[Partition]:
    """Up to most of a day's camera-hours: every camera about as often as the next, at hours spread over the day."""
    ordered = sorted(places, key=lambda place: (place.camera, place.begin))
    step = len(ordered) / max(most, 1)
    return ordered if step <= 1 else [ordered[int((i + 0.5) * step)] for i in range(most)]


def ranked(findings: Iterable[CameraHourDrift]) -> list[CameraHourDrift]:
    """Those first of which labels teach most: drifted before the rest, and in both every camera's most urgent hour before any
    camera's second, since two hours of one camera show much the same."""
    urgent = sorted(findings, key=lambda found: (-found.urgency, found.camera, found.hour))
    seen: Counter[tuple[Verdict, str]] = Counter()
    turns = []
    for found in urgent:
        turns.append((VERDICTS.index(found.verdict), seen[found.verdict, found.camera]))
        seen[found.verdict, found.camera] += 1
    return [found for _, found in sorted(zip(turns, urgent, strict=True), key=lambda pair: pair[0])]


def _reference(model: str) -> Reference | str:
    """Or the sentence why there is none."""
    try:
        return find_reference(model)
    except NoReference as error:
        return str(error)


def _detections(lake: Lake, place: Partition, references: Callable[[str], Reference | str]) -> CameraHourDrift:
    rows = lake.read("detections", place, ["score", "label", "model"])
    vehicles = rows.filter(pc.is_in(rows["label"], pa.array(VEHICLES)))
    model = _model(rows)
    if isinstance(reference := references(model), str):
        return _unknown(place, model, vehicles.num_rows)
    return judge("detections", place, Profile.of_detections(vehicles["score"].to_numpy(), reference.threshold), reference)


def _features(lake: Lake, place: Partition, references: Callable[[str], Reference | str]) -> CameraHourDrift:
    rows = lake.read("features", place, ["embedding", "model"])
    model = _model(rows)
    if isinstance(reference := references(model), str):
        return _unknown(place, model, rows.num_rows)
    return judge("features", place, Profile.of_embeddings(embedding_matrix(rows)), reference)


def judge(table: Table, place: Partition, profile: Profile, reference: Reference) -> CameraHourDrift:
    """One camera-hour's profile against a model's reference."""
    if profile.count < MIN_COUNTS[table]:
        return _finding(place, reference.model, profile.count, "too few to tell")
    nearest, distance = reference.nearest(profile)
    promised, doubt = (profile.figures.get(name) for name in (EXPECTED_F1, IN_DOUBT))
    worse = promised is not None and promised < reference.mean(EXPECTED_F1) - SHORTFALL
    drifted = worse or distance > LIMITS[table]
    found = _finding(place, reference.model, profile.count, "drift" if drifted else "like training")
    return replace(found, distance=distance, nearest=nearest, expected_f1=promised, in_doubt=doubt)


def _unknown(place: Partition, model: str, count: int) -> CameraHourDrift:
    """An hour without rows has no model either: there is nothing to tell, whatever the reference."""
    return _finding(place, model, count, "no reference" if count else "too few to tell")


def _finding(place: Partition, model: str, count: int, verdict: Verdict) -> CameraHourDrift:
    return CameraHourDrift(camera=place.camera, hour=place.begin, model=model, count=count, verdict=verdict)


def _model(rows: pa.Table) -> str:
    return rows["model"][0].as_py() if rows.num_rows else ""
