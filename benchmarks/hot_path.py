"""Where a runner's processor time goes: the scale test with each runner under Python's deterministic profiler.

Prints the functions that took the most processor time, callees not included, as shares of all that the runners used.
System calls and SQLite appear under the names by which Python calls them. The profiler makes everything slower, small
functions most, so shares of small functions are upper bounds.

    python -m benchmarks.hot_path [SIZE]

SIZE is the number of jobs in each of the four rounds (5,000 when not given).
"""

import cProfile
import os
import pstats
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import workloads
from torc_local.cli.main import main
from torc_local.process import workers
from torc_local.process.runner import Setup

_LINES = 25
_OURS = "torc_local"


def profiled(directory: Path, size: int) -> pstats.Stats:
    """Run the scale test in this process tree; what all runners did, by processor time."""
    spec = workloads.write(workloads.barrier_spec(size), directory / "spec")
    plain = workers.run_runner

    def run_runner(setup: Setup, parent: int) -> None:
        # Runners are forked from here, and leave by os._exit.
        profiler = cProfile.Profile(time.process_time)
        leave = os._exit

        def leave_with_profile(code: int) -> None:
            profiler.disable()
            profiler.dump_stats(directory / f"{os.getpid()}.profile")
            leave(code)

        os._exit = leave_with_profile  # type: ignore[assignment]
        profiler.enable()
        plain(setup, parent)

    workers.run_runner = run_runner
    code = main(["run", str(spec), "-j", "16", "--db", str(directory / "torc.db"), "-o", str(directory / "out")])
    if code != 0:
        sys.exit(f"the run ended with {code}")
    return pstats.Stats(*map(str, directory.glob("*.profile")))


def lines(stats: pstats.Stats) -> list[str]:
    """The table."""
    table = stats.stats  # type: ignore[attr-defined] # has no other way to be read
    total = sum(own for _, _, own, _, _ in table.values())
    dearest = sorted(table.items(), key=lambda item: -item[1][2])
    found = [f"{'share':>6}  {'us a call':>9}  {'calls':>9}  function"]
    for (file, line, name), (_, calls, own, _, _) in dearest[:_LINES]:
        place = f"{file[file.rindex(_OURS) :]}:{line} {name}" if _OURS in file else name.strip("<>")
        found.append(f"{own / total:6.1%}  {own / calls * 1e6:9.1f}  {calls:9,}  {place}")
    ours = max(own for (file, _, _), (_, _, own, _, _) in table.items() if _OURS in file)
    found.append(f"\ndearest function of ours: {ours / total:.1%} of {total:.1f} s")
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="torc-local-") as scratch:
        stats = profiled(Path(scratch), int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
    print("\n".join(lines(stats)))
