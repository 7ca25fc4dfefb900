"""The database of a contest: torc-local's own schema, filled with ready jobs, opened as torc-local opens it."""

import shutil
import time
from pathlib import Path

import apsw

from benchmarks.locks.settings import Checkpoint, Queue, Settings, Work
from benchmarks.locks.yielding import Yielding
from torc_local.ground.states import MOVES
from torc_local.store import opening
from torc_local.store.database import STATEMENT_CACHE, Database

#: Ready jobs. More than all processes hold at once, and a table larger than SQLite's default cache.
JOBS = 50_000

_PATIENCE_MS = 60_000
_JOURNAL_PATIENCE_S = 10.0


def has_blocking_locks() -> bool:
    """Whether this SQLite was built with ``sqlite3_setlk_timeout`` and APSW can set it."""
    built = any(option.startswith("ENABLE_SETLK_TIMEOUT") for option in apsw.compile_options)
    return built and hasattr(apsw.Connection, "setlk_timeout")


class Templates:
    """Databases made once per page size and kind of work, then copied for each contest."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._made: dict[tuple[int, str], Path] = {}

    def copy(self, settings: Settings, path: Path) -> None:
        """Put a fresh database for ``settings`` at ``path``."""
        status = "completed" if settings.work is Work.LIFE else "ready"
        key = settings.page_size, status
        if key not in self._made:
            self._made[key] = self._directory / f"template-{settings.page_size}-{status}.db"
            _make(self._made[key], settings.page_size, status)
        for old in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal"))):
            old.unlink(missing_ok=True)
        shutil.copyfile(self._made[key], path)
        connection = apsw.Connection(str(path))
        for index in settings.without:
            connection.execute(f"DROP INDEX {index}")
        for statement in settings.also:
            connection.execute(statement)
        connection.pragma("journal_mode", settings.journal)
        connection.close()


def _make(path: Path, page_size: int, status: str) -> None:
    connection = apsw.Connection(str(path))
    connection.pragma("page_size", page_size)
    for _ in connection.execute(opening.schema()):
        pass
    with connection:
        # The last two let a job live again and again (Work.LIFE) without a detour.
        moves = [*sorted(MOVES), ("completed", "ready"), ("failed", "ready")]
        connection.executemany("INSERT INTO move (before, after) VALUES (?, ?)", moves)
        connection.execute("INSERT INTO meta (id, token, created_by, created_at) VALUES (1, 't', 'benchmark', 0)")
        connection.execute(
            "INSERT INTO workflow (id, name, user, sort_method, spec_digest, dependency_count, created_at)"
            " VALUES (1, 'w', 'u', 'none', 'd', 0, 0)"
        )
        connection.execute(
            "INSERT INTO resource_requirements"
            " (id, workflow_id, name, num_cpus, num_gpus, num_nodes, memory_bytes, runtime_s)"
            " VALUES (1, 1, 'default', 1, 0, 1, 1048576, 60)"
        )
        connection.executemany(
            "INSERT INTO job (id, workflow_id, name, command, resource_requirements_id, status)"
            " VALUES (?, 1, ?, ?, 1, ?)",
            ((i, f"job_{i:06d}", f"echo round 1 job {i}", status) for i in range(1, JOBS + 1)),
        )
    connection.close()


def connect(path: Path, settings: Settings) -> Database:
    """Open for one contestant: torc-local's connection, then what the variant changes about it."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=STATEMENT_CACHE)
    connection.set_busy_timeout(_PATIENCE_MS)
    _set_journal(connection, settings.journal)
    for name, value in (
        ("synchronous", settings.synchronous),
        ("journal_size_limit", settings.size_limit),
        ("cache_size", -settings.cache_kib),
        ("mmap_size", settings.mmap_bytes),
        ("foreign_keys", True),
        ("temp_store", "memory"),
        ("cell_size_check", True),
        ("trusted_schema", False),
    ):
        connection.pragma(name, value)
    database = Database(path, connection, writable=True, turnstile=settings.queue is Queue.TURNSTILE)
    if settings.queue is Queue.YIELDING:
        database._turnstile = Yielding(path)  # noqa: SLF001 - in the place of torc-local's
    if settings.queue in (Queue.SQLITE, Queue.BLOCKING):
        connection.set_busy_timeout(_PATIENCE_MS)  # takes the place of the handler with jitter
        if has_blocking_locks():
            # busy_timeout sets both in such a build; here one thing at a time.
            connection.setlk_timeout(_PATIENCE_MS if settings.queue is Queue.BLOCKING else 0, 0)
    if settings.checkpoint is not Checkpoint.TORC:
        # Takes the place of the hook by which torc-local learns the length of the log; 0 means never.
        connection.wal_autocheckpoint(settings.pages if settings.checkpoint is Checkpoint.WITHIN else 0)
    return database


def _set_journal(connection: apsw.Connection, journal: str) -> None:
    """All modes but WAL are a matter of each connection; asking fails at once while others do the same."""
    until = time.monotonic() + _JOURNAL_PATIENCE_S
    while True:
        try:
            connection.pragma("journal_mode", journal)
        except apsw.BusyError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def log_bytes(path: Path) -> int:
    """Size of the write-ahead log now."""
    try:
        return path.with_name(path.name + "-wal").stat().st_size
    except FileNotFoundError:
        return 0
