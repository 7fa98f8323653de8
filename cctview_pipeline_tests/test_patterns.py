"""No text makes a pattern of ours take for ever: those that try every way of dividing it do so by what repeats itself."""

import ast
import importlib
import itertools
import pkgutil
import re
import signal
from collections.abc import Callable, Iterator

import pytest

import cctview_pipeline
from cctview_pipeline.paths import project_root

LONGEST_S = 0.5
"""Of a processor, for one text."""
FUNCTIONS = {"compile", "match", "fullmatch", "search", "sub", "findall", "finditer", "split"}


def _patterns() -> dict[str, re.Pattern]:
    """Of all modules: those with a name, and those that stand in a call."""
    found: dict[str, re.Pattern] = {}
    for each in pkgutil.walk_packages(cctview_pipeline.__path__, "cctview_pipeline."):
        path = project_root() / (each.name.replace(".", "/") + ("/__init__.py" if each.ispkg else ".py"))
        text = path.read_text()
        if "import re\n" not in text:
            continue
        if "re.compile(" in text:
            named = vars(importlib.import_module(each.name)).items()
            found |= {f"{each.name}.{name}": value for name, value in named if isinstance(value, re.Pattern)}
        for number, literal in _literals(ast.parse(text)):
            found[f"{each.name}:{number}"] = re.compile(literal)
    return found


def _literals(tree: ast.AST) -> Iterator[tuple[int, str | bytes]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {f"re.{name}" for name in FUNCTIONS}:
            pattern = node.args[0]
            if isinstance(pattern, ast.Constant):
                yield node.lineno, pattern.value


def _repeated(pattern: re.Pattern, times: int) -> Iterator[str]:
    """One or two of the characters that stand in the pattern or are of a class, over and over, and then one that is not."""
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    alphabet = sorted({*re.sub(r"\\.|[A-Za-z0-9]", "", source), *"a0 .-\"'\t\n"})
    for unit in map("".join, itertools.chain(alphabet, itertools.product(alphabet, repeat=2))):
        yield unit * times + "\x01"


def _slow(look: Callable[[str | bytes], object], texts: Iterator[str], encoded: bool) -> list[str]:
    slow = []

    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, stop)
    try:
        for text in texts:
            signal.setitimer(signal.ITIMER_VIRTUAL, LONGEST_S)
            try:
                look(text.encode("latin-1") if encoded else text)
            except TimeoutError:
                slow.append(text[:10])
            finally:
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    finally:
        signal.signal(signal.SIGVTALRM, before)
    return slow


PATTERNS = _patterns()


def test_the_patterns_are_found():
    assert {"cctview_pipeline.toml_text._DOTTED", "cctview_pipeline.cameras.listed._NUMBER"} <= set(PATTERNS)
    assert sum(":" in name for name in PATTERNS) > 20


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_no_text_takes_a_pattern_long(pattern: re.Pattern):
    encoded = isinstance(pattern.pattern, bytes)
    assert _slow(pattern.search, _repeated(pattern, 60), encoded) == []
    assert _slow(pattern.fullmatch, _repeated(pattern, 10_000), encoded) == []


@pytest.mark.parametrize(
    "slow",
    [r"(?<![\w\"'-])(?:[\"']?[\w-]*[\"']?[ \t]*\.[ \t]*){32}", r"(a|a)*b", r"([0-9]+-?)+$", r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)"],
)
def test_a_slow_pattern_is_known_as_one(slow: str):
    pattern = re.compile(slow)
    found = itertools.chain(
        _slow(pattern.search, _repeated(pattern, 60), False), _slow(pattern.fullmatch, _repeated(pattern, 30_000), False)
    )
    assert next(found, None)
