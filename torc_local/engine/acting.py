"""Workflow actions: which are due, who executes them, and what is on record of it: one execution of each in a run.

An action is a claim of its own, with a row in ``action_run`` whose primary key is what it is executed for: the action,
the run and, for persistent worker actions, the worker. Nobody counts when jobs end: whether the jobs of an action have
got there is looked up by who would execute it, from the first selected job that had not (store/actions.py).

Crash table: what a SIGKILL of who executes it leaves at each moment.

    moment                         on record            afterwards
    due, not claimed               nothing              anybody claims it
    claimed, no command begun      a row with a runner  its processes are ended, the row is free, anybody claims it
      (actor.claimed)
    between or during commands     the same             the same: all commands run again from the first one
    last command ended             the same             the same: nobody knows that it had ended
      (actor.executed)
    end recorded (actor.recorded)  the row has an end   nothing; it is not executed again in this run

So every action is recorded exactly once, and its commands run at least once. When three who executed it have died, it
has failed. One that was stopped is executed again likewise, and that counts as no death.

Executions belong to a run: in the next one all actions are to be executed again (Torc), and nothing is reset for it.
"""

import json
from collections.abc import Iterable
from typing import NamedTuple

from torc_local.engine.turn import Fenced
from torc_local.ground.states import JobStatus, unfinished_jobs
from torc_local.store import actions, events, jobs, runners, workflows
from torc_local.store.actions import ANY, ActionRow, Executed
from torc_local.store.database import Database
from torc_local.store.runners import Held, RunnerRow

#: What an actor holds of its node: its commands are not counted.
_NOTHING = Held(0, 0, 0)

ON_WORKFLOW_START = "on_workflow_start"
ON_WORKFLOW_COMPLETE = "on_workflow_complete"
ON_JOBS = frozenset({"on_jobs_ready", "on_jobs_complete"})
ON_WORKER_START = "on_worker_start"
ON_WORKER_COMPLETE = "on_worker_complete"

#: Triggers of what is executed before a run claims jobs, and of all else.
AT_START = frozenset({ON_WORKFLOW_START, ON_WORKER_START})
LATER = frozenset({*ON_JOBS, ON_WORKFLOW_COMPLETE, ON_WORKER_COMPLETE})

SCHEDULE_NODES = "schedule_nodes"


class Me(NamedTuple):
    """Who executes actions: ids of workflow, run and runner row, and which worker (a call of ``run``) it belongs to."""

    workflow_id: int
    run_id: int
    runner_id: int
    worker: str


class Standing(NamedTuple):
    """What there is to do: the action that is due, and whether there are others that somebody must execute first."""

    due: ActionRow | None
    must_wait: bool


class Watch:
    """Which actions' jobs have got there. Remembers the first one that had not, so that to look again is one probe."""

    def __init__(self) -> None:
        self._waits_for: dict[int, int] = {}

    def is_met(self, db: Database, action: ActionRow) -> bool:
        """Whether all selected jobs of an action have got there; at worst one probe for each of them."""
        since = self._waits_for.get(action.id, 0)
        unmet = actions.first_unmet(db, action.id, action.trigger_type, since)
        if unmet is None and since:
            # Somebody may have put back a job that was there.
            unmet = actions.first_unmet(db, action.id, action.trigger_type)
        if unmet is not None:
            self._waits_for[action.id] = unmet
        return unmet is None


def at_start(db: Database, me: Me) -> Standing:
    """Before jobs are claimed: what the workflow's start asks for, whoever executes it, then what the worker's does."""
    left = actions.unexecuted(db, me.workflow_id, me.run_id, me.worker)
    first = [one for one in left if one.trigger_type == ON_WORKFLOW_START]
    return Standing(_free(first or [one for one in left if one.trigger_type == ON_WORKER_START]), bool(first))


def later(db: Database, me: Me, watch: Watch, *, jobs_finished: bool, at_end: bool) -> Standing:
    """While jobs run, and after them. ``at_end``: the runners of this worker have ended.

    What waits for jobs comes first, then what waits for the workflow, then what waits for the worker's end.
    """
    left = actions.unexecuted(db, me.workflow_id, me.run_id, me.worker)
    met = [one for one in left if one.trigger_type in ON_JOBS and (one.has_begun or watch.is_met(db, one))]
    if jobs_finished and not met and not _in_doubt(db, me.workflow_id):
        met = [one for one in left if one.trigger_type == ON_WORKFLOW_COMPLETE]
    must_wait = jobs_finished and bool(met)
    due = _free(met)
    if due is None and at_end and not must_wait:
        due = _free([one for one in left if one.trigger_type == ON_WORKER_COMPLETE])
    return Standing(due, must_wait)


