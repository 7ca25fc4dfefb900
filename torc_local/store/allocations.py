"""Allocations that Slurm was asked for, to work on a workflow."""

from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.registry import action, statement


class Allocation(NamedTuple):
    """One accepted request; columns as in schema.sql."""

    workflow_id: int
    slurm_job_id: int
    nodes: int
    scheduler: str | None
    submitted_at: float


# Slurm begins again with small numbers some day.
_RECORD = action(
    "allocation_record",
    "INSERT INTO allocation (workflow_id, slurm_job_id, nodes, scheduler, submitted_at) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET nodes = excluded.nodes, scheduler = excluded.scheduler,"
    " submitted_at = excluded.submitted_at",
)
_LIST = statement(
    "allocation_list",
    "SELECT workflow_id, slurm_job_id, nodes, scheduler, submitted_at FROM allocation WHERE workflow_id = ?"
    " ORDER BY submitted_at, slurm_job_id",
    Allocation._make,
)


def record(db: Database, allocation: Allocation) -> None:
    """Keep what Slurm has accepted."""
    _RECORD.run(db, tuple(allocation))


def of_workflow(db: Database, workflow_id: int) -> list[Allocation]:
    """Everything that was asked for, oldest first."""
    return _LIST.rows(db, (workflow_id,))
