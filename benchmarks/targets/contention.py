"""P6: processes that claim single jobs as fast as they can, nothing spawned.

`run --contention --batch 1` with a runner process for each; every transaction settles a job and claims the next. The
limit is one process alone that updates a row of the same table and commits, measured right before and after.
"""

from benchmarks import forms, limits, tool, workloads
from benchmarks.bench import Bench
from benchmarks.results import Band, Figures, Row, Runs

_LIMIT_S = 1.0
_LONGEST_P99_S = {16: 0.05, 64: 0.25}


def measure(bench: Bench) -> Figures:
    """The limit and the processes in turn."""
    count, place = bench.sizes.contention_jobs, bench.place / "claims"
    tool.create(workloads.write(workloads.independent(count), place), place / "ready.db")
    figures: Figures = {}
    for runners in bench.sizes.contention_runners:
        before = limits.claims_per_second(place / "ready.db", place / f"before{runners}.db", _LIMIT_S)
        report = bench.contend(runners, 1, count)
        after = limits.claims_per_second(place / "ready.db", place / f"after{runners}.db", _LIMIT_S)
        jobs = report["jobs_ended"]
        figures |= {
            f"{runners}_claims_per_second": report["throughput_jobs_per_second"],
            f"{runners}_limit_per_second": (before + after) / 2,
            f"{runners}_slowest_jobs": float(report["jobs_per_runner"]["min"]),
            f"{runners}_mean_jobs": jobs / report["runner_count"],
            f"{runners}_p99_seconds": report["lock_wait_seconds_p99"],
            f"{runners}_lock_errors": float(report["lock_errors"]),
        }
    return figures


def rows(runs: Runs) -> list[Row]:
    """Lines of the table."""
    found = []
    for runners, longest in _LONGEST_P99_S.items():
        who = f"{runners} processes"
        claims = (f"{runners}_claims_per_second", f"{runners}_limit_per_second")
        fairness = (f"{runners}_slowest_jobs", f"{runners}_mean_jobs")
        at_least = "at least {:g}"
        found += [
            runs.compare(
                "P6",
                f"{who}: claims",
                claims,
                "one alone",
                forms.rate,
                Band(at_least=0.4),
                at_least.format(0.4),
            ),
            runs.compare(
                "P6",
                f"{who}: jobs of the slowest",
                fairness,
                "mean",
                forms.count,
                Band(at_least=0.5),
                at_least.format(0.5),
            ),
            runs.judge(
                "P6",
                f"{who}: wait for the lock, p99",
                f"{runners}_p99_seconds",
                forms.seconds,
                Band(at_most=longest),
                f"under {longest * 1e3:.0f} ms",
            ),
            runs.judge("P6", f"{who}: lock errors", f"{runners}_lock_errors", forms.count, Band(at_most=0), "none"),
        ]
    return found
