"""Statements for what a monitor measured: of attempts, and of a node."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.registry import action, statement


class Usage(NamedTuple):
    """What was seen of one attempt; columns as in schema.sql."""

    job_id: int
    run_id: int
    attempt_id: int
    peak_memory_bytes: int
    avg_memory_bytes: int
    peak_cpu_percent: float
    avg_cpu_percent: float
    cpu_s: float
    most_processes: int
    read_bytes: int
    written_bytes: int
    samples: int
    source: str
    peak_gpu_memory_bytes: int | None = None


class NodeUsage(NamedTuple):
    """What was seen of a node; columns as in schema.sql."""

    workflow_id: int
    run_id: int
    node_id: int
    peak_cpu_percent: float | None
    avg_cpu_percent: float | None
    peak_memory_bytes: int | None
    avg_memory_bytes: int | None
    samples: int


# A row that is there comes from an earlier look of the same monitor, or from one that died: peaks and sums never go
# down, and averages are those of whoever saw more. The job may be gone by now.
_KEEP = action(
    "usage_keep",
    "INSERT INTO attempt_usage SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14"
    " WHERE EXISTS (SELECT 1 FROM job WHERE id = ?1)"
    " ON CONFLICT DO UPDATE SET"
    " source = iif(excluded.peak_memory_bytes > peak_memory_bytes, excluded.source, source),"
    " peak_memory_bytes = max(peak_memory_bytes, excluded.peak_memory_bytes),"
    " avg_memory_bytes = iif(excluded.samples >= samples, excluded.avg_memory_bytes, avg_memory_bytes),"
    " peak_cpu_percent = max(peak_cpu_percent, excluded.peak_cpu_percent),"
    " avg_cpu_percent = iif(excluded.samples >= samples, excluded.avg_cpu_percent, avg_cpu_percent),"
    " cpu_s = max(cpu_s, excluded.cpu_s), most_processes = max(most_processes, excluded.most_processes),"
    " read_bytes = max(read_bytes, excluded.read_bytes), written_bytes = max(written_bytes, excluded.written_bytes),"
    " samples = max(samples, excluded.samples), peak_gpu_memory_bytes ="
    " max(coalesce(peak_gpu_memory_bytes, excluded.peak_gpu_memory_bytes),"
    " coalesce(excluded.peak_gpu_memory_bytes, peak_gpu_memory_bytes))",
    hot=True,
)
_KEEP_NODE = action(
    "usage_keep_node",
    "INSERT INTO node_usage SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE EXISTS (SELECT 1 FROM workflow WHERE id = ?1)"
    " ON CONFLICT DO UPDATE SET"
    " peak_cpu_percent = max(coalesce(peak_cpu_percent, 0), excluded.peak_cpu_percent),"
    " avg_cpu_percent = iif(excluded.samples >= samples, excluded.avg_cpu_percent, avg_cpu_percent),"
    " peak_memory_bytes = max(coalesce(peak_memory_bytes, 0), excluded.peak_memory_bytes),"
    " avg_memory_bytes = iif(excluded.samples >= samples, excluded.avg_memory_bytes, avg_memory_bytes),"
    " samples = max(samples, excluded.samples)",
    hot=True,
)


def keep(db: Database, usages: Iterable[Usage]) -> None:
    """Put what was seen of attempts on record; seen again, the larger figures stay."""
    _KEEP.many(db, usages)


def keep_node(db: Database, usage: NodeUsage) -> None:
    """Likewise, of a node."""
    _KEEP_NODE.run(db, usage)


class Measured(NamedTuple):
    """What one attempt used, with what it asked for; ``ended_for``: oom, timeout, killed, or empty: by itself."""

    job_id: int
    job_name: str
    run_id: int
    resource_requirements_id: int
    status: str
    return_code: int
    ended_for: str
    exec_time_s: float
    cpu_s: float
    peak_memory_bytes: int
    sampled_peak_bytes: int | None
    peak_cpu_percent: float | None
    reason: str | None = None  # why it did not complete


_MEASURED = statement(
    "usage_measured",
    "SELECT a.job_id, j.name, a.run_id, j.resource_requirements_id, a.status, a.return_code,"
    " CASE WHEN a.reason LIKE 'oom:%' THEN 'oom' WHEN a.reason LIKE 'timeout:%' THEN 'timeout'"
    "  WHEN a.return_code IN (-9, 137) THEN 'killed' ELSE '' END,"
    " a.ended_at - a.started_at, max(a.cpu_s, coalesce(m.cpu_s, 0)), a.peak_memory_bytes, m.peak_memory_bytes,"
    " m.peak_cpu_percent, a.reason FROM job j JOIN attempt a ON a.job_id = j.id"
    " LEFT JOIN attempt_usage m ON m.job_id = a.job_id AND m.run_id = a.run_id AND m.attempt_id = a.attempt_id"
    " WHERE j.workflow_id = ? AND a.status IN ('completed', 'failed') ORDER BY a.job_id, a.run_id, a.attempt_id",
    Measured._make,
)


def measured(db: Database, workflow_id: int) -> Iterator[Measured]:
    """All attempts of a workflow that ended well, failed, or were ended for a limit."""
    return _MEASURED.each(db, (workflow_id,))
