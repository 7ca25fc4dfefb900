"""The hands of a runner: slots in which one child runs at a time, with the batch of jobs that will follow it.

Knows children and files, nothing of the database.

Between two jobs of a runner the processor has run other processes, so whatever is done there is done with cold caches
and costs several times as much as in a loop. ``work`` therefore does only what cannot wait: a batch is prepared when it
is assigned, and what ended is made into results when they are taken.
"""

import os
import resource
import signal
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from resource import struct_rusage
from typing import NamedTuple

from torc_local.engine import fit
from torc_local.engine.failing import (
    RECOVERED,
    RECOVERY_CANCELED,
    RECOVERY_INTERRUPTED,
    UNRECOVERED,
    Recovery,
)
from torc_local.engine.needs import Need, Seen
from torc_local.engine.turn import INTERRUPTED, Me
from torc_local.ground import clock, faults
from torc_local.ground.states import JobStatus
from torc_local.process import declared, error_file, segments, spawn
from torc_local.process.enforcing import Breach, Enforcer, Watched
from torc_local.process.inbox import Inbox
from torc_local.process.room import NoRoom
from torc_local.process.spawn import Task
from torc_local.process.trees import Job
from torc_local.store.jobs import Claim, Mark, Result
from torc_local.store.runners import Held

#: Opens a new pair of output files for slot ``index`` and registers it: the files and their id.
OpenSegment = Callable[[int, int], tuple[segments.Segment, int]]

#: When the machine has no room for another process: how often to try again, and how long when nothing of ours runs.
RETRY_S = 0.05
PATIENCE_S = 10.0

_NEVER = float("inf")

_ROUGHLY_KIB = 512

#: Statuses of results for which a job may have said why.
_FAILED = ("failed", UNRECOVERED)

#: Exit status of a child that was killed, and of a shell whose child was.
_KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)


class Slot:
    """Room for one child, and the batch behind it."""

    __slots__ = (
        "asked", "batch_began", "began", "ends", "files", "gpus", "held", "index", "marked", "number", "pid", "queue",
        "segment_id", "starts", "task",
    )  # fmt: skip

    def __init__(self, index: int) -> None:
        self.index = index
        self.queue: deque[Task] = deque()
        self.batch_began = 0.0  # all moments are monotonic
        self.task: Task | None = None  # what runs now
        self.pid = 0
        self.began = 0.0
        self.marked = False  # recorded as running
        self.asked: str | None = None  # to end: the status of its attempt when it does not complete
        self.held: Held = fit.NOTHING
        self.gpus: tuple[str, ...] = ()
        self.files: segments.Segment | None = None
        self.segment_id = 0
        self.number = 0
        self.starts = (0, 0)  # where the output of the current child begins
        self.ends = (0, 0)  # where that of the last one ended


class _Ended:
    """A child that has ended, as the kernel told it."""

    __slots__ = (
        "began", "breach", "ended", "ending", "ends", "looked", "marked", "segment_id", "starts", "status", "task",
        "usage", "why",
    )  # fmt: skip

    def __init__(
        self, slot: Slot, task: Task, status: int, usage: struct_rusage, ended: float, ending: str | None
    ) -> None:
        self.breach: Breach | None = None  # what we ended it for
        self.looked = False  # at its files; then ``why`` it did not complete after all
        self.why: str | None = None
        self.task = task
        self.status = status
        self.usage = usage
        self.began = slot.began
        self.ended = ended
        self.ending = ending  # as it was then: what ended before we asked it to has ended by itself
        self.marked = slot.marked
        self.segment_id = slot.segment_id
        self.starts = slot.starts
        self.ends = slot.ends


class _Lingering(NamedTuple):
    """A child that has ended, of a job that is being ended: what it started may be left, and write a checkpoint."""

    slot: Slot
    job: Job
    status: int
    usage: struct_rusage


