"""``recover``: what failed for too low a limit runs again with a higher one."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from torc_local.cli import answer, place, restarting, selecting, writing
from torc_local.engine import recovering
from torc_local.engine.recovering import Judgement
from torc_local.engine.requirements import Change
from torc_local.engine.restart import PutBack, refuse_live
from torc_local.engine.stored import in_use
from torc_local.ground import clock
from torc_local.ground.errors import ExitCode, InputError
from torc_local.process.recovery import recover_dead
from torc_local.report import curing
from torc_local.report.curing import Diagnosis, Rules
from torc_local.report.text import plural, printable
from torc_local.store.database import Database

#: More than this is a slip: a limit that grows a hundredfold is no limit.
MOST = 100.0


class Cure(NamedTuple):
    """How to recover: the rules, and a command to run before what nobody knows a cure for is tried again."""

    rules: Rules
    hook: str | None = None


class Order(NamedTuple):
    """What the command was told."""

    database: Path | None
    target: str | None
    cure: Cure
    dry_run: bool
    as_json: bool


class Done(NamedTuple):
    """What was found, and what came of it."""

    workflow_id: int
    found: Diagnosis
    back: PutBack
    command: str  # how a suggested command begins


class HookError(Exception):
    """The hook ended badly; the text says how."""


def cure(memory_multiplier: float, runtime_multiplier: float, hook: str | None, *, retry_unknown: bool) -> Cure:
    """Check what was asked for. Raises InputError."""
    for option, value in (("--memory-multiplier", memory_multiplier), ("--runtime-multiplier", runtime_multiplier)):
        if not 1 < value <= MOST:
            raise InputError(f"{option}: a limit is raised by more than 1 and at most {MOST:.0f} times", hint="1.5")
    if hook is not None and not hook.strip():
        raise InputError("--recovery-hook: the command is empty", hint="leave it out")
    # A command that mends what nobody here understands is there so that the jobs are tried again.
    return Cure(Rules(memory_multiplier, runtime_multiplier, retry_unknown or hook is not None), hook)


def recover(order: Order) -> int:
    """``recover``."""
    target = place.existing(order.target, order.database)
    path = place.database(target.database)
    try:
        done = apply(path, target.workflow_id, order.cure, dry_run=order.dry_run)
    except HookError as error:
        answer.note(f"error: {error}; nothing was changed")
        return ExitCode.FAILED
    if order.as_json:
        answer.document(document(done, dry_run=order.dry_run))
        return ExitCode.OK
    answer.lines(lines(done, order.cure, dry_run=order.dry_run))
    if done.back.jobs and not order.dry_run:
        left = any(not one.retried for one in done.found.groups)
        answer.note(f"run them:  {done.command} run {done.workflow_id}{' --no-retry-failed' if left else ''}")
    return ExitCode.OK


def apply(path: Path, workflow_id: int | None, cure: Cure, *, dry_run: bool) -> Done:
    """Recover a workflow. Raises InputError while anybody works on it, HookError when the hook fails."""
    with writing.open_existing(path) as db:
        workflow = place.workflow(db, workflow_id)
        recover_dead(db, workflow.id)
        with db.read():
            in_use(db, workflow.id)
            refuse_live(db, workflow.id)
            first = curing.diagnose(db, workflow.id, cure.rules)
        if cure.hook is not None and first.unknown and not dry_run:
            _run_hook(cure.hook, db, workflow.id)
        kept: list[Diagnosis] = []

        def judge(db: Database, workflow_id: int) -> Judgement:
            # Looked at again: others may have done something meanwhile, and the hook, too.
            kept.append(curing.diagnose(db, workflow_id, cure.rules))
            return kept[-1].judgement

        back = recovering.recover(db, workflow.id, judge, at=clock.now(), dry_run=dry_run)
        return Done(workflow.id, kept[-1], back, place.command(db.path))


def _run_hook(hook: str, db: Database, workflow_id: int) -> None:
    """Run the hook with the id of the workflow behind it and in its environment (Torc). Raises HookError.

    It is one line of bash. A program in this directory needs no ``./`` before it, as with Torc.
    """
    command = hook.strip()
    word = command.split()[0]
    if "/" not in word and Path(word).is_file() and shutil.which(word) is None:
        command = f"./{command}"
    given = os.environ | {"TORC_WORKFLOW_ID": str(workflow_id), place.VARIABLE: str(db.path.absolute())}
    answer.note(f"recovery hook: {printable(hook)}")
    sys.stderr.flush()
    # What it prints is talk; standard output is ours.
    done = subprocess.run(
        ["bash", "-c", f"{command} {shlex.quote(str(workflow_id))}"],
        env=given,
        stdin=subprocess.DEVNULL,
        stdout=2,
        check=False,
    )
    if done.returncode:
        how = f"exit code {done.returncode}" if done.returncode > 0 else f"killed by signal {-done.returncode}"
        raise HookError(f"the recovery hook failed ({how})")


def document(done: Done, *, dry_run: bool) -> dict[str, Any]:
    """The JSON answer."""
    return {
        "workflow_id": done.workflow_id,
        "operation": "recover",
        "dry_run": dry_run,
        "jobs": done.back.jobs,
        "completed_jobs_left": done.back.left,
        "causes": [
            {
                "cause": one.cause.kind,
                "title": one.cause.title,
                "jobs": one.jobs,
                "examples": one.names,
                "retried": one.retried,
                "why": one.why,
            }
            for one in done.found.groups
        ],
        "limits": [
            change_item(one.change)
            | {"jobs": one.jobs, "failed_jobs": one.failed, "all_that_a_node_has": one.is_capped}
            for one in done.found.raised
        ],
        "groups": restarting.group_items(done.back),
        "more_groups": done.back.rest,
    }


def change_item(change: Change) -> dict[str, Any]:
    """A change of requirements for programs."""
    was, now = change.before, change.after
    return {
        "name": was.name,
        "num_cpus": {"before": was.num_cpus, "after": now.num_cpus},
        "memory_bytes": {"before": was.memory_bytes, "after": now.memory_bytes},
        "runtime_seconds": {"before": was.runtime_s, "after": now.runtime_s},
    }


def lines(done: Done, cure: Cure, *, dry_run: bool) -> list[str]:
    """The answer for people: how many jobs run again, which limits are raised, and what was done about each cause."""
    found = done.found
    if not found.groups:
        return [f"workflow {done.workflow_id}: nothing to recover, no job has failed"]
    if not done.back.jobs:
        head = f"workflow {done.workflow_id}: nothing that recover can cure"
    else:
        runs = "would run" if dry_run else "runs" if done.back.jobs == 1 else "run"
        after = done.back.jobs - len(found.judgement.retried)
        rest = f", {after:,} of them after others" if after > 0 else ""
        head = f"workflow {done.workflow_id}: {plural(done.back.jobs, 'job')} {runs} again{rest}"
    told = [head]
    for one in found.raised:
        more = "; no node has more" if one.is_capped else ""
        told.append(
            f"  {printable(one.change.before.name)}: {', '.join(one.change.in_words)}"
            f"  ({plural(one.failed, 'job')} ended at it, {one.jobs:,} ask for it{more})"
        )
    wide = max(len(f"{one.jobs:,}") for one in found.groups)
    for group in found.groups:
        what = "again" if group.retried else "left"
        told.append(
            f"  {group.jobs:>{wide},}  {printable(group.cause.title)}: {selecting.named(group.names, group.jobs)}"
            f" -> {what}: {group.why}"
        )
    if any(one.unknown and not one.retried for one in found.groups):
        told.append(
            "  --retry-unknown tries them again as they are, --recovery-hook COMMAND after something was mended"
        )
    if cure.hook is not None and found.unknown and dry_run:
        told.append(f"  before that: {printable(cure.hook)} {done.workflow_id}")
    return told
