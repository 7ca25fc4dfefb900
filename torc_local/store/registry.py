"""Every statement of the program, in one list that tests can walk.

A statement stands directly above the function that runs it and knows the shape of its rows. Tests prepare each one on
an empty database, compare its columns with its row type, and check that those marked ``hot`` never scan a table.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

import apsw

from torc_local.store.database import Database

Row = TypeVar("Row")
Bindings = Sequence[Any] | Mapping[str, Any]


class Statement(Generic[Row]):
    """SQL text with the type of its rows (a NamedTuple's ``_make``)."""

    __slots__ = ("hot", "make", "name", "sql")

    def __init__(self, name: str, sql: str, make: Callable[[Iterable[Any]], Row], *, hot: bool) -> None:
        self.name = name
        self.sql = sql
        self.make = make
        self.hot = hot

    def rows(self, db: Database, bindings: Bindings = ()) -> list[Row]:
        """All rows, read to the end: a statement left half-read would keep the transaction open."""
        make = self.make
        return [make(row) for row in db.connection.execute(self.sql, bindings)]

    def each(self, db: Database, bindings: Bindings = ()) -> Iterator[Row]:
        """Rows one by one, for long lists outside of transactions."""
        make = self.make
        return (make(row) for row in db.connection.execute(self.sql, bindings))

    def first(self, db: Database, bindings: Bindings = ()) -> Row | None:
        """The first row, or None."""
        rows = self.rows(db, bindings)
        return rows[0] if rows else None

    def one(self, db: Database, bindings: Bindings = ()) -> Row:
        """The row that must be there."""
        (row,) = self.rows(db, bindings)
        return row

    def run(self, db: Database, bindings: Bindings = ()) -> int:
        """Run for its effect; the number of rows it changed."""
        connection = db.connection
        for _ in connection.execute(self.sql, bindings):
            pass
        return connection.changes()

    def many(self, db: Database, bindings: Iterable[Bindings]) -> list[Row]:
        """Run once for each of ``bindings``; all returned rows together."""
        make = self.make
        return [make(row) for row in db.connection.executemany(self.sql, bindings)]


def int_array(numbers: Iterable[int]) -> object:
    """Integers to bind to ``carray(?)`` (SQLite extension): read in C, a twentieth of binding one by one. Not empty."""
    return apsw.carray(array("q", numbers))


#: Of table ``job j``: as the index ``job_unsuccessful`` says it, or SQLite would not use that.
UNSUCCESSFUL = (
    "(j.status = 'failed' OR j.status = 'canceled' OR j.status = 'terminated' OR j.status = 'pending_failed')"
)

STATEMENTS: dict[str, Statement[Any]] = {}


def _no_row(row: Iterable[Any]) -> None:
    message = f"a statement without rows returned {tuple(row)!r}"
    raise TypeError(message)


def statement(name: str, sql: str, make: Callable[[Iterable[Any]], Row], *, hot: bool = False) -> Statement[Row]:
    """Register a statement that returns rows. Names start with the noun, so that they sort together."""
    made = Statement(name, sql, make, hot=hot)
    if name in STATEMENTS:
        message = f"two statements are named {name}"
        raise ValueError(message)
    STATEMENTS[name] = made
    return made


def action(name: str, sql: str, *, hot: bool = False) -> Statement[None]:
    """Register a statement that is run for its effect."""
    return statement(name, sql, _no_row, hot=hot)
