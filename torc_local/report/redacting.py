"""Leaving the values of secrets out of a workflow file that a report shows."""

import re
from collections.abc import Collection, Iterable, Iterator

HIDDEN = "***"

#: Shorter ones are looked for beside their names only: they may stand for anything elsewhere.
_LONG = 6

#: So many searches in a text cost more than to look at each place of it once.
_MANY = 1000


def redacted(text: str, secrets: Collection[tuple[str, str]]) -> str:
    """The text of a file without the values of these variables, given as names and values.

    What a file gives to such a name goes to the end of its line: it may be written in another way than it is read.
    Lines of values are left out wherever they stand. There may be as many values as jobs.
    """
    if not secrets:
        return text
    names = "|".join(re.escape(name) for name in sorted({name for name, _ in secrets}, key=len, reverse=True))
    given = rf"""((?<![$\w])(?<!\$\{{)(?:{names})["']?(?:[ \t]*[:=][ \t]*|[ \t]+(?=["'])))[^\s|>].*"""
    text = re.sub(given, rf"\g<1>{HIDDEN}", text)
    lines = {line.strip() for value in {value for _, value in secrets} for line in value.splitlines()}
    for line in sorted(_in(text, lines), key=len, reverse=True):
        text = text.replace(line, HIDDEN)
    return text


def _in(text: str, lines: Iterable[str]) -> Iterator[str]:
    """Those of the lines that the text has somewhere: of many, all of a length are looked for at once."""
    by_length: dict[int, set[str]] = {}
    for line in lines:
        by_length.setdefault(len(line), set()).add(line)
    for length, some in by_length.items():
        if length < _LONG:
            continue
        if len(some) < _MANY:
            yield from (line for line in some if line in text)
        else:
            yield from some & {text[at : at + length] for at in range(len(text) - length + 1)}
