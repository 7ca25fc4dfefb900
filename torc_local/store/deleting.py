"""Taking a whole workflow out of the database."""

from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.registry import action, statement


class Segment(NamedTuple):
    """Where output of a workflow's jobs is: relative to the database's directory, or absolute."""

    path: str


_OF = "FROM runner r JOIN segment s ON s.runner_id = r.id WHERE r.workflow_id = ?1"
_SEGMENTS = statement("segments_of_workflow", f"SELECT s.path {_OF}", Segment._make)
# What no foreign key leads to comes first. Jobs take their attempts, files and whatever else is theirs along.
_STEPS = tuple(
    action(f"delete_{table}", sql)
    for table, sql in (
        # Attempts that others took over: ids of segments are used again.
        (
            "output_of_others",
            f"UPDATE attempt SET segment_id = NULL WHERE segment_id IN (SELECT s.id {_OF})",
        ),
        ("ended", "DELETE FROM ended WHERE workflow_id = ?1"),
        ("edges", "DELETE FROM dependency WHERE before_id IN (SELECT id FROM job WHERE workflow_id = ?1)"),
        ("gate_edges", "DELETE FROM dependency WHERE before_id IN (SELECT id FROM gate WHERE workflow_id = ?1)"),
        ("jobs", "DELETE FROM job WHERE workflow_id = ?1"),
        ("workflow", "DELETE FROM workflow WHERE id = ?1"),
    )
)


def segments(db: Database, workflow_id: int) -> list[str]:
    """The paths of the output files of a workflow's jobs, without their suffixes."""
    return [row.path for row in _SEGMENTS.rows(db, (workflow_id,))]


def delete(db: Database, workflow_id: int) -> None:
    """Delete a workflow with everything of it, inside the caller's transaction."""
    for step in _STEPS:
        step.run(db, (workflow_id,))
