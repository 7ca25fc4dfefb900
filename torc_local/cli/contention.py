"""``run --contention`` and ``doctor --benchmark``: the queue alone, on the file system that is meant to carry it.

Jobs are claimed and settled by real runners, and none is run. What is stored for that lies in a scratch database beside
the real one and is removed, so that no workflow ever counts as done because of it.
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from torc_local.cli import answer, changing, place, progress
from torc_local.engine import admit
from torc_local.ground.durability import Durability
from torc_local.ground.errors import ExitCode, InputError, StateError
from torc_local.process.plan import Options
from torc_local.process.supervisor import run as supervise
from torc_local.report import health, scale
from torc_local.store import opening, workflows

#: Runners when nobody says how many.
RUNNERS = 16

#: Jobs in each of the rounds of the generated workflow, and how many rounds.
SIZE = 5000
ROUNDS = 4


class Load(NamedTuple):
    """How to stress a file system."""

    spec: str | None = None  # a workflow file; None: a scale test of our own
    runners: int = RUNNERS
    slots: int | None = None  # None: one for each runner
    batch: int | None = None  # most jobs claimed at once by a slot; None: as many as it learns
    turnstile: bool = True
    journal: str | None = None  # None: as the file system asks for
    durability: Durability = Durability.NORMAL
    size: int = SIZE


def near(database: Path) -> Path:
    """The directory for scratch files: that of the database, or the nearest one above it that exists."""
    wanted = database.absolute().parent
    return next(directory for directory in (wanted, *wanted.parents) if directory.is_dir())


def stress(directory: Path, load: Load, *, style: str = "none") -> tuple[ExitCode, dict[str, Any]]:
    """Run the queue in a scratch database in ``directory``; the exit code, and what ``report scale`` says of it.

    Raises StateError when nothing can be written there.
    """
    with _scratch(directory) as scratch:
        spec = load.spec or str(generated(scratch, load.size))
        path = scratch / place.FILE_NAME
        loaded = changing.read_file(spec)
        with opening.open_or_create(
            path, turnstile=load.turnstile, journal=load.journal, durability=load.durability
        ) as db:
            workflow_id = admit.admit(db, loaded.spec, loaded.origin)
        del loaded
        options = Options(
            jobs=load.slots or load.runners,
            runners=load.runners,
            cpus=None,
            memory_bytes=None,
            gpus=None,
            output_dir=scratch,
            grace_s=0.0,
            turnstile=load.turnstile,
            retry_failed=False,
            queue_only=True,
            most_at_once=load.batch,
            durability=load.durability,
            force=True,  # nothing runs, so nothing is read
        )
        code = supervise(path, workflow_id, options, progress.watcher(style, sys.stderr))
        with opening.open_read_only(path) as db:
            workflow = workflows.get(db, workflow_id)
            assert workflow is not None  # noqa: S101 - stored above
            return code, scale.document(db, workflow)


def alone(directory: Path, *, seconds: float = 0.5) -> float:
    """Write transactions per second of one process that has the database for itself: one row, one commit each."""
    with _scratch(directory) as scratch, opening.open_or_create(scratch / place.FILE_NAME) as db:
        count = 0
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            with db.write("alone"):
                count += 1
        return count / (time.perf_counter() - began)


def generated(scratch: Path, size: int) -> Path:
    """A scale test with so many jobs in each round, as a file."""
    jobs: list[dict[str, Any]] = []
    for number in range(1, ROUNDS + 1):
        waits = {"depends_on": [f"barrier_{number - 1}"]} if number > 1 else {}
        numbers = {"i": f"1:{size}"}
        jobs.append({"name": f"r{number}_{{i}}", "command": "true", "parameters": numbers, **waits})
        jobs.append({"name": f"barrier_{number}", "command": "true", "depends_on_regexes": [f"^r{number}_"]})
    path = scratch / "contention.json"
    path.write_text(json.dumps({"name": "contention", "jobs": jobs}))
    return path


@contextmanager
def _scratch(directory: Path) -> Iterator[Path]:
    try:
        scratch = tempfile.TemporaryDirectory(prefix="torc-local-contention-", dir=directory)
    except OSError as error:
        raise StateError(
            f"cannot write to {directory}: {(error.strerror or str(error)).lower()}",
            hint="choose another place with --db PATH",
        ) from None
    with scratch as name:
        yield Path(name)


class Asked(NamedTuple):
    """The command line of ``run --contention``."""

    target: str | None
    database: Path | None
    output_dir: Path | None
    jobs: int | None
    runners: int | None
    batch: int | None
    journal: str | None
    durability: Durability
    turnstile: bool
    progress: str
    as_json: bool


def run_contention(asked: Asked) -> int:
    """``run --contention``."""
    target = place.target(asked.target)
    if target.workflow_id is not None or target.database is not None:
        raise InputError(
            "--contention runs nothing, so it takes no workflow that is stored",
            hint="name a workflow file, or nothing for 20,004 jobs in four rounds",
        )
    if asked.journal not in (None, *opening.JOURNALS):
        raise InputError(f"--journal: '{asked.journal}' is not one of {', '.join(opening.JOURNALS)}")
    runners = asked.runners or asked.jobs or RUNNERS
    load = Load(
        spec=target.spec,
        runners=runners,
        slots=max(asked.jobs or runners, runners),
        batch=asked.batch,
        turnstile=asked.turnstile,
        journal=asked.journal,
        durability=asked.durability,
    )
    database = place.database(asked.database, None, asked.output_dir)
    code, figures = stress(near(database), load, style=asked.progress)
    if asked.as_json:
        answer.document(figures)
    else:
        answer.lines(scale.screen(figures))
    return code


#: Below this many claims a second a cluster's runners would wait for the file system more than for their jobs.
_SLOW_PER_SECOND = 200
_LONG_WAIT_S = 1.0


def fitness(database: Path) -> health.Finding:
    """Whether the file system of the database carries many runners, as a sentence (``doctor --benchmark``)."""
    directory = near(database)
    one = alone(directory)
    code, figures = stress(directory, Load(batch=1, size=1000))
    rate, wait_s = figures["throughput_jobs_per_second"], figures["lock_wait_seconds_p99"]
    measured = f"one process alone writes {one:,.0f} transactions/s"
    if code is not ExitCode.OK or not rate:
        return health.Finding("benchmark", "bad", f"not fit: {RUNNERS} runners did not get through; {measured}")
    measured += (
        f", {RUNNERS} runners together claim and settle {rate:,.0f} jobs/s one by one"
        f" and wait for the lock for up to {wait_s * 1000:,.0f} ms (p99)"
    )
    if figures["lock_errors"]:
        return health.Finding("benchmark", "bad", f"not fit: {figures['lock_errors']} lock errors; {measured}")
    if rate < _SLOW_PER_SECOND or wait_s > _LONG_WAIT_S:
        return health.Finding("benchmark", "note", f"slow, fit for jobs of seconds: {measured}")
    return health.Finding("benchmark", "ok", f"fit: {measured}")
