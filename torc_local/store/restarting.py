"""Putting jobs back, so that they run again: which ones, why, and what everything after them waits for then.

``temp.seed`` has the jobs that are to run again and why, ``temp.hit`` these and everything after them. All of it is one
transaction of the caller, at a time when no job is claimed.
"""

from collections.abc import Iterable
from typing import NamedTuple

from torc_local.store import reclaiming, user_data
from torc_local.store.database import Database
from torc_local.store.registry import UNSUCCESSFUL, action, int_array, statement

#: Why a job runs again that was not asked for itself.
AFTER = "after one of these"


class Group(NamedTuple):
    """Jobs that run again for one reason; ``status`` is what they were."""

    why: str
    status: str
    jobs: int
    first_id: int


class Named(NamedTuple):
    """A job in a list."""

    id: int
    name: str


class _Id(NamedTuple):
    id: int


class _Number(NamedTuple):
    number: int


_TEMPORARY = """
CREATE TEMP TABLE IF NOT EXISTS seed (job_id INTEGER PRIMARY KEY, why TEXT NOT NULL);
CREATE TEMP TABLE IF NOT EXISTS hit (job_id INTEGER PRIMARY KEY, why TEXT NOT NULL);
CREATE TEMP TABLE IF NOT EXISTS back
    (after_id INTEGER, before_id INTEGER, PRIMARY KEY (after_id, before_id)) WITHOUT ROWID;
"""
_CLEAR = ("DELETE FROM temp.seed", "DELETE FROM temp.hit", "DELETE FROM temp.back")

# What a job used is in parentheses at the end of its reason, and would make a group of every job.
_WHY = (
    "j.status || coalesce((SELECT ': ' || CASE WHEN a.reason LIKE 'oom: % (%'"
    " THEN substr(a.reason, 1, instr(a.reason, ' (') - 1) ELSE a.reason END FROM attempt a"
    " WHERE a.job_id = j.id AND j.status <> 'canceled' ORDER BY a.run_id DESC, a.attempt_id DESC LIMIT 1), '')"
)
_ENDED = "('completed', 'failed', 'canceled', 'terminated', 'pending_failed')"
_SEED_UNSUCCESSFUL = action(
    "seed_unsuccessful",
    f"INSERT OR IGNORE INTO temp.seed (job_id, why) SELECT j.id, {_WHY} FROM job j"
    f" WHERE j.workflow_id = ? AND {UNSUCCESSFUL}",
    hot=True,
)
_SEED_UNDECIDED = action(
    "seed_pending_failed",
    f"INSERT OR IGNORE INTO temp.seed (job_id, why) SELECT j.id, {_WHY} FROM job j"
    " WHERE j.workflow_id = ? AND j.status = 'pending_failed'",
)
_SEED_ALL = action(
    "seed_all",
    f"INSERT OR IGNORE INTO temp.seed (job_id, why) SELECT j.id, {_WHY} FROM job j"
    f" WHERE j.workflow_id = ? AND j.status IN {_ENDED}",
)
_SEED_THESE = action(
    "seed_these",
    f"INSERT OR IGNORE INTO temp.seed (job_id, why) SELECT j.id, {_WHY} FROM job j"
    f" WHERE j.id IN carray(?2) AND j.workflow_id = ?1 AND j.status IN {_ENDED}"
    " AND (?3 OR j.status <> 'completed')",
    hot=True,
)
_SEED_CHANGED = action(
    "seed_changed",
    "INSERT OR IGNORE INTO temp.seed (job_id, why) SELECT j.id, ?3 FROM job j"
    " WHERE j.id = ?1 AND j.attempt_id = ?2 AND j.status = 'completed'",
    hot=True,
)
# What comes after unsuccessful jobs, the other way round: what a job waits for has no index.
_BACK = action(
    "seed_back",
    "WITH u (id) AS (SELECT d.after_id FROM job j JOIN dependency d ON d.before_id = j.id AND d.after_id < 0"
    f"  WHERE j.workflow_id = ?1 AND {UNSUCCESSFUL}), e (before_id, after_id) AS ("
    f" SELECT d.before_id, d.after_id FROM job j JOIN dependency d ON d.before_id = j.id WHERE j.workflow_id = ?1"
    f"  AND {UNSUCCESSFUL}"
    " UNION SELECT d.before_id, d.after_id FROM u JOIN dependency d ON d.before_id = u.id)"
    " INSERT INTO temp.back (after_id, before_id) SELECT e.after_id, e.before_id FROM e LEFT JOIN job a"
    " ON a.id = e.after_id WHERE e.after_id < 0 OR a.cancel_on_blocking_job_failure",
)
_SEED_BEFORE = action(
    "seed_before",
    "WITH RECURSIVE need (id) AS (SELECT job_id FROM temp.seed"
    " UNION SELECT b.before_id FROM need CROSS JOIN temp.back b ON b.after_id = need.id)"
    f" INSERT OR IGNORE INTO temp.seed (job_id, why) SELECT j.id, 'before one of these, ' || {_WHY}"
    " FROM need JOIN job j ON j.id = need.id WHERE need.id > 0",
)
_HIT = action(
    "restart_hit_fill",
    "WITH RECURSIVE reach (id) AS (SELECT job_id FROM temp.seed"
    " UNION SELECT d.after_id FROM reach JOIN dependency d ON d.before_id = reach.id)"
    f" INSERT INTO temp.hit (job_id, why) SELECT reach.id, coalesce(s.why, '{AFTER}') FROM reach"
    " LEFT JOIN temp.seed s ON s.job_id = reach.id WHERE reach.id > 0",
    hot=True,
)
_SEEDS = statement("seed_count", "SELECT count(*) FROM temp.seed", _Number._make)
_GROUPS = statement(
    "restart_groups",
    "SELECT h.why, j.status, count(*), min(j.id) FROM temp.hit h JOIN job j ON j.id = h.job_id"
    f" WHERE j.status IN {_ENDED} GROUP BY 1, 2 ORDER BY h.why = '{AFTER}', count(*) DESC, min(j.id)",
    Group._make,
)
_EXAMPLES = statement(
    "restart_examples",
    "SELECT j.id, j.name FROM temp.hit h JOIN job j ON j.id = h.job_id WHERE h.why = ? AND j.status = ?"
    " ORDER BY h.job_id LIMIT ?",
    Named._make,
)
_UNSET = statement(
    "job_restart",
    "UPDATE job SET status = 'uninitialized', attempt_id = attempt_id + EXISTS (SELECT 1 FROM attempt a"
    " WHERE a.job_id = job.id AND a.attempt_id = job.attempt_id), blocker_failed = 0, losses = 0, io = io & ~24"
    f" WHERE id IN (SELECT job_id FROM temp.hit) AND status IN {_ENDED} RETURNING id",
    _Id._make,
    hot=True,
)
# Ready although something before it failed (its flag said so): it waits anew, or it would start before that has ended.
_UNSET_READY = action(
    "job_restart_ready",
    "UPDATE job SET status = 'uninitialized', blocker_failed = 0, losses = 0,"
    " attempt_id = attempt_id + (io & 8 <> 0), io = io & ~24"
    " WHERE id IN (SELECT job_id FROM temp.hit) AND status = 'ready'",
)
_RESET_WAITING = action(
    "job_restart_waiting",
    "UPDATE job SET blockers = l.blockers, blocker_failed = l.failed, status = CASE WHEN l.blockers > 0 THEN 'blocked'"
    " WHEN l.failed AND job.cancel_on_blocking_job_failure THEN job.status ELSE 'ready' END"
    " FROM temp.left_before l WHERE l.job_id = job.id AND job.workflow_id = ?"
    " AND job.status IN ('uninitialized', 'blocked')",
)
_RESET_FREE = action(
    "job_restart_free",
    "UPDATE job SET blockers = 0, status = 'ready' WHERE workflow_id = ? AND status = 'uninitialized'"
    " AND NOT EXISTS (SELECT 1 FROM temp.left_before l WHERE l.job_id = job.id)",
)


