"""The supervisor of one node: forks coordinator and runners, owns signals, restarts what dies, reports how it goes.

It is the guardian of everything below it: as child subreaper it inherits what escapes from a dead runner, and ends it
before the jobs are given to others. It forks only while it holds no connection (a connection must not cross a fork).

Crash table: what a SIGKILL leaves (ground/faults.py).

    moment              on record              afterwards
    supervisor.begun    an open run            the next `run` finds nobody at work on it and goes on
    supervisor.forked   whatever the           runners and coordinator get a signal from the kernel, end their jobs,
                        runners have written   give back what they hold; the next `run` finds nobody and goes on
    supervisor.buried   a dead runner's jobs   the same
                        are ready again
"""

import gc
import multiprocessing
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.context import ForkProcess
from pathlib import Path

from torc_local.engine import acting, changes
from torc_local.engine.begin import How, begin
from torc_local.engine.options import settings_of
from torc_local.ground import clock, faults
from torc_local.ground.durability import Durability
from torc_local.ground.errors import ExitCode, StateError
from torc_local.ground.states import all_succeeded, finished_jobs, unfinished_jobs
from torc_local.ground.units import format_duration
from torc_local.process import (
    actor,
    gpus,
    inputs,
    isolation,
    kernel,
    machine,
    monitor,
    orphans,
    outlook,
    peers,
    plan,
    runner,
    segments,
    spawn,
)
from torc_local.process.actor import Stage
from torc_local.process.coordinator import Post
from torc_local.process.declared import mtime_of
from torc_local.process.guardian import Guardian
from torc_local.process.identity import Identity, Trouble
from torc_local.process.inbox import NODE_ENDS, Inbox, heeded
from torc_local.process.plan import Options
from torc_local.process.recovery import recover_dead
from torc_local.process.runner import Setup
from torc_local.process.watching import Outcome, Progress, RunInfo, Watcher
from torc_local.process.workers import run_actor, run_coordinator, run_monitor, run_runner
from torc_local.store import actions, events, examining, opening, unblocking, workflows
from torc_local.store.database import DISK_ERRORS, Database

#: Longest time between two looks at the counts, and so between two repaints.
TICK_S = 0.25

#: How often what was recorded is synced to the disk: so much may a power loss cost, see ground/durability.py.
SYNC_S = 1.0

#: Processes that died this often (times runners) while nothing got done are not started again.
_MOST_DEATHS = 5

#: At so many looks in a row no job can start, a row of peers.WATCH_S, before the database is looked over.
_LONG_STANDSTILL = 2

#: So often a monitor is started, and so long it may take to write what it saw.
_MOST_MONITORS = 3
_LAST_WORDS_S = 5.0

#: So long a file system that several machines use may be out of reach before this node gives up.
OUTAGE_S = 600.0


