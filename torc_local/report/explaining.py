"""Why a job does not run, why it failed, or why it would run again; and what to do about it."""

import shlex
from collections.abc import Callable, Collection
from typing import NamedTuple

from torc_local.engine import changes
from torc_local.engine.options import COMBINED, Options, OptionsOf, Settings, settings_of, stdio_of_job
from torc_local.ground import clock
from torc_local.ground import io as bits
from torc_local.ground.reasons import first_line
from torc_local.ground.states import JobStatus
from torc_local.report import output
from torc_local.report.text import duration, local, plural, printable
from torc_local.store import explaining, reading, runners, workflows
from torc_local.store.database import Database
from torc_local.store.explaining import Holder, Place, Waiting
from torc_local.store.reading import AttemptRow, JobDetails, Neighbour

_NAMED = 4  # jobs that it waits for
_LAST_LINES = 5  # of what a failed job wrote

#: Jobs that ran and did not succeed by themselves.
RAN_AND_FAILED = (JobStatus.FAILED, JobStatus.TERMINATED, JobStatus.PENDING_FAILED)
#: Jobs for which it matters who is at work.
MAY_RUN = (JobStatus.READY, JobStatus.PENDING, JobStatus.BLOCKED)


class Explanation(NamedTuple):
    """The facts about one job at one moment; what does not apply is empty or None."""

    job: JobDetails
    at: float
    why: str  # a sentence; empty when there is nothing to say
    direct: dict[str, int]  # what it waits for directly, by state
    named: list[Neighbour]  # the first of these that have not completed
    upstream: list[Waiting]  # what has not completed, directly or behind others
    nodes: list[Place]  # machines of the newest run
    holder: Holder | None
    attempt: AttemptRow | None  # the newest, when it did not complete
    last_lines: list[str]  # that say why it failed
    handler: str | None  # what its failure handler says to that
    changed: list[str]  # why it would run again, though it has completed
    next: list[str]  # commands


class Around(NamedTuple):
    """What is the same for all jobs that are explained: who works, who has died, how commands begin."""

    command: str
    dead: Collection[int]
    mtime_of: changes.MtimeOf


def explain(db: Database, job_id: int, around: Around) -> Explanation:
    """Gather it. Costs one pass over the dependencies for a job that waits, little for any other."""
    with db.read():
        found = _Gathering(db, job_id, around).explanation()
    if found.attempt is None or found.job.status not in RAN_AND_FAILED:
        return found
    told = output.telling(db, job_id, _LAST_LINES)
    return found if told is None else found._replace(last_lines=told.lines)


def _is_combined(db: Database, job: JobDetails) -> bool:
    return stdio_of_job(db, job.workflow_id, job.options_id).mode == COMBINED


