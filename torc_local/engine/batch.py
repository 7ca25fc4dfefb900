"""How many jobs to claim at once: as many as are expected to finish within about a tenth of a second.

Hundreds of no-ops, exactly one long job. Two things make the horizon longer: a costly transaction (a slow file system)
and many runners, because they all share one write lock. Guessing high is cheap, since a batch that turns out long is
given back; guessing low costs one transaction per job.
"""

from collections import deque

#: Aim of a batch's length. Short enough that nobody waits for a batch to end, long enough to make transactions rare.
TARGET_S = 0.1

#: Longest horizon, whatever transactions cost.
LONGEST_S = 1.0

#: All runners together should hold the write lock for at most this part of the time; then waiting for it is rare.
LOCK_SHARE = 0.05

_LARGEST = 1000
_WEIGHT = 0.2  # of the newest duration in the mean
_REMEMBERED = 8  # transactions


class BatchPolicy:
    """What one runner has learned about durations, and the batch size that follows."""

    def __init__(self, most: int | None = None) -> None:
        self._most = most or _LARGEST
        self._mean_s: float | None = None
        self._costs: deque[float] = deque(maxlen=_REMEMBERED)
        self._last = 1
        self.horizon_s = TARGET_S  # how long a batch should last; a job still running then is long
        self.slots_alive = 1  # slots of all runners of the workflow, which share the lock and the ready jobs

    def saw_job(self, duration_s: float) -> None:
        """Learn from a job that ended."""
        mean = self._mean_s
        self._mean_s = duration_s if mean is None else mean + _WEIGHT * (duration_s - mean)

    def saw_transaction(self, held_s: float) -> None:
        """Learn how long a transaction held the lock.

        The shortest of the last few counts: on a busy machine the others were mostly waiting for a processor, and
        longer batches would not help against that.
        """
        self._costs.append(held_s)
        self.horizon_s = min(max(TARGET_S, min(self._costs) * self.slots_alive / LOCK_SHARE), LONGEST_S)

    def per_slot(self, ready: int) -> int:
        """Jobs to claim for one free slot when so many are ready, at least 1.

        Never more than half of a fair share of what is ready, so that nobody sits idle at the end of a round while
        another works off a long batch; never more than double the last batch, so that one lucky job misleads little.
        """
        if self._mean_s is None:
            return 1
        expected = int(self.horizon_s / max(self._mean_s, 1e-6))
        fair = ready // (2 * max(self.slots_alive, 1))
        self._last = max(1, min(expected, fair, 2 * self._last, self._most))
        return self._last
