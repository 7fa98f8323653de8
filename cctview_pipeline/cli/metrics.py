"""``cctview metrics``: one exporter for a deployment."""

import os
import signal
import threading
from functools import partial
from typing import Annotated

import typer

from cctview_pipeline.cli.terminal import console
from cctview_pipeline.errors import CctviewError


def metrics(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port; 0 for a free one.")] = 9108,
    host: Annotated[str, typer.Option(help="Address to listen on. Nobody who reaches it is asked who they are.")] = "127.0.0.1",
    lakes: Annotated[
        list[str],
        typer.Option("--lake", help="A district's lake; may be given again. The one of CCTVIEW_LAKE when left out."),
    ] = [],  # noqa: B006
) -> None:
    """Serve Prometheus metrics of the deployment: runs, queue and daemons of DAGSTER_HOME, lags and growth of the lakes.

    It only reads. Collectors have metrics of their own (`cctview collect --metrics-port`).
    """
    from prometheus_client import CollectorRegistry, start_http_server

    from cctview_pipeline.automation.instance import open_instance, prepare_home
    from cctview_pipeline.automation.run_metrics import RunMetrics
    from cctview_pipeline.paths import lake_uri
    from cctview_pipeline.resources.lake import open_lake
    from cctview_pipeline.watching.metrics import Exporter, Source, lake_sources

    prepare_home()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: stop.set())
    with open_instance() as instance:
        sources = [Source(f"dagster {os.environ['DAGSTER_HOME']}", RunMetrics(instance).look)]
        for uri in lakes or [lake_uri()]:
            sources += lake_sources(uri, partial(open_lake, uri))
        exporter, registry = Exporter(sources), CollectorRegistry()
        exporter.start()
        registry.register(exporter)
        try:
            server, _ = start_http_server(port, host, registry)
        except OSError:
            raise CctviewError(
                f"Metrics cannot be served at {host}, port {port}: stop the program that uses it, or choose another with --port."
            ) from None
        console.print(f"http://{host}:{server.server_port}/metrics tells of {len(sources)} sources; stop it with Ctrl-C.")
        stop.wait()
        exporter.stop()
        server.shutdown()
