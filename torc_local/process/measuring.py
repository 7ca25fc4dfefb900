"""What running jobs use, measured from outside: read from /proc for all jobs of this node at once.

Jobs are found by what they are, not by asking the database: leaders of process groups, started by a runner of ours,
with the token of our workflow in their environment. A job is looked at only when it has lasted, so the shortest cost
nothing; the kernel's sums (wait4) are exact for them.

All jobs are looked at once in an interval. A job that is younger than an interval is looked at, beside that, each time
that its age has doubled: whatever a job does for the second half of its life is seen.

* Memory of a tree of one process is what is resident. Where there are more, pages that they share count once (``Pss``).
* The kernel keeps the largest resident size of each process (``VmHWM``) since it executed its program, so the peak of
  one process is never missed while it lives; that of a whole tree can be, between two samples.
* Processor time is that of all processes with the children that they have waited for. It never goes down: what
  somebody did not wait for would be lost when it ends.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from torc_local.ground import clock
from torc_local.process import trees
from torc_local.process.spawn import TOKEN_VARIABLE
from torc_local.process.trees import Job, Process, Trees
from torc_local.store.usage import Usage

#: A job is not looked at before it is so old.
AGE_S = 0.05

#: What a job uses of processors is compared over so long at least: they are counted in hundredths of a second.
_WINDOW_S = 0.5

_NO_GPUS: Mapping[int, int] = {}

_TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")


class Reading(NamedTuple):
    """One sample of one job."""

    job_id: int
    attempt_id: int
    name: str
    cpu_percent: float  # since the sample before, 100 is one processor
    memory_bytes: int
    num_processes: int
    cpu_s: float
    read_bytes: int
    written_bytes: int
    gpu_memory_bytes: int | None = None


class Tally:
    """What was seen of one attempt so far."""

    __slots__ = (
        "_cpu_s", "_gpu", "_looked", "_mark", "_memory_s", "_most", "_peak", "_peak_cpu", "_read",
        "_source", "_written", "attempt_id", "job_id", "name", "samples", "start",
    )  # fmt: skip

    def __init__(self, job_id: int, attempt_id: int, name: str, start: float) -> None:
        self.job_id, self.attempt_id, self.name = job_id, attempt_id, name
        self.start = self._looked = start  # monotonic, as all moments
        self.samples = 0
        self._peak = self._most = self._read = self._written = 0
        self._cpu_s = self._peak_cpu = 0.0
        self._memory_s = 0.0  # bytes times seconds
        self._mark = start, 0.0  # since when processors are compared, and what was used then
        self._source = "tree"
        self._gpu: int | None = None

    @property
    def doubles_at(self) -> float:
        """When it will be twice as old as when it was looked at last."""
        return self._looked + max(self._looked - self.start, AGE_S)

    def see(
        self, now: float, table: dict[int, Process], pids: list[int], on_gpus: Mapping[int, int] = _NO_GPUS
    ) -> Reading:
        """Take a sample of these processes; ``on_gpus`` are bytes by pid."""
        gpu = sum(on_gpus[pid] for pid in pids if pid in on_gpus) if on_gpus else 0
        if gpu:
            self._gpu = max(self._gpu or 0, gpu)
        many = len(pids) > 1
        memory = trees.proportional_bytes(table, pids) if many else trees.resident_bytes(table, pids)
        largest = max((_high_water(pid) for pid in pids), default=0)
        if memory > self._peak:
            self._peak, self._source = memory, "tree"
        if largest > self._peak:
            self._peak, self._source = largest, "process"
        cpu_s = max(self._cpu_s, sum(table[pid].cpu_ticks for pid in pids) * _TICK_S)
        marked_at, marked_cpu_s = self._mark
        percent = 100 * (cpu_s - marked_cpu_s) / max(now - marked_at, _TICK_S)
        if now - marked_at >= _WINDOW_S:
            self._mark = now, cpu_s
            self._peak_cpu = max(self._peak_cpu, percent)
        read = written = 0
        for pid in pids:
            asked, wrote = _transferred(pid)
            read, written = read + asked, written + wrote
        self._memory_s += memory * (now - self._looked)
        self._cpu_s, self._looked = cpu_s, now
        self._read, self._written = max(self._read, read), max(self._written, written)
        self._most = max(self._most, len(pids))
        self.samples += 1
        return Reading(
            self.job_id,
            self.attempt_id,
            self.name,
            percent,
            memory,
            len(pids),
            cpu_s,
            self._read,
            self._written,
            gpu or None,
        )

    def usage(self, run_id: int) -> Usage:
        """What it comes to."""
        lasted = max(self._looked - self.start, _TICK_S)
        avg_cpu_percent = 100 * self._cpu_s / lasted
        return Usage(
            job_id=self.job_id,
            run_id=run_id,
            attempt_id=self.attempt_id,
            peak_memory_bytes=self._peak,
            avg_memory_bytes=round(self._memory_s / lasted),
            peak_cpu_percent=max(self._peak_cpu, avg_cpu_percent),
            avg_cpu_percent=avg_cpu_percent,
            cpu_s=self._cpu_s,
            most_processes=self._most,
            read_bytes=self._read,
            written_bytes=self._written,
            samples=self.samples,
            source=self._source,
            peak_gpu_memory_bytes=self._gpu,
        )


class Meter:
    """The jobs of one supervisor's runners: ``token`` is that of the database, as in the environment of jobs."""

    def __init__(self, supervisor: int, token: str, workflow_id: int, interval_s: float) -> None:
        self._supervisor = supervisor
        self._prefix = f"{TOKEN_VARIABLE}={token}.{workflow_id}.".encode()
        self._interval_s = interval_s
        self._age_s = min(interval_s, AGE_S)
        self._trees = Trees(supervisor)
        self._known: dict[tuple[int, int], tuple[Job, Tally] | None] = {}  # by pid and start; None: no job of ours
        self._there: set[int] = set()  # children of runners at the last glance
        self._ended: list[Tally] = []

    def look(self, on_gpus: Mapping[int, int] = _NO_GPUS) -> list[Reading]:
        """Take a sample of every job that has lasted; ``on_gpus`` are bytes by pid."""
        table, now = trees.table(), clock.monotonic()
        workers = {pid for pid, process in table.items() if process.parent == self._supervisor}
        known = {}
        for pid, process in table.items():
            if process.group != pid or process.parent not in workers:
                continue
            key = pid, process.start
            if key in self._known:
                known[key] = self._known[key]
            elif now - process.start * _TICK_S >= self._age_s:
                known[key] = self._meet(pid, process)
        self._know(known)
        measured = [one for one in known.values() if one is not None]
        members = self._trees.members(table, [job for job, _ in measured])
        self._trees.keep({job for job, _ in measured})
        return [tally.see(clock.monotonic(), table, members[job], on_gpus) for job, tally in measured]

    def glance(self) -> list[Reading]:
        """Take a sample of the jobs that are young and have become twice as old since the last one.

        Cheap: it asks who the children of the runners are, and looks at no others. A child that was not there the last
        time is left alone, so that the shortest jobs cost no more than their place in a list.

        Raises OSError where the kernel does not say who the children are.
        """
        there: set[int] = set()
        for worker in trees.children(self._supervisor):
            with suppress(OSError):  # it may have ended meanwhile
                there.update(trees.children(worker))
        lasting, self._there = there & self._there, there
        known = {key: one for key, one in self._known.items() if key[0] in there}
        by_pid = {key[0]: key for key in known}
        readings = []
        for pid in lasting:
            now, key = clock.monotonic(), by_pid.get(pid)
            if key is None:
                process = trees.read(pid)
                if process is None or process.group != pid or now - process.start * _TICK_S < self._age_s:
                    continue
                key = pid, process.start
                known[key] = self._meet(pid, process)
            one = known[key]
            if one is not None and one[1].doubles_at <= now < one[1].start + self._interval_s:
                below = trees.below(pid)
                if pid in below and below[pid].start == key[1]:
                    readings.append(one[1].see(now, below, list(below)))
        self._know(known)
        return readings

    def _know(self, known: dict[tuple[int, int], tuple[Job, Tally] | None]) -> None:
        # A glance may meet a job that is too old for it, and that has ended before the next look.
        gone = (one[1] for key, one in self._known.items() if one is not None and key not in known)
        self._ended += [tally for tally in gone if tally.samples]
        self._known = known

    def tallies(self) -> Iterator[Tally]:
        """Of the jobs that run and were seen."""
        return (one[1] for one in self._known.values() if one is not None and one[1].samples)

    def take_ended(self) -> list[Tally]:
        """Of the jobs that have ended since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def _meet(self, pid: int, process: Process) -> tuple[Job, Tally] | None:
        entries = trees.environment(pid)
        token = next((entry for entry in entries if entry.startswith(self._prefix)), None)
        # A recovery script has the token of the attempt that it follows.
        if token is None or any(entry.startswith(b"TORC_RETURN_CODE=") for entry in entries):
            return None
        job_id, _, attempt_id = token[len(self._prefix) :].partition(b".")
        name = next((entry[14:] for entry in entries if entry.startswith(b"TORC_JOB_NAME=")), b"")
        start = process.start * _TICK_S
        return Job(pid, token), Tally(int(job_id), int(attempt_id), name.decode(errors="replace"), start)


def _high_water(pid: int) -> int:
    """The largest resident size of a process since it executed its program; 0 when it is gone."""
    for line in _lines(f"/proc/{pid}/status"):
        if line.startswith(b"VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _transferred(pid: int) -> tuple[int, int]:
    """Bytes that a process and those that it has waited for have read and written, by any call (proc(5): ``io``)."""
    lines = _lines(f"/proc/{pid}/io")
    if len(lines) < 2:  # noqa: PLR2004 - it is gone, or not ours to look at
        return 0, 0
    return int(lines[0].split()[1]), int(lines[1].split()[1])


def _lines(path: str) -> list[bytes]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        return os.read(fd, 4096).splitlines()
    except OSError:
        return []
    finally:
        os.close(fd)
