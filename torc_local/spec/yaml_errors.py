"""What a YAML parser's message means to the person who wrote the file.

libyaml reports what it expected next, often lines after the mistake. The few mistakes that people really make
are recognised from its message and the line it points at; anything else keeps the parser's words.
"""

import re
from typing import Any

import yaml

from torc_local.spec.source import Source, Unreadable

_SAME_ROW_VALUE = re.compile(r"^\s*(?:- +)?(?P<key>[\w.-]+):\s+(?P<value>\S.*)$")
_BRACES_FIRST = re.compile(r"^\s*(?:- +)?(?:[\w.-]+:\s+)?(?P<braces>\{[^{}]*\})\s*\S")


def translate(error: yaml.YAMLError, source: Source) -> Unreadable:
    """The problem behind a parser's error, with the offset where a person should look."""
    mark: Any = getattr(error, "problem_mark", None)
    if mark is None:
        return _unacceptable(error, source)
    problem = str(getattr(error, "problem", None) or "")
    context = str(getattr(error, "context", None) or "")
    context_mark: Any = getattr(error, "context_mark", None)
    offset = min(int(mark.index), len(source.text))
    before = min(int(context_mark.index), len(source.text)) if context_mark is not None else offset
    row_start, row = _row(source.text, offset)

    if "\t" in row[: len(row) - len(row.lstrip())] and ("tab" in problem or "cannot start any token" in problem):
        tab = row_start + row.index("\t")
        return Unreadable("a tab is used for indentation; YAML wants spaces", "replace the tab by spaces", tab, tab + 1)
    if "cannot start any token" in problem:
        char = source.text[offset : offset + 1]
        return Unreadable(
            f"unquoted text cannot begin with {char!r}", "put the whole value in quotes", offset, offset + 1
        )
    if "quoted scalar" in context and "end of stream" in problem:
        return Unreadable("this quote is never closed", "add the closing quote", before, before + 1)
    if "escape character" in problem or "hexdecimal" in problem:
        return Unreadable(
            "an unknown escape inside double quotes", "use single quotes for text with backslashes", offset, offset + 2
        )
    if "mapping values are not allowed" in problem:
        return _colon(source, offset, row_start, row)
    if "flow" in context:
        return _flow(source, problem, offset, before)
    if braces := _BRACES_FIRST.match(row):
        start = row_start + braces.start("braces")
        found = braces["braces"]
        hint = f'put the whole value in quotes: "{found}..."'
        return Unreadable(f"YAML reads {found} as a mapping, not as a parameter", hint, start, start + len(found))
    if "could not find expected ':'" in problem:
        return _no_colon(source, before)
    if "anchor" in context or "alias" in context:
        sign = source.text[before : before + 1]
        return Unreadable(
            f"unquoted text cannot begin with {sign!r}", "put the whole value in quotes", before, before + 1
        )
    if "did not find expected key" in problem and (quoted := re.match(r"^\s*(?:- +)?[\w.-]+:\s+(['\"])", row)):
        start = row_start + quoted.start(1)
        hint = "quote the whole value, or use a block:  key: |"
        return Unreadable("text follows the closing quote", hint, max(start, offset), offset + 1)
    if "did not find expected" in problem:
        hint = "lines of one block begin in the same column; a list item begins with '- '"
        return Unreadable("the indentation does not fit the lines above", hint, offset, offset + 1)
    words = f"{context}, {problem}" if context else problem
    return Unreadable(f"this is not valid YAML: {words}", None, offset, offset + 1)


def _colon(source: Source, offset: int, row_start: int, row: str) -> Unreadable:
    """A second ``: `` in a line, or a line that is indented deeper than the text above it allows."""
    found = _SAME_ROW_VALUE.match(row)
    if found and row_start + found.start("value") <= offset and ":" in found["value"]:
        value = found["value"].replace("\\", "\\\\").replace('"', '\\"')
        hint = f'put the value in quotes:  {found["key"]}: "{value}"' if len(value) <= 100 else "put it in quotes"  # noqa: PLR2004
        message = "this line is not valid YAML: ': ' inside an unquoted value"
        return Unreadable(message, hint, offset, offset + 1)
    start = row_start + len(row) - len(row.lstrip())
    hint = "is it indented too far, or does the value above need quotes?"
    return Unreadable("a key is not expected here", hint, start, max(start + 1, min(offset, source.text.__len__())))


def _flow(source: Source, problem: str, offset: int, before: int) -> Unreadable:
    """Something between [ ] or { } that does not end."""
    opened = source.text[before : before + 1]
    if opened in "[{" and opened:
        closing = "]" if opened == "[" else "}"
        if offset >= len(source.text.rstrip()):
            return Unreadable(
                f"this {opened!r} is never closed", f"the file ends before {closing!r}", before, before + 1
            )
        line = source.line(offset)
        hint = f"line {line} goes on with neither ',' nor {closing!r}; quote text with special characters"
        return Unreadable(
            f"the list or mapping that begins here is not closed by {closing!r}", hint, before, before + 1
        )
    if offset >= len(source.text.rstrip()):
        last = max(0, len(source.text.rstrip()) - 1)
        return Unreadable("the file ends in the middle of a list or mapping", "is it complete?", last, last + 1)
    char = source.text[offset : offset + 1]
    del problem
    return Unreadable(f"{char!r} is not expected here", "quote text with special characters", offset, offset + 1)


def _no_colon(source: Source, offset: int) -> Unreadable:
    _, row = _row(source.text, offset)
    hint = "write  key: value,  or indent text that belongs to the line above"
    return Unreadable("this line is not 'key: value'", hint, offset, offset + max(1, len(row.strip())))


def _unacceptable(error: yaml.YAMLError, source: Source) -> Unreadable:
    """A character that YAML does not allow anywhere."""
    found = re.search(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", source.text)
    if found is None:
        return Unreadable(f"this is not valid YAML: {error}")
    char = ascii(found[0])
    return Unreadable(
        f"the control character {char} is not allowed", 'write it as an escape in double quotes: "\\x1b"', found.start()
    )


def _row(text: str, offset: int) -> tuple[int, str]:
    start = text.rfind("\n", 0, offset) + 1
    end = text.find("\n", offset)
    return start, text[start : len(text) if end < 0 else end].rstrip("\r")
