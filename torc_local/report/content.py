"""What a report says: everything about a workflow's newest run, gathered once, for whatever writes it down."""

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from math import isnan
from pathlib import Path
from typing import NamedTuple

from torc_local.engine import graph as graphs
from torc_local.engine.graph import Graph, Order
from torc_local.engine.options import OptionsOf, settings_in
from torc_local.report import (
    advice,
    by_hand,
    causes,
    critical,
    family_figures,
    history,
    outliers,
    output,
    provenance,
    spent,
    status,
    used_files,
)
from torc_local.report.advice import Advice
from torc_local.report.causes import Cause
from torc_local.report.critical import Chain
from torc_local.report.family_figures import Family
from torc_local.report.history import History
from torc_local.report.outliers import Outliers
from torc_local.report.provenance import Provenance
from torc_local.report.spent import Place, Spent
from torc_local.report.status import Status
from torc_local.report.used_files import Files
from torc_local.store import history as stored
from torc_local.store import reading, samples, series, workflows
from torc_local.store.database import Database
from torc_local.store.history import Worker
from torc_local.store.reading import Requirements
from torc_local.store.series import JobPoint, NodePoint
from torc_local.store.workflows import WorkflowRow

#: Jobs of a cause that are shown with what they wrote, and lines of each.
_EXAMPLES = 3
_LAST_LINES = 5
_LINE_WIDTH = 400

#: Points of a curve.
_NODE_POINTS = 600
_JOB_POINTS = 200

#: Moments at which jobs in each state are counted, for programs.
_MOMENTS = 200


class Example(NamedTuple):
    """A job that did not succeed: why, its last lines, and how to run it by hand."""

    job: int
    name: str
    reason: str | None
    node: str | None
    stream: str  # of the lines: standard error, or standard output
    last_lines: list[str]
    reproduce: str | None


class Failure(NamedTuple):
    """Jobs with one cause."""

    cause: Cause
    jobs: int
    examples: list[Example]
    cure: str


class Saving(NamedTuple):
    """What the suggested limits of one set of requirements would bring; None where nothing is suggested."""

    core_s: float | None  # less that would have been reserved
    jobs_per_node_now: int | None
    jobs_per_node_then: int | None


class Moment(NamedTuple):
    """How many jobs there are in each state."""

    at: float
    running: int
    waiting: int  # ready, and nobody has begun with them
    ended: int


class Content(NamedTuple):
    """All that a report says; docs/report.md explains it."""

    status: Status
    command: str  # begins what is suggested
    history: History
    graph: Graph
    order: Order
    asks: list[Requirements]
    ready: "array[float]"
    workers: list[Worker]
    places: list[Place]
    used_core_s: float  # processor time of all attempts of the newest run
    reserved_core_s: float  # their run time times what they ask for
    spent: Spent | None
    failures: list[Failure]
    advice: list[Advice]
    savings: list[Saving]  # for each advice
    families: list[Family]
    family_of: list[int]  # per job
    chain: Chain
    outliers: Outliers
    curves: dict[int, list[JobPoint]]  # by a job's place
    node_curves: dict[int, list[NodePoint]]  # by a node's id
    moments: list[Moment]
    files: dict[int, Files]  # by a job's place
    provenance: Provenance
    span: tuple[float, float] | None  # first start and last end of the newest run's attempts


def gather(db: Database, workflow: WorkflowRow, *, command: str) -> Content:
    """Read all of it, of one moment, in a few passes over jobs, attempts and dependencies."""
    with db.read():
        workflow = workflows.get(db, workflow.id) or workflow
        stand = status.gather_within(db, workflow)
        found = history.gather(db, workflow.id)
        drawn = graphs.from_database_within(db, workflow)
        asks = reading.requirements(db, workflow.id)
        workers = stored.workers(db, workflow.id)
        machines = stored.machines(db, workflow.id, workflow.run_id)
        suggested = advice.gather(db, workflow.id)
        directories = samples.directories(db, workflow.id)
        files_of_jobs = used_files.gather(db, workflow.id, found)
    ready = critical.ready_times(drawn, found)
    order = graphs.order(drawn)
    places = spent.places_of(machines, workers, workflow.run_id)
    listed, family_of = family_figures.gather(found, asks)
    standing_out = outliers.gather(found, asks)
    used, reserved = _core_seconds(found, asks, workflow.run_id)
    files = [
        (place.machine.id, series.file_of(directory, place.machine.hostname, workflow.id, workflow.run_id))
        for place in places
        for directory in directories
    ]
    return Content(
        status=stand,
        command=command,
        history=found,
        graph=drawn,
        order=order,
        asks=asks,
        ready=ready,
        workers=workers,
        places=places,
        used_core_s=used,
        reserved_core_s=reserved,
        spent=spent.spent(found, ready, asks, places, workers, workflow.run_id),
        failures=_failures(db, workflow, stand, found, workers, places, command),
        advice=suggested,
        savings=[_saving(one, found, places) for one in suggested],
        families=listed,
        family_of=family_of,
        chain=critical.longest(drawn, found, order),
        outliers=standing_out,
        curves=_curves(found, standing_out.all_of_them, [file for _, file in files]),
        node_curves={node: curve for node, file in files if (curve := series.of_node(file, _NODE_POINTS))},
        moments=_moments(found, ready, workflow.run_id),
        files=files_of_jobs,
        provenance=provenance.gather(db, workflow, stand.run),
        span=_span(found, workflow.run_id),
    )


