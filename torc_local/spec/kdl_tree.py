"""From the nodes of a KDL document to the tree that all formats share.

Values that have no node of their own kind follow JSON-in-KDL: one argument is a value, several are a list, children
named ``-`` are items, other children and properties are keys; ``(array)`` and ``(object)`` before a node decide where
that leaves a doubt.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from torc_local.spec.kdl_nodes import Node, Value, read_nodes
from torc_local.spec.kdl_words import WORKFLOW, Level
from torc_local.spec.places import Path, Span, Step, nearest
from torc_local.spec.problems import Problems
from torc_local.spec.source import Source
from torc_local.spec.wording import closest, did_you_mean, quote

_Tree = dict[str, Any]
_Offsets = tuple[int, int]
_Complaint = tuple[str, str | None, int, int]

_ITEM = "-"
_START = Span(0, 0, 0, 0)


def read_kdl(source: Source, problems: Problems) -> tuple[object, bool]:
    """The workflow in ``source`` as a tree, and False: repeated nodes are reported to ``problems`` here.

    What has no meaning in a workflow is reported as well. Raises Unreadable like ``read_nodes``.
    """
    reader = _Reader(read_nodes(source))
    if reader.complaints:
        for complaint in _Reader(read_nodes(source, placed=True)).complaints:
            problems.add_placed(*complaint)
    return reader.tree, False


def kdl_steps(source: Source) -> Iterator[Step]:
    """The text once more, with positions. It must be KDL that ``read_kdl`` could read."""
    reader = _Reader(read_nodes(source, placed=True))
    return _walk(reader.tree, (), reader.places)


def _walk(value: object, path: Path, places: dict[Path, Span]) -> Iterator[Step]:
    span = nearest(places, path) or _START
    match value:
        case dict():
            yield Step("{", span.start, span.end, "")
            for key, inner in value.items():
                at = nearest(places, (*path, key)) or span
                yield Step(".", at.key_start, at.key_end, key)
                yield from _walk(inner, (*path, key), places)
            yield Step("}", span.start, span.end, "")
        case list():
            yield Step("[", span.start, span.end, "")
            for index, inner in enumerate(value):
                yield from _walk(inner, (*path, index), places)
            yield Step("]", span.start, span.end, "")
        case _:
            yield Step(".", span.start, span.end, str(value))


class _Reader:
    """One pass over the nodes."""

    def __init__(self, nodes: list[Node]) -> None:
        self.tree: _Tree = {}
        self.complaints: list[_Complaint] = []
        self.places: dict[Path, Span] = {}
        self._read_level(nodes, self.tree, (), WORKFLOW)
        self.tree.setdefault("jobs", [])  # where there are no nodes, there are no jobs

    def _complain(self, at: _Offsets, message: str, hint: str | None = None) -> None:
        self.complaints.append((message, hint, *at))

    def _place(self, path: Path, key: _Offsets, value: _Offsets) -> None:
        self.places.setdefault(path, Span(*key, *value))

    def _read_level(self, nodes: list[Node], tree: _Tree, path: Path, level: Level) -> None:
        entries = {node: key for key, (node, _) in level.entries.items()}
        lists = {word: key for key, words in level.lists.items() for word in words}
        for found in nodes:
            node = self._known(found, level)
            if node is None:
                continue
            key = entries.get(node.name)
            if key is not None and not _is_whole(node, key):
                self._read_entry(node, tree, key, path, level.entries[key][1])
            elif node.name in lists and node.annotation is None:
                self._read_list(node, tree, lists[node.name], path)
            else:
                self._put(node, tree, path, self._json if node.name in level.json else self._value)

    def _known(self, node: Node, level: Level) -> Node | None:
        """The node; a misspelt one, once reported, as what was meant, so that nothing else seems to be missing."""
        if node.name in level.nodes() or level.open:
            return node
        words = level.usual()
        self._complain(node.span, f"unknown node {quote(node.name)} {level.where}", did_you_mean(node.name, words))
        meant = closest(node.name, words)
        return None if meant is None else node._replace(name=meant)

    def _read_entry(self, node: Node, tree: _Tree, key: str, path: Path, level: Level) -> None:
        """A node that is one entry of a list of mappings, such as a job."""
        known = tree.setdefault(key, [])
        if not isinstance(known, list):
            self._repeated(key, node.span)
            return
        here: Path = (*path, key, len(known))
        self._place((*path, key), node.span, node.span)
        self._place(here, node.span, (node.span[0], node.values[1]))
        entry: _Tree = {}
        known.append(entry)
        if node.annotation is not None:
            self._complain(node.span, f"the type annotation ({node.annotation}) has no meaning here", "remove it")
        names, others = (node.args[:1], node.args[1:]) if level.named else ([], node.args)
        for value in names:
            self._place((*here, "name"), value.span, value.span)
            entry["name"] = self._scalar(value)
        for value in others:
            what = "one name" if level.named else "no value"
            self._complain(value.span, f"{quote(node.name)} takes {what}", "the rest stands between braces")
        lists = {word: known for known, words in level.lists.items() for word in words}
        for name, value, span in node.properties:
            if name not in level.keys and name not in lists and not level.open:
                hint = did_you_mean(name, level.usual())
                self._complain(span, f"unknown key {quote(name)} {level.where}", hint)
                continue
            meant = lists.get(name, name)
            if meant in entry:
                self._repeated(meant, span)
                continue
            self._place((*here, meant), span, value.span)
            made = self._parsed(value) if name in level.json else self._scalar(value)
            entry[meant] = [made] if name in lists else made
        self._read_level(node.children, entry, here, level)

    def _read_list(self, node: Node, tree: _Tree, key: str, path: Path) -> None:
        """A node of a list: its arguments are items, and so are children named ``-``."""
        here: Path = (*path, key)
        if key in tree and not isinstance(tree[key], list):
            self._repeated(key, node.span)
            return
        self._place(here, node.span, node.values)
        if key not in tree and [arg.value for arg in node.args] == [None] and not node.children:
            tree[key] = None
            return
        items = tree.setdefault(key, [])
        for arg in node.args:
            self._place((*here, len(items)), arg.span, arg.span)
            items.append(self._scalar(arg))
        for name, _, span in node.properties:
            self._complain(span, f"{quote(node.name)} takes values, and no {name}=", "write the value alone")
        for child in node.children:
            if child.name != _ITEM:
                self._complain(child.span, f"{quote(node.name)} takes values, and no node {quote(child.name)}")
                continue
            self._place((*here, len(items)), child.span, child.values)
            items.append(self._value(child, (*here, len(items))))

    def _put(self, node: Node, tree: _Tree, path: Path, make: Callable[[Node, Path], object]) -> None:
        if node.name in tree:
            self._repeated(node.name, node.span)
            return
        here: Path = (*path, node.name)
        self._place(here, node.span, node.values)
        tree[node.name] = make(node, here)

    def _repeated(self, key: str, at: _Offsets) -> None:
        self._complain(at, f"{quote(key)} is repeated", "remove one of them")

    def _value(self, node: Node, path: Path) -> object:
        """What a node stands for, as JSON-in-KDL has it."""
        kind = node.annotation
        if kind not in {None, "array", "object"}:
            self._complain(node.span, f"the type annotation ({kind}) has no meaning here", "remove it")
            kind = None
        is_list = all(child.name == _ITEM for child in node.children) and kind != "object"
        has_keys = bool(node.properties) or (bool(node.children) and not is_list) or kind == "object"
        if has_keys and (node.args or kind == "array"):
            self._complain(node.span, f"{quote(node.name)} has both values and keys", "write one or the other")
            return None
        if has_keys:
            return self._object(node, path)
        if kind is None and not node.children:
            if len(node.args) == 1:
                return self._scalar(node.args[0])
            if not node.args:
                self._complain(node.span, f"{quote(node.name)} has no value", "write it behind the name")
                return None
        for index, arg in enumerate(node.args):
            self._place((*path, index), arg.span, arg.span)
        made = [self._scalar(arg) for arg in node.args]
        for child in node.children:
            here: Path = (*path, len(made))
            self._place(here, child.span, child.values)
            made.append(self._value(child, here))
        return made

    def _object(self, node: Node, path: Path) -> _Tree:
        made: _Tree = {}
        for name, value, span in node.properties:
            self._place((*path, name), span, value.span)
            made[name] = self._scalar(value)
        for child in node.children:
            self._put(child, made, path, self._value)
        return made

    def _json(self, node: Node, path: Path) -> object:
        """The data of user data, which Torc writes as JSON in a text; other values are what they are."""
        plain = len(node.args) == 1 and not (node.children or node.properties or node.annotation)
        return self._parsed(node.args[0]) if plain else self._value(node, path)

    def _parsed(self, value: Value) -> object:
        made = self._scalar(value)
        if not isinstance(made, str):
            return made
        try:
            return json.loads(made)
        except (ValueError, RecursionError):
            hint = r'for example "{\"a\": 1}", or "\"text\""'
            self._complain(value.span, "the text of 'data' is not JSON", hint)
            return None

    def _scalar(self, value: Value) -> object:
        if value.annotation is not None:
            self._complain(value.span, f"the type annotation ({value.annotation}) has no meaning here", "remove it")
        return value.value


def _is_whole(node: Node, key: str) -> bool:
    """Whether a node that usually is one entry of a list means the whole list: ``(array)user_data``, or ``#null``."""
    if node.name != key:
        return False
    nothing = [arg.value for arg in node.args] == [None] and not node.children and not node.properties
    return nothing or node.annotation is not None
