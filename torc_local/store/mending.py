"""Setting right what a database says of itself, from what cannot be wrong: the jobs, their attempts, their order.

Counts, queues, flags and claims are kept so that nobody needs to count; here they are counted. A job's recorded
completion is never dropped, and no job gets fewer dependencies than it had, so nothing runs twice in a run or too early
because of a repair. The caller has the database for itself, with triggers and checks off, in one write transaction.
"""

from typing import NamedTuple

from torc_local.ground.states import JobStatus
from torc_local.store import events, jobs, reclaiming, runners, workflows
from torc_local.store.database import Database
from torc_local.store.registry import action, statement

_STATES = ", ".join(f"'{status}'" for status in JobStatus)


class _Id(NamedTuple):
    id: int


class _Moved(NamedTuple):
    id: int
    status: str


#: Rows that others refer to, made up as far as they can be: runs, requirements, machines and runners.
_REFERENCES = (
    action(
        "mend_run",
        "INSERT OR IGNORE INTO run (workflow_id, run_id, started_at) SELECT id, run_id, created_at FROM workflow"
        " WHERE run_id > 0",
    ),
    action(
        "mend_resource_requirements",
        "INSERT INTO resource_requirements (id, workflow_id, name, num_cpus, num_gpus, num_nodes, memory_bytes,"
        " runtime_s) SELECT j.resource_requirements_id, min(j.workflow_id), 'lost_' || j.resource_requirements_id,"
        " 1, 0, 1, 0, 60 FROM job j WHERE j.resource_requirements_id NOT IN (SELECT id FROM resource_requirements)"
        " GROUP BY j.resource_requirements_id",
    ),
    action(
        "mend_runner",
        "INSERT INTO runner (id, workflow_id, run_id, node_id, pid, pid_start, slots, started_at, ended_at, end_reason)"
        " SELECT DISTINCT s.runner_id, (SELECT min(id) FROM workflow), 1, 1, 0, 0, 1, 0, 0, 'lost' FROM segment s"
        " WHERE s.runner_id NOT IN (SELECT id FROM runner)",
    ),
    action(
        "mend_node",
        "INSERT INTO node (id, hostname, boot_id, num_cpus, memory_bytes, num_gpus)"
        " SELECT node_id, 'lost', node_id, 1, 0, 0 FROM (SELECT node_id FROM runner UNION SELECT node_id FROM"
        " coordinator UNION SELECT node_id FROM node_usage) WHERE node_id NOT IN (SELECT id FROM node)",
    ),
    action("mend_event", "DELETE FROM event WHERE workflow_id NOT IN (SELECT id FROM workflow)"),
    action("mend_attempt_usage", "DELETE FROM attempt_usage WHERE job_id NOT IN (SELECT id FROM job)"),
    action("mend_node_usage", "DELETE FROM node_usage WHERE workflow_id NOT IN (SELECT id FROM workflow)"),
    action("mend_ended", "DELETE FROM ended WHERE workflow_id NOT IN (SELECT id FROM workflow)"),
)


def references(db: Database) -> int:
    """Make up rows that others refer to, so that these can be read; how many."""
    return sum(made.run(db) for made in _REFERENCES)


_ODD_STATES = action(
    "mend_job_state",
    f"UPDATE job SET status = 'uninitialized', runner_id = NULL WHERE status NOT IN ({_STATES})",
)
_RECORDED = action(
    "mend_job_completed",
    "UPDATE job SET status = 'completed', runner_id = NULL WHERE status <> 'completed' AND EXISTS (SELECT 1"
    " FROM attempt a WHERE a.job_id = job.id AND a.attempt_id = job.attempt_id AND a.status = 'completed')",
)
_NEXT_ATTEMPT = statement(
    "mend_job_attempt",
    "UPDATE job SET attempt_id = 1 + coalesce((SELECT max(a.attempt_id) FROM attempt a WHERE a.job_id = job.id), 0)"
    " WHERE status IN ('completed', 'failed', 'terminated') AND NOT EXISTS (SELECT 1 FROM attempt a"
    " WHERE a.job_id = job.id AND (CASE WHEN job.status = 'completed'"
    " THEN a.status = 'completed' AND a.attempt_id = job.attempt_id ELSE a.status <> 'completed' END))"
    " RETURNING id",
    _Id._make,
)
_MADE_UP = action(
    "mend_attempt",
    "INSERT INTO attempt (job_id, run_id, attempt_id, runner_id, status, reason, return_code, started_at, ended_at,"
    " cpu_s, peak_memory_bytes) SELECT j.id, max(w.run_id, 1), j.attempt_id, 0, j.status,"
    " CASE WHEN j.status <> 'completed' THEN 'the record of this attempt was lost' END,"
    " CASE WHEN j.status = 'completed' THEN 0 ELSE 1 END, ?2, ?2, 0, 0"
    " FROM job j JOIN workflow w ON w.id = j.workflow_id WHERE j.id = ?1",
)


