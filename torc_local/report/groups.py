"""The groups of a workflow: families of jobs (families.py), with how they stand and what their attempts used.

For screens, which must be quick; a report has more (family_figures.py), and reads everything. Times and processor time
are of the attempts that completed, in all runs; memory is of those that failed, too.
"""

import json
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple

from torc_local.ground.states import JobStatus
from torc_local.report.families import families
from torc_local.report.quantiles import MEDIAN, P95, quantile
from torc_local.store import groups, reading
from torc_local.store.database import Database
from torc_local.store.groups import Stretch, Used
from torc_local.store.reading import Requirements

_US = 1e-6

#: With more jobs than these adding up takes longer than somebody wants to wait for a screen.
QUICK = 300_000

#: In hand, and badly ended.
_AT_WORK = (JobStatus.RUNNING, JobStatus.PENDING)
_BAD = (JobStatus.FAILED, JobStatus.TERMINATED, JobStatus.PENDING_FAILED)


class Group(NamedTuple):
    """A family of jobs. Figures are None where nothing is known."""

    name: str  # ``sim_*``, or a single job's own
    jobs: int
    counts: dict[str, int]  # by state, those that any is in
    asks: tuple[Requirements, ...]  # all that any of them has
    samples: int  # attempts that completed
    median_s: float | None
    p95_s: float | None
    longest_s: float | None
    cpu_s: float  # of those that completed
    reserved_cpu_s: float  # of those: time by processors that were asked for
    peak_memory_bytes: int | None
    peak_memory_bound_bytes: int | None  # when an attempt whose peak is not known may have had the largest: its bound
    ended_for_memory: int  # attempts
    ended_for_time: int

    @property
    def completed(self) -> int:
        """Jobs that are done."""
        return self.counts.get(JobStatus.COMPLETED, 0)

    @property
    def at_work(self) -> int:
        """Jobs that a runner has in hand."""
        return sum(self.counts.get(status, 0) for status in _AT_WORK)

    @property
    def failed(self) -> int:
        """Jobs that ran, and did not succeed."""
        return sum(self.counts.get(status, 0) for status in _BAD)

    @property
    def canceled(self) -> int:
        """Jobs that could not run, or that a person canceled."""
        return self.counts.get(JobStatus.CANCELED, 0)

    @property
    def cpu_efficiency(self) -> float | None:
        """Processor time by what was reserved; more than 1 is possible, processors are no limit."""
        return self.cpu_s / self.reserved_cpu_s if self.reserved_cpu_s > 0 else None

    @property
    def asked_memory(self) -> tuple[int, int] | None:
        """The least and the most that any of them asks for, in bytes; None when one does not state it."""
        stated = [one.stated_memory for one in self.asks if one.stated_memory is not None]
        return (min(stated), max(stated)) if stated and len(stated) == len(self.asks) else None

    @property
    def asked_runtime(self) -> tuple[float, float] | None:
        """Likewise, in seconds."""
        stated = [one.stated_runtime for one in self.asks if one.stated_runtime is not None]
        return (min(stated), max(stated)) if stated and len(stated) == len(self.asks) else None


def gather(db: Database, workflow_id: int) -> list[Group]:
    """The groups in the order of their first jobs. Takes about 0.15 s for 100,000 jobs with as many attempts."""
    with db.read():
        roll = groups.roll(db, workflow_id)
        if not roll.jobs:
            return []
        asks = {one.id: one for one in reading.requirements(db, workflow_id)}
        ids, asked = _numbers(roll.ids), _numbers(roll.requirements)
        # Those of a family that ask for the same are added up together.
        parts: dict[tuple[str, int], int] = {}
        stretches: list[Stretch] = []
        found = families((roll.names or "").split("\n"))
        for name, members in found.items():
            stretches += _stretches(name, members, ids, asked, parts)
        keys = list(parts)
        counts: dict[str, dict[str, int]] = {name: {} for name in found}
        for number, status, jobs in groups.standings(db, stretches):
            of = counts[keys[number][0]]
            of[status] = of.get(status, 0) + jobs
        used: dict[str, list[tuple[Requirements, Used]]] = {}
        for one in groups.used(db, stretches):
            name, requirements = keys[one.group]
            used.setdefault(name, []).append((asks[requirements], one))
    by_name: dict[str, list[Requirements]] = {}
    for name, requirements in keys:
        by_name.setdefault(name, []).append(asks[requirements])
    return [_group(name, counts[name], by_name[name], used.get(name, [])) for name in found]


def _numbers(listed: str | None) -> list[int]:
    found: list[int] = json.loads(f"[{listed or ''}]")  # twice as fast as int()
    return found


def _stretches(
    name: str, members: Sequence[int], ids: Sequence[int], asked: Sequence[int], parts: dict[tuple[str, int], int]
) -> Iterable[Stretch]:
    """Where the jobs of a family lie: side by side, as long as they ask for the same."""
    first = last = requirements = -1
    for index in members:
        if ids[index] == last + 1 and asked[index] == requirements:
            last += 1
            continue
        if last >= 0:
            yield Stretch(first, last, parts.setdefault((name, requirements), len(parts)))
        first = last = ids[index]
        requirements = asked[index]
    yield Stretch(first, last, parts.setdefault((name, requirements), len(parts)))


def _group(
    name: str, counts: dict[str, int], asks: Sequence[Requirements], used: Sequence[tuple[Requirements, Used]]
) -> Group:
    times = [(asks.num_cpus, _numbers(one.durations_us)) for asks, one in used]
    durations = sorted(chain.from_iterable(some for _, some in times))
    peak = max((one.peak_memory_bytes for _, one in used), default=0)
    bound = max((one.bound_bytes for _, one in used), default=0)
    return Group(
        name=name,
        jobs=sum(counts.values()),
        counts=counts,
        asks=tuple(asks),
        samples=len(durations),
        median_s=_US * quantile(durations, MEDIAN) if durations else None,
        p95_s=_US * quantile(durations, P95) if durations else None,
        longest_s=_US * durations[-1] if durations else None,
        cpu_s=sum(one.cpu_s for _, one in used),
        reserved_cpu_s=_US * sum(cpus * sum(some) for cpus, some in times),
        peak_memory_bytes=peak if peak and peak >= bound else None,
        peak_memory_bound_bytes=bound if bound > peak else None,
        ended_for_memory=sum(one.ended_for_memory for _, one in used),
        ended_for_time=sum(one.ended_for_time for _, one in used),
    )


def document(group: Group) -> dict[str, Any]:
    """A group as a JSON item of ``status``."""
    memory, runtime = group.asked_memory, group.asked_runtime
    efficiency = group.cpu_efficiency
    return {
        "name": group.name,
        "jobs": group.jobs,
        "jobs_by_status": group.counts,
        "samples": group.samples,
        "exec_time_seconds": {"median": group.median_s, "p95": group.p95_s, "maximum": group.longest_s},
        "cpu_time_seconds": group.cpu_s,
        "cpu_efficiency_percent": None if efficiency is None else 100 * efficiency,
        "peak_memory_bytes": group.peak_memory_bytes,
        "peak_memory_at_most_bytes": group.peak_memory_bound_bytes,
        "attempts_ended_for_memory": group.ended_for_memory,
        "attempts_ended_for_runtime": group.ended_for_time,
        "resource_requirements": [one.name for one in group.asks],
        "asked_cpus": max(one.num_cpus for one in group.asks),
        "asked_memory_bytes": None if memory is None else memory[1],
        "asked_runtime_seconds": None if runtime is None else runtime[1],
    }
