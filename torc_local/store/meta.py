"""What the database says of itself."""

from collections.abc import Iterable
from typing import NamedTuple

import apsw

from torc_local.ground.errors import StateError
from torc_local.store.database import Database
from torc_local.store.registry import action, statement

#: SQLite's journal modes that a database of ours may be made with.
JOURNALS = ("wal", "delete")

#: No database gets there; a number beyond it is not what was written, and one step more might not fit.
_MOST_COMMITS = 2**62


class Meta(NamedTuple):
    """The one row of table ``meta``."""

    token: str
    created_by: str
    created_at: float
    commit_seq: int
    journal: str


_GET = statement("meta_get", "SELECT token, created_by, created_at, commit_seq, journal FROM meta", Meta._make)


def get(db: Database) -> Meta:
    """The row. Raises StateError when it is gone, or not what anybody wrote."""
    found = find(db)
    if found is None:
        raise StateError(
            f"the database is damaged: {db.path} (the row that says what it is, in table meta, is gone or broken)",
            hint="torc-local doctor --repair makes it anew",
        )
    return found


def find(db: Database) -> Meta | None:
    """The row as it was written; None when it is not."""
    try:
        found = _GET.rows(db)
    except (apsw.SQLError, UnicodeDecodeError):
        return None
    return found[0] if len(found) == 1 and _is_right(found[0]) else None


def _is_right(row: Iterable[object]) -> bool:
    token, created_by, created_at, commit_seq, journal = row
    return (
        isinstance(token, str)
        and token.isalnum()
        and isinstance(created_by, str)
        and created_by.isprintable()
        and isinstance(created_at, float)
        and isinstance(commit_seq, int)
        and 0 <= commit_seq < _MOST_COMMITS
        and journal in JOURNALS
    )


def token(db: Database) -> str:
    """The random word that tells this database's jobs from any other's."""
    return get(db).token


class _Newest(NamedTuple):
    version: int


_FORGET = action("meta_forget", "DELETE FROM meta")
_MAKE = action(
    "meta_make", "INSERT INTO meta (id, token, created_by, created_at, commit_seq, journal) VALUES (1, ?, ?, ?, ?, ?)"
)
# Versions of user data are numbers of commits: the next one must be newer.
_NEWEST = statement(
    "meta_newest_version",
    "SELECT coalesce(max(version), 0) FROM (SELECT version FROM user_data UNION ALL SELECT version FROM job_user_data)"
    " WHERE typeof(version) = 'integer' AND version BETWEEN 0 AND 1 << 61",
    _Newest._make,
)


def make(db: Database, row: Meta) -> None:
    """Put this row in the place of whatever is there, in the caller's write transaction."""
    _FORGET.run(db)
    _MAKE.run(
        db, (row.token, row.created_by, row.created_at, max(row.commit_seq, _NEWEST.one(db).version), row.journal)
    )
