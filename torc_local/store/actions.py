"""Workflow actions: which there are, what they wait for, and who executed them."""

from collections.abc import Iterable
from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.registry import action, statement

#: ``action_run.worker`` of what is executed once in a run, whoever the worker is.
ANY = ""


class ActionRow(NamedTuple):
    """An action that was not executed yet in a run; columns as in schema.sql."""

    id: int
    number: int
    trigger_type: str
    action_type: str
    config: str
    worker: str  # for whom: one worker, or ANY
    runner_id: int | None  # who executes it now
    has_begun: int  # somebody has begun with it in this run


class Executed(NamedTuple):
    """How an action ended."""

    return_code: int
    reason: str | None
    ended_at: float


class Freed(NamedTuple):
    """An action that a dead process was executing; ``ended_at`` when it is given up."""

    action_id: int
    ended_at: float | None


class Summary(NamedTuple):
    """How many actions a workflow has, and how many of them were executed in a run; failed ones are executed, too."""

    total: int
    executed: int
    failed: int


class ListRow(NamedTuple):
    """An action for a list, with how it was executed in one run."""

    id: int
    number: int
    trigger_type: str
    action_type: str
    is_persistent: int
    config: str
    selected: int
    triggered: int
    worker: str | None
    runner_id: int | None
    node: str | None
    started_at: float | None
    ended_at: float | None
    return_code: int | None
    reason: str | None
    log: str | None


class _Id(NamedTuple):
    id: int


class _Word(NamedTuple):
    word: str


class _Number(NamedTuple):
    number: int


#: Of table ``action a``: each worker executes it.
_FOR_EACH = "(a.is_persistent AND a.trigger_type IN ('on_worker_start', 'on_worker_complete'))"

#: Of table ``job j``: what keeps an action with this trigger waiting.
_UNMET = {
    "on_jobs_ready": "j.status IN ('uninitialized', 'blocked', 'disabled')",
    "on_jobs_complete": "j.status NOT IN ('completed', 'failed', 'canceled', 'terminated')",
}

_INSERT = statement(
    "action_insert",
    "INSERT INTO action (workflow_id, number, trigger_type, action_type, is_persistent, config)"
    " VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
    _Id._make,
)
_INSERT_JOB = action("action_job_insert", "INSERT INTO action_job (action_id, job_id) VALUES (?, ?)")


def insert(
    db: Database, workflow_id: int, number: int, *, trigger: str, kind: str, persistent: bool, config: str
) -> int:
    """Store an action; its id."""
    return _INSERT.one(db, (workflow_id, number, trigger, kind, int(persistent), config)).id


def insert_jobs(db: Database, action_id: int, job_ids: Iterable[int]) -> None:
    """Store which jobs it waits for, in ascending order."""
    _INSERT_JOB.many(db, ((action_id, job_id) for job_id in job_ids))


_TRIGGERS = statement("action_triggers", "SELECT DISTINCT trigger_type FROM action WHERE workflow_id = ?", _Word._make)


def triggers(db: Database, workflow_id: int) -> frozenset[str]:
    """The triggers that the actions of a workflow have; empty when it has no actions."""
    return frozenset(row.word for row in _TRIGGERS.rows(db, (workflow_id,)))


_OPEN = statement(
    "action_open",
    f"SELECT a.id, a.number, a.trigger_type, a.action_type, a.config, CASE WHEN {_FOR_EACH} THEN ?3 ELSE '' END,"
    " r.runner_id, r.action_id IS NOT NULL FROM action a LEFT JOIN action_run r ON r.action_id = a.id"
    f" AND r.run_id = ?2 AND r.worker = CASE WHEN {_FOR_EACH} THEN ?3 ELSE '' END"
    " WHERE a.workflow_id = ?1 AND r.ended_at IS NULL ORDER BY a.number",
    ActionRow._make,
    hot=True,
)


def unexecuted(db: Database, workflow_id: int, run_id: int, worker: str) -> list[ActionRow]:
    """The actions that are still to be executed in a run, as one worker sees it, in the order of the file."""
    return _OPEN.rows(db, (workflow_id, run_id, worker))


_FIRST_UNMET = {
    trigger: statement(
        f"action_{trigger.removeprefix('on_')}_unmet",
        "SELECT s.job_id FROM action_job s CROSS JOIN job j ON j.id = s.job_id"
        f" WHERE s.action_id = ? AND s.job_id >= ? AND {unmet} ORDER BY s.job_id LIMIT 1",
        _Id._make,
        hot=True,
    )
    for trigger, unmet in _UNMET.items()
}


def first_unmet(db: Database, action_id: int, trigger: str, since_job: int = 0) -> int | None:
    """The first of the selected jobs, from ``since_job`` on, that keeps an action waiting; None when none does.

    Within a run no job goes back, so whoever remembers the answer pays for each selected job once.
    """
    found = _FIRST_UNMET[trigger].first(db, (action_id, since_job))
    return None if found is None else found.id


