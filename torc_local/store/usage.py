"""Statements for what a monitor measured: of attempts, and of a node."""

from collections.abc import Iterable
from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.registry import action


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
    "INSERT INTO attempt_usage SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13"
    " WHERE EXISTS (SELECT 1 FROM job WHERE id = ?1)"
    " ON CONFLICT DO UPDATE SET"
    " source = iif(excluded.peak_memory_bytes > peak_memory_bytes, excluded.source, source),"
    " peak_memory_bytes = max(peak_memory_bytes, excluded.peak_memory_bytes),"
    " avg_memory_bytes = iif(excluded.samples >= samples, excluded.avg_memory_bytes, avg_memory_bytes),"
    " peak_cpu_percent = max(peak_cpu_percent, excluded.peak_cpu_percent),"
    " avg_cpu_percent = iif(excluded.samples >= samples, excluded.avg_cpu_percent, avg_cpu_percent),"
    " cpu_s = max(cpu_s, excluded.cpu_s), most_processes = max(most_processes, excluded.most_processes),"
    " read_bytes = max(read_bytes, excluded.read_bytes), written_bytes = max(written_bytes, excluded.written_bytes),"
    " samples = max(samples, excluded.samples)",
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
