"""Tables that fit into the width of a terminal: what may be shortened is, then what matters least is left out."""

from collections.abc import Sequence
from typing import NamedTuple

from torc_local.report.text import aligned, cells, printable, shortened, shortened_inside

_GAP = 2


class Column(NamedTuple):
    """A column of a table."""

    head: str
    right: bool = False
    least: int | None = None  # may be shortened to so many columns of the terminal; None: not at all
    inside: bool = False  # where: in the middle, as names are, which differ at their ends
    spare: int = 0  # may be left out, the largest number first; 0: never


class Table(NamedTuple):
    """Columns, and rows with a cell for each."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]


class Fitted(NamedTuple):
    """Lines of a table, and the heads of the columns that found no room."""

    lines: list[str]
    left_out: list[str]


def fit(table: Table, width: int | None) -> Fitted:
    """The table in lines of at most ``width`` columns of a terminal, where that can be done; None: as wide as it is."""
    shown = list(table.columns)
    cuts = [[printable(cell) for cell in row] for row in ([one.head for one in shown], *table.rows)]
    left_out = []
    while True:
        widths = _widths(shown, cuts, width)
        if width is None or _total(widths) <= width or not any(one.spare for one in shown):
            break
        index = max(range(len(shown)), key=lambda number: shown[number].spare)
        left_out.append(shown.pop(index).head)
        for row in cuts:
            del row[index]
    for index, column in enumerate(shown):
        if column.least is not None:
            cut = shortened_inside if column.inside else shortened
            for row in cuts:
                row[index] = cut(row[index], widths[index])
    right = [index for index, column in enumerate(shown) if column.right]
    lines = aligned(cuts, widths, right)
    return Fitted(lines if width is None else [shortened(line, width) for line in lines], left_out)


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None) -> list[int]:
    """How wide each column is; those that may be shortened give way, the widest first, none below its least."""
    widths = [max(map(cells, column)) for column in zip(*rows, strict=True)]
    if width is None:
        return widths
    least = [
        natural if column.least is None else min(natural, max(column.least, cells(column.head)))
        for column, natural in zip(columns, widths, strict=True)
    ]
    excess = _total(widths) - width
    while excess > 0:
        index = max(range(len(widths)), key=lambda number: (widths[number] > least[number], widths[number]))
        if widths[index] == least[index]:
            break
        widths[index] -= 1
        excess -= 1
    return widths


def markdown(table: Table) -> list[str]:
    """The table as Markdown (GitHub's tables)."""
    marks = ["---:" if column.right else "---" for column in table.columns]
    body = [[_marked(printable(cell)) for cell in row] for row in ([one.head for one in table.columns], *table.rows)]
    return [f"| {' | '.join(row)} |" for row in (body[0], marks, *body[1:])]


def _marked(cell: str) -> str:
    """Text in which Markdown finds nothing to act on."""
    return "".join(f"\\{char}" if char in "\\`*_{}[]<>|#~" else char for char in cell)
