"""Jobs that failed and may be tried again, and the recovery scripts that run before that."""

from collections.abc import Iterable
from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.jobs import Result
from torc_local.store.registry import action, statement


class Record(NamedTuple):
    """What decides whether a job is tried again: what it says, and how often it failed in this run."""

    options_id: int | None
    failed: int


class _Id(NamedTuple):
    id: int


class _Code(NamedTuple):
    return_code: int


_RECORD = statement(
    "job_failed_before",
    "SELECT j.options_id, (SELECT count(*) FROM attempt a WHERE a.job_id = j.id AND a.run_id = ?2"
    " AND a.status = 'failed') FROM job j WHERE j.id = ?1",
    Record._make,
    hot=True,
)


def record(db: Database, job_id: int, run_id: int) -> Record:
    """How a job stands; an attempt that is not recorded yet does not count."""
    return _RECORD.one(db, (job_id, run_id))


_RETURN_CODE = statement(
    "attempt_failed_code",
    "SELECT return_code FROM attempt WHERE job_id = ? AND attempt_id = ? AND status = 'failed'"
    " ORDER BY run_id DESC LIMIT 1",
    _Code._make,
    hot=True,
)


def return_code(db: Database, job_id: int, attempt_id: int) -> int:
    """That of a failed attempt; 1 when it is not on record."""
    found = _RETURN_CODE.first(db, (job_id, attempt_id))
    return 1 if found is None else found.return_code


_LEAVE = statement(
    "job_leave_recovery",
    "UPDATE job SET status = ?4, runner_id = NULL, attempt_id = attempt_id + ?5, io = CASE WHEN ?6 THEN io ELSE io & ~8"
    " END WHERE id = ?1 AND runner_id = ?2 AND attempt_id = ?3 AND status IN ('pending', 'running') AND io & 8"
    " RETURNING id",
    _Id._make,
    hot=True,
)


def leave_recovery(db: Database, result: Result, status: str, *, next_attempt: bool, again: bool) -> bool:
    """Move a job on whose recovery script has ended; False when it was not ours any more.

    ``next_attempt``: the next one may be claimed; ``again``: the script must run once more.
    """
    bindings = (result.job_id, result.runner_id, result.attempt_id, status, int(next_attempt), int(again))
    return bool(_LEAVE.rows(db, bindings))


_INSERT = action(
    "recovery_insert",
    "INSERT INTO recovery (job_id, attempt_id, run_id, runner_id, return_code, started_at, ended_at, segment_id,"
    " stdout_start, stdout_bytes, stderr_start, stderr_bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
)


def insert_recoveries(db: Database, results: Iterable[Result]) -> None:
    """Record how recovery scripts ended."""
    _INSERT.many(
        db,
        [
            (r.job_id, r.attempt_id, r.run_id, r.runner_id, r.return_code, r.started_at, r.ended_at, r.segment_id,
             r.stdout_start, r.stdout_bytes, r.stderr_start, r.stderr_bytes)
            for r in results
        ],
    )  # fmt: skip


_EXPLAIN = action(
    "attempt_explain",
    # At the end of its sentence: a job may have added lines to it.
    "UPDATE attempt SET reason = CASE instr(reason, char(10)) WHEN 0 THEN reason || ?3 ELSE"
    " substr(reason, 1, instr(reason, char(10)) - 1) || ?3 || substr(reason, instr(reason, char(10))) END"
    " WHERE job_id = ?1 AND attempt_id = ?2 AND status = 'failed'",
    hot=True,
)


def explain(db: Database, job_id: int, attempt_id: int, more: str) -> None:
    """Add to why an attempt failed."""
    _EXPLAIN.run(db, (job_id, attempt_id, more))
