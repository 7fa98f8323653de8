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

# Networks and what a collector is answered.

# Files of a user's own: campaign.toml, weights, queries.
TOML_BYTES = Limit(1 << 20, "A TOML file of {found:,} bytes is refused: {most:,} are allowed.")
TOML_DEPTH = Limit(32, "It is nested more than {most} deep, and nothing in it needs to be.")
QUESTION_BYTES = Limit(64 << 10, "A question of {found:,} bytes is refused: {most:,} are allowed.")
QUESTION_SECONDS = Limit(600, "The question was stopped after {most:.0f} seconds: ask for fewer cameras, hours or columns.")
QUESTION_MEMORY_BYTES = Limit(4 << 30, "The question needs more than {most:,} bytes of memory: ask for fewer hours or columns.")
