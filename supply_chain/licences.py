"""The licence of every package of the lock, as an SPDX expression, and whether the policy has it.

A package's own words count in this order: ``License-Expression`` (PEP 639), a short ``License``, the classifiers. Where the last
two name different licences, or none that can be read, a person has to read the package's files and say so in policy.toml.
"""

import re
from collections.abc import Iterator
from importlib.metadata import Distribution
from pathlib import Path

from cctview_pipeline.errors import CctviewError
from supply_chain.lock import Package, installed
from supply_chain.policy import Policy, parsed

SHORT = 60
"""Characters up to which a License field is a name, and not a licence's whole text."""
GNU = re.compile(
    r"^\W*(GNU (LESSER |LIBRARY |AFFERO )?GENERAL PUBLIC LICENSE|License: .*GPL.*)\W*$", re.MULTILINE | re.IGNORECASE
)
"""A heading of a licence text, or of a list of what a wheel carries. That another licence speaks of the GPL is not one."""
COPYLEFT_LIBRARIES = re.compile(
    r"\blib(avcodec|x264|x265|Qt\d|gfortran|gomp|quadmath|gmp|gnutls|hogweed|nettle|readline)\w*[-.].*so"
)
"""Files of libraries under the GPL or LGPL that wheels are known to carry."""


def licence_of(package: Distribution, name: str, policy: Policy) -> str:
    """The SPDX expression of a package. Raises CctviewError where its metadata don't say, and policy.toml neither."""
    stated, read = package.metadata["License-Expression"], policy.read.get(name)
    if stated:
        if read:
            raise CctviewError(f"{name} states {stated} now: take it out of [read] in policy.toml.")
        return str(parsed(stated))
    if read:
        return str(parsed(read["licence"]))
    said = {policy.spelled.get(word, word) for word in _said(package)}
    if any(word.startswith("BSD-") for word in said):
        said.discard("BSD License")  # the classifier leaves open which
    if len(said) == 1 and (licence := _expression(*said)):
        return licence
    words = ", ".join(f"'{word}'" for word in sorted(said)) or "no licence"
    raise CctviewError(
        f"{name} {package.version} says {words}: read its files, and write its licence under [read] in policy.toml."
    )


def _said(package: Distribution) -> Iterator[str]:
    """What a short License field and the classifiers call the licence."""
    words = [(package.metadata["License"] or "").strip()]
    classifiers = package.metadata.get_all("Classifier") or []
    words += [each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License :: OSI Approved :: ")]
    return (each for each in words if each and len(each) <= SHORT and "\n" not in each)


def _expression(words: str) -> str:
    """Words as an SPDX expression, or nothing."""
    try:
        return str(parsed(words))
    except CctviewError:
        return ""


def carries_copyleft(package: Distribution) -> str:
    """The first sign in a package's files that its wheel carries something under the GPL or LGPL, or nothing."""
    for each in package.files or []:
        if found := COPYLEFT_LIBRARIES.search(str(each)):
            return found.group()
        if ".dist-info/" in str(each) and re.search("licen[cs]|copying|notice|third", each.name, re.IGNORECASE):
            text = Path(str(each.locate())).read_text(errors="replace")
            if found := GNU.search(text):
                return f"{each.name}: {found.group().strip()}"
    return ""


def problems(package: Package, policy: Policy) -> Iterator[str]:
    """A sentence for everything that keeps an installed package out."""
    found = installed(package.name)
    if found is None:
        yield f"{package.name} {package.version} is not installed, so its licence cannot be read: make licences installs it."
        return
    try:
        licence = licence_of(found, package.name, policy)
    except CctviewError as error:
        yield str(error)
        return
    if not policy.accepts(licence) and not policy.judgement(package.name, licence):
        yield f"{package.name} {package.version} is under {licence}, which policy.toml neither accepts nor judges for it."
    if (sign := carries_copyleft(found)) and not policy.carries(package.name):
        yield f"{package.name} {package.version} carries copyleft code ({sign}), and policy.toml does not say why it may."
