"""Asking SQLite whether the file is whole: a quick look before work goes on, a thorough one when asked for."""

import enum
import re
from typing import NamedTuple

import apsw

from torc_local.ground.errors import StateError
from torc_local.store.database import Database
from torc_local.store.registry import statement


class _Text(NamedTuple):
    text: str


_QUICK = statement("check_quick", "SELECT quick_check FROM pragma_quick_check", _Text._make)
_WHOLE = statement("check_whole", "SELECT integrity_check FROM pragma_integrity_check", _Text._make)
_REFERENCES = statement(
    "check_references", "SELECT DISTINCT \"table\" || ' -> ' || parent FROM pragma_foreign_key_check", _Text._make
)

# What integrity_check says when the rows are there and an index does not agree with them.
_OF_AN_INDEX = re.compile(r"row \d+ missing from index|wrong # of entries in index|non-unique entry in index")

# What it says when the pages are whole and a value is not what the schema allows.
_OF_A_VALUE = re.compile(r"CHECK constraint failed in|NULL value in|(non-)?[A-Z]+ value in|NUMERIC value in")


class _Part(NamedTuple):
    kind: str
    name: str


# What a file consists of: tables, views, indexes and triggers, and each column of a table. SQLite's own are left out.
_PARTS = (
    "SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'"
    " UNION ALL SELECT 'column', t.name || '.' || c.name FROM sqlite_schema t JOIN pragma_table_xinfo(t.name) c"
    " WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'"
)
_LAYOUT = statement("check_layout", _PARTS, _Part._make)


class Kind(enum.Enum):
    """What is wrong, by what it takes to mend it."""

    NOTHING = "nothing"
    VALUES = "values"  # to be set right
    INDEXES = "indexes"  # to be made anew from their tables
    PAGES = "pages"  # rows may be lost: what can be read goes into a new file


def layout(db: Database) -> list[str]:
    """Tables, columns, views, indexes and triggers that are missing."""
    from torc_local.store.opening import schema  # noqa: PLC0415 - it opens what is looked at here

    made = apsw.Connection(":memory:")
    for _ in made.execute(schema()):
        pass
    wanted = [_Part(*row) for row in made.execute(_PARTS)]
    made.close()
    found = set(_LAYOUT.rows(db))
    return [f"{one.kind} {one.name} is missing" for one in wanted if one not in found]


def texts(db: Database) -> list[str]:
    """Columns of tables that hold text in no encoding, which nobody can read; one complaint for each table."""
    found = []
    for table in (one.name for one in _LAYOUT.rows(db) if one.kind == "table"):
        try:
            for _ in db.connection.execute(f"SELECT * FROM {table}"):
                pass
        except UnicodeDecodeError:
            found.append(f"a text in table {table} is in no encoding")
        except apsw.Error as error:
            found.append(f"{table}: {error}")
    return found


def quick(db: Database) -> list[str]:
    """What SQLite finds wrong with the pages of the file; empty when all is well. Reads them all, indexes once."""
    return _ask(db, quick=True)


def structure(db: Database) -> list[str]:
    """The same, and whether each index agrees with its table. Some times slower."""
    return _ask(db, quick=False)


def whole(db: Database) -> list[str]:
    """The same, and whether each reference leads to a row."""
    found = structure(db)
    try:
        return found + [f"a row refers to one that is not there: {row.text}" for row in _REFERENCES.rows(db)]
    except apsw.Error as error:
        return found or [str(error)]


def kind(complaints: list[str]) -> Kind:
    """What these complaints of ``structure`` come to; the worst of them counts."""
    rest = [line for line in complaints if not _OF_A_VALUE.search(line)]
    if not rest:
        return Kind.VALUES if complaints else Kind.NOTHING
    return Kind.INDEXES if all(_OF_AN_INDEX.search(line) for line in rest) else Kind.PAGES


def _ask(db: Database, *, quick: bool) -> list[str]:
    # A page that cannot even be read ends the check with an error instead of a line.
    try:
        found = [line for row in (_QUICK if quick else _WHOLE).rows(db) for line in row.text.splitlines()]
    except (apsw.CorruptError, apsw.NotADBError, apsw.IOError) as error:
        return [str(error)]
    return [] if found == ["ok"] else [line for line in found if not line.startswith("*** in database")]


def demand(db: Database) -> None:
    """Raise StateError when the file is damaged: for going on after an unclean end."""
    complaints = quick(db)
    if complaints:
        raise StateError(
            f"the database is damaged: {db.path} ({complaints[0]})",
            hint="torc-local doctor says more, torc-local doctor --repair mends what can be mended; "
            "or put a snapshot in its place",
        )
