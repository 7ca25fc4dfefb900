"""What jobs may use before they are ended."""

from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.registry import statement


class LimitRow(NamedTuple):
    """Requirements of which the workflow file states at least one; ``limits`` as in schema.sql."""

    id: int
    memory_bytes: int
    runtime_s: float
    limits: int


_STATED = statement(
    "resource_limits",
    "SELECT id, memory_bytes, runtime_s, limits FROM resource_requirements WHERE workflow_id = ? AND limits <> 0",
    LimitRow._make,
    hot=True,
)


def stated(db: Database, workflow_id: int) -> list[LimitRow]:
    """All requirements of a workflow that limit anything."""
    return _STATED.rows(db, (workflow_id,))
