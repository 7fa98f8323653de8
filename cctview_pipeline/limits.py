"""What is let in from outside, at most: one table.

Cameras, archives, lists, files and uploads are other people's bytes. Whatever reads them asks here how much it may take before it
takes it; what is beyond is refused with the sentence, and nothing else with it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from cctview_pipeline.errors import CctviewError


@dataclass(frozen=True)
class Limit:
    """most: the largest that is let in; sentence: what is said of more, with ``{found}`` and ``{most}`` in it."""

    most: float
    sentence: str

    def allows(self, found: float) -> bool:
        return found <= self.most

    def says(self, found: float) -> str:
        """Why so much is refused."""
        return self.sentence.format(found=found, most=self.most)

    def check(self, found: float, error: Callable[[str], CctviewError] = CctviewError) -> None:
        """Raises error, with the sentence, for more than the limit."""
        if not self.allows(found):
            raise error(self.says(found))


# Pictures, from a camera, an archive or an upload.
PICTURE_BYTES = Limit(8 << 20, "A picture of {found:,} bytes is refused: {most:,} are allowed.")
PICTURE_PIXELS = Limit(36_000_000, "A picture of {found:,} pixels is refused: {most:,} are allowed.")
PICTURE_SIDE = Limit(32_767, "A picture of {found:,} pixels a side is refused: {most:,} are allowed.")
PICTURE_SCANS = Limit(24, "A picture of {found:,} scans is refused: {most:,} are allowed.")
"""A progressive picture has some ten; one that is as large as is allowed takes 0.05 s for each, however few bytes it has."""
PICTURE_LEAST_SIDE = 16
"""px: less is no picture of a camera."""

# Archives.
ARCHIVE_DEPTH = Limit(32, "A folder {found:,} deep is not looked into: {most:,} are allowed.")
ZIP_ENTRIES = Limit(1_000_000, "A zip file of {found:,} entries is not read: {most:,} are allowed.")

# Footage.
SIDECAR_BYTES = Limit(32 << 20, "A sidecar or playlist of {found:,} bytes is not read: {most:,} are allowed.")
VIDEO_FAULTS = Limit(1000, "It is damaged in more than {most:,} places and not read on.")

# Networks and what a collector is answered.
ANSWER_BYTES = Limit(8 << 20, "An answer of more than {most:,} bytes, unpacked, is refused.")
ANSWER_S = Limit(15, "An answer that takes longer than {most:g} s is given up.")
LIST_BYTES = Limit(32 << 20, "A list of cameras of more than {most:,} bytes, unpacked, is refused.")
LIST_S = Limit(60, "A list of cameras that takes longer than {most:g} s is given up.")
LIST_PAGES = Limit(200, "A list of cameras of {found:,} pages is read up to its page {most:,}.")
LIST_ROWS = Limit(100_000, "A list of {found:,} cameras is read up to its row {most:,}.")
REDIRECTS = Limit(5, "An answer behind more than {most} redirects is not followed.")
RETRY_AFTER_S = Limit(3600, "A camera is left alone for {most:,} s at most, whatever its server asks for.")
NAME_CHARACTERS = Limit(200, "A name of {found:,} characters is refused: {most} are allowed.")
SHARDS = Limit(1000, "{found:,} shards are refused: {most:,} are allowed.")

# Files of a user's own: campaign.toml, weights, queries.
TOML_BYTES = Limit(1 << 20, "A TOML file of {found:,} bytes is refused: {most:,} are allowed.")
ZONE_CORNERS = Limit(2000, "its zones have {found:,} corners, and {most:,} are allowed.")
CSV_FIELD = Limit(128 << 10, "A field of {found:,} characters is refused: {most:,} are allowed.")
"""Python's reader has this limit too, but any library of the same process may raise it for all."""
TOML_DEPTH = Limit(32, "It is nested more than {most} deep, and nothing in it needs to be.")
REPORT_BYTES = Limit(16 << 20, "A report of {found:,} bytes is refused: {most:,} are allowed.")
QUESTION_BYTES = Limit(64 << 10, "A question of {found:,} bytes is refused: {most:,} are allowed.")
QUESTION_SECONDS = Limit(600, "The question was stopped after {most:.0f} seconds: ask for fewer cameras, hours or columns.")
QUESTION_ROW_BYTES = Limit(
    64 << 20, "A row of the answer has {found:,} bytes, and {most:,} are allowed: ask for less in one row."
)
QUESTION_MEMORY_BYTES = Limit(4 << 30, "The question needs more than {most:,} bytes of memory: ask for fewer hours or columns.")
