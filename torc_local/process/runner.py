"""A runner: claims jobs, runs them as children, records how they ended.

One process, one connection, no threads. It waits in one place for the end of a child, a signal or the time, and never
with a transaction open.

Crash table: what a SIGKILL of the runner leaves at each moment (ground/faults.py), and what happens to the job. Jobs
are claimed in batches, so "claimed and not started" is the rule and costs nothing.

    moment             on record            afterwards
    runner.registered  nothing of a job     its row is closed
    runner.claimed     pending              ready again; it had not started
    runner.spawned     pending (or running  its processes are ended, then it is ready again. It may have done part of
                       when it is long)     its work: window 1 in which a started job runs again
    runner.reaped      pending or running   ready again. It had ended and nobody knows: window 2
    runner.writing     as before it         nothing was committed; the lock ends with the process
    runner.settled     its final state      nothing; it never runs again in this run

GPUs are held in the same transaction that claims the jobs, and free again in the one that makes them ready.

A runner that was only stopped for too long finds itself fenced at its next transaction, ends its children and leaves.
"""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

from torc_local.engine import limits, needs
from torc_local.engine.batch import BatchPolicy
from torc_local.engine.failing import Judge
from torc_local.engine.fit import Counts
from torc_local.engine.limits import Rules
from torc_local.engine.options import OptionsOf, Settings, settings_of
from torc_local.engine.turn import BY_A_PERSON, INTERRUPTED, Batch, Me, Wish, may_claim, stuck, turn
from torc_local.ground import clock, faults
from torc_local.ground.durability import Durability
from torc_local.ground.io import CANCEL, RECOVERY
from torc_local.ground.states import FINISHED, JobStatus, unfinished_jobs
from torc_local.process import backlog, declared, orphans, peers, segments, spawn
from torc_local.process.backlog import Backlog
from torc_local.process.enforcing import Breach, Enforcer
from torc_local.process.error_file import ErrorFiles
from torc_local.process.gpus import Devices
from torc_local.process.inbox import NODE_ENDS, NOT_FOR_WORKERS, Inbox
from torc_local.process.isolation import Cell
from torc_local.process.machine import start_of
from torc_local.process.metrics import RunnerMetrics
from torc_local.process.pause import Pause
from torc_local.process.queue_only import QueueOnly
from torc_local.process.room import NoRoom
from torc_local.process.slots import Slots
from torc_local.process.time_limit import TimeLimit
from torc_local.store import events, gpus, jobs, runners, unblocking, workflows
from torc_local.store.database import DISK_ERRORS, Database
from torc_local.store.opening import translated

#: States in which nobody runs anything, and nothing else may become ready.
_AT_REST = {*FINISHED, JobStatus.READY, JobStatus.BLOCKED, JobStatus.PENDING_FAILED}

#: How often a runner that has nothing to say shows that it lives.
BEAT_S = 5.0

#: How often a runner whose slots are all busy looks whether the workflow was canceled.
LOOK_S = 0.5

#: The longest pause between two looks for work where every look asks a file server.
SHARED_LOOK_S = 0.5

#: Between asking jobs to end (TERM) and ending them (KILL).
INSIST_S = 5.0


class Setup(NamedTuple):
    """What a runner is told by its supervisor."""

    workflow_id: int
    run_id: int
    node_id: int
    by_resources: bool
    counts: Counts  # what of the node's budget, then
    devices: Devices  # GPUs for jobs; none when they are not counted
    hostname: str
    db_path: Path
    output_dir: Path
    token: str
    slots: int
    grace_s: float
    turnstile: bool
    durability: Durability
    queue_only: bool  # jobs are claimed and settled, not run
    most_at_once: int | None  # jobs that a slot may claim; None: as many as it learns
    rules: Rules  # for jobs that use more than they ask for
    time: TimeLimit | None  # when this run must be over
    cell: Cell | None = None  # where it notes that it was heard; None: no other machine can take its work


