"""Writing YAML that its readers, this one (YAML 1.2) and those of YAML 1.1, understand in the same way.

Blocks, two spaces per level. Text of several lines is a literal block where YAML can hold it, other text is plain
where nothing could take it for something else, and in double quotes otherwise. A list that several places share, as
aliases do, is written once.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from torc_local.spec.source import Unwritable
from torc_local.spec.yaml_tree import scalar

_Tree = Any  # whatever a reader makes

_PLAIN = re.compile(r"[A-Za-z_./$^(][A-Za-z0-9_./$^()=+@~;<>|?!\\ -]*", re.ASCII)
_FLOW = re.compile(r"[A-Za-z_./$^(][A-Za-z0-9_./$^()=+@~;<>|\\-]*", re.ASCII)
# What YAML 1.1 takes for truth values, and what its date, octal and sexagesimal numbers begin with does not occur here.
_OLD_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_ESCAPED = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_BLOCK = re.compile(r"[^\n \t][^\n]*(?:\n[^\n]*)*")
_UNFIT = re.compile(r"[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|[\u2028\u2029]")
_WIDTH = 100
_SHARED = 4  # items; shorter lists are simply repeated


def to_yaml(tree: _Tree) -> str:
    """The text of a document. Raises Unwritable for what is no Unicode text."""
    writer = _Writer(tree)
    return "".join(writer.document(tree))


class _Writer:
    def __init__(self, tree: _Tree) -> None:
        self._counts: dict[int, int] = {}
        self._anchors: dict[int, str] = {}
        self._count(tree)

    def _count(self, value: _Tree) -> None:
        if isinstance(value, list) and len(value) >= _SHARED:
            self._counts[id(value)] = self._counts.get(id(value), 0) + 1
            if self._counts[id(value)] > 1:
                return
        if isinstance(value, dict | list):
            for inner in value.values() if isinstance(value, dict) else value:
                if inner.__class__ is dict or inner.__class__ is list:
                    self._count(inner)

    def document(self, tree: _Tree) -> Iterator[str]:
        """All lines, each with its end."""
        if isinstance(tree, dict | list) and tree:
            yield from self._block(tree, "")
        else:
            yield f"{self._inline(tree, '')}\n"

    def _block(self, value: _Tree, pad: str) -> Iterator[str]:
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from self._entry(f"{pad}{_key(key)}:", inner, pad)
        else:
            for inner in value:
                yield from self._item(inner, pad)

    def _entry(self, head: str, value: _Tree, pad: str) -> Iterator[str]:
        """A key and its value, on one line or with a block below."""
        short = self._inline(value, pad + "  ")
        if short is not None:
            yield f"{head} {short}\n"
            return
        yield f"{head}{self._anchor(value)}\n"
        yield from self._block(value, pad + "  ")

    def _item(self, value: _Tree, pad: str) -> Iterator[str]:
        """An item of a list; a mapping begins on the line of its dash."""
        if isinstance(value, dict) and value:
            lines = self._block(value, pad + "  ")
            yield f"{pad}- {next(lines)[len(pad) + 2 :]}"
            yield from lines
        else:
            yield from self._entry(f"{pad}-", value, pad)

    def _inline(self, value: _Tree, pad: str) -> str | None:
        """What fits behind a key; None for what needs a block of its own. Block text is indented by ``pad``."""
        match value:
            case str():
                return _text(value, pad)
            case dict():
                return None if value else "{}"
            case list() if not value:
                return "[]"
            case list():
                if id(value) in self._anchors:
                    return f"*{self._anchors[id(value)]}"
                if any(item.__class__ is dict or item.__class__ is list for item in value) or len(value) > _WIDTH:
                    return None
                row = f"[{', '.join(_item_text(item) for item in value)}]"
                return f"{self._anchor(value)} {row}".lstrip() if len(row) <= _WIDTH else None
            case _:
                return _number(value)

    def _anchor(self, value: _Tree) -> str:
        if not isinstance(value, list) or self._counts.get(id(value), 0) < 2:  # noqa: PLR2004 - shared
            return ""
        name = self._anchors.setdefault(id(value), f"list{len(self._anchors) + 1}")
        return f" &{name}"


def _number(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float() if value != value:  # noqa: PLR0124 - the number that is not itself
            return ".nan"
        case float() if value in (float("inf"), float("-inf")):
            return ".inf" if value > 0 else "-.inf"
        case _:
            return repr(value)


def _key(key: str) -> str:
    return key if _FLOW.fullmatch(key) and _is_plain(key) else _quoted(key)


def _item_text(value: object) -> str:
    if not isinstance(value, str):
        return _number(value)
    return value if _FLOW.fullmatch(value) and _is_plain(value) else _quoted(value)


def _text(value: str, pad: str) -> str:
    if _PLAIN.fullmatch(value) and not value.endswith(" ") and " #" not in value and _is_plain(value):
        return value
    body = value.removesuffix("\n")
    if "\n" in value and _BLOCK.fullmatch(body) and not body.endswith("\n") and not _UNFIT.search(value):
        lines = "\n".join(f"{pad}{line}" if line else "" for line in body.split("\n"))
        return f"{'|' if value != body else '|-'}\n{lines}"
    return _quoted(value)


def _is_plain(value: str) -> bool:
    return value.__class__ is str and scalar(value) == value and value.lower() not in _OLD_WORDS


def _quoted(value: str) -> str:
    """JSON's quotes are YAML's, but for a few characters that YAML wants escaped."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Unwritable(f"YAML cannot hold half of a character: {value[:60]!a}") from None
    made = json.dumps(value, ensure_ascii=False)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", made)
