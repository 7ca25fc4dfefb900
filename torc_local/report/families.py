"""Jobs whose names differ only in numbers, under one name: ``sim_*``."""

import re
from collections.abc import Iterable

_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)*")


def family(name: str) -> str:
    """The name with a star in place of each number."""
    return _NUMBER.sub("*", name)


def families(names: Iterable[str]) -> dict[str, list[int]]:
    """Places of the names by family, in the order of their first ones. A family of one goes by its own name."""
    found: dict[str, list[int]] = {}
    listed = list(names)
    # All at once: no name has a line end in it (spec/names.py), and no number goes beyond one.
    for index, pattern in enumerate(family("\n".join(listed)).split("\n") if listed else ()):
        found.setdefault(pattern, []).append(index)
    taken = {pattern for pattern, members in found.items() if len(members) > 1}
    return {
        # A job that is called like a family is not mixed up with it.
        (listed[members[0]] if len(members) == 1 and listed[members[0]] not in taken else pattern): members
        for pattern, members in found.items()
    }
