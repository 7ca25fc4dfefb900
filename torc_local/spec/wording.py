"""How values of the file are named in messages: quoted, cut to a readable length, safe for a terminal."""

import difflib
from collections.abc import Iterable

_LONGEST = 80  # characters of a value that a message repeats

_KINDS = {dict: "a mapping", list: "a list", bool: "true or false", int: "a number", float: "a number", str: "text"}


def quote(text: str) -> str:
    """``text`` in single quotes, control characters escaped, cut after 80 characters."""
    shown = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return f"'{printable(shown)}'"


def printable(text: str) -> str:
    """``text`` with everything that a terminal might act on written as an escape."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def describe(value: object) -> str:
    """What a value of the file is, for "... must be text, not ...": ``the number 5``, ``a list``, ``nothing``."""
    match value:
        case None:
            return "empty"
        case bool():
            return f"the value {str(value).lower()}"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text {quote(value)}"
        case _:
            return _KINDS.get(type(value), "something else")


def closest(word: str, words: Iterable[str]) -> str | None:
    """The one of ``words`` that a typing mistake would turn into ``word``, if any; slow beyond some thousands."""
    found = difflib.get_close_matches(word, words, n=1, cutoff=0.7)
    return found[0] if found else None


def did_you_mean(word: str, words: Iterable[str]) -> str | None:
    """A hint that names the closest of ``words``, or None when nothing is close."""
    found = closest(word, words)
    return None if found is None else f"did you mean {quote(found)}?"


def misspelt(word: str, words: Iterable[str]) -> bool:
    """Whether one of ``words`` is a typing mistake for ``word``: then "unknown key" says it all."""
    return closest(word, [other for other in words if other != word]) is not None
