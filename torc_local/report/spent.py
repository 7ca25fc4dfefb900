"""How the time of the machines was spent: at work, or idle, and why idle.

Places are processors where jobs are given what they ask for, and slots where they are counted (``run -j``); which of
the two is told from what a node registered. Idle is a place while its node's runners were at work and it had no job:
because no job was ready, because none of the ready ones fitted beside what ran, or because nobody had begun the next
one yet (claiming, starting and recording it).
"""

from array import array
from collections.abc import Sequence
from math import isnan
from typing import NamedTuple

from torc_local.report.history import History
from torc_local.store.history import Machine, Worker
from torc_local.store.reading import Requirements


class Place(NamedTuple):
    """What a node gave to jobs in one run."""

    machine: Machine
    slots: int
    counts_jobs: bool  # places are slots, whatever jobs ask for; otherwise processors

    @property
    def places(self) -> int:
        """How many there are."""
        return self.slots if self.counts_jobs else self.machine.num_cpus


class Spent(NamedTuple):
    """Seconds of one place, added up over all of them."""

    wall_s: float  # from the first start to the last end of the run's attempts
    capacity_s: float
    busy_s: float
    nothing_ready_s: float
    nothing_fitted_s: float
    between_s: float  # the rest: jobs were ready, and there was room

    @property
    def busy_fraction(self) -> float | None:
        """Part of the capacity that jobs had."""
        return self.busy_s / self.capacity_s if self.capacity_s > 0 else None


def places_of(machines: Sequence[Machine], workers: Sequence[Worker], run_id: int) -> list[Place]:
    """The nodes of a run, each with the most slots that it had at any moment."""
    made = []
    for machine in machines:
        steps = []
        for one in workers:
            if one.node_id == machine.id and one.run_id == run_id:
                steps += [
                    (one.started_at, one.slots),
                    (float("inf") if one.ended_at is None else one.ended_at, -one.slots),
                ]
        slots = most = 0
        for _, change in sorted(steps):
            slots += change
            most = max(most, slots)
        if most:
            made.append(Place(machine, most, most != machine.num_cpus))
    return made


def spent(
    found: History,
    ready: "array[float]",
    asks: Sequence[Requirements],
    places: Sequence[Place],
    workers: Sequence[Worker],
    run_id: int,
) -> Spent | None:
    """One walk over all starts and ends of a run, in the order of time; None when nothing ran in it."""
    of_node = {place.machine.id: number for number, place in enumerate(places)}
    node_of = {one.id: of_node[one.node_id] for one in workers if one.node_id in of_node}
    number_of = {one.id: number for number, one in enumerate(asks)}
    ran = [job for job in found.ran_in(run_id) if found.runners[job] in node_of]
    again = [one for one in found.earlier if one.run_id == run_id and one.runner_id in node_of]
    again = [one for one in again if found.runs[one.job] == run_id]
    if not ran:
        return None
    began = min([found.started[job] for job in ran] + [one.started_at for one in again])
    over = max(found.ended[job] for job in ran)
    # What happens to which job on which node: 0 it is ready, 1 it starts, 2 it ends. In time, and in this order at one
    # moment. A job that is tried again is ready again when the attempt before has ended.
    nodes = [node_of[found.runners[job]] for job in ran]
    events = [(max(ready[job], began) if not isnan(ready[job]) else found.started[job], 0, job, 0) for job in ran]
    events += [(found.started[job], 1, job, node) for job, node in zip(ran, nodes, strict=True)]
    events += [(found.ended[job], 2, job, node) for job, node in zip(ran, nodes, strict=True)]
    for one in again:
        node = node_of[one.runner_id]
        events += [(one.started_at, 1, one.job, node), (one.ended_at, 2, one.job, node), (one.ended_at, 0, one.job, 0)]
    events.sort()
    free = [
        [place.places, place.machine.memory_bytes, place.machine.num_gpus]
        if not place.counts_jobs
        else [place.slots, 0, 0]
        for place in places
    ]
    weights = [[(1, 0, 0) if place.counts_jobs else (one.num_cpus, one.memory_bytes, one.num_gpus) for one in asks]
               for place in places]  # fmt: skip
    waiting = [0] * len(asks)
    capacity = sum(place.places for place in places)
    ready_jobs = 0
    busy_s = nothing_ready_s = nothing_fitted_s = between_s = 0.0
    idle = capacity
    before = began
    for at, what, job, node in events:
        if at > before:
            taken = at - before
            busy_s += taken * (capacity - idle)
            if idle:
                if not ready_jobs:
                    nothing_ready_s += taken * idle
                elif _any_fits(free, weights, waiting):
                    between_s += taken * idle
                else:
                    nothing_fitted_s += taken * idle
            before = at
        asked = number_of[found.requirements[job]]
        if what == 0:
            waiting[asked] += 1
            ready_jobs += 1
            continue
        sign = -1 if what == 1 else 1
        room, weight = free[node], weights[node][asked]
        for resource in range(3):
            room[resource] += sign * weight[resource]
        if what == 1:
            waiting[asked] -= 1
            ready_jobs -= 1
        # Jobs that ask for less than one processor's worth, or more than there are, leave no place negative.
        idle = sum(max(one[0], 0) for one in free)
    return Spent(over - began, (over - began) * capacity, busy_s, nothing_ready_s, nothing_fitted_s, between_s)


def _any_fits(
    free: Sequence[Sequence[int]], weights: Sequence[Sequence[tuple[int, int, int]]], waiting: Sequence[int]
) -> bool:
    """Whether any ready job would fit on any node now."""
    for asked, jobs in enumerate(waiting):
        if jobs:
            for room, weight in zip(free, weights, strict=True):
                cpus, memory, gpus = weight[asked]
                if cpus <= room[0] and memory <= room[1] and gpus <= room[2]:
                    return True
    return False
