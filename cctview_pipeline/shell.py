"""Commands for a user to copy."""

import shlex


def command(*words: object, **environment: object) -> str:
    """A command as it is typed into a shell: quoted where a word has a space, a quote or anything else that a shell reads."""
    settings = [f"{name}={shlex.quote(str(value))}" for name, value in environment.items()]
    return " ".join([*settings, shlex.join(map(str, words))])