class Slots:
    """All slots of one runner."""

    def __init__(self, me: Me, count: int, spawner: spawn.Spawner, open_segment: OpenSegment) -> None:
        self._me = me
        self._slots = [Slot(index) for index in range(count)]
        self._spawner = spawner
        self._open_segment = open_segment
        self._children: dict[int, Slot] = {}
        self._ended: list[_Ended] = []
        self._waiting: list[Slot] = []  # for room on this machine, or until the runner was heard
        self._waiting_since = 0.0  # 0.0: the last start succeeded
        self.claims_hold_until = _NEVER  # no job is started after this moment (monotonic), until the runner was heard
        self.ending: str | None = None  # set when jobs are being ended by us: the status of their attempts
        self.ended = 0  # children so far
        self.needs: dict[int, Need] = {}  # of the jobs that read or write files or user data
        self.recoveries: dict[int, Recovery] = {}  # scripts to run instead of commands, of what was claimed last
        self.seen = Seen.nothing()  # what those that completed read and wrote, until it is on record
        self._breaches: Mapping[int, Breach] = {}  # of jobs that are being ended for a limit, by pid
        self._suspicion: Callable[[int, int], str] | None = None  # of a job that others killed
        self._lingering: list[_Lingering] = []
        self._closing: list[_Lingering] = []  # likewise, of jobs that were asked to end

    # -- what there is ------------------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether any child runs."""
        return bool(self._children or self._lingering or self._closing)

    @property
    def has_results(self) -> bool:
        """Whether anything has ended since results were taken."""
        return bool(self._ended)

    def free(self) -> list[Slot]:
        """Slots with nothing to do."""
        return [slot for slot in self._slots if slot.task is None and not slot.queue]

    def held(self) -> Held:
        """What all slots hold of the node's budget; free slots hold nothing."""
        held = fit.NOTHING
        for slot in self._slots:
            if slot.task is None and not slot.queue:
                slot.held = fit.NOTHING
            elif slot.held is not fit.NOTHING:
                held = fit.plus(held, slot.held)
        return held

    def idle_gpus(self) -> list[str]:
        """GPUs of slots that have nothing to do any more."""
        return [
            name for slot in self._slots if slot.gpus and slot.task is None and not slot.queue for name in slot.gpus
        ]

    def gpus(self) -> set[str]:
        """All that were given to slots and not given back yet."""
        return {name for slot in self._slots for name in slot.gpus}

    def gave_back(self, names: Collection[str]) -> None:
        """These GPUs are free, as far as the database knows."""
        for slot in self._slots:
            if slot.gpus and slot.gpus[0] in names:
                slot.gpus = ()

    def next_due(self, horizon_s: float) -> float:
        """When something will have to be recorded if nothing ends before."""
        due = _NEVER
        for slot in self._slots:
            if slot.task is not None and not slot.marked:
                due = min(due, slot.began + horizon_s)
            if slot.queue:
                due = min(due, slot.batch_began + 2 * horizon_s)
        return due

    # -- starting and ending ------------------------------------------------------------------------------------------

    def assign(self, slot: Slot, claims: Sequence[Claim], held: Held, gpus: tuple[str, ...] = ()) -> None:
        """Give a free slot its next batch, and start the first job of it, unless others may have it by now."""
        scripts = self.recoveries
        slot.queue.extend([self._spawner.prepare(claim, gpus, scripts.get(claim.id)) for claim in claims])
        slot.batch_began = clock.monotonic()
        slot.held = held
        slot.gpus = gpus
        self._start(slot)

    def _start(self, slot: Slot) -> None:
        slot.began = clock.monotonic()
        if slot.began >= self.claims_hold_until:
            self._waiting.append(slot)
            return
        try:
            if slot.files is None:
                slot.number += 1
                slot.files, slot.segment_id = self._open_segment(slot.index, slot.number)
                slot.ends = slot.files.ends()
            slot.starts = slot.ends
            slot.pid = pid = self._spawner.spawn(slot.queue[0], slot.files)
        except NoRoom:
            self._wait_for_room(slot)
            return
        slot.task = slot.queue.popleft()
        slot.marked = False
        self._waiting_since = 0.0
        self._children[pid] = slot
        faults.reach("runner.spawned")

    def _wait_for_room(self, slot: Slot) -> None:
        """Keep the job for later; raise what is being handled when nothing of ours runs and there was no room for long.

        Meanwhile the batch grows old and is given back, so that a node with room can have it.
        """
        self._waiting_since = self._waiting_since or slot.began
        if not self._children and slot.began - self._waiting_since > PATIENCE_S:
            raise  # noqa: PLE0704 - only called while the error is handled
        self._waiting.append(slot)

    def _start_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for slot in waiting:
            if slot.task is None and slot.queue:
                self._start(slot)

    def work(self, inbox: Inbox, due: float) -> int | None:
        """Run children one after the other until a slot is free, a signal came, or it is ``due``.

        Returns SIGCHLD, the signal, or None, in this order.
        """
        while True:
            until = due
            if self._waiting:
                self._start_waiting()
                until = min(due, clock.monotonic() + RETRY_S)
            kind = inbox.wait_until(until)
            if kind is None and until < due:
                continue
            if kind != signal.SIGCHLD:
                return kind
            if self._reap():
                return kind

    def _reap(self) -> bool:
        """Collect the children that have ended and start the next of their batches; whether a slot became free.

        After a long silence, in which others may have taken what we claimed, nothing is started: a slot with jobs and
        no child becomes due, and the runner is heard first.
        """
        any_free = False
        children = self._children
        while children:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if not pid:
                break
            now = clock.monotonic()
            faults.reach("runner.reaped")
            slot = children.pop(pid)
            task = slot.task
            assert task is not None  # noqa: S101 - as long as its child has not ended
            if self._breaches and pid in self._breaches:
                self._lingering.append(_Lingering(slot, _job(slot, task), status, usage))
                any_free = True  # nearly: finish_limited sees to it
                continue
            if slot.asked is not None and spawn.signal_group(pid, 0):
                self._closing.append(_Lingering(slot, _job(slot, task), status, usage))
                any_free = True  # nearly: finish_asked sees to it
                continue
            self._end(slot, task, status, usage, now)
            if slot.queue and now < self.claims_hold_until:
                self._start(slot)
            else:
                any_free = True
        return any_free

    def _end(self, slot: Slot, task: Task, status: int, usage: struct_rusage, now: float) -> None:
        """Note how a child has ended, and make its slot ready for the next one."""
        self._note_ends(slot)
        slot.task = None
        ended = _Ended(slot, task, status, usage, now, self.ending or slot.asked)
        self._ended.append(ended)
        if task.stdio.delete_on_success and status == 0 and not task.is_recovery and slot.files is not None:
            self._delete_output(slot, ended)
        try:
            os.killpg(slot.pid, 0)
        except ProcessLookupError:
            if max(slot.ends) > segments.LARGE_BYTES:
                self._close_files(slot)
        except PermissionError:
            self._close_files(slot)
        else:
            # It left others behind, which may still write: the next job gets files of its own.
            if self.ending is not None:
                spawn.signal_group(slot.pid, signal.SIGKILL)
            self._close_files(slot)

    def _note_ends(self, slot: Slot) -> None:
        """Note where the output of its child ends, which a file server that is out of reach does not tell."""
        assert slot.files is not None  # noqa: S101 - a child always writes somewhere
        try:
            slot.ends = slot.files.ends()
        except OSError:
            slot.ends = slot.starts
            self._close_files(slot)

    def _delete_output(self, slot: Slot, ended: _Ended) -> None:
        """Remove the output of what has just ended well, unless it failed after all."""
        assert slot.files is not None  # noqa: S101 - as in _note_ends
        ended.looked, ended.why = True, self._look(ended.task.claim)
        if ended.why is None:
            slot.files.cut(slot.starts)
            self._note_ends(slot)
            ended.ends = slot.ends

    def _look(self, claim: Claim) -> str | None:
        """Note the files of a job whose return code is 0; why it did not complete after all."""
        need = self.needs.pop(claim.id, None) if claim.io else None
        return None if need is None else declared.look(need, self.seen)

    # -- limits -------------------------------------------------------------------------------------------------------

    def limited_by(self, enforcer: Enforcer) -> None:
        """What this one ends for a limit will be found with it."""
        self._breaches = enforcer.breaches
        self._suspicion = enforcer.suspicion

    def watched(self) -> list[Watched]:
        """What runs, for whoever compares it with its limits; nothing while we are ending everything ourselves."""
        if self.ending is not None:
            return []
        return [
            Watched(_job(slot, slot.task), slot.task.claim.resource_requirements_id, slot.began)
            for slot in self._slots
            if slot.task is not None
        ]

    def finish_limited(self, enforcer: Enforcer) -> None:
        """Free the slots of jobs that were ended for a limit, as soon as nothing of them is left."""
        if not self._lingering:
            return
        gone = enforcer.gone([one.job for one in self._lingering])
        for one in self._lingering:
            if one.job in gone or self.ending is not None:
                self._finish(one, enforcer)
        self._lingering = [one for one in self._lingering if one.slot.task is not None]

    def _finish(self, one: _Lingering, enforcer: Enforcer) -> None:
        slot, task = one.slot, one.slot.task
        assert task is not None  # noqa: S101 - it stays until now
        spawn.signal_group(one.job.leader, signal.SIGKILL)
        self._note_ends(slot)
        self._close_files(slot)
        slot.task = None
        # Whoever asked everything to end meanwhile came later: it goes on record as what it was ended for.
        ended = _Ended(slot, task, one.status, one.usage, clock.monotonic(), None)
        ended.breach = self._breaches[one.job.leader]
        enforcer.forget(one.job)
        self._ended.append(ended)

    def _close_files(self, slot: Slot) -> None:
        if slot.files is not None:
            slot.files.close()
            slot.files = None

    def take_results(self, saw: Callable[[float], None]) -> tuple[list[Result], frozenset[int]]:
        """How everything ended since the last call, and which of it was marked running.

        ``saw`` is told how many seconds each took.
        """
        results = []
        marked = []
        # Before it executes its program a child is a copy of this process, and the kernel counts that. With a margin:
        # the kernel counts pages roughly.
        ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + _ROUGHLY_KIB
        workflow_run, runner_id = self._me.run_id, self._me.runner_id
        for one in self._ended:
            claim = one.task.claim
            if one.status == 0 and not claim.io and one.breach is None:  # by far the most
                status, return_code, reason = "completed", 0, None
            else:
                status, return_code, reason = self._outcome(one)
            usage, (stdout, stderr), (stdout_end, stderr_end) = one.usage, one.starts, one.ends
            peak = usage.ru_maxrss  # KiB (Linux)
            results.append(
                Result(
                    claim.id,
                    workflow_run,
                    claim.attempt_id,
                    runner_id,
                    status,
                    reason,
                    return_code,
                    clock.utc(one.began),
                    clock.utc(one.ended),
                    usage.ru_utime + usage.ru_stime,
                    peak * 1024 if peak > ours else peak * -1024,
                    one.segment_id,
                    stdout,
                    stdout_end - stdout,
                    stderr,
                    stderr_end - stderr,
                )
            )
            if one.marked:
                marked.append(claim.id)
            if one.task.script is not None:
                with suppress(OSError):
                    one.task.script.unlink(missing_ok=True)
            saw(one.ended - one.began)
        self.ended += len(results)
        self._ended = []
        return results, frozenset(marked)

    def _outcome(self, one: _Ended) -> tuple[str, int, str | None]:
        """Status, return code and reason of an attempt that is not just completed."""
        claim = one.task.claim
        return_code = os.waitstatus_to_exitcode(one.status)
        status, reason = ("completed", None) if return_code == 0 else _verdict(return_code, one.ending)
        if claim.io:
            if return_code == 0 and one.breach is None:
                reason = one.why if one.looked else self._look(claim)
                if reason is not None:
                    # Who was asked to end may well end with 0 before everything is there.
                    return_code = 1
                    status, said = _verdict(return_code, one.ending)
                    reason = reason if status == "failed" else said
            else:
                self.needs.pop(claim.id, None)
        if one.breach is not None:
            status, return_code, reason = one.breach.status, one.breach.return_code, one.breach.reason
        elif return_code in _KILLED and one.ending is None and self._suspicion is not None:
            peak = one.usage.ru_maxrss * 1024
            reason = f"{reason}{self._suspicion(claim.resource_requirements_id, peak)}"
        if claim.io and one.task.is_recovery:
            status, reason = _recovered(return_code, one.ending, one.breach, reason)
        if status in _FAILED and (said := error_file.take(one.task.error_file)) is not None:
            reason = f"{reason}: {said}"
        return status, return_code, reason

    def mark_long(self, horizon_s: float) -> list[Mark]:
        """Mark children that have run for longer than a batch, to be recorded as running."""
        now = clock.monotonic()
        marks = []
        for slot in self._slots:
            if slot.task is not None and not slot.marked and now - slot.began >= horizon_s:
                slot.marked = True
                claim = slot.task.claim
                at = clock.utc(slot.began)
                marks.append(Mark(claim.id, claim.attempt_id, slot.pid, at, slot.segment_id, *slot.starts))
        return marks

    def known(self) -> set[int]:
        """The jobs that run here or wait to."""
        running = {slot.task.claim.id for slot in self._slots if slot.task is not None}
        return running | {task.claim.id for slot in self._slots for task in slot.queue}

    def are_marked(self, job_ids: Collection[int]) -> None:
        """Note that these are on record as running, and no others."""
        for slot in self._slots:
            if slot.task is not None:
                slot.marked = slot.task.claim.id in job_ids

    def take_unstarted(self, horizon_s: float, *, everything: bool) -> list[int]:
        """Take jobs off slots whose batch lasts too long (or off all), to be given back; their ids."""
        now = clock.monotonic()
        back: list[int] = []
        for slot in self._slots:
            long = slot.task is not None and now - slot.began >= horizon_s
            if slot.queue and (everything or long or now - slot.batch_began >= 2 * horizon_s):
                back += [task.claim.id for task in slot.queue]
                slot.queue.clear()
        if self.needs:
            for job_id in back:
                self.needs.pop(job_id, None)
        return back

    def take_off(self, job_ids: Collection[int]) -> list[int]:
        """Take jobs off the slots before they start; those that were there."""
        found = []
        for slot in self._slots:
            kept = [task for task in slot.queue if task.claim.id not in job_ids]
            found += [task.claim.id for task in slot.queue if task.claim.id in job_ids]
            slot.queue.clear()
            slot.queue.extend(kept)
        for job_id in found:
            self.needs.pop(job_id, None)
        return found

    def running(self, job_ids: Collection[int]) -> list[Job]:
        """Those of these jobs that run now."""
        return [
            _job(slot, slot.task) for slot in self._slots if slot.task is not None and slot.task.claim.id in job_ids
        ]

    def ask_to_end(self, kind: signal.Signals) -> None:
        """Signal jobs that say that they know what to do (``supports_termination``). What they do then is theirs."""
        for pid, slot in self._children.items():
            task = slot.task
            if task is not None and task.options.supports_termination and not task.is_recovery:
                slot.asked = INTERRUPTED
                spawn.signal_group(pid, kind)
                # A stopped process acts on it only when it goes on.
                spawn.signal_group(pid, signal.SIGCONT)

    def finish_asked(self) -> None:
        """Free the slots of jobs that were asked to end, as soon as nothing of their process groups is left."""
        for one in self._closing:
            task = one.slot.task
            if task is not None and (self.ending is not None or not spawn.signal_group(one.job.leader, 0)):
                self._end(one.slot, task, one.status, one.usage, clock.monotonic())
        self._closing = [one for one in self._closing if one.slot.task is not None]

    def signal(self, kind: signal.Signals) -> None:
        """Signal the process groups of all children."""
        for pid in [*self._children, *(one.job.leader for one in (*self._lingering, *self._closing))]:
            spawn.signal_group(pid, kind)


