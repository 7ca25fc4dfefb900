"""The four formats of a workflow file, and which of them a file is."""

import enum
import re
from pathlib import Path


class Format(enum.StrEnum):
    """A format; the value is its name on the command line."""

    JSON = "json"
    JSON5 = "json5"
    YAML = "yaml"
    KDL = "kdl"


SUFFIXES = {
    ".json": Format.JSON,
    ".json5": Format.JSON5,
    ".yaml": Format.YAML,
    ".yml": Format.YAML,
    ".kdl": Format.KDL,
}

_COMMENTS = re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/|#[^\n]*)*+", re.DOTALL)
_KDL_ROW = re.compile(r"^(?:name|description|user|job|file|project)[ \t]+[\"r#\w]", re.MULTILINE)


def by_suffix(file: str) -> Format | None:
    """The format that the name of a file states, or None."""
    return SUFFIXES.get(Path(file).suffix.lower())


def likeliest(text: str) -> Format:
    """What a text that is none of the formats was probably meant to be."""
    comments = _COMMENTS.match(text)
    begins = text[comments.end() if comments else 0 :]
    if begins.startswith("{"):
        return Format.JSON if begins[1:].lstrip().startswith('"') and begins == text.lstrip() else Format.JSON5
    if begins.startswith("["):
        return Format.JSON
    return Format.KDL if _KDL_ROW.search(text) else Format.YAML
