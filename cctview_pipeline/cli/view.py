"""``cctview view``: the web application on this lake."""

from pathlib import Path
from typing import Annotated

import typer

from cctview_pipeline import environment
from cctview_pipeline.cli.terminal import console


def view(
    port: Annotated[int, typer.Option(help="Port of the pages; 0 for a free one.")] = 8020,
    host: Annotated[str, typer.Option(help="Address to listen on; others than this machine's need --tokens.")] = "127.0.0.1",
    tokens: Annotated[Path | None, typer.Option(help="A file of lines `name token`, readable by you alone.")] = None,
    allow_host: Annotated[
        list[str], typer.Option("--allow-host", help="A name by which browsers call it; may be given again.")
    ] = [],  # noqa: B006
    certificate: Annotated[Path | None, typer.Option(help="Of HTTPS, PEM; with --key.")] = None,
    key: Annotated[Path | None, typer.Option(help="The certificate's, PEM.")] = None,
    dagster: Annotated[str, typer.Option(help="Where Dagster's UI is, for links into it.")] = "http://127.0.0.1:3000",
    tiles: Annotated[
        str,
        typer.Option(envvar=environment.TILES.name, help="For the map: https://HOST/{z}/{x}/{y}.png, or a .pmtiles file."),
    ] = "",
    tiles_attribution: Annotated[
        str, typer.Option(envvar=environment.TILES_ATTRIBUTION.name, help="Whose tiles these are, shown beside the map.")
    ] = "",
) -> None:
    """Show the lake in a browser: cameras, frames, vehicles, figures, what is kept. It reads, and changes nothing but labels."""
    from cctview_pipeline.automation.instance import prepare_home
    from cctview_pipeline.errors import CctviewError
    from cctview_pipeline.resources.keys import open_keys
    from cctview_pipeline.resources.lake import open_lake
    from cctview_pipeline.viewer import ViewerSettings, create_app
    from cctview_pipeline.viewer.serving import check_certificate, listen, serve
    from cctview_pipeline.viewer.settings import read_tokens
    from cctview_pipeline.viewer.tiles import Tiles

    if (certificate is None) != (key is None):
        raise CctviewError("HTTPS needs both --certificate and --key.")
    if certificate and key:
        check_certificate(certificate, key)
    known = read_tokens(tokens) if tokens else {}
    mapped = Tiles.open(tiles, tiles_attribution) if tiles else None
    settings = ViewerSettings(
        host=host,
        hosts=tuple(allow_host),
        tokens=known,
        secure=certificate is not None,
        dagster=dagster.rstrip("/"),
        tiles=mapped,
    )
    listener = listen(host, port)
    prepare_home()
    lake = open_lake()
    app = create_app(lake, open_keys(lake.uri), settings)
    scheme, shown = "https" if settings.secure else "http", f"[{host}]" if ":" in host else host
    console.print(f"{scheme}://{shown}:{listener.getsockname()[1]} shows {lake.uri}; stop it with Ctrl-C.", soft_wrap=True)
    if mapped and mapped.origin:
        console.print(f"{mapped.origin} gives the map's tiles, and learns which corridor is looked at.", soft_wrap=True)
    serve(app, listener, certificate, key)
