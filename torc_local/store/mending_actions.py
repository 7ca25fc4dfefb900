"""Setting right what a damaged database says of actions.

A job that is lost and was put back is selected as before. An action that has lost all its jobs would be executed at
once, so it goes with them.
"""

from torc_local.store.database import Database
from torc_local.store.registry import action

_MENDS = (
    action(
        "mend_action_job",
        "DELETE FROM action_job WHERE NOT EXISTS (SELECT 1 FROM action a JOIN job j ON j.id = action_job.job_id"
        " WHERE a.id = action_job.action_id AND a.workflow_id = j.workflow_id)",
    ),
    action(
        "mend_action",
        "DELETE FROM action WHERE workflow_id NOT IN (SELECT id FROM workflow) OR trigger_type IN ('on_jobs_ready',"
        " 'on_jobs_complete') AND id NOT IN (SELECT action_id FROM action_job)",
    ),
    action("mend_action_run", "DELETE FROM action_run WHERE action_id NOT IN (SELECT id FROM action)"),
    action(
        "mend_action_held",
        "UPDATE action_run SET runner_id = NULL WHERE ended_at IS NULL AND runner_id IS NOT NULL",
    ),
    action(
        "mend_run_of_actions",
        "UPDATE run SET ended_at = NULL WHERE ended_at IS NOT NULL AND EXISTS (SELECT 1 FROM workflow w"
        " JOIN action a ON a.workflow_id = w.id JOIN action_run r ON r.action_id = a.id AND r.run_id = w.run_id"
        " WHERE w.id = run.workflow_id AND w.run_id = run.run_id AND r.ended_at IS NULL"
        " AND a.trigger_type NOT IN ('on_worker_start', 'on_worker_complete'))",
    ),
)


def actions(db: Database) -> None:
    """Free actions that were being executed, and forget what refers to nothing; nobody uses the database meanwhile."""
    for mend in _MENDS:
        mend.run(db)
