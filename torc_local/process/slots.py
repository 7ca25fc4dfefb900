"""The hands of a runner: slots in which one child runs at a time, with the claims that will follow it.

Knows children and files, nothing of the database. What ended is collected until the runner's next transaction.
"""

import signal
from collections import deque
from collections.abc import Callable

from torc_local.engine import fit
from torc_local.engine.turn import INTERRUPTED, Me
from torc_local.ground import clock, faults
from torc_local.process import segments, spawn
from torc_local.store.jobs import Claim, Mark, Result
from torc_local.store.runners import Held

#: Opens a new pair of output files for slot ``index`` and registers it: the files and their id.
OpenSegment = Callable[[int, int], tuple[segments.Segment, int]]


class Child:
    """A job that runs now."""

    __slots__ = ("began", "claim", "marked", "pid", "started_at", "starts")

    def __init__(self, claim: Claim, pid: int, began: float, starts: tuple[int, int]) -> None:
        self.claim = claim
        self.pid = pid
        self.began = began  # monotonic
        self.started_at = clock.utc(began)
        self.starts = starts  # of its stdout and stderr in the segment
        self.marked = False  # recorded as running


class Slot:
    """Room for one child, and the queue behind it."""

    __slots__ = ("batch_began", "child", "ends", "files", "held", "index", "number", "queue", "segment_id")

    def __init__(self, index: int) -> None:
        self.index = index
        self.queue: deque[Claim] = deque()
        self.batch_began = 0.0
        self.child: Child | None = None
        self.held: Held = fit.NOTHING
        self.files: segments.Segment | None = None
        self.ends = (0, 0)  # of the files, after the last child
        self.segment_id = 0
        self.number = 0


class Slots:
    """All slots of one runner."""

    def __init__(self, me: Me, count: int, spawner: spawn.Spawner, open_segment: OpenSegment) -> None:
        self._me = me
        self._slots = [Slot(index) for index in range(count)]
        self._spawner = spawner
        self._open_segment = open_segment
        self.results: list[Result] = []
        self.marked: set[int] = set()  # those of the results that were recorded as running
        self.ending: str | None = None  # set when jobs are being ended by us: the status of their attempts
        self.ended = 0

    # -- what there is ----------------------------------------------------------------------------------------------

    def busy(self) -> list[Child]:
        """The children that run now."""
        return [slot.child for slot in self._slots if slot.child is not None]

    def free(self) -> list[Slot]:
        """Slots with nothing to do."""
        return [slot for slot in self._slots if slot.child is None and not slot.queue]

    def held(self) -> Held:
        """What all slots hold of the node's budget; free slots hold nothing."""
        held = fit.NOTHING
        for slot in self._slots:
            if slot.child is None and not slot.queue:
                slot.held = fit.NOTHING
            elif slot.held is not fit.NOTHING:
                held = fit.plus(held, slot.held)
        return held

    def next_due(self, horizon_s: float) -> float:
        """When something will have to be recorded if nothing ends before (monotonic)."""
        due = float("inf")
        for slot in self._slots:
            if slot.child is not None and not slot.child.marked:
                due = min(due, slot.child.began + horizon_s)
            if slot.queue:
                due = min(due, slot.batch_began + 2 * horizon_s)
        return due

    # -- starting and ending ----------------------------------------------------------------------------------------

    def assign(self, slot: Slot, claims: list[Claim], held: Held) -> None:
        """Give a free slot its next batch."""
        slot.queue.extend(claims)
        slot.batch_began = clock.monotonic()
        slot.held = held

    def fill(self) -> None:
        """Start the next job in every slot that has one waiting and no child."""
        for slot in self._slots:
            if slot.child is None and slot.queue:
                self._start(slot)

    def _start(self, slot: Slot) -> None:
        files = slot.files
        if files is None:
            slot.number += 1
            files, slot.segment_id = self._open_segment(slot.index, slot.number)
            slot.files, slot.ends = files, files.ends()
        claim = slot.queue.popleft()
        began = clock.monotonic()
        slot.child = Child(claim, self._spawner.spawn(claim, files), began, slot.ends)
        faults.reach("runner.spawned")

    def reap(self, saw: Callable[[float], None]) -> bool:
        """Collect the children that have ended and start the next of their batches; whether a slot became free.

        ``saw`` is told how many seconds each took.
        """
        any_free = False
        for slot in self._slots:
            child = slot.child
            if child is None:
                continue
            exited = spawn.reap(child.pid)
            if exited is None:
                continue
            faults.reach("runner.reaped")
            duration_s = clock.monotonic() - child.began
            self._collect(slot, child, exited, duration_s)
            saw(duration_s)
            if slot.queue:
                self._start(slot)
            else:
                any_free = True
        return any_free

    def _collect(self, slot: Slot, child: Child, exited: spawn.Exit, duration_s: float) -> None:
        files = slot.files
        assert files is not None  # noqa: S101 - a child always writes somewhere
        claim = child.claim
        stdout_start, stderr_start = child.starts
        stdout_end, stderr_end = slot.ends = files.ends()
        return_code = exited.return_code
        status, reason = ("completed", None) if return_code == 0 else _verdict(return_code, self.ending)
        self.results.append(
            Result(
                claim.id,
                self._me.run_id,
                claim.attempt_id,
                self._me.runner_id,
                status,
                reason,
                return_code,
                child.started_at,
                child.started_at + duration_s,
                exited.cpu_s,
                exited.peak_memory_bytes,
                slot.segment_id,
                stdout_start,
                stdout_end - stdout_start,
                stderr_start,
                stderr_end - stderr_start,
            )
        )
        self.ended += 1
        if child.marked:
            self.marked.add(claim.id)
        self._spawner.forget(claim)
        slot.child = None
        left_behind = spawn.group_lives(child.pid)
        if left_behind and self.ending is not None:
            spawn.signal_group(child.pid, signal.SIGKILL)
        if left_behind or stdout_end > segments.LARGE_BYTES or stderr_end > segments.LARGE_BYTES:
            # What it left behind may still write: the next job gets files of its own.
            files.close()
            slot.files = None

    def take_results(self) -> tuple[list[Result], frozenset[int]]:
        """Everything that ended since the last call, and which of it was marked running."""
        taken = self.results, frozenset(self.marked)
        self.results, self.marked = [], set()
        return taken

    def mark_long(self, horizon_s: float) -> list[Mark]:
        """Mark children that have run for longer than a batch, to be recorded as running."""
        now = clock.monotonic()
        marks = []
        for slot in self._slots:
            child = slot.child
            if child is not None and not child.marked and now - child.began >= horizon_s:
                child.marked = True
                claim, starts = child.claim, child.starts
                marks.append(Mark(claim.id, claim.attempt_id, child.pid, child.started_at, slot.segment_id, *starts))
        return marks

    def take_unstarted(self, horizon_s: float, *, everything: bool) -> list[int]:
        """Take claims off slots whose batch lasts too long (or off all), to be given back; their ids."""
        now = clock.monotonic()
        back: list[int] = []
        for slot in self._slots:
            long = slot.child is not None and now - slot.child.began >= horizon_s
            if slot.queue and (everything or long or now - slot.batch_began >= 2 * horizon_s):
                back += [claim.id for claim in slot.queue]
                slot.queue.clear()
        return back

    def signal(self, kind: signal.Signals) -> None:
        """Signal the process groups of all children."""
        for child in self.busy():
            spawn.signal_group(child.pid, kind)


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


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