def prepare(db: Database) -> None:
    """Make this connection's temporary tables; once, outside of a transaction."""
    reclaiming.prepare_counting(db)
    for _ in db.connection.execute(_TEMPORARY):
        pass


def clear(db: Database) -> None:
    """Nothing is to be put back yet."""
    for sql in _CLEAR:
        db.connection.execute(sql)


def seed_unsuccessful(db: Database, workflow_id: int, *, undecided: bool = False) -> None:
    """Everything that failed or was canceled or terminated; ``undecided``: also what waits for a person to decide."""
    _SEED_UNSUCCESSFUL.run(db, (workflow_id,))
    if undecided:
        _SEED_UNDECIDED.run(db, (workflow_id,))


def seed_all(db: Database, workflow_id: int) -> None:
    """Everything that has ended, however."""
    _SEED_ALL.run(db, (workflow_id,))


def seed_these(db: Database, workflow_id: int, job_ids: list[int], *, completed: bool) -> None:
    """Those of these jobs that have ended, completed ones only if told so, and what they cannot run without.

    A job that something unsuccessful before it would cancel again takes that along, and so on.
    """
    _SEED_THESE.run(db, (workflow_id, int_array(job_ids), completed))
    _BACK.run(db, (workflow_id,))
    _SEED_BEFORE.run(db)


def seed_changed(db: Database, changes: Iterable[tuple[int, int, str]]) -> None:
    """Completed jobs: id, attempt that completed, and what has changed since; the first reason counts."""
    _SEED_CHANGED.many(db, changes)


def seeds(db: Database) -> int:
    """How many jobs are to be put back for themselves."""
    return _SEEDS.one(db).number


def spread(db: Database) -> None:
    """Find everything after the seeds."""
    _HIT.run(db)


def groups(db: Database) -> list[Group]:
    """The jobs that will run again by reason; what comes after others is last. Before ``restart``."""
    return _GROUPS.rows(db)


def examples(db: Database, group: Group, limit: int) -> list[str]:
    """Names of the first jobs of a group."""
    return [row.name for row in _EXAMPLES.rows(db, (group.why, group.status, limit))]


_FORGET_CANCELS = action(
    "cancel_mark_forget",
    "UPDATE job SET io = io & ~16 WHERE workflow_id = ?1 AND io & 16 AND status IN ('ready', 'blocked')"
    " AND EXISTS (SELECT 1 FROM workflow w WHERE w.id = ?1 AND w.cancels > 0)",
)


def forget_cancels(db: Database, workflow_id: int) -> None:
    """Let jobs run all the same that a person canceled while a runner held them that then did not end them."""
    _FORGET_CANCELS.run(db, (workflow_id,))


def restart(db: Database, workflow_id: int) -> int:
    """Put what ``spread`` found back to ready or blocked; how many jobs run again.

    A job after a failed one that ran all the same (its flag said so) runs again too, as in Torc.
    Counts every blocker anew from the jobs' states, so it needs no live runner and no other coordinator. The queue of
    ended jobs must be empty, unless everything unsuccessful is put back.
    """
    again = len(_UNSET.rows(db))
    _UNSET_READY.run(db, ())
    user_data.clear_ephemeral(db)
    reclaiming.count_anew(db, workflow_id)
    _RESET_WAITING.run(db, (workflow_id,))
    _RESET_FREE.run(db, (workflow_id,))
    return again
