"""Where the lake keeps the reports of its days: ``reports/day=2020-05-05/report.html``."""

import re
from datetime import date

from cctview_pipeline.lake import Lake
from cctview_pipeline.lake.layout import format_day, parse_day

FOLDER = "reports"
_KEY = re.compile(rf"{FOLDER}/day=(\d{{4}}-\d\d-\d\d)/report\.html")


def report_key(day: date) -> str:
    """Where a day's report lies in the lake."""
    return f"{FOLDER}/day={format_day(day)}/report.html"


def days_reported(lake: Lake) -> list[date]:
    """Sorted."""
    return [parse_day(found[1]) for each in lake.storage.list(FOLDER) if (found := _KEY.fullmatch(each))]
