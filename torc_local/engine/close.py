"""Closing a run when every job has finished."""

from torc_local.engine.acting import keep_open
from torc_local.ground.states import unfinished_jobs
from torc_local.store import events, unblocking, workflows
from torc_local.store.database import Database


def close(db: Database, workflow_id: int, run_id: int, *, at: float) -> bool:
    """Close the run if nothing of it is left; whether it is closed now.

    Process: the coordinator; a second caller changes nothing.
    Crash:   one transaction; the next coordinator closes it instead.
    """
    if not finished(db, workflow_id) or keep_open(db, workflow_id, run_id):
        return False
    with db.write("close run"):
        if finished(db, workflow_id) and workflows.end_run(db, workflow_id, run_id, at=at):
            events.record(db, workflow_id, at=at, kind="run_ended", message=f"run {run_id} has ended")
    return True


def finished(db: Database, workflow_id: int) -> bool:
    """Whether every job has finished and every consequence was drawn."""
    return not unfinished_jobs(workflows.counts(db, workflow_id)) and not unblocking.waiting(db, workflow_id)
