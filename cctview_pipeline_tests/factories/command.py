"""Running ``cctview`` as a user does, with a lake and a Dagster instance of its own: in a process of its own, or in this one."""

import contextlib
import hashlib
import io
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from cctview_pipeline.__main__ import main
from cctview_pipeline.cli.terminal import console
from cctview_pipeline.paths import project_root

CCTVIEW = str(Path(sys.executable).parent / "cctview")


@dataclass(frozen=True)
class Workplace:
    """A folder with a lake and a Dagster home. uri: where the lake is, when it is elsewhere."""

    folder: Path
    uri: str = ""
    extra: tuple[tuple[str, str], ...] = ()

    @property
    def lake(self) -> Path:
        return self.folder / "lake"

    @property
    def environment(self) -> dict[str, str]:
        mine = {"CCTVIEW_LAKE": self.uri or str(self.lake), "DAGSTER_HOME": str(self.folder / "dagster"), "COLUMNS": "120"}
        mine |= {"CCTVIEW_AUDIT": str(self.folder / "audit" / "audit.jsonl")}
        return os.environ | mine | dict(self.extra)

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [CCTVIEW, *map(str, words)],
            env=self.environment,
            cwd=project_root(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *words: str | Path, timeout: float = 1500) -> subprocess.CompletedProcess[str]:
        process = self.start(*words)
        out, err = process.communicate(timeout=timeout)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def invoke(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """The command in this process, down to its status and its last sentence: seconds sooner, for what is not to be killed."""
        out, err, status = io.StringIO(), io.StringIO(), 0
        with (
            mock.patch.dict(os.environ, self.environment),
            mock.patch.object(console, "_width", 120),  # COLUMNS is read when a console is made
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            contextlib.chdir(project_root()),
        ):
            try:
                main([str(word) for word in words])
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else int(end.code is not None)
        return subprocess.CompletedProcess(words, status, out.getvalue(), err.getvalue())

    def backfill(self, archive: Path, *more: str | Path) -> subprocess.CompletedProcess[str]:
        return self.run("backfill", "--network", "archive", "--path", archive, *more)

    def digests(self) -> dict[str, str]:
        """Every table's file in the lake -> SHA-256, but for throughput, which tells how long the others took."""
        files = sorted(path for path in self.lake.rglob("*.parquet") if "throughput" not in path.parts)
        return {str(path.relative_to(self.lake)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    def leftovers(self) -> list[Path]:
        """Files in the lake that are no table's, neither the campaign nor its roster, no report and no note of when an hour was
        taken in."""
        known = ("part-0.parquet", "campaign.toml", "roster.json", "report.html")
        return [p for p in self.lake.rglob("*") if p.is_file() and p.name not in known and p.parts[-3] != "intake"]
