"""Workflows, their runs and their job counts."""

from collections.abc import Mapping
from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.registry import action, statement


class _Moment(NamedTuple):
    at: float | None


class WorkflowRow(NamedTuple):
    """A workflow as stored; columns as in schema.sql."""

    id: int
    name: str
    user: str
    description: str | None
    sort_method: str
    spec_path: str | None
    spec_digest: str
    dependency_count: int
    created_at: float
    creation_s: float | None
    creation_bytes: int | None
    run_id: int
    is_canceled: int
    is_archived: int
    settings: str


class RunRow(NamedTuple):
    """One pass over a workflow."""

    workflow_id: int
    run_id: int
    started_at: float
    ended_at: float | None
    directory: str | None  # where it was called


class _Count(NamedTuple):
    status: str
    jobs: int


class _Id(NamedTuple):
    id: int


class _Number(NamedTuple):
    number: int


_COLUMNS = (
    "id, name, user, description, sort_method, spec_path, spec_digest, dependency_count, created_at, creation_s, "
    "creation_bytes, run_id, is_canceled, is_archived, settings"
)

_GET = statement("workflow_get", f"SELECT {_COLUMNS} FROM workflow WHERE id = ?", WorkflowRow._make, hot=True)


def get(db: Database, workflow_id: int) -> WorkflowRow | None:
    """The workflow with this id, or None."""
    return _GET.first(db, (workflow_id,))


_ALL = statement("workflow_list", f"SELECT {_COLUMNS} FROM workflow ORDER BY id", WorkflowRow._make)


def list_all(db: Database) -> list[WorkflowRow]:
    """All workflows, oldest first."""
    return _ALL.rows(db)


_INSERT = statement(
    "workflow_insert",
    "INSERT INTO workflow (name, user, description, sort_method, spec_path, spec_digest, dependency_count, created_at,"
    " settings) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
    _Id._make,
)


def insert(
    db: Database,
    *,
    name: str,
    user: str,
    description: str | None,
    sort_method: str,
    spec_path: str | None,
    spec_digest: str,
    dependency_count: int,
    created_at: float,
    settings: str,
) -> int:
    """Store a workflow without jobs; its id."""
    bindings = (name, user, description, sort_method, spec_path, spec_digest, dependency_count, created_at, settings)
    return _INSERT.one(db, bindings).id


_NOTE_CREATION = action("workflow_note_creation", "UPDATE workflow SET creation_s = ?, creation_bytes = ? WHERE id = ?")


def note_creation(db: Database, workflow_id: int, *, creation_s: float, creation_bytes: int) -> None:
    """Record what making this workflow took, for the scale report."""
    _NOTE_CREATION.run(db, (creation_s, creation_bytes, workflow_id))


_SIZE = statement(
    "database_size", "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", _Number._make
)


def database_bytes(db: Database) -> int:
    """Size of the database as this transaction sees it, free pages included, write-ahead log left out."""
    return _SIZE.one(db).number


_SET_CANCELED = statement(
    "workflow_set_canceled",
    "UPDATE workflow SET is_canceled = ?2 WHERE id = ?1 AND is_canceled <> ?2 RETURNING id",
    _Id._make,
    hot=True,
)


def set_canceled(db: Database, workflow_id: int, *, canceled: bool) -> bool:
    """Set or clear the canceled flag; False when it was so already."""
    return bool(_SET_CANCELED.rows(db, (workflow_id, int(canceled))))


_SET_ARCHIVED = statement(
    "workflow_set_archived",
    "UPDATE workflow SET is_archived = ?2 WHERE id = ?1 AND is_archived <> ?2 RETURNING id",
    _Id._make,
)


def set_archived(db: Database, workflow_id: int, *, archived: bool) -> bool:
    """Put a workflow into the archive or out of it; False when it was so already."""
    return bool(_SET_ARCHIVED.rows(db, (workflow_id, int(archived))))


_RUN = statement(
    "run_newest",
    "SELECT workflow_id, run_id, started_at, ended_at, directory FROM run WHERE workflow_id = ?"
    " ORDER BY run_id DESC LIMIT 1",
    RunRow._make,
    hot=True,
)


