"""An actor: executes the actions of a workflow for one worker (a call of ``run``), one after the other.

There is one where a workflow has actions: first for what comes before all jobs, and, when that is over and the runners
have begun, one for the rest. It has a row among the runners, so that its death is noticed and what it left is ended as
theirs; it claims no jobs. What a SIGKILL leaves at each moment is in engine/acting.py.

Commands run with bash in the output directory (Torc), each in a process group of its own. Asking Slurm for nodes is a
command, too: an allocation too many, after a crash, finds nothing to do. Told to stop, it lets the command at work end
within the grace, begins with no other one, and gives back an action that is not done.
"""

import enum
import json
import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from torc_local.engine import acting
from torc_local.engine.acting import Standing, Watch
from torc_local.engine.close import finished
from torc_local.engine.fit import NOTHING
from torc_local.engine.options import settings_of
from torc_local.engine.turn import Fenced
from torc_local.ground import clock, faults, private
from torc_local.process import backlog, machine, orphans, spawn
from torc_local.process.command import Interpreter
from torc_local.process.inbox import NOT_FOR_WORKERS, Inbox
from torc_local.process.runner import BEAT_S, INSIST_S, LOOK_S, Setup
from torc_local.store import jobs, runners
from torc_local.store.actions import ActionRow, Executed
from torc_local.store.database import DISK_ERRORS, Database
from torc_local.store.opening import translated

#: Told by the supervisor when the last runner of this worker has ended.
RUNNERS_ENDED = signal.SIGUSR1

#: Between two looks at the database. A look costs microseconds where nothing happened.
_PAUSE_S = 0.02

#: What jobs get and actions do not: ``run`` may have been called inside a job.
_OF_JOBS = (b"TORC_JOB_ID", b"TORC_JOB_NAME", b"TORC_ATTEMPT_ID", b"TORC_RETURN_CODE", spawn.TOKEN_VARIABLE.encode())

_Answer = TypeVar("_Answer")


class Stage(enum.Enum):
    """Which actions: those before all jobs, or all others."""

    START = enum.auto()
    LATER = enum.auto()


class Post(NamedTuple):
    """What an actor is told by its supervisor."""

    setup: Setup
    stage: Stage
    worker: str  # whom it executes actions for: see worker()
    at_end: bool  # the runners of this worker have ended already


def worker(node_id: int) -> str:
    """Who this process is as a worker: no other call of ``run`` is called so."""
    pid = os.getpid()
    return f"{node_id}.{pid}.{machine.start_of(pid) or 0}"


def stages(triggers: frozenset[str]) -> frozenset[Stage]:
    """The stages in which actions with these triggers have anything to do."""
    by_stage = {Stage.START: acting.AT_START, Stage.LATER: acting.LATER}
    return frozenset(stage for stage, known in by_stage.items() if triggers & known)


