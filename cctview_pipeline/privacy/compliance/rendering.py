"""A record of processing activities (GDPR Art. 30) and a draft of a data protection impact assessment (Art. 35(7)).

Their words stand in the templates beside this file. Every statement there follows from facts.py or from a constant of the code;
what neither can tell is a blank for the controller, and marked as one. Neither paper is legal advice. The same campaign gives the
same text.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cctview_pipeline.analytics.marts import MARTS
from cctview_pipeline.analytics.warehouse import ID_COLUMNS
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.lake.spec import TableSpec
from cctview_pipeline.policy import MAX_UNMASKED, UNMASKED
from cctview_pipeline.privacy.access import AGGREGATES
from cctview_pipeline.privacy.compliance.facts import BESIDE, AssetGraph, Facts, gather, words
from cctview_pipeline.privacy.erasures import KEPT
from cctview_pipeline.privacy.export import TABLES as EXPORTED
from cctview_pipeline.privacy.publishing import MIN_BIN, K

RECORD, DPIA = "record-of-processing.md", "dpia.md"
BLANK = "**To be filled in by the controller:**"


def papers(campaign: Campaign, graph: AssetGraph, home: str = "") -> dict[str, str]:
    """File name -> text. home: the way from the papers to the project, for links; without one files are only named. Raises
    CctviewError for a campaign whose settings are not understood."""
    facts = gather(campaign, graph, home)
    return {paper: render(paper, facts) for paper in (RECORD, DPIA)}


def render(paper: str, facts: Facts) -> str:
    """The text of RECORD or DPIA. Raises jinja2.UndefinedError where a template speaks of a fact that there is not."""
    template = _environment().get_template(f"{paper}.j2")
    return template.render(facts=facts, campaign=facts.campaign, policy=facts.policy)


def plain(text: object) -> str:
    """What somebody wrote in campaign.toml, so that it stays text: no line of its own, no markup."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", " ".join(str(text).split()))


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "cell": _cell,
        "columns": _columns,
        "names": _names,
        "plain": plain,
        "stamp": lambda time: datetime.strftime(time, "%Y-%m-%d %H:%M"),
        "words": words,
    }
    environment.globals |= {
        "AGGREGATES": AGGREGATES,
        "BESIDE": BESIDE,
        "EXPORTED": EXPORTED,
        "ID_COLUMNS": ID_COLUMNS,
        "K": K,
        "KEPT": KEPT,
        "MARTS": MARTS,
        "MAX_UNMASKED": MAX_UNMASKED,
        "MIN_BIN": MIN_BIN,
        "TABLES": TABLES,
        "UNMASKED": UNMASKED,
        "blank": BLANK,
    }
    return environment


def _cell(text: str) -> str:
    """Text of the code or of a model's card, so that it stays in its cell of a table; its markup is meant."""
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(text.split()))


def _columns(table: TableSpec) -> str:
    """A table's columns, each with the first part of its meaning."""
    told = []
    for field in table.schema:
        meaning = (field.metadata or {}).get(b"description", b"").decode()
        mark = " (p)" if field.name in ID_COLUMNS else ""
        told.append(f"`{field.name}`{mark} {re.split('[;:]', meaning)[0]}")
    return "; ".join(told)


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
