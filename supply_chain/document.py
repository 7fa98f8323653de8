"""docs/licences.md: every package of the lock with its licence, what was judged and why, models' weights, and files of others."""

import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from cctview_pipeline.errors import CctviewError
from supply_chain.licences import licence_of, problems
from supply_chain.lock import GROUPS, ROOT, Package, installed
from supply_chain.policy import Judgement, Policy

DOCUMENT = ROOT / "docs" / "licences.md"
MANIFEST = ROOT / "models" / "manifest.toml"
HEAD = """# Licences

What `requirements.lock` pins, under which licence each package is, and why it may be here. `make licences` writes this page from
the packages' own metadata and [supply_chain/policy.toml](../supply_chain/policy.toml); a test compares it with the lock. The
pipeline itself is under MIT. The house's rule is MIT, BSD and Apache, and what asks for as little:
{accepted}.
A package under anything else fails the tests until it was judged below, by its name and its licence."""


def document(packages: Sequence[Package], policy: Policy, manifest: Path = MANIFEST) -> str:
    """The whole page. Raises CctviewError with every package that the policy does not let in."""
    if bad := [sentence for each in packages for sentence in problems(each, policy)]:
        raise CctviewError("\n".join(bad))
    found = {each: licence_of(installed(each.name), each.name, policy) for each in packages}
    lines = [HEAD.format(accepted=", ".join(sorted(policy.accepted)))]
    lines += ["", "## Judged one by one", "", *_judgements(policy.judged, "is under")]
    lines += ["", "## Carried inside wheels whose package is under an accepted licence", ""]
    lines += _judgements(policy.carried, "carries")
    for group, what in GROUPS.items():
        rows = [(each.name, each.version, licence) for each, licence in found.items() if each.group == group]
        lines += ["", f"## Packages: {what} ({len(rows)})", "", *_table(("package", "version", "licence"), rows)]
    lines += ["", "## Models' weights", "", *_table(("model", "licence", "where"), _weights(manifest))]
    lines += ["", "## Files of others in this repository", ""]
    files = [(f"`{each.path}`", each.of, each.licence) for each in policy.vendored]
    lines += _table(("file", "of", "licence"), files) if files else ["None."]
    return "\n".join(lines) + "\n"


def listed(page: str) -> dict[tuple[str, str], str]:
    """The licence of every package and version in the page's tables of packages."""
    tables = (part.split("\n## ")[0] for part in page.split("\n## Packages: ")[1:])
    rows = (line.strip("| ").split(" | ") for table in tables for line in table.splitlines() if line.startswith("| "))
    return {(name, version): licence for name, version, licence in rows if name not in ("package", "---")}


def _judgements(judged: Iterable[Judgement], verb: str) -> list[str]:
    return _table(("package", verb, "why it may be here"), [(f"`{each.package}`", each.holds, each.why) for each in judged])


def _weights(manifest: Path) -> Iterator[tuple[str, str, str]]:
    for name, facts in sorted(tomllib.loads(manifest.read_text()).items()):
        where = f"fetched by `cctview models pull {name}`, never passed on" if "url" in facts else "in this repository"
        yield name, facts["licence"], where


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