def keep_open(db: Database, workflow_id: int, run_id: int) -> bool:
    """Whether a run whose jobs have all finished has actions that must be executed before it is closed.

    What waits for a job that is in doubt, or never run, waits in vain; workers' actions are their own affair.
    """
    for one in actions.unexecuted(db, workflow_id, run_id, ANY):
        if one.trigger_type in ON_JOBS:
            if one.has_begun or actions.first_unmet(db, one.id, one.trigger_type) is None:
                return True
        elif one.trigger_type == ON_WORKFLOW_START or (
            one.trigger_type == ON_WORKFLOW_COMPLETE and not _in_doubt(db, workflow_id)
        ):
            return True
    return False


def claim(db: Database, me: Me, action: ActionRow, *, at: float, log: str | None) -> bool:
    """Take an action that is due; False when it is not any more: others were faster, or the workflow was canceled.

    One that asks for nodes without anything to be executed (``log``: None) is over with that: there is nobody to ask,
    so it is noted for people.

    Process: the actor ``me``, nobody else. Raises Fenced, having changed nothing, when it was declared dead.
    Crash:   one transaction; see above.
    """
    with db.write("claim action"):
        if not runners.beat(db, me.runner_id, _NOTHING, at=at):
            raise Fenced(f"runner {me.runner_id} was declared dead; its action was given to others")
        standing = jobs.standing(db, me.workflow_id)
        if standing.is_canceled or standing.run_id != me.run_id:
            return False
        if action.trigger_type == ON_WORKFLOW_COMPLETE and unfinished_jobs(workflows.counts(db, me.workflow_id)):
            return False  # somebody has added jobs meanwhile
        taken = actions.claim(db, action.id, me.run_id, action.worker, runner_id=me.runner_id, at=at, log=log)
        if taken and action.action_type == SCHEDULE_NODES and log is None:
            actions.end(db, action.id, me.run_id, action.worker, runner_id=me.runner_id, how=Executed(0, None, at))
            asked = json.loads(action.config)
            message = f"{title(action)} asks for nodes of scheduler '{asked['scheduler']}': none were scheduled"
            events.record(db, me.workflow_id, at=at, kind="action_noted", message=message)
    return taken


def end(db: Database, me: Me, action: ActionRow, how: Executed) -> None:
    """Record how an action ended. Nothing is changed when it is not ours any more, or was reset meanwhile."""
    with db.write("end action"):
        if actions.end(db, action.id, me.run_id, action.worker, runner_id=me.runner_id, how=how):
            kind = "action_executed" if how.reason is None else "action_failed"
            message = f"{title(action)} {'was executed' if how.reason is None else how.reason}"
            events.record(db, me.workflow_id, at=how.ended_at, kind=kind, message=message)


def give_back(db: Database, me: Me, action: ActionRow, *, at: float) -> None:
    """Leave an action to others, or to the next run: we were told to stop before it was done."""
    with db.write("give action back"):
        actions.free(db, action.id, me.run_id, action.worker, runner_id=me.runner_id)
        message = f"{title(action)} was stopped; it is executed again when the workflow goes on"
        events.record(db, me.workflow_id, at=at, kind="action_interrupted", message=message)


def take_back(db: Database, runner: RunnerRow, *, at: float, most_losses: int) -> None:
    """Free what a dead actor was executing; inside the transaction that closes its row."""
    reason = f"failed: who executed it died {most_losses} times"
    for freed in actions.free_of(db, runner.id, at=at, reason=reason, most_losses=most_losses):
        if freed.ended_at is not None:
            message = f"action {actions.number(db, freed.action_id)} {reason}"
            events.record(db, runner.workflow_id, at=at, kind="action_failed", message=message)


def title(action: ActionRow) -> str:
    """How messages call an action."""
    return f"action {action.number} ({action.trigger_type})"


def commands(action: ActionRow) -> list[str]:
    """What it runs."""
    found: list[str] = json.loads(action.config).get("commands", [])
    return found


def _free(found: Iterable[ActionRow]) -> ActionRow | None:
    return next((one for one in found if one.runner_id is None), None)


def _in_doubt(db: Database, workflow_id: int) -> bool:
    """Whether a person must say whether the workflow is complete (Torc: it is not, with pending_failed jobs)."""
    return bool(workflows.counts(db, workflow_id).get(JobStatus.PENDING_FAILED))
