"""What write contention costs in SQLite, and what helps: experiments to be repeated on one's own machine.

    python -m benchmarks.locks [--quick] [--seconds S] [--rounds N] [--processes N,..] [--only NAME,..] [--json FILE]

Processes take jobs from one database as fast as they can. Each experiment varies one thing and prints a table. Its
variants are measured in turn, in several rounds: figures are medians over the rounds, ``ratio`` is transactions per
second against one process alone in the same round, ``fairness`` the slowest process's share of the mean, waits are
from asking for a transaction to holding the write lock (the longest is that of all rounds), ``CPU ms`` is processor
time per transaction, waiting included. Absolute figures depend on the machine; ratios less so.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import apsw

from benchmarks.locks import table
from benchmarks.locks.bench_database import Templates
from benchmarks.locks.contest import Contest, hold, sync_ms
from benchmarks.locks.experiments import experiments
from benchmarks.locks.settings import Experiment, Variant

_QUICK_S = 0.2


def main() -> None:
    """Measure and print."""
    given = _arguments()
    with (
        tempfile.TemporaryDirectory(prefix="locks-") as side,
        tempfile.TemporaryDirectory(dir=given.directory) as place,
    ):
        # Where the turnstile's side file goes; it must not outlive us, nor lie on the file system that is measured.
        os.environ["XDG_RUNTIME_DIR"] = side
        about = _machine(Path(place), given)
        print(" ".join(f"{key}={value}" for key, value in about.items()), end="\n\n")
        templates = Templates(Path(place))
        document = {"about": about, "experiments": list(_all(given, templates, Path(place) / "contest.db"))}
    if given.json:
        given.json.write_text(json.dumps(document, indent=1) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="under a minute: one short round, at most 16 processes")
    parser.add_argument("--seconds", type=float, help="of each measurement (1)")
    parser.add_argument("--rounds", type=int, help="how often each is repeated (5)")
    parser.add_argument("--processes", type=_numbers, help="how many compete (2,16,64)")
    parser.add_argument(
        "--only", type=lambda text: text.split(","), help="experiments, by the beginnings of their names"
    )
    parser.add_argument("--directory", type=Path, help="where the databases are put; decides which disk is measured")
    parser.add_argument("--json", type=Path, help="write all figures to this file, too")
    given = parser.parse_args()
    given.seconds = given.seconds or (_QUICK_S if given.quick else 1.0)
    given.rounds = given.rounds or (1 if given.quick else 5)
    given.processes = given.processes or ([2, 16] if given.quick else [2, 16, 64])
    return given


def _numbers(text: str) -> list[int]:
    numbers = sorted({int(word) for word in text.split(",")})
    if numbers[0] < 1:
        message = "at least one process"
        raise argparse.ArgumentTypeError(message)
    return numbers


def _machine(directory: Path, given: argparse.Namespace) -> dict[str, Any]:
    return {
        "sqlite": apsw.sqlite_lib_version(),
        "apsw": apsw.apsw_version(),
        "python": platform.python_version(),
        "kernel": platform.system(),
        "processors": os.cpu_count(),
        "fdatasync_ms": round(sync_ms(directory), 3),
        "seconds": given.seconds,
        "rounds": given.rounds,
    }


def _all(given: argparse.Namespace, templates: Templates, path: Path) -> Iterable[dict[str, Any]]:
    for experiment in experiments(given.processes):
        if given.only and not experiment.name.startswith(tuple(given.only)):
            continue
        rounds = [_round(experiment, number, templates, path, given.seconds) for number in range(given.rounds)]
        found = table.lines(experiment, rounds)
        print(table.text(experiment, found), flush=True)
        yield {"name": experiment.name, "title": experiment.title, "lines": found}


def _round(experiment: Experiment, number: int, templates: Templates, path: Path, seconds: float) -> dict[str, Contest]:
    """Every variant once. Every other round goes backwards: what the machine does meanwhile hits all of them alike."""
    variants = [Variant(table.ALONE, experiment.alone), *experiment.variants]
    if number % 2:
        variants.reverse()
    held = {}
    for variant in variants:
        began = time.perf_counter()
        held[variant.name] = hold(templates, path, variant.settings, seconds)
        took = time.perf_counter() - began
        print(f"{experiment.name} round {number + 1}: {variant.name} ({took:.1f} s)", file=sys.stderr)
    return held


if __name__ == "__main__":
    main()
