"""The project's documents, and what stands in them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from cctview_pipeline.paths import project_root

ROOT = project_root()
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("models/*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^ {4}(?=\S)(.*)$", re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")


def text_of(name: str) -> str:
    return (ROOT / name).read_text()


def blocks(name: str, language: str) -> list[str]:
    """Fenced code of one language; the empty one is what is typed into a shell, and what it answers."""
    return [code for kind, code in _FENCED.findall(text_of(name)) if kind == language]


def prose(name: str) -> str:
    return _FENCED.sub("", text_of(name))


def spans(name: str) -> list[str]:
    """Code within a sentence, in one line."""
    return [" ".join(span.split()) for span in _SPAN.findall(prose(name))]


def typed(name: str) -> Iterator[list[str]]:
    """The words of every command of ``cctview`` in the page's blocks of code."""
    for block in [*blocks(name, ""), *blocks(name, "bash"), "\n".join(_INDENTED.findall(prose(name)))]:
        line = ""
        for part in block.splitlines():
            line = f"{line}\n{part}" if line else part.removeprefix("$ ")
            try:
                words = shlex.split(line.replace("\\\n", " "), comments=True)
            except ValueError:
                if re.match(r"(\w+=\S+ )*cctview ", line):
                    continue  # a quotation goes on in the next line
                words = []
            yield from _ours(words)
            line = ""


def _ours(words: list[str]) -> Iterator[list[str]]:
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    if words and words[0] in ("cctview", ".venv/bin/cctview"):
        end = min((words.index(sign) for sign in ("|", ">", "&&") if sign in words), default=len(words))
        yield words[1:end]


def file_of(page: str, link: str) -> Path:
    """Where a relative link leads."""
    return (ROOT / page).parent / link.partition("#")[0] if link.partition("#")[0] else ROOT / page
