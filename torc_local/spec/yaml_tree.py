"""Reading YAML with the scalars of YAML 1.2, as Torc's own reader (Rust's serde_yaml) understands them.

PyYAML's loaders follow YAML 1.1, where ``no`` is false and ``1:30`` is 90, and they are slow. Only their parser
is used here: its events are turned into plain dicts, lists, text and numbers. An aliased list stays one object,
so that whoever reads a list that 25,000 jobs share has to read it once.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from torc_local.spec.places import DEEPEST, Step
from torc_local.spec.problems import Problems
from torc_local.spec.source import Source, Unreadable
from torc_local.spec.wording import quote
from torc_local.spec.yaml_errors import translate

try:
    from yaml.cyaml import CParser as _Parser  # type: ignore[attr-defined]
except ImportError:  # PyYAML was built without libyaml: the same events, some ten times slower
    from yaml import SafeLoader as _Parser  # type: ignore[assignment]

_Loose = Any  # parsers and events of PyYAML, whose stubs say that everything may be None

MOST_NODES = 20_000_000  # counted as if every alias were written out

_AMBIGUOUS = frozenset("0123456789+-.~nNtTfF")  # first characters of scalars that may be something else than text
_WORDS = {
    **dict.fromkeys(("~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,38})", re.ASCII)
_BASED = re.compile(r"[-+]?0(?:x[0-9a-fA-F]{1,32}|o[0-7]{1,42}|b[01]{1,127})", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+", re.ASCII)
_TAG = "tag:yaml.org,2002:"
_NOTHING = object()


def scalar(text: str) -> object:
    """What a plain (unquoted) scalar means: None, a bool, an int, a float, or the text itself."""
    if not text:
        return None
    if text[0] not in _AMBIGUOUS:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text) and not _LEADING_ZERO.fullmatch(text):
        number = float(text)
        return number if abs(number) != float("inf") else text
    return text


def read_yaml(source: Source, problems: Problems) -> tuple[object, bool]:
    """The value of the only document in ``source``, and whether some mapping repeats a key (the last one counts).

    Raises Unreadable for a syntax error and for what would be dangerous to read on: too deep, too large, a loop.
    """
    parser = _Parser(source.text.encode())
    try:
        return _build(parser, problems)
    except yaml.YAMLError as error:
        raise translate(error, source) from None
    finally:
        parser.dispose()


def yaml_steps(source: Source) -> Iterator[Step]:
    """The text once more, with positions. It must be YAML that ``read_yaml`` could read."""
    parser: _Loose = _Parser(source.text.encode())
    try:
        while True:
            event: _Loose = parser.get_event()
            kind = event.__class__
            if kind is ScalarEvent:
                # Block scalars end on another line; the source cuts the underline at the end of the first.
                yield Step(".", event.start_mark.index, event.end_mark.index, event.value)
            elif kind is AliasEvent:
                yield Step(".", event.start_mark.index, event.end_mark.index, "")
            elif kind is MappingStartEvent:
                yield Step("{", event.start_mark.index, event.end_mark.index, "")
            elif kind is SequenceStartEvent:
                yield Step("[", event.start_mark.index, event.end_mark.index, "")
            elif kind is MappingEndEvent:
                yield Step("}", event.start_mark.index, event.end_mark.index, "")
            elif kind is SequenceEndEvent:
                yield Step("]", event.start_mark.index, event.end_mark.index, "")
            elif kind is StreamEndEvent:
                return
    finally:
        parser.dispose()


def _build(parser: _Loose, problems: Problems) -> tuple[object, bool]:
    """The loop that everything above waits for: one turn per event, about 1.2 million for 100,000 jobs."""
    get_event = parser.get_event
    root: object = _NOTHING
    outer: list[tuple[Any, str | None, str | None, int]] = []  # box, key, anchor and count of the enclosing levels
    box: Any = None  # the list or dict being filled
    key: str | None = None  # in a dict: the key that waits for its value
    anchor: str | None = None  # of the box
    anchors: dict[str, tuple[object, int]] = {}  # name -> value, nodes when written out
    count = began = 0
    documents = 0
    repeats = False

    while True:
        event = get_event()
        kind = event.__class__
        if kind is ScalarEvent:
            count += 1
            value: object = event.value
            if event.implicit[0]:
                value = None if not value else scalar(event.value) if event.value[0] in _AMBIGUOUS else value
            elif event.tag is not None:
                value = _tagged(event)
            if event.anchor is not None:
                anchors[event.anchor] = (value, 1)
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            count += 1
            if event.tag not in {None, "!", f"{_TAG}map", f"{_TAG}seq"}:
                raise _at(event, f"the tag {quote(event.tag)} is not known here", "remove the tag")
            if len(outer) >= DEEPEST:
                raise _at(event, f"nested more than {DEEPEST} levels deep", "a workflow needs about six")
            if key is None and box.__class__ is dict:
                raise _at(event, "a key must be text, not a mapping or a list", 'write it in quotes: "{i}"')
            outer.append((box, key, anchor, began))
            box, key, anchor, began = {} if kind is MappingStartEvent else [], None, event.anchor, count
            continue
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            value = box
            if anchor is not None:
                # A flat list is read once however often it is used; only nested aliases multiply the work.
                flat = box.__class__ is list and not any(item.__class__ in {list, dict} for item in box)
                anchors[anchor] = (value, 1 if flat else count - began + 1)
            box, key, anchor, began = outer.pop()
        elif kind is AliasEvent:
            if event.anchor not in anchors:
                inside = event.anchor in {anchor, *(level[2] for level in outer)}
                what = "refers to itself" if inside else "has no anchor before it"
                raise _at(event, f"the alias *{event.anchor} {what}", "text that begins with * needs quotes")
            value, nodes = anchors[event.anchor]
            count += nodes
        elif kind is StreamEndEvent:
            return (None if root is _NOTHING else root), repeats
        elif kind is DocumentStartEvent:
            documents += 1
            if documents > 1:
                raise _at(event, "a second document begins here", "one file holds one workflow: remove the ---")
            continue
        else:
            continue

        if count > MOST_NODES:
            raise _at(event, f"aliases expand to more than {MOST_NODES:,} values", "use parameters instead of aliases")
        if box.__class__ is dict:
            if key is None:
                if value.__class__ is str:
                    key = value
                    if key in box:
                        repeats = True
                else:
                    key = str(getattr(event, "value", value))
                    _not_text(event, problems, key, value)
            else:
                box[key] = value
                key = None
        elif box is None:
            root = value
        else:
            box.append(value)


def _tagged(event: _Loose) -> object:
    """The value of a scalar with a tag of YAML's own core; any other tag is refused."""
    text: str = event.value
    if event.tag in {"!", f"{_TAG}str"}:
        return text
    value = scalar(text)
    fits = {f"{_TAG}int": int, f"{_TAG}float": float, f"{_TAG}bool": bool, f"{_TAG}null": type(None)}
    if fits.get(event.tag) is value.__class__:
        return value
    if event.tag == f"{_TAG}float" and isinstance(value, int):
        return float(value)
    raise _at(
        event, f"the tag {quote(event.tag)} is not known here", "remove the tag, or quote text that begins with !"
    )


def _not_text(event: _Loose, problems: Problems, key: str, value: object) -> None:
    shown = "empty" if value is None else key
    problems.add_placed(f"a key must be text, not {shown}", f'write "{key}"', *_span(event))


def _at(event: _Loose, message: str, hint: str) -> Unreadable:
    return Unreadable(message, hint, *_span(event))


def _span(event: _Loose) -> tuple[int, int]:
    return event.start_mark.index, event.end_mark.index