def _job(slot: Slot, task: Task) -> Job:
    return Job(slot.pid, task.token)


def _verdict(return_code: int, ending: str | None) -> tuple[str, str | None]:
    """Status and reason of an attempt that did not complete. ``ending`` is set when we were ending it ourselves."""
    if ending == INTERRUPTED:
        return INTERRUPTED, "stopped before it was done"
    if ending is not None:
        return ending, "the workflow was canceled"
    if return_code < 0:
        return "failed", f"killed by {_signal_name(-return_code)}"
    if return_code == 127:  # noqa: PLR2004 - POSIX: command not found
        return "failed", "exit 127: command not found"
    if return_code == 126:  # noqa: PLR2004 - POSIX: found, cannot be executed
        return "failed", "exit 126: command cannot be executed"
    return "failed", f"exit {return_code}"


def _recovered(
    return_code: int, ending: str | None, breach: Breach | None, reason: str | None
) -> tuple[str, str | None]:
    """The same for a recovery script."""
    if return_code == 0:
        return RECOVERED, None
    canceled = breach is not None and breach.status == JobStatus.CANCELED
    if not canceled and (ending is None or breach is not None):
        return UNRECOVERED, reason
    return (RECOVERY_INTERRUPTED if ending == INTERRUPTED else RECOVERY_CANCELED), reason


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
