"""Dependency cycles, over jobs and sets as nodes: 25,000 jobs that wait for 25,000 are 50,000 edges here.

Nothing recurses: a chain of 100,000 jobs is as deep as it is long.
"""

from collections import deque
from collections.abc import Sequence

_TRIED = 20  # jobs of a cycle from which a shorter one is looked for

Waits = Sequence[tuple[int, ...]]
Sets = Sequence[tuple[int, ...]]


def find_cycle(waits: Waits, sets: Sets) -> list[int] | None:
    """A short cycle as job indexes, each waiting for the one before it and the first for the last; None without any."""
    if _in_file_order(waits, sets):
        return None
    left = _unresolved(waits, sets)
    if not left:
        return None
    for job in left:
        if any(_contains(sets[index], job) for index in waits[job]):
            return [job]
    some = _any_cycle(next(iter(left)), left, waits, sets)
    found = [cycle for job in some[:_TRIED] if (cycle := _shortest_through(job, left, waits, sets)) is not None]
    return min([some, *found], key=len)


def run_order(waits: Waits, sets: Sets) -> Sequence[int]:
    """All jobs, each after everything that it waits for. There must be no cycle."""
    if _in_file_order(waits, sets):
        return range(len(waits))
    order: list[int] = []
    _unresolved(waits, sets, order)
    return order


def _in_file_order(waits: Waits, sets: Sets) -> bool:
    """Whether every job waits only for earlier ones: then there is no cycle, and most files are written so."""
    last = [members[-1] for members in sets]
    return all(last[index] < job for job, indexes in enumerate(waits) for index in indexes)


def _unresolved(waits: Waits, sets: Sets, order: list[int] | None = None) -> dict[int, None]:
    """Jobs that remain when everything that can run has run (Kahn): the cycles and what waits for them.

    Those that can run are appended to ``order``.
    """
    member_of: list[list[int]] = [[] for _ in waits]
    waiting: list[list[int]] = [[] for _ in sets]
    for index, members in enumerate(sets):
        for job in members:
            member_of[job].append(index)
    for job, indexes in enumerate(waits):
        for index in indexes:
            waiting[index].append(job)
    sets_left = [len(members) for members in sets]
    waits_left = [len(indexes) for indexes in waits]
    ready = [job for job, count in enumerate(waits_left) if count == 0]
    while ready:
        resolved = ready.pop()
        if order is not None:
            order.append(resolved)
        for index in member_of[resolved]:
            sets_left[index] -= 1
            if sets_left[index] == 0:
                for job in waiting[index]:
                    waits_left[job] -= 1
                    if waits_left[job] == 0:
                        ready.append(job)
    return dict.fromkeys(job for job, count in enumerate(waits_left) if count)


def _any_cycle(job: int, left: dict[int, None], waits: Waits, sets: Sets) -> list[int]:
    """Walk from job to something it waits for until a job comes again."""
    seen: dict[int, int] = {}
    walk: list[int] = []
    blocker: dict[int, int] = {}  # set -> its first unresolved member, looked up once
    while job not in seen:
        seen[job] = len(walk)
        walk.append(job)
        for index in waits[job]:
            if index not in blocker:
                blocker[index] = next((m for m in sets[index] if m in left), -1)
            if blocker[index] >= 0:
                job = blocker[index]
                break
    return walk[seen[job] :][::-1]


def _shortest_through(start: int, left: dict[int, None], waits: Waits, sets: Sets) -> list[int] | None:
    """The shortest cycle that contains ``start``, breadth first; every set is entered once."""
    came_from: dict[int, int] = {}
    entered: set[int] = set()
    queue = deque([start])
    while queue:
        job = queue.popleft()
        for index in waits[job]:
            if index in entered:
                continue
            entered.add(index)
            for member in sets[index]:
                if member == start:
                    cycle = [job]
                    while cycle[-1] != start:
                        cycle.append(came_from[cycle[-1]])
                    return cycle
                if member in left and member not in came_from:
                    came_from[member] = job
                    queue.append(member)
    return None


def _contains(members: tuple[int, ...], job: int) -> bool:
    return members[0] <= job <= members[-1] and job in members
