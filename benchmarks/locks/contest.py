"""One contest: so many processes on one database for so long, and what came of it."""

import contextlib
import ctypes
import dataclasses
import multiprocessing
import os
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from benchmarks.locks import work
from benchmarks.locks.bench_database import Templates, connect, log_bytes
from benchmarks.locks.settings import Checkpoint, Settings
from torc_local.ground.histogram import Histogram
from torc_local.store.database import Database
from torc_local.store.turnstile import Turnstile

# Each contestant opens its own connection after the fork, as in torc-local; and the parent holds none then.
_FORK = multiprocessing.get_context("fork")

#: Until everybody has opened the database, or has told what it did after the end.
_PATIENCE_S = 90.0

_LOOK_S = 0.02  # between looks at the size of the log
_CHECKPOINT_LOOK_S = 0.005  # of the process that does nothing but checkpoints

_MIB = 1024 * 1024


class _Told(NamedTuple):
    """What a contestant tells at the end."""

    transactions: int
    rows: int
    waits: Histogram
    errors: Counter[str]
    longest_hold_s: float
    cpu_s: float


@dataclasses.dataclass(frozen=True, slots=True)
class Contest:
    """What came of it. ``fairness`` is the slowest process's share of the mean."""

    transactions_per_s: float
    rows_per_s: float
    fairness: float
    wait_p50_s: float
    wait_p99_s: float
    wait_longest_s: float
    errors: Counter[str]
    extra: dict[str, float]


def hold(templates: Templates, path: Path, settings: Settings, seconds: float) -> Contest:
    """Let the processes compete for ``seconds`` on a fresh database at ``path``."""
    templates.copy(settings, path)
    go, stop, start = _FORK.Event(), _FORK.Event(), _FORK.RawValue(ctypes.c_double, 0.0)
    ends: list[Connection] = []
    started: list[ForkProcess] = []

    def fork(target: Any, *args: object) -> None:  # noqa: ANN401 - any of the functions below
        ours, theirs = _FORK.Pipe()
        child = _FORK.Process(target=target, args=(theirs, path, settings, *args), daemon=True)
        child.start()
        theirs.close()
        started.append(child)
        ends.append(ours)

    with _ended(started):
        for number in range(1, settings.processes + 1):
            fork(_compete, go, start, seconds, number)
        helpers = [_read] * settings.reader + [_checkpoint] * (settings.checkpoint is Checkpoint.APART)
        for helper in helpers:
            fork(helper, stop)
        for end in ends:
            _hear(end)
        # Only now, so that no child inherits it. It keeps the log from being removed when the last contestant leaves.
        watcher = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        watcher.set_busy_timeout(int(_PATIENCE_S * 1000))
        watcher.execute("SELECT * FROM meta").fetchall()  # SQLite opens the log at the first read
        start.value = time.perf_counter() + 0.05
        go.set()
        longest_log = _watch_log(path, start.value + seconds)
        told: list[_Told] = [_hear(end) for end in ends[: settings.processes]]
        extra = {
            "log": longest_log / _MIB,
            "longest hold": max(one.longest_hold_s for one in told) * 1000,
            "CPU": sum(one.cpu_s for one in told) / max(sum(one.transactions for one in told), 1) * 1000,
        }
        stop.set()
        for child in started:
            child.join(_PATIENCE_S)
        if settings.reader:
            extra |= _aftermath(watcher, path, settings)
        extra["database"] = path.stat().st_size / _MIB
        watcher.close()
    return _summed(told, seconds, extra)


def _summed(told: list[_Told], seconds: float, extra: dict[str, float]) -> Contest:
    waits = Histogram.merged([one.waits for one in told])
    counts = [one.transactions for one in told]
    errors: Counter[str] = Counter()
    for one in told:
        errors.update(one.errors)
    return Contest(
        transactions_per_s=sum(counts) / seconds,
        rows_per_s=sum(one.rows for one in told) / seconds,
        fairness=min(counts) / max(statistics.mean(counts), 1e-9),
        wait_p50_s=waits.quantile(0.5),
        wait_p99_s=waits.quantile(0.99),
        wait_longest_s=waits.longest_s,
        errors=errors,
        extra=extra,
    )


@contextlib.contextmanager
def _ended(started: list[ForkProcess]) -> Iterator[None]:
    """Nobody outlives the contest, whatever went wrong."""
    try:
        yield
    finally:
        for child in started:
            if child.is_alive():
                child.kill()
            child.join()


def _hear(end: Connection) -> Any:  # noqa: ANN401 - "ready", or what it did
    if not end.poll(_PATIENCE_S):
        message = "a process of the contest says nothing"
        raise TimeoutError(message)
    return end.recv()


