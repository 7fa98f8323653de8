"""The measured figures: as the lake's table, for a program, for a terminal and for a document."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from rich.table import Table

from cctview_pipeline.lake.schemas import schema_of

ALL = "all"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure. scope: what it was measured on; value: None where nothing could be measured; support: true things."""

    subject: str
    metric: str
    scope: str
    value: float | None
    support: int

    def __post_init__(self) -> None:
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"{self.subject} {self.metric} of {self.scope} is {self.value}: say None when it is not measured.")


def measured(subject: str, scope: str, support: int, values: Mapping[str, float | None]) -> list[Row]:
    """One row a metric; without truth there is nothing to measure, and every value is None."""
    known = {metric: None if value is None or not support else float(value) for metric, value in values.items()}
    return [
        Row(subject=subject, metric=metric, scope=scope, value=value, support=int(support)) for metric, value in known.items()
    ]


@dataclass(frozen=True)
class Sheet:
    """What a table shows: metrics of some subjects as columns, scopes as rows."""

    title: str
    columns: list[str]
    lines: list[list[str]]


_COUNTS = ["true_vehicles", "counted_vehicles", "median_error_percent", "relative_error_percent"]
_HEADLINE = [
    ("detection", ["AP50", "precision", "recall"]),
    ("tracking", ["HOTA", "DetA", "AssA", "IDF1", "IDP", "IDR", "ID_switches"]),
    ("reidentification", ["rank-1", "rank-5", "mAP", "queries_without_match"]),
    ("journeys", ["IDF1", "MTMC_IDF1", "match_precision", "match_recall", "mean_probability", "Brier"]),
    ("calibration", ["ECE"]),
    ("counts", [*_COUNTS, "GEH_quarter", "GEH_quarter_below_5", "GEH_hour", "GEH_hour_below_5"]),
    ("in_view", ["median_error_percent", "relative_error_percent"]),
    ("movements", ["GEH_hour", "GEH_hour_below_5", "GEH_approach_below_5", "GEH_exit_below_5", "unassigned"]),
    ("labels", ["right", "mean_probability"]),
    ("speeds", ["mean_error_kmh", "bias_kmh", "within_error"]),
    ("travel_times", ["median_error_s", "median_error_percent", "cell_error_s"]),
]
_CAMERAS = [
    ("detection", ["AP50", "precision", "recall"]),
    ("tracking", ["HOTA", "IDF1", "ID_switches"]),
    ("counts", _COUNTS),
    ("in_view", ["relative_error_percent"]),
    ("speeds", ["mean_error_kmh", "bias_kmh"]),
]
_SIDES = [("counts", [*_COUNTS, "GEH_hour"]), ("in_view", ["median_error_percent", "relative_error_percent"])]
_MOVEMENTS = [("movements", ["true_per_h", "counted_per_h", "GEH_hour"])]
_LABELS = [
    ("labels", ["true_share", "counted_share", "recall", "precision", "said_car", "said_bus", "said_truck", "said_motorcycle"])
]
_WAYS = [
    ("travel_times", ["median_true_s", "median_measured_s", "median_error_s", "median_error_percent", "cell_error_s"]),
    ("journeys", ["match_precision", "match_recall"]),
]
_VERDICTS = [
    ("verdicts", ["pairs", "match_precision", "match_recall", "people", "agreement", "disputed", "gone"]),
    ("verdicts_calibration", ["ECE"]),
]
_WORTH = [("verdicts_calibration", ["mean_probability", "share_right"])]
_JOURNEYS = {
    "MTMC_IDF1": "IDF1 over all cameras, vehicles seen by two or more",
    "match_precision": "assigned matches that are right",
    "mean_probability": "what the pipeline gives them on average",
    "match_recall": "true passages between neighbours that were matched",
}
_WHOLE = {"ID_switches", "queries_without_match", "true_vehicles", "counted_vehicles", "pairs", "people", "disputed", "gone"}


