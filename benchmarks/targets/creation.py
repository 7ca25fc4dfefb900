"""P2 and P3: what it costs to store a workflow.

Whole processes of `torc-local create`, from start to exit. The limit is the same rows through one connection in one
transaction. Creations are repeated in turn with what they are compared with, and medians taken.
"""

import statistics
from pathlib import Path

from benchmarks import forms, limits, tool, workloads
from benchmarks.bench import Bench
from benchmarks.results import Band, Figures, Row, Runs

_REPETITIONS = 3


def measure_scale_test(bench: Bench) -> Figures:
    """P2: creation of the scale test."""
    spec_of = workloads.barrier_spec(bench.sizes.round_jobs)
    bench.say(f"creation of the scale test, {_REPETITIONS} times")
    ours, limit, size = [], [], 0
    for number in range(_REPETITIONS):
        place = bench.place / f"creation{number}"
        done, database = _created(spec_of, place)
        size = database.stat().st_size
        ours.append(done.seconds)
        limit.append(limits.rows_in_one_transaction(database, place / "copy.db"))
    return {
        "creation_seconds": statistics.median(ours),
        "rows_seconds": statistics.median(limit),
        "database_bytes": float(size),
    }


def rows_of_scale_test(runs: Runs) -> list[Row]:
    """Lines of the table."""
    names = ("creation_seconds", "rows_seconds")
    words = "same rows, one transaction"
    what = "creation of the scale test"
    return [
        runs.compare("P2", what, names, words, forms.seconds, Band(at_most=3), "at most 3"),
        runs.judge("P2", "database after it", "database_bytes", forms.size, Band(at_most=12e6), "under 12 MB"),
    ]


def measure_all_to_all(bench: Bench) -> Figures:
    """P3: two layers, all to all, without and with a barrier job between them."""
    size = bench.sizes.round_jobs
    bench.say(f"creation of {size:,} x {size:,} all-to-all and of the same with a barrier, {_REPETITIONS} times")
    seconds: dict[bool, list[float]] = {True: [], False: []}
    sizes: dict[bool, int] = {}
    for number in range(_REPETITIONS):
        for barrier in (False, True):
            spec = workloads.layers_spec(size, barrier=barrier)
            done, database = _created(spec, bench.place / f"layers{number}{barrier}")
            seconds[barrier].append(done.seconds)
            sizes[barrier] = database.stat().st_size
    return {
        "all_to_all_seconds": statistics.median(seconds[False]),
        "barrier_seconds": statistics.median(seconds[True]),
        "all_to_all_bytes": float(sizes[False]),
        "barrier_bytes": float(sizes[True]),
    }


def rows_of_all_to_all(runs: Runs) -> list[Row]:
    """Lines of the table."""
    words = "with a barrier job"
    time, space = ("all_to_all_seconds", "barrier_seconds"), ("all_to_all_bytes", "barrier_bytes")
    return [
        runs.compare("P3", "creation of all-to-all", time, words, forms.seconds, Band(at_most=1.3), "at most 1.3"),
        runs.compare("P3", "database after it", space, words, forms.size, Band(at_most=1.2), "at most 1.2"),
    ]


def _created(spec: workloads.Spec, place: Path) -> tuple[tool.Done, Path]:
    database = place / "torc.db"
    return tool.create(workloads.write(spec, place), database), database
