"""Reading the time series that ``samples`` wrote: curves of as many points as a drawing has room for.

A curve is cut into equal stretches of time. Of a job's stretch the largest value is kept, so that no peak is lost; of a
node's, the average and the largest.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

import apsw

Found = TypeVar("Found")

_PATIENCE_MS = 2000


class NodePoint(NamedTuple):
    """A stretch of a node's time; percent of all its processors, bytes; None where nothing was measured."""

    timestamp: int
    cpu_percent: float | None
    memory_bytes: int | None


class JobPoint(NamedTuple):
    """A stretch of a job's time; percent of one processor, bytes; the largest of each."""

    timestamp: int
    cpu_percent: float
    memory_bytes: int


def file_of(directory: Path, hostname: str, workflow_id: int, run_id: int) -> Path:
    """Where the series of a node and run is, in one of ``samples.directories`` (Torc)."""
    return directory / f"resource_metrics_{hostname}_{workflow_id}_{run_id}.db"


def of_node(path: Path, points: int) -> list[NodePoint]:
    """The curve of the node; empty when there is no such file, or it cannot be read."""
    return _read(
        path,
        lambda connection: [
            NodePoint(*row)
            for row in connection.execute(
                "SELECT min(timestamp), avg(cpu_percent), max(memory_bytes) FROM node_resource_samples,"
                " (SELECT min(timestamp) AS first, max(timestamp) - min(timestamp) + 1 AS span"
                " FROM node_resource_samples) GROUP BY (timestamp - first) * ?1 / max(span, ?1) ORDER BY 1",
                (points,),
            )
        ],
        [],
    )


def of_jobs(path: Path, since: Mapping[int, float], points: int) -> dict[int, list[JobPoint]]:
    """The curves of these jobs, each since a moment (when its newest attempt started), of those that were sampled."""

    def read(connection: apsw.Connection) -> dict[int, list[JobPoint]]:
        found: dict[int, list[JobPoint]] = {}
        for job, at in since.items():
            rows = connection.execute(
                "SELECT min(timestamp), max(cpu_percent), max(memory_bytes) FROM job_resource_samples,"
                " (SELECT min(timestamp) AS first, max(timestamp) - min(timestamp) + 1 AS span"
                " FROM job_resource_samples WHERE job_id = ?1 AND timestamp >= ?3)"
                " WHERE job_id = ?1 AND timestamp >= ?3"
                " GROUP BY (timestamp - first) * ?2 / max(span, ?2) ORDER BY 1",
                (job, points, int(at)),
            )
            curve = [JobPoint(*row) for row in rows]
            if curve:
                found[job] = curve
        return found

    return _read(path, read, {})


def _read(path: Path, read: Callable[[apsw.Connection], Found], nothing: Found) -> Found:
    # Closing it drops nobody's locks: no database of ours, and nothing of this process has it open.
    if not path.is_file():
        return nothing
    try:
        connection = apsw.Connection(
            f"{path.absolute().as_uri()}?mode=ro", apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        )
        try:
            connection.set_busy_timeout(_PATIENCE_MS)
            return read(connection)
        finally:
            connection.close()
    except apsw.Error:
        return nothing
