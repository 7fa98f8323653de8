"""A day's report as it lies in the lake. It tells of cameras and many vehicles, like every figure, and needs no purpose."""

import base64
import hashlib
import re

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from cctview_pipeline.analytics.report.stored import report_key
from cctview_pipeline.lake.layout import parse_day
from cctview_pipeline.limits import REPORT_BYTES
from cctview_pipeline.viewer import budget
from cctview_pipeline.viewer.reading import NotThere
from cctview_pipeline.viewer.shared import viewer_of

router = APIRouter()
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


@router.get("/report/{day}")
def report(request: Request, day: str) -> Response:
    """The report of a day, as it lies in the lake."""
    reading = viewer_of(request).reading
    reading.require()
    try:
        key = report_key(parse_day(day))
        html = reading.lake.storage.read(key, REPORT_BYTES).to_pybytes().decode()
    except ValueError as error:
        raise NotThere("A report has the day in its address, 2020-05-05.") from error
    except FileNotFoundError as error:
        raise NotThere(
            "There is no report of this day: the asset daily_report makes one, and so does `cctview report`."
        ) from error
    budget.check(len(html))
    return HTMLResponse(html, headers={"Content-Security-Policy": _policy(html)})


def _policy(html: str) -> str:
    """It may load nothing and run nothing; its own stylesheet is let in by its hash."""
    hashes = (hashlib.sha256(style.encode()).digest() for style in _STYLE.findall(html)[:1])
    styles = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in hashes) or "'none'"
    return f"default-src 'none'; style-src {styles}; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
