"""P4, P5 and P9: where the time and the memory of the scale test go, as the tool itself reports it.

P4: from the last end in a round to the first start in the next, through the barrier job, against a job's time from
spawn to end: the median over the jobs of the same run, which is what a job takes while 16 of them share the machine.

P5: idle time, processor time of the coordinator and waits for the lock, each against the wall time of the run times its
number of runner processes.

P9: proportional set size of `run`, its runners and its coordinator (not of the jobs) together, sampled while it runs.
"""

import statistics

from benchmarks import forms
from benchmarks.bench import Bench, query
from benchmarks.results import Band, Figures, Row, Runs

_JOB_SECONDS = "SELECT exec_time_s FROM v_attempts"

#: Fewer samples than this say nothing about a trend.
_FEWEST_SAMPLES = 6


def measure_transition(bench: Bench) -> Figures:
    """P4."""
    seconds = [row[0] for row in query(bench.scale.database, _JOB_SECONDS)]
    return {
        "transition_seconds": bench.scale.report["round_transition_seconds_median"],
        "job_seconds": statistics.median(seconds),
    }


def rows_of_transition(runs: Runs) -> list[Row]:
    """Lines of the table."""
    names = ("transition_seconds", "job_seconds")
    words = "median job of the run"
    what = "round transition, median"
    return [runs.compare("P4", what, names, words, forms.seconds, Band(at_most=10), "under 10")]


def measure_shares(bench: Bench) -> Figures:
    """P5."""
    report, runner_s = bench.scale.report, bench.scale.runner_seconds
    return {
        "idle_share": report["runner_idle_seconds"] / runner_s,
        "coordinator_share": report["coordinator_cpu_seconds"] / runner_s,
        "lock_wait_share": report["lock_wait_seconds_total"] / runner_s,
        "lock_errors": float(report["lock_errors"]),
    }


def rows_of_shares(runs: Runs) -> list[Row]:
    """Lines of the table."""
    limits = (
        ("idle_share", "runners idle, of runner time", 0.02),
        ("coordinator_share", "coordinator CPU, of runner time", 0.05),
        ("lock_wait_share", "waits for the lock, of runner time", 0.05),
    )
    found = [
        runs.judge("P5", what, name, forms.share, Band(at_most=most), f"under {most:.0%}")
        for name, what, most in limits
    ]
    return [*found, runs.judge("P5", "lock errors", "lock_errors", forms.count, Band(at_most=0), "none")]


def measure_memory(bench: Bench) -> Figures:
    """P9. Flat: the last third of the samples against the first third, after what start and end change."""
    samples = [float(one.pss_bytes) for one in bench.scale.run.memory]
    if not samples:
        return {"peak_bytes": "the run ended before it was looked at"}
    steady = samples[1:-1]
    figures: Figures = {"peak_bytes": max(samples), "samples": float(len(samples))}
    if len(steady) < _FEWEST_SAMPLES:
        why = f"only {len(steady)} samples in so short a run"
        return {**figures, "late_bytes": why, "early_bytes": why}
    third = len(steady) // 3
    return {
        **figures,
        "late_bytes": statistics.median(steady[-third:]),
        "early_bytes": statistics.median(steady[:third]),
    }


def rows_of_memory(runs: Runs) -> list[Row]:
    """Lines of the table."""
    late = ("late_bytes", "early_bytes")
    what = "memory (PSS) of all processes"
    return [
        runs.judge("P9", f"{what}, peak", "peak_bytes", forms.size, Band(at_most=200e6), "under 200 MB"),
        runs.compare(
            "P9", "memory, last third", late, "first third", forms.size, Band(at_most=1.1), "flat: at most 1.1"
        ),
    ]
