"""Writing KDL 2: Torc's nodes where it has them, JSON-in-KDL for the rest."""

import json
import re
from collections.abc import Iterator
from typing import Any

from torc_local.spec.kdl_words import ONE_NODE, WORKFLOW, Level
from torc_local.spec.source import Unwritable
from torc_local.spec.wording import quote

_Tree = Any  # whatever a reader makes

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_WORDS = frozenset({"true", "false", "null", "inf", "nan"})
_STEP = "    "
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
# Control characters, and those that change the direction of text, are not allowed as they are (KDL 2).
_SPECIAL = re.compile(r"[\"\\\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\xa0]")
_ROW = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\xa0]*")


def to_kdl(tree: _Tree) -> str:
    """The text of a document. Raises Unwritable for what has no node, such as an unknown key."""
    if not isinstance(tree, dict):
        raise Unwritable("KDL can only hold a mapping")
    if not isinstance(tree.get("jobs"), list):
        raise Unwritable("KDL cannot say that there is no list of jobs")
    lines = [*_level(tree, WORKFLOW, "")]
    # A blank line behind what stands between braces, unless it is the last.
    return "".join(f"{line}\n\n" if line == "}" else f"{line}\n" for line in lines).rstrip("\n") + "\n"


def _level(tree: dict[str, _Tree], level: Level, pad: str) -> Iterator[str]:
    for key, value in tree.items():
        if key not in level.keys and not level.open:
            raise Unwritable(f"KDL has no node for the key {quote(key)} {level.where}")
        if key in level.entries and _are_entries(value):
            if not value and (key != "jobs" or len(tree) == 1):
                yield f"{pad}(array){key}"  # no node is no job, but a file must not be empty
            for entry in value:
                yield from _entry(entry, *level.entries[key], pad)
        elif key in level.lists and value is not None:
            if not isinstance(value, list):
                raise Unwritable(f"KDL can only hold a list under {quote(key)} {level.where}")
            yield from _list(value, key, level.lists[key][0], pad)
        elif key in level.json:
            yield f"{pad}{key} {_json(value)}"
        else:
            # A node that usually is one entry needs a word that it is the whole list.
            usual = level.entries[key][0] if key in level.entries else None
            yield from _value(key, value, pad, certain=key == usual and value is not None)


def _are_entries(value: _Tree) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in value)


def _entry(entry: dict[str, _Tree], node: str, level: Level, pad: str) -> Iterator[str]:
    rest = dict(entry)
    head = f"{pad}{node}"
    name = entry.get("name")
    if level.named and name is not None and not isinstance(name, dict | list):
        head += f" {_scalar(rest.pop('name'), pad)}"
    if not rest:
        # Without a name and without anything else, a node of this name might be taken for the whole list.
        yield head if level.named or node not in level.keys else f"{head} {{}}"
        return
    yield f"{head} {{"
    yield from _level(rest, level, pad + _STEP)
    yield f"{pad}}}"


def _list(value: list[_Tree], key: str, node: str, pad: str) -> Iterator[str]:
    simple = not any(isinstance(item, dict | list) for item in value) and value != [None]
    if not value:
        yield f"{pad}{node}"
    elif not simple:
        yield from (f"{pad}{node} {{", *_items(value, pad), f"{pad}}}")
    elif key in ONE_NODE:
        yield f"{pad}{node} {' '.join(_scalar(item, pad) for item in value)}"
    elif value[0] is None:
        # Alone in its node, it would say that there is no list.
        yield from (f"{pad}{node} {{", *_items(value, pad), f"{pad}}}")
    else:
        yield from (f"{pad}{node} {_scalar(item, pad)}" for item in value)


def _items(value: list[_Tree], pad: str) -> Iterator[str]:
    for item in value:
        yield from _value("-", item, pad + _STEP)


def _value(name: str, value: _Tree, pad: str, *, certain: bool = False) -> Iterator[str]:
    """Any value as a node: JSON-in-KDL. ``certain``: with a word on what it is, needed or not."""
    head = name if name == "-" else _name(name)
    match value:
        case dict():
            doubtful = certain or not value or all(key == "-" for key in value)
            head = f"(object){head}" if doubtful else head
            if not value:
                yield f"{pad}{head}"
                return
            yield f"{pad}{head} {{"
            for key, inner in value.items():
                yield from _value(key, inner, pad + _STEP)
            yield f"{pad}}}"
        case list():
            simple = not any(isinstance(item, dict | list) for item in value)
            # Several values are a list anyway.
            head = f"(array){head}" if certain or (simple and len(value) < 2) else head  # noqa: PLR2004
            if not simple:
                yield from (f"{pad}{head} {{", *_items(value, pad), f"{pad}}}")
            else:
                yield " ".join([f"{pad}{head}", *(_scalar(item, pad) for item in value)])
        case _ if certain:
            raise Unwritable(f"KDL can only hold a list of {quote(name)}")
        case _:
            yield f"{pad}{head} {_scalar(value, pad)}"


def _name(name: str) -> str:
    return name if _NAME.fullmatch(name) and name not in _WORDS else _quoted(name)


def _scalar(value: _Tree, pad: str) -> str:
    match value:
        case None:
            return "#null"
        case bool():
            return "#true" if value else "#false"
        case str():
            return _text(value, pad)
        case float() if value != value:  # noqa: PLR0124 - the number that is not itself
            return "#nan"
        case float() if value in (float("inf"), float("-inf")):
            return "#inf" if value > 0 else "#-inf"
        case int() | float():
            return repr(value)
        case _:
            raise Unwritable("KDL cannot hold a list or a mapping as a name")


def _json(value: _Tree) -> str:
    try:
        return _text(json.dumps(value, ensure_ascii=False, allow_nan=False), "")
    except ValueError:
        raise Unwritable("user data cannot hold infinity, or what is no number") from None


def _text(value: str, pad: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Unwritable(f"KDL cannot hold half of a character: {value[:60]!a}") from None
    rows = value.split("\n")
    if len(rows) > 1 and all(_ROW.fullmatch(row) and (not row or not row.isspace()) for row in rows):
        inner = pad + _STEP
        body = "\n".join(f"{inner}{_escaped(row)}" if row else "" for row in rows)
        return f'"""\n{body}\n{inner}"""'
    if ('"' in value or "\\" in value) and _ROW.fullmatch(value) and not value.startswith('"'):
        marks = "#" * (1 + max((len(run) for run in re.findall(r"#+", value)), default=0))
        return f'{marks}"{value}"{marks}'
    return _quoted(value)


def _escaped(row: str) -> str:
    return row.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')


def _quoted(value: str) -> str:
    def escape(found: re.Match[str]) -> str:
        return _ESCAPES.get(found[0]) or f"\\u{{{ord(found[0]):x}}}"

    return f'"{_SPECIAL.sub(escape, value)}"'
