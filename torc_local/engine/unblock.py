"""The coordinator's transaction: count down what waits for ended jobs, release it, cancel what can no longer run.

Canceled jobs and opened gates go back into the same queue, so a cascade reaches its fixpoint over as many bounded
transactions as it needs; no transaction grows with the graph.
"""

from collections import Counter
from typing import NamedTuple

from torc_local.ground.errors import TorcLocalError
from torc_local.ground.states import JobStatus
from torc_local.store import jobs, runners, unblocking, workflows
from torc_local.store.database import Database

#: Edges per transaction: about 10 ms of work, so that the first released job starts while the last still waits.
BATCH = 4000


class Deposed(TorcLocalError):  # noqa: N818 - named after what happened to the coordinator
    """Another coordinator has taken over; this one must write nothing more."""


class Unblocked(NamedTuple):
    """What one batch did."""

    edges: int
    released: int
    canceled: int
    more: bool  # the queue was not empty afterwards


def unblock(db: Database, workflow_id: int, epoch: int, *, cpu_s: float = 0.0, limit: int = BATCH) -> Unblocked:
    """Work off one batch of the queue.

    Process: the coordinator that holds ``epoch``; raises Deposed, having changed nothing, for any other.
    Crash:   one transaction: an edge is counted off together with its place in the queue, or not at all.
    Cost:    at most ``limit`` edges.
    """
    with db.write("unblock"):
        if not runners.renew_lease(db, workflow_id, epoch, cpu_s=cpu_s):
            raise Deposed("another coordinator has taken over this workflow")
        return _one_batch(db, workflow_id, limit)


def draw_consequences(db: Database, workflow_id: int) -> None:
    """Work off the whole queue, when nobody else does: inside the caller's transaction.

    Cost: all edges in the queue, a batch of them in memory at a time. ``unblocking.prepare`` comes before.
    """
    while unblocking.waiting(db, workflow_id):
        _one_batch(db, workflow_id, BATCH)


def _one_batch(db: Database, workflow_id: int, limit: int) -> Unblocked:
    drained = unblocking.fill(db, workflow_id, limit)
    unblocking.take_off(db, workflow_id, drained, limit)
    if not drained.edges:
        return Unblocked(0, 0, 0, more=False)
    opened = unblocking.count_down_gates(db)
    released = unblocking.count_down_jobs(db)
    canceled = [job.id for job in released if job.status == JobStatus.CANCELED]
    jobs.queue_ended(db, workflow_id, [gate.id for gate in opened if not gate.failed], failed=False)
    jobs.queue_ended(db, workflow_id, [*canceled, *(gate.id for gate in opened if gate.failed)], failed=True)
    changes = Counter(job.status for job in released)
    changes[JobStatus.BLOCKED] -= len(released)
    workflows.add_counts(db, workflow_id, changes)
    more = unblocking.waiting(db, workflow_id)
    return Unblocked(drained.edges, len(released) - len(canceled), len(canceled), more)
