"""When jobs could have begun, and the chain of jobs that no number of machines makes shorter."""

from array import array
from math import isnan, nan
from typing import NamedTuple

from torc_local.engine.graph import Graph, Order
from torc_local.report.history import History


class Chain(NamedTuple):
    """Jobs that wait for each other, first to last, whose run times add up to more than those of any other chain."""

    jobs: list[int]  # their places
    seconds: float


def ready_times(graph: Graph, found: History) -> "array[float]":
    """When each job had nothing left to wait for; NaN for those that still wait. Jobs that waited for nothing: 0."""
    ended = found.ended
    last = [max(map(ended.__getitem__, members)) for members in graph.sets]
    for number, members in enumerate(graph.sets):
        if isnan(last[number]) or any(isnan(ended[member]) for member in members):
            last[number] = nan
    known: dict[tuple[int, ...], float] = {(): 0.0}
    times = array("d")
    for waits in graph.waits:
        at = known.get(waits)
        if at is None:
            moments = [last[one] for one in waits]
            at = known[waits] = nan if any(map(isnan, moments)) else max(moments)
        times.append(at)
    return times


def longest(graph: Graph, found: History, order: Order) -> Chain:
    """The longest chain by run time: a machine that is large enough needs as long as that. Each edge is walked once."""
    taken = [0.0 if isnan(began) else ended - began for began, ended in zip(found.started, found.ended, strict=True)]
    sets: list[tuple[float, int] | None] = [None] * len(graph.sets)
    sums = list(taken)  # per job: of the longest chain that ends with it
    before = [-1] * len(taken)

    def of_set(number: int) -> tuple[float, int]:
        best = sets[number]
        if best is None:
            job = max(graph.sets[number], key=sums.__getitem__)
            best = sets[number] = (sums[job], job)
        return best

    for wave in order.waves[1:]:
        for job in wave:
            longest_s, last = max(map(of_set, graph.waits[job]))
            sums[job] += longest_s
            before[job] = last
    if not sums:
        return Chain([], 0.0)
    job = max(range(len(sums)), key=sums.__getitem__)
    chain = [job]
    while before[chain[-1]] >= 0:
        chain.append(before[chain[-1]])
    return Chain(chain[::-1], sums[job])
