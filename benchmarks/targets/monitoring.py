"""P11: what monitoring costs, and how true it is beside GNU time and psrecord.

Cost is the processor time of the monitor over a part of the run, with 16 jobs of five processes each that share 20 MB,
sampled every second; and the speed of the scale test with and without it, in turn. Truth is what programs say of
themselves: memory that they touch, and Python's own; processor time as the kernel counts it for them.

GNU time counts the largest process, and processors of what was waited for. psrecord (with children, ten times a second)
adds up resident memory, so shared pages count for each; its processor time is the sum of its samples.
"""

import json
import os
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from benchmarks import forms, known, memory, tool, workloads
from benchmarks.bench import Bench
from benchmarks.known import MB
from benchmarks.results import Band, Figures, NotMeasuredError, Row, Runs

_JOBS = 16
_PROCESSES = 5
_TICKS = os.sysconf("SC_CLK_TCK")
_SAMPLE_S = 0.1

#: Processes of a run that start no jobs: a coordinator and a monitor.
_WITHOUT_JOBS = 2

_LINE = re.compile(r"[0-9.]+ [0-9.]+ [0-9]+")


class Program(NamedTuple):
    """What is measured by all three, and what is true of it beside what it says itself."""

    name: str
    does: str
    seconds: float
    touched: int = 0
    unseen_cpu_s: float = 0.0


_PROGRAMS = (
    Program("200 MB, one process", f"use({200 * MB}); hold()", 2.0, 200 * MB),
    Program("3 generations of 100 MB", f"tree(3, {100 * MB}); hold()", 2.0, 300 * MB),
    Program("200 MB shared by 4", f"use({200 * MB}); sharing(3); hold()", 2.0, 200 * MB),
    Program("200 MB, given back", f"use({200 * MB}); held.pop().close(); hold()", 2.0, 200 * MB),
    Program("50 MB for 0.1 s", f"use({50 * MB})", 0.1, 50 * MB),
    Program("busy with a child", "pid = os.fork(); burn(); pid or os._exit(0)", 1.0),
    Program(
        "busy child, not waited for",
        "if os.fork() == 0: burn(); time.sleep(4); os._exit(0)\ntime.sleep(4); wait = bool",
        1.0,
        unseen_cpu_s=1.0,
    ),
)


def measure(bench: Bench) -> Figures:
    """Cost and truth."""
    return {**_cost(bench), **_speed(bench), **_truth(bench)}


# -- cost --------------------------------------------------------------------------------------------------------------


