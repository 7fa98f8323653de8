"""Papers that write themselves: a record of processing activities (GDPR Art. 30) and a draft of a data protection impact
assessment (Art. 35(7), impact.py), from the asset graph, the tables' schemas, the campaign and the models' facts.

Every statement follows from one of those; what they cannot tell is a blank for the controller, and marked as one. Neither is
legal advice. The same campaign gives the same text.
"""

import re

from cctview_pipeline.analytics.warehouse import ID_COLUMNS, MARTS
from cctview_pipeline.campaign import Campaign
from cctview_pipeline.export import TABLES as EXPORTED
from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.privacy.access import AGGREGATES
from cctview_pipeline.privacy.erasures import KEPT
from cctview_pipeline.privacy.papers.facts import BESIDE, AssetGraph, Facts, gather
from cctview_pipeline.privacy.papers.impact import dpia
from cctview_pipeline.privacy.papers.measures import IDS, K, measures
from cctview_pipeline.privacy.papers.text import blank, blanks, holds, kept, paper, plain, purposes, table

RECORD, DPIA = "record-of-processing.md", "dpia.md"


def papers(campaign: Campaign, graph: AssetGraph, home: str = "") -> dict[str, str]:
    """File name -> text. home: the way from the papers to the project, for links; without one files are only named. Raises
    CctviewError for a campaign whose settings are not understood."""
    facts = gather(campaign, graph, home)
    return {RECORD: record_of_processing(facts), DPIA: dpia(facts)}


def record_of_processing(facts: Facts) -> str:
    """Art. 30(1): its points, by their letters."""
    sections = [
        ("Controller (a)", blanks("name and contact of the controller", "joint controllers", "representative", "DPO")),
        ("Purposes (b)", purposes(facts)),
        ("Whose data (c)", _subjects(facts)),
        ("Which data (c), and how long (f)", _data(facts)),
        ("Where they come from", _source(facts)),
        ("Recipients (d) and transfers (e)", _recipients(facts)),
        ("Technical and organisational measures (g)", _measures(facts)),
        ("Requests of people", _requests()),
    ]
    return paper(facts, "Record of processing activities", "GDPR Art. 30(1)", sections)


def _subjects(facts: Facts) -> list[str]:
    shown = "painted over where they are found" if facts.policy.masks_people else "**visible** in the stored pictures"
    return [
        "- Drivers and keepers of vehicles: single vehicles are detected, embedded and followed.",
        f"- Passers-by and cyclists: {shown}; `detections` has boxes of people and bicycles.",
        *blanks("others whom these cameras see, such as residents or pupils"),
    ]


def _data(facts: Facts) -> list[str]:
    rows = []
    for name in facts.tables:
        asked = "freely" if name in AGGREGATES else "without a purpose, and logged" if facts.synthetic else "for a purpose"
        what = holds(facts, name, TABLES[name].description)
        rows.append((f"`{name}`", what, _tells_of(facts, name), kept(facts, name), asked))
    beside = [(f"`{name}`", holds(facts, name, BESIDE[name]), kept(facts, name)) for name in facts.beside]
    unmasked = "" if facts.policy.masks_people else " People are not masked in this campaign, whatever a column's meaning says."
    counted = "begins" if facts.live else "was first taken into the lake"
    return [
        *table(("table", "what it holds", "tells of", "kept", "asked"), rows),
        "",
        f"An hour's age counts from when it {counted}; that of a day's key from the end of the day, or from when it was made if "
        "that was later. Beside the tables there are:",
        "",
        *table(("", "what it is", "kept"), beside),
        "",
        "The columns. Those marked (p) follow a vehicle from camera to camera or from hour to hour, and answers have pseudonyms "
        f"for them.{unmasked}",
        "",
        *table(("table", "columns"), [(f"`{name}`", _columns(name)) for name in facts.tables]),
        "",
        *blanks("whether special categories of data (Art. 9) can be seen or inferred at these cameras"),
    ]


def _tells_of(facts: Facts, name: str) -> str:
    if name in facts.about_vehicles:
        return "single vehicles"
    if name in MARTS:
        return "sums over vehicles"
    told = KEPT.get(name)
    return f"an erasure leaves it: {told}" if told else blank("whether it tells of single vehicles; the code does not say")


def _columns(name: str) -> str:
    """A table's columns, each with the first part of its meaning."""
    told = []
    for field in TABLES[name].schema:
        meaning = (field.metadata or {}).get(b"description", b"").decode()
        mark = " (p)" if field.name in ID_COLUMNS else ""
        told.append(f"`{field.name}`{mark} {re.split('[;:]', meaning)[0]}")
    return "; ".join(told)


