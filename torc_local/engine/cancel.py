"""Canceling a workflow from any process; its runners notice and end their jobs."""

from torc_local.store import events, workflows
from torc_local.store.database import Database


def cancel(db: Database, workflow_id: int, *, at: float, who: str) -> bool:
    """Set the flag that every runner looks at; False when it was set already.

    Ready and blocked jobs stay as they are (Torc); running ones are ended by their runners as canceled.

    Process: anyone.
    Crash:   one statement.
    """
    with db.write("cancel"):
        changed = workflows.set_canceled(db, workflow_id, canceled=True)
        if changed:
            events.record(db, workflow_id, at=at, kind="workflow_canceled", message=f"canceled by {who}")
    return changed
