"""Writing HTML: everything that is not ours goes through ``text``."""

from collections.abc import Iterable, Sequence
from html import escape
from math import isnan

from torc_local.report.text import duration, printable


def text(value: object) -> str:
    """As text of an element, or as a value of an attribute in double quotes; control characters as escapes."""
    return escape(printable(str(value)), quote=True)


def took(seconds: float | None) -> str:
    """A time span, also one that is too short for the clock of a person: ``8.1ms``."""
    if seconds is None or isnan(seconds):
        return "-"
    return f"{1000 * seconds:.3g}ms" if 0 < seconds < 0.01 else duration(seconds)  # noqa: PLR2004 - two digits of 0.01


def lines(value: str) -> str:
    """The same of several lines."""
    return "\n".join(map(text, value.split("\n")))


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = (), kind: str = "") -> str:
    """A table of cells that are HTML already; columns named in ``right`` hold numbers."""
    marks = [' class="n"' if column in right else "" for column in range(len(heads))]
    head = "".join(f"<th scope=col{mark}>{name}</th>" for name, mark in zip(heads, marks, strict=True))
    body = "".join(
        f"<tr>{''.join(f'<td{mark}>{cell}</td>' for cell, mark in zip(row, marks, strict=True))}</tr>\n" for row in rows
    )
    of_kind = f' class="{kind}"' if kind else ""
    return f"<div class=wide><table{of_kind}><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div>\n"


def section(number: int, name: str, title: str, content: str, *, note: str = "") -> str:
    """One part of the page."""
    said = f"<p class=note>{note}</p>\n" if note else ""
    head = f'<h2 id="h-{name}"><span class=number>{number}</span> {title}</h2>'
    return f'<section id="{name}" aria-labelledby="h-{name}">{head}\n{said}{content}</section>\n'
