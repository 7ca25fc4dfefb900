"""Statements for leafing through long lists: a page at a time, from a key on, never all of it.

Each reads a bounded piece (``PIECE``), so that none of them keeps a snapshot, or a lock, for more than milliseconds.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.events import Event
from torc_local.store.registry import UNSUCCESSFUL, statement

#: Jobs that one statement looks at.
PIECE = 10_000

_ESCAPE = "\\"


class Listed(NamedTuple):
    """A job in a list, with when it began to run, if it runs now, and its newest attempt, if there is one."""

    id: int
    name: str
    status: str
    attempt_id: int
    running_since: float | None
    started_at: float | None
    ended_at: float | None
    peak_memory_bytes: int | None  # as in table attempt: negative when it is a bound
    sampled_peak_bytes: int | None


class Like(NamedTuple):
    """Which jobs are wanted: in one of these states, if any are named, and with such a name (SQLite's LIKE or GLOB)."""

    states: tuple[str, ...] = ()
    like: str | None = None
    glob: str | None = None

    @property
    def all(self) -> bool:
        """Whether every job is."""
        return not self.states and self.like is None and self.glob is None


class Rank(NamedTuple):
    """A job with the figure that decides its place."""

    job_id: int
    figure: float


class _Bounds(NamedTuple):
    first: int | None
    last: int | None


class _Name(NamedTuple):
    name: str


_WANTED = (
    " (?4 IS NULL OR {j}status IN (SELECT value FROM json_each(?4)))"
    " AND (?5 IS NULL OR {j}name LIKE ?5 ESCAPE '\\') AND (?6 IS NULL OR {j}name GLOB ?6)"
)
_SHOWN = (
    "SELECT p.id, p.name, p.status, p.attempt_id, r.started_at, a.started_at, a.ended_at, a.peak_memory_bytes,"
    " m.peak_memory_bytes FROM ({page}) p"
    " LEFT JOIN running r ON r.job_id = p.id"
    " LEFT JOIN attempt a ON a.job_id = p.id AND NOT EXISTS"
    " (SELECT 1 FROM attempt b WHERE b.job_id = a.job_id AND (b.run_id, b.attempt_id) > (a.run_id, a.attempt_id))"
    " LEFT JOIN attempt_usage m ON m.job_id = a.job_id AND m.run_id = a.run_id AND m.attempt_id = a.attempt_id"
)
_PAGE = "SELECT j.id, j.name, j.status, j.attempt_id FROM job j WHERE {where} AND" + _WANTED.format(j="j.")
# The plus sign: by id, in which jobs lie, and not by name.
_BY_ID = _PAGE.format(where="+j.workflow_id = ?1 AND j.id BETWEEN ?2 AND ?3") + " ORDER BY j.id{down} LIMIT ?7"
_BY_NAME = (
    _PAGE.format(where="j.workflow_id = ?1 AND j.name >= ?2 AND (?3 IS NULL OR j.name <= ?3)")
    + " ORDER BY j.name{down} LIMIT ?7"
)
_FORWARD = statement("browse_by_id", _SHOWN.format(page=_BY_ID.format(down="")), Listed._make)
_BACKWARD = statement("browse_by_id_back", _SHOWN.format(page=_BY_ID.format(down=" DESC")), Listed._make)
_FORWARD_NAMES = statement("browse_by_name", _SHOWN.format(page=_BY_NAME.format(down="")), Listed._make)
_BACKWARD_NAMES = statement("browse_by_name_back", _SHOWN.format(page=_BY_NAME.format(down=" DESC")), Listed._make)


def _values(workflow_id: int, first: object, last: object, like: Like, count: int) -> tuple[object, ...]:
    states = json.dumps(like.states) if like.states else None
    return (workflow_id, first, last, states, like.like, like.glob, count)


def by_id(db: Database, workflow_id: int, first: int, last: int, like: Like, count: int, *, back: bool) -> list[Listed]:
    """At most ``count`` jobs with ids from ``first`` to ``last``, in this order or from the last one back."""
    found = (_BACKWARD if back else _FORWARD).rows(db, _values(workflow_id, first, last, like, count))
    return sorted(found, key=lambda row: row.id, reverse=back)


def by_name(
    db: Database, workflow_id: int, first: str, last: str | None, like: Like, count: int, *, back: bool
) -> list[Listed]:
    """The same by name; ``last`` None: to the end."""
    found = (_BACKWARD_NAMES if back else _FORWARD_NAMES).rows(db, _values(workflow_id, first, last, like, count))
    return sorted(found, key=lambda row: row.name.encode(), reverse=back)


_BOUNDS = statement(
    "browse_bounds", "SELECT min(id), max(id) FROM job WHERE workflow_id = ?", _Bounds._make
)  # fmt: skip


def bounds(db: Database, workflow_id: int) -> tuple[int, int] | None:
    """The first and the last id of a workflow's jobs; None without jobs. Costs a pass over an index: keep it."""
    found = _BOUNDS.one(db, (workflow_id,))
    return None if found.first is None or found.last is None else (found.first, found.last)


_NAME_AFTER = statement(
    "browse_name_after",
    "SELECT name FROM job WHERE workflow_id = ? AND name >= ? ORDER BY name LIMIT 1 OFFSET ?",
    _Name._make,
    hot=True,
)
_NAME_BEFORE = statement(
    "browse_name_before",
    "SELECT name FROM job WHERE workflow_id = ?1 AND (?2 IS NULL OR name <= ?2) ORDER BY name DESC LIMIT 1 OFFSET ?3",
    _Name._make,
)


def name_after(db: Database, workflow_id: int, name: str, count: int) -> str | None:
    """The name that comes ``count`` names later; None when there are fewer."""
    found = _NAME_AFTER.first(db, (workflow_id, name, count))
    return None if found is None else found.name


def name_before(db: Database, workflow_id: int, name: str | None, count: int) -> str | None:
    """The same backwards; from the last one without a name."""
    found = _NAME_BEFORE.first(db, (workflow_id, name, count))
    return None if found is None else found.name


_UNSUCCESSFUL_PAGE = (
    "SELECT j.id, j.name, j.status, j.attempt_id FROM job j WHERE j.workflow_id = ?1"
    f" AND {UNSUCCESSFUL} AND j.status = ?4 AND j.id BETWEEN ?2 AND ?3"
    " AND (?5 IS NULL OR j.name LIKE ?5 ESCAPE '\\') AND (?6 IS NULL OR j.name GLOB ?6) ORDER BY j.id"
)
_UNSUCCESSFUL = statement(
    "browse_unsuccessful", _SHOWN.format(page=_UNSUCCESSFUL_PAGE + " LIMIT ?7"), Listed._make
)  # fmt: skip
_UNSUCCESSFUL_BACK = statement(
    "browse_unsuccessful_back", _SHOWN.format(page=_UNSUCCESSFUL_PAGE + " DESC LIMIT ?7"), Listed._make
)


def unsuccessful(
    db: Database, workflow_id: int, first: int, last: int, like: Like, count: int, *, back: bool
) -> list[Listed]:
    """As ``by_id``, of states in ``RETRIABLE`` only: they have an index, so that the others are not looked at."""
    query = _UNSUCCESSFUL_BACK if back else _UNSUCCESSFUL
    found = [
        row
        for state in like.states
        for row in query.rows(db, (workflow_id, first, last, state, like.like, like.glob, count))
    ]
    return sorted(found, key=lambda row: row.id, reverse=back)[:count]


_HELD = statement(
    "browse_held",
    _SHOWN.format(
        page="SELECT j.id, j.name, j.status, j.attempt_id FROM runner u JOIN job j ON j.runner_id = u.id"
        " WHERE u.workflow_id = ?1 AND u.ended_at IS NULL AND j.id BETWEEN ?2 AND ?3 AND" + _WANTED.format(j="j.")
    ),
    Listed._make,
)


def held(db: Database, workflow_id: int, first: int, last: int, like: Like, count: int, *, back: bool) -> list[Listed]:
    """As ``by_id``, of jobs only that runners hold: running or about to. There are never many."""
    *values, _ = _values(workflow_id, first, last, like, count)
    return sorted(_HELD.rows(db, values), key=lambda row: row.id, reverse=back)[:count]


_OF_RUNNER = statement(
    "browse_of_runner",
    _SHOWN.format(
        page="SELECT j.id, j.name, j.status, j.attempt_id FROM job j JOIN running n ON n.job_id = j.id"
        " WHERE j.runner_id = ?1 ORDER BY j.id LIMIT ?2"
    ),
    Listed._make,
)


def of_runner(db: Database, runner_id: int, count: int) -> list[Listed]:
    """At most ``count`` of the jobs that a runner runs now."""
    return sorted(_OF_RUNNER.rows(db, (runner_id, count)))


_THESE = statement(
    "browse_these",
    _SHOWN.format(
        page="SELECT j.id, j.name, j.status, j.attempt_id FROM job j WHERE j.id IN (SELECT value FROM json_each(?))"
    ),
    Listed._make,
)


def these(db: Database, job_ids: Sequence[int]) -> list[Listed]:
    """These jobs, in this order; those that are gone are left out."""
    found = {row.id: row for row in _THESE.rows(db, (json.dumps(job_ids),))}
    return [found[job_id] for job_id in job_ids if job_id in found]


_RANKED = (
    "SELECT a.job_id, {figure} FROM attempt a JOIN job j ON j.id = a.job_id"
    " LEFT JOIN attempt_usage m ON m.job_id = a.job_id AND m.run_id = a.run_id AND m.attempt_id = a.attempt_id"
    " WHERE a.job_id BETWEEN ?2 AND ?3 AND +j.workflow_id = ?1 AND" + _WANTED.format(j="j.") + " AND NOT EXISTS"
    " (SELECT 1 FROM attempt b WHERE b.job_id = a.job_id AND (b.run_id, b.attempt_id) > (a.run_id, a.attempt_id))"
    " ORDER BY 2 DESC LIMIT ?7"
)
_SLOWEST = statement("browse_slowest", _RANKED.format(figure="a.ended_at - a.started_at"), Rank._make)
_LARGEST = statement(
    "browse_largest",
    _RANKED.format(figure="max(a.peak_memory_bytes, coalesce(m.peak_memory_bytes, 0), 0) * 1.0"),
    Rank._make,
)


def slowest(db: Database, workflow_id: int, first: int, last: int, like: Like, count: int) -> list[Rank]:
    """The jobs among those with ids from ``first`` to ``last`` whose newest attempts took longest (s)."""
    return _SLOWEST.rows(db, _values(workflow_id, first, last, like, count))


def largest(db: Database, workflow_id: int, first: int, last: int, like: Like, count: int) -> list[Rank]:
    """The same by peak memory (bytes)."""
    return _LARGEST.rows(db, _values(workflow_id, first, last, like, count))


_EVENT = (
    "SELECT e.id, e.at, e.type, e.job_id, j.name, e.message FROM event e LEFT JOIN job j ON j.id = e.job_id"
    " WHERE e.workflow_id = ?1 AND e.id {than} ?2 AND (?3 IS NULL OR e.type LIKE ?3 ESCAPE '\\'"
    " OR e.message LIKE ?3 ESCAPE '\\' OR j.name LIKE ?3 ESCAPE '\\') ORDER BY e.id{down} LIMIT ?4"
)
_EVENTS_FROM = statement("browse_events", _EVENT.format(than=">=", down=""), Event._make, hot=True)
_EVENTS_TO = statement("browse_events_back", _EVENT.format(than="<=", down=" DESC"), Event._make, hot=True)


def events(db: Database, workflow_id: int, event_id: int, like: str | None, count: int, *, back: bool) -> list[Event]:
    """At most ``count`` events from this one on, or from it back to the first; ``like`` as in SQL, of all they say."""
    return (_EVENTS_TO if back else _EVENTS_FROM).rows(db, (workflow_id, event_id, like, count))


def escaped(text: str) -> str:
    """A text for LIKE that means itself."""
    return "".join(_ESCAPE + c if c in "%_\\" else c for c in text)
