"""Queries that must return no rows: after every test, after every crash, and in ``torc-local doctor``.

Each row that one returns is a violation, in columns that name what is wrong. Those marked ``at_rest`` hold only
while nothing runs (or after reclaim); the others hold after every commit.
"""

from typing import NamedTuple

from torc_local.ground.states import MOVES
from torc_local.store.database import Database


class Invariant(NamedTuple):
    """A promise as a query for its violations."""

    name: str
    promise: str
    sql: str
    at_rest: bool = False


class Violation(NamedTuple):
    """A broken promise with one example."""

    invariant: str
    promise: str
    example: str


_MOVES = "VALUES " + ", ".join(f"('{before}', '{after}')" for before, after in sorted(MOVES))

INVARIANTS = (
    Invariant(
        "counts_match_jobs",
        "the kept counts equal the jobs counted by state",
        "SELECT w.id, m.status FROM workflow w JOIN (SELECT DISTINCT status FROM job_count) m"
        " LEFT JOIN job_count c ON c.workflow_id = w.id AND c.status = m.status"
        " LEFT JOIN (SELECT workflow_id, status, count(*) AS n FROM job GROUP BY workflow_id, status) j"
        "  ON j.workflow_id = w.id AND j.status = m.status WHERE coalesce(c.jobs, 0) <> coalesce(j.n, 0)",
    ),
    Invariant(
        "every_state_is_counted",
        "every job's state has a count",
        "SELECT j.id, j.status FROM job j WHERE NOT EXISTS (SELECT 1 FROM job_count c"
        " WHERE c.workflow_id = j.workflow_id AND c.status = j.status)",
    ),
    Invariant(
        "blockers_match_dependencies",
        "a job's blockers are what it waits for and has not been counted off",
        "SELECT j.id, j.status, j.blockers, coalesce(d.n, 0) FROM job j LEFT JOIN ("
        " SELECT d.after_id, sum(CASE"
        "   WHEN e.node_id IS NOT NULL THEN d.after_id > e.cursor_id"
        "   WHEN d.before_id > 0 THEN b.status NOT IN ('completed', 'failed', 'canceled', 'terminated')"
        "   ELSE g.remaining > 0 END) AS n"
        " FROM dependency d LEFT JOIN job b ON b.id = d.before_id LEFT JOIN gate g ON g.id = d.before_id"
        " LEFT JOIN ended e ON e.workflow_id = coalesce(b.workflow_id, g.workflow_id) AND e.node_id = d.before_id"
        " WHERE d.after_id > 0 GROUP BY d.after_id) d ON d.after_id = j.id"
        " WHERE j.status NOT IN ('canceled', 'disabled') AND j.blockers <> coalesce(d.n, 0)",
    ),
    Invariant(
        "gates_match_members",
        "a gate's members are those of its set; its remaining count is those that have not been counted off",
        "SELECT g.id, g.members, g.remaining, coalesce(m.n, 0) FROM gate g LEFT JOIN ("
        " SELECT d.after_id, sum(CASE WHEN e.node_id IS NOT NULL THEN d.after_id > e.cursor_id"
        "   ELSE j.status NOT IN ('completed', 'failed', 'canceled', 'terminated') END) AS n,"
        "  count(*) AS members FROM dependency d JOIN job j ON j.id = d.before_id"
        " LEFT JOIN ended e ON e.workflow_id = j.workflow_id AND e.node_id = d.before_id"
        " WHERE d.after_id < 0 GROUP BY d.after_id) m ON m.after_id = g.id"
        " WHERE g.remaining <> coalesce(m.n, 0) OR g.members IS NOT m.members",
    ),
    Invariant(
        "failures_match_dependencies",
        "a waiting job knows whether something that was counted off did not succeed",
        "SELECT j.id, j.status, j.blocker_failed FROM job j LEFT JOIN ("
        " SELECT d.after_id, max(CASE"
        "   WHEN d.after_id > e.cursor_id THEN 0"
        "   WHEN d.before_id > 0 THEN b.status IN ('failed', 'canceled', 'terminated')"
        "   ELSE g.remaining = 0 AND g.failed END) AS failed"
        " FROM dependency d LEFT JOIN job b ON b.id = d.before_id LEFT JOIN gate g ON g.id = d.before_id"
        " LEFT JOIN ended e ON e.workflow_id = coalesce(b.workflow_id, g.workflow_id) AND e.node_id = d.before_id"
        " WHERE d.after_id > 0 GROUP BY d.after_id) d ON d.after_id = j.id"
        " WHERE j.status IN ('blocked', 'ready', 'pending', 'running') AND j.blocker_failed <> coalesce(d.failed, 0)",
    ),
    Invariant(
        "gates_match_failures",
        "a gate knows whether a member that was counted off did not succeed",
        "SELECT g.id, g.failed FROM gate g JOIN ("
        " SELECT d.after_id, max(CASE WHEN d.after_id > e.cursor_id THEN 0"
        "   ELSE j.status IN ('failed', 'canceled', 'terminated') END) AS failed"
        " FROM dependency d JOIN job j ON j.id = d.before_id"
        " LEFT JOIN ended e ON e.workflow_id = j.workflow_id AND e.node_id = d.before_id"
        " WHERE d.after_id < 0 GROUP BY d.after_id) m ON m.after_id = g.id WHERE g.failed <> m.failed",
    ),
    Invariant(
        "queue_holds_what_ended",
        "the queue of ended jobs and gates holds nothing that has not ended, or that is of another workflow",
        "SELECT e.workflow_id, e.node_id FROM ended e LEFT JOIN job j ON j.id = e.node_id"
        " LEFT JOIN gate g ON g.id = e.node_id"
        " WHERE coalesce(j.workflow_id, g.workflow_id) IS NOT e.workflow_id"
        " OR j.status NOT IN ('completed', 'failed', 'canceled', 'terminated') OR g.remaining > 0",
    ),
    Invariant(
        "dependencies_have_ends",
        "both ends of every dependency exist in one workflow",
        "SELECT d.before_id, d.after_id FROM dependency d"
        " LEFT JOIN job b ON b.id = d.before_id LEFT JOIN gate bg ON bg.id = d.before_id"
        " LEFT JOIN job a ON a.id = d.after_id LEFT JOIN gate ag ON ag.id = d.after_id"
        " WHERE coalesce(b.workflow_id, bg.workflow_id) IS NOT coalesce(a.workflow_id, ag.workflow_id)"
        " OR coalesce(b.workflow_id, bg.workflow_id) IS NULL OR (d.before_id < 0 AND d.after_id < 0)",
    ),
    Invariant(
        "completed_has_one_completion",
        "a completed job has exactly one recorded completion for its attempt",
        "SELECT j.id, count(a.job_id) FROM job j LEFT JOIN attempt a ON a.job_id = j.id"
        " AND a.attempt_id = j.attempt_id AND a.status = 'completed'"
        " WHERE j.status = 'completed' GROUP BY j.id HAVING count(a.job_id) <> 1",
    ),
    Invariant(
        "completion_is_final",
        "a job whose current attempt has a recorded completion is completed",
        "SELECT a.job_id, j.status FROM attempt a JOIN job j ON j.id = a.job_id AND j.attempt_id = a.attempt_id"
        " WHERE a.status = 'completed' AND j.status <> 'completed'",
    ),
    Invariant(
        "failed_has_a_result",
        "a failed or terminated job has a recorded attempt that says why",
        "SELECT j.id, j.status FROM job j WHERE j.status IN ('failed', 'terminated', 'pending_failed')"
        " AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.job_id = j.id AND a.status <> 'completed')",
    ),
    Invariant(
        "claims_have_live_runners",
        "a claimed job is held by a runner that has not ended",
        "SELECT j.id, j.runner_id FROM job j LEFT JOIN runner u ON u.id = j.runner_id"
        " WHERE j.runner_id IS NOT NULL AND (u.id IS NULL OR u.ended_at IS NOT NULL)",
    ),
    Invariant(
        "running_rows_match_jobs",
        "the table of running jobs lists exactly the jobs in state running",
        "SELECT id FROM job WHERE status = 'running' AND id NOT IN (SELECT job_id FROM running)"
        " UNION ALL SELECT s.job_id FROM running s JOIN job j ON j.id = s.job_id WHERE j.status <> 'running'",
    ),
    Invariant(
        "starts_follow_ends",
        "no job started before everything it waits for had ended",
        # Seen within one run. The clock is the nodes' own, so this looks at pairs recorded on one node only.
        "SELECT d.before_id, d.after_id FROM dependency d JOIN attempt b ON b.job_id = d.before_id"
        " JOIN attempt a ON a.job_id = d.after_id AND a.run_id = b.run_id AND a.started_at < b.ended_at - 0.001"
        " JOIN runner ua ON ua.id = a.runner_id JOIN runner ub ON ub.id = b.runner_id AND ub.node_id = ua.node_id"
        " WHERE d.before_id > 0 AND d.after_id > 0 AND a.attempt_id = (SELECT min(x.attempt_id) FROM attempt x"
        " WHERE x.job_id = a.job_id AND x.run_id = a.run_id) AND b.status = 'completed'",
    ),
    Invariant(
        "budget_is_kept",
        "a runner that has ended holds nothing of its node",
        "SELECT u.id FROM runner u WHERE u.ended_at IS NOT NULL"
        " AND (u.held_cpus <> 0 OR u.held_memory_bytes <> 0 OR u.held_gpus <> 0)",
    ),
    Invariant(
        "gpus_have_live_runners",
        "a GPU is held by a runner of its node that has not ended, and no runner holds more than it counts",
        "SELECT g.node_id, g.gpu, g.runner_id FROM held_gpu g LEFT JOIN runner u ON u.id = g.runner_id"
        " WHERE u.id IS NULL OR u.ended_at IS NOT NULL OR u.node_id <> g.node_id"
        " UNION ALL SELECT u.node_id, count(*), u.id FROM held_gpu g JOIN runner u ON u.id = g.runner_id"
        " GROUP BY u.id HAVING count(*) > u.held_gpus",
    ),
    Invariant(
        "ended_run_has_nothing_open",
        "a run that is closed has no job that could still run",
        "SELECT r.workflow_id, c.status FROM run r JOIN workflow w ON w.id = r.workflow_id AND w.run_id = r.run_id"
        " JOIN job_count c ON c.workflow_id = r.workflow_id WHERE r.ended_at IS NOT NULL AND c.jobs > 0"
        " AND c.status IN ('pending', 'running', 'blocked', 'uninitialized', 'ready')"
        # What waits for a job in doubt stays blocked.
        " AND NOT (c.status = 'blocked' AND EXISTS (SELECT 1 FROM job_count d WHERE d.workflow_id = c.workflow_id"
        "  AND d.status = 'pending_failed' AND d.jobs > 0))",
    ),
    Invariant(
        "recovery_follows_a_failure",
        "a job whose recovery script is due is ready or claimed, and its attempt is on record as failed",
        "SELECT j.id, j.status FROM job j WHERE j.io & 8 AND (j.status NOT IN ('ready', 'pending', 'running')"
        " OR NOT EXISTS (SELECT 1 FROM attempt a WHERE a.job_id = j.id AND a.attempt_id = j.attempt_id"
        "  AND a.status = 'failed'))",
    ),
    Invariant(
        "uses_have_ends",
        "what jobs read and write exists, in their workflow",
        "SELECT u.job_id, u.file_id FROM job_file u JOIN job j ON j.id = u.job_id LEFT JOIN file f ON f.id = u.file_id"
        " LEFT JOIN item_set s ON s.id = u.file_id AND NOT u.is_output"
        " WHERE coalesce(f.workflow_id, s.workflow_id) IS NOT j.workflow_id"
        " UNION ALL SELECT u.job_id, u.user_data_id FROM job_user_data u JOIN job j ON j.id = u.job_id"
        " LEFT JOIN user_data d ON d.id = u.user_data_id LEFT JOIN item_set s ON s.id = u.user_data_id"
        " AND NOT u.is_output WHERE coalesce(d.workflow_id, s.workflow_id) IS NOT j.workflow_id",
    ),
    Invariant(
        "uses_are_known",
        "files know whether any job reads or writes them",
        "WITH used AS (SELECT DISTINCT coalesce(m.item_id, u.file_id) AS id, u.is_output FROM job_file u"
        " LEFT JOIN item_set_member m ON m.set_id = u.file_id) SELECT f.id, f.name FROM file f"
        " WHERE f.is_consumed <> (f.id IN (SELECT id FROM used WHERE NOT is_output))"
        " OR f.is_produced <> (f.id IN (SELECT id FROM used WHERE is_output))",
    ),
    Invariant(
        "uses_of_user_data_are_known",
        "user data knows whether any job reads or writes it",
        "WITH used AS (SELECT DISTINCT coalesce(m.item_id, u.user_data_id) AS id, u.is_output FROM job_user_data u"
        " LEFT JOIN item_set_member m ON m.set_id = u.user_data_id) SELECT d.id, d.name FROM user_data d"
        " WHERE d.is_consumed <> (d.id IN (SELECT id FROM used WHERE NOT is_output))"
        " OR d.is_produced <> (d.id IN (SELECT id FROM used WHERE is_output))",
    ),
    Invariant(
        "looked_up_where_there_is_any",
        "a runner looks up what jobs read and write exactly where there is any",
        "SELECT j.id, j.io FROM job j"
        " WHERE ((j.io & 1) <> 0) <> EXISTS (SELECT 1 FROM job_file u WHERE u.job_id = j.id)"
        " OR ((j.io & 4) <> 0) <> EXISTS (SELECT 1 FROM job_user_data u WHERE u.job_id = j.id AND NOT u.is_output)",
    ),
    Invariant(
        "actions_have_jobs",
        "the jobs that an action waits for exist, in its workflow, and it waits for one at least",
        "SELECT s.action_id, s.job_id FROM action_job s LEFT JOIN action a ON a.id = s.action_id"
        " LEFT JOIN job j ON j.id = s.job_id WHERE a.workflow_id IS NULL OR j.workflow_id IS NOT a.workflow_id"
        " UNION ALL SELECT a.id, 0 FROM action a WHERE a.trigger_type IN ('on_jobs_ready', 'on_jobs_complete')"
        " AND NOT EXISTS (SELECT 1 FROM action_job s WHERE s.action_id = a.id)",
    ),
    Invariant(
        "actions_have_live_actors",
        "an action that is being executed is held by an actor that has not ended",
        "SELECT r.action_id, r.run_id, r.runner_id FROM action_run r LEFT JOIN runner u ON u.id = r.runner_id"
        " WHERE r.ended_at IS NULL AND r.runner_id IS NOT NULL"
        " AND (u.id IS NULL OR u.ended_at IS NOT NULL OR NOT u.acts)",
    ),
    Invariant(
        "ended_run_has_no_open_action",
        "a run that is closed has no action, but those of workers, that was begun and not executed",
        "SELECT r.action_id, r.run_id FROM action_run r JOIN action a ON a.id = r.action_id"
        " JOIN workflow w ON w.id = a.workflow_id AND w.run_id = r.run_id"
        " JOIN run ON run.workflow_id = w.id AND run.run_id = w.run_id WHERE run.ended_at IS NOT NULL"
        " AND r.ended_at IS NULL AND a.trigger_type NOT IN ('on_worker_start', 'on_worker_complete')",
    ),
    Invariant(
        "later_jobs_have_an_origin",
        "a job that came later was added or spawned, and one that was spawned waits for a job",
        "SELECT id, origin FROM job WHERE origin NOT IN ('add', 'spawn') UNION ALL SELECT id, origin FROM job"
        " WHERE origin = 'spawn' AND id NOT IN (SELECT after_id FROM dependency WHERE before_id > 0)",
    ),
    Invariant(
        "usage_has_jobs",
        "what was measured is of a job, or of a workflow, that is there",
        "SELECT job_id, run_id FROM attempt_usage WHERE job_id NOT IN (SELECT id FROM job)"
        " UNION ALL SELECT workflow_id, run_id FROM node_usage WHERE workflow_id NOT IN (SELECT id FROM workflow)",
    ),
    Invariant(
        "moves_are_known",
        "the legal moves of a job are those of the program",
        f"SELECT 'missing', column1, column2 FROM (SELECT * FROM ({_MOVES}) EXCEPT SELECT before, after FROM move)"
        f" UNION ALL SELECT 'not legal', before, after FROM (SELECT before, after FROM move EXCEPT {_MOVES})",
    ),
    Invariant(
        "runs_are_numbered",
        "a workflow knows its newest run",
        "SELECT w.id, w.run_id FROM workflow w WHERE w.run_id < coalesce((SELECT max(r.run_id) FROM run r"
        " WHERE r.workflow_id = w.id), 0)",
    ),
    Invariant(
        "documents_can_be_read",
        "what is stored as JSON is JSON, and of the right kind",
        "WITH document (place, id, kind, text) AS (SELECT 'workflow.settings', id, 'object', settings FROM workflow"
        " UNION ALL SELECT 'job_options.options', id, 'object', options FROM job_options"
        " UNION ALL SELECT 'action.config', id, 'object', config FROM action"
        " UNION ALL SELECT 'runner.write_figures', id, 'object', write_figures FROM runner"
        " UNION ALL SELECT 'coordinator.write_figures', workflow_id, 'object', write_figures FROM coordinator"
        " UNION ALL SELECT 'runner.lock_wait_histogram', id, 'array', lock_wait_histogram FROM runner"
        " UNION ALL SELECT 'user_data.data', id, '', data FROM user_data WHERE data IS NOT NULL"
        " UNION ALL SELECT 'user_data.given', id, '', given FROM user_data WHERE given IS NOT NULL)"
        " SELECT place, id FROM document"
        " WHERE CASE WHEN json_valid(text) THEN kind NOT IN ('', json_type(text)) ELSE 1 END",
    ),
    Invariant(
        "nothing_is_half_put_back",
        "no job is left in the middle of a restart",
        "SELECT id FROM job WHERE status = 'uninitialized'",
    ),
    Invariant(
        "nothing_claimed_at_rest",
        "no job is claimed and no runner is open while nothing runs",
        "SELECT id FROM job WHERE runner_id IS NOT NULL UNION ALL SELECT -id FROM runner WHERE ended_at IS NULL",
        at_rest=True,
    ),
)


def violations(db: Database, *, at_rest: bool = False) -> list[Violation]:
    """Every broken promise, each with its first example; reads one moment of the whole database."""
    found = []
    with db.read():
        for invariant in INVARIANTS:
            if invariant.at_rest and not at_rest:
                continue
            row = next(iter(db.connection.execute(invariant.sql + " LIMIT 1").fetchall()), None)
            if row is not None:
                found.append(Violation(invariant.name, invariant.promise, ", ".join(map(str, row))))
    return found
