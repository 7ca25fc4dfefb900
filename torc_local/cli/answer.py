"""Writing to standard output: it carries data and nothing else."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from torc_local.cli import terminal
from torc_local.report import fitting
from torc_local.report.fitting import Column, Table
from torc_local.report.paint import Line, painted

#: In every JSON document; fields are only ever added.
SCHEMA_VERSION = 1


def document(content: dict[str, Any]) -> None:
    """Print one JSON object."""
    print(json.dumps({"schema_version": SCHEMA_VERSION, **content}, indent=2))


#: The formats of lists for programs.
JSON, JSONL, CSV, TSV, MD, NAMES = "json", "jsonl", "csv", "tsv", "md", "names"

_form = JSON


def use(form: str) -> None:
    """Print lists in this format from now on: one command is one process, and asks for one."""
    global _form  # noqa: PLW0603 - so that a list need not know which formats there are
    _form = form


def is_markdown() -> bool:
    """Whether lists are printed as tables of Markdown."""
    return _form == MD


def table(content: Table) -> None:
    """Print a table: as Markdown if asked for, or as wide as the terminal is, which may leave columns out."""
    if is_markdown():
        lines(fitting.markdown(content))
        return
    looks = terminal.looks(sys.stdout)
    found = fitting.fit(content, looks.width)
    lines(painted(found.lines, looks._replace(colour=False)))
    if found.left_out:
        note(f"no room for: {', '.join(found.left_out)}")


def items(content: Iterable[dict[str, Any]], columns: Sequence[str] = ()) -> None:
    """Print a list in the format that was asked for. ``columns``: the only keys, in this order."""
    chosen = ({key: item[key] for key in columns} for item in content) if columns else content
    if _form == JSON:
        _json_items(chosen)
    elif _form == JSONL:
        sys.stdout.writelines(json.dumps(item) + "\n" for item in chosen)
    elif is_markdown():
        _markdown(list(chosen), columns)
    elif _form == NAMES:
        sys.stdout.writelines(f"{name_of(item)}\n" for item in content)
    else:
        _separated(chosen, columns)


def _json_items(content: Iterable[dict[str, Any]]) -> None:
    write = sys.stdout.write
    write(f'{{"schema_version": {SCHEMA_VERSION}, "items": [')
    between = "\n"
    for item in content:
        write(between + json.dumps(item))
        between = ",\n"
    write("\n]}\n")


def _separated(content: Iterable[dict[str, Any]], columns: Sequence[str]) -> None:
    """With commas (RFC 4180, lines end as on Unix), or with tabs, where what would break a line is an escape."""
    import csv  # noqa: PLC0415 - loaded when needed

    heads = list(columns)
    if _form == CSV:
        write = csv.writer(sys.stdout, lineterminator="\n").writerow
    else:

        def write(row: Iterable[str]) -> object:
            return sys.stdout.write("\t".join(map(_escaped, row)) + "\n")

    if heads:
        write(heads)
    for item in content:
        if not heads:
            heads = list(item)
            write(heads)
        write([cell(item.get(key)) for key in heads])


def _markdown(content: list[dict[str, Any]], columns: Sequence[str]) -> None:
    heads = list(columns or (content[0] if content else ()))
    rows = [[cell(item.get(key)) for key in heads] for item in content]
    if heads:
        lines(fitting.markdown(Table([Column(head) for head in heads], rows)))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def cell(value: Any) -> str:  # noqa: ANN401 - whatever is in an item
    """A value as text: nothing for null, JSON for what has parts."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def name_of(item: dict[str, Any]) -> str:
    """What an item of a list is called: its name, its job's, or what stands first in it."""
    return cell(item.get("name") or item.get("job_name") or next(iter(item.values()), ""))


def screen(content: Iterable[Line]) -> None:
    """Print a screen, in colours where they can be seen."""
    lines(painted(content, terminal.looks(sys.stdout)))


def entries(content: Iterable[tuple[str, Any]]) -> Iterator[str]:
    """The text of a large JSON object in pieces; an entry of each list per line, so that two can be compared."""
    between = "{\n"
    for key, value in content:
        yield f"{between}{json.dumps(key)}: "
        between = ",\n"
        if isinstance(value, list):
            yield "["
            comma = "\n"
            for one in value:
                yield f"{comma}{json.dumps(one)}"
                comma = ",\n"
            yield "\n]" if value else "]"
        else:
            yield json.dumps(value)
    yield "\n}\n"


def large_document(content: dict[str, Any]) -> None:
    """Print one JSON object whose lists may be long."""
    sys.stdout.writelines(entries({"schema_version": SCHEMA_VERSION, **content}.items()))


def lines(content: Iterable[str]) -> None:
    """Print lines of text."""
    sys.stdout.writelines(f"{line}\n" for line in content)


def text(content: str) -> None:
    """Print a text that ends its lines itself."""
    sys.stdout.write(content)


def note(text: str) -> None:
    """Say something to the person: on standard error, where data never is."""
    # Where nobody listens (a closed terminal), what was done is done all the same.
    with suppress(OSError, ValueError):
        sys.stderr.write(text + "\n")