class _Gathering:
    def __init__(self, db: Database, job_id: int, around: Around) -> None:
        self.db = db
        self.around = around
        self.job = reading.job(db, job_id)
        self.standing = explaining.standing(db, job_id)
        self.holder = explaining.holder(db, job_id)
        found = workflows.get(db, self.job.workflow_id)
        assert found is not None  # noqa: S101 - a job has a workflow
        self.workflow = found
        self.tries = reading.attempts(db, job_id)
        self.upstream: list[Waiting] = []
        self.direct: dict[str, int] = {}
        self.named: list[Neighbour] = []
        self.nodes: list[Place] = []
        self.changed: list[str] = []

    def explanation(self) -> Explanation:
        status = JobStatus(self.job.status)
        if status in MAY_RUN:
            self.nodes = explaining.places(self.db, self.job.workflow_id)
        if status is JobStatus.BLOCKED or (status is JobStatus.CANCELED and self.standing.blocker_failed):
            self.upstream = explaining.waiting(self.db, self.job.id)
            self.direct = explaining.direct(self.db, self.job.id)
            self.named = explaining.unfinished_before(self.db, self.job.id, _NAMED)
        if status is JobStatus.COMPLETED and self.standing.io & (bits.FILES | bits.USER_DATA):
            found = changes.look(self.db, self.job.workflow_id, self.around.mtime_of, self.job.id)
            self.changed = [why for _, _, why in found.jobs]
        last = self.tries[-1] if self.tries and self.tries[-1].status != JobStatus.COMPLETED else None
        if status in (JobStatus.COMPLETED, JobStatus.BLOCKED):
            last = None
        why: dict[JobStatus, Callable[[], str]] = {
            JobStatus.BLOCKED: self._blocked,
            JobStatus.READY: self._ready,
            JobStatus.PENDING: self._held,
            JobStatus.RUNNING: self._held,
            JobStatus.COMPLETED: self._completed,
            JobStatus.CANCELED: self._canceled,
            JobStatus.PENDING_FAILED: lambda: "it failed, and a person is to decide what becomes of it",
            JobStatus.FAILED: self._failed,
            JobStatus.TERMINATED: lambda: "it was ended before it was done",
        }
        return Explanation(
            job=self.job,
            at=clock.now(),
            why=why.get(status, lambda: f"it is {status}")(),
            direct=self.direct,
            named=self.named,
            upstream=self.upstream,
            nodes=self.nodes,
            holder=self.holder,
            attempt=last,
            last_lines=[],
            handler=self._handler(last) if last is not None and status in (*RAN_AND_FAILED, JobStatus.READY) else None,
            changed=self.changed,
            next=self._next(status),
        )

    @property
    def _stopped(self) -> str | None:
        """Why nobody will claim anything; None when somebody is at work."""
        if self.workflow.is_archived:
            return "its workflow is archived"
        if self.workflow.is_canceled:
            return "its workflow was canceled"
        alive = [one for one in runners.alive(self.db, self.workflow.id) if one.id not in self.around.dead]
        if any(not one.acts for one in alive):
            return None
        return "nobody works on its workflow now"

    def _blocked(self) -> str:
        total = sum(self.direct.values())
        left = total - self.direct.get(JobStatus.COMPLETED, 0)
        why = "the job that it waits for has not completed"
        if total > 1:
            why = f"{left:,} of {total:,} jobs that it waits for {'has' if left == 1 else 'have'} not completed"
        if any(row.status == JobStatus.PENDING_FAILED for row in self.upstream):
            return f"{why}, and one before it failed and is for a person to decide"
        return f"{why}, and {self._stopped}" if self._stopped else why

    def _ready(self) -> str:
        room = any(fits(self.job, all_of(place)) for place in self.nodes) or not self.nodes
        stopped = self._stopped
        if stopped:
            return stopped if room else f"{stopped}, and it asks for more than any machine of the newest run had"
        if self.standing.io & bits.RECOVERY:
            return "its last attempt failed; its recovery script comes first, then the next attempt"
        ahead = explaining.ahead(
            self.db,
            self.workflow.id,
            priority=self.job.priority,
            resource_requirements_id=self.standing.resource_requirements_id,
            job_id=self.job.id,
        )
        if not room:
            return "it asks for more than any machine at work has"
        if ahead:
            return f"it waits for its turn: {plural(ahead, 'ready job')} come{'s' if ahead == 1 else ''} first"
        return "it is next"

    def _held(self) -> str:
        if self.holder is None:
            return f"it is {self.job.status}"
        where = f"runner {self.holder.runner_id} on {printable(self.holder.node)}"
        if self.holder.runner_id in self.around.dead:
            return f"{where} had it and has died; the next run takes it back"
        if self.holder.started_at is None:
            return f"{where} has claimed it and starts it soon"
        taken = duration(clock.now() - self.holder.started_at)
        if self.standing.io & bits.RECOVERY:
            return f"its recovery script runs on {printable(self.holder.node)} for {taken}"
        return f"it runs on {printable(self.holder.node)} for {taken}, pid {self.holder.pid}"

    def _completed(self) -> str:
        return "and would run again" if self.changed else ""

    def _canceled(self) -> str:
        if self.tries and self.tries[-1].status == JobStatus.CANCELED and self.tries[-1].reason:
            return first_line(self.tries[-1].reason)
        at = explaining.canceled_at(self.db, self.workflow.id, self.job.id)
        if self.standing.blocker_failed and at is None:
            return "something before it did not succeed"
        return "a person canceled it" + (f", {local(at)}" if at is not None else "")

    def _failed(self) -> str:
        return first_line(self.tries[-1].reason or "it failed") if self.tries else "it failed"

    def _handler(self, last: AttemptRow) -> str | None:
        settings, options = self._said
        name = options.failure_handler
        handler = next((one for one in settings.failure_handlers if one.name == name), None)
        if handler is None:
            return None
        rule = handler.rule_for(last.return_code)
        if rule is None:
            return f"{name} has no rule for return code {last.return_code}"
        tried = sum(1 for one in self.tries if one.run_id == last.run_id and one.status == JobStatus.FAILED)
        left = max(0, rule.max_retries - tried)
        said = f"{name} allows {plural(rule.max_retries, 'attempt')} at return code {last.return_code}, {left} left"
        return f"{said}; before each: {rule.recovery_script}" if rule.recovery_script else said

    @property
    def _said(self) -> tuple[Settings, Options]:
        options = Options() if self.job.options_id is None else OptionsOf(self.db)(self.job.options_id)
        return settings_of(self.db, self.job.workflow_id), options

    def _next(self, status: JobStatus) -> list[str]:
        begin, number = self.around.command, self.workflow.id
        of = f" -w {number}" if len(workflows.list_all(self.db)) > 1 else ""
        name = printable(shlex.quote(self.job.name)) + of
        culprit = next((row for row in self.upstream if row.status in RAN_AND_FAILED), None)
        if status in RAN_AND_FAILED:
            flag = "" if _is_combined(self.db, self.job) else " --stderr"
            return [f"{begin} logs {name}{flag}", f"{begin} retry {name}", f"{begin} run {number}"]
        if culprit is not None:
            first = printable(shlex.quote(culprit.first_name)) + of
            return [f"{begin} explain {first}", f"{begin} retry {first}"]
        if status is JobStatus.RUNNING:
            return [f"{begin} logs -f {name}"]
        if status is JobStatus.COMPLETED:
            return [f"{begin} refresh {number}"] if self.changed else [f"{begin} logs {name}"]
        if self.workflow.is_archived:
            return [f"{begin} unarchive {number}"]
        if status is JobStatus.CANCELED:
            return [f"{begin} retry {name}"]
        if self._stopped is not None:
            return [f"{begin} run {number}"]
        blocker = next((one for one in self.named if one.status == JobStatus.BLOCKED), None)
        if blocker is not None:
            return [f"{begin} explain {printable(shlex.quote(blocker.name))}{of}"]
        return [f"{begin} jobs {number} -s running"]


class Size(NamedTuple):
    """What a machine has, or what is free of it."""

    cpus: int
    memory_bytes: int
    gpus: int


def all_of(place: Place) -> Size:
    """What a machine has."""
    return Size(place.num_cpus, place.memory_bytes, place.num_gpus)


def free_of(place: Place) -> Size:
    """What is free of a machine now."""
    return Size(place.free_cpus, place.free_memory_bytes, place.free_gpus)


def by_number(place: Place) -> bool:
    """Whether its runners count jobs only (``run -j``): some run, and nothing of the machine is held for them."""
    return place.busy > 0 and all_of(place) == free_of(place)


def fits(job: JobDetails, there: Size) -> bool:
    """Whether a job may run there, by what it asks for."""
    enough = job.num_cpus <= there.cpus and job.memory_bytes <= there.memory_bytes and job.num_gpus <= there.gpus
    return enough and job.num_nodes <= 1