_CLAIM = statement(
    "action_claim",
    "INSERT INTO action_run (action_id, run_id, worker, runner_id, started_at, log) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (action_id, run_id, worker) DO UPDATE SET runner_id = excluded.runner_id,"
    " started_at = excluded.started_at, log = excluded.log WHERE runner_id IS NULL AND ended_at IS NULL"
    " RETURNING action_id",
    _Id._make,
    hot=True,
)


def claim(
    db: Database, action_id: int, run_id: int, worker: str, *, runner_id: int, at: float, log: str | None
) -> bool:
    """Take an action; False when somebody else has it or had it."""
    return bool(_CLAIM.rows(db, (action_id, run_id, worker, runner_id, at, log)))


_END = statement(
    "action_end",
    "UPDATE action_run SET ended_at = ?5, return_code = ?6, reason = ?7 WHERE action_id = ?1 AND run_id = ?2"
    " AND worker = ?3 AND runner_id = ?4 AND ended_at IS NULL RETURNING action_id",
    _Id._make,
    hot=True,
)


def end(db: Database, action_id: int, run_id: int, worker: str, *, runner_id: int, how: Executed) -> bool:
    """Record how an action ended; False when it was not ours any more."""
    return bool(_END.rows(db, (action_id, run_id, worker, runner_id, how.ended_at, how.return_code, how.reason)))


_FREE = action(
    "action_free",
    "UPDATE action_run SET runner_id = NULL WHERE action_id = ? AND run_id = ? AND worker = ? AND runner_id = ?"
    " AND ended_at IS NULL",
    hot=True,
)


def free(db: Database, action_id: int, run_id: int, worker: str, *, runner_id: int) -> None:
    """Give an action back that was not executed to its end."""
    _FREE.run(db, (action_id, run_id, worker, runner_id))


_FREE_OF = statement(
    "action_free_of_runner",
    "UPDATE action_run SET losses = losses + 1,"
    " runner_id = CASE WHEN losses + 1 >= ?4 THEN runner_id END,"
    " ended_at = CASE WHEN losses + 1 >= ?4 THEN ?2 END,"
    " return_code = CASE WHEN losses + 1 >= ?4 THEN -128 END,"
    " reason = CASE WHEN losses + 1 >= ?4 THEN ?3 END"
    " WHERE runner_id = ?1 AND ended_at IS NULL RETURNING action_id, ended_at",
    Freed._make,
)


def free_of(db: Database, runner_id: int, *, at: float, reason: str, most_losses: int) -> list[Freed]:
    """Take back what a dead process was executing; given up the ``most_losses``-th time."""
    return _FREE_OF.rows(db, (runner_id, at, reason, most_losses))


_LOGS = statement(
    "action_logs",
    "SELECT r.log FROM action a JOIN action_run r ON r.action_id = a.id WHERE a.workflow_id = ? AND r.log IS NOT NULL",
    _Word._make,
)


def logs(db: Database, workflow_id: int) -> list[str]:
    """Where the output of a workflow's actions is: relative to the database's directory, or absolute."""
    return [row.word for row in _LOGS.rows(db, (workflow_id,))]


_NUMBER = statement("action_number", "SELECT number FROM action WHERE id = ?", _Number._make, hot=True)


def number(db: Database, action_id: int) -> int:
    """The place of an action in the file, from 1."""
    return _NUMBER.one(db, (action_id,)).number


_SUMMARY = statement(
    "action_summary",
    "SELECT count(DISTINCT a.id), count(DISTINCT CASE WHEN r.ended_at IS NOT NULL THEN a.id END),"
    " count(DISTINCT CASE WHEN r.reason IS NOT NULL THEN a.id END)"
    " FROM action a LEFT JOIN action_run r ON r.action_id = a.id AND r.run_id = ?2 WHERE a.workflow_id = ?1",
    Summary._make,
)


def summary(db: Database, workflow_id: int, run_id: int) -> Summary:
    """How far the actions of a workflow are in a run."""
    return _SUMMARY.one(db, (workflow_id, run_id))


_LIST = statement(
    "action_list",
    "SELECT a.id, a.number, a.trigger_type, a.action_type, a.is_persistent, a.config,"
    " (SELECT count(*) FROM action_job s WHERE s.action_id = a.id),"
    " (SELECT count(*) FROM action_job s JOIN job j ON j.id = s.job_id WHERE s.action_id = a.id AND NOT"
    f" CASE a.trigger_type WHEN 'on_jobs_ready' THEN {_UNMET['on_jobs_ready']} ELSE {_UNMET['on_jobs_complete']} END),"
    " r.worker, r.runner_id, n.hostname, r.started_at, r.ended_at, r.return_code, r.reason, r.log"
    " FROM action a LEFT JOIN action_run r ON r.action_id = a.id AND r.run_id = ?2"
    " LEFT JOIN runner u ON u.id = r.runner_id LEFT JOIN node n ON n.id = u.node_id"
    " WHERE a.workflow_id = ?1 ORDER BY a.number, r.started_at",
    ListRow._make,
)


def listed(db: Database, workflow_id: int, run_id: int) -> list[ListRow]:
    """All actions of a workflow, each once for every time that it was begun in a run, or once. Counts selected jobs."""
    return _LIST.rows(db, (workflow_id, run_id))
