"""How the viewer is reached, and by whom."""

import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path

from cctview_pipeline.errors import ConfigurationError
from cctview_pipeline.viewer.tiles import Tiles

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MIN_TOKEN = 20
"""Characters. Whoever may try a few tokens a minute finds none of this length."""


@dataclass(frozen=True, kw_only=True)
class ViewerSettings:
    """hosts: names by which browsers may call it; tokens: who -> what they show, nobody is asked where it is empty; secure: over
    HTTPS; dagster: the address of Dagster's UI, for links into it; tiles: of maps, drawn ones where there are none.

    Raises CctviewError where anybody but this machine could come in without a token.
    """

    host: str = "127.0.0.1"
    hosts: tuple[str, ...] = ()
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    secure: bool = False
    dagster: str = "http://127.0.0.1:3000"
    tiles: Tiles | None = None

    def __post_init__(self) -> None:
        if not self.tokens and (self.host not in LOOPBACK or self.hosts):
            raise ConfigurationError(
                f"Without tokens the viewer serves this machine alone, not {', '.join(self.hosts) or self.host}: "
                "add --tokens FILE, in which each line has a name and a token."
            )

        if self.secure and self.tiles and self.tiles.origin.startswith("http:"):
            raise ConfigurationError(
                f"Over HTTPS browsers load no tiles of {self.tiles.origin}: name an https:// server, or a file."
            )

    @property
    def names(self) -> frozenset[str]:
        """What a request's Host may be, without its port."""
        return frozenset({*LOOPBACK, self.host, *self.hosts})

    def who(self, token: str) -> str | None:
        """Whose token it is. Every token is compared, each in a time that does not tell how much of it was right."""
        shown, found = sha256(token.encode()).digest(), None
        for name, each in self.tokens.items():
            if compare_digest(shown, sha256(each.encode()).digest()):
                found = name
        return found


def read_tokens(path: Path) -> dict[str, str]:
    """A file of lines ``name token``. Raises CctviewError for one that others may read, that is empty, or has short tokens."""
    try:
        text = path.read_text()
        mode = path.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The tokens in {path} cannot be read: {getattr(error, 'strerror', None) or 'no text'}."
        ) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigurationError(f"The tokens in {path} can be read by others: chmod 600 {path}.")
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines or any(len(line) != 2 for line in lines) or len({line[0] for line in lines}) < len(lines):
        raise ConfigurationError(f"{path} must have lines of a name and a token, such as: anna {secrets.token_urlsafe(24)}")
    if short := [name for name, token in lines if len(token) < MIN_TOKEN]:
        raise ConfigurationError(f"The token of {short[0]} in {path} is shorter than {MIN_TOKEN} characters.")
    return dict(lines)
