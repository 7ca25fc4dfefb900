"""Leafing through the jobs and events of a workflow: a page at a time, whatever their number.

A page is asked for from a key on, so that the last one costs what the first one does. Where a filter leaves most jobs
out, they are looked at in pieces (``store/browsing.py``), each a statement of milliseconds.
"""

from collections.abc import Callable
from typing import NamedTuple

from torc_local.ground import clock
from torc_local.ground.states import CLAIMED, RETRIABLE, JobStatus
from torc_local.store import browsing, overview, workflows
from torc_local.store.browsing import PIECE, Like, Listed
from torc_local.store.database import Database

#: Jobs that are ranked: of the slowest, and of the largest.
RANKED = 500

_PATTERN = frozenset("*?[")
_STATES = frozenset(map(str, JobStatus))

ORDERS = ("file", "name", "slowest", "largest")


class Filter(NamedTuple):
    """What a person typed, and what it means."""

    text: str = ""
    like: Like = Like()


def read_filter(text: str) -> Filter:
    """Words that are states are states; the others are parts of a name, in this order, or a pattern of whole names.

    ``failed sim`` are the jobs that failed and have ``sim`` in their names, ``sim_*_7`` those with names like that.
    """
    words = text.split()
    states = tuple(dict.fromkeys(word.lower() for word in words if word.lower() in _STATES))
    names = [word for word in words if word.lower() not in _STATES]
    if len(names) == 1 and _PATTERN & set(names[0]):
        return Filter(" ".join(words), Like(states, None, names[0]))
    like = f"%{'%'.join(map(browsing.escaped, names))}%" if names else None
    return Filter(" ".join(words), Like(states, like, None))


class JobPages:
    """The jobs of one workflow in one order, through one filter. Not for two threads at once."""

    def __init__(self, workflow_id: int, order: str, chosen: Filter) -> None:
        self.order = order
        self.filter = chosen
        self._workflow_id = workflow_id
        self._bounds: tuple[int, int] | None = None
        self._total = -1
        self._ranked: list[int] | None = None
        self._place_of: dict[int, int] = {}

    def forget(self) -> None:
        """Rank jobs anew at the next page."""
        self._ranked = None

    def page(self, db: Database, start: Listed | None, count: int, *, back: bool) -> list[Listed]:
        """At most ``count`` jobs: ``start`` and what comes after it, or, going back, what comes before it.

        Without ``start`` from the first one on, or from the last one back.
        """
        counts = workflows.counts(db, self._workflow_id)
        states = self.filter.like.states
        if not sum(counts.values()) or (states and not any(counts.get(state) for state in states)):
            return []
        if self.order in ("slowest", "largest"):
            return self._page_of_ranked(db, start, count, back=back)
        if self.order == "name":
            return self._page_by_name(db, start, count, back=back)
        return self._page_by_id(db, start, count, back=back)

    def _limits(self, db: Database) -> tuple[int, int]:
        total = sum(workflows.counts(db, self._workflow_id).values())
        if total != self._total:  # jobs were added, or this is the first time
            self._bounds, self._total = browsing.bounds(db, self._workflow_id), total
        return self._bounds or (1, 0)

    def part(self, db: Database, row: Listed) -> float | None:
        """How far into the list a job is, from 0 to 1; None where that is not known without counting."""
        if self.order in ("slowest", "largest"):
            return self._place_of.get(row.id, 0) / max(1, len(self._place_of) - 1)
        if self.order != "file":
            return None
        first, last = self._limits(db)
        return (row.id - first) / max(1, last - first)

    def _page_by_id(self, db: Database, start: Listed | None, count: int, *, back: bool) -> list[Listed]:
        low, high = self._limits(db)
        if start is not None:
            low, high = (low, min(high, start.id)) if back else (max(low, start.id), high)
        like = self.filter.like
        if like.states and set(like.states) <= set(RETRIABLE):
            return browsing.unsuccessful(db, self._workflow_id, low, high, like, count, back=back)
        if like.states and set(like.states) <= set(CLAIMED):
            return browsing.held(db, self._workflow_id, low, high, like, count, back=back)
        found: list[Listed] = []
        while low <= high and len(found) < count:
            first, last = (max(low, high - PIECE + 1), high) if back else (low, min(high, low + PIECE - 1))
            left = count - len(found)
            found += browsing.by_id(db, self._workflow_id, first, last, like, left, back=back)
            low, high = (low, first - 1) if back else (last + 1, high)
        return found

    def _page_by_name(self, db: Database, start: Listed | None, count: int, *, back: bool) -> list[Listed]:
        like, workflow_id = self.filter.like, self._workflow_id
        piece = count if like.all else PIECE
        name: str | None = None if start is None else start.name
        found: dict[int, Listed] = {}  # a name at the edge of two pieces is read with both
        while True:
            left = count - len(found)
            if back:
                edge = browsing.name_before(db, workflow_id, name, piece)
                rows = browsing.by_name(db, workflow_id, edge or "", name, like, left + 1, back=True)
            else:
                edge = browsing.name_after(db, workflow_id, name or "", piece)
                rows = browsing.by_name(db, workflow_id, name or "", edge, like, left + 1, back=False)
            found |= {row.id: row for row in rows}
            if edge is None or len(found) >= count:
                return list(found.values())[:count]
            name = edge

    def _page_of_ranked(self, db: Database, start: Listed | None, count: int, *, back: bool) -> list[Listed]:
        if self._ranked is None:
            self._ranked = self._rank(db)
            self._place_of = {job_id: place for place, job_id in enumerate(self._ranked)}
        ids = self._ranked[::-1] if back else self._ranked
        begin = 0
        if start is not None and (place := self._place_of.get(start.id)) is not None:
            begin = len(ids) - 1 - place if back else place
        return browsing.these(db, ids[begin : begin + count])

    def _rank(self, db: Database) -> list[int]:
        """Ids of the first jobs in order of what they took: one look at every attempt, in pieces."""
        ask: Callable[..., list[browsing.Rank]] = browsing.slowest if self.order == "slowest" else browsing.largest
        low, high = self._limits(db)
        best: dict[int, float] = {}
        if self.order == "slowest":
            # What runs now has taken some time already, and may have an attempt that ended before.
            best = self._running(db, low, high)
        now = set(best)
        while low <= high:
            last = min(high, low + PIECE - 1)
            found = ask(db, self._workflow_id, low, last, self.filter.like, RANKED)
            best |= {one.job_id: one.figure for one in found if one.job_id not in now}
            if len(best) > 2 * RANKED:
                best = dict(sorted(best.items(), key=_by_figure)[:RANKED])
            low = last + 1
        return [job_id for job_id, _ in sorted(best.items(), key=_by_figure)[:RANKED]]

    def _running(self, db: Database, low: int, high: int) -> dict[int, float]:
        since = {one.job_id: one.started_at for one in overview.running(db, self._workflow_id)}
        now = clock.now()
        wanted = browsing.held(db, self._workflow_id, low, high, self.filter.like, len(since) + RANKED, back=False)
        return {row.id: now - since[row.id] for row in wanted if row.id in since}


def _by_figure(pair: tuple[int, float]) -> tuple[float, int]:
    job_id, figure = pair
    return -figure, job_id
