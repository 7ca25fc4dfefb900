"""P10: how long a command takes that has little to do.

Whole processes of `--help` and of `status` on the finished scale test, in turn with `python -c pass`; medians. The
queries of `status` are timed in this process, on a connection of their own.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import forms, tool
from benchmarks.bench import Bench
from benchmarks.results import Band, Figures, NotMeasuredError, Row, Runs

_TIMES = 3


def measure(bench: Bench) -> Figures:
    """The three of them in turn."""
    database = bench.scale.database
    bench.say("start-up of --help and status")
    seconds: dict[str, list[float]] = {"python": [], "help": [], "status": [], "queries": []}
    for _ in range(2 * bench.sizes.repetitions + 1):
        seconds["python"].append(_python_seconds())
        seconds["help"].append(tool.torc("--help").seconds)
        seconds["status"].append(tool.torc("status", "--db", database).seconds)
        seconds["queries"].append(_query_seconds(database))
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        **{f"{name}_seconds": value for name, value in medians.items()},
        "status_allowed_seconds": _TIMES * medians["python"] + medians["queries"],
    }


def _python_seconds() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - began


def _query_seconds(database: Path) -> float:
    # Imported here: whatever else is measured does not depend on the inside of the tool.
    from torc_local.report import status  # noqa: PLC0415
    from torc_local.store import opening, workflows  # noqa: PLC0415

    with opening.open_read_only(database) as db:
        began = time.perf_counter()
        workflow = workflows.get(db, 1)
        if workflow is None:
            raise NotMeasuredError("the scale test is not in its database")
        status.gather(db, workflow)
        return time.perf_counter() - began


def rows(runs: Runs) -> list[Row]:
    """Lines of the table."""
    words = f"{_TIMES} x `python -c pass` + queries"
    allowed = ("status_seconds", "status_allowed_seconds")
    return [
        runs.compare("P10", "`status`, scale test", allowed, words, forms.seconds, Band(at_most=1), "at most 1"),
        runs.compare("P10", "`--help`", ("help_seconds", "python_seconds"), "`python -c pass`", forms.seconds, Band()),
        runs.judge("P10", "queries of `status`", "queries_seconds", forms.seconds, Band()),
    ]
