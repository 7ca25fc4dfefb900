"""How a workflow stands, on one screen or in one JSON object. Costs the same for ten jobs and a million."""

from typing import Any, NamedTuple

from torc_local.ground import clock
from torc_local.ground.errors import ExitCode
from torc_local.ground.reasons import first_line
from torc_local.ground.states import JobStatus, all_succeeded, unfinished_jobs
from torc_local.report.text import duration, iso, local, printable, shortened
from torc_local.store import actions, reading, runners, workflows
from torc_local.store.actions import Summary
from torc_local.store.database import Database
from torc_local.store.reading import FailureRow
from torc_local.store.runners import RunnerRow
from torc_local.store.workflows import RunRow, WorkflowRow

_REASONS_SHOWN = 5
_REASON_WIDTH = 120


class Status(NamedTuple):
    """One moment of a workflow. ``runners`` are those that have not ended as far as the database knows."""

    workflow: WorkflowRow
    run: RunRow | None
    counts: dict[str, int]  # every state is named
    runners: list[RunnerRow]
    failures: list[FailureRow]
    actions: Summary
    at: float

    @property
    def total(self) -> int:
        """All jobs."""
        return sum(self.counts.values())

    @property
    def is_complete(self) -> bool:
        """Whether every job has finished, or the workflow was canceled (Torc's is_complete): none is in doubt."""
        over = not unfinished_jobs(self.counts) and not self.counts[JobStatus.PENDING_FAILED]
        return over or bool(self.workflow.is_canceled)

    @property
    def walltime_s(self) -> float | None:
        """From the start of the newest run to its end, or to now."""
        if self.run is None:
            return None
        return (self.at if self.run.ended_at is None else self.run.ended_at) - self.run.started_at


def gather(db: Database, workflow: WorkflowRow) -> Status:
    """Read one moment; costs one pass over the jobs that did not succeed, nothing per other job."""
    with db.read():
        counts = dict.fromkeys(map(str, JobStatus), 0) | workflows.counts(db, workflow.id)
        return Status(
            workflow=workflow,
            run=workflows.newest_run(db, workflow.id),
            counts=counts,
            runners=runners.alive(db, workflow.id),
            failures=reading.failures(db, workflow.id),
            actions=actions.summary(db, workflow.id, workflow.run_id),
            at=clock.now(),
        )


def outcome(workflow: WorkflowRow, run: RunRow | None, counts: dict[str, int]) -> ExitCode | None:
    """The exit code for a workflow whose newest run has ended with nothing left to do; None when work remains."""
    if workflow.is_canceled or run is None or run.ended_at is None or unfinished_jobs(counts):
        return None
    return ExitCode.OK if all_succeeded(counts) else ExitCode.FAILED


def document(status: Status) -> dict[str, Any]:
    """The JSON object of ``status``."""
    workflow, run = status.workflow, status.run
    return {
        "workflow_id": workflow.id,
        "workflow_name": workflow.name,
        "workflow_user": workflow.user,
        "description": workflow.description,
        "spec_path": workflow.spec_path,
        "run_id": workflow.run_id,
        "total_jobs": status.total,
        "jobs_by_status": status.counts,
        "is_complete": status.is_complete,
        "is_canceled": bool(workflow.is_canceled),
        "walltime_seconds": status.walltime_s,
        "created_at": iso(workflow.created_at),
        "started_at": None if run is None else iso(run.started_at),
        "ended_at": None if run is None or run.ended_at is None else iso(run.ended_at),
        "open_runners": sum(1 for runner in status.runners if not runner.acts),
        "failures": [failure._asdict() for failure in status.failures],
        "actions": status.actions._asdict(),
    }


def screen(status: Status, *, dead: set[int], command: str) -> list[str]:
    """The lines of ``status``. ``dead`` has the runners known to have died; ``command`` begins what is suggested."""
    workflow = status.workflow
    lines = [
        f"{printable(workflow.name)}   workflow {workflow.id}, run {workflow.run_id}   {_condition(status, dead)}",
        "  " + "   ".join(f"{name} {jobs:,}" for name, jobs in _shown(status.counts)),
    ]
    lines += failure_lines(status.failures, indent="  ")
    lines += _action_lines(status.actions)
    lines += _runner_lines(status, dead)
    lines.append("  next     " + _next(status, dead, command))
    return lines