_LATEST = statement(
    "run_latest_record",
    "SELECT max(a.ended_at) FROM job j JOIN attempt a ON a.job_id = j.id AND a.run_id = ?2 WHERE j.workflow_id = ?1",
    _Moment._make,
)


def latest_record(db: Database, workflow_id: int, run_id: int) -> float | None:
    """When the attempt of a run that ended last did so (UTC). Looks at all of them."""
    return _LATEST.one(db, (workflow_id, run_id)).at


def newest_run(db: Database, workflow_id: int) -> RunRow | None:
    """The newest run, or None before the first."""
    return _RUN.first(db, (workflow_id,))


_NEXT_RUN = action(
    "run_next",
    "UPDATE workflow SET run_id = (SELECT max(r.run_id) + 1 FROM run r WHERE r.workflow_id = workflow.id)"
    " WHERE id = ?1 AND EXISTS (SELECT 1 FROM run r WHERE r.workflow_id = ?1)",
    hot=True,
)
_START_RUN = statement(
    "run_start",
    "UPDATE workflow SET run_id = CASE WHEN EXISTS (SELECT 1 FROM run r WHERE r.workflow_id = workflow.id"
    " AND r.run_id = workflow.run_id) THEN run_id + 1 ELSE max(run_id, 1) END WHERE id = ? RETURNING run_id",
    _Id._make,
    hot=True,
)
_INSERT_RUN = action("run_insert", "INSERT INTO run (workflow_id, run_id, started_at, directory) VALUES (?, ?, ?, ?)")


def await_next_run(db: Database, workflow_id: int, *, at: float) -> None:
    """Close the newest run and give the workflow the number of the next one, which begins with the next ``run``.

    Jobs that were put back belong to it. A workflow that never ran waits for its first run all the same.
    """
    run = newest_run(db, workflow_id)
    if run is not None:
        end_run(db, workflow_id, run.run_id, at=at)
        _NEXT_RUN.run(db, (workflow_id,))


def start_run(db: Database, workflow_id: int, *, at: float, directory: str | None) -> int:
    """Open the next run; its number. ``directory`` is where its jobs run."""
    run_id = _START_RUN.one(db, (workflow_id,)).id
    _INSERT_RUN.run(db, (workflow_id, run_id, at, directory))
    return run_id


_END_RUN = action(
    "run_end", "UPDATE run SET ended_at = ? WHERE workflow_id = ? AND run_id = ? AND ended_at IS NULL", hot=True
)


def end_run(db: Database, workflow_id: int, run_id: int, *, at: float) -> bool:
    """Close a run; False when it was closed already."""
    return _END_RUN.run(db, (at, workflow_id, run_id)) > 0


_COUNTS = statement(
    "job_count_get", "SELECT status, jobs FROM job_count WHERE workflow_id = ? AND jobs > 0", _Count._make, hot=True
)


def counts(db: Database, workflow_id: int) -> dict[str, int]:
    """Jobs by status; states without jobs are left out."""
    return dict(_COUNTS.rows(db, (workflow_id,)))


_ADD = action("job_count_add", "UPDATE job_count SET jobs = jobs + ? WHERE workflow_id = ? AND status = ?", hot=True)
_NEW_COUNT = action("job_count_insert", "INSERT INTO job_count (workflow_id, status, jobs) VALUES (?, ?, ?)")


def insert_counts(db: Database, workflow_id: int, by_status: Mapping[str, int]) -> None:
    """Store the first counts; every state gets a row."""
    _NEW_COUNT.many(db, [(workflow_id, status, jobs) for status, jobs in by_status.items()])


def add_counts(db: Database, workflow_id: int, changes: Mapping[str, int]) -> None:
    """Change the counts by the net effect of a whole transaction (so that none dips below zero on the way)."""
    for status, change in changes.items():
        if change:
            _ADD.run(db, (change, workflow_id, status))


_RECOUNT = action(
    "job_count_recount",
    "UPDATE job_count SET jobs = (SELECT count(*) FROM job j WHERE j.workflow_id = job_count.workflow_id"
    " AND j.status = job_count.status) WHERE workflow_id = ?",
)


def recount(db: Database, workflow_id: int) -> None:
    """Count from the jobs themselves: for a restart, which moves many at once."""
    _RECOUNT.run(db, (workflow_id,))
