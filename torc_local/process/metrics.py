"""What a runner measures of itself, for the scale report."""

import json
import time

from torc_local.store.database import WriteStats
from torc_local.store.runners import Metrics

#: How often the figures go into the database, with a transaction that happens anyway.
NOTE_S = 1.0


class RunnerMetrics:
    """Counters of one runner. Idle time counts only between jobs: before the first and after the last nobody waits."""

    def __init__(self, stats: WriteStats) -> None:
        self._stats = stats
        self._noted = 0.0
        self._claims = 0
        self._settles = 0
        self._idle_s = 0.0
        self._idle_since: float | None = None
        self._worked = False

    def due(self, now: float) -> bool:
        """Whether the figures in the database are old."""
        return now - self._noted >= NOTE_S

    def turned(self, *, settled: int, claimed: int) -> None:
        """Count a transaction of ``turn``."""
        self._settles += settled > 0
        self._claims += claimed > 0

    def rests(self, now: float) -> None:
        """Nothing to run from now on."""
        if self._worked and self._idle_since is None:
            self._idle_since = now

    def works(self, now: float) -> None:
        """There is work again."""
        self._worked = True
        if self._idle_since is not None:
            self._idle_s += now - self._idle_since
            self._idle_since = None

    def figures(self, now: float, jobs_run: int) -> Metrics:
        """The figures as of now."""
        self._noted = now
        stats, waits = self._stats, self._stats.waits
        return Metrics(
            jobs_run=jobs_run,
            claim_transactions=self._claims,
            settle_transactions=self._settles,
            write_transactions=stats.transactions,
            write_s=stats.write_s,
            idle_s=self._idle_s,
            cpu_s=time.process_time(),
            lock_wait_s=waits.total_s,
            lock_wait_max_s=waits.longest_s,
            lock_wait_histogram=json.dumps(waits.counts, separators=(",", ":")),
            lock_retries=stats.retries,
            lock_errors=stats.errors,
            write_figures=write_figures(stats),
        )


def write_figures(stats: WriteStats) -> str:
    """What writing cost a process, as JSON for its row (schema.sql)."""
    return json.dumps(
        {
            "transactions": {name: times.figures() for name, times in sorted(stats.by_name.items())},
            "checkpoints": stats.checkpoints.figures(),
            "wal_pages": stats.wal_pages,
        },
        separators=(",", ":"),
    )
