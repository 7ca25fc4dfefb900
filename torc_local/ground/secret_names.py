"""Telling by its name whether the value of an environment variable is nobody else's business.

What leaves this machine, a report or an exported workflow, leaves such values out.
"""

import re

_SECRET = re.compile(
    r"token|secret|passw|passphrase|credential|(api|access|private|signing|encryption)_?key|(^|_)(key|auth|pat|pw)$",
    re.IGNORECASE,
)


def is_secret(name: str) -> bool:
    """Whether a variable is called like one that holds a password, a key or the like."""
    return _SECRET.search(name) is not None
