"""``sql``: a query on the public views, or which there are."""

import sys
from pathlib import Path
from typing import Any

from torc_local.cli import answer, place
from torc_local.ground.errors import ExitCode, InputError
from torc_local.ground.units import parse_duration
from torc_local.report.fitting import Column, Table
from torc_local.report.text import shortened, table
from torc_local.store import opening, querying

_WIDEST = 80  # of a cell in a table


def sql(option: Path | None, query: str | None, *, timeout: str, as_items: bool) -> int:
    """``sql``."""
    try:
        limit_s = parse_duration(timeout)
    except ValueError as error:
        raise InputError(f"--timeout: {error}") from None
    text = sys.stdin.read() if query == "-" else query
    if text is not None and not text.strip():
        raise InputError("there is no query", hint="torc-local sql 'SELECT status, count(*) FROM v_jobs GROUP BY 1'")
    with opening.open_read_only(place.database(option)) as db:
        if text is None:
            found = querying.views(db)
            if as_items:
                answer.items({"name": view.name, "columns": view.columns.split(", ")} for view in found)
            else:
                answer.lines(table(["VIEW", "COLUMNS"], [list(view) for view in found]))
            return ExitCode.OK
        # The command line may be of any bytes; SQLite wants UTF-8.
        told = querying.query(db, place.text(text), limit_s=limit_s)
    if as_items:
        answer.items((dict(zip(told.columns, map(_plain, row), strict=True)) for row in told.rows), told.columns)
        return ExitCode.OK
    cells = [[shortened(answer.cell(_plain(value)), _WIDEST) for value in row] for row in told.rows]
    numbers = [at for at in range(len(told.columns)) if all(_is_number(row[at]) for row in told.rows)]
    if told.rows:
        columns = [
            Column(name, right=at in numbers, least=None if at in numbers else 12)
            for at, name in enumerate(told.columns)
        ]
        answer.table(Table(columns, cells))
    return ExitCode.OK


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever SQLite holds
    return value.hex() if isinstance(value, bytes) else value


def _is_number(value: Any) -> bool:  # noqa: ANN401 - whatever SQLite holds
    return value is None or isinstance(value, int | float)