def _cost(bench: Bench) -> Figures:
    """The part of a processor that the monitor takes while all jobs run."""
    seconds = bench.sizes.monitored_s
    bench.say(f"{_JOBS} jobs of {_PROCESSES} processes for {seconds:g} s, sampled every second")
    does = f"use({20 * MB}); sharing({_PROCESSES - 1}); hold()"
    jobs = [{"name": f"j{i}", "command": known.command(f"j{i}", does, seconds)} for i in range(_JOBS)]
    spec = workloads.write({"name": "monitored", "jobs": jobs}, bench.place / "monitored")
    words = ["run", str(spec), "-j", str(_JOBS), "--sample-interval", "1", "--progress", "none"]
    command = [sys.executable, "-m", "torc_local", *words, "--db", str(spec.parent / "torc.db")]
    with subprocess.Popen(
        command, cwd=spec.parent, env=tool.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as run:
        try:
            time.sleep(seconds / 4)
            idle = [pid for pid in memory.children(run.pid) if not memory.children(pid)]
            if len(idle) != _WITHOUT_JOBS:
                raise NotMeasuredError("the run had no monitor")
            monitor = max(idle, key=_start)  # it is started last
            began, cpu_s = time.monotonic(), _cpu_s(monitor)
            time.sleep(seconds / 2)
            share = (_cpu_s(monitor) - cpu_s) / (time.monotonic() - began)
        finally:
            run.terminate()
    return {"monitor_share": share}


def _stat(pid: int) -> list[bytes]:
    text = Path(f"/proc/{pid}/stat").read_bytes()
    return text[text.rfind(b")") + 2 :].split()


def _start(pid: int) -> int:
    return int(_stat(pid)[19])


def _cpu_s(pid: int) -> float:
    user, system = _stat(pid)[11:13]
    return (int(user) + int(system)) / _TICKS


def _speed(bench: Bench) -> Figures:
    """Jobs per second of a scale test with and without monitoring; the median of pairs, in turn."""
    size = min(bench.sizes.round_jobs, _PAIR_JOBS)
    found: dict[str, list[float]] = {"on": [], "off": []}
    for number in range(bench.sizes.pairs):
        for how in ("on", "off") if number % 2 else ("off", "on"):
            bench.say(f"scale test of {workloads.ROUNDS} x {size:,} jobs, monitoring {how}")
            database = bench.place / f"speed{number}{how}" / "torc.db"
            tool.create(workloads.write(workloads.barrier_spec(size), database.parent), database)
            more = () if how == "on" else ("--no-resource-monitoring",)
            tool.run(database, bench.sizes.slots, more=more)
            found[how].append(tool.scale_report(database)["throughput_jobs_per_second"])
    ratios = [on / off for on, off in zip(found["on"], found["off"], strict=True)]
    return {
        "jobs_per_second_on": statistics.median(found["on"]),
        "jobs_per_second_off": statistics.median(found["off"]),
        "speed_ratio": statistics.median(ratios),
    }


_PAIR_JOBS = 5000


# -- truth -------------------------------------------------------------------------------------------------------------


class Seen(NamedTuple):
    """What somebody says of a program."""

    memory_bytes: float
    cpu_s: float


def _truth(bench: Bench) -> Figures:
    figures: Figures = {}
    ways: list[tuple[str, Callable[[Program, Path], Seen]]] = [
        ("GNU time", _gnu_time),
        ("psrecord", _psrecord),
        ("torc-local", _ours),
    ]
    for program in _PROGRAMS:
        for name, way in ways:
            bench.say(f"{program.name}, measured by {name}")
            place = bench.place / "known" / program.name / name
            place.mkdir(parents=True)
            what = "memory" if program.touched else "cpu"
            try:
                seen = way(program, place)
                figures[f"{what} {program.name}: {name}"] = seen.memory_bytes if program.touched else seen.cpu_s
            except NotMeasuredError as error:
                figures[f"{what} {program.name}: {name}"] = str(error)
                continue
            true = json.loads((place / "p.json").read_text())
            # Children are copies of a Python that is there already, and share its pages.
            true_bytes, true_cpu_s = program.touched + true["python"][1], true["cpu_s"] + program.unseen_cpu_s
            figures[f"true {what} {program.name}: {name}"] = true_bytes if program.touched else true_cpu_s
    return figures


def _command(program: Program) -> str:
    return known.command("p", program.does, program.seconds)


def _gnu_time(program: Program, place: Path) -> Seen:
    found = shutil.which("time")
    if found is None:
        raise NotMeasuredError("time is not installed")
    command = ["bash", "-c", _command(program)]
    subprocess.run([found, "-f", "%U %S %M", "-o", "time.txt", *command], cwd=place, check=True)
    lines = [line for line in (place / "time.txt").read_text().splitlines() if _LINE.fullmatch(line)]
    if not lines:
        raise NotMeasuredError("time is not GNU time")
    user, system, kib = map(float, lines[-1].split())
    return Seen(kib * 1024, user + system)


def _psrecord(program: Program, place: Path) -> Seen:
    found = shutil.which("psrecord")
    if found is None:
        raise NotMeasuredError("psrecord is not installed")
    words = [found, "--include-children", "--interval", str(_SAMPLE_S), "--log", "log.txt", _command(program)]
    with (place / "said.txt").open("wb") as said:
        done = subprocess.run(words, cwd=place, check=False, stdout=said, stderr=said)
    rows = [line.split() for line in (place / "log.txt").read_text().splitlines() if not line.startswith("#")]
    if done.returncode != 0 or not rows:
        raise NotMeasuredError(f"psrecord exited with {done.returncode}, with {len(rows)} samples")
    # Seconds, percent, resident and virtual memory in MiB.
    samples = [(float(row[0]), float(row[1]), float(row[2])) for row in rows]
    cpu_s = sum((at - before[0]) * percent / 100 for before, (at, percent, _) in pairwise(samples))
    return Seen(max(resident for *_, resident in samples) * MB, cpu_s)


def _ours(program: Program, place: Path) -> Seen:
    spec = workloads.write(
        {"name": "known", "jobs": [{"name": "p", "command": f"cd {shlex.quote(str(place))} && {_command(program)}"}]},
        place / "ours",
    )
    database = spec.parent / "torc.db"
    tool.create(spec, database)
    tool.run(database, 1)
    (item,) = tool.torc("results", "--db", database, "-f", "json").document["items"]
    if item["peak_memory_bytes"] is None:
        raise NotMeasuredError(f"below {item['peak_memory_at_most_bytes'] / MB:.0f} MiB")
    return Seen(item["peak_memory_bytes"], item["cpu_time_seconds"])


# -- the table ---------------------------------------------------------------------------------------------------------


def rows(runs: Runs) -> list[Row]:
    """Lines of the table."""
    found = [
        runs.judge(
            "P11", "monitor, 16 x 5 processes, 1 s", "monitor_share", forms.share, Band(at_most=0.02), "at most 2%"
        ),
        runs.judge(
            "P11", "speed with monitoring / without", "speed_ratio", forms.times, Band(at_least=0.97), "at least 0.97"
        ),
    ]
    for what, form in (("memory", forms.size), ("cpu", forms.seconds)):
        for name in runs.names(f"{what} "):
            ours = name.endswith(": torc-local")
            band = Band(0.95, 1.05) if ours else Band()
            shown = f"{'peak memory' if what == 'memory' else 'CPU time'}, {name.removeprefix(f'{what} ')}"
            target = "0.95 to 1.05" if ours else ""
            found.append(runs.compare("P11", shown, (name, f"true {name}"), "true", form, band, target))
    return found
