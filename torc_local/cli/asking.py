"""Asking a person before something is destroyed; never where nobody can answer."""

import sys

from torc_local.ground.errors import InputError


def agree(question: str, *, yes: bool) -> bool:
    """Whether to go on. Raises InputError when nobody can be asked and ``--yes`` was not given.

    ``question`` says what will be lost, with numbers.
    """
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise InputError(f"{question}, and nobody can be asked here", hint="--yes does it without asking")
    sys.stderr.write(f"{question}. Go on? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
