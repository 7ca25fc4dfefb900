"""Jobs that stand out: the slowest, the largest, those that left most of their processors unused, those tried most."""

import heapq
from collections.abc import Callable, Iterable
from math import isnan
from typing import NamedTuple

from torc_local.report.history import History
from torc_local.store.reading import Requirements

MOST = 20


class Outliers(NamedTuple):
    """Places of jobs, the one that stands out most first."""

    slowest: list[int]
    largest: list[int]
    wasteful: list[int]
    most_tried: list[int]

    @property
    def all_of_them(self) -> list[int]:
        """Each once."""
        return list(dict.fromkeys([*self.slowest, *self.largest, *self.wasteful, *self.most_tried]))


def gather(found: History, asks: list[Requirements]) -> Outliers:
    """One pass for each list."""
    ran = [job for job in range(len(found)) if not isnan(found.ended[job])]
    cpus = {one.id: max(one.num_cpus, 1) for one in asks}

    def unused(job: int) -> float:
        return unused_s(found, job, cpus[found.requirements[job]])

    return Outliers(
        slowest=_most(ran, found.duration),
        largest=_most((job for job in ran if found.peaks[job] > 0), found.peaks.__getitem__),
        wasteful=_most((job for job in ran if unused(job) >= 1), unused),
        most_tried=_most((job for job in ran if found.tries[job] > 1), found.tries.__getitem__),
    )


def unused_s(found: History, job: int, num_cpus: int) -> float:
    """Seconds of processors that a job had asked for and did not use."""
    return found.duration(job) * num_cpus - found.cpu_s[job]


def _most(jobs: Iterable[int], value: Callable[[int], float]) -> list[int]:
    return heapq.nlargest(MOST, jobs, key=value)
