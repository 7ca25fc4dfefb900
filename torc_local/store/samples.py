"""A time series in a file of its own, one for each node and run: Torc's tables, with more columns behind Torc's.

It is no part of the database: losing it changes nothing that is true, and whoever draws curves keeps nobody waiting.
A kill loses what was not written yet; SQLite's journal keeps the file whole.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import apsw

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
    PRIMARY KEY (job_id, timestamp)
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
    attempt_id: int
    cpu_s: float
    read_bytes: int
    written_bytes: int


class NodeSample(NamedTuple):
    """A row of node_resource_samples."""

    timestamp: int
    cpu_percent: float | None
    memory_bytes: int | None
    num_jobs: int


def append(
    path: Path, names: Sequence[tuple[int, str]], jobs: Sequence[JobSample], nodes: Sequence[NodeSample]
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
                    "INSERT OR REPLACE INTO job_resource_samples VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", jobs
                )
                connection.executemany("INSERT OR REPLACE INTO node_resource_samples VALUES (?, ?, ?, ?)", nodes)
        finally:
            connection.close()
    except apsw.Error as error:
        message = f"cannot write {path}: {error}"
        raise OSError(message) from error
