"""What a workflow has already, and rows for jobs that come later."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.registry import action, int_array, statement


class Named(NamedTuple):
    """Something with a name."""

    id: int
    name: str


class ResourceRow(NamedTuple):
    """Resource requirements, as in schema.sql."""

    id: int
    name: str
    num_cpus: int
    num_gpus: int
    num_nodes: int
    memory_bytes: int
    runtime_s: float
    limits: int


class FileRow(NamedTuple):
    """A file, and whether any job reads it."""

    id: int
    name: str
    path: str
    is_consumed: int


class DataRow(NamedTuple):
    """User data, and whether any job reads it. ``data`` is what the workflow file said."""

    id: int
    name: str
    data: str | None
    is_ephemeral: int
    is_consumed: int


class Written(NamedTuple):
    """A file, or user data, that a job writes."""

    job_id: int
    item_id: int


class Standing(NamedTuple):
    """How far an existing job is.

    ``cursor_id``: of its dependents, up to this one were counted off; None: it is not in the queue, so that all of them
    were if it has ended.
    """

    id: int
    status: str
    cursor_id: int | None


class _Name(NamedTuple):
    name: str


_JOBS = statement("job_names", "SELECT id, name FROM job WHERE workflow_id = ? ORDER BY id", Named._make)
_JOB = statement("job_by_name", "SELECT id, name FROM job WHERE workflow_id = ? AND name = ?", Named._make, hot=True)
_RESOURCES = statement(
    "resource_requirements_list",
    "SELECT id, name, num_cpus, num_gpus, num_nodes, memory_bytes, runtime_s, limits FROM resource_requirements"
    " WHERE workflow_id = ? ORDER BY id",
    ResourceRow._make,
)
_FILES = statement(
    "file_names", "SELECT id, name, path, is_consumed FROM file WHERE workflow_id = ? ORDER BY id", FileRow._make
)
_DATA = statement(
    "user_data_known",
    "SELECT id, name, CASE WHEN put_at IS NULL THEN data ELSE given END, is_ephemeral, is_consumed FROM user_data"
    " WHERE workflow_id = ? ORDER BY id",
    DataRow._make,
)
_FILES_WRITTEN = statement(
    "job_file_written",
    "SELECT u.job_id, u.file_id FROM file f JOIN job_file u ON u.file_id = f.id AND u.is_output"
    " JOIN job j ON j.id = u.job_id WHERE f.workflow_id = ? AND f.is_produced ORDER BY u.job_id, u.file_id",
    Written._make,
)
_DATA_WRITTEN = statement(
    "job_user_data_written",
    "SELECT u.job_id, u.user_data_id FROM user_data d JOIN job_user_data u ON u.user_data_id = d.id AND u.is_output"
    " JOIN job j ON j.id = u.job_id WHERE d.workflow_id = ? AND d.is_produced ORDER BY u.job_id, u.user_data_id",
    Written._make,
)


def jobs(db: Database, workflow_id: int) -> list[Named]:
    """All jobs, in the order of their ids."""
    return _JOBS.rows(db, (workflow_id,))


def jobs_named(db: Database, workflow_id: int, names: Iterable[str]) -> list[Named]:
    """The jobs of these names, as far as there are any."""
    return _JOB.many(db, [(workflow_id, name) for name in names])


def resources(db: Database, workflow_id: int) -> list[ResourceRow]:
    """All resource requirements, in the order of their ids."""
    return _RESOURCES.rows(db, (workflow_id,))


def files(db: Database, workflow_id: int) -> list[FileRow]:
    """All files, in the order of their ids."""
    return _FILES.rows(db, (workflow_id,))


def user_data(db: Database, workflow_id: int) -> list[DataRow]:
    """All user data, in the order of their ids."""
    return _DATA.rows(db, (workflow_id,))


def files_written(db: Database, workflow_id: int) -> list[Written]:
    """Which job writes which file, ascending."""
    return _FILES_WRITTEN.rows(db, (workflow_id,))


def user_data_written(db: Database, workflow_id: int) -> list[Written]:
    """Which job writes which user data, ascending."""
    return _DATA_WRITTEN.rows(db, (workflow_id,))


_STANDING = statement(
    "job_standing_of_jobs",
    "SELECT j.id, j.status, e.cursor_id FROM job j LEFT JOIN ended e ON e.workflow_id = j.workflow_id"
    " AND e.node_id = j.id WHERE j.id IN carray(?2) AND j.workflow_id = ?1",
    Standing._make,
    hot=True,
)
_JOB_INSERT = action(
    "job_insert_later",
    "INSERT INTO job (id, workflow_id, name, command, resource_requirements_id, priority,"
    " cancel_on_blocking_job_failure, status, blockers, options_id, io, blocker_failed, origin)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
)
_GATE_INSERT = action(
    "gate_insert_later", "INSERT INTO gate (id, workflow_id, members, remaining, failed) VALUES (?, ?, ?, ?, ?)"
)
_NOTE = action(
    "workflow_note_addition",
    "UPDATE workflow SET dependency_count = dependency_count + ?2, settings = ?3 WHERE id = ?1",
    hot=True,
)
_USE_FILE = action(
    "file_used_later",
    "UPDATE file SET is_consumed = is_consumed | ?2, is_produced = is_produced | ?3 WHERE id = ?1",
    hot=True,
)
_USE_DATA = action(
    "user_data_used_later",
    "UPDATE user_data SET is_consumed = is_consumed | ?2, is_produced = is_produced | ?3 WHERE id = ?1",
    hot=True,
)

JobValues = tuple[int, int, str, str, int, int, int, str, int, int | None, int, int, str]


def standing(db: Database, workflow_id: int, job_ids: Sequence[int]) -> list[Standing]:
    """How far these jobs are, those that are there."""
    return _STANDING.rows(db, (workflow_id, int_array(job_ids))) if job_ids else []


def insert_jobs(db: Database, rows: Iterable[JobValues]) -> None:
    """Store jobs: as ``admission.insert_jobs``, and whether a blocker failed, and the origin."""
    _JOB_INSERT.many(db, rows)


def insert_gates(db: Database, rows: Iterable[tuple[int, int, int, int, int]]) -> None:
    """Store gates: id (negative), workflow, members, remaining, failed."""
    _GATE_INSERT.many(db, rows)


def note_addition(db: Database, workflow_id: int, dependencies: int, settings: str) -> None:
    """Count the new dependencies, and keep the settings that came with them."""
    _NOTE.run(db, (workflow_id, dependencies, settings))


def use_files(db: Database, rows: Iterable[tuple[int, int, int]]) -> None:
    """Note that files are read, or written, by new jobs: id, read, written."""
    _USE_FILE.many(db, rows)


def use_user_data(db: Database, rows: Iterable[tuple[int, int, int]]) -> None:
    """Note that user data is read, or written, by new jobs: id, read, written."""
    _USE_DATA.many(db, rows)


_SPAWNED = statement(
    "job_spawned_by",
    "SELECT j.id, j.name FROM job j JOIN dependency d ON d.before_id = ?2 AND d.after_id = j.id"
    " WHERE j.id IN carray(?1) AND j.origin = 'spawn'",
    Named._make,
    hot=True,
)
_NEWEST = statement(
    "user_data_newest_of_lineage",
    "SELECT name FROM user_data WHERE workflow_id = ?1 AND name >= ?2 || '0' AND name < ?2 || ':'"
    " AND length(name) = length(?2) + 6 AND substr(name, -6) NOT GLOB '*[^0-9]*' ORDER BY name DESC LIMIT 1",
    _Name._make,
    hot=True,
)
_OWN = statement(
    "user_data_first_of_lineage_by_job",
    "SELECT name FROM user_data WHERE workflow_id = ?1 AND name >= ?2 || '0' AND name < ?2 || ':'"
    " AND length(name) = length(?2) + 6 AND substr(name, -6) NOT GLOB '*[^0-9]*' AND job_id = ?3"
    " ORDER BY name LIMIT 1",
    _Name._make,
    hot=True,
)
_RECORD = action(
    "user_data_insert_written",
    "INSERT INTO user_data (workflow_id, name, data, version, is_ephemeral, is_consumed, is_produced, job_id, put_at)"
    " VALUES (?, ?, ?, (SELECT commit_seq + 1 FROM meta), 0, 0, 0, ?, ?)",
    hot=True,
)


class Caller(NamedTuple):
    """A job that spawns others, and the runner that holds it."""

    workflow_id: int
    name: str
    status: str
    attempt_id: int
    runner_id: int | None
    io: int


class Node(NamedTuple):
    """What a node has, and what a runner on it holds of that; 0: not counted."""

    num_cpus: int
    memory_bytes: int
    num_gpus: int
    held_cpus: int
    held_memory_bytes: int


_CALLER = statement(
    "job_caller",
    "SELECT workflow_id, name, status, attempt_id, runner_id, io FROM job WHERE id = ?",
    Caller._make,
    hot=True,
)
_NODES = statement(
    "runner_nodes",
    "SELECT n.num_cpus, n.memory_bytes, n.num_gpus, max(u.held_cpus), max(u.held_memory_bytes) FROM runner u"
    " JOIN node n ON n.id = u.node_id WHERE u.workflow_id = ? AND u.ended_at IS NULL GROUP BY n.id",
    Node._make,
)


def caller(db: Database, job_id: int) -> Caller | None:
    """The job that spawns, or None."""
    return _CALLER.first(db, (job_id,))


def nodes(db: Database, workflow_id: int) -> list[Node]:
    """The nodes on which runners work on a workflow now."""
    return _NODES.rows(db, (workflow_id,))


def spawned_by(db: Database, job_id: int, among: Sequence[int]) -> list[Named]:
    """Which of some jobs this one has spawned."""
    return _SPAWNED.rows(db, (int_array(among), job_id))


def newest_record(db: Database, workflow_id: int, prefix: str) -> str | None:
    """The last name that is the prefix and six digits."""
    found = _NEWEST.first(db, (workflow_id, prefix))
    return None if found is None else found.name


def first_record_of(db: Database, workflow_id: int, prefix: str, job_id: int) -> str | None:
    """The first name that is the prefix and six digits, of what a job has written."""
    found = _OWN.first(db, (workflow_id, prefix, job_id))
    return None if found is None else found.name


def insert_record(db: Database, workflow_id: int, name: str, data: str, *, job_id: int, at: float) -> None:
    """Store user data that a job has written and no job declares."""
    _RECORD.run(db, (workflow_id, name, data, job_id, at))
