"""Reading what can be read of a database whose pages are damaged, into a new one.

Tables are read in the order of their keys. Where a page cannot be read, the next key that can be is looked for with
longer and longer steps, and then halved down to; all between is lost. What is kept only to save counting is not read:
it is counted anew afterwards (store/mending.py).
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import apsw

from torc_local.store import meta
from torc_local.store.database import Database
from torc_local.store.missing import Named

#: Tables and the columns that order their rows, each after those it refers to.
TABLES = {
    "workflow": ("id",),
    "run": ("workflow_id", "run_id"),
    "job_count": ("workflow_id", "status"),
    "resource_requirements": ("id",),
    "job_options": ("id",),
    "job": ("id",),
    "gate": ("id",),
    "dependency": ("before_id", "after_id"),
    "node": ("id",),
    "runner": ("id",),
    "coordinator": ("workflow_id",),
    "segment": ("id",),
    "running": ("job_id",),
    "file": ("id",),
    "user_data": ("id",),
    "item_set": ("id",),
    "item_set_member": ("set_id", "item_id"),
    "job_file": ("job_id", "is_output", "file_id"),
    "job_user_data": ("job_id", "is_output", "user_data_id"),
    "attempt": ("job_id", "run_id", "attempt_id"),
    "recovery": ("job_id", "attempt_id"),
    "action": ("id",),
    "action_job": ("action_id", "job_id"),
    "action_run": ("action_id", "run_id", "worker"),
    "attempt_usage": ("job_id", "run_id", "attempt_id"),
    "node_usage": ("workflow_id", "run_id", "node_id"),
    "allocation": ("workflow_id", "slurm_job_id"),
    "event": ("id",),
}

#: Without all of these nobody can say what may run, and after what.
ESSENTIAL = ("workflow", "dependency")

_LOWEST = -(2**63)
_HIGHEST = 2**63 - 1

# What a page that is not what it was can do to a row on its way here.
_UNREADABLE = (apsw.Error, UnicodeDecodeError)


class Table(NamedTuple):
    """How reading one table went."""

    read: int = 0
    stretches: int = 0  # places where rows could not be read
    refused: int = 0  # rows that were read, and cannot be right


class Salvaged(NamedTuple):
    """What came out of it; ``names`` are jobs that only an index still knows."""

    tables: dict[str, Table]
    names: dict[int, Named]

    @property
    def complete(self) -> bool:
        """Whether all that says what may run was read."""
        return not any(self.tables[name].stretches or self.tables[name].refused for name in ESSENTIAL)


def salvage(old: Database, new: Database) -> Salvaged:
    """Copy what can be read from ``old`` into the empty ``new``."""
    with new.write("salvage"):
        _copy_meta(old, new)
        tables = {table: _copy(old, new, table, keys) for table, keys in TABLES.items()}
        _copy_sequences(old, new)
    return Salvaged(tables, _names(old, new))


def _copy(old: Database, new: Database, table: str, keys: tuple[str, ...]) -> Table:
    columns = [name for (name,) in new.connection.execute("SELECT name FROM pragma_table_info(?)", (table,))]
    insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    reader = _Reader(old, table, keys, columns)
    read = refused = 0
    for row in reader:
        try:
            new.connection.execute(insert, row)
            read += 1
        except apsw.Error:
            refused += 1
    return Table(read, reader.stretches, refused)


class _Reader:
    def __init__(self, db: Database, table: str, keys: tuple[str, ...], columns: list[str]) -> None:
        self._db = db
        self._places = [columns.index(key) for key in keys]
        self._first = keys[0]
        what, marks = ", ".join(columns), ", ".join("?" * len(keys))
        order = f"ORDER BY {', '.join(keys)}"
        self._after = f"SELECT {what} FROM {table} WHERE ({', '.join(keys)}) > ({marks}) {order}"
        self._from = f"SELECT {what} FROM {table} WHERE {self._first} >= ? {order}"
        self.stretches = 0

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        sql, place = self._from, (_LOWEST,)
        while True:
            try:
                for row in self._db.connection.execute(sql, place):
                    yield row
                    sql, place = self._after, tuple(row[column] for column in self._places)
            except _UNREADABLE:
                self.stretches += 1
                start = self._next_readable(place[0])
                if start is None:
                    return
                sql, place = self._from, (start,)
            else:
                return

    def _next_readable(self, last: object) -> int | None:
        """The first key after ``last`` from which reading goes on; None when there is none."""
        if not isinstance(last, int):
            return None  # a key that is no number is not what it was, and says nothing about where we are
        bad, step = last, 1
        while not self._reads(good := min(last + step, _HIGHEST)):
            if good == _HIGHEST:
                return None
            bad, step = good, step * 2
        while good - bad > 1:
            middle = (good + bad) // 2
            if self._reads(middle):
                good = middle
            else:
                bad = middle
        return good

    def _reads(self, start: int) -> bool:
        try:
            self._db.connection.execute(f"{self._from} LIMIT 1", (start,)).fetchall()
        except _UNREADABLE:
            return False
        return True


def _copy_meta(old: Database, new: Database) -> None:
    try:
        said = meta.find(old)
    except _UNREADABLE:
        said = None
    # Otherwise the new file's own will do; only leftover processes of old jobs are not known by it.
    if said is not None:
        meta.make(new, said)


def _copy_sequences(old: Database, new: Database) -> None:
    """Keep ids from being used twice: those of lost runners are in the records of their jobs."""
    try:
        rows = old.connection.execute("SELECT seq, name FROM sqlite_sequence").fetchall()
    except _UNREADABLE:
        return
    new.connection.executemany("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", rows)


def _names(old: Database, new: Database) -> dict[int, Named]:
    here = {number for (number,) in new.connection.execute("SELECT id FROM job")}
    found: dict[int, Named] = {}
    try:
        for number, *rest in old.connection.execute("SELECT id, workflow_id, name FROM job INDEXED BY job_by_name"):
            if number not in here:
                found[number] = Named(*rest)
    except _UNREADABLE:
        pass  # what was read is worth something all the same
    return found
