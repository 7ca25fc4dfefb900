"""What a workflow has done, for another one that was made from a later state of the same file.

``temp.taken`` has the jobs that are taken over: their ids there and here. All of it is part of the transaction that
stores the new workflow.
"""

from collections.abc import Iterable
from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.registry import action, statement


class _Id(NamedTuple):
    id: int


class Done(NamedTuple):
    """A job of the earlier workflow."""

    id: int
    name: str
    command: str
    status: str
    options: str | None  # JSON, as in job_options


class Edge(NamedTuple):
    """What a job, or a gate, waits for by name."""

    after_id: int
    name: str


class Gated(NamedTuple):
    """A job that waits for a gate."""

    after_id: int
    gate_id: int


class Use(NamedTuple):
    """A file or user data that a job uses (or a set, ``of`` being its id): path or name, and what the spec said."""

    of: int
    is_output: int
    item: str | None
    set_id: int
    given: str | None


_JOBS = statement(
    "taken_jobs",
    "SELECT j.id, j.name, j.command, j.status, o.options FROM job j LEFT JOIN job_options o ON o.id = j.options_id"
    " WHERE j.workflow_id = ?",
    Done._make,
)
_EDGES = statement(
    "taken_edges",
    "SELECT d.after_id, b.name FROM job b JOIN dependency d ON d.before_id = b.id WHERE b.workflow_id = ?",
    Edge._make,
)
_GATED = statement(
    "taken_gates",
    "SELECT d.after_id, d.before_id FROM gate g JOIN dependency d ON d.before_id = g.id WHERE g.workflow_id = ?",
    Gated._make,
)
_FILES = statement(
    "taken_files",
    "SELECT u.job_id, u.is_output, f.path, min(u.file_id, 0), NULL FROM job j JOIN job_file u ON u.job_id = j.id"
    " LEFT JOIN file f ON f.id = u.file_id WHERE j.workflow_id = ?1"
    " UNION ALL SELECT m.set_id, 0, f.path, 0, NULL FROM item_set s JOIN item_set_member m ON m.set_id = s.id"
    " JOIN file f ON f.id = m.item_id WHERE s.workflow_id = ?1 AND s.kind = 'file'",
    Use._make,
)
# What the spec said of user data, whatever was written since.
_GIVEN = "CASE WHEN d.put_at IS NULL THEN d.data ELSE d.given END"
_DATA = statement(
    "taken_user_data",
    f"SELECT u.job_id, u.is_output, d.name, min(u.user_data_id, 0), {_GIVEN} FROM job j JOIN job_user_data u"
    " ON u.job_id = j.id LEFT JOIN user_data d ON d.id = u.user_data_id WHERE j.workflow_id = ?1"
    f" UNION ALL SELECT m.set_id, 0, d.name, 0, {_GIVEN} FROM item_set s JOIN item_set_member m ON m.set_id = s.id"
    " JOIN user_data d ON d.id = m.item_id WHERE s.workflow_id = ?1 AND s.kind = 'user_data'",
    Use._make,
)


_CALLERS = statement(
    "taken_callers",
    "SELECT job_id FROM user_data WHERE workflow_id = ? AND name GLOB '__torc_lineage__*' AND job_id IS NOT NULL",
    _Id._make,
)


def callers(db: Database, workflow_id: int) -> set[int]:
    """Jobs that have spawned others."""
    return {row.id for row in _CALLERS.rows(db, (workflow_id,))}


def jobs(db: Database, workflow_id: int) -> list[Done]:
    """The jobs of a workflow."""
    return _JOBS.rows(db, (workflow_id,))


def edges(db: Database, workflow_id: int) -> list[Edge]:
    """Jobs and gates that wait for jobs, and for which."""
    return _EDGES.rows(db, (workflow_id,))


def gated(db: Database, workflow_id: int) -> list[Gated]:
    """Jobs that wait for gates."""
    return _GATED.rows(db, (workflow_id,))


def files(db: Database, workflow_id: int) -> list[Use]:
    """Files by job, and by set."""
    return _FILES.rows(db, (workflow_id,))


def user_data(db: Database, workflow_id: int) -> list[Use]:
    """User data by job, and by set."""
    return _DATA.rows(db, (workflow_id,))


