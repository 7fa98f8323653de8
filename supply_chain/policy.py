"""policy.toml: which licences are accepted, what a person read and judged, and which files of others stand in the repository."""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from license_expression import ExpressionError, LicenseExpression, get_spdx_licensing

from cctview_pipeline.errors import CctviewError

POLICY = Path(__file__).with_name("policy.toml")
SPDX = get_spdx_licensing()
FOREIGN = re.compile(r"(\.min\.(js|css)|\.(woff2?|ttf|otf|eot|wasm|jar|whl|so|dll|dylib))$")
"""Names of files that are seldom a project's own."""


@dataclass(frozen=True)
class Judgement:
    """Why a package may be here although its licence, or what its wheel carries, asks for more than a notice."""

    package: str
    holds: str
    why: str


@dataclass(frozen=True)
class Vendored:
    """A file of others in this repository. path: from its root; of: what it is a file of, with the version."""

    path: str
    of: str
    licence: str


@dataclass(frozen=True)
class Policy:
    """policy.toml. accepted: SPDX identifiers; spelled: other spellings of them; read: what a person read in a package's files;
    judged and carried: patterns of package names with what is asked, whole packages and what their wheels carry besides."""

    accepted: frozenset[str]
    spelled: dict[str, str]
    read: dict[str, dict[str, str]]
    judged: tuple[Judgement, ...]
    carried: tuple[Judgement, ...]
    vendored: tuple[Vendored, ...]

    @classmethod
    def load(cls, path: Path = POLICY) -> "Policy":
        facts = tomllib.loads(path.read_text())
        judged, carried = (tuple(Judgement(**each) for each in facts.get(part, [])) for part in ("judged", "carried"))
        vendored = tuple(Vendored(**each) for each in facts.get("vendored", []))
        return cls(frozenset(facts["accepted"]), facts["spelled"], facts["read"], judged, carried, vendored)

    def judgement(self, package: str, licence: str) -> Judgement | None:
        """The judgement on a package under exactly this licence."""
        return next((each for each in self.judged if fnmatch(package, each.package) and each.holds == licence), None)

    def carries(self, package: str) -> bool:
        """Whether it was judged what a package's wheel carries, or the package as a whole."""
        return any(fnmatch(package, each.package) for each in self.judged + self.carried)

    def accepts(self, licence: str) -> bool:
        """Whether every licence that must be followed is accepted: all of an AND, one of an OR."""
        return self._accepts(parsed(licence))

    def _accepts(self, licence: LicenseExpression) -> bool:
        if isinstance(licence, SPDX.OR):
            return any(map(self._accepts, licence.args))
        if isinstance(licence, SPDX.AND):
            return all(map(self._accepts, licence.args))
        return str(licence) in self.accepted


def parsed(licence: str) -> LicenseExpression:
    """An SPDX expression; LicenseRef- names are taken as they are. Raises CctviewError on what is none."""
    try:
        found = SPDX.parse(licence)
        unknown = [str(key) for key in SPDX.unknown_license_keys(found) if not str(key).startswith("LicenseRef-")]
    except ExpressionError as error:
        raise CctviewError(f"'{licence}' is no SPDX licence expression.") from error
    if found is None or unknown:
        raise CctviewError(f"'{licence}' names no SPDX licence.")
    return found


def unnamed_files(paths: Iterable[str], policy: Policy) -> list[str]:
    """Files of the repository that look like somebody else's, and are not under [[vendored]]."""
    named = {each.path for each in policy.vendored}
    return sorted(path for path in paths if FOREIGN.search(path) and path not in named)
