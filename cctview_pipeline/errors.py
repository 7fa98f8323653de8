"""The one exception that a user is meant to read."""


class CctviewError(Exception):
    """Bad input or a bad environment, told in one sentence that names the thing and the mend.

    The command line prints the sentence without a traceback and exits with status 1.
    """
