"""Reading JSON5: the values by pyjson5 (extra ``json5``), repeated keys and positions by a walk of our own."""

import re
from collections.abc import Iterator

from torc_local.spec.places import DEEPEST, Step, repeated_keys
from torc_local.spec.source import Source, Unreadable

# Possessive: a comment that contains // must not be tried as several.
_SPACE = r"(?:[\s\ufeff]|//[^\n\r\u2028\u2029]*|/\*.*?\*/)*+"
_TOKEN = re.compile(
    _SPACE + r"(?:(?P<text>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')|(?P<mark>[{}\[\],:])|(?P<word>[^\s{}\[\],:\"'/]+))",
    re.DOTALL,
)
_SKIPPED = re.compile(_SPACE, re.DOTALL)
_NEAR = re.compile(r"^(?P<what>.*?),? (?:starting )?near (?P<at>\d+)", re.DOTALL)
_EXPECTED = (("colon", "':'"), ("Identifier", "a key or '}'"), ("comma", "',' or a closing bracket"))
_PLAIN = re.compile(r"[\w$]+")


def read_json5(source: Source) -> tuple[object, bool]:
    """The value in ``source``, and whether some object repeats a key (the last one counts).

    Raises Unreadable for anything that is not JSON5, for nesting deeper than 64 levels, and without the extra.
    """
    try:
        import pyjson5  # noqa: PLC0415 - an extra
    except ImportError:
        raise Unreadable("reading JSON5 needs the package pyjson5", "pip install 'torc-local[json5]'") from None
    try:
        value: object = pyjson5.decode(source.text, DEEPEST)
    except pyjson5.Json5NestingTooDeep as error:
        start, _ = _near(error, source)
        raise Unreadable(
            f"nested more than {DEEPEST} levels deep", "a workflow needs about six", start, start + 1
        ) from None
    except (pyjson5.Json5Exception, ValueError) as error:
        raise _syntax(error, source) from None
    return value, next(repeated_keys(json5_steps(source)), None) is not None


def json5_steps(source: Source) -> Iterator[Step]:
    """The text once more, with positions. It must be JSON5 that ``read_json5`` could read."""
    offset = 0
    while found := _TOKEN.match(source.text, offset):
        offset = found.end()
        group = found.lastgroup or "word"
        written, start = found[group], found.start(group)
        if group == "text":
            yield Step(".", start, offset, _text(written))
        elif group == "word":
            yield Step(".", start, offset, written if _PLAIN.fullmatch(written) else _name(written))
        elif written in "{}[]":
            yield Step(written, start, offset, "")


def _text(written: str) -> str:
    if "\\" not in written:
        return written[1:-1]
    import pyjson5  # noqa: PLC0415 - an extra

    return str(pyjson5.decode(written))


def _name(written: str) -> str:
    """A key without quotes may contain escapes; numbers are no keys, and what they say does not matter here."""
    import pyjson5  # noqa: PLC0415 - an extra

    try:
        return str(next(iter(pyjson5.decode(f"{{{written}:0}}"))))
    except (pyjson5.Json5Exception, ValueError):
        return written


def _near(error: Exception, source: Source) -> tuple[int, str]:
    """Where an error is, and what was said about it."""
    found = _NEAR.match(str(error.args[0]))
    if found is None:
        return 0, str(error.args[0])
    return min(max(0, int(found["at"]) - 1), max(0, len(source.text) - 1)), found["what"].replace("b'", "'")


def _syntax(error: Exception, source: Source) -> Unreadable:
    at, what = _near(error, source)
    char = source.text[at : at + 1]
    end = len(source.text.rstrip())
    if what.startswith("Extra data"):
        skipped = _SKIPPED.match(source.text, at + 1)
        at = at if skipped is None else min(skipped.end(), end - 1)
        return Unreadable("something follows the end of the value", "one file holds one workflow", at, at + 1)
    if what.startswith("No JSON data"):
        return Unreadable("there is nothing but comments in the file", "a workflow needs 'name' and 'jobs'")
    if what.startswith("Unclosed") and char in {"{", "["}:
        closing = "}" if char == "{" else "]"
        return Unreadable(f"this {char!r} is never closed", f"the file ends before {closing!r}", at, at + 1)
    if what.startswith("Unclosed") and char in {'"', "'"}:
        return Unreadable("this quote is never closed", "text ends in the line in which it begins", at, at + 1)
    if what.startswith("Stray"):
        return Unreadable("a comma with nothing before it", "remove one comma", at, at + 1)
    if what.startswith("Expected"):
        wanted = next((words for mark, words in _EXPECTED if mark in what), "a value; text stands in quotes")
        return Unreadable(f"{char!r} is not expected here", f"expected {wanted}", at, at + 1)
    if "NumericLiteral" in what:
        return Unreadable("this number cannot be read", "write it as text", at, at + 1)
    return Unreadable("this is not valid JSON5", None, at, at + 1)
