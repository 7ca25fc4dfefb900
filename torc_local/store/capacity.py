"""Which jobs ask for more than a node has."""

from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.registry import statement
from torc_local.store.runners import NodeRow


class Oversize(NamedTuple):
    """Unfinished jobs with the same requirements: how many, and the first one's name."""

    example: str
    jobs: int
    num_cpus: int
    num_gpus: int
    memory_bytes: int
    num_nodes: int


_TOO_LARGE = statement(
    "job_too_large",
    "SELECT min(j.name), count(*), r.num_cpus, r.num_gpus, r.memory_bytes, r.num_nodes FROM resource_requirements r"
    " JOIN job j ON j.resource_requirements_id = r.id AND j.workflow_id = r.workflow_id"
    " WHERE r.workflow_id = ? AND (r.num_cpus > ? OR r.num_gpus > ? OR r.memory_bytes > ? OR r.num_nodes > 1)"
    " AND j.status NOT IN ('completed', 'failed', 'canceled', 'terminated', 'disabled') GROUP BY r.id ORDER BY r.id",
    Oversize._make,
)


def too_large(db: Database, workflow_id: int, node: NodeRow) -> list[Oversize]:
    """The kinds of unfinished jobs that can never run on this node; one pass over the jobs when there are any."""
    return _TOO_LARGE.rows(db, (workflow_id, node.num_cpus, node.num_gpus, node.memory_bytes))
