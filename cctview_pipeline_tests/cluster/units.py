"""A unit of systemd as far as this project's use it: what it runs, in which environment, and when it is started again."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from cctview_pipeline.paths import project_root

FOLDER = project_root() / "deploy" / "ray"


@dataclass(frozen=True)
class Unit:
    """name: of its file; sections: section -> key -> values, in order."""

    name: str
    sections: dict[str, dict[str, list[str]]]

    @classmethod
    def read(cls, path: Path) -> "Unit":
        """Raises ValueError, with the line, for what is no unit file."""
        sections: dict[str, dict[str, list[str]]] = {}
        for line in re.sub(r"\\\n\s*", "", path.read_text()).splitlines():
            if not line or line.startswith(("#", ";")):
                continue
            if header := re.fullmatch(r"\[(\w+)\]", line):
                section = sections.setdefault(header[1], {})
                continue
            key, equals, value = line.partition("=")
            if not equals or not sections or not key.isidentifier():
                raise ValueError(f"{path.name}: neither a section nor a setting: {line}")
            section.setdefault(key, []).append(value)
        return cls(path.name, sections)

    def all(self, key: str) -> list[str]:
        """The values of a key of the section [Service]."""
        return self.sections["Service"].get(key, [])

    def environment_files(self, instance: str = "") -> list[str]:
        return [value.replace("%i", instance) for value in self.all("EnvironmentFile")]

    def command(self, environment: dict[str, str], instance: str = "") -> list[str]:
        """Its program and arguments. As systemd does it: ``${NAME}`` anywhere is the variable, ``$NAME`` as a word of its own
        is the variable's words, %i the instance's name and %I the same with slashes for dashes. Raises KeyError for a
        variable that is not set."""
        (line,) = self.all("ExecStart")
        words = []
        for word in shlex.split(line.replace("%i", instance).replace("%I", instance.replace("-", "/"))):
            if alone := re.fullmatch(r"\$(\w+)", word):
                words += environment[alone[1]].split()
            else:
                words.append(re.sub(r"\$\{(\w+)\}", lambda found: environment[found[1]], word))
        return words


def read_environment(path: Path) -> dict[str, str]:
    """A file of ``NAME=value`` lines."""
    lines = (line for line in path.read_text().splitlines() if line and not line.startswith("#"))
    return {name: value for name, _, value in (line.partition("=") for line in lines)}
