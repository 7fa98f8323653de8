"""The questions and the risks that follow from how a campaign is set, and what is known of each. Answers are the controller's."""

from dataclasses import dataclass

from cctview_pipeline.analytics.warehouse import MARTS
from cctview_pipeline.privacy.papers.facts import Facts, words
from cctview_pipeline.privacy.papers.measures import people_figure
from cctview_pipeline.privacy.papers.text import cadence, link, plain, side


@dataclass(frozen=True)
class Risk:
    """known: what the facts say of it; measures: keys of those that are against it."""

    title: str
    known: str
    measures: tuple[str, ...] = ()


def questions(facts: Facts) -> list[tuple[str, str]]:
    """What is set, and what is to be answered about it: necessity and proportionality."""
    campaign, policy = facts.campaign, facts.policy
    found = [(f"'{plain(each)}' is a purpose.", "which of the tables it needs, and why") for each in policy.purposes]
    found = found or [("**No purpose is declared.**", "what all of this is necessary for")]
    if not policy.masks_people:
        told = f"**People stay visible** for the purpose '{plain(policy.unmasked_for)}'."
        found += [(told, "why that purpose cannot be reached with people painted over")]
    found += [(f"There are {len(campaign.cameras)} cameras.", "why fewer are not enough")]
    if campaign.end:
        told = f"The campaign lasts from {campaign.start:%Y-%m-%d %H:%M} to {campaign.end:%Y-%m-%d %H:%M} UTC."
        found += [(told, "why fewer hours are not enough")]
    else:
        found += [(f"The campaign began at {campaign.start:%Y-%m-%d %H:%M} UTC and **has no end**.", "when it ends")]
    found += [(f"Frames come {cadence(facts)}, and are stored {side(facts)}.", "why less often, or smaller, is not enough")]
    for name in (*facts.about_vehicles, *facts.about_nobody_known, *facts.beside):
        if facts.policy.lifetime(name) is None:
            found += [(f"`{name}` is kept **for ever**.", "the reason, and why no lifetime would do")]
        else:
            found += [(f"`{name}` is kept for {facts.lifetime(name)}.", "why a shorter lifetime is not enough")]
    if "matches" in facts.tables:
        told = "Vehicles are recognised again at other cameras (`matches`, `journeys`)."
        found += [(told, "why counts at each camera are not enough")]
    if not facts.polygons("privacy_zones"):
        found += [("No camera has a privacy zone.", "whether a picture shows windows, gardens, playgrounds or the like")]
    if not facts.synthetic:
        found += [(f"A user may ask about vehicles {policy.queries_an_hour} times an hour.", "why fewer are not enough")]
    return found


def risks(facts: Facts) -> list[Risk]:
    """In the order of the assessment: to those who are seen, by those who ask, by what is kept."""
    campaign, policy = facts.campaign, facts.policy
    window = words(campaign.end - campaign.start) if campaign.end else "an unlimited time, **since it has no end**"
    visible = f"**People are visible** for the purpose '{plain(policy.unmasked_for)}'."
    masked = f"They are painted over where they are found: {people_figure(facts)}."
    cards = ", ".join(link(facts, model.card) for model in facts.models if model.card) or "not known"
    marts = ", ".join(f"`{name}` {facts.lifetime(name)}" for name in facts.tables if name in MARTS) or "none"
    found = [
        Risk(
            "A vehicle, and who drives it, is followed from camera to camera",
            f"{_followed(facts)} How often rightly is measured in {link(facts, 'docs/privacy.md')} and "
            f"{link(facts, 'docs/association.md')}.",
            ("lifetimes", "pseudonyms", "rotation", "purpose", "audit", "erasure"),
        ),
        Risk(
            "A vehicle is recognised on other days, and somebody's habits come out",
            f"The campaign covers {window}. Embeddings of two days can be compared while the keys of both exist; keys are kept "
            f"{_for(facts, 'keys')}.",
            ("rotation", "lifetimes"),
        ),
        Risk(
            "Passers-by and cyclists are recognised",
            masked if policy.masks_people else visible,
            ("masking", "size", "zones", "vehicles", "lifetimes"),
        ),
        Risk(
            "Pictures tell more than is needed",
            f"Frames come {cadence(facts)}, and are stored {side(facts)}. {len(campaign.cameras)} cameras have "
            f"{facts.polygons('privacy_zones')} privacy zones.",
            ("masking", "size", "metadata", "zones"),
        ),
        Risk(
            "Somebody is taken for another",
            "`matches` and `journeys` hold probabilities. What the models have not seen, and where they fail, is in their "
            f"cards: {cards}.",
            ("audit", "erasure"),
        ),
        Risk(
            "Somebody asks for another purpose, or out of curiosity",
            _asked(facts),
            ("purpose", "audit", "pseudonyms"),
        ),
        Risk(
            "Somebody reads the lake's files or the keys without asking",
            "Whoever has the rights can, and no log tells of it.",
            ("masking", "lifetimes", "rotation"),
        ),
        Risk(
            "A figure gives a single vehicle away",
            f"Figures hold groups of any size, are asked freely, and are kept: {marts}.",
            ("publishing",),
        ),
        Risk(
            "Exported files outlive their lifetime",
            "`cctview export` writes to a folder that neither a lifetime nor an erasure reaches.",
            ("purpose", "audit", "masking", "rotation"),
        ),
    ]
    if facts.kept_for_ever:
        told = ", ".join(f"`{name}`" for name in facts.kept_for_ever)
        found += [Risk("Data are kept without an end", f"Kept **for ever, a risk that needs a reason**: {told}.", ("erasure",))]
    if facts.about_nobody_known:
        told = ", ".join(f"`{name}`" for name in facts.about_nobody_known)
        found += [Risk("A table tells of single vehicles unnoticed", f"Nothing in the code says whether {told} does.")]
    return found


def _followed(facts: Facts) -> str:
    """Along which roads, and how far."""
    roads = [
        f"'{plain(road)}' ({count} cameras, {metres / 1000:.1f} km at least)"
        for road, (count, metres) in facts.corridors.items()
        if count > 1
    ]
    return f"Vehicles are recognised again along {', '.join(roads)}." if roads else "No road has two cameras: nothing is matched."


def _asked(facts: Facts) -> str:
    purpose = "There are purposes to choose from." if facts.policy.purposes else "**No purpose is declared.**"
    if facts.synthetic:
        return f"{purpose} In the synthetic city a question needs none, and no limit holds."
    return f"{purpose} A user has {facts.policy.queries_an_hour} questions an hour."


def _for(facts: Facts, name: str) -> str:
    return "**for ever**" if facts.policy.lifetime(name) is None else f"for {facts.lifetime(name)}"