@dataclass(frozen=True)
class Evaluation:
    """All figures of one evaluation, in the order in which they are told."""

    rows: tuple[Row, ...]

    def value(self, subject: str, metric: str, scope: str = ALL) -> float | None:
        """One figure; None when it was not measured."""
        found = self._find(subject, metric, scope)
        return found.value if found else None

    def scopes(self, subject: str) -> list[str]:
        """Everything that a subject was measured on, ``all`` included."""
        return list(dict.fromkeys(row.scope for row in self.rows if row.subject == subject))

    def to_table(self) -> pa.Table:
        return pa.Table.from_pylist([vars(row) for row in self.rows], schema_of("evaluation"))

    @classmethod
    def from_table(cls, table: pa.Table) -> "Evaluation":
        return cls(tuple(Row(**row) for row in table.select(schema_of("evaluation").names).to_pylist()))

    def as_dict(self) -> dict[str, Any]:
        """subject -> scope -> metric -> {value, support}."""
        found: dict[str, Any] = {}
        for row in self.rows:
            figures = found.setdefault(row.subject, {}).setdefault(row.scope, {})
            figures[row.metric] = {"value": row.value, "support": row.support}
        return found

    def tables(self) -> list[Table]:
        """For a terminal: headline, detection by size and label, by camera, by pair of cameras."""
        tables = []
        for sheet in self._sheets():
            table = Table(*sheet.columns, title=sheet.title)
            table.columns[0].no_wrap = True
            for column in table.columns[1:]:
                column.justify = "right"
            for line in sheet.lines:
                table.add_row(*line)
            tables.append(table)
        return tables

    def summary_tables(self, title: str) -> list[Table]:
        """For a terminal, in three tables: what a traffic engineer asks first, measured and true."""
        vehicles = Table("camera", "vehicles", "true", "error", "tracking IDF1", "AP50", title=title)
        for camera in [scope for scope in self.scopes("tracking") if scope != ALL]:
            counts = [_figure(m, self.value("counts", m, camera)) for m in ("counted_vehicles", "true_vehicles")]
            error = _figure("_percent", self.value("counts", "relative_error_percent", camera))
            rest = [_figure("", self.value(*pair, camera)) for pair in (("tracking", "IDF1"), ("detection", "AP50"))]
            vehicles.add_row(camera, *counts, f"{error} %", *rest)
        times = Table("from to", "median s", "true", "error s", "matches right", "found")
        for way in [scope for scope in self.scopes("travel_times") if scope != ALL]:
            figures = [
                _figure(m, self.value("travel_times", m, way)) for m in ("median_measured_s", "median_true_s", "median_error_s")
            ]
            shares = [_figure(m, self.value("journeys", m, way)) for m in ("match_precision", "match_recall")]
            times.add_row(way, *figures, *shares)
        whole = Table("journeys", "value")
        for metric, meaning in _JOURNEYS.items():
            whole.add_row(meaning, _figure(metric, self.value("journeys", metric)))
        for table in (vehicles, times, whole):
            for column in table.columns[1:]:
                column.justify = "right"
        return [vehicles, times, whole]

    def markdown(self) -> str:
        """The same tables for a document."""
        return "\n\n".join(
            "\n".join(
                [f"**{sheet.title}**", "", _line(sheet.columns), _line(["---"] + ["---:"] * (len(sheet.columns) - 1))]
                + [_line(line) for line in sheet.lines]
            )
            for sheet in self._sheets()
        )

    def _sheets(self) -> list[Sheet]:
        cameras = [scope for scope in self.scopes("tracking") if scope != ALL]
        parts = [scope for scope in self.scopes("detection") if scope != ALL and scope not in cameras]
        sides = [scope for scope in self.scopes("counts") if scope != ALL and scope not in cameras]
        movements = [scope for scope in self.scopes("movements") if ">" in scope]
        labels = [scope for scope in self.scopes("labels") if scope != ALL]
        against = [scope for scope in self.scopes("reidentification") if scope != ALL]
        ways = [scope for scope in self.scopes("travel_times") if scope != ALL]
        judged = [scope for scope in self.scopes("verdicts") if scope != ALL]
        worth = [scope for scope in self.scopes("verdicts_calibration") if scope != ALL]
        sheets = [
            self._headline("Against the truth", _HEADLINE),
            self._sheet("Detection by size and label", "part", parts, _CAMERAS[:1]),
            self._sheet("By camera", "camera", cameras, _CAMERAS),
            self._sheet("Counts by carriageway", "carriageway", sides, _SIDES),
            self._sheet("Turning movements", "from > to", movements, _MOVEMENTS),
            self._sheet("Labels of vehicles", "label", labels, _LABELS),
            self._sheet("Re-identification, query against gallery", "pair", against, _HEADLINE[2:3]),
            self._sheet("Between neighbouring cameras", "way", ways, _WAYS),
            self._headline("Against people's verdicts", _VERDICTS),
            self._sheet("Verdicts between neighbouring cameras", "way", judged, [("verdicts", _VERDICTS[0][1][:3])]),
            self._sheet("What a probability was worth, by verdicts", "probability", worth, _WORTH, supported=True),
        ]
        return [sheet for sheet in sheets if sheet.lines]

    def _headline(self, title: str, shown: list[tuple[str, list[str]]]) -> Sheet:
        lines = [
            [f"{subject} {metric}", _figure(row.metric, row.value), f"{row.support:,}"]
            for subject, metrics in shown
            for metric in metrics
            if (row := self._find(subject, metric, ALL))
        ]
        return Sheet(title, ["metric", "value", "rests on"], lines)

    def _sheet(
        self, title: str, what: str, scopes: Iterable[str], shown: list[tuple[str, list[str]]], supported: bool = False
    ) -> Sheet:
        """supported: how much each line rests on stands at its end."""
        pairs = [(subject, metric) for subject, metrics in shown for metric in metrics]
        lines = [[scope, *(_figure(metric, self.value(subject, metric, scope)) for subject, metric in pairs)] for scope in scopes]
        columns = [what, *(metric.replace("_", " ") for _, metric in pairs)]
        if supported:
            rows = [self._find(*pairs[0], line[0]) for line in lines]
            lines = [[*line, f"{row.support:,}" if row else ""] for line, row in zip(lines, rows, strict=True)]
            columns.append("rests on")
        return Sheet(title, columns, lines)

    def _find(self, subject: str, metric: str, scope: str) -> Row | None:
        wanted = (subject, metric, scope)
        return next((row for row in self.rows if (row.subject, row.metric, row.scope) == wanted), None)


def _figure(metric: str, value: float | None) -> str:
    """Shares with three digits, seconds and percent with one, numbers of things with none."""
    if value is None:
        return "-"
    if metric in _WHOLE:
        return f"{value:,.0f}"
    return f"{value:.1f}" if metric.endswith(("_s", "_percent", "_kmh")) else f"{value:.3f}"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
