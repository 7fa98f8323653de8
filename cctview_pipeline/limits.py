"""What is let in from outside, at most: one table.

Cameras, archives, lists, files and uploads are other people's bytes. Whatever reads them asks here how much it may take before it
takes it; what is beyond is refused with the sentence, and nothing else with it.
"""

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

    def check(self, found: float, error: type[CctviewError] = CctviewError) -> None:
        """Raises error, with the sentence, for more than the limit."""
        if not self.allows(found):
            raise error(self.says(found))


# Pictures, from a camera, an archive or an upload.
PICTURE_BYTES = Limit(8 << 20, "A picture of {found:,} bytes is refused: {most:,} are allowed.")
PICTURE_PIXELS = Limit(36_000_000, "A picture of {found:,} pixels is refused: {most:,} are allowed.")
PICTURE_SIDE = Limit(32_767, "A picture of {found:,} pixels a side is refused: {most:,} are allowed.")

# Archives.
ARCHIVE_DEPTH = Limit(32, "A folder {found:,} deep is not looked into: {most:,} are allowed.")
ZIP_ENTRIES = Limit(1_000_000, "A zip file of {found:,} entries is not read: {most:,} are allowed.")

# Networks and what a collector is answered.

# Files of a user's own: campaign.toml, weights, queries.
