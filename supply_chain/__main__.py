"""``python -m supply_chain``: the commands behind `make licences`, `make sbom` and `make lint-deps`."""

import sys
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from cctview_pipeline.errors import CctviewError

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="What this project stands on.")


@app.command()
def licences() -> None:
    """Write docs/licences.md, or say which packages may not be in the lock."""
    from supply_chain.document import DOCUMENT, document
    from supply_chain.lock import grouped, read_lock
    from supply_chain.policy import Policy

    packages = grouped(read_lock())
    DOCUMENT.write_text(document(packages, Policy.load()))
    print(f"{DOCUMENT} lists {len(packages)} packages.")


@app.command()
def audit(
    advisories: Annotated[
        Path | None, typer.Option(help="A list in the OSV format instead of a service: zip file or folder.")
    ] = None,
    unchecked_ok: Annotated[bool, typer.Option("--unchecked-ok", help="Status 0 where nobody could be asked.")] = False,
) -> None:
    """Say what is known against the versions of the lock. Status 1: something is open; 3: not all could be checked."""
    from supply_chain.advisories import read_accepted
    from supply_chain.audit import UNCHECKED, audit_by_list, audit_by_service, verdict
    from supply_chain.lock import read_lock

    lock = read_lock()
    found = audit_by_list(lock, advisories) if advisories else audit_by_service(lock)
    status, lines = verdict(lock, found, read_accepted(), date.today())
    print(*lines, sep="\n")
    sys.exit(0 if unchecked_ok and status == UNCHECKED else status)


@app.command()
def sbom() -> None:
    """Write docs/sbom.cdx.json: what a release is made of, in CycloneDX."""
    from supply_chain.sbom import FILE, bom, to_json

    FILE.write_text(to_json(bom()))
    print(f"{FILE} is written.")


def main() -> None:
    try:
        app()
    except CctviewError as error:
        print(f"supply_chain: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
