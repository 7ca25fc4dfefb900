"""Taking back the work of a runner that died or fell silent."""

from collections import Counter
from typing import NamedTuple

from torc_local.engine.acting import take_back
from torc_local.ground.states import JobStatus
from torc_local.store import events, jobs, reclaiming, runners, workflows
from torc_local.store.database import Database
from torc_local.store.runners import RunnerRow

#: A job that was running each time a runner died is taken for the cause, and fails.
MOST_LOSSES = 3


class Reclaimed(NamedTuple):
    """What a dead runner held."""

    unstarted: int  # claims not known to have started: ready again
    lost: int  # running jobs: an attempt on record, ready again
    failed: int  # running jobs that took their third runner with them


def reclaim(db: Database, runner: RunnerRow, *, why: str, at: float) -> Reclaimed | None:
    """Close a dead runner's row and give its jobs to others; None when somebody else did so before.

    Process: its supervisor, or any coordinator; two callers at once: the second finds the row closed.
    Crash:   one transaction; until it commits the runner counts as alive and its jobs as claimed.
    Cost:    the jobs the runner held.
    """
    with db.write("reclaim"):
        if not runners.end(db, runner.id, at=at, reason="lost"):
            return None
        reason = f"runner {runner.id} on {runner.hostname} {why}"
        if runner.acts:
            take_back(db, runner, at=at, most_losses=MOST_LOSSES)
        unstarted = reclaiming.reclaim_pending(db, runner.id)
        back = reclaiming.reclaim_running(
            db, runner.id, run_id=runner.run_id, at=at, reason=reason, most_losses=MOST_LOSSES
        )
        failed = [job.id for job in back if job.status == JobStatus.FAILED]
        jobs.queue_ended(db, runner.workflow_id, failed, failed=True)
        for job_id in failed:
            message = f"its runner died {MOST_LOSSES} times while it ran"
            events.record(db, runner.workflow_id, at=at, kind="job_failed", job_id=job_id, message=message)
        changes: Counter[str] = Counter(
            {
                JobStatus.PENDING: -unstarted,
                JobStatus.RUNNING: -len(back),
                JobStatus.READY: unstarted + len(back) - len(failed),
                JobStatus.FAILED: len(failed),
            }
        )
        workflows.add_counts(db, runner.workflow_id, changes)
        events.record(db, runner.workflow_id, at=at, kind="runner_lost", message=reason)
    return Reclaimed(unstarted, len(back) - len(failed), len(failed))
