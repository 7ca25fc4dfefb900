"""``retry``, ``reset``, ``refresh`` and ``rerun``: which jobs run again, and why."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from torc_local.cli import answer, asking, place, selecting, writing
from torc_local.cli.selecting import Asked
from torc_local.engine import changes, restart
from torc_local.engine.restart import PutBack, Seeds
from torc_local.engine.taking_over import Comparison
from torc_local.ground import clock
from torc_local.ground.errors import ExitCode, InputError
from torc_local.ground.states import JobStatus
from torc_local.process.declared import mtime_of
from torc_local.process.recovery import recover_dead
from torc_local.report.text import plural, printable
from torc_local.store import opening, restarting, workflows
from torc_local.store.database import Database
from torc_local.store.workflows import WorkflowRow

_KINDS = 10  # reasons for which jobs of a changed file run

#: Marks the jobs to put back; the last argument is the choice, None when there was none.
_Seeds = Callable[[Database, int, list[int] | None], None]


class Order(NamedTuple):
    """What every one of these commands is told."""

    database: Path | None
    workflow_id: int | None
    dry_run: bool
    as_json: bool


class Done(NamedTuple):
    """What came of it, and in which workflow."""

    workflow_id: int
    what: str
    back: PutBack
    command: str  # how a suggested command begins


def retry(order: Order, asked: Asked) -> int:
    """``retry``: what did not succeed runs again, all of it or what is chosen; completed jobs stay."""
    return _say(_put_back(order, "retry", asked, _unsuccessful), order)


def reset(order: Order, asked: Asked, *, everything: bool, yes: bool) -> int:
    """``reset``: what is chosen runs again and everything after it, completed or not. Asks before all of it does."""
    if everything == asked.anything:
        raise InputError(
            "choose jobs or --all, not both" if everything else "which jobs?",
            hint="torc-local reset 'sim_*', torc-local reset --all; torc-local retry is for what did not succeed",
        )

    if everything and not order.dry_run and not _agree_to_all(order, yes=yes):
        answer.note("nothing was changed")
        return ExitCode.OK
    return _say(_put_back(order, "reset", asked, _whatever), order)


def refresh(order: Order) -> int:
    """``refresh``: completed jobs run again whose files or user data have changed since."""
    return _say(_put_back(order, "refresh", Asked(), _changed), order)


def reset_status(order: Order, *, failed_only: bool, reinitialize: bool, yes: bool) -> int:
    """Torc's ``workflows reset-status``: ``retry`` or ``reset --all``, and with ``--reinitialize`` also ``refresh``."""
    if not failed_only and not order.dry_run and not _agree_to_all(order, yes=yes):
        answer.note("nothing was changed")
        return ExitCode.OK
    first = _put_back(order, "reset", Asked(), _unsuccessful if failed_only else _whatever)
    done = [first]
    if reinitialize:
        done.append(_put_back(order, "refresh", Asked(), _changed))
    told = [line for one in done for line in lines(one, dry_run=order.dry_run)]
    if not order.as_json:
        answer.lines(told)
        return ExitCode.OK
    answer.document(
        {
            "status": "success",
            "workflow_id": first.workflow_id,
            "operations": {"workflow_reset": True, "job_reset": True, "reinitialize": reinitialize},
            "failed_only": failed_only,
            "dry_run": order.dry_run,
            "messages": [line.strip() for line in told],
            "errors": [],
        }
    )
    return ExitCode.OK


def _unsuccessful(db: Database, workflow_id: int, chosen: list[int] | None) -> None:
    if chosen is None:
        restarting.seed_unsuccessful(db, workflow_id, undecided=True)
    else:
        restarting.seed_these(db, workflow_id, chosen, completed=False)


def _whatever(db: Database, workflow_id: int, chosen: list[int] | None) -> None:
    if chosen is None:
        restarting.seed_all(db, workflow_id)
    else:
        restarting.seed_these(db, workflow_id, chosen, completed=True)


def _changed(db: Database, workflow_id: int, _: list[int] | None) -> None:
    found = changes.look(db, workflow_id, mtime_of, here=place.text(str(Path.cwd())))
    changes.seed(db, workflow_id, found)


def _agree_to_all(order: Order, *, yes: bool) -> bool:
    with opening.open_read_only(place.database(order.database)) as db:
        workflow = place.workflow(db, order.workflow_id)
        completed = workflows.counts(db, workflow.id).get(JobStatus.COMPLETED, 0)
    jobs = plural(completed, "completed job")
    return not completed or asking.agree(f"{jobs} of workflow {workflow.id} would run again", yes=yes)


def retry_these(path: Path, workflow_id: int, job_ids: list[int], *, dry_run: bool) -> list[str]:
    """``retry`` for jobs that were chosen by a person on a screen; the lines of the answer."""
    with writing.open_existing(path) as db:
        done = _put_back_in(db, place.workflow(db, workflow_id), "retry", job_ids, _unsuccessful, dry_run=dry_run)
    return lines(done, dry_run=dry_run)


