"""Limits of jobs: who uses more memory or time than its requirements state is ended.

A part of the runner's loop, without a thread. A job is looked at only when it has run for longer than ``LOOK_S``, so
short jobs cost nothing. Memory is that of all its processes (trees.py), sampled; a job that needed too much between two
samples and ended by itself has ended well. All is done without the database, so it goes on while that is locked (the
wait for the lock calls us, see ``Database.while_waiting``) or the disk is full.

A job over its memory is killed at once. One over its time is asked to end (execution_config.termination_signal), and
killed with all that it started ``sigterm_lead_seconds`` later. Its slot stays taken until nothing of it is left, so
that nothing that follows meets its remains.
"""

import os
import resource
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from torc_local.engine.limits import Allowance, Rules
from torc_local.ground import clock
from torc_local.ground.units import format_duration, show_memory
from torc_local.process import kernel, orphans, trees
from torc_local.process.trees import Job, Trees

#: How often deadlines are compared with the clock, and so how late a run time may be noticed.
LOOK_S = 0.5

#: How often memory is sampled, at most.
SAMPLE_S = 1.0

#: Most of one processor that sampling may cost this runner: on a node with very many processes it samples less often.
_SHARE = 0.01

#: How often it is looked whether what was asked to end has ended, and how long one killing may take.
_AGAIN_S = 0.1
_PATIENCE_S = 1.0
_NO_PATIENCE_S = 0.01

#: Who was killed by somebody else with this part of its memory in use was probably killed for it.
_NEAR = 0.9


class Watched(NamedTuple):
    """A job that runs: its leader and token, what it asks for, and since when (monotonic)."""

    job: Job
    requirements_id: int
    began: float


class Breach(NamedTuple):
    """What a job did to be ended, as it goes on record; ``kill_at`` is when asking is over (monotonic)."""

    return_code: int
    reason: str
    kill_at: float
    status: str = "failed"


