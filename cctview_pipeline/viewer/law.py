"""A page about vehicles is an answer: it has a purpose, and is written down before it is given.

One question is a camera's hour, a vehicle, an hour of journeys, a search. What is leafed through within it, and its pictures,
belong to it; asked again in the same session it is not written down again.
"""

from collections.abc import Collection
from dataclasses import dataclass

from cctview_pipeline.errors import AccessRefusedError, CctviewError
from cctview_pipeline.lake import Lake
from cctview_pipeline.privacy.access import authorize, check_purpose
from cctview_pipeline.privacy.audit import AuditLog
from cctview_pipeline.viewer.sessions import Session

ABOUT_VEHICLES = ("raw_frames", "detections", "crops", "tracks", "passages", "matches", "journeys")


class NeedsPurpose(AccessRefusedError):
    """Somebody asks about vehicles who has not said what for."""


class Refused(AccessRefusedError):
    """The law stands in the way."""


@dataclass(frozen=True)
class Law:
    """lake: whose campaign has the purposes; log: where questions are written."""

    lake: Lake
    log: AuditLog

    def state(self, session: Session, purpose: str) -> None:
        """The purpose of a session, written down. Raises Refused for one that the campaign does not have, and where it can't be
        written down."""
        try:
            stated = check_purpose(self.lake, ABOUT_VEHICLES, purpose)
            authorize(self.lake, "session", "viewer: a session begins", (), stated, session.user, self.log)
        except CctviewError as error:
            raise Refused(str(error).replace(" (--purpose)", "")) from error
        session.purpose = stated
        session.asked.clear()

    def ask(self, session: Session | None, question: str, tables: Collection[str]) -> Session:
        """Only when this returns may the answer be given. Raises NeedsPurpose, and Refused as ``state`` does and for one question
        too many."""
        if session is None or not session.purpose:
            raise NeedsPurpose(question)
        if question not in session.asked:
            try:
                authorize(self.lake, "query", f"viewer: {question}", tables, session.purpose, session.user, self.log)
            except CctviewError as error:
                raise Refused(str(error)) from error
            session.remember(question)
        return session
