"""KDL (1 and 2) as a list of nodes, read by ckdl (extra ``kdl``); on demand with the place of everything."""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from torc_local.spec.kdl_places import Lost, Placed, placed_nodes
from torc_local.spec.places import DEEPEST
from torc_local.spec.source import Source, Unreadable

_Loose = Any  # nodes and values of ckdl, which has no type hints
_Offsets = tuple[int, int]

_NOWHERE: _Offsets = (0, 0)
_BARE = re.compile(r"[A-Za-z_][\w.-]*")
_OLD_WORDS = frozenset({"true", "false", "null"})


class Value(NamedTuple):
    """An argument, or the value of a property."""

    value: object
    annotation: str | None
    span: _Offsets


class Property(NamedTuple):
    """A ``name=value`` of a node."""

    name: str
    value: Value
    span: _Offsets  # of the name


class Node(NamedTuple):
    """A node; all offsets are 0 when nobody asked for them."""

    name: str
    annotation: str | None
    args: list[Value]
    properties: list[Property]
    children: "list[Node]"
    span: _Offsets  # of the name

    @property
    def values(self) -> _Offsets:
        """The span of all arguments, or of the name when there are none."""
        return (self.args[0].span[0], self.args[-1].span[1]) if self.args else self.span


def read_nodes(source: Source, *, placed: bool = False) -> list[Node]:
    """The nodes of a document. Raises Unreadable for what is no KDL, for deep nesting, and without the extra."""
    found, has_fractions = _parse(source)
    places: list[Placed] = []
    if placed or has_fractions:
        try:
            places = placed_nodes(source.text)
        except Lost:
            places = []  # something that only ckdl understands: messages have no position then
    return [_node(node, _at(places, index), source.text) for index, node in enumerate(found)]


def _at(places: list[Placed], index: int) -> Placed:
    return places[index] if index < len(places) else Placed(_NOWHERE)


def _node(node: _Loose, at: Placed, text: str) -> Node:
    spans = [*at.args, *[at.name] * (len(node.args) - len(at.args))]
    return Node(
        node.name,
        node.type_annotation,
        [_value(value, span, text) for value, span in zip(node.args, spans, strict=False)],
        [_property(name, value, at, text) for name, value in node.properties.items()],
        [_node(child, _at(at.children, index), text) for index, child in enumerate(node.children)],
        at.name,
    )


def _value(value: _Loose, span: _Offsets, text: str) -> Value:
    if isinstance(value, float):
        # ckdl rounds some of them wrongly, such as 1e23.
        with suppress(ValueError):
            value = float(text[slice(*span)].replace("_", ""))
    if value is None or isinstance(value, str | bool | int | float):
        return Value(value, None, span)
    return Value(value.value, value.type_annotation, span)


def _property(name: str, value: _Loose, at: Placed, text: str) -> Property:
    """Names in quotes are not looked into: the last property with a name of that length is meant (the last counts)."""
    for key, where in reversed(at.properties):
        if key[1] - key[0] in {len(name), len(name) + 2}:
            return Property(name, _value(value, where, text), key)
    return Property(name, _value(value, at.name, text), at.name)


def _parse(source: Source) -> tuple[list[_Loose], bool]:
    """The nodes, and whether there are numbers with a fraction among their values."""
    try:
        import ckdl  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra
    except ImportError:
        raise Unreadable("reading KDL needs the package ckdl", "pip install 'torc-local[kdl]'") from None
    try:
        nodes: list[_Loose] = ckdl.parse(source.text).nodes
    except (ckdl.ParseError, ValueError) as error:
        raise _syntax(source.text, error, ckdl.parse) from None
    level, has_fractions = nodes, False
    for _ in range(DEEPEST):
        values = (value for node in level for value in (*node.args, *node.properties.values()))
        has_fractions = has_fractions or any(isinstance(value, float) for value in values)
        level = [child for node in level for child in node.children]
        if not level:
            return nodes, has_fractions
    raise Unreadable(f"nested more than {DEEPEST} levels deep", "a workflow needs about six")


def _syntax(text: str, error: Exception, parse: Callable[[str], object]) -> Unreadable:
    """Where ckdl, which gives no position, stopped understanding: the smallest node that it cannot read alone."""
    try:
        nodes = all_nodes = placed_nodes(text)
    except Lost as lost:
        return _lost(text, lost)
    bad: Placed | None = None
    while found := next((node for node in nodes if not _reads(text[node.name[0] : node.end], parse)), None):
        bad, nodes = found, found.children
    if (old := _old_word(text, all_nodes)) is not None:
        word = text[slice(*old)]
        hint = f'KDL 2 writes #{word}, and "{word}" for text'
        return Unreadable("this is KDL 1, and other things in the document are KDL 2", hint, *old)
    what = str(error)
    message = f"this is not valid KDL: {what[:1].lower()}{what[1:]}"
    if bad is None:
        return Unreadable(message)
    start = bad.name[0]
    row = text[start : bad.end].split("\n", 1)[0]
    hint = "text with special characters stands in quotes"
    if '"""' in row:
        hint = 'lines between """ are indented as far as the closing one, or further'
    elif "\\" in row:
        hint = 'text with backslashes stands between #" and "#'
    return Unreadable(message, hint, start, start + len(row))


def _old_word(text: str, nodes: list[Placed]) -> _Offsets | None:
    """A value of KDL 1 in a document that has some of KDL 2."""
    spans: list[_Offsets] = []
    while nodes:
        spans += (span for node in nodes for span in (*node.args, *(value for _, value in node.properties)))
        nodes = [child for node in nodes for child in node.children]
    words = [(span, text[span[0] : span[1]]) for span in sorted(spans)]
    # Text without quotes is KDL 2, too.
    if not any(word.startswith("#") or (_BARE.fullmatch(word) and word not in _OLD_WORDS) for _, word in words):
        return None
    return next((span for span, word in words if word in _OLD_WORDS), None)


def _lost(text: str, lost: Lost) -> Unreadable:
    at = min(lost.offset, max(0, len(text) - 1))
    char = text[at : at + 1]
    if lost.opened:
        return Unreadable("the braces of this node are never closed", "add }", at, at + 1)
    if char == "}":
        return Unreadable("no braces are open here", "remove it", at, at + 1)
    if text.startswith("/*", at):
        return Unreadable("this comment is never closed", "add */", at, at + 2)
    if char == '"' or (char in "#r" and '"' in text[at : at + 10]):
        return Unreadable("this quote is never closed", "add the closing quote", at, at + 1)
    if char in "\r\n;" or lost.offset >= len(text):
        return Unreadable("something is missing before the end of the line", None, at, at + 1)
    return Unreadable(f"{char!r} is not expected here", "text with special characters stands in quotes", at, at + 1)


def _reads(text: str, parse: Callable[[str], object]) -> bool:
    try:
        parse(text)
    except Exception:  # noqa: BLE001 - whatever it is, this is the place
        return False
    return True