class Enforcer:
    """The limits of one runner's jobs. ``allowances`` reads them from the database."""

    def __init__(self, rules: Rules, allowances: Callable[[], dict[int, Allowance]]) -> None:
        self._rules = rules
        self._read = allowances
        self._allowances = allowances()
        self._unlimited: set[int] = set()
        self._trees = Trees(os.getppid())
        self._oom_kills = kernel.oom_kills()
        self._next = 0.0
        self._next_sample = 0.0
        self._next_gone = 0.0
        self._killed: set[Job] = set()
        self._asleep_s = asleep_s()
        self._sleeps: list[tuple[float, float]] = []  # when this machine woke up, and how long it had slept
        #: What jobs are being ended for, by their leader's pid, until they are forgotten.
        self.breaches: dict[int, Breach] = {}

    @property
    def next_due(self) -> float:
        """When to look again (monotonic)."""
        return self._next

    def look(self, now: float, running: Callable[[], list[Watched]], *, may_read: bool = True) -> None:
        """Compare what runs with its limits; cheap before it is due. ``may_read``: the database can be asked."""
        if now < self._next:
            return
        self._next = now + LOOK_S
        self._notice_sleep(now)
        sample = []
        watched = running()
        for one in watched:
            breach = self.breaches.get(one.job.leader)
            if breach is not None:
                self._insist(one.job, breach, now)
                continue
            allowed = self._allowance(one.requirements_id, may_read=may_read)
            if allowed is None:
                continue
            if allowed.runtime_s is not None:
                slept_s = sum(length for woke, length in self._sleeps if woke > one.began)
                deadline = one.began + allowed.runtime_s + slept_s
                if now >= deadline:
                    self._time_is_over(one, allowed.runtime_s, now)
                    continue
                self._next = min(self._next, deadline)
            if allowed.memory_bytes is not None and now - one.began >= LOOK_S:
                sample.append((one, allowed.memory_bytes))
        if sample and now >= self._next_sample:
            began = time.process_time()  # not the time that others had the processor
            self._sample(sample)
            cost = time.process_time() - began
            self._next_sample = now + max(SAMPLE_S, cost / _SHARE)
            self._trees.keep({one.job for one in watched})

    def end(self, job: Job, breach: Breach) -> None:
        """End a job for something that is no limit: asked to now, killed with all that it started at ``kill_at``."""
        if job.leader in self.breaches or _has_ended(job.leader):
            return
        self.breaches[job.leader] = breach
        self._ask(job, signal.SIGTERM)
        self._insist(job, breach, clock.monotonic())

    def suspicion(self, requirements_id: int, peak_bytes: int) -> str:
        """What to add to "killed by SIGKILL" of a job that we did not kill; empty when nothing speaks for it."""
        allowed = self._allowances.get(requirements_id)
        limit = None if allowed is None else allowed.memory_bytes
        # A child is a copy of this process until it executes its program, so its peak is never below ours.
        ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        if limit is not None and peak_bytes >= _NEAR * limit and peak_bytes > ours:
            return f", near the {show_memory(limit)} of memory that it asks for: perhaps for want of memory"
        if kernel.oom_kills() > self._oom_kills:
            return ", at a time when the kernel killed for want of memory"
        return ""

    def gone(self, jobs: Sequence[Job]) -> set[Job]:
        """Those of these jobs, which are being ended, of which nothing is left; looked up now and then.

        Where asking is over, what is left is killed here.
        """
        now = clock.monotonic()
        found = set()
        if now >= self._next_gone:
            members = self._trees.members(trees.table(), jobs)
            found = {job for job in jobs if not members[job]}
            self._next_gone = clock.monotonic() + _AGAIN_S
        for job in jobs:
            if job not in found and now >= self.breaches[job.leader].kill_at:
                self._kill(job)
                found.add(job)
        self._next = min(self._next, self._next_gone)
        return found

    def forget(self, job: Job) -> None:
        """The job has ended."""
        self.breaches.pop(job.leader, None)
        self._killed.discard(job)

    def _allowance(self, requirements_id: int, *, may_read: bool) -> Allowance | None:
        found = self._allowances.get(requirements_id)
        if found is None and may_read and requirements_id not in self._unlimited:
            # Requirements that came later, with jobs that were added.
            self._allowances = self._read()
            found = self._allowances.get(requirements_id)
            if found is None:
                self._unlimited.add(requirements_id)
        return found

    def _notice_sleep(self, now: float) -> None:
        """A machine that was suspended did not run the job meanwhile."""
        asleep = asleep_s()
        if asleep - self._asleep_s > LOOK_S:
            self._sleeps.append((now, asleep - self._asleep_s))
            self._asleep_s = asleep

    def _time_is_over(self, one: Watched, runtime_s: float, now: float) -> None:
        if _has_ended(one.job.leader):
            return
        kind = self._rules.termination_signal
        reason = f"timeout: it ran for longer than the {format_duration(runtime_s)} that it asks for"
        lead_s = 0.0 if kind is signal.SIGKILL else self._rules.lead_s
        self.breaches[one.job.leader] = breach = Breach(self._rules.timeout_exit_code, reason, now + lead_s)
        if lead_s > 0:
            self._ask(one.job, kind)
        self._insist(one.job, breach, now)

    def _ask(self, job: Job, kind: signal.Signals) -> None:
        for pid in self._trees.members(trees.table(), [job])[job]:
            for each in (kind, signal.SIGCONT):  # what is stopped acts on it only when it goes on
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, each)

    def _sample(self, sample: list[tuple[Watched, int]]) -> None:
        table = trees.table()
        members = self._trees.members(table, [one.job for one, _ in sample])
        for one, limit in sample:
            pids = members[one.job]
            if trees.resident_bytes(table, pids) <= limit:
                continue
            used = trees.proportional_bytes(table, pids)
            if used <= limit or _has_ended(one.job.leader):
                continue
            many = f"{len(pids)} processes" if len(pids) > 1 else "it"
            reason = (
                f"oom: more than the {show_memory(limit)} of memory that it asks for ({many} used {show_memory(used)})"
            )
            self.breaches[one.job.leader] = Breach(self._rules.oom_exit_code, reason, 0.0)
            self._kill(one.job)

    def _insist(self, job: Job, breach: Breach, now: float) -> None:
        if now >= breach.kill_at:
            self._kill(job)
            self._next = min(self._next, now + 10 * _AGAIN_S)  # unless it hangs in the kernel, it has ended by then
        else:
            self._next = min(self._next, breach.kill_at)

    def _kill(self, job: Job) -> None:
        # What hangs in the kernel dies when it wakes up; it is not waited for again and again.
        patience_s = _NO_PATIENCE_S if job in self._killed else _PATIENCE_S
        self._killed.add(job)
        orphans.end_found(lambda: self._trees.members(trees.table(), [job])[job], patience_s=patience_s)


def asleep_s() -> float:
    """For how long this machine has been suspended since it booted: only one of these clocks counts that."""
    return clock.monotonic() - time.clock_gettime(time.CLOCK_MONOTONIC)


def _has_ended(leader: int) -> bool:
    """Whether a child has ended and was not collected yet: what ended by itself is not ended by us."""
    try:
        return os.waitid(os.P_PID, leader, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True
