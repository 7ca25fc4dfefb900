"""Statements that add up jobs and attempts by groups of jobs, for screens that must be quick.

Whoever groups them reads all jobs in a single row, and tells which stretches of ids belong together; SQLite adds up. So
100,000 jobs cost a tenth of a second, and few rows.
"""

import json
from collections.abc import Iterable
from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.registry import statement


class Roll(NamedTuple):
    """All jobs of a workflow in one row: lists in texts, of one order; None without jobs."""

    jobs: int
    ids: str | None  # commas between them
    requirements: str | None  # likewise
    names: str | None  # line ends between them


class Stretch(NamedTuple):
    """Jobs from one id to another, both with it, that belong to one group: a number."""

    first_id: int
    last_id: int
    group: int


class Standing(NamedTuple):
    """How many jobs of a group are in a state."""

    group: int
    status: str
    jobs: int


class Used(NamedTuple):
    """What the attempts of a group used: all that completed; ``attempts`` and memory are of those that failed, too."""

    group: int
    completed: int
    durations_us: str | None  # of each that completed: microseconds, commas between them
    cpu_s: float
    peak_memory_bytes: int  # the largest; 0: not known
    bound_bytes: int  # what those whose peak is not known did not exceed; 0: all are known, or nothing is
    ended_for_memory: int
    ended_for_time: int


# The plus sign: jobs are read in the order of their ids, in which they lie.
_ROLL = statement(
    "groups_roll",
    "SELECT count(*), group_concat(id), group_concat(resource_requirements_id), group_concat(name, char(10))"
    " FROM job WHERE +workflow_id = ?",
    Roll._make,
)


def roll(db: Database, workflow_id: int) -> Roll:
    """All jobs of a workflow. A name that has a line end in it makes more lines of ``names`` than there are jobs."""
    return _ROLL.one(db, (workflow_id,))


_STRETCH = (
    "WITH stretch AS MATERIALIZED"
    " (SELECT value ->> 0 AS first_id, value ->> 1 AS last_id, value ->> 2 AS number FROM json_each(?1))"
)
_STANDINGS = statement(
    "groups_standings",
    f"{_STRETCH} SELECT s.number, j.status, count(*) FROM stretch s CROSS JOIN job j"
    " ON j.id BETWEEN s.first_id AND s.last_id GROUP BY 1, 2",
    Standing._make,
)
_USED = statement(
    "groups_used",
    f"{_STRETCH} SELECT s.number, count(*) FILTER (WHERE a.status = 'completed'),"
    " group_concat(CAST((a.ended_at - a.started_at) * 1e6 AS INTEGER)) FILTER (WHERE a.status = 'completed'),"
    " coalesce(sum(max(a.cpu_s, coalesce(m.cpu_s, 0))) FILTER (WHERE a.status = 'completed'), 0.0),"
    " max(0, max(max(a.peak_memory_bytes, coalesce(m.peak_memory_bytes, 0)))),"
    " coalesce(max(-a.peak_memory_bytes) FILTER (WHERE m.job_id IS NULL AND a.peak_memory_bytes < 0), 0),"
    " count(*) FILTER (WHERE a.reason LIKE 'oom:%'), count(*) FILTER (WHERE a.reason LIKE 'timeout:%')"
    " FROM stretch s CROSS JOIN attempt a ON a.job_id BETWEEN s.first_id AND s.last_id"
    " LEFT JOIN attempt_usage m ON m.job_id = a.job_id AND m.run_id = a.run_id AND m.attempt_id = a.attempt_id"
    " WHERE a.status IN ('completed', 'failed') GROUP BY 1",
    Used._make,
)


def standings(db: Database, stretches: Iterable[Stretch]) -> list[Standing]:
    """In which states the jobs of each group are."""
    return _STANDINGS.rows(db, (json.dumps(list(stretches)),))


def used(db: Database, stretches: Iterable[Stretch]) -> list[Used]:
    """What the attempts of each group used; nothing of groups without any."""
    return _USED.rows(db, (json.dumps(list(stretches)),))
