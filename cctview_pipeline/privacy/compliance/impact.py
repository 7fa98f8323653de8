"""A draft of a data protection impact assessment, GDPR Art. 35(7) (a) to (d). Likelihood, severity and every judgement are the
controller's: they are blanks."""

import re

from cctview_pipeline.lake.schemas import TABLES
from cctview_pipeline.privacy.compliance.facts import Facts
from cctview_pipeline.privacy.compliance.measures import measures
from cctview_pipeline.privacy.compliance.risks import questions, risks
from cctview_pipeline.privacy.compliance.text import blank, blanks, cadence, holds, kept, link, paper, purposes, side, table


def dpia(facts: Facts) -> str:
    """Description, questions, risks, measures with what they do not do, and what else Art. 35 asks for."""
    sections = [
        ("Systematic description (a)", _description(facts)),
        ("Necessity and proportionality (b)", [f"- {known} {blank(question)}" for known, question in questions(facts)]),
        ("Risks to rights and freedoms (c)", _risk_table(facts)),
        ("Measures, and what they do not do (d)", _measure_table(facts)),
        (
            "Advice and decision",
            blanks(
                "DPO consulted on, and the advice (Art. 35(2))",
                "views of those concerned, or why they were not asked (Art. 35(9))",
                "whether the supervisory authority is consulted (Art. 36)",
                "the decision, whose it is, and when it is reviewed (Art. 35(11))",
            ),
        ),
    ]
    return paper(facts, "Data protection impact assessment", "GDPR Art. 35(7)", sections)


def _description(facts: Facts) -> list[str]:
    return [
        f"{len(facts.campaign.cameras)} cameras of the network `{facts.campaign.network}` give frames, {cadence(facts)}, which "
        f"are stored {side(facts)}. Everything else is made from them; what has a thick edge tells of single vehicles. The "
        "cameras, their operator and all columns stand in the [record of processing activities](record-of-processing.md).",
        "",
        *_diagram(facts),
        "",
        *table(("", "what it is", "made from", "kept"), [_graph_row(facts, name) for name in _nodes(facts)]),
        "",
        "Purposes:",
        "",
        *purposes(facts),
        "",
        *_models(facts),
        "",
        f"How vehicles are followed is told in {link(facts, 'docs/association.md')}; what is promised about people, and what was "
        f"measured of it, in {link(facts, 'docs/privacy.md')}.",
    ]


def _diagram(facts: Facts) -> list[str]:
    """Mermaid, which GitHub draws."""
    lines = ["```mermaid", "flowchart LR", f'    cameras(["{len(facts.campaign.cameras)} cameras"])']
    lines += [f'    {name}(["{name}"])' for name in _nodes(facts) if name not in TABLES]
    for name in _nodes(facts):
        before = [each for each in _nodes(facts) if each in facts.graph[name].inputs]
        lines += [f"    {each} --> {name}" for each in before or (["cameras"] if name in TABLES else [])]
    thick = [f"    class {','.join(facts.about_vehicles)} vehicles"] if facts.about_vehicles else []
    return [*lines, "    classDef vehicles stroke-width:4px", *thick, "```"]


def _graph_row(facts: Facts, name: str) -> tuple[str, ...]:
    made = facts.graph[name]
    inputs = [f"`{each}`" for each in _nodes(facts) if each in made.inputs and each != name]
    inputs += ["what it was an hour earlier"] if name in made.inputs else []
    source = ", ".join(inputs) or ("the cameras" if name in TABLES else "")
    return f"`{name}`", holds(facts, name, made.description), source, kept(facts, name) if name in TABLES else ""


def _nodes(facts: Facts) -> list[str]:
    """Models, then tables, in an order that does not change."""
    return [*sorted(set(facts.graph) - set(TABLES)), *facts.tables]


def _models(facts: Facts) -> list[str]:
    if not facts.models:
        return [blank("which models are used; models/manifest.toml names none")]
    rows, told = [], []
    for model in facts.models:
        measured = ", ".join(f"{name} {value}" for name, value in model.facts.get("measured", {}).items())
        of = ", ".join(model.facts.get("classes", ())) or "not known"
        card = link(facts, model.card) if model.card else "none"
        licence = model.facts.get("licence", "not known")
        rows.append((f"`{model.version}`", model.facts["task"], of, licence, measured or "not measured", card))
        for title, text in model.told.items():
            told += ["", f"> *{model.name}: {title}*{_quoted(facts, text)}"]
    return [
        "Models, with the figures of `models/manifest.toml`, and what their cards say of their learning and their limits:",
        "",
        *table(("model", "task", "of", "licence", "measured", "card"), rows),
        *told,
    ]


def _quoted(facts: Facts, text: str) -> str:
    """A card's text as one paragraph, its links as they are from here."""
    line = re.sub(r"\s*\n\s*(- )?", lambda found: " / " if found[1] else " ", text)
    return re.sub(r"\[[^]]*\]\(\.\./([^)]*)\)", lambda found: link(facts, found[1]), line)


def _risk_table(facts: Facts) -> list[str]:
    known = measures(facts)
    named = {key: f"M{number}" + ("" if each.on else " (not in use)") for number, (key, each) in enumerate(known.items(), 1)}
    rows = []
    for number, each in enumerate(risks(facts), 1):
        against = ", ".join(named[key] for key in known if key in each.measures) or "none"
        rows.append((f"R{number}", each.title, each.known, against, blank("likelihood, severity")))
    return [
        *table(("", "risk", "what is known", "measures", "assessment"), rows),
        "",
        *blanks("risks that the software cannot know of"),
    ]


def _measure_table(facts: Facts) -> list[str]:
    rows = [(f"M{number}", m.name, m.setting, m.limit) for number, m in enumerate(measures(facts).values(), 1)]
    return [
        "What each of them does, and which module or command does it, stands in the record of processing activities.",
        "",
        *table(("", "measure", "in this campaign", "what it does not do"), rows),
        "",
        *blanks("further measures", "which risks remain, and why they are acceptable"),
    ]
