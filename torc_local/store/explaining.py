"""Why a job does not run: what stands before it, who could take it, and whose turn comes first."""

from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.reading import Neighbour
from torc_local.store.registry import statement


class Waiting(NamedTuple):
    """Jobs of one state that a job waits for, itself or through others; ``first_id`` is the first of them."""

    status: str
    jobs: int
    first_id: int
    first_name: str


class Place(NamedTuple):
    """A machine that works on a workflow, or did in its newest run: what it has, and what is free of it now."""

    node_id: int
    node: str
    runners: int  # at work now
    slots: int  # of these
    busy: int  # of these, with a job that is on record as running
    num_cpus: int
    memory_bytes: int
    num_gpus: int
    free_cpus: int
    free_memory_bytes: int
    free_gpus: int


class Holder(NamedTuple):
    """Who has claimed a job; ``started_at`` and ``pid`` are None while it is not on record as running."""

    runner_id: int
    node: str
    started_at: float | None
    pid: int | None


class Standing(NamedTuple):
    """What `job` has beyond what is listed; ``io`` as in schema.sql."""

    resource_requirements_id: int
    blocker_failed: int
    io: int


class _Count(NamedTuple):
    jobs: int


_STANDING = statement(
    "explain_standing",
    "SELECT resource_requirements_id, blocker_failed, io FROM job WHERE id = ?",
    Standing._make,
    hot=True,
)


def standing(db: Database, job_id: int) -> Standing:
    """What a job is, for whoever explains it."""
    return _STANDING.one(db, (job_id,))


# Upwards from the job, through gates and through jobs that wait or were canceled themselves; not past what has an end
# of its own, and not to what has completed. Dependencies are indexed by what comes before, so SQLite makes an index for
# this query: half a second for 400,000 dependencies.
_WAITING = statement(
    "explain_waiting",
    "WITH RECURSIVE up (id, goes_on) AS (VALUES (?1, 1) UNION SELECT d.before_id, d.before_id < 0"
    " OR b.status = 'blocked' OR (b.status = 'canceled' AND b.blocker_failed) FROM up"
    " JOIN dependency d ON d.after_id = up.id LEFT JOIN job b ON b.id = d.before_id"
    " WHERE up.goes_on AND (d.before_id < 0 OR b.status <> 'completed'))"
    " SELECT w.status, w.jobs, w.first_id, f.name FROM (SELECT j.status AS status, count(*) AS jobs, min(j.id)"
    " AS first_id FROM up JOIN job j ON j.id = up.id WHERE up.id <> ?1 GROUP BY j.status) w"
    " JOIN job f ON f.id = w.first_id ORDER BY w.jobs DESC, w.status",
    Waiting._make,
)


def waiting(db: Database, job_id: int) -> list[Waiting]:
    """What has not completed of all that a job waits for, by state. One pass over the dependencies."""
    return _WAITING.rows(db, (job_id,))


class Direct(NamedTuple):
    """How many jobs of one state a job waits for directly."""

    status: str
    jobs: int


_DIRECT = statement(
    "explain_direct",
    "SELECT b.status, count(*) FROM (SELECT d.before_id AS id FROM dependency d WHERE d.after_id = ?1 AND"
    " d.before_id > 0 UNION SELECT d.before_id FROM dependency g JOIN dependency d ON d.after_id = g.before_id"
    " WHERE g.after_id = ?1 AND g.before_id < 0) u JOIN job b ON b.id = u.id GROUP BY b.status ORDER BY 1",
    Direct._make,
)


def direct(db: Database, job_id: int) -> dict[str, int]:
    """What a job waits for directly, through gates too, by state; completed ones included."""
    return {row.status: row.jobs for row in _DIRECT.rows(db, (job_id,))}


