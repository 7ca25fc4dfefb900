"""The transactions of a contestant. All of them take jobs and hand back earlier ones, so that work never runs out."""

import time
from array import array
from collections import Counter
from typing import Any, Protocol

import apsw

from benchmarks.locks.bench_database import JOBS
from benchmarks.locks.settings import Settings, Work
from torc_local.ground.errors import StateError
from torc_local.ground.histogram import Histogram
from torc_local.store.database import Database

_READY = (
    "SELECT id FROM job WHERE workflow_id = 1 AND status = 'ready'"
    " ORDER BY priority DESC, resource_requirements_id, id LIMIT ?"
)
_CLAIM = (
    "UPDATE job SET status = 'pending', runner_id = ?2 WHERE id IN carray(?1) AND status = 'ready'"
    " RETURNING id, name, command, attempt_id, resource_requirements_id, priority"
)
# To the end of the line, so that claims walk through the whole table and its index instead of one hot page.
_GIVE_BACK = (
    "UPDATE job SET status = 'ready', runner_id = NULL, priority = priority - 1"
    " WHERE id IN carray(?1) AND runner_id = ?2 AND status = 'pending' RETURNING id"
)
_STEP = "UPDATE meta SET commit_seq = commit_seq + 1 RETURNING commit_seq"
_MAKE_READY = "UPDATE job SET status = 'ready' WHERE id IN carray(?1) AND status IN ('completed', 'failed')"
# One job in ten fails, so that the index of those that did not succeed has something to do.
_SETTLE = (
    "UPDATE job SET status = iif(id % 10, 'completed', 'failed'), runner_id = NULL"
    " WHERE id IN carray(?1) AND runner_id = ?2 AND status = 'pending' RETURNING id"
)


class Contestant(Protocol):
    """One process's work and what it met."""

    errors: Counter[str]

    @property
    def waits(self) -> Histogram:
        """Time from asking for a transaction to holding the write lock."""

    def once(self) -> int:
        """One transaction; the number of jobs taken, 0 when it failed."""


class _Immediate:
    """Transactions the way torc-local makes them: ``db.write``."""

    def __init__(self, db: Database, settings: Settings, runner_id: int) -> None:
        self._db = db
        self._batch = settings.batch
        self._me = runner_id
        self._held: list[int] = []
        self.errors: Counter[str] = Counter()

    @property
    def waits(self) -> Histogram:
        return self._db.stats.waits

    def once(self) -> int:
        try:
            with self._db.write("claim"):
                taken = self._change(self._db.connection)
        except StateError:
            self.errors["BUSY"] += 1
            return 0
        self._held = taken
        return len(taken)

    def _change(self, connection: apsw.Connection) -> list[int]:
        if self._held:
            _ids(connection, _GIVE_BACK, (_array(self._held), self._me))
        chosen = _ids(connection, _READY, (self._batch,))
        return _ids(connection, _CLAIM, (_array(chosen), self._me))


class _Life(_Immediate):
    """Jobs of its own by id, each made ready, claimed and settled in turn: no index is needed to find them.

    What an index costs is then seen without what it brings.
    """

    def __init__(self, db: Database, settings: Settings, runner_id: int) -> None:
        super().__init__(db, settings, runner_id)
        share = JOBS // settings.processes
        first = 1 + (runner_id - 1) * share
        batches = share // self._batch
        self._batches = [
            _array(list(range(first + i * self._batch, first + (i + 1) * self._batch))) for i in range(batches)
        ]
        self._next = 0

    def _change(self, connection: apsw.Connection) -> list[int]:
        before = self._batches[self._next - 1]
        now = self._batches[self._next]
        _ids(connection, _SETTLE, (before, self._me))
        connection.execute(_MAKE_READY, (now,)).fetchall()
        taken = _ids(connection, _CLAIM, (now, self._me))
        self._next = (self._next + 1) % len(self._batches)
        return taken


class _Deferred:
    """BEGIN DEFERRED: SQLite takes the write lock at the first statement that writes."""

    def __init__(self, db: Database, settings: Settings, runner_id: int) -> None:
        self._connection = db.connection
        self._batch = settings.batch
        self._me = runner_id
        self._read_first = settings.work is Work.READ_DEFERRED
        self._held: list[int] = []
        self._asked: float | None = None
        self.errors: Counter[str] = Counter()
        self.waits = Histogram()

    def once(self) -> int:
        # After an error the same transaction is tried again at once; its wait goes on.
        if self._asked is None:
            self._asked = time.perf_counter()
        try:
            taken = self._transaction(self._asked)
        except apsw.BusyError as error:
            self.errors[_name(error)] += 1
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            return 0
        self._asked = None
        self._held = taken
        return len(taken)

    def _transaction(self, asked: float) -> list[int]:
        connection = self._connection
        connection.execute("BEGIN DEFERRED")
        chosen = _ids(connection, _READY, (self._batch,)) if self._read_first else None
        connection.execute(_STEP).fetchall()
        self.waits.add(time.perf_counter() - asked)
        if self._held:
            _ids(connection, _GIVE_BACK, (_array(self._held), self._me))
        if chosen is None:
            chosen = _ids(connection, _READY, (self._batch,))
        taken = _ids(connection, _CLAIM, (_array(chosen), self._me))
        connection.execute("COMMIT")
        return taken


def contestant(db: Database, settings: Settings, runner_id: int) -> Contestant:
    """The work that ``settings`` ask for. Runner ids count from 1."""
    match settings.work:
        case Work.CLAIM:
            return _Immediate(db, settings, runner_id)
        case Work.LIFE:
            return _Life(db, settings, runner_id)
        case Work.READ_DEFERRED | Work.WRITE_DEFERRED:
            return _Deferred(db, settings, runner_id)


def _ids(connection: apsw.Connection, sql: str, bindings: tuple[object, ...]) -> list[int]:
    # To the end: a statement left half-read keeps the transaction open.
    rows: list[tuple[Any, ...]] = connection.execute(sql, bindings).fetchall()
    return [row[0] for row in rows]


def _array(ids: list[int]) -> object:
    return apsw.carray(array("q", ids))


def _name(error: apsw.BusyError) -> str:
    code = getattr(error, "extendedresult", apsw.SQLITE_BUSY)  # not in APSW's type hints
    return str(apsw.mapping_extended_result_codes.get(code, "SQLITE_BUSY")).removeprefix("SQLITE_")