def _put_back(order: Order, what: str, asked: Asked, seeds: _Seeds) -> Done:
    with writing.open_existing(place.database(order.database)) as db:
        workflow = place.workflow(db, order.workflow_id)
        chosen = selecting.choose(db, workflow.id, asked) if asked.anything else None
        return _put_back_in(db, workflow, what, chosen, seeds, dry_run=order.dry_run)


def _put_back_in(
    db: Database, workflow: WorkflowRow, what: str, chosen: list[int] | None, seeds: _Seeds, *, dry_run: bool
) -> Done:
    recover_dead(db, workflow.id)
    chosen_seeds: Seeds = lambda db, workflow_id: seeds(db, workflow_id, chosen)  # noqa: E731
    back = restart.put_back(db, workflow.id, chosen_seeds, at=clock.now(), what=what, dry_run=dry_run)
    return Done(workflow.id, what, back, place.command(db.path))


def document(done: Done, *, dry_run: bool) -> dict[str, Any]:
    """The JSON answer."""
    return {
        "workflow_id": done.workflow_id,
        "operation": done.what,
        "dry_run": dry_run,
        "jobs": done.back.jobs,
        "groups": group_items(done.back),
        "more_groups": done.back.rest,
        "completed_jobs_left": done.back.left,
    }


def group_items(back: PutBack) -> list[dict[str, Any]]:
    """What runs again and why, for programs."""
    return [{"reason": one.why, "status": one.status, "jobs": one.jobs, "examples": one.names} for one in back.groups]


def _say(done: Done, order: Order) -> int:
    if order.as_json:
        answer.document(document(done, dry_run=order.dry_run))
    else:
        answer.lines(lines(done, dry_run=order.dry_run))
        if done.back.jobs and not order.dry_run:
            answer.note(f"run them:  {done.command} run {done.workflow_id}")
    return ExitCode.OK


def lines(done: Done, *, dry_run: bool) -> list[str]:
    """The answer for people: how many jobs, why in groups, and what stays."""
    back = done.back
    if not back.jobs:
        return [f"workflow {done.workflow_id}: nothing to {done.what}, {_kept(back.left)}"]
    runs = "would run" if dry_run else "runs" if back.jobs == 1 else "run"
    head = f"workflow {done.workflow_id}: {plural(back.jobs, 'job')} {runs} again, {_kept(back.left)}"
    wide = max(len(f"{one.jobs:,}") for one in back.groups)
    found = [
        f"  {one.jobs:>{wide},}  {printable(_why(one))}: {selecting.named(one.names, one.jobs)}" for one in back.groups
    ]
    if back.rest:
        found.append(f"  and more, for {plural(back.rest, 'other reason')}")
    return [head, *found]


def difference_lines(file: str, workflow_id: int | None, earlier_id: int, found: Comparison) -> list[str]:
    """What a changed file means for a workflow that was made from its earlier state; None: it is not made yet."""
    head = f"{printable(file)} has changed since workflow {earlier_id} was made from it"
    now = "a new workflow would take over" if workflow_id is None else f"workflow {workflow_id} takes over"
    rest = sum(kind.jobs for kind in found.others)
    lines = [
        f"{head}: {now} {plural(len(found.taken), 'completed job')} and {'runs' if workflow_id else 'run'} {rest:,}"
    ]
    wide = max((len(f"{kind.jobs:,}") for kind in found.others), default=0)
    lines += [
        f"  {kind.jobs:>{wide},}  {kind.why}: {selecting.named(kind.names, kind.jobs)}"
        for kind in found.others[:_KINDS]
    ]
    if found.gone:
        lines.append(
            f"  {plural(found.gone, 'job')} of workflow {earlier_id} {'is' if found.gone == 1 else 'are'} gone"
        )
    return lines


def difference_document(workflow_id: int | None, earlier_id: int, found: Comparison) -> dict[str, Any]:
    """The same for programs."""
    return {
        "workflow_id": workflow_id,
        "earlier_workflow_id": earlier_id,
        "operation": "take over",
        "dry_run": workflow_id is None,
        "taken_over": len(found.taken),
        "jobs": sum(kind.jobs for kind in found.others),
        "groups": [{"reason": kind.why, "jobs": kind.jobs, "examples": kind.names} for kind in found.others],
        "gone": found.gone,
    }


def _why(group: restart.Group) -> str:
    """``after one of these`` does not say by itself what the jobs were."""
    return (
        group.why if group.why.startswith(group.status) or group.status in group.why else f"{group.why}, {group.status}"
    )


def _kept(left: int) -> str:
    if not left:
        return "no completed job stays"
    return f"{left:,} completed {'job stays' if left == 1 else 'jobs stay'}"
