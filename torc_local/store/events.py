"""What happened, for people."""

from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.registry import action, statement


class Event(NamedTuple):
    """One line of history; ``job_name`` is None when it is not about a job."""

    id: int
    at: float
    type: str
    job_id: int | None
    job_name: str | None
    message: str


_INSERT = action(
    "event_insert", "INSERT INTO event (workflow_id, at, type, job_id, message) VALUES (?, ?, ?, ?, ?)", hot=True
)


def record(db: Database, workflow_id: int, *, at: float, kind: str, message: str, job_id: int | None = None) -> None:
    """Write one line of history."""
    _INSERT.run(db, (workflow_id, at, kind, job_id, message))


_SINCE = statement(
    "event_since",
    "SELECT e.id, e.at, e.type, e.job_id, j.name, e.message FROM event e LEFT JOIN job j ON j.id = e.job_id"
    " WHERE e.workflow_id = ? AND e.id > ? ORDER BY e.id LIMIT ?",
    Event._make,
    hot=True,
)


def since(db: Database, workflow_id: int, event_id: int, limit: int = 1000) -> list[Event]:
    """Events after the one with this id, oldest first."""
    return _SINCE.rows(db, (workflow_id, event_id, limit))


class _Id(NamedTuple):
    id: int


_LAST = statement("event_last", "SELECT coalesce(max(id), 0) FROM event WHERE workflow_id = ?", _Id._make, hot=True)


def last_id(db: Database, workflow_id: int) -> int:
    """The newest event's id; 0 when nothing happened yet."""
    return _LAST.one(db, (workflow_id,)).id