_TEMPORARY = "CREATE TEMP TABLE IF NOT EXISTS taken (new_id INTEGER PRIMARY KEY, old_id INTEGER NOT NULL UNIQUE)"
_CLEAR = action("taken_clear", "DELETE FROM temp.taken")
_FILL = action("taken_fill", "INSERT INTO temp.taken (new_id, old_id) VALUES (?, ?)")
_WHAT = (
    "runner_id, status, reason, return_code, started_at, ended_at, cpu_s, peak_memory_bytes, segment_id, stdout_start,"
    " stdout_bytes, stderr_start, stderr_bytes"
)
_COPY_ATTEMPTS = action(
    "taken_attempts",
    f"INSERT INTO attempt (job_id, run_id, attempt_id, {_WHAT}) SELECT t.new_id, ?, 1, {_WHAT}"
    " FROM temp.taken t JOIN attempt a ON a.job_id = t.old_id AND (a.run_id, a.attempt_id) = (SELECT b.run_id,"
    " b.attempt_id FROM attempt b WHERE b.job_id = t.old_id ORDER BY b.run_id DESC, b.attempt_id DESC LIMIT 1)",
)
_SEEN = (
    "peak_memory_bytes, avg_memory_bytes, peak_cpu_percent, avg_cpu_percent, cpu_s, most_processes, read_bytes,"
    " written_bytes, samples, source, peak_gpu_memory_bytes"
)
_COPY_USAGE = action(
    "taken_usage",
    f"INSERT INTO attempt_usage (job_id, run_id, attempt_id, {_SEEN}) SELECT t.new_id, ?, 1, {_SEEN}"
    " FROM temp.taken t JOIN attempt_usage m ON m.job_id = t.old_id AND (m.run_id, m.attempt_id) = (SELECT b.run_id,"
    " b.attempt_id FROM attempt b WHERE b.job_id = t.old_id ORDER BY b.run_id DESC, b.attempt_id DESC LIMIT 1)",
)
_COPY_TIMES = action(
    "taken_file_times",
    "UPDATE job_file SET mtime_at = (SELECT o.mtime_at FROM temp.taken t JOIN job_file o ON o.job_id = t.old_id"
    " AND o.is_output = job_file.is_output JOIN file f ON f.id = o.file_id WHERE t.new_id = job_file.job_id"
    " AND f.path = (SELECT n.path FROM file n WHERE n.id = job_file.file_id))"
    " WHERE job_id IN (SELECT new_id FROM temp.taken) AND file_id > 0",
)
# A job reads one shared list at most, so that its name need not be compared: it has none.
_COPY_VERSIONS = action(
    "taken_versions",
    "UPDATE job_user_data SET version = (SELECT coalesce(max(o.version), 0) FROM temp.taken t JOIN job_user_data o"
    " ON o.job_id = t.old_id AND o.is_output = 0 LEFT JOIN user_data d ON d.id = o.user_data_id"
    " WHERE t.new_id = job_user_data.job_id"
    " AND d.name IS (SELECT n.name FROM user_data n WHERE n.id = job_user_data.user_data_id))"
    " WHERE job_id IN (SELECT new_id FROM temp.taken) AND is_output = 0",
)
_COPY_FIRST_FOUND = action(
    "taken_first_found",
    "WITH alone (path, mtime_at) AS MATERIALIZED (SELECT f.path, min(o.mtime_at) FROM temp.taken t JOIN job_file o"
    " ON o.job_id = t.old_id AND o.is_output = 0 JOIN file f ON f.id = o.file_id GROUP BY f.path)"
    " UPDATE file SET mtime_at = coalesce((SELECT max(o.mtime_at) FROM file o WHERE o.workflow_id = ?2"
    " AND o.name = file.name AND o.path = file.path), (SELECT a.mtime_at FROM alone a WHERE a.path = file.path))"
    " WHERE workflow_id = ?1 AND NOT is_produced",
)
_COPY_DATA = action(
    "taken_user_data_now",
    "UPDATE user_data SET data = d.data, given = d.given, version = d.version, put_at = d.put_at,"
    " job_id = (SELECT t.new_id FROM temp.taken t WHERE t.old_id = d.job_id) FROM user_data d"
    " WHERE user_data.workflow_id = ?1 AND d.workflow_id = ?2 AND d.name = user_data.name"
    f" AND {_GIVEN} IS user_data.data"
    " AND (d.job_id IS NULL OR d.job_id IN (SELECT old_id FROM temp.taken))",
)


def prepare(db: Database) -> None:
    """Make this connection's temporary table; once, outside of a transaction."""
    db.connection.execute(_TEMPORARY)


def copy(db: Database, workflow_id: int, earlier_id: int, run_id: int, pairs: Iterable[tuple[int, int]]) -> None:
    """Give completed jobs (new id, old id) the attempt that completed, and what it saw; user data as it is now."""
    _CLEAR.run(db)
    _FILL.many(db, pairs)
    _COPY_ATTEMPTS.run(db, (run_id,))
    _COPY_USAGE.run(db, (run_id,))
    _COPY_TIMES.run(db)
    _COPY_VERSIONS.run(db)
    _COPY_FIRST_FOUND.run(db, (workflow_id, earlier_id))
    _COPY_DATA.run(db, (workflow_id, earlier_id))