def _source(facts: Facts) -> list[str]:
    campaign = facts.campaign
    end = f"to {campaign.end:%Y-%m-%d %H:%M} UTC, exclusive" if campaign.end else "on, **with no end**"
    settings = ", ".join(f"{name} = {plain(str(value))}" for name, value in sorted(campaign.settings.items()) if value)
    cameras = [
        (
            f"`{each.id}`",
            plain(each.name),
            f"{each.latitude}, {each.longitude}",
            each.faces or "not known",
            f"{plain(each.corridor)}, {each.order}",
            str(len(each.masks)),
            str(len(each.privacy_zones)),
        )
        for each in campaign.cameras
    ]
    return [
        f"- Network: `{campaign.network}`" + (f", read from {plain(campaign.path)}" if campaign.path else ""),
        f"- Window: from {campaign.start:%Y-%m-%d %H:%M} UTC {end}",
        *([f"- Settings: {settings}"] if settings else []),
        *_operators(facts),
        "",
        *table(("camera", "name", "latitude, longitude", "looks", "road, place", "masks", "privacy zones"), cameras),
    ]


def _operators(facts: Facts) -> list[str]:
    if facts.synthetic:
        return ["- Operator and licence: none. The pictures are drawn by `cctview_pipeline/cameras/city`."]
    lines = [
        f"- Operator of `{name}`: {terms.operator}. Licence: {terms.licence}. {terms.text} <{terms.url}>"
        for name, terms in facts.terms.items()
    ]
    if facts.collect:
        told = (
            f"every day {facts.collect.window}, the network's local time"
            if facts.collect.collect
            else "not turned on in campaign.toml"
        )
        contact = plain(facts.collect.contact) or blank("the address under which the operator finds you")
        lines += [f"- Collecting on a schedule: {told}. Contact that the operator is given: {contact}"]
    unknown = () if facts.terms else ("operator of the cameras", "licence of the pictures")
    return [*lines, *blanks(*unknown, "who read the operator's terms, and when")]


def _recipients(facts: Facts) -> list[str]:
    purpose = (
        "no purpose" if facts.synthetic else "one of the purposes" if facts.policy.purposes else "a purpose, and none is declared"
    )
    question = f"{purpose}; an entry in the audit log"
    figures = ", ".join(f"`{name}`" for name in facts.tables if name in AGGREGATES)
    single = ", ".join(f"`{name}`" for name in facts.tables if name not in AGGREGATES)
    exported = ", ".join(f"`{name}`" for name in EXPORTED)
    rows = [
        ("`cctview query`, figures", figures, "groups of any size", "nothing"),
        ("`cctview query`, single vehicles", single, f"pseudonyms for {IDS}", question),
        ("`cctview export`", exported, "files; ids of frames and detections as they are, embeddings turned", question),
        (
            "`cctview_pipeline/privacy/publishing.py`",
            "counts",
            f"k-anonymous, k = {K} unless said otherwise",
            "somebody publishes",
        ),
        ("`cctview view`", "frames, crops, tracks and journeys", "as they are stored, under pseudonyms", question),
        (
            "Dagster's UI",
            "metadata of partitions",
            "frames and crops, of the synthetic city alone"
            if facts.synthetic
            else "counts, plots of figures, ids of refused rows",
            "whoever can open it",
        ),
    ]
    return [
        *blanks("recipients, by purpose", "processors, such as a hosting provider", "where the lake, the keys and the log lie"),
        *blanks("transfers to third countries, and their safeguards"),
        "",
        "What leaves the lake, and how:",
        "",
        *table(("way", "what", "form", "what it takes"), rows),
    ]


def _measures(facts: Facts) -> list[str]:
    rows = [(each.name, each.does, each.where, each.setting) for each in measures(facts).values()]
    return [
        *table(("measure", "what it does", "by", "in this campaign"), rows),
        "",
        *blanks("organisational measures, such as who may log in, and who may read the lake, the keys and the log"),
    ]


def _requests() -> list[str]:
    return [
        "- Erasure: `cctview erase` takes a span of cameras' time, or one vehicle by its journey, out of the tables and the "
        "spool. Marts are made anew, and stay where what they were made from is over.",
        "- What was asked about vehicles, and by whom: `cctview audit show`.",
        *blanks(
            "how people are informed (Art. 13, 14)",
            "how they ask for access, erasure or restriction, and object, and how it is made sure whose vehicle it was",
        ),
    ]
