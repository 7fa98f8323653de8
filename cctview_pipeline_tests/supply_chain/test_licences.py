"""No package is in the lock whose licence nobody knows, accepts or has judged; docs/licences.md has them all."""

import re
import subprocess
from fnmatch import fnmatch
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supply_chain import licences
from supply_chain.document import DOCUMENT, MANIFEST, document, listed
from supply_chain.licences import licence_of, problems
from supply_chain.lock import GROUPS, ROOT, Package, grouped, read_lock
from supply_chain.policy import Judgement, Policy, unnamed_files

POLICY = Policy.load()
MADE = Package("made", "1.0", "base")
HERE = [group for group in GROUPS if group != "benchmark"]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Installs a package ``made`` with these lines of metadata and these further files."""

    def install(metadata: str, **files: str) -> None:
        folder = tmp_path / "made-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nName: made\nVersion: 1.0\n{metadata}\n")
        for name, text in files.items():
            (folder / name).write_text(text)
        (folder / "RECORD").write_text("".join(f"made-1.0.dist-info/{name},,\n" for name in files))
        monkeypatch.setattr(licences, "installed", lambda name: PathDistribution(folder))

    return install


def test_the_page_lists_the_lock():
    assert listed(DOCUMENT.read_text()).keys() == read_lock().items()


def test_the_page_says_what_the_packages_say_and_all_were_let_in():
    page = DOCUMENT.read_text()
    rest = page.partition(f"## Packages: {GROUPS['benchmark']}")[0]
    assert document(grouped(read_lock(), HERE), POLICY).startswith(rest)
    assert page[page.index("## Models' weights") :] in document([], POLICY)


def test_no_model_goes_without_a_licence():
    page = DOCUMENT.read_text()
    names = [line.strip("[]\n") for line in MANIFEST.read_text().splitlines() if line.startswith("[") and "." not in line]
    assert names
    assert all(f"\n| {name} | " in page for name in names)


def test_files_of_others_in_the_repository_are_named():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert not unnamed_files(tracked, POLICY)
    assert unnamed_files(["viewer/htmx.min.js", "viewer/own.js", "a.ttf"], POLICY) == ["a.ttf", "viewer/htmx.min.js"]


def test_no_entry_of_the_policy_is_left_over():
    names = read_lock()
    for pattern in [*POLICY.read, *(each.package for each in POLICY.judged + POLICY.carried)]:
        assert any(fnmatch(name, pattern) for name in names), f"nothing in the lock is {pattern}"


def test_what_is_for_tests_only_is_imported_by_no_module_of_the_pipeline():
    only = {each.package for each in POLICY.judged + POLICY.carried if each.why.startswith("For tests only")}
    assert {"eclipse-sumo", "sumolib", "hypothesis"} <= only
    modules = {name.replace("-", "_") for name in only} | {"sumo", "frictionless", "faster_coco_eval"}
    imported = re.compile(rf"^\s*(?:import|from) (?:{'|'.join(sorted(modules))})\b", re.MULTILINE)
    assert imported.search("    import sumolib\n")
    assert not [path for path in (ROOT / "cctview_pipeline").rglob("*.py") if imported.search(path.read_text())]


@pytest.mark.parametrize(
    ("metadata", "problem"),
    [
        ("License-Expression: AGPL-3.0-only", "is under AGPL-3.0-only, which policy.toml neither accepts nor judges for it"),
        ("License-Expression: MIT AND GPL-2.0-or-later", "is under MIT AND GPL-2.0-or-later, which policy.toml neither"),
        ("License-Expression: MPL-2.0", "is under MPL-2.0, which policy.toml neither accepts nor judges for it"),
        ("License-Expression: LicenseRef-Mine", "is under LicenseRef-Mine, which policy.toml neither accepts nor judges"),
        ("License: MIT\nClassifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)", "says 'GNU General"),
        ("Classifier: License :: OSI Approved :: BSD License", "says 'BSD License': read its files"),
        ("License: see the web page", "says 'see the web page': read its files"),
        ("Summary: says nothing", "says no licence: read its files"),
    ],
)
def test_what_may_not_be_in_the_lock_is_named(made, metadata: str, problem: str):
    made(metadata)
    [told] = problems(MADE, POLICY)
    assert told.startswith(f"made 1.0 {problem}")


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        ("License-Expression: MIT OR GPL-3.0-only", "MIT OR GPL-3.0-only"),
        ("License-Expression: Apache-2.0 WITH LLVM-exception", "Apache-2.0 WITH LLVM-exception"),
        ("License: MIT License\nClassifier: License :: OSI Approved :: MIT License", "MIT"),
        ("License: BSD-2-Clause\nClassifier: License :: OSI Approved :: BSD License", "BSD-2-Clause"),
        (f"License: {'Permission is hereby granted ' * 9}\nClassifier: License :: OSI Approved :: MIT License", "MIT"),
    ],
)
def test_what_may_be_there(made, metadata: str, licence: str):
    made(metadata)
    assert not list(problems(MADE, POLICY))
    assert licence_of(licences.installed("made"), "made", POLICY) == licence


@pytest.mark.parametrize(
    ("files", "sign"),
    [
        ({"LICENSE": "MIT\n\n      GNU GENERAL PUBLIC LICENSE\n"}, "LICENSE: GNU GENERAL PUBLIC LICENSE"),
        ({"LICENSE-3RD-PARTY.txt": "Files: x\nLicense: LGPL-2.1\n"}, "LICENSE-3RD-PARTY.txt: License: LGPL-2.1"),
        ({"libx264-d6533a8d.so.165": ""}, "libx264-d6533a8d.so"),
    ],
)
def test_what_a_wheel_carries_is_seen(made, files: dict[str, str], sign: str):
    made("License-Expression: MIT", **files)
    [told] = problems(MADE, POLICY)
    assert told == f"made 1.0 carries copyleft code ({sign}), and policy.toml does not say why it may."


def test_a_licence_that_only_speaks_of_the_gpl(made):
    made("License-Expression: PSF-2.0", LICENSE="Python's licences, unlike the GPL, let you distribute a modified version.\n")
    assert not list(problems(MADE, POLICY))


def test_a_judgement_is_on_one_package_under_one_licence(made):
    judged = Policy(POLICY.accepted, {}, {}, (Judgement("made", "MPL-2.0", "as it comes"),), (), ())
    made("License-Expression: LGPL-3.0-only")
    assert list(problems(MADE, judged))
    assert judged.judgement("made", "MPL-2.0")
    assert not judged.judgement("another", "MPL-2.0")


def test_what_a_person_read_goes_when_the_package_says_it_itself(made):
    made("License-Expression: MIT")
    read = Policy(POLICY.accepted, {}, {"made": {"licence": "MIT", "where": "LICENSE"}}, (), (), ())
    assert list(problems(MADE, read)) == ["made states MIT now: take it out of [read] in policy.toml."]


LICENCES = st.sampled_from(["MIT", "BSD-3-Clause", "GPL-3.0-only", "AGPL-3.0-or-later", "MPL-2.0"])


@given(st.recursive(LICENCES, lambda inner: st.tuples(inner, st.sampled_from(["AND", "OR"]), inner), max_leaves=6))
def test_all_of_an_and_are_followed_and_one_of_an_or(tree):
    def spelled(each) -> str:
        return each if isinstance(each, str) else f"({spelled(each[0])} {each[1]} {spelled(each[2])})"

    def may(each) -> bool:
        if isinstance(each, str):
            return each in POLICY.accepted
        return (all if each[1] == "AND" else any)(may(part) for part in (each[0], each[2]))

    assert POLICY.accepts(spelled(tree)) == may(tree)
