"""What the lists show: jobs, runners, the graph, events. Everything here runs in the thread of the reader."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from torc_local.engine import graph
from torc_local.engine.options import stdio_of_job
from torc_local.ground import clock
from torc_local.ground.errors import InputError
from torc_local.ground.reasons import first_line
from torc_local.ground.states import ENDED, JobStatus
from torc_local.process import machine
from torc_local.report import advice, crew, drawing, group_table, groups, leafing, listing, output
from torc_local.report.advice import Advice
from torc_local.report.browsing import Filter, JobPages
from torc_local.report.groups import Group
from torc_local.report.text import duration, local, plural, size
from torc_local.store import browsing, overview, reading, runners, workflows
from torc_local.store.browsing import Listed
from torc_local.store.database import Database
from torc_local.store.events import Event
from torc_local.store.overview import RunnerNow
from torc_local.store.reading import JobDetails, peak_of
from torc_local.store.workflows import WorkflowRow
from torc_local.tui.paint import Styled
from torc_local.tui.rows import Column, Detail, Row

#: What is read whole is read again after so many times what that took, and never more often than this (seconds).
_RARELY = 20
_SOONEST_S = 2.0

_ATTEMPTS = 4  # shown beside the list
_NEIGHBOURS = 100  # in the graph


def workflow_of(db: Database, workflow_id: int) -> WorkflowRow:
    """The workflow. Raises InputError when it was deleted."""
    found = workflows.get(db, workflow_id)
    if found is None:
        raise InputError(f"workflow {workflow_id} was deleted meanwhile")
    return found


def job_of(db: Database, job_id: int) -> JobDetails:
    """The job. Raises InputError when it was deleted with its workflow."""
    if not reading.job_exists(db, job_id):
        raise InputError("the job is gone")
    return reading.job(db, job_id)


def dead_of(db: Database, workflow_id: int) -> set[int]:
    """The runners that certainly died."""
    return machine.dead(runners.alive(db, workflow_id))


class Jobs:
    """The jobs of a workflow, in one of several orders."""

    title = "jobs"

    def __init__(self, workflow_id: int, order: str, chosen: Filter) -> None:
        self._pages = JobPages(workflow_id, order, chosen)
        figure = "MEMORY" if order == "largest" else "TIME"
        self.columns: tuple[Column, ...] = (Column("STATE", 10), Column("NAME"), Column(figure, 9, right=True))
        self._ranked_at = clock.monotonic()
        self._took = 0.0

    def page(self, db: Database, start: Listed | None, count: int, *, back: bool) -> list[Row]:
        """See Source."""
        began = clock.monotonic()
        found = self._pages.page(db, start, count, back=back)
        if self._ranked_at == 0.0:
            self._ranked_at = clock.monotonic()
            self._took = self._ranked_at - began
        now = clock.now()
        return [self._row(one, now) for one in found]

    def _row(self, one: Listed, now: float) -> Row:
        if self._pages.order == "largest":
            figure = _peak(one)
        elif one.running_since is not None:
            figure = duration(now - one.running_since)
        elif one.started_at is not None and one.ended_at is not None and one.status in ENDED:
            figure = duration(one.ended_at - one.started_at)
        else:
            figure = ""
        return Row(one.id, one, (one.status, one.name, figure), one.status, one.id)

    def part(self, db: Database, row: Row) -> float | None:
        """See Source."""
        return self._pages.part(db, row.start)

    def renew(self, db: Database, *, now: bool) -> None:  # noqa: ARG002 - as in Source
        """See Source: jobs are ranked anew now and then."""
        if now or clock.monotonic() - self._ranked_at > max(_SOONEST_S, _RARELY * self._took):
            self._pages.forget()
            self._ranked_at = 0.0

    def detail(self, db: Database, row: Row, height: int) -> Detail:
        """See Source."""
        assert row.job_id is not None  # noqa: S101 - a job is one
        return job_detail(db, row.job_id, height)


def _peak(one: Listed) -> str:
    if one.peak_memory_bytes is None:
        return ""
    peak = peak_of(one.peak_memory_bytes, one.sampled_peak_bytes)
    return size(peak.bytes) if peak.bytes is not None else f"<{size(peak.bound)}" if peak.bound is not None else ""


def job_detail(db: Database, job_id: int, height: int) -> Detail:
    """One job beside a list: costs a handful of rows, and the end of what it wrote."""
    if not reading.job_exists(db, job_id):
        return Detail([Styled("it is gone", "dim")])
    job = reading.job(db, job_id)
    now = reading.running(db, job_id)
    lines = [
        Styled(job.name, "bold"),
        Styled(_standing(job, None if now is None else clock.now() - now.started_at), job.status),
        Styled(f"command   {first_line(job.command)}"),
        Styled(f"asks for  {listing.asks_for(job)}"),
    ]
    tries = reading.attempts(db, job_id)
    for one in tries[-_ATTEMPTS:]:
        took = duration(one.ended_at - one.started_at)
        parts = [f"attempt {one.attempt_id}", one.status, took, listing.peak_text(one), one.node or "-"]
        lines.append(Styled("  ".join(part for part in parts if part), one.status))
        if one.reason:
            lines.append(Styled(f"  {first_line(one.reason)}"))
    title, log = _log_end(db, job, height)
    return Detail(lines, title, log)


def _standing(job: JobDetails, running_s: float | None) -> str:
    if running_s is not None:
        return f"{job.status} for {duration(running_s)}"
    if job.status == JobStatus.BLOCKED:
        return f"blocked by {job.blockers:,} {'job or gate' if job.blockers == 1 else 'jobs and gates'}"
    return job.status


def _log_end(db: Database, job: JobDetails, height: int) -> tuple[str | None, list[Styled]]:
    """The last lines of its output; of its errors when it failed and has any, or wrote nothing else."""
    out = output.find(db, job.id, stderr=False, attempt=None)
    if out is None:
        return None, []
    stderr = bool(out.other_bytes) and (job.status in listing.UNSUCCESSFUL or not out.length)
    name = "errors" if stderr else "output"
    if stderr:
        out = output.find(db, job.id, stderr=True, attempt=None)
    there = leafing.extent(out)
    lines = [Styled(line.text) for line in leafing.backward(there, there.end, height)]
    if not lines and out is not None:
        stdio = stdio_of_job(db, job.workflow_id, job.options_id)
        why = output.why_empty(stdio, job.name, stderr=stderr, completed=out.completed)
        lines = [Styled(why or "nothing", "dim")]
    return f"{name}, {size(there.end - there.start)}", lines


class Events:
    """What has happened, the newest first."""

    title = "events"
    columns: tuple[Column, ...] = (Column("AT", 8), Column("TYPE", 14), Column("WHAT"))

    def __init__(self, workflow_id: int, text: str) -> None:
        self._workflow_id = workflow_id
        words = [browsing.escaped(word) for word in text.split()]
        self._like = f"%{'%'.join(words)}%" if words else None

    def page(self, db: Database, start: Event | None, count: int, *, back: bool) -> list[Row]:
        """See Source."""
        begin = (0 if back else 2**62) if start is None else start.id
        found = browsing.events(db, self._workflow_id, begin, self._like, count, back=not back)
        return [self._row(one) for one in found]

    def _row(self, one: Event) -> Row:
        at = datetime.fromtimestamp(one.at, UTC).astimezone().strftime("%H:%M:%S")
        about = "" if one.job_name is None else f"{one.job_name}: "
        tone = JobStatus.FAILED if "failed" in one.type or "lost" in one.type else ""
        return Row(one.id, one, (at, one.type, f"{about}{one.message}"), tone, one.job_id)

    def part(self, db: Database, row: Row) -> float | None:  # noqa: ARG002 - as in Source
        """See Source."""
        return None

    def renew(self, db: Database, *, now: bool) -> None:
        """See Source: nothing is kept."""

    def detail(self, db: Database, row: Row, height: int) -> Detail:
        """See Source: all that was said, and the job that it is about."""
        one: Event = row.start
        lines = [Styled(one.type, "bold"), Styled(local(one.at)), *map(Styled, one.message.splitlines())]
        if row.job_id is None:
            return Detail(lines)
        about = job_detail(db, row.job_id, height)
        return about._replace(lines=[*lines, Styled(""), *about.lines])


class Kept:
    """A list that is read whole, rarely, and leafed through in memory."""

    title = ""
    columns: tuple[Column, ...] = ()

    def __init__(self, workflow_id: int, text: str) -> None:
        self.workflow_id = workflow_id
        self._words = [word.lower() for word in text.split()]
        self._rows: list[Row] = []
        self._places: dict[object, int] = {}
        self._read_at: float | None = None
        self._took = 0.0

    def read(self, db: Database) -> list[Row]:
        """All of it."""
        raise NotImplementedError

    def renew(self, db: Database, *, now: bool) -> None:
        """See Source."""
        began = clock.monotonic()
        if not now and self._read_at is not None and began - self._read_at < max(_SOONEST_S, _RARELY * self._took):
            return
        rows = self.read(db)
        self._rows = [row for row in rows if all(word in " ".join(row.cells).lower() for word in self._words)]
        self._places = {row.ident: place for place, row in enumerate(self._rows)}
        self._read_at = clock.monotonic()
        self._took = self._read_at - began

    def page(self, db: Database, start: object, count: int, *, back: bool) -> list[Row]:
        """See Source."""
        if self._read_at is None:
            self.renew(db, now=True)
        place = self._places.get(start) if start is not None else None
        if back:
            end = len(self._rows) if place is None else place + 1
            return self._rows[max(0, end - count) : end][::-1]
        begin = place or 0
        return self._rows[begin : begin + count]

    def part(self, db: Database, row: Row) -> float | None:  # noqa: ARG002 - as in Source
        """See Source."""
        return self._places.get(row.ident, 0) / max(1, len(self._rows) - 1)

    def row(self, ident: Any, cells: tuple[str, ...], tone: str = "", pattern: str | None = None) -> Row:  # noqa: ANN401
        """A row, which is found again by its ``ident``."""
        return Row(ident, ident, cells, tone, None, pattern)


def pattern_of(family: str) -> str | None:
    """The filter that finds the jobs of a family; None where words cannot say it."""
    return None if family.split() != [family] else "".join(f"[{c}]" if c in "?[" else c for c in family)


class Groups(Kept):
    """Families of jobs, with how they stand."""

    title = "groups"
    columns: tuple[Column, ...] = (
        Column("GROUP"), Column("JOBS", 7, right=True), Column("DONE", 7, right=True), Column("FAIL", 6, right=True),
    )  # fmt: skip

    def __init__(self, workflow_id: int, text: str) -> None:
        super().__init__(workflow_id, text)
        self.known: dict[str, Group] = {}

    def read(self, db: Database) -> list[Row]:
        """All of them, in the order of the workflow."""
        self.known = {one.name: one for one in groups.gather(db, self.workflow_id)}
        return [self.row(one.name, self.cells(one), _tone(one), pattern_of(one.name)) for one in self.known.values()]

    def cells(self, one: Group) -> tuple[str, ...]:
        """What the columns say."""
        return (one.name, f"{one.jobs:,}", f"{one.completed:,}", f"{one.failed:,}")

    def detail(self, db: Database, row: Row, height: int) -> Detail:  # noqa: ARG002 - as in Source
        """See Source: its states, and what it took."""
        one = self.known[row.start]
        states = [Styled(f"{jobs:>9,} {state}", state) for state, jobs in one.counts.items()]
        return Detail([Styled(one.name, "bold"), *states, Styled(""), *_took(one)])


def _tone(one: Group) -> str:
    if one.failed:
        return JobStatus.FAILED
    if one.at_work:
        return JobStatus.RUNNING
    return JobStatus.COMPLETED if one.completed == one.jobs else ""


def _took(one: Group) -> list[Styled]:
    """What the attempts that completed took, and what of that deserves a look."""
    if not one.samples:
        return [Styled("none has completed", "dim")]
    efficiency = one.cpu_efficiency
    lines = [
        f"times       {plural(one.samples, 'attempt')} that completed",
        f"  median    {duration(one.median_s)}",
        f"  95 % in   {duration(one.p95_s)}",
        f"  longest   {duration(one.longest_s)}",
        f"processors  {duration(one.cpu_s)} used"
        + ("" if efficiency is None else f", {100 * efficiency:.0f} % of those asked for"),
        f"memory      {group_table.peak_text(one)} at most, {group_table.asked_text(one)} asked for",
    ]
    warning = group_table.warning_of(one)
    return [*map(Styled, lines), *([] if warning is None else [Styled(f"! {warning}", JobStatus.READY)])]


class Resources(Groups):
    """The same families by what they used, with the limits that would have been right."""

    title = "resources"
    columns = (
        Column("GROUP"), Column("MEDIAN", 8, right=True), Column("PEAK", 8, right=True), Column("ASKED", 8, right=True),
    )  # fmt: skip

    def __init__(self, workflow_id: int, text: str) -> None:
        super().__init__(workflow_id, text)
        self._advice: dict[int, Advice] = {}

    def read(self, db: Database) -> list[Row]:
        """With one look at every attempt."""
        self._advice = {one.asks.id: one for one in advice.gather(db, self.workflow_id)}
        return super().read(db)

    def cells(self, one: Group) -> tuple[str, ...]:
        """What the columns say."""
        return (one.name, duration(one.median_s), group_table.peak_text(one), group_table.asked_text(one))

    def detail(self, db: Database, row: Row, height: int) -> Detail:  # noqa: ARG002 - as in Source
        """See Source: what it used, and what to ask for."""
        one = self.known[row.start]
        lines = [Styled(one.name, "bold"), *_took(one)]
        for asks in one.asks:
            found = self._advice.get(asks.id)
            lines += [Styled(""), Styled(f"requirements {asks.name}", "bold"), *_advised(found)]
        return Detail(lines)


def _advised(found: Advice | None) -> list[Styled]:
    if found is None or not found.has_any:
        return [Styled(f"with fewer than {advice.FEWEST} attempts nothing is suggested", "dim")]
    return [Styled(line.strip(" -")) for line in advice.to_paste([found])[1:]]


class Runners(Kept):
    """Who works, and who has died."""

    title = "runners"
    columns = (
        Column("ID", 5, right=True), Column("NODE"), Column("STATE", 8), Column("JOBS", 9, right=True),
        Column("NOW", 6, right=True),
    )  # fmt: skip

    def __init__(self, workflow_id: int, text: str) -> None:
        super().__init__(workflow_id, text)
        self._known: dict[int, RunnerNow] = {}
        self._dead: set[int] = set()

    def read(self, db: Database) -> list[Row]:
        """Those of the newest run, the ones at work first."""
        found = overview.of_workflow(db, self.workflow_id, all_runs=False)
        self._known = {one.id: one for one in found}
        self._dead = dead_of(db, self.workflow_id)
        found.sort(key=lambda one: (one.ended_at is not None, one.id))
        return [self._row(one) for one in found]

    def _row(self, one: RunnerNow) -> Row:
        state = crew.state_of(one, self._dead)
        tone = JobStatus.FAILED if state.lower() in ("lost", "failed") else "" if state == "alive" else "dim"
        now = "actor" if one.acts else str(one.running)
        return self.row(one.id, (str(one.id), one.node, state, f"{one.jobs_run:,}", now), tone)

    def detail(self, db: Database, row: Row, height: int) -> Detail:
        """See Source: its machine, and what it runs."""
        one = self._known[row.start]
        lasted = (clock.now() if one.ended_at is None else one.ended_at) - one.started_at
        lines = [
            Styled(f"runner {one.id}, run {one.run_id}", "bold"),
            Styled(f"{crew.state_of(one, self._dead)} for {duration(lasted)}", row.tone),
            Styled(f"machine   {one.node}: {one.num_cpus} cpu, {size(one.memory_bytes)}, {one.num_gpus} gpu"),
            Styled(f"process   {one.pid}"),
            Styled(f"slots     {one.slots}, {one.running} with a job, {one.claimed} jobs claimed"),
            Styled(f"holds     {one.held_cpus} cpu, {size(one.held_memory_bytes)}, {one.held_gpus} gpu"),
            Styled(f"jobs run  {one.jobs_run:,}"),
        ]
        if one.running and one.ended_at is None:
            lines += [Styled(""), Styled("runs now", "bold")]
            for job in browsing.of_runner(db, one.id, max(1, height)):
                since = clock.now() - (job.running_since or clock.now())
                lines.append(Styled(f"{job.name}  {duration(since)}", job.status))
        return Detail(lines)


class Graph(Kept):
    """Families of jobs in the order in which they can run, with how they stand."""

    title = "graph"
    columns = (
        Column("WAVE", 5, right=True), Column("FAMILY"), Column("JOBS", 7, right=True), Column("DONE", 7, right=True),
    )  # fmt: skip

    def __init__(self, workflow_id: int, text: str) -> None:
        super().__init__(workflow_id, text)
        self._nodes: dict[str, drawing.Node] = {}
        self._before: dict[str, list[str]] = {}
        self._after: dict[str, list[str]] = {}

    def read(self, db: Database) -> list[Row]:
        """The whole graph, drawn by families."""
        found = graph.from_database(db, workflow_of(db, self.workflow_id))
        drawn = drawing.draw(found, expand=False)
        waves = drawing.waves(found)
        self._nodes = {node.id: node for node in drawn.nodes}
        self._before, self._after = {}, {}
        for source, target in drawn.edges:
            self._before.setdefault(target, []).append(source)
            self._after.setdefault(source, []).append(target)
        nodes = sorted((node for node in drawn.nodes if node.jobs), key=lambda node: waves[node.id])
        return [self._row(node, waves[node.id]) for node in nodes]

    def _row(self, node: drawing.Node, wave: int) -> Row:
        counts = node.counts or {}
        done = counts.get(JobStatus.COMPLETED, 0)
        return self.row(
            node.id, (str(wave + 1), node.name, f"{node.jobs:,}", f"{done:,}"), node.worst or "", pattern_of(node.name)
        )

    def detail(self, db: Database, row: Row, height: int) -> Detail:  # noqa: ARG002 - as in Source
        """See Source: how the family stands, what it waits for, and what waits for it."""
        node = self._nodes[row.start]
        counts = node.counts or {}
        lines = [
            Styled(node.name, "bold"),
            *(Styled(f"{jobs:>9,} {status}", status) for status, jobs in counts.items()),
        ]
        for head, around in (("waits for", self._before), ("then come", self._after)):
            others = self._through_points(node.id, around)
            if others:
                lines += [Styled(""), Styled(head, "bold")]
            for other in others[:_NEIGHBOURS]:
                lines.append(
                    Styled(
                        f"  {other.name} ({other.jobs:,})" if other.jobs > 1 else f"  {other.name}", other.worst or ""
                    )
                )
            if len(others) > _NEIGHBOURS:
                lines.append(Styled(f"  ... and {len(others) - _NEIGHBOURS:,} more"))
        return Detail(lines)

    def _through_points(self, node_id: str, around: dict[str, list[str]]) -> list[drawing.Node]:
        found: dict[str, None] = {}
        for other in around.get(node_id, []):
            if self._nodes[other].jobs:
                found[other] = None
            else:
                found.update(dict.fromkeys(around.get(other, [])))
        return [self._nodes[one] for one in found]


#: How the lists are made that are not of jobs: from the workflow's id and the words of the filter.
MAKERS: dict[str, Callable[[int, str], Any]] = {
    "groups": Groups,
    "runners": Runners,
    "resources": Resources,
    "graph": Graph,
    "events": Events,
}
