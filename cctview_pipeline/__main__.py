"""``cctview`` as it is installed, and ``python -m cctview_pipeline``: who stops it while its modules load is told so without a
traceback, as later."""

from collections.abc import Sequence

from cctview_pipeline.ending import ending


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script. arguments: those of the process if left out."""
    with ending():
        from cctview_pipeline.cli.app import app

        app(arguments)


if __name__ == "__main__":
    main()