def run(db_path: Path, workflow_id: int, options: Options, watcher: Watcher) -> ExitCode:
    """Work on a workflow on this node until nothing is left for it; the exit code of the process.

    Raises StateError or InputError before anything was started; afterwards every trouble ends in an exit code.
    """
    inbox = Inbox((signal.SIGCHLD, signal.SIGTERM, *heeded((signal.SIGINT, signal.SIGHUP))))
    # Runners are born with it blocked, as with TERM, so that it cannot reach one that is not ready for it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {NODE_ENDS})
    kernel.adopt_orphans()
    os.environ["PATH"] = spawn.path_to_us(os.environ.get("PATH", os.defpath))
    devices = gpus.devices(options.gpus, os.environ)
    here = machine.this_machine(cpus=options.cpus, memory_bytes=options.memory_bytes, gpus=len(devices.names))
    # Refuses before anything is written.
    plan.number_of_runners(plan.number_of_slots(options, here), options.runners, plan.processors())
    segments.directory(options.output_dir)
    with opening.open_existing(db_path, turnstile=options.turnstile, durability=options.durability) as db:
        recovered = recover_dead(db, workflow_id)
        _keep_order(db, workflow_id)
        inputs.check(db, workflow_id, retry_failed=options.retry_failed, force=options.force)
        last_event = events.last_id(db, workflow_id)
        directory = os.fsencode(Path.cwd()).decode("utf-8", "backslashreplace")
        stale = changes.since_last_run(db, workflow_id, mtime_of, directory) if options.refresh else changes.NONE
        beginning = begin(
            db,
            workflow_id,
            retry_failed=options.retry_failed,
            at=clock.now(),
            changes=stale,
            directory=directory,
            check=lambda db: inputs.check_now(db, workflow_id, retry_failed=options.retry_failed, force=options.force),
        )
        faults.reach("supervisor.begun")
        setups, info = plan.plan(db, db_path, workflow_id, options, here, devices, beginning)
        info = info._replace(**recovered._asdict())
        watcher.started(info)
        if beginning.how is How.NOTHING_TO_DO:
            counts = workflows.counts(db, workflow_id)
            code = ExitCode.OK if all_succeeded(counts) else ExitCode.FAILED
            watcher.ended(Outcome(code, counts, info.total, 0.0, ()))
            return code
        _name_too_large(db, workflow_id, setups[0])
        stages = actor.stages(actions.triggers(db, workflow_id))
        measured = _measured(db, setups[0], options)
        if db.is_shared:
            setups = [
                setup._replace(cell=cell) for setup, cell in zip(setups, isolation.cells(len(setups)), strict=True)
            ]
    return _Supervisor(db_path, setups, options, watcher, inbox, info, last_event, stages, measured).main()


def _measured(db: Database, setup: Setup, options: Options) -> monitor.Plan | None:
    """What the monitor of this node is to do; None when nothing is to be measured."""
    settings = settings_of(db, setup.workflow_id)
    if options.time_series:
        settings = settings._replace(monitor_jobs=monitor.TIME_SERIES, monitor_node=monitor.TIME_SERIES)
    nothing = settings.monitor_jobs is None and settings.monitor_node is None
    if nothing or not options.monitor or options.queue_only:
        return None
    return monitor.Plan(
        db_path=setup.db_path,
        workflow_id=setup.workflow_id,
        run_id=setup.run_id,
        node_id=setup.node_id,
        hostname=setup.hostname,
        output_dir=setup.output_dir,
        token=setup.token,
        interval_s=options.sample_interval_s or settings.sample_interval_s,
        settings=settings,
        turnstile=setup.turnstile,
        durability=setup.durability,
    )


def _keep_order(db: Database, workflow_id: int) -> None:
    """Go on with an open run where its records end, even when the clock was set back since."""
    run = workflows.newest_run(db, workflow_id)
    if run is not None and run.ended_at is None:
        latest = workflows.latest_record(db, workflow_id, run.run_id)
        if latest is not None:
            clock.not_before(latest)


def _name_too_large(db: Database, workflow_id: int, setup: Setup) -> None:
    """Say at the start which jobs can never run here: nobody should learn it after a night."""
    sentences = outlook.too_large(db, workflow_id, setup)
    if sentences:
        with db.write("event"):
            for sentence in sentences:
                events.record(db, workflow_id, at=clock.now(), kind="job_too_large", message=sentence)


