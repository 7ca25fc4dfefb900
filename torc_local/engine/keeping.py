"""Which workflows a database keeps: archiving and deleting them.

Crash: each is one transaction. Output files of a deleted workflow are removed after it: a process that is killed
between the two leaves files that nothing refers to any more.
"""

from torc_local.engine.restart import refuse_live
from torc_local.engine.stored import stored
from torc_local.store import deleting, events, workflows
from torc_local.store.database import Database


def archive(db: Database, workflow_id: int, *, archived: bool, at: float) -> bool:
    """Archive a workflow, so that it is neither listed nor run, or bring it back; False when it was so already.

    Process: anyone. Raises InputError while somebody works on it.
    """
    with db.write("archive"):
        _refuse(db, workflow_id)
        changed = workflows.set_archived(db, workflow_id, archived=archived)
        if changed:
            said = "archived" if archived else "brought back from the archive"
            events.record(db, workflow_id, at=at, kind="workflow_archived", message=said)
    return changed


def delete(db: Database, workflow_id: int) -> list[str]:
    """Delete a workflow, its jobs and all that is on record of them; the paths of their output, without suffixes.

    Process: anyone. Raises InputError while somebody works on it.
    Cost:    all its rows in one transaction, for which others wait.
    """
    with db.write("delete workflow"):
        _refuse(db, workflow_id)
        paths = deleting.segments(db, workflow_id)
        deleting.delete(db, workflow_id)
    return paths


def _refuse(db: Database, workflow_id: int) -> None:
    stored(db, workflow_id)
    refuse_live(db, workflow_id)
