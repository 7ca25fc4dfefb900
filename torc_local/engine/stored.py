"""The workflow that an id means, for everything that changes it."""

from torc_local.ground.errors import InputError
from torc_local.store import workflows
from torc_local.store.database import Database
from torc_local.store.workflows import WorkflowRow


def stored(db: Database, workflow_id: int) -> WorkflowRow:
    """The workflow. Raises InputError when there is none."""
    workflow = workflows.get(db, workflow_id)
    if workflow is None:
        raise InputError(f"there is no workflow {workflow_id}", hint="torc-local list shows them")
    return workflow


def in_use(db: Database, workflow_id: int) -> WorkflowRow:
    """The workflow, which must not be archived either. Raises InputError."""
    workflow = stored(db, workflow_id)
    if workflow.is_archived:
        raise InputError(f"workflow {workflow_id} is archived", hint=f"torc-local unarchive {workflow_id}")
    return workflow
