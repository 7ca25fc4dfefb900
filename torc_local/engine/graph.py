"""The graph of a workflow, from a file or from a database: jobs, and the sets of jobs that they wait for.

A set that several jobs wait for is there once, as in ``spec`` and as gates in ``store``: nothing here grows with the
number of pairs of jobs.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from torc_local.spec.model import Resources, Spec
from torc_local.store import reading
from torc_local.store.database import Database
from torc_local.store.workflows import WorkflowRow


class Graph(NamedTuple):
    """A workflow without cycles; jobs are named by their place in it."""

    name: str
    source: str  # Torc's words: spec or database
    workflow_id: int | None
    names: Sequence[str]
    statuses: Sequence[str] | None  # None: from a file
    resources: Sequence[int]  # per job, its place in ``requirements``
    requirements: Sequence[Resources]
    sets: Sequence[tuple[int, ...]]  # of jobs, ascending, none empty
    waits: Sequence[tuple[int, ...]]  # per job, the sets whose union it waits for


def from_spec(spec: Spec) -> Graph:
    """The graph of a checked file."""
    return Graph(
        name=spec.name,
        source="spec",
        workflow_id=None,
        names=[job.name for job in spec.jobs],
        statuses=None,
        resources=[job.resources for job in spec.jobs],
        requirements=spec.resources,
        sets=spec.sets,
        waits=[job.waits_for for job in spec.jobs],
    )


def from_database(db: Database, workflow: WorkflowRow) -> Graph:
    """The graph of a stored workflow, as it is at one moment."""
    with db.read():
        return from_database_within(db, workflow)


def from_database_within(db: Database, workflow: WorkflowRow) -> Graph:
    """The same within a transaction of the caller's."""
    rows = list(reading.graph_jobs(db, workflow.id))
    requirements = reading.requirements(db, workflow.id)
    edges = list(reading.edges(db, workflow.id))
    place = {row.id: index for index, row in enumerate(rows)}
    # Per gate, and per job, what comes directly before it.
    before: dict[int, list[int]] = {}
    for edge in edges:
        before.setdefault(edge.after_id, []).append(edge.before_id)
    sets: list[tuple[int, ...]] = []
    numbers: dict[tuple[int, ...], int] = {}

    def number(ids: Sequence[int]) -> int:
        members = tuple(sorted(place[one] for one in ids))
        if members not in numbers:
            numbers[members] = len(sets)
            sets.append(members)
        return numbers[members]

    gates = {gate: number(members) for gate, members in before.items() if gate < 0}
    waits: list[tuple[int, ...]] = []
    for row in rows:
        found = before.get(row.id, ())
        direct = [one for one in found if one > 0]
        waits.append(tuple([gates[one] for one in found if one < 0] + ([number(direct)] if direct else [])))
    index = {one.id: position for position, one in enumerate(requirements)}
    return Graph(
        name=workflow.name,
        source="database",
        workflow_id=workflow.id,
        names=[row.name for row in rows],
        statuses=[row.status for row in rows],
        resources=[index[row.resource_requirements_id] for row in rows],
        requirements=[
            Resources(one.name, one.num_cpus, one.num_gpus, one.num_nodes, one.memory_bytes, one.runtime_s, one.limits)
            for one in requirements
        ],
        sets=sets,
        waits=waits,
    )


class Order(NamedTuple):
    """When jobs can run at the earliest, if everything takes one step: wave 0 waits for nothing."""

    wave_of: Sequence[int]
    waves: Sequence[Sequence[int]]  # jobs of each, ascending

    def chain(self, graph: Graph) -> list[int]:
        """One of the longest chains of jobs that wait for each other, first to last."""
        if not self.waves:
            return []
        found = [self.waves[-1][0]]
        while graph.waits[found[-1]]:
            job = found[-1]
            members = (member for one in graph.waits[job] for member in graph.sets[one])
            found.append(next(member for member in members if self.wave_of[member] == self.wave_of[job] - 1))
        return found[::-1]


def order(graph: Graph) -> Order:
    """The waves of a graph: each edge of each set is walked once."""
    sets_of: list[list[int]] = [[] for _ in graph.names]
    for index, members in enumerate(graph.sets):
        for member in members:
            sets_of[member].append(index)
    waiting: list[list[int]] = [[] for _ in graph.sets]
    for job, sets in enumerate(graph.waits):
        for one in sets:
            waiting[one].append(job)
    left_in_set = [len(members) for members in graph.sets]
    left_of_job = [len(sets) for sets in graph.waits]
    wave_of = [0] * len(graph.names)
    waves: list[list[int]] = []
    now = [job for job, count in enumerate(left_of_job) if not count]
    while now:
        for job in now:
            wave_of[job] = len(waves)
        waves.append(now)
        then: list[int] = []
        for job in now:
            for one in sets_of[job]:
                left_in_set[one] -= 1
                if left_in_set[one]:
                    continue
                for waiter in waiting[one]:
                    left_of_job[waiter] -= 1
                    if not left_of_job[waiter]:
                        then.append(waiter)
        now = sorted(then)
    return Order(wave_of, waves)


def waiters(graph: Graph) -> Iterator[tuple[tuple[int, ...], list[int]]]:
    """The distinct combinations of sets that jobs wait for, each with these jobs; none is left out but ()."""
    found: dict[tuple[int, ...], list[int]] = {}
    for job, sets in enumerate(graph.waits):
        if sets:
            found.setdefault(sets, []).append(job)
    yield from found.items()
