"""Families of jobs in figures: how long they took, how well they used their processors, how much memory they had."""

from collections import Counter
from collections.abc import Sequence
from math import floor, isnan, log10
from typing import NamedTuple

from torc_local.report.families import families
from torc_local.report.history import History
from torc_local.report.quantiles import MEDIAN, P95, quantile
from torc_local.store.reading import Requirements

#: Columns of a histogram; each is the same factor wide.
BINS = 24


class Spread(NamedTuple):
    """Values in a few numbers; ``counts`` are a histogram from ``low`` to ``high``, each column one factor wide."""

    samples: int
    low: float
    median: float
    p95: float
    high: float
    counts: tuple[int, ...]


class Family(NamedTuple):
    """A family of jobs (or one job) and what its newest attempts used; None where nothing is known."""

    name: str
    jobs: int
    counts: dict[str, int]  # by state
    tries: int
    total_s: float  # of all newest attempts
    cpu_s: float
    cpu_efficiency: float | None  # processor time over run time times processors that were asked for
    efficiency: Spread | None  # of single jobs, likewise
    num_cpus: int  # most that any asks for
    duration_s: Spread | None
    peak_bytes: Spread | None  # those that are known
    peak_at_most: int | None  # bytes, of those that are only known not to be above it
    asked_memory: int | None  # bytes; None: not stated, or not the same for all
    asked_runtime: float | None  # seconds, likewise


def gather(found: History, asks: Sequence[Requirements]) -> tuple[list[Family], list[int]]:
    """All families in the order of their first jobs, and for each job the number of its family."""
    by_id = {one.id: one for one in asks}
    figures = []
    family_of = [0] * len(found)
    for number, (name, jobs) in enumerate(families(found.names).items()):
        for job in jobs:
            family_of[job] = number
        figures.append(_family(name, jobs, found, by_id))
    return figures, family_of


def _family(name: str, jobs: Sequence[int], found: History, by_id: dict[int, Requirements]) -> Family:
    ran = [job for job in jobs if not isnan(found.ended[job])]
    durations = [found.ended[job] - found.started[job] for job in ran]
    peaks = [found.peaks[job] for job in ran]
    asked = {found.requirements[job] for job in jobs}
    requirements = [by_id[one] for one in asked]
    cpu_s = sum(found.cpu_s[job] for job in ran)
    reserved_s = sum(
        took * max(by_id[found.requirements[job]].num_cpus, 1) for job, took in zip(ran, durations, strict=True)
    )
    parts = [
        found.cpu_s[job] / (took * max(by_id[found.requirements[job]].num_cpus, 1))
        for job, took in zip(ran, durations, strict=True)
        if took > 0
    ]
    bounds = [-peak for peak in peaks if peak < 0]
    one = requirements[0] if len(requirements) == 1 else None
    return Family(
        name=name,
        jobs=len(jobs),
        counts=dict(Counter(found.statuses[job] for job in jobs)),
        tries=sum(found.tries[job] for job in jobs),
        total_s=sum(durations),
        cpu_s=cpu_s,
        cpu_efficiency=cpu_s / reserved_s if reserved_s > 0 else None,
        efficiency=spread(parts),
        num_cpus=max(one.num_cpus for one in requirements),
        duration_s=spread(durations),
        peak_bytes=spread([float(peak) for peak in peaks if peak > 0]),
        peak_at_most=max(bounds) if bounds else None,
        asked_memory=None if one is None else one.stated_memory,
        asked_runtime=None if one is None else one.stated_runtime,
    )


def spread(values: Sequence[float]) -> Spread | None:
    """Of values that are not negative; None of none."""
    if not values:
        return None
    ordered = sorted(values)
    low, high = ordered[0], ordered[-1]
    counts = [0] * BINS
    least = max(low, high / 1e6, 1e-9)  # what is a millionth of the largest is in the first column
    width = log10(high / least) / BINS if high > least else 0.0
    if width:
        start = log10(least)
        for value in ordered:
            counts[min(max(floor((log10(max(value, least)) - start) / width), 0), BINS - 1)] += 1
    else:
        counts[0] = len(ordered)
    return Spread(len(ordered), low, quantile(ordered, MEDIAN), quantile(ordered, P95), high, tuple(counts))
