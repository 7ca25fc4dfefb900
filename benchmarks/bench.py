"""One run of all measurements: how large they are, where their files are, and what several of them share."""

import os
import sqlite3
import sys
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks import limits, tool, workloads
from benchmarks.results import NotMeasuredError
from benchmarks.tool import Document


class Sizes(NamedTuple):
    """How much of everything."""

    slots: int
    round_jobs: int  # jobs in each of the four rounds of the scale test
    peer_jobs: int
    slow_peer_jobs: int
    spawns: int  # for the spawn limit
    contention_jobs: int
    curve_jobs: int  # for the picture
    contention_runners: tuple[int, ...]
    curve_runners: tuple[int, ...]  # for the picture
    growth: tuple[int, ...]
    sleeps: tuple[tuple[int, float], ...]  # how many, how long
    monitored_s: float  # how long jobs last whose monitoring is timed
    pairs: int  # scale tests with and without monitoring
    repetitions: int  # of what takes well under a second
    sample_every_s: float


FULL = Sizes(
    slots=16,
    round_jobs=25_000,
    peer_jobs=10_000,
    slow_peer_jobs=500,
    spawns=20_000,
    contention_jobs=20_000,
    curve_jobs=20_000,
    contention_runners=(16, 64),
    curve_runners=(1, 2, 4, 8, 16, 32, 64),
    growth=(10_000, 100_000, 1_000_000),
    sleeps=((1000, 0.1), (200, 1.0)),
    monitored_s=40.0,
    pairs=4,
    repetitions=10,
    sample_every_s=1.0,
)

QUICK = FULL._replace(
    round_jobs=2500,
    peer_jobs=1000,
    slow_peer_jobs=50,
    spawns=4000,
    contention_jobs=4000,
    curve_jobs=1000,
    curve_runners=(1, 4, 16, 64),
    growth=(10_000, 100_000),
    sleeps=((160, 0.1), (32, 0.5)),
    monitored_s=12.0,
    pairs=1,
    repetitions=2,
    sample_every_s=0.25,
)


class Scale(NamedTuple):
    """A scale test that was run, and the limits right before and after it."""

    database: Path
    created: tool.Done
    created_bytes: int
    run: tool.Done
    report: Document
    spawns_before: float
    spawns_after: float

    @property
    def runner_seconds(self) -> float:
        """Wall time of all runners together: what parts of it are held against."""
        wall_s: float = self.report["total_wall_seconds"]
        return wall_s * float(self.report["runner_count"])


class Bench:
    """One run. ``place`` is an empty directory on the file system that is measured."""

    def __init__(self, sizes: Sizes, place: Path) -> None:
        self.sizes = sizes
        self.place = place
        self._scale: Scale | NotMeasuredError | None = None
        self._contention: dict[tuple[int, int | None, int], Document] = {}

    def say(self, what: str) -> None:
        """Tell whoever waits what is being done, and since when."""
        print(f"  {time.strftime('%H:%M:%S')}  {what}", file=sys.stderr, flush=True)

    @property
    def scale(self) -> Scale:
        """The scale test: created, run with 16 slots, reported. Its database stays until the run ends.

        Raises NotMeasuredError, each time the same when it failed once.
        """
        if self._scale is None:
            try:
                self._scale = self._run_scale_test()
            except NotMeasuredError as error:
                self._scale = error
        if isinstance(self._scale, NotMeasuredError):
            raise self._scale
        return self._scale

    def _run_scale_test(self) -> Scale:
        sizes, place = self.sizes, self.place / "scale"
        self.say(f"scale test of {workloads.ROUNDS} x {sizes.round_jobs:,} jobs")
        spec = workloads.write(workloads.barrier_spec(sizes.round_jobs), place)
        database = place / "torc.db"
        created = tool.create(spec, database)
        created_bytes = database.stat().st_size
        commands = self._spawn_commands()
        before = limits.spawns_per_second(commands, os.cpu_count() or 1)
        run = tool.run(database, sizes.slots, sample_every_s=sizes.sample_every_s)
        after = limits.spawns_per_second(commands, os.cpu_count() or 1)
        return Scale(database, created, created_bytes, run, tool.scale_report(database), before, after)

    def _spawn_commands(self) -> list[list[str]]:
        # The program itself, without a shell: a plain `echo` is spawned directly by us, too.
        return [["/bin/echo", *line.split()] for line in workloads.echoes(self.sizes.spawns).lines]

    def contend(self, runners: int, batch: int | None, count: int) -> Document:
        """The report of a run of the queue alone with so many independent jobs; each is measured once."""
        key = (runners, batch, count)
        if key not in self._contention:
            how = "in batches" if batch is None else f"at most {batch} at once"
            self.say(f"{count:,} jobs claimed {how}, runner processes: {runners}")
            place = self.place / f"contention{runners}-{batch}-{count}"
            spec = workloads.write(workloads.independent(count), place)
            self._contention[key] = tool.contention(place, runners, spec, batch=batch).document
        return self._contention[key]


def query(database: Path, sql: str) -> list[tuple[float, ...]]:
    """Rows of a finished database, all of numbers."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        found: list[tuple[float, ...]] = connection.execute(sql).fetchall()
    connection.close()
    return found