def _watch_log(path: Path, until: float) -> int:
    longest = 0
    while time.perf_counter() < until:
        time.sleep(_LOOK_S)
        longest = max(longest, log_bytes(path))
    return longest


def _compete(
    parent: Connection,
    path: Path,
    settings: Settings,
    go: Event,
    start: ctypes.c_double,
    seconds: float,
    number: int,
) -> None:
    """A contestant: transactions without a pause from the common start to the common end."""
    with connect(path, settings) as db:
        mine = work.contestant(db, settings, number)
        outside = _Outside(db, settings) if settings.checkpoint in (Checkpoint.OUTSIDE, Checkpoint.TWICE) else None
        parent.send("ready")
        go.wait()
        time.sleep(max(0.0, start.value - time.perf_counter()))
        until = start.value + seconds
        transactions = rows = 0
        cpu_before = time.process_time()
        while time.perf_counter() < until:
            taken = mine.once()
            # One that ended after the end does not count: processes that waited long would seem faster.
            if taken and time.perf_counter() < until:
                transactions += 1
                rows += taken
            if outside is not None:
                outside.look()
        cpu_s = time.process_time() - cpu_before
        longest = max((times.longest_s for times in db.stats.by_name.values()), default=0.0)
        parent.send(_Told(transactions, rows, mine.waits, mine.errors, longest, cpu_s))


class _Outside:
    """Checkpoints after leaving the queue; with ``twice`` each is followed by one at the head of the queue.

    While others write, the first never reaches the end of the log, and only a log that was copied to its end is used
    from its start again. The second has little left to copy.
    """

    def __init__(self, db: Database, settings: Settings) -> None:
        self._connection = db.connection
        self._turnstile = Turnstile(db.path) if settings.checkpoint is Checkpoint.TWICE else None
        self._pages = settings.pages
        self._log = 0
        self._due_at = settings.pages
        self._connection.set_wal_hook(self._saw)  # takes the place of torc-local's

    def _saw(self, _connection: apsw.Connection, _schema: str, pages: int) -> int:
        if pages < self._log:
            self._due_at = self._pages  # used from its start again
        self._log = pages
        return apsw.SQLITE_OK

    def look(self) -> None:
        """After each transaction."""
        if self._log < self._due_at:
            return
        self._due_at = self._log + self._pages
        self._copy()
        if self._turnstile is not None and self._turnstile.enter():
            self._copy()
            self._turnstile.leave()

    def _copy(self) -> None:
        with contextlib.suppress(apsw.Error):  # somebody else is doing it
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)


def _read(parent: Connection, path: Path, _settings: Settings, stop: Event) -> None:
    """Somebody's long look at the database: one snapshot from before the start until after the end."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM workflow").fetchall()
    parent.send("ready")
    stop.wait()
    connection.execute("ROLLBACK")
    connection.close()


def _checkpoint(parent: Connection, path: Path, settings: Settings, stop: Event) -> None:
    """Copy the log whenever it is long. PASSIVE: nobody waits for it, and it waits for nobody."""
    with connect(path, settings) as db:
        parent.send("ready")
        due = settings.pages * (settings.page_size + 24)  # each page in the log has a header of 24 bytes
        while not stop.wait(_CHECKPOINT_LOOK_S):
            if log_bytes(path) >= due:
                with contextlib.suppress(apsw.Error):
                    db.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)


def _aftermath(watcher: apsw.Connection, path: Path, settings: Settings) -> dict[str, float]:
    """Size of the log after a long reader has left, step by step."""
    watcher.pragma("journal_size_limit", settings.size_limit)
    sizes = {"reader left": log_bytes(path) / _MIB}
    watcher.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    sizes["PASSIVE"] = log_bytes(path) / _MIB
    watcher.execute("UPDATE meta SET commit_seq = commit_seq + 1")
    sizes["+ a write"] = log_bytes(path) / _MIB
    watcher.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
    sizes["RESTART"] = log_bytes(path) / _MIB
    watcher.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    sizes["TRUNCATE"] = log_bytes(path) / _MIB
    return sizes


def sync_ms(directory: Path) -> float:
    """Milliseconds of one ``fdatasync`` of a small file in ``directory``: what a synced commit must cost at least."""
    file = directory / "sync"
    fd = os.open(file, os.O_CREAT | os.O_WRONLY, 0o600)
    took = []
    for _ in range(20):
        os.write(fd, b"x" * 4096)
        began = time.perf_counter()
        os.fdatasync(fd)
        took.append(time.perf_counter() - began)
    os.close(fd)
    file.unlink()
    return statistics.median(took) * 1000
