"""Runs a workflow with real processes and no command line, for tests of the processes themselves.

    python driver.py DATABASE SPEC JOBS [option=value ...]

Prints one JSON line: exit code and counts. A database that exists is resumed.
"""

import errno
import itertools
import json
import multiprocessing
import os
import random
import sys
import time
from contextlib import suppress
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any

import apsw

import tests.process.set_clock  # noqa: F401 - first: the program reads the clock when it is loaded
from torc_local.engine import acting
from torc_local.engine.admit import Origin, admit
from torc_local.ground import clock
from torc_local.ground.durability import Durability
from torc_local.process import actor, backlog, peers, runner, supervisor
from torc_local.process.plan import Options
from torc_local.process.watching import Outcome, Progress, RunInfo
from torc_local.spec.load import load
from torc_local.store import opening, workflows
from torc_local.store.database import Database
from torc_local.store.events import Event


class Quiet:
    """Remembers how it ended; makes a file beside the database when it is told to stop."""

    def __init__(self, stopping: Path) -> None:
        self._stopping = stopping

    def started(self, info: RunInfo) -> None:
        self.info = info

    def progressed(self, progress: Progress) -> None:
        self.progress = progress

    def event(self, event: Event) -> None:
        sys.stderr.write(f"{event.type} {event.job_name or ''} {event.message}\n")

    def stopping(self, message: str) -> None:
        sys.stderr.write(message + "\n")
        self._stopping.touch()

    def ended(self, outcome: Outcome) -> None:
        self.outcome = outcome


class _SlowFile(apsw.VFSFile):
    """A file on a disk whose every sync takes ``delay_s``."""

    delay_s = 0.0

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        time.sleep(self.delay_s)
        super().xSync(flags)


class _SlowDisk(apsw.VFS):
    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _SlowFile("unix", name, flags)


def slow_disk(delay_s: float) -> None:
    """Put all databases of this process, and of those it forks, on a slow disk."""
    _SlowFile.delay_s = delay_s
    _disks.append(_SlowDisk("slow", "unix", makedefault=True))


class _LyingDisk(apsw.VFS):
    """One on which a fourth of what runners remove, journals, is removed and said not to be."""

    _random = random.Random(1)
    removed = 0

    def xDelete(self, name: str, sync: bool) -> None:  # noqa: N802
        super().xDelete(name, sync)
        if multiprocessing.current_process().name == "runner":
            _LyingDisk.removed += 1
            if _LyingDisk.removed > 3 and self._random.random() < 0.25:  # it has begun to work
                raise apsw.IOError("it was removed")


def lying_disk() -> None:
    """Put all databases of this process, and of those it forks, on a disk that lies."""
    _disks.append(_LyingDisk("lying", "unix", makedefault=True))


class _FarFile(apsw.VFSFile):
    """A file that the actor cannot read while another one, ``told_by``, exists."""

    told_by = Path()

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        if multiprocessing.current_process().name == "actor" and self.told_by.exists():
            raise apsw.IOError("out of reach")
        return super().xRead(amount, offset)


class _FarDisk(apsw.VFS):
    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _FarFile("unix", name, flags)


def far_disk(told_by: Path) -> None:
    """Put all databases of this process, and of those it forks, on a disk that its actor does not reach at times."""
    _FarFile.told_by = told_by
    _disks.append(_FarDisk("far", "unix", makedefault=True))


class _FirstRefuses(apsw.VFS):
    """One that the first process of a kind may only read, as when too many files are open at that moment."""

    told = Path()  # made by whom it met; called as that kind

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        if multiprocessing.current_process().name == self.told.name and flags[0] & apsw.SQLITE_OPEN_MAIN_DB:
            with suppress(FileExistsError):
                self.told.touch(exist_ok=False)
                flags[0] = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_MAIN_DB
        return apsw.VFSFile("unix", name, flags)


def refuse_first(told: Path) -> None:
    """Have the system open the database for reading only for the first process that is called as ``told`` is."""
    _FirstRefuses.told = told
    _disks.append(_FirstRefuses("refusing", "unix", makedefault=True))


_disks: list[apsw.VFS] = []


def fail_before_forks() -> None:
    """Have the supervisor not reach the database whenever it wants to start a process, and a moment later reach it."""
    before = supervisor._Supervisor._before_fork
    tries = itertools.count()

    def at_second_try(self: supervisor._Supervisor) -> bool:
        if next(tries) % 2 == 0:
            raise apsw.IOError("out of reach")
        return before(self)

    supervisor._Supervisor._before_fork = at_second_try  # type: ignore[method-assign]


