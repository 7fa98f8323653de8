"""The one exception that a user is meant to read, and how a text of others is quoted in it."""


class CctviewError(Exception):
    """Bad input or a bad environment, told in one sentence that names the thing and the mend.

    The command line prints the sentence without a traceback and exits with status 1.
    """


def printable(text: str) -> str:
    """In one line, with ``\\x1b`` and the like for what a terminal would obey instead of showing it."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
