"""Torc's tokens in commands: ``${files.input.NAME}`` stands for a path, ``${user_data.input.NAME}`` for JSON.

Bash has no variables with a dot in their names, so a token cannot be meant for it.
"""

import re

from torc_local.spec.wording import closest

_SECTIONS = ("files", "user_data")
_WAYS = ("input", "output")
_TOKEN = re.compile(r"\$\{(files|user_data)\.(input|output)\.([^{}]+)\}")
_BEGINS = re.compile(r"\$\{\s*[A-Za-z_-]+\s*\.")
_LOOKS_LIKE = re.compile(r"\$\{\s*([A-Za-z_-]+)\s*\.([^{}]*)\}")

#: A text in pieces: what is between tokens and, after each but the last of these, a token's section, way and name.
split = _TOKEN.split


def may_have_tokens(text: str) -> bool:
    """Whether there is anything in a text that is a token, or was meant to be one; before parameters are expanded."""
    return "${" in text and _BEGINS.search(text) is not None


def find_wrong(text: str) -> tuple[str, str | None] | None:
    """The first thing in a text without tokens that was meant as one, with a hint; None when there is none.

    ``${project.version}`` of another program's templates, in single quotes, is left alone.
    """
    for found in _LOOKS_LIKE.finditer(text):
        root, rest = found[1], found[2].split(".", maxsplit=1)
        section = root if root in _SECTIONS else closest(root.replace("-", "_"), _SECTIONS)
        way = rest[0] if rest[0] in _WAYS else closest(rest[0], _WAYS)
        if section is None or (root not in _SECTIONS and way is None):
            continue
        name = rest[1] if len(rest) > 1 and rest[1] else "NAME"
        return found[0], f"write ${{{section}.{way or 'input'}.{name}}}"
    return None
