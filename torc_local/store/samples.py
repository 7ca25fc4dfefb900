"""A time series in a file of its own, one for each node and run: Torc's tables, with more columns behind Torc's.

It is no part of the database: losing it changes nothing that is true, and whoever draws curves keeps nobody waiting.
A kill loses what was not written yet; SQLite's journal keeps the file whole.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from torc_local.store.database import Database
from torc_local.store.registry import statement

_TABLES = """
CREATE TABLE IF NOT EXISTS job_metadata (
    job_id   INTEGER PRIMARY KEY,
    job_name TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS job_resource_samples (
    job_id        INTEGER NOT NULL,
    timestamp     INTEGER NOT NULL, -- seconds since the epoch
    cpu_percent   REAL    NOT NULL, -- since the sample before; 100 is one processor
    memory_bytes  INTEGER NOT NULL, -- of all its processes, shared pages once
    num_processes INTEGER NOT NULL,
    attempt_id    INTEGER NOT NULL,
    cpu_s         REAL    NOT NULL, -- since the job began
    read_bytes    INTEGER NOT NULL, -- since the job began, asked of the kernel
    written_bytes INTEGER NOT NULL,
    gpu_memory_bytes INTEGER,          -- on all GPUs; NULL: none, or not measured
    PRIMARY KEY (job_id, timestamp)
);
CREATE TABLE IF NOT EXISTS gpu_resource_samples (
    timestamp    INTEGER NOT NULL,
    gpu          TEXT    NOT NULL,  -- its UUID
    gpu_percent  REAL,              -- of the time in which anything ran on it; NULL: not told
    memory_bytes INTEGER,           -- in use, by whomever
    PRIMARY KEY (timestamp, gpu)
);
CREATE TABLE IF NOT EXISTS node_resource_samples (
    timestamp    INTEGER PRIMARY KEY,
    cpu_percent  REAL,              -- 100 is all processors; NULL: not measured
    memory_bytes INTEGER,           -- in use and not free for others
    num_jobs     INTEGER NOT NULL   -- of this run, those that were measured
);
"""

_PATIENCE_MS = 5000


class JobSample(NamedTuple):
    """A row of job_resource_samples."""

    job_id: int
    timestamp: int
    cpu_percent: float
    memory_bytes: int
    num_processes: int
    attempt_id: int | None = None  # these four: not in files of Torc's
    cpu_s: float | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None
    gpu_memory_bytes: int | None = None


class NodeSample(NamedTuple):
    """A row of node_resource_samples."""

    timestamp: int
    cpu_percent: float | None
    memory_bytes: int | None
    num_jobs: int


class GpuSample(NamedTuple):
    """A row of gpu_resource_samples."""

    timestamp: int
    gpu: str
    gpu_percent: float | None
    memory_bytes: int | None


def append(
    path: Path,
    names: Sequence[tuple[int, str]],
    jobs: Sequence[JobSample],
    nodes: Sequence[NodeSample],
    gpus: Sequence[GpuSample] = (),
) -> None:
    """Add to the file at ``path``, made when it is not there, in one transaction; of a second the last sample stays.

    Raises OSError when that cannot be done.
    """
    try:
        connection = apsw.Connection(str(path))
        try:
            connection.set_busy_timeout(_PATIENCE_MS)
            connection.execute("PRAGMA synchronous = OFF")
            with connection:
                connection.execute(_TABLES)
                connection.executemany("INSERT OR REPLACE INTO job_metadata VALUES (?, ?)", names)
                connection.executemany(
                    "INSERT OR REPLACE INTO job_resource_samples VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", jobs
                )
                connection.executemany("INSERT OR REPLACE INTO gpu_resource_samples VALUES (?, ?, ?, ?)", gpus)
                connection.executemany("INSERT OR REPLACE INTO node_resource_samples VALUES (?, ?, ?, ?)", nodes)
        finally:
            connection.close()
    except apsw.Error as error:
        message = f"cannot write {path}: {error}"
        raise OSError(message) from error


class Series(NamedTuple):
    """What is in a file, each list in the order of time."""

    names: dict[int, str]
    jobs: list[JobSample]
    nodes: list[NodeSample]
    gpus: list[GpuSample] = []  # noqa: RUF012 - of a NamedTuple, never changed


class NoSeriesError(Exception):
    """A file is no time series; the message says why."""


def read(path: Path) -> Series:
    """All samples of a file, ours or Torc's. Raises NoSeriesError for what is none, or cannot be read now."""
    try:
        connection = apsw.Connection(f"{path.absolute().as_uri()}?mode=ro", flags=apsw.SQLITE_OPEN_URI | _READ_ONLY)
        try:
            connection.set_busy_timeout(_PATIENCE_MS)
            jobs = _rows(connection, "job_resource_samples", JobSample._fields, JobSample._field_defaults)
            if jobs is None:
                raise NoSeriesError("it has no table job_resource_samples")
            nodes = _rows(connection, "node_resource_samples", NodeSample._fields, {})
            gpus = _rows(connection, "gpu_resource_samples", GpuSample._fields, {})
            names = _rows(connection, "job_metadata", ("job_id", "job_name"), {})
            return Series(
                dict(names or ()),
                [JobSample._make(row) for row in jobs],
                [NodeSample._make(row) for row in nodes or ()],
                [GpuSample._make(row) for row in gpus or ()],
            )
        finally:
            connection.close()
    except apsw.Error as error:
        raise NoSeriesError(str(error)) from error


_READ_ONLY = apsw.SQLITE_OPEN_READONLY

_TEXT = frozenset({"job_name", "gpu"})
_REAL = frozenset({"cpu_percent", "cpu_s", "gpu_percent"})
_MAY_BE_NULL = frozenset(
    {"attempt_id", "cpu_s", "read_bytes", "written_bytes", "gpu_memory_bytes", "gpu_percent"}
    | {"node.cpu_percent", "node.memory_bytes", "gpu.memory_bytes"}
)


def _rows(connection: apsw.Connection, table: str, columns: Sequence[str], optional: Iterable[str]) -> list[Any] | None:
    """These columns of a table in the order of time, NULL for optional ones that it has not; None: no such table.

    Values are of the type that they should be, whatever somebody has put there.
    """
    known = {str(row[1]) for row in connection.execute(f"PRAGMA table_info({table})")}
    if not known:
        return None
    missing = set(columns) - known - set(optional)
    if missing:
        raise NoSeriesError(f"its table {table} has no column {min(missing)}")
    short = table.partition("_")[0]
    listed = []
    for name in columns:
        kind = "TEXT" if name in _TEXT else "REAL" if name in _REAL else "INTEGER"
        cast = f"CAST({name} AS {kind})" if name in known else "NULL"
        listed.append(cast if {name, f"{short}.{name}"} & _MAY_BE_NULL else f"coalesce({cast}, 0)")
    order = " ORDER BY timestamp" if "timestamp" in known else ""
    return connection.execute(f"SELECT {', '.join(listed)} FROM {table}{order}").fetchall()


class _Path(NamedTuple):
    path: str


_SEGMENTS = statement(
    "segment_one_of_each_runner",
    "SELECT min(s.path) FROM runner u JOIN segment s ON s.runner_id = u.id WHERE u.workflow_id = ? GROUP BY u.id",
    _Path._make,
)


def directories(db: Database, workflow_id: int) -> list[Path]:
    """Where time series of a workflow may be: beside the output of its runners, and beside the database."""
    base = db.path.parent
    outputs = [(base / row.path).parent.parent for row in _SEGMENTS.rows(db, (workflow_id,))]
    return [output / "resource_utilization" for output in dict.fromkeys([*outputs, base])]
