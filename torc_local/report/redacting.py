"""Leaving the values of secrets out of a workflow file that a report shows."""

import re
from collections.abc import Iterable

HIDDEN = "***"

#: Shorter ones are looked for beside their names only: they may stand for anything elsewhere.
_LONG = 6


def redacted(text: str, secrets: Iterable[tuple[str, str]]) -> str:
    """The text of a file without the values of these variables, given as names and values.

    What a file gives to such a name goes to the end of its line: it may be written in another way than it is read.
    Lines of values are left out wherever they stand.
    """
    for name, value in sorted(set(secrets), key=lambda one: -len(one[1])):
        given = rf"""((?<![$\w])(?<!\$\{{){re.escape(name)}["']?(?:[ \t]*[:=][ \t]*|[ \t]+(?=["'])))[^\s|>].*"""
        text = re.sub(given, rf"\g<1>{HIDDEN}", text)
        for line in map(str.strip, value.splitlines()):
            if len(line) >= _LONG:
                text = text.replace(line, HIDDEN)
    return text
