"""What a runner has to tell the database, kept until it is told.

When the disk is full or fails, nothing that ended is forgotten: jobs that run are left in peace, nothing new is
claimed, and the telling is repeated. Every write is fenced by runner, attempt and state, so that telling twice changes
nothing.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from torc_local.ground import clock
from torc_local.store.jobs import Result
from torc_local.store.opening import translated

#: How often it is tried again.
RETRY_S = 1.0

#: For how long, once no job runs any more. Jobs that run are waited for.
PATIENCE_S = 30.0


class Backlog:
    """Results and claims to give back that are not on record yet."""

    def __init__(self, db_path: Path, say: Callable[[str], None]) -> None:
        self._db_path = db_path
        self._say = say
        self.results: list[Result] = []
        self.marked: frozenset[int] = frozenset()  # those of the results that are on record as running
        self.give_back: list[int] = []
        self.canceled: list[int] = []  # claims of jobs that a person has canceled; they were not started
        self.since: float | None = None  # when telling failed first (monotonic); None: it did not
        self._retry_at = 0.0
        self._last_busy = 0.0  # when a job ran last, or it failed first

    def add(self, results: Sequence[Result], marked: frozenset[int], give_back: Sequence[int]) -> None:
        """Take what there is to tell."""
        if self.since is None:
            self.results, self.marked, self.give_back = list(results), marked, list(give_back)
            return
        self.results += results
        self.marked |= marked
        self.give_back += give_back

    def correct(self, known: set[int], pending: set[int], running: set[int]) -> None:
        """After failure: which of these are on record as running, and that nobody knows of some that are pending."""
        told = {result.job_id for result in self.results}
        self.marked = frozenset(told & running)
        self.give_back += sorted(pending - known - told - {*self.give_back} - {*self.canceled})

    def must_wait(self, now: float) -> bool:
        """Whether it is too soon to try again."""
        return self.since is not None and now < self._retry_at

    def next_try(self) -> float | None:
        """When to try again (monotonic); None when nothing is left over."""
        return None if self.since is None else self._retry_at

    def failed(self, error: Exception, *, busy: bool, patience_s: float) -> None:
        """Note that telling failed; raises ``error`` when nothing runs any more and patience is over."""
        now = clock.monotonic()
        if self.since is None:
            self.since = now
            self._last_busy = now
            self._say(
                f"{translated(error, self._db_path)}\n  results are held and nothing is claimed until it works again"
            )
        if busy:
            self._last_busy = now
        elif now - self._last_busy >= patience_s:
            raise error
        self._retry_at = now + RETRY_S

    def told(self) -> float | None:
        """Everything is on record; for how many seconds it had to wait, None when it had not."""
        self.results, self.marked, self.give_back, self.canceled = [], frozenset(), [], []
        waited = None if self.since is None else clock.monotonic() - self.since
        self.since = None
        return waited