def fail_before_the_end() -> None:
    """Have the supervisor not reach the database when it wants to say how the run went, and a moment later reach it."""
    outcome = supervisor._Supervisor._outcome
    tries = itertools.count()

    def at_second_try(self: supervisor._Supervisor) -> Outcome:
        if next(tries) == 0:
            raise apsw.IOError("out of reach")
        return outcome(self)

    supervisor._Supervisor._outcome = at_second_try  # type: ignore[method-assign]


def leave_no_room(name: str) -> None:
    """Have the machine start only one process of this name."""
    start = ForkProcess.start
    started = itertools.count()

    def once(self: ForkProcess) -> None:
        if self.name == name and next(started):
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        start(self)

    ForkProcess.start = once  # type: ignore[assignment, method-assign]


def claim_late(told_by: Path) -> None:
    """Have actors find the disk full when they claim an action while this file exists."""
    claim = acting.claim

    def later(*words: Any, **named: Any) -> bool:
        if told_by.exists():
            raise apsw.FullError("no room")
        return claim(*words, **named)

    acting.claim = later


def note_pragmas(file: Path) -> None:
    """Have every process, also those that it forks, write how its connections sync when they are opened."""
    settings = opening._settings

    def noted(db: Database, durability: Durability) -> None:
        settings(db, durability)
        with file.open("a") as lines:
            lines.write(f"{multiprocessing.current_process().name} {db.connection.pragma('synchronous')}\n")

    opening._settings = noted


def note_syncs(file: Path) -> None:
    """Have what was recorded synced ten times a second, and write who does it."""

    def noted(_: Database) -> None:
        with file.open("a") as lines:
            lines.write(f"{multiprocessing.current_process().name}\n")

    supervisor.SYNC_S = 0.1
    Database.sync = noted  # type: ignore[assignment, method-assign]


def main() -> int:
    path, spec, jobs = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    given = dict(word.split("=") for word in sys.argv[4:])
    if "sync" in given:
        slow_disk(float(given["sync"]))
    if "lies" in given:
        lying_disk()
    if "far" in given:
        far_disk(Path(given["far"]))
    if "refused" in given:
        refuse_first(Path(given["refused"]))
    if "room" in given:
        leave_no_room(given["room"])
    if "claims" in given:
        claim_late(Path(given["claims"]))
    if "end" in given:
        fail_before_the_end()
    if "forks" in given:
        fail_before_forks()
    if "pragmas" in given:
        note_pragmas(Path(given["pragmas"]))
    if "syncs" in given:
        note_syncs(Path(given["syncs"]))
    durability = Durability(given.get("durability", "normal"))
    with opening.open_or_create(path, journal=given.get("journal", opening.WAL), durability=durability) as db:
        found = workflows.list_all(db)
        workflow_id = found[0].id if found else admit(db, load(spec), Origin("tester", spec, clock.monotonic()))
    options = Options(
        jobs=None if jobs == "-" else int(jobs),
        # One runner per slot, whatever the machine has: more processes to collide and to kill.
        runners=int(given["runners"]) if "runners" in given else None if jobs == "-" else int(jobs),
        cpus=int(given["cpus"]) if "cpus" in given else None,
        memory_bytes=int(given["memory"]) if "memory" in given else None,
        gpus=int(given["gpus"]) if "gpus" in given else None,
        output_dir=path.parent,
        grace_s=float(given.get("grace", "5")),
        turnstile=given.get("turnstile", "yes") == "yes",
        retry_failed=given.get("retry", "yes") == "yes",
        queue_only=given.get("queue") == "yes",
        most_at_once=int(given["batch"]) if "batch" in given else None,
        durability=durability,
    )
    quiet = Quiet(path.parent / "stopping")
    runner.INSIST_S = 0.5
    backlog.RETRY_S, backlog.PATIENCE_S = 0.1, float(given.get("patience", "2"))
    if "lease" in given:
        peers.LEASE_S = float(given["lease"])
        peers.MOST_PER_LOOK_S = peers.LEASE_S / 4
        runner.BEAT_S = peers.WATCH_S = peers.LEASE_S / 8
        actor.BEAT_S = runner.BEAT_S  # type: ignore[attr-defined]
    code = supervisor.run(path, workflow_id, options, quiet)
    print(json.dumps({"code": int(code), "counts": quiet.outcome.counts, "explanations": quiet.outcome.explanations}))  # noqa: T201
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
