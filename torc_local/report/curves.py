"""``plot``: what jobs and nodes used over time, as lines for a terminal and as rows for programs."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from torc_local.report.text import duration, iso, plural, printable, shortened, size
from torc_local.store.samples import Series

JOB, NODE, GPU = "job", "node", "gpu"

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII = "_.-:=+*#"
_NARROWEST = 8

# "  memory  " before a curve, and what stands after it.
_BEFORE = 10
_AFTER = 34


class Curve(NamedTuple):
    """What one job, or one node, used: lists of the same length, in the order of time."""

    kind: str  # job, node or gpu
    node: str
    run_id: int
    job_id: int | None
    name: str  # of the job or node, or the UUID of the GPU
    attempts: list[int | None]
    times: list[int]  # seconds since the epoch
    cpu_percent: list[float | None]  # of a job 100 is one processor, of a node all of them; of a GPU its own
    memory_bytes: list[int | None]
    counts: list[int]  # of processes, or of jobs that run

    @property
    def peak_memory_bytes(self) -> int:
        """The largest sample."""
        return max((value for value in self.memory_bytes if value is not None), default=0)

    @property
    def lasted_s(self) -> int:
        """From the first sample to the last."""
        return self.times[-1] - self.times[0]


def curves(series: Series, *, node: str, run_id: int, since: float = 0) -> list[Curve]:
    """The curves of one file, that of its node first; what is older than ``since`` is not of this workflow."""
    jobs: dict[int, Curve] = {}
    for one in series.jobs:
        if one.timestamp < since:
            continue
        curve = jobs.get(one.job_id)
        if curve is None:
            name = series.names.get(one.job_id, f"job {one.job_id}")
            curve = jobs[one.job_id] = Curve(JOB, node, run_id, one.job_id, name, [], [], [], [], [])
        curve.attempts.append(one.attempt_id)
        curve.times.append(one.timestamp)
        curve.cpu_percent.append(one.cpu_percent)
        curve.memory_bytes.append(one.memory_bytes)
        curve.counts.append(one.num_processes)
    nodes = [one for one in series.nodes if one.timestamp >= since]
    whole = Curve(
        NODE,
        node,
        run_id,
        None,
        node,
        [None] * len(nodes),
        [one.timestamp for one in nodes],
        [one.cpu_percent for one in nodes],
        [one.memory_bytes for one in nodes],
        [one.num_jobs for one in nodes],
    )
    return [*([whole] if nodes else []), *_of_gpus(series, node, run_id, since), *jobs.values()]


def _of_gpus(series: Series, node: str, run_id: int, since: float) -> list[Curve]:
    found: dict[str, Curve] = {}
    for one in series.gpus:
        if one.timestamp >= since:
            curve = found.setdefault(one.gpu, Curve(GPU, node, run_id, None, one.gpu, [], [], [], [], []))
            curve.attempts.append(None)
            curve.times.append(one.timestamp)
            curve.cpu_percent.append(one.gpu_percent)
            curve.memory_bytes.append(one.memory_bytes)
            curve.counts.append(0)
    return list(found.values())


def largest(found: Iterable[Curve], limit: int | None) -> list[Curve]:
    """The curves of nodes and GPUs, and at most ``limit`` of jobs, those with the most memory first."""
    listed = list(found)
    jobs = sorted((one for one in listed if one.kind == JOB), key=lambda one: -one.peak_memory_bytes)
    return [*(one for one in listed if one.kind != JOB), *jobs[:limit]]


#: The columns of ``items``.
COLUMNS = (
    "kind", "node", "run_id", "job_id", "job_name", "attempt_id", "time", "timestamp", "cpu_percent", "memory_bytes",
    "num_processes", "num_jobs", "gpu", "gpu_percent",
)  # fmt: skip


def items(found: Iterable[Curve]) -> Iterator[dict[str, Any]]:
    """A row for each sample."""
    for one in found:
        is_job = one.kind == JOB
        for attempt, at, cpu, memory, count in zip(
            one.attempts, one.times, one.cpu_percent, one.memory_bytes, one.counts, strict=True
        ):
            yield {
                "kind": one.kind,
                "node": one.node,
                "run_id": one.run_id,
                "job_id": one.job_id,
                "job_name": one.name if is_job else None,
                "attempt_id": attempt,
                "time": iso(at),
                "timestamp": at,
                "cpu_percent": None if one.kind == GPU else cpu,
                "memory_bytes": memory,
                "num_processes": count if is_job else None,
                "num_jobs": count if one.kind == NODE else None,
                "gpu": one.name if one.kind == GPU else None,
                "gpu_percent": cpu if one.kind == GPU else None,
            }


def screen(found: Sequence[Curve], *, width: int, plain: bool = False) -> list[str]:
    """Lines of at most ``width`` characters; ``plain``: only ASCII beside names."""
    lines: list[str] = []
    for one in found:
        lines += ["", shortened(heading(one), width)] if lines else [shortened(heading(one), width)]
        lines += _line("gpu" if one.kind == GPU else "cpu", one.times, one.cpu_percent, percent, width, plain=plain)
        lines += _line("memory", one.times, one.memory_bytes, size_of, width, plain=plain)
    return lines


def heading(one: Curve) -> str:
    """What a curve is of."""
    samples = f"{plural(len(one.times), 'sample')} in {duration(float(one.lasted_s))}"
    if one.kind == NODE:
        return f"node {printable(one.name)}   run {one.run_id}   {samples}"
    if one.kind == GPU:
        return f"{printable(one.name)} on {printable(one.node)}   run {one.run_id}   {samples}"
    tries = sorted({attempt for attempt in one.attempts if attempt is not None})
    attempt = "" if tries in ([], [1]) else f"   {'attempts' if len(tries) > 1 else 'attempt'} {_listed(tries)}"
    return f"{printable(one.name)} ({one.job_id})   on {printable(one.node)}{attempt}   {samples}"


def _listed(numbers: Sequence[int]) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"


def percent(value: float) -> str:
    """Percent without digits after the point."""
    return f"{value:.0f}%"


def size_of(value: float) -> str:
    """Bytes, as text."""
    return size(round(value))


def _line(
    what: str,
    times: Sequence[int],
    values: Sequence[float | None],
    show: Callable[[float], str],
    width: int,
    *,
    plain: bool,
) -> list[str]:
    known = [value for value in values if value is not None]
    if not known:
        return []
    room = max(width - _BEFORE - _AFTER, _NARROWEST)
    drawn = spark(stretched(binned(times, values, room), room), plain=plain)
    after = f"peak {show(max(known))}  mean {show(mean(times, values))}"
    return [shortened(f"  {what:<6}  {drawn:<{room}}  {after}", width)]


def binned(times: Sequence[int], values: Sequence[float | None], count: int) -> list[float]:
    """The largest value of each of at most ``count`` equal parts of the time; where none was taken, the one before."""
    span = times[-1] - times[0] + 1
    count = min(count, span)
    found: list[float | None] = [None] * count
    for at, value in zip(times, values, strict=True):
        if value is not None:
            place = (at - times[0]) * count // span
            before = found[place]
            found[place] = value if before is None else max(before, value)
    last = next((value for value in found if value is not None), 0.0)
    filled = []
    for one in found:
        last = last if one is None else one
        filled.append(last)
    return filled


def stretched(values: Sequence[float], room: int) -> list[float]:
    """Few values, each repeated as often as there is room, up to four times: what is short is still a curve."""
    times = min(room // max(len(values), 1), 4)
    return [value for value in values for _ in range(times)]


def mean(times: Sequence[int], values: Sequence[float | None]) -> float:
    """Over time: each value holds from the sample before it."""
    pairs = [(at, value) for at, value in zip(times, values, strict=True) if value is not None]
    lasted = pairs[-1][0] - pairs[0][0]
    if lasted <= 0:
        return sum(value for _, value in pairs) / len(pairs)
    weighed = ((at - before) * value for (before, _), (at, value) in pairwise(pairs))
    return sum(weighed) / lasted


def spark(values: Sequence[float], *, plain: bool) -> str:
    """One character for each value, from nothing to the largest."""
    steps = _ASCII if plain else _BLOCKS
    top = max(values, default=0.0) or 1.0
    return "".join(steps[min(int(value / top * len(steps)), len(steps) - 1)] for value in values)


def together(found: Iterable[Curve]) -> Curve | None:
    """All jobs of one node as one curve: what was seen of each counts until the next sample of it, or its last.

    None for fewer than two jobs.
    """
    jobs = [one for one in found if one.kind == JOB]
    if len(jobs) < 2:  # noqa: PLR2004 - the curve of one job is there already
        return None
    changes: dict[int, list[tuple[int, float, int]]] = {}  # by time: differences of jobs, processors and memory
    for one in jobs:
        cpu, memory = 0.0, 0
        for index, at in enumerate(one.times):
            now_cpu, now_memory = one.cpu_percent[index] or 0.0, one.memory_bytes[index] or 0
            changes.setdefault(at, []).append((1 if index == 0 else 0, now_cpu - cpu, now_memory - memory))
            cpu, memory = now_cpu, now_memory
        changes.setdefault(one.times[-1] + 1, []).append((-1, -cpu, -memory))
    running, cpu_sum, memory_sum = 0, 0.0, 0
    first = jobs[0]
    whole = Curve(NODE, first.node, first.run_id, None, f"{first.node}, its {plural(len(jobs), 'job')} together",
                  [], [], [], [], [])  # fmt: skip
    for at in sorted(changes):
        for jobs_more, cpu_more, memory_more in changes[at]:
            running, cpu_sum, memory_sum = running + jobs_more, cpu_sum + cpu_more, memory_sum + memory_more
        whole.attempts.append(None)
        whole.times.append(at)
        whole.cpu_percent.append(max(cpu_sum, 0.0))
        whole.memory_bytes.append(memory_sum)
        whole.counts.append(running)
    return whole
