"""The web application: what the lake holds, with the pictures it rests on, the doubts and the law beside it.

``cctview view`` serves it. It reads the lake; all that it writes are labels of people (``verdicts``) and lines of the audit log.
"""

from cctview_pipeline.viewer.app import create_app
from cctview_pipeline.viewer.settings import ViewerSettings

__all__ = ["ViewerSettings", "create_app"]
