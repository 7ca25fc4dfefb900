"""Which jobs of a workflow are meant: by name, pattern, id, state or return code."""

from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.registry import statement


class _Id(NamedTuple):
    id: int


class Named(NamedTuple):
    """A job with its name."""

    id: int
    name: str


_BY_NAME = statement("select_by_name", "SELECT id FROM job WHERE workflow_id = ? AND name = ?", _Id._make, hot=True)
_BY_PATTERN = statement("select_by_pattern", "SELECT id FROM job WHERE workflow_id = ? AND name GLOB ?", _Id._make)
_BY_IDS = statement("select_by_ids", "SELECT id FROM job WHERE workflow_id = ? AND id BETWEEN ? AND ?", _Id._make)
_BY_STATUS = statement("select_by_status", "SELECT id FROM job WHERE workflow_id = ? AND status = ?", _Id._make)
_BY_CODE = statement(
    "select_by_return_code",
    "SELECT j.id FROM job j WHERE j.workflow_id = ?1 AND (SELECT a.return_code FROM attempt a WHERE a.job_id = j.id"
    " ORDER BY a.run_id DESC, a.attempt_id DESC LIMIT 1) = ?2",
    _Id._make,
)
_ALL = statement("select_all", "SELECT id, name FROM job WHERE workflow_id = ?", Named._make)


def by_name(db: Database, workflow_id: int, name: str) -> set[int]:
    """The job of this name."""
    return {row.id for row in _BY_NAME.rows(db, (workflow_id, name))}


def by_pattern(db: Database, workflow_id: int, pattern: str) -> set[int]:
    """Jobs whose whole name is like this; ``*``, ``?`` and ``[...]`` as in a shell (SQLite's GLOB)."""
    return {row.id for row in _BY_PATTERN.rows(db, (workflow_id, pattern))}


def by_ids(db: Database, workflow_id: int, first: int, last: int) -> set[int]:
    """Jobs with these ids, both ends included."""
    return {row.id for row in _BY_IDS.rows(db, (workflow_id, first, last))}


def by_status(db: Database, workflow_id: int, status: str) -> set[int]:
    """Jobs in this state."""
    return {row.id for row in _BY_STATUS.rows(db, (workflow_id, status))}


def by_return_code(db: Database, workflow_id: int, code: int) -> set[int]:
    """Jobs whose newest attempt ended with this return code."""
    return {row.id for row in _BY_CODE.rows(db, (workflow_id, code))}


def everything(db: Database, workflow_id: int) -> list[Named]:
    """All jobs, for whoever tells them apart by something that SQL cannot."""
    return _ALL.rows(db, (workflow_id,))
