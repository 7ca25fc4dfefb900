"""A node that is cut off from the shared file system ends its jobs when its lease is over: others run them then.

Whoever touches a file system that does not answer may hang in the kernel, supervisor and runners alike. So a process of
its own looks after them, which touches nothing but memory that it shares with them: each runner notes there when it was
heard last, that is, when the last transaction began that it could commit. Others cannot have seen its beat earlier, so
none of them has given its work away before this moment plus the lease.

Only databases that several machines use have one. Crash table: a SIGKILL of the watchman leaves the runners without it
until the supervisor, which notices, starts the next one; with the supervisor it dies, too, as all others do.
"""

import mmap
import os
import signal
import struct
import time

from torc_local.ground import clock
from torc_local.process import kernel, machine, orphans
from torc_local.process.spawn import RUNNER_VARIABLE

#: The watchman acts after this part of the lease: it looks now and then only, and to end processes takes time, while
#: others may run the jobs at once when the lease is over.
OWN_PART = 0.9

#: How often the watchman looks, in parts of the lease.
_LOOKS = 20
_LONGEST_S = 1.0

_CELL = struct.Struct("<qqqd")
_HEARD = struct.Struct("<d")
_HEARD_AT = _CELL.size - _HEARD.size


class Cell:
    """Where one runner notes that it was heard. Made before it is forked, and used again by its successor."""

    def __init__(self, memory: mmap.mmap, index: int) -> None:
        self._memory = memory
        self._at = index * _CELL.size

    def begin(self, runner_id: int, now: float) -> None:
        """Be watched from now on (monotonic)."""
        pid = os.getpid()
        _CELL.pack_into(self._memory, self._at, pid, machine.start_of(pid) or 0, runner_id, now)

    def heard(self, at: float) -> None:
        """A transaction that began then (monotonic) is committed."""
        _HEARD.pack_into(self._memory, self._at + _HEARD_AT, at)

    def end(self) -> None:
        """Be watched no more: nothing of ours runs."""
        _HEARD.pack_into(self._memory, self._at + _HEARD_AT, 0.0)

    def read(self) -> tuple[int, int, int, float]:
        """Pid, start of that process, id of the runner, when it was heard; 0.0: it is not watched."""
        pid, pid_start, runner_id, heard = _CELL.unpack_from(self._memory, self._at)
        return pid, pid_start, runner_id, heard


def cells(count: int) -> list[Cell]:
    """Cells that processes share that are forked from now on."""
    memory = mmap.mmap(-1, count * _CELL.size)
    return [Cell(memory, index) for index in range(count)]


def watch(watched: list[Cell], token: str, lease_s: float, parent: int) -> None:
    """Be the watchman; does not return."""
    for kind in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(kind, signal.SIG_IGN)
    kernel.die_with_parent(parent, signal.SIGKILL)
    while True:
        time.sleep(min(lease_s / _LOOKS, _LONGEST_S))
        now = clock.monotonic()
        for cell in watched:
            end_if_silent(cell, token, OWN_PART * lease_s, now)


def end_if_silent(cell: Cell, token: str, patience_s: float, now: float) -> bool:
    """End a runner that was not heard for so long, and all that its jobs have started; whether it was so."""
    pid, pid_start, runner_id, heard = cell.read()
    if not heard or now - heard < patience_s:
        return False
    cell.end()
    # What is below it first: when it dies, the supervisor inherits that.
    jobs = orphans.below(pid) if machine.is_alive(pid, pid_start) else []
    machine.kill(pid, pid_start)
    orphans.end_found(lambda: [one for one in jobs if machine.start_of(one) is not None], patience_s=1.0)
    orphans.end_all(orphans.with_entry(RUNNER_VARIABLE, f"{token}.{runner_id}"))
    return True
