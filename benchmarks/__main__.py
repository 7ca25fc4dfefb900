"""Every performance target, measured with its limit and its peers in the same run.

    python -m benchmarks [--quick | --full] [--only P1,P6] [--runs N] [--json FILE] [--plot FILE.svg] [--place DIR]

Prints one table: target, what, figure, limit or peer, ratio, target, verdict. What counts are ratios, taken within one
run, medians over the runs: absolute times depend on the machine. Whatever could not be measured says why.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import pictures, plot, table, tool, workloads
from benchmarks.bench import FULL, QUICK, Bench, Sizes
from benchmarks.catalog import TARGETS, Target
from benchmarks.results import MISSED, Figures, NotMeasuredError, Row, Runs, missing


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print, and store what was asked for."""
    given = _parser().parse_args(words)
    sizes = QUICK if given.quick else FULL
    count = given.runs or (3 if given.full else 1)
    wanted = [target for target in TARGETS if not given.only or target.id in given.only]
    began_at, began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), time.monotonic()
    runs: list[dict[str, Figures | str]] = []
    for number in range(count):
        with tempfile.TemporaryDirectory(prefix="torc-local-benchmarks-", dir=given.place) as place:
            bench = Bench(sizes, Path(place))
            _warm_up(bench)
            runs.append({target.id: _measured(target, bench, number + 1, count) for target in wanted})
            if given.plot and number + 1 == count:
                _say(f"picture: {given.plot}")
                given.plot.write_text(plot.picture(pictures.charts(bench)))
    rows = [row for target in wanted for row in _rows(target, [run[target.id] for run in runs])]
    print("\n".join(table.lines(rows)))
    print(_conclusion(rows, sizes, count, time.monotonic() - began))
    if given.json:
        document = {
            "began_at": began_at,
            "took_seconds": time.monotonic() - began,
            "machine": {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
            "sizes": sizes._asdict(),
            "rows": [row._asdict() for row in rows],
            "runs": runs,
        }
        given.json.write_text(json.dumps(document, indent=1) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    extent = parser.add_mutually_exclusive_group()
    extent.add_argument("--quick", action="store_true", help="small sizes: at most two minutes")
    extent.add_argument("--full", action="store_true", help="full sizes, three runs (default: full sizes, one run)")
    parser.add_argument("--only", type=_ids, metavar="IDS", help="these targets, such as P1,P6")
    parser.add_argument("--runs", type=int, metavar="N", help="runs of each; medians are shown")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures here")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="also draw throughput, waits and rounds here")
    parser.add_argument("--place", type=Path, metavar="DIR", help="file system to measure (default: temporary files)")
    return parser


def _ids(text: str) -> set[str]:
    asked = {word.strip().upper() for word in text.split(",")}
    unknown = asked - {target.id for target in TARGETS}
    if unknown:
        raise argparse.ArgumentTypeError(f"no such target: {', '.join(sorted(unknown))}")
    return asked


def _warm_up(bench: Bench) -> None:
    """Files read, bytecode written, clocks up: what only the first one would pay."""
    bench.say("warm-up")
    database = bench.place / "warm-up" / "torc.db"
    tool.create(workloads.write(workloads.barrier_spec(100), database.parent), database)
    tool.run(database, bench.sizes.slots)


def _measured(target: Target, bench: Bench, number: int, count: int) -> Figures | str:
    """The figures of a target, or why there are none."""
    _say(f"{target.id} {target.what}" + (f", run {number} of {count}" if count > 1 else ""))
    try:
        return target.measure(bench)
    except NotMeasuredError as error:
        return str(error)


def _rows(target: Target, runs: list[Figures | str]) -> list[Row]:
    figures = [run for run in runs if not isinstance(run, str)]
    if len(figures) < len(runs):
        return [missing(target.id, target.what, next(run for run in runs if isinstance(run, str)))]
    return target.rows(Runs(figures))


def _conclusion(rows: Sequence[Row], sizes: Sizes, count: int, took_s: float) -> str:
    missed = sorted({row.target_id for row in rows if row.verdict == MISSED}, key=lambda name: int(name[1:]))
    extent = (
        "small sizes, so a verdict is a hint" if sizes is QUICK else f"medians of {count}" if count > 1 else "one run"
    )
    return f"\n{extent}; {took_s:.0f} s on {os.cpu_count()} cores; missed: {', '.join(missed) or 'none'}"


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
