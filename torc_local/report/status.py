"""How a workflow stands, and as one JSON object. Costs the same for ten jobs and a million."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torc_local.ground import clock
from torc_local.ground.errors import ExitCode
from torc_local.ground.states import JobStatus, all_succeeded, unfinished_jobs
from torc_local.report import groups, nodes
from torc_local.report.groups import Group
from torc_local.report.text import iso
from torc_local.store import actions, overview, reading, runners, workflows
from torc_local.store.actions import Summary
from torc_local.store.database import Database
from torc_local.store.overview import RunnerNow
from torc_local.store.reading import FailureRow
from torc_local.store.runners import RunnerRow
from torc_local.store.workflows import RunRow, WorkflowRow


class Status(NamedTuple):
    """One moment of a workflow. ``runners`` have not ended as far as the database knows; ``crew`` has others, too."""

    workflow: WorkflowRow
    run: RunRow | None
    counts: dict[str, int]  # every state is named
    runners: list[RunnerRow]
    crew: list[RunnerNow]
    failures: list[FailureRow]
    actions: Summary
    at: float
    path: Path  # of the database

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


def gather(db: Database, workflow: WorkflowRow, *, why: bool = True) -> Status:
    """Read one moment; costs one pass over the jobs that did not succeed, nothing per other job.

    Without ``why`` these are not looked at, and it costs the same for any number of them: for what is painted often.
    """
    with db.read():
        return gather_within(db, workflow, why=why)


def gather_within(db: Database, workflow: WorkflowRow, *, why: bool = True) -> Status:
    """The same within a transaction of the caller's."""
    return Status(
        workflow=workflow,
        run=workflows.newest_run(db, workflow.id),
        counts=dict.fromkeys(map(str, JobStatus), 0) | workflows.counts(db, workflow.id),
        runners=runners.alive(db, workflow.id),
        crew=overview.of_workflow(db, workflow.id, all_runs=False),
        failures=reading.failures(db, workflow.id) if why else [],
        actions=actions.summary(db, workflow.id, workflow.run_id),
        at=clock.now(),
        path=db.path,
    )


def outcome(workflow: WorkflowRow, run: RunRow | None, counts: dict[str, int]) -> ExitCode | None:
    """The exit code for a workflow whose newest run has ended with nothing left to do; None when work remains."""
    if workflow.is_canceled or run is None or run.ended_at is None or unfinished_jobs(counts):
        return None
    return ExitCode.OK if all_succeeded(counts) else ExitCode.FAILED


def document(status: Status, dead: Collection[int], found: Sequence[Group] | None = None) -> dict[str, Any]:
    """The JSON object of ``status``.

    ``dead`` has the runners known to have died, ``found`` the groups of jobs, where they are asked for.
    """
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
        "nodes": [nodes.item(node) for node in nodes.of(status.crew, dead, at=status.at)],
        "failures": [failure._asdict() for failure in status.failures],
        "actions": status.actions._asdict(),
        **({} if found is None else {"groups": list(map(groups.document, found))}),
    }
