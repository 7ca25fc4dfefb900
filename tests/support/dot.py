"""A strict reader of the part of DOT that Graphviz documents and that is written here; anything else is an error."""

import re
from typing import NamedTuple

_TOKEN = re.compile(r"""\s*(?:("(?:[^"\\]|\\.)*")|(->)|([A-Za-z_][A-Za-z0-9_]*|-?[0-9]+)|([{}\[\];,=]))""")
_ENTITIES = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"'}


class Dot(NamedTuple):
    """What a drawing says."""

    name: str
    nodes: dict[str, dict[str, str]]
    edges: list[tuple[str, str]]


def parse(text: str) -> Dot:
    """Read one digraph. Raises ValueError with what is wrong."""
    tokens = _tokens(text)
    for expected in ("digraph",):
        _take(tokens, expected)
    name = shown(tokens.pop(0))
    _take(tokens, "{")
    nodes: dict[str, dict[str, str]] = {}
    edges: list[tuple[str, str]] = []
    while tokens[0] != "}":
        first = tokens.pop(0)
        if tokens[0] == "=":
            del tokens[:2]
        elif tokens[0] == "->":
            edges.append((first, tokens[1]))
            del tokens[:2]
        else:
            attributes = _attributes(tokens)
            if first not in ("node", "edge", "graph"):
                nodes[first] = attributes
        _take(tokens, ";")
    _take(tokens, "}")
    if tokens:
        raise ValueError(f"something follows: {tokens[0]}")
    unknown = {end for edge in edges for end in edge} - nodes.keys()
    if unknown:
        raise ValueError(f"edges with nodes that are not declared: {unknown}")
    return Dot(name, nodes, edges)


def shown(token: str) -> str:
    """What Graphviz shows for a quoted text: escapes and entities resolved."""
    if not token.startswith('"'):
        return token
    text = token[1:-1].replace('\\"', '"')
    text = re.sub(r"\\(.)", lambda found: {"n": "\n", "\\": "\\"}[found[1]], text)
    return re.sub(r"&[a-z]+;|&#[0-9]+;", lambda found: _ENTITIES[found[0]], text)


def _attributes(tokens: list[str]) -> dict[str, str]:
    found = {}
    _take(tokens, "[")
    while tokens[0] != "]":
        key = tokens.pop(0)
        _take(tokens, "=")
        found[key] = shown(tokens.pop(0))
        if tokens[0] == ",":
            tokens.pop(0)
    _take(tokens, "]")
    return found


def _take(tokens: list[str], expected: str) -> None:
    if not tokens or tokens[0] != expected:
        raise ValueError(f"{expected!r} expected, not {tokens[:1]}")
    tokens.pop(0)


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"not DOT: {text[at : at + 40]!r}")
        found.append(match[match.lastindex or 0])
        at = match.end()
    return found
