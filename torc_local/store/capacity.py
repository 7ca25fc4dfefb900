"""Which jobs ask for more than a node has."""

from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.registry import statement


class Oversize(NamedTuple):
    """Unfinished jobs with the same requirements: how many, and the first one's name."""

    example: str
    jobs: int
    num_cpus: int
    num_gpus: int
    memory_bytes: int
    num_nodes: int
    runtime_s: float  # as the file states it; 0: it does not


class Room(NamedTuple):
    """The largest job that could run: each of its requirements alone."""

    num_cpus: int
    num_gpus: int
    memory_bytes: int
    num_nodes: int
    runtime_s: float


_TOO_LARGE = statement(
    "job_too_large",
    "SELECT min(j.name), count(*), r.num_cpus, r.num_gpus, r.memory_bytes, r.num_nodes,"
    " CASE WHEN r.limits & 2 THEN r.runtime_s ELSE 0.0 END FROM resource_requirements r"
    " JOIN job j ON j.resource_requirements_id = r.id AND j.workflow_id = r.workflow_id"
    " WHERE r.workflow_id = ? AND (r.num_cpus > ? OR r.num_gpus > ? OR r.memory_bytes > ? OR r.num_nodes > ?"
    " OR (r.limits & 2 AND r.runtime_s > ?))"
    " AND j.status NOT IN ('completed', 'failed', 'canceled', 'terminated', 'disabled') GROUP BY r.id ORDER BY r.id",
    Oversize._make,
)


def too_large(db: Database, workflow_id: int, room: Room) -> list[Oversize]:
    """The kinds of unfinished jobs that can never run in this room; one pass over the jobs when there are any."""
    return _TOO_LARGE.rows(db, (workflow_id, *room))
