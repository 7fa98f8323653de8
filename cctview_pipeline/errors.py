"""The one exception that a user is meant to read, what others come to in our words, and how a text is quoted in it."""

import os
import re


class CctviewError(Exception):
    """Bad input or a bad environment, told in one sentence that names the thing and the mend.

    The command line prints the sentence without a traceback and exits with status 1.
    """


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
    """In one line, with ``\\x1b`` and the like for what a terminal would obey instead of showing it."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
