"""Statements that change what jobs ask for, and say what that concerns."""

from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.registry import action, statement


class _Number(NamedTuple):
    number: int


class JobsOf(NamedTuple):
    """How many jobs ask for the same, and how many of them have not completed."""

    id: int
    jobs: int
    unfinished: int


_CHANGE = action(
    "requirements_change",
    "UPDATE resource_requirements SET num_cpus = ?3, memory_bytes = ?4, runtime_s = ?5"
    " WHERE workflow_id = ?1 AND id = ?2",
)
_LARGEST_NODE = statement(
    "requirements_largest_node",
    "SELECT coalesce(max(n.memory_bytes), 0) FROM node n"
    " WHERE n.id IN (SELECT u.node_id FROM runner u WHERE u.workflow_id = ?)",
    _Number._make,
)
_JOBS = statement(
    "requirements_jobs",
    "SELECT j.resource_requirements_id, count(*), count(*) FILTER (WHERE j.status <> 'completed') FROM job j"
    " WHERE j.workflow_id = ? GROUP BY 1",
    JobsOf._make,
)


def change(
    db: Database, workflow_id: int, requirements_id: int, *, num_cpus: int, memory_bytes: int, runtime_s: float
) -> None:
    """Let jobs ask for so much from now on. The order in which ready jobs are claimed stays: it is that of the ids."""
    _CHANGE.run(db, (workflow_id, requirements_id, num_cpus, memory_bytes, runtime_s))


def largest_node(db: Database, workflow_id: int) -> int:
    """Bytes of memory that the largest node has that ever worked on a workflow; 0: nobody did."""
    return _LARGEST_NODE.one(db, (workflow_id,)).number


def jobs_of(db: Database, workflow_id: int) -> dict[int, JobsOf]:
    """By id of requirements, how many jobs have them; one pass over the jobs."""
    return {row.id: row for row in _JOBS.rows(db, (workflow_id,))}