class Runner:
    """The loop of one runner process."""

    def __init__(self, db: Database, setup: Setup, say: Callable[[str], None]) -> None:
        self._db = db
        self._setup = setup
        self._place = segments.directory(setup.output_dir)
        said = settings_of(db, setup.workflow_id)
        self._options_of = OptionsOf(db)
        self._judge = Judge(said, self._options_of)
        self._me = _register(db, setup)._replace(judge=self._judge if self._judge.is_needed else None)
        self._error_files = ErrorFiles(self._place, setup.token, self._me.runner_id)
        self._inbox = Inbox((signal.SIGCHLD, signal.SIGTERM, signal.SIGQUIT, NODE_ENDS), ignored=NOT_FOR_WORKERS)
        hands = QueueOnly if setup.queue_only else Slots
        self._slots = hands(self._me, setup.slots, self._spawner(said), self._open_segment)
        self._enforcer = self._limit()
        self._policy = BatchPolicy(setup.most_at_once)
        self._metrics = RunnerMetrics(db.stats)
        self._backlog = Backlog(setup.db_path, say)
        self._pause = Pause(SHARED_LOOK_S) if db.is_shared else Pause()
        self._lease_s = peers.lease_s(is_shared=db.is_shared)
        self._seen_version = -1  # data_version when there was nothing to claim
        self._counted_version = -1  # data_version when something was left to wait for
        self._turned = clock.monotonic()  # last transaction
        self._looked = self._turned  # last look at the canceled flag
        self._cancels = 0  # how often jobs had been canceled that runners held, when we looked last
        self._stopping = False
        self._end_at: float | None = None  # when running jobs are asked to end
        self._insist_at: float | None = None  # when they are not asked any more
        if setup.cell is not None:
            setup.cell.begin(self._me.runner_id, self._turned)

    def main(self) -> str:
        """Work until nothing is left, or until told to stop; the reason for the runner's row."""
        try:
            return self._work()
        finally:
            # Normally nobody is left. After an error, or when others have our work, our children must not go on.
            self._slots.signal(signal.SIGKILL)
            if self._setup.cell is not None:
                self._setup.cell.end()

    def _work(self) -> str:
        while True:
            try:
                if (reason := self._step()) is not None:
                    return reason
            except DISK_ERRORS as error:
                # A look that failed; the file system of a network comes back. What was claimed is given back.
                if not self._db.is_shared:
                    raise
                self._failed(error)

    def _step(self) -> str | None:
        """Take work, or wait once; the reason when nothing is left to do."""
        if not self._stopping and self._slots.free() and self._take_work():
            return None
        if not self._slots.busy:
            if self._stopping and not self._backlog.must_wait(clock.monotonic()):
                self._turn(claim=False, give_back_all=True)
                if self._backlog.since is None:
                    return "stopped"
            elif self._backlog.since is None and self._nothing_left():
                return "finished"
        self._wait()
        return None

    def _failed(self, error: Exception) -> None:
        """Hold what there is to tell. Raises ``error`` when patience is over."""
        self._db.before_retry(error)
        self._seen_version = self._counted_version = -1
        patience_s = max(backlog.PATIENCE_S, self._lease_s) if self._db.is_shared else backlog.PATIENCE_S
        patience_s = INSIST_S if self._stopping else patience_s
        self._backlog.failed(error, busy=self._slots.busy, patience_s=patience_s)

    # -- waiting ------------------------------------------------------------------------------------------------------

    def _wait(self) -> None:
        """Let children work, or sleep, until a slot becomes free, something is due, or a signal came."""
        kind = self._slots.work(self._inbox, self._due())
        if kind == signal.SIGCHLD:
            self._pause.reset()
        elif kind is not None:
            self._told(kind)
        now = clock.monotonic()
        self._meet_deadlines(now)
        self._enforcer.look(now, self._slots.watched)
        self._slots.finish_limited(self._enforcer)
        self._slots.finish_asked()
        if not self._backlog.must_wait(now) and (
            now >= self._slots.next_due(self._policy.horizon_s)
            or now - self._turned >= BEAT_S
            or self._backlog.since is not None
        ):
            self._turn(claim=False)
        if now - self._looked >= LOOK_S:
            self._looked = now
            if self._slots.ending is None:
                standing = jobs.standing(self._db, self._me.workflow_id)
                if standing.is_canceled:
                    self._cancel()
                elif standing.cancels != self._cancels:
                    self._cancels = standing.cancels
                    self._cancel_some(now)

    def _due(self) -> float:
        """When to wake if nothing happens (monotonic)."""
        now = clock.monotonic()
        due = now + LOOK_S
        retry = self._backlog.next_try()
        if retry is not None:
            due = min(due, retry)
        else:
            due = min(due, self._slots.next_due(self._policy.horizon_s))
            if not self._stopping and self._slots.free():
                due = min(due, now + self._pause.next_s())
        if self._slots.busy:
            due = min(due, self._enforcer.next_due)
        ask_at = None if self._setup.time is None or self._stopping else self._setup.time.ask_at
        for moment in (self._end_at, self._insist_at, ask_at):
            if moment is not None:
                due = min(due, moment)
        return due

    def _told(self, kind: int) -> None:
        """The first one stops claiming and lets jobs end; QUIT, or a second one, ends them now."""
        now = clock.monotonic()
        if kind == signal.SIGQUIT or self._stopping:
            self._slots.ending = self._slots.ending or INTERRUPTED
            self._slots.signal(signal.SIGKILL)
        elif kind == NODE_ENDS:
            self._node_ends(now + self._setup.grace_s)
        else:
            self._end_at = now + self._setup.grace_s
        if not self._stopping:
            self._stopping = True
            self._turn(claim=False, give_back_all=True)

    def _node_ends(self, kill_at: float) -> None:
        """Ask those jobs to end that know what to do then; what runs at ``kill_at`` is killed (Torc)."""
        self._slots.ask_to_end(self._setup.rules.termination_signal)
        self._insist_at = kill_at

    def _cancel(self) -> None:
        self._stopping = True
        self._ask_to_end("canceled")
        self._turn(claim=False, give_back_all=True)

    def _cancel_some(self, now: float) -> None:
        """End those of our jobs that a person has canceled."""
        chosen = jobs.canceled_of(self._db, self._me.runner_id)
        self._backlog.canceled += self._slots.take_off(chosen)
        why = Breach(-signal.SIGTERM, BY_A_PERSON, now + INSIST_S, JobStatus.CANCELED)
        for job in self._slots.running(chosen):
            self._enforcer.end(job, why)
        if self._backlog.canceled:
            self._turn(claim=False)

    def _ask_to_end(self, status: str) -> None:
        self._slots.ending = self._slots.ending or status
        self._slots.signal(signal.SIGTERM)
        # A stopped process acts on TERM only when it goes on.
        self._slots.signal(signal.SIGCONT)
        self._end_at = None
        self._insist_at = clock.monotonic() + INSIST_S

    def _meet_deadlines(self, now: float) -> None:
        time = self._setup.time
        if time is not None and now >= time.ask_at and not self._stopping:
            self._stopping = True
            self._node_ends(time.kill_at)
            self._turn(claim=False, give_back_all=True)
        if self._end_at is not None and now >= self._end_at:
            self._ask_to_end(INTERRUPTED)
        if self._insist_at is not None and now >= self._insist_at:
            self._slots.ending = self._slots.ending or INTERRUPTED
            self._slots.signal(signal.SIGKILL)
            self._insist_at = now + INSIST_S

    # -- limits -------------------------------------------------------------------------------------------------------

    def _limit(self) -> Enforcer:
        """Watch over what jobs use from now on; requirements may come later, so also where none are limited yet."""
        rules, workflow_id = self._setup.rules, self._me.workflow_id
        enforcer = Enforcer(rules, lambda: limits.allowances(self._db, workflow_id, rules))
        self._slots.limited_by(enforcer)
        self._db.while_waiting = lambda: enforcer.look(clock.monotonic(), self._slots.watched, may_read=False)
        return enforcer

    # -- transactions -------------------------------------------------------------------------------------------------

    def _take_work(self) -> bool:
        """Record what ended and claim for the free slots; whether anything was claimed."""
        if self._backlog.must_wait(clock.monotonic()):
            return False
        version = self._db.data_version
        if not self._slots.has_results:
            # Nothing to record: look before taking the lock. The version was read before the question is asked, so
            # that a commit after it is seen next time.
            if version == self._seen_version:
                return False
            standing = jobs.standing(self._db, self._me.workflow_id)
            if standing.is_canceled:
                self._cancel()
                return False
            if not standing.ready or not may_claim(self._db, self._me):
                self._seen_version = version
                self._metrics.rests(clock.monotonic())
                return False
        claimed = self._turn(claim=True)
        if self._backlog.canceled:
            self._turn(claim=False)  # nobody else can say so, and nothing of ours will end for it
        if claimed:
            self._metrics.works(clock.monotonic())
            return True
        self._seen_version = version
        self._metrics.rests(clock.monotonic())
        return False

    def _turn(self, *, claim: bool, give_back_all: bool = False) -> bool:
        """One transaction; whether any job was claimed.

        Where the disk is in trouble nothing is claimed, what there was to say is kept, and it is tried again later.
        """
        now = clock.monotonic()
        horizon_s = self._policy.horizon_s
        free = self._slots.free() if claim else []
        held = self._slots.held()
        self._backlog.add(
            *self._slots.take_results(self._policy.saw_job),
            self._slots.take_unstarted(horizon_s, everything=give_back_all),
        )
        idle_gpus = self._slots.idle_gpus() if self._me.gpus else []
        if self._backlog.since is not None:
            try:
                idle_gpus += self._learn_what_came_of_it()
            except DISK_ERRORS as error:
                self._failed(error)
                return False
        noting = self._metrics.due(now)
        if noting:
            self._policy.slots_alive, self._policy.runners_alive = runners.crew(self._db, self._me.workflow_id)
        marks = self._slots.mark_long(horizon_s)
        wish = Wish(
            results=self._backlog.results,
            marked=self._backlog.marked,
            marks=marks,
            give_back=self._backlog.give_back,
            cancel=self._backlog.canceled,
            held=held,
            free_gpus=idle_gpus,
            slots=len(free),
            per_slot=self._policy.per_slot,
            metrics=self._metrics.figures(now, self._slots.ended) if noting else None,
            seen=self._slots.seen if self._slots.seen.files or self._slots.seen.got else None,
        )
        try:
            done = turn(self._db, self._me, wish, at=clock.utc(now))
        except DISK_ERRORS as error:
            self._failed(error)
            return False
        if idle_gpus:
            self._slots.gave_back(idle_gpus)
        self._turned = clock.monotonic()
        if self._setup.cell is not None:
            self._setup.cell.heard(now)
        # From when it was on record: we may have been stopped since, and told of the claims much later.
        self._slots.claims_hold_until = done.began + self._lease_s / 2
        waited_s = self._backlog.told()
        if wish.seen is not None:
            self._slots.seen = needs.Seen.nothing()
        if waited_s is not None:
            self._recovered(waited_s)
        self._counted_version = -1  # our own commits do not change what we see as data_version
        self._policy.saw_transaction(
            self._db.stats.last_held_s, done.settled + sum(len(batch) for batch, _ in done.batches)
        )
        self._metrics.turned(settled=done.settled, claimed=len(done.batches))
        if done.settled:
            faults.reach("runner.settled")
        if not done.batches:
            return False
        faults.reach("runner.claimed")
        given = done.gpus or repeat(())
        for slot, (batch, needed), some in zip(free, self._look_up(done.batches), given, strict=False):
            if batch:
                self._slots.assign(slot, batch, needed, some)
            else:
                slot.gpus = some  # all of it was canceled: given back with the next transaction
        self._pause.reset()
        return True

    def _learn_what_came_of_it(self) -> list[str]:
        """Of a transaction that failed: its COMMIT may have taken effect all the same, and only then met an error.

        What it claimed is in no slot and is given back; what it was to mark is running if that is on record. The GPUs
        that it took are for no slot: these are returned.
        """
        held = jobs.held_by(self._db, self._me.runner_id)
        running = {job_id for job_id, status in held.items() if status == JobStatus.RUNNING}
        self._slots.are_marked(running)
        self._backlog.correct(self._slots.known(), set(held) - running, running)
        return sorted(gpus.of_runner(self._db, self._me.runner_id) - self._slots.gpus()) if self._me.gpus else []

    def _look_up(self, batches: list[Batch]) -> list[Batch]:
        """The batches with commands filled in; what their jobs need is known to the slots."""
        asked = [claim for batch, _ in batches for claim in batch if claim.io]
        self._slots.recoveries = {}
        if not asked:
            return batches
        if any(claim.io & CANCEL for claim in asked):
            # Canceled while another runner held it, who gave it back: it does not start.
            self._backlog.canceled += [claim.id for claim in asked if claim.io & CANCEL]
            batches = [([claim for claim in batch if not claim.io & CANCEL], held) for batch, held in batches]
            asked = [claim for claim in asked if not claim.io & CANCEL]
        # A recovery script needs nothing of what its job reads and writes.
        scripts = [claim for claim in asked if claim.io & RECOVERY]
        self._slots.recoveries = {claim.id: self._judge.recovery(self._db, claim) for claim in scripts}
        found = needs.look_up(self._db, self._me.workflow_id, [claim for claim in asked if not claim.io & RECOVERY])
        self._slots.needs.update(found)
        if self._db.is_shared:
            declared.ask_for_inputs(found.values())
        return [([found[c.id].claim if c.id in found else c for c in batch], held) for batch, held in batches]

    def _recovered(self, waited_s: float) -> None:
        self._seen_version = -1  # we have not looked at what there is for a while
        message = f"runner {self._me.runner_id} can record again, after {waited_s:.0f} s; nothing was lost"
        with suppress(*DISK_ERRORS), self._db.write("event"):  # the next transaction says so
            events.record(self._db, self._me.workflow_id, at=clock.now(), kind="disk_recovered", message=message)

    def _nothing_left(self) -> bool:
        """Whether no job of the workflow can still come to this runner."""
        version = self._db.data_version
        if version == self._counted_version:
            return False
        # One moment: what a job in doubt blocks looks finished while the coordinator lets something else go on.
        with self._db.read():
            counts = workflows.counts(self._db, self._me.workflow_id)
            going_on = bool(counts.get(JobStatus.BLOCKED)) and unblocking.waiting(self._db, self._me.workflow_id)
        if not unfinished_jobs(counts) and not going_on:
            return True
        if jobs.standing(self._db, self._me.workflow_id).run_id != self._me.run_id:
            return True  # our run was closed, and the next one has begun without us
        self._counted_version = version
        if not self._me.by_resources or set(counts) - _AT_REST:
            return False
        # Only ready and blocked jobs are left, nobody runs anything, and what is ready did not fit an empty node.
        return stuck(self._db, self._me)

    def end_leftovers(self) -> None:
        """End what its jobs left in other groups and sessions: for when the supervisor, which adopts it, is gone."""
        orphans.end_all(orphans.with_entry(spawn.RUNNER_VARIABLE, f"{self._setup.token}.{self._me.runner_id}"))

    def close(self, reason: str) -> None:
        """Write the last figures and close the runner's row, in one transaction; tidy up after its jobs."""
        self._error_files.clean(lambda runner_id: runners.has_ended(self._db, runner_id))
        figures = self._metrics.figures(clock.monotonic(), self._slots.ended)
        with self._db.write("close runner"):
            runners.note_metrics(self._db, self._me.runner_id, figures)
            runners.end(self._db, self._me.runner_id, at=clock.now(), reason=reason)

    # -- what the slots need --------------------------------------------------------------------------------------

    def _spawner(self, said: Settings) -> spawn.Spawner:
        return spawn.Spawner(
            workflow_id=self._me.workflow_id,
            run_id=self._me.run_id,
            runner_id=self._me.runner_id,
            db_path=self._setup.db_path,
            token=self._setup.token,
            output_dir=self._setup.output_dir,
            error_files=self._error_files,
            settings=said,
            options_of=self._options_of,
            to_default=self._inbox.not_for_jobs,
            gpu_variables=self._setup.devices.variables,
            gives_gpus=bool(self._me.gpus) and gpus.are_asked_for(self._db, self._me.workflow_id),
        )

    def _open_segment(self, slot: int, number: int) -> tuple[segments.Segment, int]:
        opened = segments.open_segment(
            self._place, self._setup.hostname, self._setup.token, self._me.runner_id, slot, number
        )
        path, base = opened.path.resolve(), self._setup.db_path.resolve().parent
        shown = path.relative_to(base) if path.is_relative_to(base) else path
        try:
            with self._db.write("add segment"):
                return opened, runners.add_segment(self._db, self._me.runner_id, str(shown))
        except DISK_ERRORS as error:
            opened.remove()
            known = translated(error, self._setup.db_path)
            raise NoRoom(str(known), hint=getattr(known, "hint", None)) from error


def _register(db: Database, setup: Setup) -> Me:
    pid = os.getpid()
    with db.write("register runner"):
        runner_id = runners.insert(
            db,
            workflow_id=setup.workflow_id,
            run_id=setup.run_id,
            node_id=setup.node_id,
            pid=pid,
            pid_start=start_of(pid) or 0,
            slots=setup.slots,
            at=clock.now(),
            ends_at=None if setup.time is None else clock.utc(setup.time.end_at),
        )
    faults.reach("runner.registered")
    return me_of(setup, runner_id)


def me_of(setup: Setup, runner_id: int = 0) -> Me:
    """Who claims, for what ``setup`` says."""
    given = setup.devices.names if setup.by_resources and setup.counts.gpus else None
    return Me(
        setup.workflow_id,
        setup.run_id,
        runner_id,
        setup.node_id,
        setup.by_resources,
        counts=setup.counts,
        gpus=given,
        ends_at=None if setup.time is None else setup.time.ask_at,
    )
