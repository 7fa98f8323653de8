"""How the papers are written: Markdown in short lines, blanks that cannot be overlooked, and what stands in both of them."""

import re
from collections.abc import Sequence

from cctview_pipeline.policy import UNMASKED
from cctview_pipeline.privacy.compliance.facts import Facts

BLANK = "**To be filled in by the controller:**"
WITHOUT_REASON = "**for ever: a risk that needs a reason**"

Sections = Sequence[tuple[str, list[str]]]
"""Title -> lines."""


def paper(facts: Facts, title: str, article: str, sections: Sections) -> str:
    """A whole paper. It says how many blanks it has."""
    body = [line for number, (name, lines) in enumerate(sections, 1) for line in ("", f"## {number}. {name}", "", *lines)]
    count = "\n".join(body).count(BLANK)
    head = [
        f"# {title}: {plain(facts.campaign.name)}",
        "",
        f"**Draft, not legal advice.** {article}. Written by `cctview` from the campaign, the asset graph, the tables' schemas "
        f"and the models' facts. What these cannot tell is marked *to be filled in by the controller*, in {count} places. Fill "
        "in a copy: this file is written anew, without what was filled in.",
    ]
    if facts.synthetic:
        head += ["", "The cameras of this campaign are a synthetic city's, and nobody lives there: this paper is an example."]
    return "\n".join([*head, *body]) + "\n"


def blank(what: str) -> str:
    return f"{BLANK} {what}"


def blanks(*what: str) -> list[str]:
    return [f"- {blank(each)}" for each in what]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table."""
    return [_row(head), "|" + "---|" * len(head), *map(_row, rows)]


def plain(text: str) -> str:
    """What somebody wrote in campaign.toml, so that it stays text: no line of its own, no markup."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", " ".join(text.split()))


def link(facts: Facts, path: str) -> str:
    """To a file of the project, or its name where the papers lie elsewhere."""
    return f"[{path.rsplit('/', 1)[-1]}]({facts.home}/{path})" if facts.home else f"`{path}`"


def kept(facts: Facts, name: str) -> str:
    """For how long a table, or what lies beside the lake, is kept."""
    return WITHOUT_REASON if name in facts.kept_for_ever else facts.lifetime(name)


def holds(facts: Facts, name: str, told: str) -> str:
    """What a table holds, or what lies beside the lake; its description knows nothing of the campaign."""
    visible = name in UNMASKED and not facts.policy.masks_people
    return f"{told.rstrip('.')}. **In this campaign people are visible in it.**" if visible else told


def cadence(facts: Facts) -> str:
    """How often frames come."""
    return f"about one every {facts.cadence_s:g} s" if facts.cadence_s else "as often as the source has them"


def side(facts: Facts) -> str:
    """How large frames are stored."""
    return f"with at most {facts.policy.largest_side} px a side" if facts.policy.masks_people else "in the size they came in"


def purposes(facts: Facts) -> list[str]:
    """What vehicles may be asked about for."""
    policy = facts.policy
    if policy.purposes:
        lines = [f"- {plain(each)}" for each in policy.purposes]
        lines += [f"- People stay visible for the purpose '{plain(policy.unmasked_for)}'."] if policy.unmasked_for else []
        return [*lines, *blanks("legal basis of each purpose")]
    told = "in the synthetic city questions need none" if facts.synthetic else "no question about single vehicles is answered"
    return [
        f"**No purpose is declared** (`purposes` under `[campaign.privacy]` in campaign.toml): {told}.",
        "",
        *blanks("the purposes", "legal basis of each purpose"),
    ]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(re.sub(r"(?<!\\)\|", r"\\|", " ".join(cell.split())) for cell in cells) + " |"