class Actor:
    """The loop of one actor process."""

    def __init__(self, db: Database, post: Post, say: Callable[[str], None]) -> None:
        self._db = db
        self._say = say
        self._setup = setup = post.setup
        self._stage = post.stage
        self._at_end = post.at_end
        self._me = acting.Me(setup.workflow_id, setup.run_id, _register(db, setup), post.worker)
        ignored = [kind for kind in NOT_FOR_WORKERS if kind != RUNNERS_ENDED]
        self._inbox = Inbox((signal.SIGCHLD, signal.SIGTERM, signal.SIGQUIT, RUNNERS_ENDED), ignored=ignored)
        settings = settings_of(db, setup.workflow_id)
        self._interpreter = Interpreter({**os.environ, **dict(settings.env)})
        self._environment = spawn.surroundings(
            workflow_id=setup.workflow_id,
            run_id=setup.run_id,
            runner_id=self._me.runner_id,
            db_path=setup.db_path,
            token=setup.token,
            output_dir=setup.output_dir,
            settings=settings,
        )
        for name in _OF_JOBS:
            self._environment.pop(name, None)
        self._shown = setup.output_dir / "actions"  # as the person named it; we work elsewhere
        private.make_own_directory(self._shown)
        self._logs = self._shown.resolve()
        self._base = setup.db_path.resolve().parent
        self._called_in = Path.cwd()
        os.chdir(setup.output_dir)
        self._watch = Watch()
        self._seen = -1  # data_version at the last look
        self._standing = Standing(None, must_wait=True)
        self._beat_at = clock.monotonic()
        if setup.cell is not None:
            setup.cell.begin(self._me.runner_id, self._beat_at)
        self._looked = self._beat_at  # last look at the canceled flag
        self._child: int | None = None
        self._stopping = False
        self._ending = False  # the command at work was asked to end
        self._end_at: float | None = None  # when it is asked to
        self._insist_at: float | None = None  # when it is not asked any more

    def main(self) -> str:
        """Execute what is due until nothing is left, or until told to stop; the reason for the runner's row."""
        try:
            return self._work()
        finally:
            self._signal(signal.SIGKILL)
            if self._setup.cell is not None:
                self._setup.cell.end()

    def end_leftovers(self) -> None:
        """End what commands left in other groups and sessions: for when the supervisor, which adopts it, is gone."""
        orphans.end_all(orphans.with_entry(spawn.RUNNER_VARIABLE, f"{self._setup.token}.{self._me.runner_id}"))

    def close(self, reason: str) -> None:
        """Close the row."""
        with self._db.write("close runner"):
            runners.end(self._db, self._me.runner_id, at=clock.now(), reason=reason)

    def _work(self) -> str:
        while True:
            self._look()
            if self._stopping:
                return "stopped"
            due, must_wait = self._standing
            if due is not None:
                self._execute(due)
                self._seen = -1  # our own commits do not change what we see as data_version
            elif not must_wait and (self._stage is Stage.START or self._at_end):
                return "finished"
            else:
                self._attend(_PAUSE_S)

    def _look(self) -> None:
        """Learn what is due, if anything has happened since the last look."""
        self._told(self._learn)

    def _learn(self) -> None:
        version = self._db.data_version
        if version == self._seen:
            return
        standing = jobs.standing(self._db, self._me.workflow_id)
        if standing.is_canceled or standing.run_id != self._me.run_id:
            self._stopping = True
        elif self._stage is Stage.START:
            self._standing = acting.at_start(self._db, self._me)
        else:
            with self._db.read():
                over = finished(self._db, self._me.workflow_id)
                self._standing = acting.later(self._db, self._me, self._watch, jobs_finished=over, at_end=self._at_end)
        self._seen = version

    def _execute(self, action: ActionRow) -> None:
        commands = acting.commands(action) if action.action_type != acting.SCHEDULE_NODES else self._requests(action)
        name = self._log_name(action)
        log = self._logs / name
        kept = str(log.relative_to(self._base) if log.is_relative_to(self._base) else log) if commands else None
        claimed = self._told(lambda: acting.claim(self._db, self._me, action, at=clock.now(), log=kept))
        if not claimed or not commands:
            return
        faults.reach("actor.claimed")
        # While the disk was in trouble we may have been told to stop.
        how = None if self._stopping else self._run(commands, log, str(self._shown / name))
        if how is None:
            self._told(lambda: acting.give_back(self._db, self._me, action, at=clock.now()))
        else:
            faults.reach("actor.executed")
            self._told(lambda: acting.end(self._db, self._me, action, how))
            faults.reach("actor.recorded")

    def _requests(self, action: ActionRow) -> list[str]:
        """What asks Slurm for nodes, once for each allocation; nothing where there is no Slurm."""
        if shutil.which("sbatch", path=os.fsdecode(self._environment.get(b"PATH", b""))) is None:
            return []
        asked = json.loads(action.config)
        words = [sys.executable, "-m", "torc_local", "--db", os.fsdecode(self._environment[b"TORC_LOCAL_DB"])]
        words += ["slurm", "submit", str(self._me.workflow_id), "--scheduler", asked["scheduler"]]
        words += ["--output-dir", os.fsdecode(self._environment[b"TORC_OUTPUT_DIR"])]
        if asked["max_parallel_jobs"] is not None:
            words += ["--jobs", str(asked["max_parallel_jobs"])]
        # Jobs work there where their worker was called: on the nodes as here.
        return [f"cd {shlex.quote(str(self._called_in))} && {shlex.join(words)}"] * asked["num_allocations"]

    def _log_name(self, action: ActionRow) -> str:
        """Like Torc's logs: by database, workflow, run and number; of a worker's own, also by the worker."""
        whose = f"_{re.sub(r'[^A-Za-z0-9.-]', '_', self._setup.hostname)}_{action.worker}" if action.worker else ""
        # Several databases may put their output into one directory.
        which = f"{self._setup.token[:6]}_wf{self._me.workflow_id}_r{self._me.run_id}_{action.number}{whose}"
        return f"action_{which}.log"

    def _told(self, tell: Callable[[], _Answer]) -> _Answer:
        """Tell the database something, or ask it; while the disk is in trouble, again and again.

        While jobs run this has no end: their runners decide when it is hopeless.
        """
        since: float | None = None
        while True:
            try:
                return tell()
            except DISK_ERRORS as error:
                self._db.before_retry(error)
                now = clock.monotonic()
                if since is None:
                    since = now
                    known = translated(error, self._setup.db_path)
                    self._say(f"{known}\n  actions wait until it works again")
                patience_s = INSIST_S if self._stopping else backlog.PATIENCE_S
                hopeless = self._stopping or self._at_end or self._stage is Stage.START
                if hopeless and now - since > patience_s:
                    raise
                self._attend(backlog.RETRY_S)

    # -- commands -----------------------------------------------------------------------------------------------------

    def _run(self, commands: list[str], log: Path, shown: str) -> Executed | None:
        """Run commands up to the first that fails; None when we were told to stop before they were done."""
        self._ending = False
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            output = os.open(log, flags, 0o600)
        except OSError as error:
            why = os.strerror(error.errno or 0).lower()
            return Executed(1, f"failed: cannot write its output to {shown}: {why}", clock.now())
        try:
            for number, command in enumerate(commands, 1):
                code, why = self._run_one(command, output)
                if code != 0 and self._ending:
                    return None
                if code != 0:
                    which = f"command {number} of {len(commands)}"
                    return Executed(code, f"failed: {which}: {why}; its output is in {shown}", clock.now())
                if self._stopping and number < len(commands):
                    return None
        finally:
            os.close(output)
        return Executed(0, None, clock.now())

    def _run_one(self, command: str, output: int) -> tuple[int, str]:
        """Run one command; its return code, and what it means. Raises Fenced when others have the action by now."""
        now = clock.monotonic()
        if now - self._beat_at >= BEAT_S:
            self._beat(now)  # we may have been stopped for longer than anybody waits
        until = now + backlog.PATIENCE_S
        while True:
            try:
                self._child = self._spawn(command, output)
                break
            except OSError as error:
                if clock.monotonic() > until or self._stopping:
                    return 126, f"it cannot be started: {os.strerror(error.errno or 0).lower()}"
                self._attend(backlog.RETRY_S)
        while True:
            ended, status = os.waitpid(self._child, os.WNOHANG)
            if ended:
                self._child = self._end_at = self._insist_at = None
                break
            self._attend(LOOK_S)
        code = os.waitstatus_to_exitcode(status)
        return code, f"exit {code}" if code >= 0 else f"killed by {_signal_name(-code)}"

    def _spawn(self, command: str, output: int) -> int:
        argv = self._interpreter.shell(command)
        return os.posix_spawn(
            argv.path,
            argv.words,
            self._environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, output, 1),
                (os.POSIX_SPAWN_DUP2, output, 2),
            ],
            setpgroup=0,
            setsigmask=(),
            setsigdef=[int(kind) for kind in (*self._inbox.not_for_jobs, RUNNERS_ENDED)],
        )

    # -- waiting ------------------------------------------------------------------------------------------------------

    def _attend(self, longest_s: float) -> None:
        """Wait for a signal or the time, whatever comes first, and do what is due."""
        now = clock.monotonic()
        moments = (self._end_at, self._insist_at, None if self._stopping else self._ask_at())
        kind = self._inbox.wait_until(min([now + longest_s, *(one for one in moments if one is not None)]))
        now = clock.monotonic()
        if kind == RUNNERS_ENDED:
            self._at_end = True
            self._seen = -1
        elif kind in (signal.SIGTERM, signal.SIGQUIT):
            self._stop(kind, now)
        self._meet_deadlines(now)
        if now - self._beat_at >= BEAT_S:
            self._beat(now)
        if self._child is not None and now - self._looked >= LOOK_S:
            self._looked = now
            if not self._ending and self._is_canceled():
                self._stopping = True
                self._ask_to_end(signal.SIGTERM, now + INSIST_S)

    def _is_canceled(self) -> bool:
        try:
            return bool(jobs.standing(self._db, self._me.workflow_id).is_canceled)
        except DISK_ERRORS:
            self._db.distrust()  # the command goes on; the next look tells
            return False

    def _stop(self, kind: int, now: float) -> None:
        """The first TERM lets the command end, QUIT, or a second TERM, ends it now."""
        if kind == signal.SIGQUIT or self._stopping:
            self._ask_to_end(signal.SIGKILL, now + INSIST_S)
        else:
            self._end_at = now + self._setup.grace_s
        self._stopping = True

    def _meet_deadlines(self, now: float) -> None:
        time, ask_at = self._setup.time, self._ask_at()
        if time is not None and ask_at is not None and now >= ask_at and not self._stopping:
            self._stopping = True
            self._ask_to_end(self._setup.rules.termination_signal, time.kill_at)
        if self._end_at is not None and now >= self._end_at:
            self._ask_to_end(signal.SIGTERM, now + INSIST_S)
        if self._insist_at is not None and now >= self._insist_at:
            self._ask_to_end(signal.SIGKILL, now + INSIST_S)

    def _ask_at(self) -> float | None:
        """When the time limit of this run wants everything to end (monotonic)."""
        return None if self._setup.time is None else self._setup.time.ask_at

    def _ask_to_end(self, kind: signal.Signals, insist_at: float) -> None:
        self._end_at = None
        if self._child is not None:
            self._ending = True
            self._insist_at = insist_at
            self._signal(kind)
            # A stopped process acts on TERM only when it goes on.
            self._signal(signal.SIGCONT)

    def _signal(self, kind: signal.Signals) -> None:
        if self._child is not None:
            spawn.signal_group(self._child, kind)

    def _beat(self, now: float) -> None:
        """Show that we live."""
        self._beat_at = now
        try:
            with self._db.write("beat"):
                lives = runners.beat(self._db, self._me.runner_id, NOTHING, at=clock.utc(now))
        except DISK_ERRORS:
            return  # what has to be told is told again and again; this is not
        if not lives:
            raise Fenced(f"runner {self._me.runner_id} was declared dead; its action was given to others")
        if self._setup.cell is not None:
            self._setup.cell.heard(now)


def _register(db: Database, setup: Setup) -> int:
    pid = os.getpid()
    with db.write("register runner"):
        return runners.insert(
            db,
            workflow_id=setup.workflow_id,
            run_id=setup.run_id,
            node_id=setup.node_id,
            pid=pid,
            pid_start=machine.start_of(pid) or 0,
            slots=1,
            at=clock.now(),
            acts=True,
            ends_at=None if setup.time is None else clock.utc(setup.time.end_at),
        )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
