"""Torc's tokens in commands: ``${files.input.NAME}`` stands for a path, ``${user_data.input.NAME}`` for JSON.

Bash has no variables with a dot in their names, so a token cannot be meant for it.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from torc_local.spec.wording import closest

_SECTIONS = ("files", "user_data")
_WAYS = ("input", "output")
_TOKEN = re.compile(r"\$\{(files|user_data)\.(input|output)\.([^{}]+)\}")
_BEGINS = re.compile(r"\$\{\s*[A-Za-z_-]+\s*\.")
_LOOKS_LIKE = re.compile(r"\$\{\s*([A-Za-z_-]+)\s*\.([^{}]*)\}")


class Token(NamedTuple):
    """One token: what it names and where it stands in the text."""

    section: str  # files or user_data
    way: str  # input or output
    name: str
    start: int
    end: int


def may_have_tokens(text: str) -> bool:
    """Whether there is anything in a text that is a token, or was meant to be one; before parameters are expanded."""
    return "${" in text and _BEGINS.search(text) is not None


def find(text: str) -> Iterator[Token]:
    """All tokens of a text, in order."""
    for found in _TOKEN.finditer(text):
        yield Token(found[1], found[2], found[3], *found.span())


def find_wrong(text: str) -> tuple[str, str | None] | None:
    """The first thing in a text that was meant as a token and is none, with a hint; None when there is none.

    ``${project.version}`` of another program's templates, in single quotes, is left alone.
    """
    for found in _LOOKS_LIKE.finditer(text):
        if _TOKEN.fullmatch(found[0]):
            continue
        root, rest = found[1], found[2].split(".", maxsplit=1)
        section = root if root in _SECTIONS else closest(root.replace("-", "_"), _SECTIONS)
        way = rest[0] if rest[0] in _WAYS else closest(rest[0], _WAYS)
        if section is None or (root not in _SECTIONS and way is None):
            continue
        name = rest[1] if len(rest) > 1 and rest[1] else "NAME"
        return found[0], f"write ${{{section}.{way or 'input'}.{name}}}"
    return None


def fill(text: str, value_of: Callable[[Token], str | None]) -> str:
    """The text with every token replaced by its value; None leaves it."""
    pieces: list[str] = []
    end = 0
    for token in find(text):
        value = value_of(token)
        if value is not None:
            pieces += (text[end : token.start], value)
            end = token.end
    return text if not pieces else "".join([*pieces, text[end:]])