def failure_lines(failures: list[FailureRow], *, indent: str = "") -> list[str]:
    """Why jobs did not succeed: a line per reason, the commonest first."""
    groups = [
        (f"{failure.jobs:,} x {reason_of(failure)}", f"{printable(failure.example)}{_more(failure.jobs)}")
        for failure in failures
    ]
    shown = groups[:_REASONS_SHOWN]
    width = max((len(cause) for cause, _ in shown), default=0)
    lines = [f"{indent}{cause:<{width}}   {example}" for cause, example in shown]
    if len(groups) > len(shown):
        lines.append(f"{indent}... and {len(groups) - len(shown):,} more reasons")
    return [*([""] if lines else []), *lines]


def reason_of(failure: FailureRow) -> str:
    """Why, in words; a canceled job without an attempt never ran."""
    if failure.status == JobStatus.CANCELED and failure.reason is None:
        return "canceled: something before it did not succeed"
    return printable(shortened(first_line(failure.reason or failure.status), _REASON_WIDTH))


def _more(jobs: int) -> str:
    return f" and {jobs - 1:,} more" if jobs > 1 else ""


def _shown(counts: dict[str, int]) -> list[tuple[str, int]]:
    first = (JobStatus.COMPLETED, JobStatus.RUNNING, JobStatus.PENDING, JobStatus.READY, JobStatus.BLOCKED)
    always = {JobStatus.COMPLETED}
    order = [*first, *(status for status in JobStatus if status not in first)]
    return [(status.value, counts[status]) for status in order if counts[status] or status in always]


def _condition(status: Status, dead: set[int]) -> str:
    if status.run is None:
        return "not started"
    taken = duration(status.walltime_s)
    if status.run.ended_at is not None and not status.workflow.is_canceled:
        good = all_succeeded(status.counts)
        return f"{'finished' if good else 'finished with failures'} in {taken}, {local(status.run.ended_at)}"
    if any(runner.id not in dead for runner in status.runners):
        return f"{'being canceled' if status.workflow.is_canceled else 'running'} for {taken}"
    return "canceled" if status.workflow.is_canceled else "stopped: nobody works on it"


def _action_lines(found: Summary) -> list[str]:
    if not found.total:
        return []
    failed = f", {found.failed} of these failed" if found.failed else ""
    return ["", f"  actions  {found.executed} of {found.total} executed{failed}"]


def _runner_lines(status: Status, dead: set[int]) -> list[str]:
    by_node: dict[str, list[RunnerRow]] = {}
    for runner in status.runners:
        if runner.acts:
            continue
        by_node.setdefault(runner.hostname, []).append(runner)
    if not by_node:
        return []
    parts = []
    for node, there in by_node.items():
        died = sum(1 for runner in there if runner.id in dead)
        slots = sum(runner.slots for runner in there if runner.id not in dead)
        alive = len(there) - died
        parts.append(
            f"{printable(node)} {alive} ({slots} {'slot' if slots == 1 else 'slots'})"
            + (f", {died} died" if died else "")
        )
    return ["", "  runners  " + "   ".join(parts)]


def _next(status: Status, dead: set[int], command: str) -> str:
    number = status.workflow.id
    bad = any(status.counts[s] for s in (JobStatus.FAILED, JobStatus.TERMINATED, JobStatus.PENDING_FAILED))
    working = any(runner.id not in dead for runner in status.runners)
    steps = []
    if status.actions.failed:
        steps.append(f"{command} actions list {number}")
    if bad:
        steps.append(f"{command} jobs {number} --failed")
    if working:
        steps.append(f"{command} jobs {number} -s running")
    elif not all_succeeded(status.counts) or (status.run is not None and status.run.ended_at is None):
        steps.append(f"{command} run {number}")
    else:
        steps.append(f"{command} results {number}")
    return "      ".join(steps)
