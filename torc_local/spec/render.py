"""Templates: text with ``{parameter}`` placeholders, filled in for thousands of jobs at once.

Numbers look as Torc's Rust prints them: 1.0 is ``1`` and 1e-5 is ``0.00001``. All placeholders of a text are
filled in, formatted and plain ones together; one that names no parameter stays as it is.
"""

import math
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

Value = int | float | str

_ZEROS = re.compile(r"0[0-9]{1,3}d", re.ASCII)
_DECIMALS = re.compile(r"\.[0-9]{1,3}f", re.ASCII)


def render(value: Value, how: str | None = None) -> str:
    """One value as text. ``how`` is what follows the colon: ``03d`` for ints, ``.2f`` for floats, else ignored."""
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return format(value, how) if how and _ZEROS.fullmatch(how) else str(value)
    if how and _DECIMALS.fullmatch(how):
        return format(value, how)
    plain = format(Decimal(repr(value)), "f")
    return plain.removesuffix(".0")


class Column(NamedTuple):
    """The values of one parameter over all instances: each ``inner`` times in a row, the whole ``outer`` times."""

    values: Sequence[Value]
    inner: int
    outer: int


class Grid:
    """All combinations of some parameters; templates are filled in for every instance at once."""

    def __init__(self, columns: dict[str, Column], size: int) -> None:
        self.size = size
        self._columns = columns
        self._rendered: dict[tuple[str, str | None], list[str]] = {}
        names = "|".join(map(re.escape, columns))
        self._placeholder = re.compile(rf"\{{({names})(?::([^{{}}]*))?\}}") if columns else None

    def fill(self, template: str) -> str | list[str]:
        """The template for every instance; plain text when nothing in it varies, which costs nothing per job."""
        if self._placeholder is None or "{" not in template:
            return template
        pieces: list[str] = []
        columns: list[list[str]] = []
        end = 0
        for found in self._placeholder.finditer(template):
            pieces.append(template[end : found.start()])
            columns.append(self._column(found[1], found[2]))
            end = found.end()
        if not columns:
            return template
        tail = template[end:]
        if len(columns) == 1:
            head = pieces[0]
            return [f"{head}{text}{tail}" for text in columns[0]]
        pattern = "".join(f"{piece.replace('%', '%%')}%s" for piece in pieces) + tail.replace("%", "%%")
        return [pattern % row for row in zip(*columns, strict=True)]

    def _column(self, name: str, how: str | None) -> list[str]:
        found = self._rendered.get((name, how))
        if found is None:
            values, inner, outer = self._columns[name]
            texts = [render(value, how) for value in values]
            found = [text for text in texts for _ in range(inner)] * outer
            self._rendered[name, how] = found
        return found


#: A job without parameters: one instance, nothing to fill in.
NO_GRID = Grid({}, 1)


def product(values: dict[str, Sequence[Value]]) -> Grid:
    """Every combination, in the order of the file; the last parameter varies fastest."""
    size = math.prod(map(len, values.values()))
    columns = {}
    outer, inner = 1, size
    for name, column in values.items():
        inner //= len(column)
        columns[name] = Column(column, inner, outer)
        outer *= len(column)
    return Grid(columns, size)


def together(values: dict[str, Sequence[Value]]) -> Grid:
    """The first values together, then the second ones, and so on; all parameters have equally many."""
    return Grid({name: Column(column, 1, 1) for name, column in values.items()}, len(next(iter(values.values()))))
