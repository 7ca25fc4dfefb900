"""How many jobs to claim at once: as many as are expected to finish within a tenth of a second.

Hundreds of no-ops, exactly one long job. A batch that turns out long is given back, so guessing high is cheap;
guessing low costs one transaction per job.
"""

#: Aim of a batch's length. Short enough that nobody waits for a batch to end, long enough to make transactions rare.
TARGET_S = 0.1

#: A transaction may cost up to this part of a batch; a slow file system so gets longer batches by itself.
_COST_SHARE = 0.1

_LARGEST = 1000
_WEIGHT = 0.2  # of the newest duration in the mean


class BatchPolicy:
    """What one runner has learned about durations, and the batch size that follows."""

    def __init__(self) -> None:
        self._mean_s: float | None = None
        self._transaction_s = 0.0
        self._last = 1

    def saw_job(self, duration_s: float) -> None:
        """Learn from a job that ended."""
        mean = self._mean_s
        self._mean_s = duration_s if mean is None else mean + _WEIGHT * (duration_s - mean)

    def saw_transaction(self, duration_s: float) -> None:
        """Learn what a transaction costs, waiting for the lock included."""
        self._transaction_s += _WEIGHT * (duration_s - self._transaction_s)

    @property
    def horizon_s(self) -> float:
        """How long a batch should last; a job still running then is long."""
        return max(TARGET_S, self._transaction_s / _COST_SHARE)

    def per_slot(self, *, ready: int, slots_alive: int) -> int:
        """Jobs to claim for one free slot, at least 1.

        Never more than half of a fair share of what is ready, so that nobody sits idle at the end of a round while
        another works off a long batch; never more than double the last batch, so that one lucky job misleads little.
        """
        if self._mean_s is None:
            return 1
        expected = int(self.horizon_s / max(self._mean_s, 1e-6))
        fair = ready // (2 * max(slots_alive, 1))
        self._last = max(1, min(expected, fair, 2 * self._last, _LARGEST))
        return self._last
