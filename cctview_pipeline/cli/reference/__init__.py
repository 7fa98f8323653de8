"""The pages of docs/reference/, generated from the code: commands, tables, configuration and the schema of campaign.toml.

::

    python -m cctview_pipeline.cli.reference       # or make reference: writes all of them anew
"""

from cctview_pipeline.cli.reference.commands import commands_page
from cctview_pipeline.cli.reference.configuration import configuration_page
from cctview_pipeline.cli.reference.schema import schema_page
from cctview_pipeline.cli.reference.tables import tables_page

__all__ = ["pages"]


def pages() -> dict[str, str]:
    """File name -> text, for docs/reference/."""
    return {
        "campaign.schema.json": schema_page(),
        "commands.md": commands_page(),
        "configuration.md": configuration_page(),
        "tables.md": tables_page(),
    }
