"""Four groups of sixteen runners on the scale test, as four nodes: the protocol of shared file systems against the log.

    python -m benchmarks.four_nodes [SIZE] [--runs N] [--place DIR]

SIZE is the number of jobs in each of the four rounds (25,000 when not given: the whole scale test). Each run is
made with ``--shared`` and with ``--local``, in turn, on the same file system. With ``--shared`` each group has a host
name of its own (which needs root), so that it is a node with its own turnstile; with ``--local`` all are on one node,
because the write-ahead log is memory of one machine. Prints throughput, write transactions, waits, and the ratio.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import tool, workloads
from benchmarks.results import NotMeasuredError

NODES = 4
RUNNERS = 16


def main(words: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.four_nodes", description=__doc__)
    parser.add_argument("size", type=int, nargs="?", default=25_000, metavar="SIZE")
    parser.add_argument("--runs", type=int, default=1, metavar="N")
    parser.add_argument("--place", type=Path, metavar="DIR", help="file system to measure (default: temporary files)")
    given = parser.parse_args(words)
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        sys.exit("host names for four nodes need root and unshare(1)")
    ratios = []
    for number in range(given.runs):
        order = ("--shared", "--local") if number % 2 == 0 else ("--local", "--shared")
        found = {way: measured(way, given.size, given.place) for way in order}
        ratios.append(found["--shared"] / found["--local"])
    print(f"--shared reaches {statistics.median(ratios):.2f} of the throughput of --local (median of {len(ratios)})")


def measured(way: str, size: int, place: Path | None) -> float:
    """Jobs per second of one run by four groups."""
    with tempfile.TemporaryDirectory(prefix="torc-local-nodes-", dir=place) as scratch:
        database = Path(scratch) / "torc.db"
        spec = workloads.write(workloads.barrier_spec(size), Path(scratch) / "spec")
        tool.torc(way, "create", spec, "--db", database)
        groups = [_group(way, number, database) for number in range(NODES)]
        said = [group.communicate()[1] for group in groups]
        codes = [group.returncode for group in groups]
        if codes != [0] * NODES:
            raise NotMeasuredError(f"groups ended with {codes}: {' '.join(said)}")
        tool.torc(way, "doctor", "--db", database)
        report = tool.torc(way, "report", "scale", "--db", database, "-f", "json").document
        done, total = report["jobs_by_status"].get("completed", 0), workloads.ROUNDS * (size + 1)
        if done != total or report["lock_errors"]:
            raise NotMeasuredError(f"{done} of {total} jobs completed, {report['lock_errors']} errors of the lock")
        transitions = ", ".join(f"{one['seconds']:.2f}" for one in report["round_transitions"])
        rate = float(report["throughput_jobs_per_second"])
        print(
            f"{way[2:]:>6}: {total:,} jobs by {report['runner_count']} runners, {rate:,.0f} jobs/s,"
            f" {report['write_transactions']:,} write transactions,"
            f" lock wait {report['lock_wait_seconds_total']:.1f} s in all,"
            f" {report['lock_wait_seconds_longest']:.2f} s at most, transitions {transitions} s",
            flush=True,
        )
        return rate


def _group(way: str, number: int, database: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "torc_local", way, "run", "1", "-j", str(RUNNERS), "--runners", str(RUNNERS)]
    command += ["--db", str(database), "-o", str(database.parent / "output"), "--progress", "none"]
    environment = dict(os.environ)
    if way == "--shared":
        environment["XDG_RUNTIME_DIR"] = str(database.parent / f"node{number + 1}")  # where its turnstile is
        (database.parent / f"node{number + 1}").mkdir(mode=0o700)
        command = ["unshare", "--uts", "sh", "-c", 'hostname "$0"; exec "$@"', f"node{number + 1}", *command]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
    )


if __name__ == "__main__":
    main()
