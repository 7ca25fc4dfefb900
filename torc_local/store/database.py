"""One process's connection to the database, and the one way to write to it.

A connection never crosses a fork: it is opened after it, and a child that inherits one finds it poisoned.
"""

import os
import random
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import apsw

from torc_local.ground import clock
from torc_local.ground.errors import StateError
from torc_local.ground.histogram import Histogram
from torc_local.store.turnstile import Turnstile

#: What a full or failing disk makes of a statement. The transaction was rolled back; it may be tried again.
DISK_ERRORS = (apsw.FullError, apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError)

#: How long a writer waits for the lock before it calls it trouble. Far longer than any transaction of ours.
LOCK_PATIENCE_S = 60.0

#: The same where a machine may die with the lock: an NFS server keeps it for the lease of the dead, 90 s by default.
SHARED_PATIENCE_S = 180.0

_WHO_SHARED = (
    "a machine may have died holding the lock: torc-local status names those that were at work; over NFS 3 the lock is "
    "free only when it has booted again"
)

_LONGEST_PAUSE_S = 0.02

#: More statements than we have, so that each is prepared once in a process.
STATEMENT_CACHE = 200


#: Pages in the write-ahead log after which they are copied into the database (SQLite's own default).
CHECKPOINT_PAGES = 1000

_FAR_TOO_MANY_PAGES = 4 * CHECKPOINT_PAGES
_CHECKPOINT_PATIENCE_S = 0.05
# After a checkpoint in vain the next one comes so much later, each time twice as long: short readers leave a gap soon,
# and a long one makes few attempts vain.
_SOONEST_AGAIN_S = 0.05
_LATEST_AGAIN_S = 0.5
# Where readers overlap without a gap somebody must wait for them, with all others behind him. All who find the log far
# too long draw lots within the first span; whoever waited in vain does so within twice the span, up to the last one.
_FIRST_SPAN_S = 4.0
_LAST_SPAN_S = 64.0

#: The log's file is cut to this size when it is used from its start again; only a long reader makes it longer.
WAL_BYTES = 16 * 1024 * 1024


def log_of(database: Path) -> Path:
    """Where SQLite keeps the write-ahead log: beside the file itself, when the path is a link to it."""
    file = database.resolve()
    return file.with_name(f"{file.name}-wal")


class Times:
    """How often something was done, and how long it took."""

    __slots__ = ("count", "longest_s", "total_s")

    def __init__(self, count: int = 0, total_s: float = 0.0, longest_s: float = 0.0) -> None:
        self.count = count
        self.total_s = total_s
        self.longest_s = longest_s

    def add(self, duration_s: float) -> None:
        """Count one."""
        self.count += 1
        self.total_s += duration_s
        self.longest_s = max(self.longest_s, duration_s)

    def merge(self, other: "Times") -> None:
        """Count those of another process, too."""
        self.count += other.count
        self.total_s += other.total_s
        self.longest_s = max(self.longest_s, other.longest_s)

    def figures(self) -> list[float]:
        """Count, sum and longest, as they are stored."""
        return [self.count, self.total_s, self.longest_s]


class WriteStats:
    """What writing cost this process: the figures of lock contention."""

    def __init__(self) -> None:
        self.waits = Histogram()
        self.by_name: dict[str, Times] = {}  # how long transactions held the lock
        self.checkpoints = Times()
        self.wal_pages = 0  # most that this process saw in the write-ahead log
        self.last_held_s = 0.0  # how long the last transaction held the lock
        self.retries = 0
        self.errors = 0

    @property
    def transactions(self) -> int:
        """Write transactions so far."""
        return sum(times.count for times in self.by_name.values())

    @property
    def write_s(self) -> float:
        """Seconds for which this process held the lock so far."""
        return sum(times.total_s for times in self.by_name.values())

    def held(self, name: str, duration_s: float) -> None:
        """Count one transaction."""
        self.last_held_s = duration_s
        if name not in self.by_name:
            self.by_name[name] = Times()
        self.by_name[name].add(duration_s)