def _span(found: History, run_id: int) -> tuple[float, float] | None:
    ran = found.ran_in(run_id)
    if not ran:
        return None
    starts = [found.started[job] for job in ran] + [one.started_at for one in found.earlier if one.run_id == run_id]
    return min(starts), max(found.ended[job] for job in ran)


def _core_seconds(found: History, asks: Sequence[Requirements], run_id: int) -> tuple[float, float]:
    cpus = {one.id: one.num_cpus for one in asks}
    used = reserved = 0.0
    for job in found.ran_in(run_id):
        used += found.cpu_s[job]
        reserved += found.duration(job) * cpus[found.requirements[job]]
    for one in found.earlier:
        if one.run_id == run_id:
            used += one.cpu_s
            reserved += (one.ended_at - one.started_at) * cpus[found.requirements[one.job]]
    return used, reserved


def _failures(
    db: Database,
    workflow: WorkflowRow,
    stand: Status,
    found: History,
    workers: Sequence[Worker],
    places: Sequence[Place],
    command: str,
) -> list[Failure]:
    hosts = {place.machine.id: place.machine.hostname for place in places}
    node_of = {one.id: hosts.get(one.node_id) for one in workers}
    settings = settings_in(workflow.settings)
    options = OptionsOf(db)
    directory = None if stand.run is None else stand.run.directory

    def example(job: int) -> Example:
        told = output.telling(db, found.ids[job], _LAST_LINES) if found.tries[job] else None
        return Example(
            job,
            found.names[job],
            found.reasons.get(job),
            node_of.get(found.runners[job]),
            "" if told is None else told.stream,
            [] if told is None else [line[:_LINE_WIDTH] for line in told.lines],
            by_hand.line(db, found.ids[job], directory, settings, options) if found.tries[job] else None,
        )

    return [
        Failure(
            group.cause,
            len(group.jobs),
            [example(job) for job in group.jobs[:_EXAMPLES]],
            causes.cure(group.cause, found.names[group.jobs[0]], command=command, workflow_id=workflow.id),
        )
        for group in causes.groups(found)
    ]


def _saving(one: Advice, found: History, places: Sequence[Place]) -> Saving:
    ran = [job for job in range(len(found)) if found.requirements[job] == one.asks.id and not isnan(found.ended[job])]
    cpus = one.asks.num_cpus if one.cpus.suggested is None else int(one.cpus.suggested)
    core_s = None if one.cpus.suggested is None else (one.asks.num_cpus - cpus) * sum(map(found.duration, ran))
    if not one.has_any or not places:
        return Saving(core_s, None, None)
    memory = one.asks.memory_bytes if one.memory.suggested is None else int(one.memory.suggested)
    node = places[0].machine
    return Saving(
        core_s,
        _fit(node.num_cpus, node.memory_bytes, one.asks.num_cpus, one.asks.memory_bytes),
        _fit(node.num_cpus, node.memory_bytes, cpus, memory),
    )


def _fit(cpus: int, memory: int, cpus_each: int, memory_each: int) -> int:
    return min(cpus // max(cpus_each, 1), memory // max(memory_each, 1))


def _curves(found: History, jobs: Sequence[int], files: Sequence[Path]) -> dict[int, list[JobPoint]]:
    """Of the newest attempts: what a job did before, perhaps elsewhere, is not what its row tells."""
    place_of = {found.ids[job]: job for job in jobs if not isnan(found.started[job])}
    since = {job_id: found.started[job] for job_id, job in place_of.items()}
    curves: dict[int, list[JobPoint]] = {}
    for file in files:
        for job_id, curve in series.of_jobs(file, since, _JOB_POINTS).items():
            curves.setdefault(place_of[job_id], curve)
    return curves


def _moments(found: History, ready: "array[float]", run_id: int) -> list[Moment]:
    ran, span = found.ran_in(run_id), _span(found, run_id)
    if span is None:
        return []
    first, last = span
    # A job that is tried again waits again from the end of the attempt before.
    again = [one for one in found.earlier if one.run_id == found.runs[one.job] == run_id]
    started = sorted([*(found.started[job] for job in ran), *(one.started_at for one in again)])
    stopped = sorted([*(found.ended[job] for job in ran), *(one.ended_at for one in again)])
    ended = sorted(found.ended[job] for job in ran)
    # Of jobs that have not run, those count that could have.
    readied = [
        max(ready[job], first)
        for job in range(len(found))
        if not isnan(ready[job]) and (found.runs[job] == run_id or found.statuses[job] == "ready")
    ]
    readied = sorted([*readied, *(one.ended_at for one in again)])
    moments = []
    for number in range(_MOMENTS + 1):
        at = last if number == _MOMENTS else first + number * (last - first) / _MOMENTS
        begun = bisect_right(started, at)
        waiting = max(bisect_right(readied, at) - begun, 0)
        moments.append(Moment(at, begun - bisect_right(stopped, at), waiting, bisect_right(ended, at)))
    return moments
