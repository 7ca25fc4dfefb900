"""P7: ten and a hundred times as many jobs cost the same each.

Creation: the tool's own figure, from reading the file to just before commit, so that starting Python does not make few
jobs look expensive. Claims: `run --contention` in batches, first claim to last settle. Memory: largest resident set of
the `create` process (wait4), and proportional set sizes of all processes of the run. Queries: whole processes, on
databases whose jobs are all ready.
"""

import statistics
from pathlib import Path

from benchmarks import forms, tool, workloads
from benchmarks.bench import Bench
from benchmarks.results import Band, Figures, NotMeasuredError, Row, Runs

_RUNNERS = 4
_MOST_BYTES = 1e9

_QUERIES = {
    "status": ("status",),
    "jobs --limit 20": ("jobs", "--limit", "20"),
    "jobs --failed": ("jobs", "--failed"),
}


def measure(bench: Bench) -> Figures:
    """Each size from small to large."""
    figures: Figures = {}
    databases: dict[int, Path] = {}
    for count in bench.sizes.growth:
        place = bench.place / f"growth{count}"
        spec = workloads.write(workloads.independent(count), place)
        # Small ones are repeated: they take so little time that chance would decide.
        repetitions = bench.sizes.repetitions if count <= min(bench.sizes.growth) else 1
        bench.say(f"{count:,} independent jobs: creation")
        costs = []
        for number in range(repetitions):
            databases[count] = place / f"torc{number}.db"
            created = tool.create(spec, databases[count])
            costs.append(tool.scale_report(databases[count])["creation_seconds"] / count)
            figures[f"creation_bytes {count}"] = float(created.peak_bytes)
        figures[f"creation_seconds {count}"] = statistics.median(costs)
        bench.say(f"{count:,} independent jobs: claims")
        figures |= _claims(bench, spec, count, repetitions)
    bench.say("queries")
    return figures | _query_seconds(databases, bench.sizes.repetitions) | _spans(figures, bench.sizes.growth)


def _claims(bench: Bench, spec: Path, count: int, repetitions: int) -> Figures:
    costs: list[float] = []
    peak = 0.0
    try:
        for _ in range(repetitions):
            every_s = bench.sizes.sample_every_s
            done = tool.contention(spec.parent, _RUNNERS, spec, batch=None, sample_every_s=every_s)
            costs.append(1 / done.document["throughput_jobs_per_second"])
            peak = max([peak, *(float(one.pss_bytes) for one in done.memory)])
    except NotMeasuredError as error:
        return {f"claim_seconds {count}": str(error), f"run_bytes {count}": str(error)}
    return {f"claim_seconds {count}": statistics.median(costs), f"run_bytes {count}": peak}


def _query_seconds(databases: dict[int, Path], repetitions: int) -> Figures:
    """Medians; the sizes in turn, so that a slow moment of the machine meets all of them."""
    figures: Figures = {}
    few, many = min(databases), max(databases)
    for name, words in _QUERIES.items():
        seconds: dict[int, list[float]] = {few: [], many: []}
        for _ in range(repetitions + 1):
            for count, taken in seconds.items():
                taken.append(tool.torc(*words, "--db", databases[count]).seconds)
        figures[f"few {name}"] = statistics.median(seconds[few])
        figures[f"many {name}"] = statistics.median(seconds[many])
    return figures


def _spans(figures: Figures, growth: tuple[int, ...]) -> Figures:
    """The dearest and the cheapest of the sizes."""
    spans: Figures = {"few": float(min(growth)), "many": float(max(growth))}
    for name in ("creation_seconds", "claim_seconds"):
        values = [figures[f"{name} {count}"] for count in growth]
        known = [value for value in values if not isinstance(value, str)]
        if len(known) == len(values):
            spans |= {f"{name} dearest": max(known), f"{name} cheapest": min(known)}
        else:
            spans[f"{name} dearest"] = next(value for value in values if isinstance(value, str))
    for name in ("creation_bytes", "run_bytes"):
        spans[name] = figures[f"{name} {max(growth)}"]
    return spans


def rows(runs: Runs) -> list[Row]:
    """Lines of the table."""
    few, many = forms.count(runs.median("few")), forms.count(runs.median("many"))
    flat, most = Band(at_most=1.3), "at most 1.3"
    found = [
        runs.compare(
            "P7",
            f"{what} a job, dearest of {few} to {many}",
            (f"{name} dearest", f"{name} cheapest"),
            "cheapest",
            forms.seconds,
            flat,
            most,
        )
        for what, name in (("creation", "creation_seconds"), ("claim", "claim_seconds"))
    ]
    found += [
        runs.judge("P7", f"memory of {what}, {many} jobs", name, forms.size, Band(at_most=_MOST_BYTES), "under 1 GB")
        for what, name in (("`create`", "creation_bytes"), ("`run`, all processes", "run_bytes"))
    ]
    for name in _QUERIES:
        names = (f"many {name}", f"few {name}")
        found.append(runs.compare("P7", f"`{name}`, {many} jobs", names, few, forms.seconds, flat, f"flat: {most}"))
    return found
