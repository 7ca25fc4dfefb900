"""All jobs of a workflow with all attempts at them, in one pass: for whoever reports on the whole of it."""

from collections.abc import Iterator
from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.registry import statement


class Try(NamedTuple):
    """A job with one attempt at it; from ``run_id`` on None when there was none, columns as in schema.sql."""

    job_id: int
    name: str
    command: str
    status: str
    blocker_failed: int
    resource_requirements_id: int
    origin: str | None
    run_id: int | None
    attempt_id: int
    outcome: str
    return_code: int
    reason: str | None
    started_at: float
    ended_at: float
    cpu_s: float
    peak_memory_bytes: int
    runner_id: int
    sampled_peak_bytes: int | None
    sampled_cpu_s: float | None
    read_bytes: int | None
    written_bytes: int | None


# The plus sign: jobs are read in the order of their ids.
_TRIES = statement(
    "history_tries",
    "SELECT j.id, j.name, j.command, j.status, j.blocker_failed, j.resource_requirements_id, j.origin, a.run_id,"
    " a.attempt_id, a.status, a.return_code, a.reason, a.started_at, a.ended_at, a.cpu_s, a.peak_memory_bytes,"
    " a.runner_id, m.peak_memory_bytes, m.cpu_s, m.read_bytes, m.written_bytes"
    " FROM job j LEFT JOIN attempt a ON a.job_id = j.id"
    " LEFT JOIN attempt_usage m ON m.job_id = a.job_id AND m.run_id = a.run_id AND m.attempt_id = a.attempt_id"
    " WHERE +j.workflow_id = ? ORDER BY j.id, a.run_id, a.attempt_id",
    Try._make,
)


def tries(db: Database, workflow_id: int) -> Iterator[Try]:
    """Every job in its order, once for each attempt, the oldest first; one without attempts once."""
    return _TRIES.each(db, (workflow_id,))


class Worker(NamedTuple):
    """A runner that worked on jobs, with its node; columns as in schema.sql."""

    id: int
    run_id: int
    node_id: int
    slots: int
    started_at: float
    ended_at: float | None
    end_reason: str | None


class Machine(NamedTuple):
    """A node that worked on a workflow; what was seen of it as a whole is None when nobody looked."""

    id: int
    hostname: str
    num_cpus: int
    memory_bytes: int
    num_gpus: int
    avg_cpu_percent: float | None
    peak_memory_bytes: int | None


class _Version(NamedTuple):
    version: str


_WORKERS = statement(
    "history_workers",
    "SELECT id, run_id, node_id, slots, started_at, ended_at, end_reason FROM runner WHERE workflow_id = ? AND NOT acts"
    " ORDER BY id",
    Worker._make,
)
_MACHINES = statement(
    "history_machines",
    "SELECT n.id, n.hostname, n.num_cpus, n.memory_bytes, n.num_gpus, u.avg_cpu_percent, u.peak_memory_bytes"
    " FROM node n LEFT JOIN node_usage u ON u.node_id = n.id AND u.workflow_id = ?1 AND u.run_id = ?2"
    " WHERE n.id IN (SELECT node_id FROM runner WHERE workflow_id = ?1 AND NOT acts) ORDER BY n.id",
    Machine._make,
)


def workers(db: Database, workflow_id: int) -> list[Worker]:
    """The runners of all runs of a workflow."""
    return _WORKERS.rows(db, (workflow_id,))


def machines(db: Database, workflow_id: int, run_id: int) -> list[Machine]:
    """The nodes of these runners, with what was seen of them in one run."""
    return _MACHINES.rows(db, (workflow_id, run_id))


_VERSION = statement("history_sqlite_version", "SELECT sqlite_version()", _Version._make)


def sqlite_version(db: Database) -> str:
    """Of the SQLite that reads."""
    return _VERSION.one(db).version
