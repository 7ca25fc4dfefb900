"""Putting jobs back from any process, at a time when nobody works on them: ``retry``, ``reset`` and ``refresh``.

Crash: one transaction. Before COMMIT nothing was put back; after it the jobs wait for the next ``run``, which begins a
run of its own, so that every attempt stays on record under its run.
"""

from collections.abc import Callable
from typing import NamedTuple

from torc_local.engine.stored import in_use
from torc_local.engine.unblock import draw_consequences
from torc_local.ground.errors import InputError
from torc_local.ground.states import JobStatus
from torc_local.store import events, restarting, runners, unblocking, workflows
from torc_local.store.database import Database

_NAMED = 3  # jobs of a group
_GROUPS = 12  # groups that are told apart

#: Says which jobs are to be put back (``restarting.seed_...``); called inside the transaction.
Seeds = Callable[[Database, int], None]


class Group(NamedTuple):
    """Jobs that run again for one reason, with the names of the first of them; ``status`` is what they were."""

    why: str
    status: str
    jobs: int
    names: list[str]


class PutBack(NamedTuple):
    """What runs again: ``jobs`` in groups, ``rest`` groups too many to be told apart, ``left`` completed jobs."""

    jobs: int
    groups: list[Group]
    rest: int
    left: int


def prepare(db: Database) -> None:
    """Make this connection's temporary tables; once, outside of a transaction."""
    restarting.prepare(db)
    unblocking.prepare(db)


def put_back(db: Database, workflow_id: int, seeds: Seeds, *, at: float, what: str, dry_run: bool) -> PutBack:
    """Put the seeds and everything after them back to ready or blocked. Raises InputError while anybody works on it.

    ``what`` begins the line of history. A dry run makes the same transaction and takes it back.

    Process: anyone; runners and claims of dead processes are to be taken back before.
    Cost:    one pass over the workflow's edges.
    """
    prepare(db)
    with db.write("put back", keep=not dry_run):
        in_use(db, workflow_id)
        refuse_live(db, workflow_id)
        draw_consequences(db, workflow_id)
        restarting.clear(db)
        seeds(db, workflow_id)
        restarting.spread(db)
        if what != "refresh":
            restarting.forget_cancels(db, workflow_id)
        groups = restarting.groups(db)
        jobs = sum(group.jobs for group in groups)
        left = workflows.counts(db, workflow_id).get(JobStatus.COMPLETED, 0)
        left -= sum(group.jobs for group in groups if group.status == JobStatus.COMPLETED)
        shown = [Group(one.why, one.status, one.jobs, restarting.examples(db, one, _NAMED)) for one in groups[:_GROUPS]]
        if jobs:
            restarting.restart(db, workflow_id)
            workflows.recount(db, workflow_id)
            workflows.set_canceled(db, workflow_id, canceled=False)
            workflows.await_next_run(db, workflow_id, at=at)
            message = f"{what}: {jobs:,} {'job runs' if jobs == 1 else 'jobs run'} again"
            events.record(db, workflow_id, at=at, kind="jobs_reset", message=message)
    return PutBack(jobs, shown, len(groups) - len(shown), left)


def refuse_live(db: Database, workflow_id: int) -> None:
    """Raise InputError when somebody works on a workflow."""
    alive = runners.alive(db, workflow_id)
    if alive:
        nodes = ", ".join(sorted({runner.hostname for runner in alive}))
        raise InputError(
            f"a run works on workflow {workflow_id} now, on {nodes}",
            hint=f"end it first (Ctrl-C, or torc-local cancel {workflow_id}), or wait for its end",
        )
