"""Who works on a workflow, and whether anything goes on; for screens that are looked at while jobs run."""

from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.registry import statement


class RunnerNow(NamedTuple):
    """A runner with its machine and what it has in hand; columns as in schema.sql."""

    id: int
    run_id: int
    node: str
    boot_id: str
    pid: int
    pid_start: int
    acts: int
    slots: int
    running: int  # jobs on record as running
    claimed: int  # jobs that it has claimed, with the running ones
    jobs_run: int
    held_cpus: int
    held_memory_bytes: int
    held_gpus: int
    num_cpus: int
    memory_bytes: int
    num_gpus: int
    started_at: float
    ended_at: float | None
    end_reason: str | None
    beat_at: float | None
    ends_at: float | None


class RunningNow(NamedTuple):
    """A job on record as running."""

    job_id: int
    run_id: int
    started_at: float
    node: str


class _Id(NamedTuple):
    id: int


_RUNNERS = statement(
    "overview_runners",
    "SELECT u.id, u.run_id, n.hostname, n.boot_id, u.pid, u.pid_start, u.acts, u.slots,"
    " (SELECT count(*) FROM job j JOIN running r ON r.job_id = j.id WHERE j.runner_id = u.id),"
    " (SELECT count(*) FROM job j WHERE j.runner_id = u.id), u.jobs_run, u.held_cpus, u.held_memory_bytes, u.held_gpus,"
    " n.num_cpus, n.memory_bytes, n.num_gpus, u.started_at, u.ended_at, u.end_reason,"
    " u.beat_at, u.ends_at"
    " FROM runner u JOIN node n ON n.id = u.node_id WHERE u.workflow_id = ?1 AND (?2 OR u.ended_at IS NULL OR"
    " u.run_id = (SELECT max(run_id) FROM runner WHERE workflow_id = ?1)) ORDER BY u.id",
    RunnerNow._make,
)


def of_workflow(db: Database, workflow_id: int, *, all_runs: bool) -> list[RunnerNow]:
    """Runners at work, with those of the newest run that have ended, or with all that ever worked."""
    return _RUNNERS.rows(db, (workflow_id, all_runs))


_NEWEST = statement("overview_newest_runner", "SELECT id FROM runner WHERE workflow_id = ? ORDER BY id DESC LIMIT 1",
                    _Id._make)  # fmt: skip


def newest_runner(db: Database, workflow_id: int) -> int:
    """The id of the runner that came last; 0 when there was none."""
    found = _NEWEST.first(db, (workflow_id,))
    return 0 if found is None else found.id


class LongRunning(NamedTuple):
    """A job that runs, with what it asks for and what was seen of it last; units as in schema.sql."""

    job_id: int
    name: str
    node: str
    started_at: float
    num_cpus: int
    memory_bytes: int
    runtime_s: float
    limits: int
    peak_memory_bytes: int | None
    avg_cpu_percent: float | None


class Machines(NamedTuple):
    """All nodes of a workflow with runners at work, added up."""

    nodes: int
    held_cpus: int
    held_memory_bytes: int
    held_gpus: int
    num_cpus: int
    memory_bytes: int
    num_gpus: int


# As many rows are read as jobs run now, however large the workflow is.
_LONGEST = statement(
    "overview_longest",
    "SELECT r.job_id, j.name, n.hostname, r.started_at, q.num_cpus, q.memory_bytes, q.runtime_s, q.limits,"
    " m.peak_memory_bytes, m.avg_cpu_percent FROM running r JOIN job j ON j.id = r.job_id"
    " JOIN runner u ON u.id = j.runner_id JOIN node n ON n.id = u.node_id"
    " JOIN resource_requirements q ON q.id = j.resource_requirements_id LEFT JOIN attempt_usage m"
    " ON m.job_id = j.id AND m.run_id = u.run_id AND m.attempt_id = j.attempt_id"
    " WHERE j.workflow_id = ? ORDER BY r.started_at, r.job_id LIMIT ?",
    LongRunning._make,
)
_MACHINES = statement(
    "overview_machines",
    "SELECT count(*), coalesce(sum(c), 0), coalesce(sum(m), 0), coalesce(sum(g), 0), coalesce(sum(num_cpus), 0),"
    " coalesce(sum(memory_bytes), 0), coalesce(sum(num_gpus), 0) FROM (SELECT n.num_cpus, n.memory_bytes, n.num_gpus,"
    "  sum(u.held_cpus) AS c, sum(u.held_memory_bytes) AS m, sum(u.held_gpus) AS g FROM runner u"
    "  JOIN node n ON n.id = u.node_id WHERE u.workflow_id = ? AND u.ended_at IS NULL AND NOT u.acts GROUP BY n.id)",
    Machines._make,
)


def longest(db: Database, workflow_id: int, limit: int) -> list[LongRunning]:
    """The jobs on record as running for the longest time."""
    return _LONGEST.rows(db, (workflow_id, limit))


def machines(db: Database, workflow_id: int) -> Machines:
    """What is at work, and what of it is held for jobs."""
    return _MACHINES.one(db, (workflow_id,))


_RUNNING = statement(
    "overview_running",
    "SELECT r.job_id, u.run_id, r.started_at, n.hostname FROM running r JOIN job j ON j.id = r.job_id"
    " JOIN runner u ON u.id = j.runner_id JOIN node n ON n.id = u.node_id WHERE j.workflow_id = ?",
    RunningNow._make,
)


def running(db: Database, workflow_id: int) -> list[RunningNow]:
    """The jobs of a workflow that run now."""
    return _RUNNING.rows(db, (workflow_id,))