class Database:
    """An open database. Use ``with db.write(name):`` for anything that changes it."""

    def __init__(self, path: Path, connection: apsw.Connection, *, writable: bool, turnstile: bool = True) -> None:
        self.path = path
        self.writable = writable
        self.is_shared = False  # several machines may have it open, so that it has a rollback journal
        self.stats = WriteStats()
        self._connection: apsw.Connection | None = connection
        self._opened = 0  # how many connections there were
        self._seen_commit_seq = 0
        self._pause = random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._turnstile = Turnstile(path) if writable and turnstile else None
        self._hurry_s: float | None = None  # patience while it does not matter whether the lock comes
        self._wal_pages = 0  # in the write-ahead log after our last commit
        self._checkpoint_after = 0.0  # on the clock of perf_counter
        self._again_s = _SOONEST_AGAIN_S
        self._insist_at: float | None = None  # on the same clock: when to wait for readers; None: not drawn
        self._span_s = _FIRST_SPAN_S
        #: Called now and then while we wait for a lock; it must not use this database.
        self.while_waiting: Callable[[], None] | None = None
        #: Opens it anew after ``distrust``; called with this object, to which it gives a connection.
        self.renew: Callable[[Database], None] | None = None
        self.attach(connection)
        _open_databases.add(self)

    def attach(self, connection: apsw.Connection) -> None:
        """Use this connection from now on."""
        self._connection = connection
        self._opened += 1
        connection.set_busy_handler(self._wait_for_lock)
        if self.writable:
            connection.set_wal_hook(self._saw_wal)  # takes the place of SQLite's checkpoints within COMMIT

    @property
    def connection(self) -> apsw.Connection:
        """The APSW connection; raises after a fork or a close."""
        if self._connection is None and self.renew is not None:
            self.renew(self)
        if self._connection is None:
            message = "this connection is closed, or was opened by the parent process"
            raise RuntimeError(message)
        return self._connection

    @property
    def data_version(self) -> int:
        """Changes when another process commits; costs microseconds (SQLite: ``PRAGMA data_version``).

        Also when the file was opened anew: SQLite counts from one again for each connection.
        """
        version = int(self.connection.pragma("data_version"))
        return (self._opened << 32) + version

    def read(self) -> "_Read":
        """A read transaction: everything inside sees one moment. Keep it short."""
        return _Read(self)

    def write(self, name: str, *, keep: bool = True) -> "_Write":
        """A write transaction: takes the lock at once (``BEGIN IMMEDIATE``), so that it never fails half-way for it.

        Its time is counted under ``name``. Without ``keep`` it is only tried out, and everything is taken back.
        """
        return _Write(self, name, keep=keep)

    def sync(self) -> None:
        """Make what any process has committed so far survive a power loss, without taking the lock.

        SQLite does not sync the log at each commit (``opening.synchronous``), and the kernel may keep it in memory for
        half a minute. The log carries no locks, so that closing it drops none. Without a log there is nothing to do.
        """
        with suppress(OSError):  # a disk that cannot do this fails the next transaction, and says so there
            log = os.open(log_of(self.path), os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fdatasync(log)
            finally:
                os.close(log)

    def distrust(self) -> None:
        """After an error of a file system that several machines use: what comes next opens the file anew.

        A file server that was out of reach may have dropped our locks, and a client that came back opens our files
        again without them. SQLite would go on with pages that others have changed since, and write them.
        """
        if self.is_shared and self.renew is not None and self._connection is not None:
            connection, self._connection = self._connection, None
            with suppress(apsw.Error):
                connection.close()

    def before_retry(self, error: Exception) -> None:
        """Get ready to try again what has met one of DISK_ERRORS.

        Raises ``error`` when this object will never do better: where the system refuses to open a file for writing,
        because too many are open for example, SQLite opens it for reading, says nothing, and stays with that.
        """
        if isinstance(error, apsw.ReadOnlyError) and not self.is_shared:
            raise error
        self.distrust()

    def close(self) -> None:
        """Close the connection. The database itself needs no goodbye."""
        self.renew = None
        _open_databases.discard(self)
        if self._turnstile is not None:
            self._turnstile.close()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def patience_s(self) -> float:
        """How long a lock is waited for (seconds)."""
        return SHARED_PATIENCE_S if self.is_shared else LOCK_PATIENCE_S

    def hurry(self, patience_s: float) -> None:
        """Wait no longer for a lock from now on (seconds): for whoever looks again soon."""
        self._hurry_s = patience_s

    def _wait_for_lock(self, tries: int) -> bool:
        # SQLite's own handler has no jitter and steps up to 100 ms: runners that collided once collide again.
        self.stats.retries += 1
        if tries == 0:
            self._waiting_since = clock.monotonic()
        elif clock.monotonic() - self._waiting_since > (self._hurry_s or self.patience_s):
            return False
        if tries and self.while_waiting is not None:
            self.while_waiting()
        time.sleep(self._pause.uniform(0.0002, min(_LONGEST_PAUSE_S, 0.0005 * 1.5 ** min(tries, 20))))
        return True

    def _saw_wal(self, _connection: apsw.Connection, _schema: str, pages: int) -> int:
        if pages < self._wal_pages:
            self._checkpoint_after = 0.0  # the log is used from its start again
            self._again_s = _SOONEST_AGAIN_S
            self._insist_at, self._span_s = None, _FIRST_SPAN_S
        self._wal_pages = pages
        self.stats.wal_pages = max(self.stats.wal_pages, pages)
        return apsw.SQLITE_OK

    def _checkpoint(self, *, queued: bool) -> None:
        """Copy the log into the database when it is long; called with the turnstile held, the lock released.

        The log is used from its start again only after everything in it was copied, so writers must keep still for the
        few milliseconds that it takes: at the turnstile they do (without, measured: hundreds of megabytes of log).
        Where there is none, FULL takes the lock for it once the log is far too long, and does not wait long for it. At
        the turnstile that keeps all the others waiting, so RESTART, which waits for the readers, comes rarely. A reader
        with an old snapshot makes all of this vain, so the next attempt is not made at the next commit, and comes the
        later the more often that was so.
        """
        if self._wal_pages < CHECKPOINT_PAGES or self._connection is None:
            return
        began = time.perf_counter()
        is_long = self._wal_pages >= _FAR_TOO_MANY_PAGES
        if is_long and queued and self._insists(began):
            mode = apsw.SQLITE_CHECKPOINT_RESTART
        elif began < self._checkpoint_after:
            return
        else:
            mode = apsw.SQLITE_CHECKPOINT_FULL if is_long and not queued else apsw.SQLITE_CHECKPOINT_PASSIVE
        self._hurry_s = _CHECKPOINT_PATIENCE_S
        # What goes wrong here costs nothing: the log keeps what was not copied, and others are doing it when busy.
        with suppress(apsw.Error):
            self._connection.wal_checkpoint(mode=mode)
        self._hurry_s = None
        ended = time.perf_counter()
        self._checkpoint_after = ended + self._again_s
        self._again_s = min(2 * self._again_s, _LATEST_AGAIN_S)
        self.stats.checkpoints.add(ended - began)

    def _insists(self, now: float) -> bool:
        """Whether it is this process's turn to wait for readers, of all that find the log far too long."""
        if self._insist_at is None:
            self._insist_at = now + self._pause.uniform(0, self._span_s)
        if now < self._insist_at:
            return False
        self._span_s = min(2 * self._span_s, _LAST_SPAN_S)
        self._insist_at = now + self._pause.uniform(self._span_s / 2, self._span_s)
        return True

    def _poison(self) -> None:
        # Neither used nor closed: SQLite would close it as if the parent's locks were ours. A connection that nobody
        # refers to is closed by APSW, so it is kept.
        _inherited.append(self._connection)
        self._connection = None
        self.renew = None
        self._turnstile = None


class _Read:
    def __init__(self, db: Database) -> None:
        self._db = db

    def __enter__(self) -> Database:
        self._db.connection.execute("BEGIN")
        return self._db

    def __exit__(self, *_: object) -> None:
        if self._db.connection.in_transaction:
            self._db.connection.execute("ROLLBACK")


class _Write:
    """Turnstile, BEGIN IMMEDIATE, the caller's statements, one step of commit_seq, COMMIT."""

    __slots__ = ("_began", "_db", "_keep", "_name", "_queued")

    def __init__(self, db: Database, name: str, *, keep: bool) -> None:
        self._db = db
        self._name = name
        self._keep = keep
        self._queued = False
        self._began = 0.0

    def __enter__(self) -> Database:
        db = self._db
        asked = time.perf_counter()
        self._queued = db._turnstile is not None and db._turnstile.enter()  # noqa: SLF001 - one object in two classes
        try:
            db.connection.execute("BEGIN IMMEDIATE")
        except BaseException as error:
            self._leave()
            if isinstance(error, DISK_ERRORS):
                db.distrust()
            if isinstance(error, apsw.BusyError):
                db.stats.errors += 1
                raise StateError(
                    f"the database stayed locked for {db.patience_s:.0f} s: {db.path}",
                    hint=_WHO_SHARED
                    if db.is_shared
                    else "another program holds it; see who with: fuser " + str(db.path),
                ) from error
            raise
        self._began = time.perf_counter()
        db.stats.waits.add(self._began - asked)
        return db

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection = self._db.connection
        failed: BaseException | None = error
        try:
            if error is None and self._keep:
                seq = self._step_commit_seq()
                connection.execute("COMMIT")
                # Not before: after a COMMIT that failed (a full disk) the next transaction has the same number.
                self._db._seen_commit_seq = seq  # noqa: SLF001 - one object in two classes
        except DISK_ERRORS as refused:
            failed = refused
            raise
        finally:
            # After a full disk or an I/O error SQLite has rolled back already, and ROLLBACK would hide the first error.
            if connection.in_transaction:
                with suppress(apsw.Error):
                    connection.execute("ROLLBACK")
            self._db.stats.held(self._name, time.perf_counter() - self._began)
            self._db._checkpoint(queued=self._queued)  # noqa: SLF001
            self._leave()
            if isinstance(failed, DISK_ERRORS):
                self._db.distrust()

    def _step_commit_seq(self) -> int:
        db = self._db
        # Two statements: RETURNING goes through a temporary table, which costs more than both.
        db.connection.execute("UPDATE meta SET commit_seq = commit_seq + 1")
        rows: list[tuple[Any, ...]] = db.connection.execute("SELECT commit_seq FROM meta").fetchall()
        if not rows:
            raise StateError(
                f"the database is damaged: {db.path} (the row that says what it is, in table meta, is gone)",
                hint="stop all runs on it, then: torc-local doctor --repair",
            )
        seq: int = rows[0][0]
        if seq <= db._seen_commit_seq:  # noqa: SLF001
            raise StateError(
                f"the database went back in time: {db.path} was replaced or restored while it was in use",
                hint="stop all runs on it, then check it with: torc-local doctor",
            )
        return seq

    def _leave(self) -> None:
        if self._queued and self._db._turnstile is not None:  # noqa: SLF001
            self._db._turnstile.leave()  # noqa: SLF001
            self._queued = False


_open_databases: "weakref.WeakSet[Database]" = weakref.WeakSet()
_inherited: list[apsw.Connection | None] = []


def _poison_all() -> None:
    for db in list(_open_databases):
        db._poison()  # noqa: SLF001
    _open_databases.clear()


os.register_at_fork(after_in_child=_poison_all)
