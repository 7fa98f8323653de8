"""``cctview`` as it is installed, and ``python -m cctview_pipeline``: who stops it while its modules load is told so without a
traceback, as later."""

from cctview_pipeline.ending import ending


def main() -> None:
    with ending():
        from cctview_pipeline.cli.app import app

        app()


if __name__ == "__main__":
    main()
