"""What the database says of itself."""

from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.registry import statement


class Meta(NamedTuple):
    """The one row of table ``meta``."""

    token: str
    created_by: str
    created_at: float
    commit_seq: int
    journal: str


_GET = statement("meta_get", "SELECT token, created_by, created_at, commit_seq, journal FROM meta", Meta._make)


def get(db: Database) -> Meta:
    """The row."""
    return _GET.one(db)


def token(db: Database) -> str:
    """The random word that tells this database's jobs from any other's."""
    return get(db).token