def endings(db: Database, *, at: float) -> int:
    """Let each job's state and its attempts agree; how many jobs that took.

    Both are written in one transaction, so where only one of them is left it says the truth: a recorded completion
    makes its job completed, and a completed job without one gets a record.
    """
    changed = _ODD_STATES.run(db) + _RECORDED.run(db)
    without = _NEXT_ATTEMPT.rows(db)
    _MADE_UP.many(db, [(row.id, at) for row in without])
    return changed + len(without)


_NO_RECOVERY = action(
    "mend_job_recovery",
    "UPDATE job SET io = io & ~8 WHERE io & 8 AND (status NOT IN ('ready', 'pending', 'running')"
    " OR NOT EXISTS (SELECT 1 FROM attempt a WHERE a.job_id = job.id AND a.attempt_id = job.attempt_id"
    " AND a.status = 'failed'))",
)
_TAKEN = action(
    "mend_job_attempt_taken",
    "UPDATE job SET attempt_id = 1 + (SELECT max(a.attempt_id) FROM attempt a WHERE a.job_id = job.id)"
    " WHERE status IN ('uninitialized', 'blocked', 'ready', 'pending', 'running') AND NOT io & 8"
    " AND EXISTS (SELECT 1 FROM attempt a WHERE a.job_id = job.id AND a.attempt_id = job.attempt_id)",
)
_HELD = statement(
    "mend_job_held",
    "SELECT id, status FROM job WHERE status IN ('pending', 'running') OR runner_id IS NOT NULL",
    _Moved._make,
)
_LOST = action(
    "mend_attempt_lost",
    "INSERT OR IGNORE INTO attempt (job_id, run_id, attempt_id, runner_id, status, reason, return_code, started_at,"
    " ended_at, cpu_s, peak_memory_bytes) SELECT j.id, max(w.run_id, 1), j.attempt_id, coalesce(j.runner_id, 0),"
    " 'lost', 'its runner was gone', -128, coalesce(s.started_at, ?1), ?1, 0, 0 FROM job j"
    " JOIN workflow w ON w.id = j.workflow_id LEFT JOIN running s ON s.job_id = j.id WHERE j.status = 'running'",
)
_FREE = action(
    "mend_job_free",
    "UPDATE job SET runner_id = NULL, attempt_id = attempt_id + (status = 'running' AND NOT io & 8),"
    " status = CASE WHEN status IN ('pending', 'running') THEN 'ready' ELSE status END"
    " WHERE status IN ('pending', 'running') OR runner_id IS NOT NULL",
)
_NOT_RUNNING = action("mend_running", "DELETE FROM running")
_NOTHING_HELD = action(
    "mend_runner_held",
    "UPDATE runner SET held_cpus = 0, held_memory_bytes = 0, held_gpus = 0"
    " WHERE ended_at IS NOT NULL AND (held_cpus <> 0 OR held_memory_bytes <> 0 OR held_gpus <> 0)",
)
_NO_GPU_HELD = action(
    "mend_held_gpu",
    "DELETE FROM held_gpu WHERE runner_id NOT IN (SELECT id FROM runner WHERE ended_at IS NULL)",
)
_RELEASE = action("mend_coordinator", "UPDATE coordinator SET released_at = ? WHERE released_at IS NULL")


class Freed(NamedTuple):
    """What runners that are gone had held."""

    runners: int
    jobs: int
    leases: int


