"""How many jobs to claim at once: as many as are expected to finish within about a tenth of a second.

Hundreds of no-ops, exactly one long job. Two things make the horizon longer: a costly transaction (a slow file system)
and many runners, because they all share one write lock. Guessing high is cheap, since a batch that turns out long is
given back; guessing low costs one transaction per job.
"""

from collections import deque

#: Aim of a batch's length. Short enough that nobody waits for a batch to end, long enough to make transactions rare.
TARGET_S = 0.1

#: Longest horizon, unless the lock itself takes longer to go round.
LONGEST_S = 1.0

#: All runners together should hold the write lock for at most this part of the time; then waiting for it is rare.
LOCK_SHARE = 0.05

#: What a transaction takes longer for each job that it settles or claims (local disk; elsewhere the rest outweighs it).
_JOB_S = 1e-5

_LARGEST = 1000
_WEIGHT = 0.2  # of the newest duration in the mean
_REMEMBERED = 8  # transactions


class BatchPolicy:
    """What one runner has learned about durations, and the batch size that follows."""

    def __init__(self, most: int | None = None) -> None:
        self._most = most or _LARGEST
        self._mean_s: float | None = None
        self._costs: deque[float] = deque(maxlen=_REMEMBERED)
        self._empty_costs: deque[float] = deque(maxlen=_REMEMBERED)  # the same, had they moved no job
        self._trusted = 1  # jobs in a batch, as far as experience goes
        self._round_s = 0.0  # until each runner has had the lock once
        self.horizon_s = TARGET_S  # how long a batch should last; a job still running then is long
        self.slots_alive = 1  # slots of all runners of the workflow, which share the ready jobs
        self.runners_alive = 1  # those who share the lock

    def saw_job(self, duration_s: float) -> None:
        """Learn from a job that ended."""
        mean = self._mean_s
        self._mean_s = duration_s if mean is None else mean + _WEIGHT * (duration_s - mean)

    def saw_transaction(self, held_s: float, moved: int = 0) -> None:
        """Learn how long a transaction held the lock that settled and claimed so many jobs.

        The shortest of the last few counts: on a busy machine the others were mostly waiting for a processor, and
        longer batches would not help against that.
        """
        self._costs.append(held_s)
        self._empty_costs.append(max(0.0, held_s - moved * _JOB_S))
        cost_s = min(self._costs)
        self._round_s = min(self._empty_costs) * self.runners_alive
        longest_s = max(LONGEST_S, 2 * self._round_s)
        self.horizon_s = min(max(TARGET_S, cost_s * self.slots_alive / LOCK_SHARE), longest_s)

    def per_slot(self, ready: int) -> int:
        """Jobs to claim for one free slot when so many are ready, at least 1.

        Never more than double of what was tried before, so that one lucky job misleads little. Never more than half of
        a fair share of what is ready, so that nobody sits idle at the end of a round while another works off a long
        batch; unless those jobs take no longer than the lock takes to go round: then whoever got fewer would wait for
        the lock instead.
        """
        if self._mean_s is None:
            return 1
        mean_s = max(self._mean_s, 1e-6)
        self._trusted = max(1, min(int(self.horizon_s / mean_s), 2 * self._trusted, self._most))
        fair = ready // (2 * max(self.slots_alive, 1))
        return max(1, min(self._trusted, max(fair, int(self._round_s / mean_s))))
