"""Processes that jobs left behind: found by the token in their environment, ended with everything below them."""

import os
import signal
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from torc_local.process import machine

#: A process that started this close to when a job is on record to have started is that job.
_SAME_START_S = 2.0


def end_all(belongs: Callable[[bytes], bool], *, patience_s: float = 5.0) -> int:
    """Kill every process of ours whose environment satisfies ``belongs``; how many there were.

    A zombie has no environment any more, so none has to be collected here, where the status of a worker might be taken
    with it.
    """
    return _end(lambda: [pid for pid in _ours() if belongs(_environment(pid))], lambda: None, patience_s)


def end_strays(root: int, workers: set[int], spared: Callable[[bytes], bool], *, patience_s: float = 5.0) -> int:
    """Kill what ``root`` has adopted, with everything below it; how many there were.

    Adopted is what is below ``root`` and not below one of its ``workers``: what the jobs of dead workers left, whatever
    they did to their environment. ``spared`` are processes with an environment that a live worker gave them: a job of
    it has ended, and left them behind.
    """

    def adopted() -> list[int]:
        return [pid for pid in below(root, workers) if not spared(_environment(pid))]

    return _end(adopted, lambda: reap_adopted(workers), patience_s)


def kill_descendants(root: int, *, patience_s: float = 10.0) -> int:
    """Kill everything below ``root``; how many there were."""
    return _end(lambda: below(root), lambda: reap_adopted(set()), patience_s)


def end_found(find: Callable[[], list[int]], *, patience_s: float) -> int:
    """Kill what ``find`` finds, again and again until it finds nothing; how many there were."""
    return _end(find, lambda: None, patience_s)


def _end(find: Callable[[], list[int]], collect: Callable[[], None], patience_s: float) -> int:
    """Kill what is found, looking again until nothing is; how many there were.

    They are stopped first, so that none forks while we look. What hangs in the kernel (a dead network file system) does
    not die: after a while it is left behind.
    """
    killed: set[int] = set()
    until = time.monotonic() + patience_s
    while (found := find()) and time.monotonic() <= until:
        for kind in (signal.SIGSTOP, signal.SIGKILL):
            for pid in found:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, kind)
        killed.update(found)
        collect()
        time.sleep(0.002)
    return len(killed)


def end_group(leader: int, started_at: float) -> bool:
    """Kill the process group of a job by the pid on record, unless that pid is a later process's; whether it was there.

    For jobs that cleared their environment and whose runner and supervisor are both gone.
    """
    ticks = machine.start_of(leader)
    if ticks is None or abs(machine.started(ticks) - started_at) > _SAME_START_S:
        return False
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
    return True


def with_entry(name: str, value: str) -> Callable[[bytes], bool]:
    """For ``end_all``: processes with exactly this variable in their environment."""
    entry = f"{name}={value}".encode()
    return lambda environment: entry in environment.split(b"\0")


def below(root: int, leave_out: Collection[int] = ()) -> list[int]:
    """All processes below ``root``, without ``leave_out`` and what is below them."""
    children: dict[int, list[int]] = {}
    for pid in _ours():
        with suppress(IndexError):  # it ended meanwhile
            fields = machine.stat(pid)
            # A zombie with more than one thread lives: only its first thread has ended.
            if fields[0] not in ("Z", "X") or int(fields[17]) > 1:
                children.setdefault(int(fields[1]), []).append(pid)
    found, todo = [], [root]
    while todo:
        below = [pid for pid in children.get(todo.pop(), []) if pid not in leave_out]
        found += below
        todo += below
    return found


def reap_adopted(workers: set[int]) -> None:
    """Collect orphans that were given to us and have ended, but none of ``workers``, whose status others want."""
    while True:
        try:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if found is None or found.si_pid in workers:
            return
        with suppress(ChildProcessError):
            os.waitpid(found.si_pid, os.WNOHANG)


def _ours() -> list[int]:
    user = os.getuid()
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with suppress(OSError):
                if entry.stat(follow_symlinks=False).st_uid == user or user == 0:
                    found.append(int(entry.name))
    return found


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""
