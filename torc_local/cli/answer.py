"""Writing to standard output: it carries data and nothing else."""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

#: In every JSON document; fields are only ever added.
SCHEMA_VERSION = 1


def document(content: dict[str, Any]) -> None:
    """Print one JSON object."""
    print(json.dumps({"schema_version": SCHEMA_VERSION, **content}, indent=2))


def items(content: Iterable[dict[str, Any]]) -> None:
    """Print a list as one JSON document, an item per line."""
    write = sys.stdout.write
    write(f'{{"schema_version": {SCHEMA_VERSION}, "items": [')
    between = "\n"
    for item in content:
        write(between + json.dumps(item))
        between = ",\n"
    write("\n]}\n")


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
