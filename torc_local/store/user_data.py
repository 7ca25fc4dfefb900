"""Reading and writing one piece of user data: what a hundred thousand jobs may do, so it needs little of the rest."""

from collections.abc import Iterable
from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.registry import action, statement


class Entry(NamedTuple):
    """User data: its JSON (None: there is none yet)."""

    id: int
    data: str | None


class _Attempt(NamedTuple):
    workflow_id: int
    attempt_id: int


class _Id(NamedTuple):
    id: int


class _Name(NamedTuple):
    name: str


_GET = statement(
    "user_data_get", "SELECT id, data FROM user_data WHERE workflow_id = ? AND name = ?", Entry._make, hot=True
)
_NAMES = statement("user_data_names", "SELECT name FROM user_data WHERE workflow_id = ? ORDER BY id", _Name._make)
_WORKFLOWS = statement("workflow_ids", "SELECT id FROM workflow ORDER BY id LIMIT 2", _Id._make)
_ATTEMPT = statement("job_attempt", "SELECT workflow_id, attempt_id FROM job WHERE id = ?", _Attempt._make, hot=True)
_PUT = action(
    "user_data_put",
    "UPDATE user_data SET given = CASE WHEN put_at IS NULL THEN data ELSE given END,"
    " version = CASE WHEN data IS ?2 THEN version ELSE (SELECT commit_seq + 1 FROM meta) END,"
    " data = ?2, job_id = ?3, put_at = ?4 WHERE id = ?1",
    hot=True,
)
_CLEAR = action(
    "user_data_clear",
    "UPDATE user_data SET version = CASE WHEN data IS given THEN version ELSE (SELECT commit_seq + 1 FROM meta) END,"
    " data = given, given = NULL, job_id = NULL, put_at = NULL"
    " WHERE is_ephemeral AND put_at IS NOT NULL AND (job_id IN (SELECT job_id FROM temp.hit) OR id IN"
    " (SELECT u.user_data_id FROM temp.hit h JOIN job_user_data u ON u.job_id = h.job_id AND u.is_output))",
)


def get(db: Database, workflow_id: int, name: str) -> Entry | None:
    """The user data of this name; None when there is none."""
    return _GET.first(db, (workflow_id, name))


def names(db: Database, workflow_id: int) -> list[str]:
    """All names, in the order of the workflow file."""
    return [row.name for row in _NAMES.rows(db, (workflow_id,))]


def only_workflow(db: Database) -> int | None:
    """The id of the only workflow; None when there are several, or none."""
    found = _WORKFLOWS.rows(db)
    return found[0].id if len(found) == 1 else None


def is_current(db: Database, workflow_id: int, job_id: int, attempt_id: int) -> bool:
    """Whether this is the newest attempt at a job of this workflow."""
    return _ATTEMPT.first(db, (job_id,)) == (workflow_id, attempt_id)


def put(db: Database, user_data_id: int, data: str, *, job_id: int | None, at: float) -> None:
    """Replace the data (compact JSON); ``job_id`` says which job did it. Equal data keeps its version."""
    _PUT.run(db, (user_data_id, data, job_id, at))


def clear_ephemeral(db: Database) -> None:
    """Let ephemeral user data be as the workflow file says again, when what wrote it is put back (``temp.hit``)."""
    _CLEAR.run(db)


class Listed(NamedTuple):
    """User data for a list."""

    name: str
    data: str | None
    is_ephemeral: int
    is_consumed: int
    is_produced: int
    put_by: str | None  # name of the job that wrote it last
    put_at: float | None


_LIST = statement(
    "user_data_list",
    "SELECT u.name, u.data, u.is_ephemeral, u.is_consumed, u.is_produced, j.name, u.put_at FROM user_data u"
    " LEFT JOIN job j ON j.id = u.job_id WHERE u.workflow_id = ? ORDER BY u.id",
    Listed._make,
)


def every(db: Database, workflow_id: int) -> Iterable[Listed]:
    """All user data of a workflow, in the order of its file."""
    return _LIST.each(db, (workflow_id,))
