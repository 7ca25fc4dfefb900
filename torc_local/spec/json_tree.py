"""Reading JSON strictly: no repeated keys, no NaN, no comments; positions only when something is wrong."""

import json
import re
from collections.abc import Iterator
from typing import NoReturn

from torc_local.spec.places import DEEPEST, Step
from torc_local.spec.source import Source, Unreadable

_TOKEN = re.compile(
    r'[ \t\n\r]*(?:(?P<text>"[^"\\]*(?:\\.[^"\\]*)*")|(?P<mark>[{}\[\],:])|(?P<word>[^\s{}\[\],:"]+))', re.DOTALL
)


def read_json(source: Source) -> tuple[object, bool]:
    """The value in ``source``, and whether some object repeats a key (the last one counts).

    Raises Unreadable for anything that is not strict JSON, and for nesting deeper than 64 levels.
    """
    repeats = False

    def pairs(found: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal repeats
        made = dict(found)
        repeats = repeats or len(made) != len(found)
        return made

    try:
        value: object = json.loads(source.text, object_pairs_hook=pairs, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise _syntax(error, source) from None
    except RecursionError:
        raise _too_deep(source) from None
    except ValueError as error:
        raise _bad_number(error, source) from None
    if _depth_over(value, DEEPEST):
        raise _too_deep(source)
    return value, repeats


def json_steps(source: Source) -> Iterator[Step]:
    """The text once more, with positions. It must be JSON that ``read_json`` could read."""
    offset = 0
    while found := _TOKEN.match(source.text, offset):
        offset = found.end()
        group = found.lastgroup or "word"
        written, start = found[group], found.start(group)
        if group == "text":
            yield Step(".", start, offset, json.loads(written))
        elif group == "word":
            yield Step(".", start, offset, written)
        elif written in "{}[]":
            yield Step(written, start, offset, "")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _syntax(error: json.JSONDecodeError, source: Source) -> Unreadable:
    at = min(error.pos, len(source.text))
    rest = source.text[at : at + 2]
    before = source.text[:at].rstrip()[-1:]
    if at >= len(source.text.rstrip()):
        return Unreadable("the file ends in the middle of a value", "is it complete?", max(0, at - 1), at)
    if rest.startswith(("//", "/*", "#")):
        return Unreadable("JSON has no comments", "remove the comment, or use YAML", at, at + 2)
    if rest[:1] in {"}", "]"} and before == ",":
        comma = source.text.rindex(",", 0, at)
        return Unreadable("a comma before the closing bracket", "remove the comma", comma, comma + 1)
    if rest.startswith("'"):
        return Unreadable("JSON text stands in double quotes", "replace ' by \"", at, at + 1)
    return Unreadable(f"this is not valid JSON: {error.msg[:1].lower()}{error.msg[1:]}", None, at, at + 1)


def _bad_number(error: ValueError, source: Source) -> Unreadable:
    for step in _words(source):
        if step.value in {"NaN", "Infinity", "-Infinity"}:
            return Unreadable(f"{step.value} is not a JSON number", "write a number", step.start, step.end)
        if len(step.value) > 4000 and step.value.lstrip("-").isdigit():  # noqa: PLR2004 - Python refuses 4,300 digits
            return Unreadable("this number has too many digits", "write it as text", step.start, step.end)
    return Unreadable(f"this is not valid JSON: {error}")


def _words(source: Source) -> Iterator[Step]:
    return (step for step in json_steps(source) if step.kind == ".")


def _too_deep(source: Source) -> Unreadable:
    depth = 0
    for step in json_steps(source):
        depth += (step.kind in "{[") - (step.kind in "}]")
        if depth > DEEPEST:
            return Unreadable(
                f"nested more than {DEEPEST} levels deep", "a workflow needs about six", step.start, step.end
            )
    return Unreadable(f"nested more than {DEEPEST} levels deep")


def _depth_over(value: object, limit: int) -> bool:
    """Whether lists and dicts are nested deeper than ``limit``; level by level, so that nothing recurses."""
    level = [value]
    for _ in range(limit + 1):
        level = [
            inner
            for item in level
            for inner in (item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
            if inner.__class__ in {dict, list}
        ]
        if not level:
            return False
    return True