def claims(db: Database, *, at: float, most_losses: int) -> Freed:
    """Close the rows of runners and coordinators that are all gone, and free what is claimed."""
    _NO_RECOVERY.run(db)
    _TAKEN.run(db)
    held = len(_HELD.rows(db))
    closed = 0
    for workflow in workflows.list_all(db):
        for runner in runners.alive(db, workflow.id):
            closed += runners.end(db, runner.id, at=at, reason="lost")
            reason = f"runner {runner.id} on {runner.hostname} was gone when the database was repaired"
            reclaiming.reclaim_pending(db, runner.id)
            reclaiming.reclaim_running(
                db, runner.id, run_id=runner.run_id, at=at, reason=reason, most_losses=most_losses
            )
            events.record(db, runner.workflow_id, at=at, kind="runner_lost", message=reason)
    _LOST.run(db, (at,))
    _FREE.run(db)
    _NOT_RUNNING.run(db)
    _NOTHING_HELD.run(db)
    _NO_GPU_HELD.run(db)
    return Freed(closed, held, _RELEASE.run(db, (at,)))


_GATES = action(
    "mend_gate",
    "INSERT OR IGNORE INTO gate (id, workflow_id, members, remaining)"
    " SELECT d.after_id, min(j.workflow_id), count(*), count(*) FROM dependency d JOIN job j ON j.id = d.before_id"
    " WHERE d.after_id < 0 GROUP BY d.after_id",
)
# Never fewer: a set that has lost members would open too early.
_MEMBERS = action(
    "mend_gate_members",
    "UPDATE gate SET members = m.n FROM (SELECT after_id, count(*) AS n FROM dependency WHERE after_id < 0"
    " GROUP BY after_id) m WHERE m.after_id = gate.id AND gate.members < m.n",
)
_WAITING = statement(
    "mend_job_waiting",
    "UPDATE job SET blockers = l.blockers, blocker_failed = l.failed, status = CASE"
    " WHEN status NOT IN ('blocked', 'ready', 'uninitialized') THEN status WHEN l.blockers > 0 THEN 'blocked'"
    " WHEN l.failed AND cancel_on_blocking_job_failure THEN 'canceled' ELSE 'ready' END"
    " FROM temp.left_before l WHERE l.job_id = job.id AND job.workflow_id = ?"
    " AND job.status NOT IN ('canceled', 'disabled') RETURNING id, status",
    _Moved._make,
)
_WAITING_FOR_NOTHING = action(
    "mend_job_free_of_blockers",
    "UPDATE job SET blockers = 0, blocker_failed = 0,"
    " status = CASE WHEN status IN ('blocked', 'uninitialized') THEN 'ready' ELSE status END WHERE workflow_id = ?"
    " AND (blockers <> 0 OR blocker_failed <> 0 OR status IN ('blocked', 'uninitialized'))"
    " AND NOT EXISTS (SELECT 1 FROM temp.left_before l WHERE l.job_id = job.id)",
)
_COUNTS = action("mend_job_count", "INSERT OR IGNORE INTO job_count (workflow_id, status, jobs) VALUES (?, ?, 0)")
_REOPEN = action(
    "mend_run_open",
    "UPDATE run SET ended_at = NULL WHERE ended_at IS NOT NULL"
    " AND run_id = (SELECT w.run_id FROM workflow w WHERE w.id = run.workflow_id) AND EXISTS (SELECT 1"
    " FROM job_count c WHERE c.workflow_id = run.workflow_id AND c.jobs > 0"
    " AND c.status IN ('pending', 'running', 'blocked', 'uninitialized', 'ready'))",
)


def counts(db: Database) -> None:
    """Count anew what each job and gate waits for and how many jobs are in each state; open runs that are not done.

    A job that can no longer run is canceled and enters the queue of ended ones, where the coordinator goes on with it.
    Call ``reclaiming.prepare_counting`` before the transaction.
    """
    _GATES.run(db)
    _MEMBERS.run(db)
    for workflow in workflows.list_all(db):
        reclaiming.count_anew(db, workflow.id)
        canceled = [row.id for row in _WAITING.rows(db, (workflow.id,)) if row.status == JobStatus.CANCELED]
        jobs.queue_ended(db, workflow.id, canceled, failed=True)
        _WAITING_FOR_NOTHING.run(db, (workflow.id,))
        _COUNTS.many(db, [(workflow.id, status.value) for status in JobStatus])
        workflows.recount(db, workflow.id)
    _REOPEN.run(db)
