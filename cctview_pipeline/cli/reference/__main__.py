"""Write docs/reference/ anew."""

from cctview_pipeline.cli.reference import pages
from cctview_pipeline.files import write_whole
from cctview_pipeline.paths import project_root

for name, text in pages().items():
    path = project_root() / "docs" / "reference" / name
    write_whole(path, text.encode())
    print(path)
