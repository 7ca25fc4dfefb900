"""The processes of jobs, wherever they went, and the memory they use: read from /proc in one pass for all jobs.

A job's processes are those of its process group, everything below any of them, what was seen to be one of them before,
and what our supervisor was given by the kernel (it is a child subreaper) and carries the job's token. What left the
group, moved below the supervisor between two looks and cleared its environment is not found.
"""

import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import NamedTuple

_PAGE = os.sysconf("SC_PAGE_SIZE")


class Process(NamedTuple):
    """A process that can still do something."""

    parent: int
    group: int
    start: int  # clock ticks after boot: with the pid, this very process
    resident_bytes: int
    cpu_ticks: int = 0  # user and system, with those of children that it has waited for


def table() -> dict[int, Process]:
    """All processes of this machine by pid, without zombies."""
    found = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - once a second, so it must cost little
        if name.isdigit() and (process := read(name)) is not None:
            found[int(name)] = process
    return found


def read(pid: int | str) -> Process | None:
    """One process; None when it is gone, or a zombie."""
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        text = os.read(fd, 1024)
    except OSError:
        return None
    finally:
        os.close(fd)
    # proc(5): after the name in parentheses, which may contain anything, come state, parent, group.
    fields = text[text.rfind(b")") + 2 :].split()
    if fields[0] in (b"Z", b"X") and int(fields[17]) <= 1:
        return None  # with more threads, only the first has ended
    ticks = int(fields[11]) + int(fields[12]) + int(fields[13]) + int(fields[14])
    return Process(int(fields[1]), int(fields[2]), int(fields[19]), int(fields[21]) * _PAGE, ticks)


def children(pid: int) -> list[int]:
    """The children of a process, also those that have ended and were not waited for.

    Raises OSError when it is gone, and where the kernel does not list them (proc(5): CONFIG_PROC_CHILDREN).
    """
    found: list[int] = []
    place = f"/proc/{pid}/task"
    for thread in os.listdir(place):  # noqa: PTH208 - as above
        fd = os.open(f"{place}/{thread}/children", os.O_RDONLY | os.O_CLOEXEC)
        try:
            while text := os.read(fd, 65536):  # the kernel ends each read with a whole pid
                found += map(int, text.split())
        finally:
            os.close(fd)
    return found


def below(pid: int) -> dict[int, Process]:
    """A process and all below it, as ``table`` has them: cheaper than the whole table, and what left is not found."""
    found: dict[int, Process] = {}
    todo = [pid]
    while todo:
        one = todo.pop()
        process = read(one)
        if process is None or one in found:
            continue
        found[one] = process
        with suppress(OSError):
            todo += children(one)
    return found


class Job(NamedTuple):
    """Whose processes are wanted: the leader of its group, and the entry in its environment that nobody else has."""

    leader: int
    token: bytes


class Trees:
    """Remembers what belonged to a job, so that it is found again when it has left."""

    def __init__(self, adopter: int) -> None:
        self._adopter = adopter
        self._known: dict[Job, dict[int, int]] = {}  # starts by pid
        self._environments: dict[tuple[int, int], frozenset[bytes]] = {}  # of what was adopted, by pid and start

    def members(self, now: dict[int, Process], jobs: Iterable[Job]) -> dict[Job, list[int]]:
        """The processes of each job among those of the table ``now``."""
        by_leader = {job.leader: job for job in jobs}
        by_token = {job.token: job for job in by_leader.values()}
        children: dict[int, list[int]] = {}
        owner: dict[int, Job] = {}
        for job in by_leader.values():
            for pid, start in self._known.get(job, {}).items():
                if pid in now and now[pid].start == start:
                    owner[pid] = job
        environments = {}
        for pid, process in now.items():
            children.setdefault(process.parent, []).append(pid)
            if process.group in by_leader:
                owner.setdefault(pid, by_leader[process.group])
            elif process.parent == self._adopter and pid not in owner:
                key = pid, process.start
                environments[key] = entries = self._environments.get(key) or environment(pid)
                for token in entries & by_token.keys():
                    owner[pid] = by_token[token]
        self._environments = environments
        todo = list(owner)
        while todo:
            pid = todo.pop()
            for child in children.get(pid, ()):
                if child not in owner:
                    owner[child] = owner[pid]
                    todo.append(child)
        found: dict[Job, list[int]] = {job: [] for job in by_leader.values()}
        for pid, job in owner.items():
            found[job].append(pid)
        for job, pids in found.items():
            self._known[job] = {pid: now[pid].start for pid in pids}
        return found

    def keep(self, jobs: Collection[Job]) -> None:
        """Forget all jobs but these."""
        self._known = {job: known for job, known in self._known.items() if job in jobs}


def environment(pid: int) -> frozenset[bytes]:
    """The entries of a process's environment, as it began; one empty entry when it cannot be read."""
    try:
        fd = os.open(f"/proc/{pid}/environ", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return frozenset((b"",))  # not to be asked again
    try:
        with os.fdopen(fd, "rb") as file:
            return frozenset(file.read().split(b"\0"))
    except OSError:
        return frozenset((b"",))


def resident_bytes(now: dict[int, Process], pids: Iterable[int]) -> int:
    """What processes have in memory, each page counted once for every process that shares it."""
    return sum(now[pid].resident_bytes for pid in pids)


def proportional_bytes(now: dict[int, Process], pids: Iterable[int]) -> int:
    """The same with shared pages divided among those that share them (proc(5): ``Pss``).

    Costly: the kernel walks all their pages. Where it does not tell, a process counts with what is resident.
    """
    return sum(_proportional(pid, now[pid].resident_bytes) for pid in pids)


def _proportional(pid: int, otherwise: int) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:  # noqa: PTH123 - as above
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return otherwise
