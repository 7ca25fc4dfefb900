"""Taking back what a dead runner held, and counting anew what jobs wait for."""

from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.registry import action, statement


class Back(NamedTuple):
    """A job taken back from a dead runner: its state now and how often that happened to it while it ran."""

    id: int
    status: str
    losses: int


class Running(NamedTuple):
    """A job on record as running: its process group, and when it started (UTC)."""

    pid: int
    started_at: float


class _Id(NamedTuple):
    id: int


_PENDING = statement(
    "job_reclaim_pending",
    "UPDATE job SET status = 'ready', runner_id = NULL WHERE runner_id = ? AND status = 'pending' RETURNING id",
    _Id._make,
    hot=True,
)
_LOST_ATTEMPTS = action(
    "attempt_insert_lost",
    "INSERT INTO attempt (job_id, run_id, attempt_id, runner_id, status, reason, return_code, started_at, ended_at,"
    " cpu_s, peak_memory_bytes, segment_id, stdout_start, stderr_start)"
    " SELECT j.id, ?2, j.attempt_id, j.runner_id, 'lost', ?3, -128, coalesce(s.started_at, ?4), ?4, 0, 0,"
    " nullif(s.segment_id, 0), coalesce(s.stdout_start, 0), coalesce(s.stderr_start, 0)"
    " FROM job j LEFT JOIN running s ON s.job_id = j.id"
    " WHERE j.runner_id = ?1 AND j.status = 'running' AND NOT j.io & 8",
    hot=True,
)
_RUNNING_OF = statement(
    "running_of_runner",
    "SELECT s.pid, s.started_at FROM job j JOIN running s ON s.job_id = j.id"
    " WHERE j.runner_id = ? AND j.status = 'running'",
    Running._make,
    hot=True,
)
_DROP_RUNNING = action(
    "running_delete_of_runner",
    "DELETE FROM running WHERE job_id IN (SELECT id FROM job WHERE runner_id = ? AND status = 'running')",
    hot=True,
)
_RUNNING = statement(
    "job_reclaim_running",
    "UPDATE job SET losses = losses + 1, runner_id = NULL,"
    " status = CASE WHEN losses + 1 >= ?2 THEN 'failed' ELSE 'ready' END,"
    # While a recovery script runs, the attempt before it is on record: whoever gets the job runs the script again.
    " attempt_id = attempt_id + (losses + 1 < ?2 AND NOT io & 8),"
    " io = CASE WHEN losses + 1 >= ?2 THEN io & ~8 ELSE io END WHERE runner_id = ?1 AND status = 'running'"
    " RETURNING id, status, losses",
    Back._make,
    hot=True,
)


def running_of(db: Database, runner_id: int) -> list[Running]:
    """The running jobs of a runner, as far as they are on record: those that outlast a batch."""
    return _RUNNING_OF.rows(db, (runner_id,))


def reclaim_pending(db: Database, runner_id: int) -> int:
    """Put a dead runner's claims that are not known to have started back to ready; how many."""
    return len(_PENDING.rows(db, (runner_id,)))


def reclaim_running(
    db: Database, runner_id: int, *, run_id: int, at: float, reason: str, most_losses: int
) -> list[Back]:
    """Record a dead runner's running jobs as lost; they are ready again, or failed the ``most_losses``-th time."""
    _LOST_ATTEMPTS.run(db, (runner_id, run_id, reason, at))
    _DROP_RUNNING.run(db, (runner_id,))
    return _RUNNING.rows(db, (runner_id, most_losses))


_FORGET_ENDED = action("ended_forget", "DELETE FROM ended WHERE workflow_id = ?", hot=True)
_RECOUNT_GATES = action(
    "gate_recount",
    "UPDATE gate SET (remaining, failed) = (SELECT gate.members - coalesce(sum(e.done), 0), coalesce(max(e.failed), 0)"
    " FROM (SELECT j.status IN ('completed', 'failed', 'canceled', 'terminated') AS done,"
    "  j.status IN ('failed', 'canceled', 'terminated') AS failed"
    "  FROM temp.member m JOIN job j ON j.id = m.job_id WHERE m.gate_id = gate.id) AS e)"
    " WHERE gate.workflow_id = ?",
)
_TEMPORARY = """
CREATE TEMP TABLE IF NOT EXISTS member (gate_id INTEGER, job_id INTEGER, PRIMARY KEY (gate_id, job_id)) WITHOUT ROWID;
CREATE TEMP TABLE IF NOT EXISTS left_before (job_id INTEGER PRIMARY KEY, blockers INTEGER, failed INTEGER);
"""
_CLEAR = ("DELETE FROM temp.member", "DELETE FROM temp.left_before")
_MEMBERS = action(
    "member_fill",
    "INSERT INTO temp.member (gate_id, job_id) SELECT d.after_id, d.before_id FROM job j JOIN dependency d"
    " ON d.before_id = j.id WHERE j.workflow_id = ? AND d.after_id < 0",
)
_LEFT_BEFORE = action(
    "left_before_fill",
    "INSERT INTO temp.left_before (job_id, blockers, failed)"
    " SELECT after_id, sum(NOT done), max(failed) FROM ("
    "  SELECT d.after_id, b.status IN ('completed', 'failed', 'canceled', 'terminated') AS done,"
    "   b.status IN ('failed', 'canceled', 'terminated') AS failed"
    "  FROM job b JOIN dependency d ON d.before_id = b.id WHERE b.workflow_id = ?1 AND d.after_id > 0"
    "  UNION ALL SELECT d.after_id, g.remaining = 0, g.remaining = 0 AND g.failed FROM gate g"
    "  JOIN dependency d ON d.before_id = g.id WHERE g.workflow_id = ?1) GROUP BY after_id",
)


def prepare_counting(db: Database) -> None:
    """Make this connection's temporary tables; once, outside of a transaction."""
    for _ in db.connection.execute(_TEMPORARY):
        pass


def count_anew(db: Database, workflow_id: int) -> None:
    """Count gates anew from the jobs' states, and into ``temp.left_before`` what each job still waits for.

    The queue of ended jobs is empty afterwards: all of them are counted off.
    """
    for sql in _CLEAR:
        db.connection.execute(sql)
    _FORGET_ENDED.run(db, (workflow_id,))
    _MEMBERS.run(db, (workflow_id,))
    _RECOUNT_GATES.run(db, (workflow_id,))
    _LEFT_BEFORE.run(db, (workflow_id,))
