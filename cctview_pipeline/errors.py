"""The one exception that a user is meant to read, what others come to in our words, and how a text is quoted in it."""

import os
import re
import unicodedata

_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""What turns the direction in which a text is read, and so what a person takes it for."""


class CctviewError(Exception):
    """Bad input or a bad environment, told in one sentence that names the thing and the mend.

    The command line prints the sentence without a traceback and exits with status 1. A program tells by the kind what to do::

        CctviewError
        ├── ConfigurationError   campaign.toml, an option or the environment says something that can't be: mend it
        ├── NotFoundError        no such lake, camera, table or hour: name another, or make it
        ├── AccessRefusedError   no purpose, too many questions, a destroyed key: repeating it does not help
        ├── StorageError         a disk, a store or a file failed or is damaged: it may work later
        └── ModelError           weights are missing or damaged, or can't run on this machine
    """


class ConfigurationError(CctviewError):
    """campaign.toml, an option or the environment says something that can't be."""


class NotFoundError(CctviewError):
    """What was named is not there."""


class AccessRefusedError(CctviewError):
    """It is there, and may not be had."""


class StorageError(CctviewError):
    """A disk, an object store or a file of theirs failed, or is damaged."""


class ModelError(CctviewError):
    """Weights are missing or damaged, or can't run here."""


def reason_of(error: Exception) -> str:
    """Why a disk, a store or a server failed, the same for the same failure: the system's name of it, S3's code, or the error's
    kind. Its own words may hold addresses, paths, dates and requests' numbers, and go nowhere but into a log."""
    if isinstance(error, CctviewError):
        return str(error).rstrip(".")
    response = getattr(error, "response", None)
    if isinstance(response, dict) and (code := response.get("Error", {}).get("Code")):
        return f"S3 answers {code}"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    if answer := re.search(r"AWS Error ([A-Z_0-9]+)", str(error)):
        return f"S3 answers {answer[1]}"
    return type(error).__name__


def printable(text: str) -> str:
    r"""In one line, with ``\x1b`` and the like for what a terminal would obey instead of showing it."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def is_shown(text: str) -> bool:
    """Whether a text is shown as it is, in one line, by a terminal, a page and a paper alike, and can be written at all: without
    control characters, ends of lines and halves of characters."""
    return not any(letter in _TURNS or unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in text)
