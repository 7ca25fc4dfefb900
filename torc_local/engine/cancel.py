"""Canceling a workflow, or jobs of it, from any process; runners notice and end what they run.

Crash: one transaction each. What a runner holds is only marked: it ends the job and records it as canceled. If the
runner dies or gives the job back first, whoever claims it next sees the mark and does not start it.
"""

from typing import NamedTuple

from torc_local.engine.turn import BY_A_PERSON
from torc_local.ground.states import JobStatus
from torc_local.store import events, jobs, workflows
from torc_local.store.database import Database


def cancel(db: Database, workflow_id: int, *, at: float, who: str) -> bool:
    """Set the flag that every runner looks at; False when it was set already.

    Ready and blocked jobs stay as they are (Torc); running ones are ended by their runners as canceled.

    Process: anyone.
    """
    with db.write("cancel"):
        changed = workflows.set_canceled(db, workflow_id, canceled=True)
        if changed:
            events.record(db, workflow_id, at=at, kind="workflow_canceled", message=f"canceled by {who}")
    return changed


class Canceled(NamedTuple):
    """What became of the jobs: canceled now; ``told`` their runners to end them; ``over`` before."""

    now: int
    told: int
    over: int


def cancel_jobs(db: Database, workflow_id: int, job_ids: list[int], *, at: float, who: str) -> Canceled:
    """Cancel some jobs. What waits for them is canceled, too, unless its flag says otherwise.

    Process: anyone, also while runners work. Cost: the jobs and what waits for them.
    """
    with db.write("cancel jobs"):
        done = []
        for status in (JobStatus.READY, JobStatus.BLOCKED):
            some = jobs.cancel_waiting(db, workflow_id, job_ids, status)
            workflows.add_counts(db, workflow_id, {status: -len(some), JobStatus.CANCELED: len(some)})
            done += some
        jobs.queue_ended(db, workflow_id, done, failed=True)
        told = jobs.cancel_held(db, workflow_id, job_ids)
        for job_id in done:
            events.record(db, workflow_id, at=at, kind="job_canceled", job_id=job_id, message=BY_A_PERSON)
        if done or told:
            message = f"{len(done) + told:,} of its jobs canceled by {who}"
            events.record(db, workflow_id, at=at, kind="jobs_canceled", message=message)
    return Canceled(len(done), told, len(job_ids) - len(done) - told)