class _Supervisor:
    def __init__(
        self,
        db_path: Path,
        setups: list[Setup],
        options: Options,
        watcher: Watcher,
        inbox: Inbox,
        info: RunInfo,
        last_event: int,
        stages: frozenset[Stage],
        measured: monitor.Plan | None,
    ) -> None:
        self._db_path = db_path
        self._options = options
        self._watcher = watcher
        self._inbox = inbox
        self._info = info
        self._last_event = last_event
        self._setups = setups
        self._guardian = Guardian(info.workflow_id, info.run_id, setups[0].node_id)
        self._runners: dict[ForkProcess, Setup] = {}
        self._stages = stages  # of actions, those that have any
        self._due: list[Setup] = []  # runners that are to be started
        self._due_stage: Stage | None = None  # of an actor that is to be started
        self._anyone_due = False  # these, or who is always there
        self._watchman: ForkProcess | None = None  # where several machines use the database
        self._is_shared = setups[0].cell is not None
        self._acting_cell = isolation.cells(1)[0] if self._is_shared else None
        self._unreached_since: float | None = None  # the database: when it was not for the first time in a row
        self._unreached = 0.0  # and for the last time
        self._actor: ForkProcess | None = None
        self._stage = Stage.START
        self._held_back: list[Setup] = []  # runners that begin after the actions of the start
        self._told_actor = False  # that all runners have ended
        self._coordinator: ForkProcess | None = None
        self._measured = measured
        self._monitor: ForkProcess | None = None
        self._monitors = 0  # that were started
        self._connection: Database | None = None
        self._began = clock.monotonic()
        self._synced = self._began
        self._jobs = info.total  # as many as there were when runners were started
        self._deaths = 0
        self._finished_at_death = -1
        self._stop_signal: int | None = None
        self._stop_count = 0
        self._insist_at: float | None = None
        self._trouble: ExitCode | None = None
        self._identity = Identity(db_path)
        self._watched = self._began
        self._standstills = 0  # looks in a row at which no job could start any more
        self._explanations: list[str] = []

    def main(self) -> ExitCode:
        try:
            if Stage.START in self._stages:
                self._held_back = self._setups
                self._call_for([], Stage.START)
            else:
                self._begin(self._setups)
            with self._reaching():
                self._fork()
            while self._runners or self._actor is not None or self._has_more():
                began = clock.monotonic()
                self._wait()
                self._look()
                with self._reaching():
                    self._go_on()
                    self._begin_monitor()
                self._mind_coordinator()
                if self._unreached < began:
                    self._unreached_since = None
            return self._finish()
        finally:
            orphans.kill_descendants(os.getpid())
            with suppress(*DISK_ERRORS):
                self._disconnect()
            self._identity.leave()

    # -- processes ----------------------------------------------------------------------------------------------------

    def _begin(self, setups: list[Setup]) -> None:
        """Call for the runners, and for who executes actions beside them."""
        self._call_for(setups, Stage.LATER if Stage.LATER in self._stages else None)

    def _call_for(self, setups: list[Setup], stage: Stage | None = None) -> None:
        """Note who is to be started, by the next fork that comes to it."""
        self._due += setups
        self._due_stage = stage or self._due_stage
        self._anyone_due = True

    def _go_on(self) -> None:
        """Start who is due.

        Runners begin when the actions of the start are over; the actor learns that the runners have ended.
        """
        if self._actor is None and self._due_stage is None and self._held_back:
            setups, self._held_back = self._held_back, []
            self._begin(setups)
        if self._is_going_on and self._anyone_due:
            self._fork()
        are_left = self._runners or self._held_back or (self._due and self._is_going_on)
        if self._actor is not None and not are_left and not self._told_actor:
            self._told_actor = True
            if self._actor.pid is not None and self._actor.exitcode is None:
                os.kill(self._actor.pid, actor.RUNNERS_ENDED)

    @property
    def _is_going_on(self) -> bool:
        return self._stop_count == 0 and self._trouble is None

    def _begin_monitor(self) -> None:
        """Start the monitor when jobs may have lasted; without it nothing else would go differently."""
        plan = self._measured
        if plan is None or self._monitor is not None or not self._runners or self._monitors == _MOST_MONITORS:
            return
        if not self._is_going_on or clock.monotonic() - self._began < plan.patience_s:
            return
        if not self._before_fork():
            return
        self._monitors += 1
        process = multiprocessing.get_context("fork").Process(
            target=run_monitor, args=(plan, os.getpid()), name="monitor"
        )
        with suppress(OSError):  # no room for another process: jobs come first
            process.start()
            self._monitor = process

    def _end_monitor(self) -> None:
        """Let it write what it saw."""
        process, self._monitor = self._monitor, None
        if process is not None and process.pid is not None and process.exitcode is None:
            os.kill(process.pid, signal.SIGTERM)
            process.join(timeout=_LAST_WORDS_S)
            if process.exitcode is None:
                process.kill()
            _let_go(process)

    def _has_more(self) -> bool:
        """Whether anybody is to be started yet, or may be: that cannot always be learned at once."""
        if not self._is_going_on:
            return False
        if self._held_back or self._anyone_due:
            return True
        with self._reaching():
            if self._were_added():
                self._told_actor = False
                self._begin(self._setups)
                return True
        return self._unreached_since is not None

    def _were_added(self) -> bool:
        """Whether there are new jobs, added while the last runner was about to end."""
        if not self._open():
            return False
        counts = workflows.counts(self._db(), self._info.workflow_id)
        known, self._jobs = self._jobs, sum(counts.values())
        return self._jobs > known and bool(unfinished_jobs(counts))

    def _fork(self) -> None:
        """Start who is due: runners, an actor for a stage, and the coordinator when there is none."""
        if not self._before_fork():
            return
        setups, stage = self._due, self._due_stage
        self._due, self._due_stage, self._anyone_due = [], None, False
        context = multiprocessing.get_context("fork")
        parent = os.getpid()
        if self._coordinator is None:
            post = Post(self._info.workflow_id, self._info.run_id, self._setups[0].node_id)
            self._coordinator = context.Process(
                target=run_coordinator,
                args=(self._db_path, post, parent),
                kwargs={"turnstile": self._options.turnstile, "durability": self._options.durability},
                name="coordinator",
            )
            if not self._start(self._coordinator):
                self._coordinator = None
                return
        if self._is_shared and self._watchman is None and not self._fork_watchman(parent):
            return
        if stage is not None and not self._fork_actor(stage, parent):
            return
        for setup in setups:
            process = context.Process(target=run_runner, args=(setup, parent), name="runner")
            if not self._start(process):
                return
            self._runners[process] = setup
        faults.reach("supervisor.forked")
        self._mind_file(self._db())

    def _before_fork(self) -> bool:
        """Close our connection; False when something has happened to the file, so that no child may open it."""
        if self._connection is not None:
            self._mind_file(self._connection)
        if self._identity.trouble is not None or self._must_stay_away():
            return False
        self._disconnect()
        # Children never collect what they inherit: walking it would copy every page of it into each of them.
        gc.collect()
        gc.freeze()
        return True

    def _fork_watchman(self, parent: int) -> bool:
        cells = [setup.cell for setup in (*self._setups, self._setups[0]._replace(cell=self._acting_cell))]
        process = multiprocessing.get_context("fork").Process(
            target=isolation.watch,
            args=(
                [cell for cell in cells if cell is not None],
                self._setups[0].token,
                peers.lease_s(is_shared=True),
                parent,
            ),
            name="watchman",
        )
        if self._start(process):
            self._watchman = process
            return True
        return False

    def _fork_actor(self, stage: Stage, parent: int) -> bool:
        setup = self._setups[0]._replace(slots=1, cell=self._acting_cell)
        worker = actor.worker(self._setups[0].node_id)
        post = actor.Post(setup, stage, worker, at_end=self._told_actor)
        process = multiprocessing.get_context("fork").Process(target=run_actor, args=(post, parent), name="actor")
        # It may be told before it listens.
        signal.pthread_sigmask(signal.SIG_BLOCK, {actor.RUNNERS_ENDED})
        started = self._start(process)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {actor.RUNNERS_ENDED})
        if started:
            self._actor, self._stage = process, stage
        return started

    def _start(self, process: ForkProcess) -> bool:
        """Start a process; when this machine has no room for it, those that are there do what they can."""
        try:
            process.start()
        except OSError as error:
            self._trouble = ExitCode.STATE
            why = os.strerror(error.errno or 0).lower()
            self._explanations.append(f"cannot start more processes: {why} (ulimit -u, ulimit -n)")
            return False
        return True

    def _wait(self) -> None:
        until = clock.monotonic() + TICK_S
        while True:
            kind = self._inbox.wait_until(until)
            if kind is None:
                return
            if kind == signal.SIGCHLD:
                self._collect()
                return
            self._told(kind)

    def _collect(self) -> None:
        """Take note of the workers that have ended, and bury the orphans that were given to us."""
        with self._reaching():
            self._replace_ended()
        orphans.reap_adopted(self._workers())
        self._mind_company()

    def _mind_coordinator(self) -> None:
        """Have the runners stop when there is none and will be none: what is blocked would stay so."""
        if self._coordinator is None and self._trouble is not None and self._insist_at is None:
            self._signal_runners(signal.SIGTERM)
            self._insist_at = clock.monotonic() + self._options.grace_s + 3 * runner.INSIST_S

    def _replace_ended(self) -> None:
        """Bury who died, and call for successors. Whoever could not be buried is still there for the next time."""
        for process in [process for process in self._runners if process.exitcode is not None]:
            if process.exitcode != ExitCode.OK:
                self._bury(process)
                if process.exitcode == ExitCode.STATE:
                    self._trouble = ExitCode.STATE
                elif self._is_going_on and self._may_restart():
                    self._call_for([self._runners[process]])
            del self._runners[process]
            _let_go(process)
        self._collect_actor()
        if self._monitor is not None and self._monitor.exitcode is not None:
            _let_go(self._monitor)
            self._monitor = None
        if self._coordinator is not None and self._coordinator.exitcode is not None:
            if self._is_going_on and self._open() and self._may_restart():
                self._call_for([])
            _let_go(self._coordinator)
            self._coordinator = None
        if self._watchman is not None and self._watchman.exitcode is not None:
            if self._is_going_on and self._may_restart():
                self._call_for([])
            _let_go(self._watchman)
            self._watchman = None

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """Do something with the database. What fails because its file server is out of reach is done later.

        Raises what it was when that lasts, or when everything was to be over by now.
        """
        try:
            yield
        except (*DISK_ERRORS, OSError, StateError) as error:
            if not self._is_shared or not opening.is_out_of_reach(error):
                raise
            now = clock.monotonic()
            self._unreached = now
            self._unreached_since = self._unreached_since or now
            if now - self._unreached_since > OUTAGE_S or (self._insist_at is not None and now > self._insist_at):
                raise
            with suppress(*DISK_ERRORS):
                self._disconnect()  # what it has open may be of no use any more

    def _mind_company(self) -> None:
        """Stop when nobody answers the other nodes any more: the next one would come in unasked."""
        for pid in self._options.company:
            if self._trouble is None and machine.start_of(pid) is None:
                message = "the process that answers other nodes has died; run again to go on"
                self._give_up(Trouble(message, recordable=True))

    def _collect_actor(self) -> None:
        """Have its stage gone on with when the actor has died."""
        process = self._actor
        if process is None or process.exitcode is None:
            return
        if process.exitcode != ExitCode.OK:
            self._bury(process)
            if process.exitcode == ExitCode.STATE:
                self._trouble = ExitCode.STATE
            elif self._is_going_on and self._may_restart():
                self._call_for([], self._stage)
        _let_go(process)
        self._actor = None

    def _bury(self, process: ForkProcess) -> None:
        """A runner died: end what it left, and give its jobs to others at once."""
        if self._must_stay_away():
            return  # the next run does that
        # On a full disk the others go on with what they run. The coordinator gives its jobs away when there is room, or
        # the next run does.
        with suppress(*(() if self._is_shared else DISK_ERRORS)):
            self._guardian.bury(self._db(), process.pid, self._workers(), why=_death(process.exitcode))
        faults.reach("supervisor.buried")

    def _workers(self) -> set[int]:
        """Pids of all processes of ours that have not been collected."""
        processes = [*self._runners, self._coordinator, self._actor, self._monitor, self._watchman]
        return {process.pid for process in processes if process is not None and process.pid} | {*self._options.company}

    def _may_restart(self) -> bool:
        """Whether a dead process gets a successor: not when they die again and again while nothing gets done."""
        db = self._db()
        finished = finished_jobs(workflows.counts(db, self._info.workflow_id))
        self._deaths = self._deaths + 1 if finished == self._finished_at_death else 1
        self._finished_at_death = finished
        if self._deaths <= _MOST_DEATHS * len(self._setups):
            return True
        self._trouble = ExitCode.STATE
        self._explanations.append("processes die again and again while no job ends; see the messages above")
        return False

    def _open(self) -> bool:
        """Whether the run still needs a coordinator."""
        db = self._db()
        run = workflows.newest_run(db, self._info.workflow_id)
        return run is not None and run.run_id == self._info.run_id and run.ended_at is None

    # -- being told to stop -------------------------------------------------------------------------------------------

    def _told(self, kind: int) -> None:
        """The first signal stops gently, the second ends jobs now. A closed terminal (HUP) counts as two."""
        self._stop_count += 2 if kind == signal.SIGHUP else 1
        self._stop_signal = self._stop_signal or kind
        if self._stop_count == 1:
            grace = self._options.grace_s
            node_ends = kind == signal.SIGTERM
            asked = "those that support termination are asked to, and " if node_ends else ""
            self._watcher.stopping(
                f"stopping: no new jobs; running jobs may end within {grace:g} s, {asked}then they are ended "
                f"(again to end them now)"
            )
            self._signal_runners(NODE_ENDS if node_ends else signal.SIGTERM)
            self._insist_at = clock.monotonic() + grace + 3 * runner.INSIST_S
        else:
            self._watcher.stopping("stopping now: ending running jobs")
            self._signal_runners(signal.SIGQUIT)
            # Whoever goes on pressing Ctrl-C must not put it off.
            soon = clock.monotonic() + runner.INSIST_S
            self._insist_at = soon if self._insist_at is None else min(self._insist_at, soon)

    def _signal_runners(self, kind: signal.Signals) -> None:
        for process in [*self._runners, self._actor]:
            if process is not None and process.pid is not None and process.exitcode is None:
                os.kill(process.pid, kind)

    # -- reporting ----------------------------------------------------------------------------------------------------

    def _db(self) -> Database:
        """Our connection, opened when it is needed first, closed before each fork."""
        if self._connection is None:
            self._identity.before_opening()
            self._connection = opening.open_existing(
                self._db_path, turnstile=self._options.turnstile, durability=self._options.durability
            )
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _look(self) -> None:
        with self._reaching():
            if not self._must_stay_away():
                self._look_at_database()
            if self._unreached_since is not None:
                self._replace_ended()
        if self._insist_at is not None and clock.monotonic() > self._insist_at:
            # A runner that does not even answer QUIT is stuck in the kernel or stopped: its jobs are reclaimed.
            self._signal_runners(signal.SIGKILL)

    def _must_stay_away(self) -> bool:
        """Whether opening the file would lose what workers record in a log that was deleted: until all have ended."""
        if self._connection is not None:
            return False
        if (trouble := self._identity.look_unconnected(self._workers())) is not None:
            self._give_up(trouble)
        return self._identity.trouble is not None and self._identity.trouble.recordable

    def _look_at_database(self) -> None:
        db = self._db()
        self._mind_file(db)
        self._tell_events(db)
        counts = workflows.counts(db, self._info.workflow_id)
        self._watcher.progressed(Progress(counts, sum(counts.values()), clock.monotonic(), self._db))
        if clock.monotonic() - self._synced >= SYNC_S:
            self._sync(db)
        if self._stop_count == 0 and clock.monotonic() - self._watched >= peers.WATCH_S:
            self._watched = clock.monotonic()
            self._guardian.kill_halted(db, self._workers())
            self._mind_standstill(db, counts)

    def _mind_file(self, db: Database) -> None:
        if (trouble := self._identity.look(db)) is not None:
            self._give_up(trouble)

    def _mind_standstill(self, db: Database, counts: Mapping[str, int]) -> None:
        """Give up when no job can start any more although jobs are left, for longer than a moment.

        No transaction of ours leaves it so: somebody else has written into the database, and we would wait for ever.
        """
        stands = bool(unfinished_jobs(counts)) and unblocking.quiet(db, self._info.workflow_id)
        self._standstills = self._standstills + 1 if stands else 0
        if self._standstills == _LONG_STANDSTILL and (damaged := examining.blame(self._db_path)) is not None:
            self._give_up(Trouble(damaged.message, recordable=True))

    def _give_up(self, trouble: Trouble) -> None:
        """The file is not ours any more: stop, gently only where that gets anything on record."""
        self._trouble = ExitCode.STATE
        self._explanations.append(trouble.message)
        self._watcher.stopping(trouble.message)
        self._signal_runners(signal.SIGTERM if trouble.recordable else signal.SIGQUIT)
        patience_s = (self._options.grace_s if trouble.recordable else 0.0) + 3 * runner.INSIST_S
        self._insist_at = min(self._insist_at or float("inf"), clock.monotonic() + patience_s)

    def _sync(self, db: Database) -> None:
        # Here and not in the coordinator: nobody waits for us, however long the disk takes.
        if self._options.durability is Durability.NORMAL:
            db.sync()
        self._synced = clock.monotonic()

    def _tell_events(self, db: Database) -> None:
        while new := events.since(db, self._info.workflow_id, self._last_event):
            for event in new:
                self._watcher.event(event)
            self._last_event = new[-1].id

    def _finish(self) -> ExitCode:
        """All runners have ended: let the coordinator draw the last consequences, and say how it went."""
        self._end_monitor()
        outcome: list[Outcome] = []
        while not outcome:
            with self._reaching():
                self._end_coordinator()
                outcome.append(self._outcome())
            if not outcome:
                self._wait()
        self._watcher.ended(outcome[0])
        return outcome[0].exit_code

    def _end_coordinator(self) -> None:
        coordinator = self._coordinator
        if coordinator is None or coordinator.pid is None:
            return
        if coordinator.exitcode is None and (not self._is_going_on or not self._settled()):
            os.kill(coordinator.pid, signal.SIGTERM)
        coordinator.join(timeout=10)
        _let_go(coordinator)
        self._coordinator = None

    def _outcome(self) -> Outcome:
        db = self._db()
        self._tell_events(db)
        workflow = workflows.get(db, self._info.workflow_id)
        counts = workflows.counts(db, self._info.workflow_id)
        too_large = outlook.too_large(db, self._info.workflow_id, self._setups[0])
        self._explanations += too_large
        canceled = workflow is not None and bool(workflow.is_canceled)
        if self._options.time_limit_s is not None and unfinished_jobs(counts) and not (self._stop_count or too_large):
            limit = format_duration(self._options.time_limit_s)
            self._explanations.append(f"the time limit of {limit} is over, or too short for what is left")
        if canceled:
            self._explanations.append("the workflow was canceled")
        undone = bool(self._stages) and not unfinished_jobs(counts) and self._actions_left(db)
        if undone:
            self._explanations.append("actions are left to be executed")
        code = self._code(counts, canceled=canceled, too_large=bool(too_large), undone=undone)
        self._watcher.progressed(Progress(counts, sum(counts.values()), clock.monotonic(), self._db))
        self._sync(db)
        return Outcome(
            code,
            counts,
            sum(counts.values()),
            clock.monotonic() - self._began,
            tuple(dict.fromkeys(self._explanations)),
        )

    def _settled(self) -> bool:
        """Whether every job has finished and all actions were executed, so that the coordinator ends by itself."""
        db = self._db()
        if unfinished_jobs(workflows.counts(db, self._info.workflow_id)):
            return False
        return not (self._stages and self._actions_left(db))

    def _actions_left(self, db: Database) -> bool:
        return acting.keep_open(db, self._info.workflow_id, self._info.run_id)

    def _code(self, counts: dict[str, int], *, canceled: bool, too_large: bool, undone: bool) -> ExitCode:
        if self._identity.trouble is not None:
            return ExitCode.STATE
        if all_succeeded(counts) and not undone:
            return ExitCode.OK
        if self._stop_signal is not None:
            return ExitCode.INTERRUPTED if self._stop_signal == signal.SIGINT else ExitCode.TERMINATED
        if self._trouble is not None:
            return self._trouble
        if canceled or undone or (unfinished_jobs(counts) and not too_large):
            # In the last case somebody told the runners to stop, and not us.
            return ExitCode.INCOMPLETE
        return ExitCode.FAILED


def _let_go(process: ForkProcess) -> None:
    """Close what is kept open for a process that has ended. A close that fails is nobody's trouble.

    Python would show it with its traceback when it comes to collect the object.
    """
    if process.exitcode is not None:
        with suppress(OSError):
            process.close()


def _death(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return f"was killed ({signal.Signals(-exitcode).name})"
    return f"ended with exit code {exitcode}"
