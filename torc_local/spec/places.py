"""Where things are in the text, found only after something was wrong.

The fast readers keep no positions. When there is a problem, the text is walked a second time as a flat stream
of steps that YAML and JSON share, and only the paths that problems name are looked up.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

#: A place in the parsed tree: keys and list indexes from the root, such as ("jobs", 3, "command").
Path = tuple[str | int, ...]


DEEPEST = 64  # levels of nesting that are read


class Step(NamedTuple):
    """One step of a walk through the text. ``kind`` is one of ``{ } [ ]`` or ``.`` for a scalar or alias."""

    kind: str
    start: int  # offset in characters
    end: int
    value: str  # text of a scalar


class Span(NamedTuple):
    """Offsets of a node and, in a mapping, of its key (the same as the node's in a list)."""

    key_start: int
    key_end: int
    start: int
    end: int


class _Trie:
    """Wanted paths as a tree, so that the walk ignores everything that nobody asked for."""

    __slots__ = ("children", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.children: dict[str | int, _Trie] = {}

    def add(self, path: Path) -> None:
        node = self
        for part in path:
            if part not in node.children:
                node.children[part] = _Trie((*node.path, part))
            node = node.children[part]


class _Frame:
    __slots__ = ("index", "is_map", "key", "trie")

    def __init__(self, is_map: bool, trie: _Trie | None) -> None:
        self.is_map = is_map
        self.trie = trie
        self.index = 0
        self.key: Step | None = None


def locate(steps: Iterable[Step], wanted: Iterable[Path]) -> dict[Path, Span]:
    """The spans of the wanted paths and of all their prefixes, as far as the text has them."""
    root = _Trie(())
    for path in wanted:
        root.add(path)
    spans: dict[Path, Span] = {}
    stack: list[_Frame] = []
    for step in steps:
        if step.kind in "}]":
            stack.pop()
            continue
        trie: _Trie | None = root
        if stack:
            frame = stack[-1]
            trie = None
            if frame.is_map and frame.key is None:
                frame.key = step
                continue
            if frame.trie is not None:
                trie = frame.trie.children.get(frame.key.value if frame.key else frame.index)
                if trie is not None:
                    key = frame.key or step
                    spans[trie.path] = Span(key.start, key.end, step.start, step.end)
            frame.key = None
            frame.index += 1
        else:
            spans[()] = Span(step.start, step.end, step.start, step.end)
        if step.kind in "{[":
            stack.append(_Frame(step.kind == "{", trie))
    return spans


def nearest(spans: dict[Path, Span], path: Path) -> Span | None:
    """The span of a path or, where an alias hides it, of the longest prefix that is in the text."""
    for length in range(len(path), -1, -1):
        if (span := spans.get(path[:length])) is not None:
            return span
    return None


def repeated_keys(steps: Iterable[Step]) -> Iterator[tuple[Step, Step]]:
    """Every key that its mapping already has, as (first, again)."""
    stack: list[dict[str, Step] | None] = []
    key_next: list[bool] = []
    for step in steps:
        if step.kind in "}]":
            stack.pop()
            key_next.pop()
            continue
        if stack and (keys := stack[-1]) is not None:
            is_key = key_next[-1]
            key_next[-1] = not is_key
            if is_key:
                first = keys.setdefault(step.value, step)
                if first is not step:
                    yield first, step
                continue
        if step.kind in "{[":
            stack.append({} if step.kind == "{" else None)
            key_next.append(True)
