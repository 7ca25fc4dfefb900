"""Opening a run, going on with one, or joining one that is live elsewhere."""

import enum
from collections.abc import Callable
from typing import NamedTuple

from torc_local.engine import changes as changed
from torc_local.engine.changes import Changes
from torc_local.engine.stored import in_use
from torc_local.engine.unblock import draw_consequences
from torc_local.ground.errors import InputError
from torc_local.ground.states import RETRIABLE, JobStatus, unfinished_jobs
from torc_local.store import events, restarting, runners, unblocking, workflows
from torc_local.store.database import Database

_SAID = 5  # reasons for which completed jobs run again, and jobs of each


class How(enum.Enum):
    """What `run` is about to do."""

    FRESH = "starting"
    RESUMED = "resuming"
    RETRIED = "retrying"
    JOINED = "joining"
    NOTHING_TO_DO = "nothing to do"


class Beginning(NamedTuple):
    """The run to work on, how it was entered, and how many jobs it takes up again.

    ``changed`` of them had completed, and what they read or wrote is not as it was.
    """

    run_id: int
    how: How
    again: int = 0
    changed: int = 0


def begin(
    db: Database,
    workflow_id: int,
    *,
    retry_failed: bool,
    at: float,
    changes: Changes = changed.NONE,
    directory: str | None = None,
    check: Callable[[Database], None] | None = None,
) -> Beginning:
    """Decide with one look what `run` means now, and make it so.

    Jobs will run in ``directory``. When ``changes`` put any back, ``check`` is asked whether they can run; what it
    raises leaves everything as it was.

    Process: a supervisor, after dead runners were reclaimed; two at once: the second joins or resumes.
    Crash:   one transaction.
    Cost:    constant, except when jobs are put back: then one pass over the workflow's edges.
    """
    restarting.prepare(db)
    unblocking.prepare(db)
    with db.write("begin"):
        workflow = in_use(db, workflow_id)
        run = workflows.newest_run(db, workflow_id)
        if run is not None and run.ended_at is None and runners.alive(db, workflow_id):
            if workflow.is_canceled:
                raise InputError(f"workflow {workflow_id} is being canceled", hint="try again when its jobs have ended")
            return Beginning(run.run_id, How.JOINED)
        counts = workflows.counts(db, workflow_id)
        unsuccessful = sum(counts.get(status, 0) for status in RETRIABLE) if retry_failed else 0
        left = unfinished_jobs(counts)
        if retry_failed:
            restarting.forget_cancels(db, workflow_id)
        restarting.clear(db)
        if changes.jobs:
            draw_consequences(db, workflow_id)
            changed.seed(db, workflow_id, changes)
        stale = restarting.seeds(db)
        if run is not None and run.ended_at is not None and not unsuccessful and not left and not stale:
            return Beginning(run.run_id, How.NOTHING_TO_DO)
        workflows.set_canceled(db, workflow_id, canceled=False)
        again = 0
        if unsuccessful or stale:
            if unsuccessful:
                restarting.seed_unsuccessful(db, workflow_id)
            restarting.spread(db)
            if stale:
                _say_why(db, workflow_id, at)
            again = restarting.restart(db, workflow_id)
            workflows.recount(db, workflow_id)
        if stale and check is not None:
            check(db)
        if run is not None and run.ended_at is None and not unsuccessful and not stale:
            _note(db, workflow_id, run.run_id, How.RESUMED, at)
            return Beginning(run.run_id, How.RESUMED)
        if run is not None:
            workflows.end_run(db, workflow_id, run.run_id, at=at)
        run_id = workflows.start_run(db, workflow_id, at=at, directory=directory)
        runners.reset_lease_metrics(db, workflow_id)
        how = How.RETRIED if run is not None else How.FRESH
        _note(db, workflow_id, run_id, how, at)
    return Beginning(run_id, how, again, stale)


def _say_why(db: Database, workflow_id: int, at: float) -> None:
    """Put on record which completed jobs run again because of what."""
    for group in restarting.groups(db)[:_SAID]:
        if group.status == JobStatus.COMPLETED and group.why != restarting.AFTER:
            names = ", ".join(restarting.examples(db, group, _SAID))
            more = f" and {group.jobs - _SAID:,} more" if group.jobs > _SAID else ""
            message = f"{names}{more} {'runs' if group.jobs == 1 else 'run'} again: {group.why}"
            events.record(db, workflow_id, at=at, kind="jobs_changed", message=message)


def _note(db: Database, workflow_id: int, run_id: int, how: How, at: float) -> None:
    events.record(db, workflow_id, at=at, kind="run_started", message=f"{how.value} run {run_id}")
