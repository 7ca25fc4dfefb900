"""The queue of ended jobs and gates, and counting down what waits for them.

A batch is a bounded piece of the queue's outgoing edges, held in a temporary table of this connection. All of one
batch happens in one transaction; a node with more dependents than fit keeps its place with a cursor.
"""

from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.registry import action, statement


class Drained(NamedTuple):
    """How far a batch got: the edges in it, and the last edge's ends (0, 0 when there is none)."""

    edges: int
    last_node: int
    last_after: int


class Released(NamedTuple):
    """A job that stopped being blocked, with its new state."""

    id: int
    status: str


class Opened(NamedTuple):
    """A gate whose last member was counted off."""

    id: int
    failed: int


class _Present(NamedTuple):
    present: int


_TEMPORARY = (
    "CREATE TEMP TABLE IF NOT EXISTS batch"
    " (node_id INTEGER NOT NULL, after_id INTEGER NOT NULL, failed INTEGER NOT NULL)"
)


def prepare(db: Database) -> None:
    """Make this connection's temporary table; once, outside of a transaction."""
    for _ in db.connection.execute(_TEMPORARY):
        pass


_ANY = statement("ended_any", "SELECT EXISTS (SELECT 1 FROM ended WHERE workflow_id = ?)", _Present._make, hot=True)


def waiting(db: Database, workflow_id: int) -> bool:
    """Whether anything has ended that was not counted off yet."""
    return bool(_ANY.one(db, (workflow_id,)).present)


_QUIET = statement(
    "workflow_quiet",
    "SELECT NOT EXISTS (SELECT 1 FROM job WHERE workflow_id = ?1 AND status = 'ready')"
    " AND NOT EXISTS (SELECT 1 FROM job WHERE runner_id IS NOT NULL AND workflow_id = ?1)"
    " AND NOT EXISTS (SELECT 1 FROM ended WHERE workflow_id = ?1)",
    _Present._make,
    hot=True,
)


def quiet(db: Database, workflow_id: int) -> bool:
    """Whether no job is ready or claimed, and nothing has ended that was not counted off: no job can start any more."""
    return bool(_QUIET.one(db, (workflow_id,)).present)


_CLEAR = action("batch_clear", "DELETE FROM temp.batch")
_FILL = action(
    "batch_fill",
    "INSERT INTO temp.batch (node_id, after_id, failed) SELECT e.node_id, d.after_id, e.failed FROM ended e"
    " CROSS JOIN dependency d ON d.before_id = e.node_id AND d.after_id > e.cursor_id"
    " WHERE e.workflow_id = ? ORDER BY e.node_id, d.after_id LIMIT ?",
    hot=True,
)
_EXTENT = statement(
    "batch_extent",
    "SELECT (SELECT count(*) FROM temp.batch), node_id, after_id FROM temp.batch ORDER BY rowid DESC LIMIT 1",
    Drained._make,
)


def fill(db: Database, workflow_id: int, limit: int) -> Drained:
    """Put the first ``limit`` edges of the queue into the batch."""
    _CLEAR.run(db)
    _FILL.run(db, (workflow_id, limit))
    return _EXTENT.first(db) or Drained(0, 0, 0)


_DELETE_ALL = action("ended_delete_all", "DELETE FROM ended WHERE workflow_id = ?", hot=True)
_DELETE_BEFORE = action("ended_delete_before", "DELETE FROM ended WHERE workflow_id = ? AND node_id < ?", hot=True)
_MOVE_CURSOR = action(
    "ended_move_cursor", "UPDATE ended SET cursor_id = ?3 WHERE workflow_id = ?1 AND node_id = ?2", hot=True
)


def take_off(db: Database, workflow_id: int, drained: Drained, limit: int) -> None:
    """Take off the queue what the batch holds; the last node keeps its place when more of its edges may follow."""
    if drained.edges < limit:
        _DELETE_ALL.run(db, (workflow_id,))
    else:
        _DELETE_BEFORE.run(db, (workflow_id, drained.last_node))
        _MOVE_CURSOR.run(db, (workflow_id, drained.last_node, drained.last_after))


_COUNT_GATES = statement(
    "gate_count_down",
    "UPDATE gate SET remaining = remaining - b.n, failed = max(gate.failed, b.failed) FROM (SELECT after_id,"
    " count(*) AS n, max(failed) AS failed FROM temp.batch WHERE after_id < 0 GROUP BY after_id) AS b"
    " WHERE gate.id = b.after_id RETURNING gate.id, gate.failed, gate.remaining",
    tuple,
    hot=True,
)


def count_down_gates(db: Database) -> list[Opened]:
    """Count the batch off its gates; the gates that this opened."""
    return [Opened(gate_id, failed) for gate_id, failed, remaining in _COUNT_GATES.rows(db) if remaining == 0]


_COUNT_JOBS = statement(
    "job_count_down",
    "UPDATE job SET blockers = blockers - b.n, blocker_failed = max(blocker_failed, b.failed),"
    " status = CASE WHEN blockers > b.n THEN status"
    " WHEN cancel_on_blocking_job_failure AND max(blocker_failed, b.failed) THEN 'canceled' ELSE 'ready' END"
    " FROM (SELECT after_id, count(*) AS n, max(failed) AS failed FROM temp.batch WHERE after_id > 0"
    # What a person canceled while it was blocked has ended already.
    " GROUP BY after_id) AS b WHERE job.id = b.after_id AND job.status = 'blocked'"
    " RETURNING job.id, job.status, job.blockers",
    tuple,
    hot=True,
)


def count_down_jobs(db: Database) -> list[Released]:
    """Count the batch off its jobs; those that became ready or canceled by it."""
    return [Released(job_id, status) for job_id, status, blockers in _COUNT_JOBS.rows(db) if blockers == 0]
