"""A person's own query on the public views: read only, and for a limited time.

A reader keeps the write-ahead log from being cut for as long as it reads, so an answer is read whole before anybody
looks at it, and a query that takes too long is ended.
"""

import time
from typing import Any, NamedTuple

import apsw

from torc_local.ground.errors import InputError
from torc_local.store.database import Database
from torc_local.store.registry import statement

#: More rows than these are refused: they are held in memory.
MOST_ROWS = 1_000_000

_STEPS = 10_000  # of SQLite's virtual machine between two looks at the clock: some milliseconds
_PREFIX = "v_"

#: Reading, functions, and WITH RECURSIVE; what is read is looked at further.
_ALLOWED = frozenset({apsw.SQLITE_SELECT, apsw.SQLITE_FUNCTION, apsw.SQLITE_RECURSIVE})

#: What SQLite says about the query itself; anything else is about the file.
_OF_THE_QUERY = (apsw.SQLError, apsw.MismatchError, apsw.RangeError, apsw.TooBigError)


class Table(NamedTuple):
    """Rows with the names of their columns, each name once."""

    columns: list[str]
    rows: list[tuple[Any, ...]]


class View(NamedTuple):
    """A public view; ``columns`` are listed in one text."""

    name: str
    columns: str


_VIEWS = statement(
    "query_views",
    "SELECT s.name, group_concat(c.name, ', ' ORDER BY c.cid) FROM sqlite_schema s JOIN pragma_table_info(s.name) c"
    f" WHERE s.type = 'view' AND substr(s.name, 1, 2) = '{_PREFIX}' GROUP BY s.name ORDER BY s.name",
    View._make,
)


def views(db: Database) -> list[View]:
    """The public views with their columns."""
    return _VIEWS.rows(db)


def query(db: Database, sql: str, *, limit_s: float) -> Table:
    """The answer to a query. Raises InputError for what is no query on the views, or takes too long."""
    connection = db.connection
    until = time.monotonic() + limit_s
    refused: list[str] = []

    def authorize(action: int, first: str | None, second: str | None, _schema: str | None, inner: str | None) -> int:
        # An empty column: the table of a view is joined without a look at its columns, and the view goes unnamed.
        if action in _ALLOWED or (action == apsw.SQLITE_READ and (not second or _is_public(first, inner))):
            return apsw.SQLITE_OK
        if action == apsw.SQLITE_PRAGMA and first == "user_version" and second is None:
            return apsw.SQLITE_OK  # v_meta has it
        refused.append(f"table {first}" if action == apsw.SQLITE_READ else "")
        return apsw.SQLITE_DENY

    connection.authorizer = authorize
    connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
    try:
        return _read(connection, sql)
    except apsw.AuthError:
        what = f"{refused[0]} is not one of them" if refused and refused[0] else "and nothing is changed"
        raise InputError(f"a query reads the views v_...: {what}", hint="torc-local sql lists them") from None
    except apsw.InterruptError:
        raise InputError(
            f"the query took longer than {limit_s:g} s, and kept the log from being cut",
            hint="narrow it, allow more with --timeout, or ask a copy: torc-local db snapshot",
        ) from None
    except _OF_THE_QUERY as error:
        raise InputError(f"SQL: {error}", hint="torc-local sql lists the views and their columns") from None
    finally:
        connection.set_progress_handler(None)
        connection.authorizer = None


def _is_public(table: str | None, inner: str | None) -> bool:
    # A view reads tables in its own name; SQLite calls the name of whoever reads them "inner".
    return (table or "").lower().startswith(_PREFIX) or (inner or "").lower().startswith(_PREFIX)


def _read(connection: apsw.Connection, sql: str) -> Table:
    cursor = connection.execute(sql)
    columns: list[str] = []
    rows: list[tuple[Any, ...]] = []
    try:
        for row in cursor:
            columns = columns or _unique([name for name, *_ in cursor.get_description()])
            if len(rows) == MOST_ROWS:
                raise InputError(f"the query has more than {MOST_ROWS:,} rows", hint="add LIMIT, or ask for sums")
            rows.append(row)
    finally:
        cursor.close(force=True)
    return Table(columns, rows)


def _unique(names: list[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        number, chosen = 1, name
        while chosen in found:
            number += 1
            chosen = f"{name}_{number}"
        found.append(chosen)
    return found
