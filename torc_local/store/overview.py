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
    " n.num_cpus, n.memory_bytes, n.num_gpus, u.started_at, u.ended_at, u.end_reason"
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


_RUNNING = statement(
    "overview_running",
    "SELECT r.job_id, u.run_id, r.started_at, n.hostname FROM running r JOIN job j ON j.id = r.job_id"
    " JOIN runner u ON u.id = j.runner_id JOIN node n ON n.id = u.node_id WHERE j.workflow_id = ?",
    RunningNow._make,
)


def running(db: Database, workflow_id: int) -> list[RunningNow]:
    """The jobs of a workflow that run now."""
    return _RUNNING.rows(db, (workflow_id,))