_UNFINISHED = statement(
    "explain_unfinished",
    "SELECT b.id, b.name, b.status FROM (SELECT d.before_id AS id FROM dependency d WHERE d.after_id = ?1 AND"
    " d.before_id > 0 UNION SELECT d.before_id FROM dependency g JOIN dependency d ON d.after_id = g.before_id"
    " WHERE g.after_id = ?1 AND g.before_id < 0) u JOIN job b ON b.id = u.id WHERE b.status <> 'completed'"
    # What will not complete by itself comes first, then what comes next.
    " ORDER BY CASE b.status WHEN 'pending_failed' THEN 0 WHEN 'failed' THEN 1 WHEN 'terminated' THEN 1"
    " WHEN 'canceled' THEN 2 WHEN 'running' THEN 3 WHEN 'pending' THEN 4 WHEN 'ready' THEN 5 ELSE 6 END, b.id"
    " LIMIT ?2",
    Neighbour._make,
)


def unfinished_before(db: Database, job_id: int, limit: int) -> list[Neighbour]:
    """What a job waits for directly and has not completed; what failed first."""
    return _UNFINISHED.rows(db, (job_id, limit))


_AHEAD = statement(
    "explain_ahead",
    "SELECT (SELECT count(*) FROM job j WHERE j.workflow_id = ?1 AND j.status = 'ready' AND j.priority > ?2)"
    " + (SELECT count(*) FROM job j WHERE j.workflow_id = ?1 AND j.status = 'ready' AND j.priority = ?2"
    " AND (j.resource_requirements_id, j.id) < (?3, ?4))",
    _Count._make,
    hot=True,
)


def ahead(db: Database, workflow_id: int, *, priority: int, resource_requirements_id: int, job_id: int) -> int:
    """How many ready jobs are claimed before this one, all else being equal."""
    return _AHEAD.one(db, (workflow_id, priority, resource_requirements_id, job_id)).jobs


_PLACES = statement(
    "explain_places",
    "SELECT n.id, n.hostname, count(u.id) FILTER (WHERE u.workflow_id = ?1 AND NOT u.acts),"
    " coalesce(sum(u.slots) FILTER (WHERE u.workflow_id = ?1 AND NOT u.acts), 0), (SELECT count(*) FROM running r"
    " JOIN job j ON j.id = r.job_id JOIN runner q ON q.id = j.runner_id WHERE q.node_id = n.id AND q.workflow_id = ?1),"
    " n.num_cpus, n.memory_bytes, n.num_gpus, n.num_cpus - coalesce(sum(u.held_cpus), 0),"
    " n.memory_bytes - coalesce(sum(u.held_memory_bytes), 0),"
    " n.num_gpus - coalesce(sum(u.held_gpus), 0) FROM node n"
    " LEFT JOIN runner u ON u.node_id = n.id AND u.ended_at IS NULL WHERE n.id IN (SELECT o.node_id FROM runner o"
    " WHERE o.workflow_id = ?1 AND NOT o.acts AND o.run_id = (SELECT max(run_id) FROM runner WHERE workflow_id = ?1))"
    " GROUP BY n.id ORDER BY n.hostname",
    Place._make,
)


def places(db: Database, workflow_id: int) -> list[Place]:
    """Machines of the newest run; what runners of other workflows hold there is not free either."""
    return _PLACES.rows(db, (workflow_id,))


_HOLDER = statement(
    "explain_holder",
    "SELECT u.id, n.hostname, r.started_at, r.pid FROM job j JOIN runner u ON u.id = j.runner_id"
    " JOIN node n ON n.id = u.node_id LEFT JOIN running r ON r.job_id = j.id WHERE j.id = ?",
    Holder._make,
    hot=True,
)


def holder(db: Database, job_id: int) -> Holder | None:
    """Who has claimed a job; None when nobody has."""
    return _HOLDER.first(db, (job_id,))


class Canceler(NamedTuple):
    """When a person canceled a job."""

    at: float


_CANCELED = statement(
    "explain_canceled",
    "SELECT e.at FROM event e WHERE e.workflow_id = ? AND e.type = 'job_canceled' AND e.job_id = ?"
    " ORDER BY e.id DESC LIMIT 1",
    Canceler._make,
    hot=True,
)


def canceled_at(db: Database, workflow_id: int, job_id: int) -> float | None:
    """When a person canceled a waiting job; None when nobody did."""
    found = _CANCELED.first(db, (workflow_id, job_id))
    return None if found is None else found.at
