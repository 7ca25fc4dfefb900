"""Jobs on their way through a runner: ready, claimed, running, ended, given back."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.registry import action, int_array, statement


class Claim(NamedTuple):
    """A job that a runner holds."""

    id: int
    name: str
    command: str
    attempt_id: int
    resource_requirements_id: int
    priority: int
    options_id: int | None
    io: int


class Shape(NamedTuple):
    """The requirements of the first of the ready jobs at one priority that ask for the same."""

    priority: int
    resource_requirements_id: int
    num_cpus: int
    memory_bytes: int
    num_gpus: int
    num_nodes: int
    runtime_s: float = 0.0  # as the file states it; 0: it does not


class Mark(NamedTuple):
    """A job that turned out to run for longer than a batch; columns as in table ``running``."""

    job_id: int
    attempt_id: int
    pid: int
    started_at: float
    segment_id: int | None
    stdout_start: int
    stderr_start: int


class Result(NamedTuple):
    """How one attempt at a job ended; columns as in table ``attempt``."""

    job_id: int
    run_id: int
    attempt_id: int
    runner_id: int
    status: str
    reason: str | None
    return_code: int
    started_at: float
    ended_at: float
    cpu_s: float
    peak_memory_bytes: int
    segment_id: int | None
    stdout_start: int
    stdout_bytes: int
    stderr_start: int
    stderr_bytes: int


class Standing(NamedTuple):
    """What a runner asks before it takes the lock: may it claim, and is there anything?"""

    is_canceled: int
    ready: int
    run_id: int  # the newest: a runner of an earlier one claims nothing
    cancels: int  # when it has grown, some of the jobs that runners hold were canceled


class _Held(NamedTuple):
    id: int
    status: str


class _Id(NamedTuple):
    id: int


_STANDING = statement(
    "workflow_standing",
    "SELECT w.is_canceled, c.jobs, w.run_id, w.cancels FROM workflow w"
    " JOIN job_count c ON c.workflow_id = w.id AND c.status = 'ready' WHERE w.id = ?",
    Standing._make,
    hot=True,
)


def standing(db: Database, workflow_id: int) -> Standing:
    """Whether the workflow was canceled, how many jobs are ready, and which run is the newest."""
    return _STANDING.one(db, (workflow_id,))


class _Said(NamedTuple):
    options: str


_SAID = statement("job_options_get", "SELECT options FROM job_options WHERE id = ?", _Said._make, hot=True)


def options(db: Database, options_id: int) -> str:
    """What jobs with these options say, as JSON (spec/options.py)."""
    return _SAID.one(db, (options_id,)).options


_READY = statement(
    "job_ready_ids",
    "SELECT id FROM job WHERE workflow_id = ? AND status = 'ready'"
    " ORDER BY priority DESC, resource_requirements_id, id LIMIT ?",
    _Id._make,
    hot=True,
)
_CLAIM = statement(
    "job_claim",
    "UPDATE job SET status = 'pending', runner_id = ?1 WHERE id IN carray(?2)"
    " RETURNING id, name, command, attempt_id, resource_requirements_id, priority, options_id, io",
    Claim._make,
    hot=True,
)


def claim(db: Database, workflow_id: int, runner_id: int, limit: int) -> list[Claim]:
    """Take up to ``limit`` ready jobs, first come first; in the order in which they should run."""
    return _take(db, runner_id, _READY.rows(db, (workflow_id, limit)))


def _take(db: Database, runner_id: int, ready: list[_Id]) -> list[Claim]:
    # Finding and taking are two statements of one transaction that holds the lock. As one, with a subquery, they cost
    # a third more: the ids go through a temporary table.
    if not ready:
        return []
    claims = _CLAIM.rows(db, (runner_id, int_array([row.id for row in ready])))
    # RETURNING promises no order (SQLite: lang_returning).
    claims.sort(key=_claim_order)
    return claims


def _claim_order(claim: Claim) -> tuple[int, int, int]:
    return -claim.priority, claim.resource_requirements_id, claim.id


_READY_OF_SHAPE = statement(
    "job_ready_ids_of_shape",
    "SELECT id FROM job WHERE workflow_id = ? AND status = 'ready' AND priority = ? AND resource_requirements_id = ?"
    " ORDER BY id LIMIT ?",
    _Id._make,
    hot=True,
)


def claim_shape(db: Database, workflow_id: int, runner_id: int, limit: int, shape: Shape) -> list[Claim]:
    """Take up to ``limit`` ready jobs that ask for the same resources at the same priority."""
    bindings = (workflow_id, shape.priority, shape.resource_requirements_id, limit)
    return _take(db, runner_id, _READY_OF_SHAPE.rows(db, bindings))


_SHAPE_COLUMNS = (
    "SELECT j.priority, r.id, r.num_cpus, r.memory_bytes, r.num_gpus, r.num_nodes,"
    " CASE WHEN r.limits & 2 THEN r.runtime_s ELSE 0.0 END"
    " FROM job j JOIN resource_requirements r ON r.id = j.resource_requirements_id"
    " WHERE j.workflow_id = ?1 AND j.status = 'ready'"
)
_SHAPE_ORDER = " ORDER BY j.priority DESC, j.resource_requirements_id LIMIT 1"
_FIRST_SHAPE = statement("job_shape_first", _SHAPE_COLUMNS + _SHAPE_ORDER, Shape._make, hot=True)
_SAME_PRIORITY = statement(
    "job_shape_same_priority",
    _SHAPE_COLUMNS + " AND j.priority = ?2 AND j.resource_requirements_id > ?3" + _SHAPE_ORDER,
    Shape._make,
    hot=True,
)
_LOWER_PRIORITY = statement(
    "job_shape_lower_priority", _SHAPE_COLUMNS + " AND j.priority < ?2" + _SHAPE_ORDER, Shape._make, hot=True
)


def next_shape(db: Database, workflow_id: int, after: Shape | None) -> Shape | None:
    """The next distinct shape among ready jobs in claim order: one index probe each, however many jobs share it."""
    if after is None:
        return _FIRST_SHAPE.first(db, (workflow_id,))
    same = _SAME_PRIORITY.first(db, (workflow_id, after.priority, after.resource_requirements_id))
    return same or _LOWER_PRIORITY.first(db, (workflow_id, after.priority))


_GIVE_BACK = statement(
    "job_give_back",
    "UPDATE job SET status = 'ready', runner_id = NULL WHERE id = ? AND runner_id = ? AND status = 'pending'"
    " RETURNING id",
    _Id._make,
    hot=True,
)


def give_back(db: Database, runner_id: int, job_ids: Iterable[int]) -> int:
    """Return claims that were not started; how many were still ours."""
    return len(_GIVE_BACK.many(db, [(job_id, runner_id) for job_id in job_ids]))


_CANCELED_OF = statement(
    "job_canceled_of_runner", "SELECT id FROM job WHERE runner_id = ? AND io & 16", _Id._make, hot=True
)
_HELD_BY = statement("job_held_by_runner", "SELECT id, status FROM job WHERE runner_id = ?", _Held._make, hot=True)
_CANCEL_UNSTARTED = statement(
    "job_cancel_unstarted",
    "UPDATE job SET status = 'canceled', runner_id = NULL, io = io & ~24 WHERE id = ? AND runner_id = ?"
    " AND status = 'pending' RETURNING id",
    _Id._make,
    hot=True,
)
_CANCEL_WAITING = statement(
    "job_cancel_waiting",
    "UPDATE job SET status = 'canceled', io = io & ~24 WHERE id IN carray(?2) AND workflow_id = ?1 AND status = ?3"
    " RETURNING id",
    _Id._make,
    hot=True,
)
_CANCEL_HELD = statement(
    "job_cancel_held",
    "UPDATE job SET io = io | 16 WHERE id IN carray(?2) AND workflow_id = ?1 AND status IN ('pending', 'running')"
    " AND NOT io & 16 RETURNING id",
    _Id._make,
    hot=True,
)
_COUNT_CANCEL = action("workflow_count_cancel", "UPDATE workflow SET cancels = cancels + 1 WHERE id = ?", hot=True)


def canceled_of(db: Database, runner_id: int) -> set[int]:
    """The jobs of a runner that a person has canceled."""
    return {row.id for row in _CANCELED_OF.rows(db, (runner_id,))}


def held_by(db: Database, runner_id: int) -> dict[int, str]:
    """The jobs that a runner holds on record, and whether they are pending or running."""
    return {row.id: row.status for row in _HELD_BY.rows(db, (runner_id,))}


def cancel_unstarted(db: Database, runner_id: int, job_ids: Iterable[int]) -> list[int]:
    """Cancel claims that were not started; those that were still ours."""
    return [row.id for row in _CANCEL_UNSTARTED.many(db, [(job_id, runner_id) for job_id in job_ids])]


def cancel_waiting(db: Database, workflow_id: int, job_ids: Sequence[int], status: str) -> list[int]:
    """Cancel those of these jobs that are ready, or blocked: as ``status`` says."""
    return [row.id for row in _CANCEL_WAITING.rows(db, (workflow_id, int_array(job_ids), status))]


def cancel_held(db: Database, workflow_id: int, job_ids: Sequence[int]) -> int:
    """Tell runners that those of these jobs that they hold are canceled; how many were not told before."""
    told = len(_CANCEL_HELD.rows(db, (workflow_id, int_array(job_ids))))
    if told:
        _COUNT_CANCEL.run(db, (workflow_id,))
    return told


_MARK = statement(
    "job_mark_running",
    "UPDATE job SET status = 'running' WHERE id = ? AND runner_id = ? AND attempt_id = ? AND status = 'pending'"
    " RETURNING id",
    _Id._make,
    hot=True,
)
_RUNNING = action(
    "running_insert",
    "INSERT INTO running (job_id, pid, started_at, segment_id, stdout_start, stderr_start) VALUES (?, ?, ?, ?, ?, ?)",
)


def mark_running(db: Database, runner_id: int, marks: Sequence[Mark]) -> int:
    """Record that jobs run, where, and where their output begins; how many were still ours."""
    ours = {row.id for row in _MARK.many(db, [(mark.job_id, runner_id, mark.attempt_id) for mark in marks])}
    _RUNNING.many(
        db,
        [
            (mark.job_id, mark.pid, mark.started_at, mark.segment_id or 0, mark.stdout_start, mark.stderr_start)
            for mark in marks
            if mark.job_id in ours
        ],
    )
    return len(ours)


_FORGET_RUNNING = action("running_delete", "DELETE FROM running WHERE job_id = ?", hot=True)
_SETTLE = statement(
    "job_settle",
    "UPDATE job SET status = ?1, runner_id = NULL WHERE id IN carray(?2) AND runner_id = ?3 AND attempt_id = ?4"
    " AND status IN ('pending', 'running') RETURNING id",
    _Id._make,
    hot=True,
)
_SETTLE_TO_READY = statement(
    "job_settle_to_ready",
    "UPDATE job SET status = 'ready', runner_id = NULL, attempt_id = attempt_id + 1 WHERE id = ?1 AND runner_id = ?2"
    " AND attempt_id = ?3 AND status IN ('pending', 'running') RETURNING id",
    _Id._make,
    hot=True,
)
_SETTLE_TO_RECOVERY = statement(
    "job_settle_to_recovery",
    "UPDATE job SET status = 'ready', runner_id = NULL, io = io | 8 WHERE id = ?1 AND runner_id = ?2"
    " AND attempt_id = ?3 AND status IN ('pending', 'running') RETURNING id",
    _Id._make,
    hot=True,
)
_ATTEMPT = action(
    "attempt_insert",
    "INSERT INTO attempt (job_id, run_id, attempt_id, runner_id, status, reason, return_code, started_at, ended_at,"
    " cpu_s, peak_memory_bytes, segment_id, stdout_start, stdout_bytes, stderr_start, stderr_bytes)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
)
_ENDED = action(
    "ended_insert",
    "INSERT INTO ended (workflow_id, node_id, failed) SELECT ?1, e.value, ?3 FROM carray(?2) e"
    " WHERE EXISTS (SELECT 1 FROM dependency d WHERE d.before_id = e.value)",
    hot=True,
)


def forget_running(db: Database, job_ids: Iterable[int]) -> None:
    """Drop the rows of ``running`` of jobs that were settled just now."""
    _FORGET_RUNNING.many(db, [(job_id,) for job_id in job_ids])


def settle(db: Database, results: Sequence[Result]) -> set[int]:
    """Move jobs to their end, fenced by runner, attempt and state; the ids of those that were still ours."""
    # One statement for all that ended alike, which is nearly always the whole batch.
    alike: dict[tuple[str, int, int], list[int]] = {}
    for result in results:
        alike.setdefault((result.status, result.runner_id, result.attempt_id), []).append(result.job_id)
    ours: set[int] = set()
    for (status, runner_id, attempt_id), ids in alike.items():
        ours.update(row.id for row in _SETTLE.rows(db, (status, int_array(ids), runner_id, attempt_id)))
    return ours


def settle_to_ready(db: Database, results: Sequence[Result]) -> set[int]:
    """Move interrupted jobs back to ready for their next attempt; the ids of those that were still ours."""
    bindings = [(result.job_id, result.runner_id, result.attempt_id) for result in results]
    return {row.id for row in _SETTLE_TO_READY.many(db, bindings)}


def settle_to_recovery(db: Database, results: Sequence[Result]) -> set[int]:
    """Move failed jobs back to ready, a recovery script first; the ids of those that were still ours."""
    bindings = [(result.job_id, result.runner_id, result.attempt_id) for result in results]
    return {row.id for row in _SETTLE_TO_RECOVERY.many(db, bindings)}


def insert_attempts(db: Database, results: Iterable[Result]) -> None:
    """Record how attempts ended."""
    _ATTEMPT.many(db, results)


def queue_ended(db: Database, workflow_id: int, node_ids: Iterable[int], *, failed: bool) -> None:
    """Queue ended jobs, or opened gates, for unblocking; those that nobody waits for are left out."""
    ids = list(node_ids)
    if ids:
        _ENDED.run(db, (workflow_id, int_array(ids), int(failed)))
