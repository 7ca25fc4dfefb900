"""Durations counted in buckets: percentiles of millions of lock waits in a few hundred bytes.

Four buckets per doubling from one microsecond up, so a percentile is right within 19 % (a factor 2 ** 0.25).
"""

import math
from collections.abc import Iterable, Sequence

_PER_DOUBLING = 4
_SMALLEST_S = 1e-6
_BUCKETS = 112  # up to 2 ** 28 microseconds: four and a half minutes


class Histogram:
    """Counts of durations, with their sum and the longest."""

    __slots__ = ("counts", "longest_s", "total_s")

    def __init__(self, counts: Iterable[int] = (), *, total_s: float = 0.0, longest_s: float = 0.0) -> None:
        self.counts = list(counts) or [0] * _BUCKETS
        self.total_s = total_s
        self.longest_s = longest_s

    def add(self, duration_s: float) -> None:
        """Count one duration."""
        bucket = int(math.log2(duration_s / _SMALLEST_S) * _PER_DOUBLING) + 1 if duration_s > _SMALLEST_S else 0
        self.counts[min(bucket, _BUCKETS - 1)] += 1
        self.total_s += duration_s
        self.longest_s = max(self.longest_s, duration_s)

    @property
    def count(self) -> int:
        """How many durations were counted."""
        return sum(self.counts)

    def quantile(self, fraction: float) -> float:
        """Seconds that ``fraction`` of the durations do not exceed (upper edge of its bucket); 0.0 when empty."""
        total = self.count
        if not total:
            return 0.0
        wanted = math.ceil(fraction * total)
        seen = 0
        for bucket, count in enumerate(self.counts):
            seen += count
            if seen >= wanted:
                edge: float = _SMALLEST_S * 2.0 ** (bucket / _PER_DOUBLING)
                return min(edge, self.longest_s or math.inf)
        return self.longest_s

    @classmethod
    def merged(cls, histograms: Sequence["Histogram"]) -> "Histogram":
        """One histogram of everything that the given ones counted."""
        whole = cls()
        for one in histograms:
            whole.counts = [a + b for a, b in zip(whole.counts, one.counts, strict=True)]
            whole.total_s += one.total_s
            whole.longest_s = max(whole.longest_s, one.longest_s)
        return whole
