"""``watch --recover``: run, recover, run again, until everything has completed or nothing more can be done.

Torc's loop asks Slurm for nodes again; here the nodes are whoever works on the workflow. While others do, they are
watched. When nobody does and work is left, it is done here, by a ``run`` of its own process: a supervisor takes over
the signals and the children of its process, and is made to be the only one that its process ever has. It tries nothing
again that was not recovered.

Crash: whatever is killed, the loop begins anew with what is on record; each step of it is a command of its own.
"""

import enum
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from torc_local.cli import answer, place, recovering, waiting
from torc_local.cli.looking import dead_runners
from torc_local.cli.recovering import Cure, HookError
from torc_local.ground import clock
from torc_local.ground.errors import ExitCode
from torc_local.report import status
from torc_local.report.text import plural
from torc_local.store import opening, runners, workflows

_HEEDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

#: How long those who have nothing to do any more may take to leave, and how often it is looked.
_LEAVING_S = 30.0
_LOOK_S = 0.1

#: Codes after which there may be something to recover.
_GOES_ON = (ExitCode.FAILED, ExitCode.INCOMPLETE)


class _Standing(enum.Enum):
    """What there is to do before anything is recovered."""

    WATCH = "others work on it"
    RUN = "work is left, and nobody does it"
    ENDED = "it has ended with failures"


class Loop(NamedTuple):
    """What the command was told; ``words`` are options for each ``run``."""

    database: Path | None
    target: str | None
    cure: Cure
    most: int  # times to recover
    interval: float | None
    words: Sequence[str]


def watch(loop: Loop) -> int:
    """Exit code 0 when all of it has completed, 1 when failures are left, 3 when it was stopped or canceled."""
    target = place.existing(loop.target, loop.database)
    path = place.database(target.database)
    with opening.open_read_only(path) as db:
        workflow_id = place.workflow(db, target.workflow_id).id
    code: int = ExitCode.OK
    for recovered in range(loop.most + 1):
        code = _work(path, workflow_id, loop)
        if code not in _GOES_ON:
            return code
        if code == ExitCode.INCOMPLETE and not _was_left_by_the_dead(path, workflow_id):
            return code  # a person, or a time limit, ended it
        if recovered == loop.most:
            answer.note(f"workflow {workflow_id} was recovered {plural(recovered, 'time')}, and no more was asked for")
        elif code == ExitCode.FAILED and not _recover(path, workflow_id, loop.cure):
            break
    return code


def _recover(path: Path, workflow_id: int, cure: Cure) -> bool:
    """Recover and tell; whether anything runs again."""
    _wait_for_the_last(path, workflow_id)
    try:
        done = recovering.apply(path, workflow_id, cure, dry_run=False)
    except HookError as error:
        answer.note(f"error: {error}")
        return False
    for line in recovering.lines(done, cure, dry_run=False):
        answer.note(line)
    return bool(done.back.jobs)


def _wait_for_the_last(path: Path, workflow_id: int) -> None:
    """A workflow has ended a moment before those who worked on it have."""
    until = clock.monotonic() + _LEAVING_S
    while clock.monotonic() < until:
        with opening.open_read_only(path) as db:
            alive = runners.alive(db, workflow_id)
        if len(dead_runners(alive)) == len(alive):
            return
        time.sleep(_LOOK_S)


def _work(path: Path, workflow_id: int, loop: Loop) -> int:
    """See the workflow worked on until nobody does, by others or here; the exit code that says how it stands."""
    match _standing(path, workflow_id):
        case _Standing.WATCH:
            return waiting.watch(path, str(workflow_id), interval=loop.interval)
        case _Standing.RUN:
            return _run(["--db", str(path), "run", str(workflow_id), "--no-retry-failed", *loop.words])
        case _Standing.ENDED:
            return ExitCode.FAILED
        case code:
            return code


def _standing(path: Path, workflow_id: int) -> _Standing | ExitCode:
    with opening.open_read_only(path) as db, db.read():
        workflow = place.workflow(db, workflow_id)
        run, counts = workflows.newest_run(db, workflow_id), workflows.counts(db, workflow_id)
        alive = runners.alive(db, workflow_id)
    known = status.outcome(workflow, run, counts)
    if known is not None:
        return _Standing.ENDED if known == ExitCode.FAILED else known
    if len(dead_runners(alive)) < len(alive):
        return _Standing.WATCH
    if workflow.is_canceled:
        answer.note(f"workflow {workflow_id} is canceled: torc-local run {workflow_id} takes it up again")
        return ExitCode.INCOMPLETE
    return _Standing.RUN


def _was_left_by_the_dead(path: Path, workflow_id: int) -> bool:
    """Whether those who worked on it died, and were not ended by a person."""
    with opening.open_read_only(path) as db, db.read():
        workflow = place.workflow(db, workflow_id)
        alive = runners.alive(db, workflow_id)
    return not workflow.is_canceled and bool(dead_runners(alive))


def _run(words: list[str]) -> int:
    """Call the program and pass on what ends it. What a terminal sends, it has got from there."""
    kinds = [kind for kind in _HEEDED if signal.getsignal(kind) is not signal.SIG_IGN]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [*kinds, signal.SIGCHLD])
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "torc_local", *words],
            stdin=subprocess.DEVNULL,
            preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, before),  # noqa: PLW1509 - no threads here
        )
        while process.poll() is None:
            got = signal.sigtimedwait([*kinds, signal.SIGCHLD], 1.0)
            if got is not None and got.si_signo != signal.SIGCHLD and got.si_pid:
                process.send_signal(got.si_signo)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    if process.returncode < 0:
        answer.note(f"the run was killed by {signal.Signals(-process.returncode).name}")
        return ExitCode.INCOMPLETE
    return process.returncode
