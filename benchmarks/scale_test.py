"""The scale test against the limits of this machine, in one run.

    python -m benchmarks.scale_test [--size JOBS_PER_ROUND] [--jobs N] [--runs N] [--json FILE]

Prints one table: figure, limit, ratio, target. Ratios are what counts: absolute times depend on the machine.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import limits

ROUNDS = 4


def barrier_spec(size: int) -> dict[str, Any]:
    """The scale test with ``size`` jobs in each of its rounds."""
    jobs: list[dict[str, Any]] = []
    for number in range(1, ROUNDS + 1):
        jobs.append(
            {
                "name": f"r{number}_{{i:05d}}",
                "command": f"echo round {number} job {{i}}",
                "parameters": {"i": f"1:{size}"},
                **({"depends_on": [f"barrier_r{number - 1}"]} if number > 1 else {}),
            }
        )
        jobs.append({"name": f"barrier_r{number}", "command": "echo done", "depends_on_regexes": [f"^r{number}_"]})
    return {"name": "scale_test", "jobs": jobs}


def layers_spec(size: int, *, barrier: bool) -> dict[str, Any]:
    """Two layers of ``size`` jobs, each of the second waiting for all of the first; with or without a barrier job."""
    first = {"name": "a_{i:05d}", "command": "echo a {i}", "parameters": {"i": f"1:{size}"}}
    second = {"name": "b_{i:05d}", "command": "echo b {i}", "parameters": {"i": f"1:{size}"}}
    if barrier:
        middle = {"name": "barrier", "command": "echo barrier", "depends_on_regexes": ["^a_"]}
        return {"name": "with_barrier", "jobs": [first, middle, {**second, "depends_on": ["barrier"]}]}
    return {"name": "all_to_all", "jobs": [first, {**second, "depends_on_regexes": ["^a_"]}]}


def torc(*words: str) -> tuple[float, str]:
    """Run the command line as a process: seconds, and what it printed."""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "torc_local", *words], stdout=subprocess.PIPE, text=True, check=True)
    return time.perf_counter() - began, done.stdout


def creation(spec: dict[str, Any], place: Path) -> tuple[float, Path]:
    """Seconds of a whole `create` process, and the database that it made."""
    place.mkdir()
    file, database = place / "workflow.json", place / "torc.db"
    file.write_text(json.dumps(spec))
    seconds, _ = torc("create", str(file), "--db", str(database))
    return seconds, database


def one_run(size: int, jobs: int, place: Path) -> dict[str, float]:
    """All figures of one run, limits measured right before and after."""
    spec = barrier_spec(size)
    create_s, database = creation(spec, place / "scale")
    rows_s = limits.rows_in_one_transaction(database, place / "copy.db")
    barrier_s, with_barrier = creation(layers_spec(size, barrier=True), place / "barrier")
    all_to_all_s, without = creation(layers_spec(size, barrier=False), place / "all")
    created_bytes = database.stat().st_size
    echo = shutil.which("echo") or "/bin/echo"
    commands = [[echo, "round", "1", "job", str(i)] for i in range(min(ROUNDS * size, 20_000))]
    before = limits.spawns_per_second(commands, os.cpu_count() or 1)
    torc("run", "1", "-j", str(jobs), "--db", str(database), "-o", str(place / "out"), "--progress", "none")
    after = limits.spawns_per_second(commands, os.cpu_count() or 1)
    report = json.loads(torc("report", "scale", "--db", str(database), "-f", "json")[1])
    return {
        "jobs_per_second": report["throughput_jobs_per_second"],
        "spawn_limit_per_second": (before + after) / 2,
        "creation_seconds": create_s,
        "rows_seconds": rows_s,
        "database_bytes": float(created_bytes),
        "all_to_all_seconds": all_to_all_s,
        "barrier_seconds": barrier_s,
        "all_to_all_bytes": float(without.stat().st_size),
        "barrier_bytes": float(with_barrier.stat().st_size),
        "round_transition_seconds": report["round_transition_seconds_median"],
        "idle_fraction": report["runner_idle_fraction"],
        "lock_wait_fraction": report["lock_wait_seconds_total"] / (report["total_wall_seconds"] * jobs),
        "coordinator_fraction": report["coordinator_cpu_seconds"] / report["total_wall_seconds"],
        "lock_errors": report["lock_errors"],
    }


def table(runs: list[dict[str, float]]) -> list[tuple[str, str, str, str]]:
    """Rows: what, figure, against, ratio with its target. Medians over the runs, ratios taken within each run."""

    def median(name: str) -> float:
        return statistics.median(run[name] for run in runs)

    def ratio(above: str, below: str) -> float:
        return statistics.median(run[above] / run[below] for run in runs)

    return [
        (
            "throughput",
            f"{median('jobs_per_second'):,.0f} jobs/s",
            f"bare spawns {median('spawn_limit_per_second'):,.0f}/s",
            f"{ratio('jobs_per_second', 'spawn_limit_per_second'):.2f}  (at least 0.8)",
        ),
        (
            "creation, whole process",
            f"{median('creation_seconds'):.2f} s",
            f"same rows, one transaction {median('rows_seconds'):.2f} s",
            f"{ratio('creation_seconds', 'rows_seconds'):.1f}  (at most 3; under 3 s)",
        ),
        ("database after creation", f"{median('database_bytes') / 1e6:.1f} MB", "", "(under 15 MB)"),
        (
            "all-to-all, no barrier job",
            f"{median('all_to_all_seconds'):.2f} s",
            f"with a barrier job {median('barrier_seconds'):.2f} s",
            f"{ratio('all_to_all_seconds', 'barrier_seconds'):.2f}  (at most 1.3)",
        ),
        ("round transition, median", f"{median('round_transition_seconds') * 1e3:.1f} ms", "", ""),
        ("runners idle", f"{median('idle_fraction'):.1%}", "runner time", "(under 2 %)"),
        ("waiting for the lock", f"{median('lock_wait_fraction'):.1%}", "runner time", "(under 5 %)"),
        ("coordinator", f"{median('coordinator_fraction'):.1%}", "one processor", "(under 5 %)"),
        ("lock errors", f"{max(run['lock_errors'] for run in runs):.0f}", "", "(none)"),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=25_000, help="jobs in each of the four rounds")
    parser.add_argument("--jobs", type=int, default=16)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    runs = []
    for number in range(given.runs):
        print(f"run {number + 1} of {given.runs} ...", file=sys.stderr)
        with tempfile.TemporaryDirectory() as place:
            runs.append(one_run(given.size, given.jobs, Path(place)))
    rows = table(runs)
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    if given.json:
        given.json.write_text(json.dumps(runs, indent=1) + "\n")


if __name__ == "__main__":
    main()
