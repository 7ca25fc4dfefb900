"""Where all attempts of a workflow left their output."""

from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.registry import statement


class AttemptOutput(NamedTuple):
    """Of one attempt: where its output is (columns as in schema.sql), how it ended, and why."""

    job_id: int
    job_name: str
    run_id: int
    attempt_id: int
    status: str
    reason: str | None
    path: str | None
    stdout_start: int
    stdout_bytes: int
    stderr_start: int
    stderr_bytes: int


# The plus sign: jobs are read in the order of their ids.
_ALL = statement(
    "outputs_all",
    "SELECT j.id, j.name, a.run_id, a.attempt_id, a.status, a.reason, s.path, a.stdout_start, a.stdout_bytes,"
    " a.stderr_start, a.stderr_bytes FROM job j JOIN attempt a ON a.job_id = j.id"
    " LEFT JOIN segment s ON s.id = a.segment_id WHERE +j.workflow_id = ? ORDER BY j.id, a.run_id, a.attempt_id",
    AttemptOutput._make,
)


def everything(db: Database, workflow_id: int) -> list[AttemptOutput]:
    """All attempts that have ended, in the order of their jobs, the oldest of each first.

    Read to the end: who looks at files between two rows, for minutes, would hold back the log of those who write.
    """
    return _ALL.rows(db, (workflow_id,))
