"""Quantiles of what was measured, each a value that occurred (nearest rank)."""

import math
from collections.abc import Sequence

MEDIAN = 0.5
P95 = 0.95


def quantile(values: Sequence[float], part: float) -> float:
    """The smallest of sorted ``values`` that so large a part of them does not exceed."""
    return values[max(math.ceil(part * len(values)) - 1, 0)]
