"""At which limit an attempt was ended: read from its reason, as process/enforcing.py writes it.

Requirements may have changed since, so the limit of an attempt is nowhere else. Sizes there are rounded to a tenth of
their unit.
"""

import re

from torc_local.ground.units import parse_duration, parse_memory

_MEMORY = re.compile(r"oom: more than the (.+?) of memory that it asks for|near the (.+?) of memory that it asks for")
_RUNTIME = re.compile(r"timeout: it ran for longer than the (\S+) that it asks for")


def memory(sentence: str) -> float | None:
    """Bytes; None when it was not ended for memory."""
    found = _MEMORY.search(sentence)
    if found is None:
        return None
    try:
        return float(parse_memory((found[1] or found[2]).removesuffix(" bytes")))
    except ValueError:
        return None


def runtime(sentence: str) -> float | None:
    """Seconds; None when it was not ended for its run time."""
    found = _RUNTIME.search(sentence)
    if found is None:
        return None
    try:
        return parse_duration(found[1])
    except ValueError:
        return None
