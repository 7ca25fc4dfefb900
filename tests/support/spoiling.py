"""Databases in which one row is gone or one value is not what anybody wrote: by a disk, or by a person.

The pages stay whole, so that SQLite finds little or nothing: what is wrong must be noticed by us, or do no harm.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import apsw

#: Of the right kind, and wrong.
_NUMBERS = (-1, 0, 7, 2**62, -(2**63), 2**63 - 1)
_REALS = (-1.0, 0.0, 1e300, float("inf"))
_TEXTS = ("", "x", "{", "[1]", '{"x": 1}', "../../x", "\n\x1b[2J", "x" * 5000)

#: Of the wrong kind: what changed bits make of a value. The last one is text in no encoding.
_ODD = {
    "NULL": "NULL",
    "a number": "7",
    "a real": "0.5",
    "text": "'x'",
    "bytes": "x'00ff'",
    "broken text": "CAST(x'ff' AS TEXT)",
}


class Spoiling(NamedTuple):
    """One thing that is done to a database; ``sql`` does it."""

    table: str
    what: str
    sql: str
    values: tuple[Any, ...] = ()
    # Whether it takes away the very record of what was done, so that nobody could know it any more.
    forgets: bool = False

    def __str__(self) -> str:
        return f"{self.table}: {self.what}"


def spoilings(path: Path) -> list[Spoiling]:
    """All that can be done to this database, one table, row or value at a time."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    tables = [str(name) for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    tables = [name for name in tables if not name.startswith("sqlite_")]
    found = [one for table in tables for one in _of_table(connection, table)]
    connection.close()
    return found


def _of_table(connection: apsw.Connection, table: str) -> Iterator[Spoiling]:
    columns = connection.execute("SELECT name, type, pk FROM pragma_table_info(?)", (table,)).fetchall()
    keys = ", ".join(str(name) for name, _, place in columns if place)
    ((rows,),) = connection.execute(f"SELECT count(*) FROM {table}").fetchall()
    record = table in ("attempt", "job", "workflow", "dependency")
    yield Spoiling(table, "dropped", f"DROP TABLE {table}", forgets=record)
    if not rows:
        return
    yield Spoiling(table, "all rows deleted", f"DELETE FROM {table}", forgets=record)
    for end, order in (("first", ""), ("last", " DESC")):
        place = ", ".join(f"{key}{order}" for key in keys.split(", "))
        which = f"({keys}) = (SELECT {keys} FROM {table} ORDER BY {place} LIMIT 1)"
        yield Spoiling(table, f"{end} row deleted", f"DELETE FROM {table} WHERE {which}", forgets=record)
        for name, kind, place_in_key in columns:
            forgets = table == "attempt" or (table in ("job", "workflow", "dependency") and bool(place_in_key))
            forgets |= (table, name) in (("job", "status"), ("job", "attempt_id"), ("job", "workflow_id"))
            change = f"UPDATE OR REPLACE {table} SET {name} = "
            values = {"INTEGER": _NUMBERS, "REAL": _REALS, "TEXT": _TEXTS}[str(kind)]
            for value in values:
                what = f"{name} of the {end} row is {str(value)[:20]!r}"
                yield Spoiling(table, what, f"{change}? WHERE {which}", (value,), forgets)
            for what, sql in _ODD.items():
                if what != {"INTEGER": "a number", "REAL": "a real", "TEXT": "text"}[str(kind)]:
                    yield Spoiling(
                        table, f"{name} of the {end} row is {what}", f"{change}{sql} WHERE {which}", (), forgets
                    )


def spoil(path: Path, spoiling: Spoiling) -> bool:
    """Do it; whether anything changed. No check, no trigger and no type of a column is in the way."""
    relaxed(path, _without_promises)
    try:
        connection = _open(path)
        connection.execute(spoiling.sql, spoiling.values)
        changed = connection.changes() > 0 or "DROP" in spoiling.sql
        connection.close()
    finally:
        relaxed(path, None)
    return changed


def _open(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    connection.pragma("foreign_keys", False)
    connection.pragma("ignore_check_constraints", True)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    return connection


def _without_promises(sql: str) -> str:
    relaxed = re.sub(r"(?<!IS )NOT NULL", "", sql)
    return relaxed.replace(") STRICT, WITHOUT ROWID", ") WITHOUT ROWID").replace(") STRICT", ")")


_kept: dict[Path, list[tuple[str, str]]] = {}


def relaxed(path: Path, change: Callable[[str], str] | None) -> None:
    """Let SQLite believe that its tables promise less; with None what they said before."""
    connection = _open(path)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
    connection.pragma("writable_schema", True)
    if change is not None:
        rows = connection.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND sql IS NOT NULL"
        ).fetchall()
        _kept[path] = [(str(name), str(sql)) for name, sql in rows]
        new = [(change(sql), name) for name, sql in _kept[path]]
    else:
        new = [(sql, name) for name, sql in _kept.pop(path)]
    connection.executemany("UPDATE sqlite_schema SET sql = ? WHERE type = 'table' AND name = ?", new)
    connection.close()
