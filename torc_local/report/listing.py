"""Lists of workflows, jobs and results: rows for tables and items for JSON."""

from collections.abc import Collection
from typing import Any

from torc_local.engine.options import stdio_of_job
from torc_local.ground.reasons import first_line
from torc_local.ground.states import JobStatus
from torc_local.report import output
from torc_local.report.fitting import Column, Table, fit
from torc_local.report.text import duration, iso, local, printable, shortened, size, table
from torc_local.store import reading, workflows
from torc_local.store.database import Database
from torc_local.store.overview import RunningNow
from torc_local.store.reading import AttemptRow, JobDetails, JobRow, Neighbour

#: States that ``--failed`` means: jobs that ran, or were to run, and did not succeed by themselves.
UNSUCCESSFUL = (JobStatus.FAILED, JobStatus.TERMINATED, JobStatus.PENDING_FAILED)

#: A reason in a table; all of it is in `job` and in JSON.
REASON_WIDTH = 120

_COMMAND_WIDTH = 60

# What may be left out where a terminal is too narrow, the largest number first.
_OF_WORKFLOWS = (
    Column("ID", right=True),
    Column("NAME", least=12, inside=True),
    Column("JOBS", right=True),
    Column("COMPLETED", right=True),
    Column("FAILED", right=True),
    Column("RUN", right=True, spare=2),
    Column("CREATED", spare=1),
    Column("FILE", least=16, inside=True, spare=3),
)
_OF_JOBS = (
    Column("ID", right=True, spare=1),
    Column("NAME", least=12, inside=True),
    Column("STATUS"),
    Column("ATTEMPT", right=True, spare=3),
    Column("REASON", least=16),
    Column("COMMAND", least=12, spare=2),
)
_OF_RESULTS = (
    Column("JOB", right=True, spare=4),
    Column("NAME", least=12, inside=True),
    Column("RUN", right=True, spare=7),
    Column("ATTEMPT", right=True, spare=6),
    Column("STATUS"),
    Column("CODE", right=True, spare=1),
    Column("TIME", right=True),
    Column("CPU", right=True, spare=3),
    Column("PEAK MEM", right=True, spare=2),
    Column("RUNNER", right=True, spare=8),
    Column("NODE", spare=5),
    Column("REASON", least=8),
)
_NEIGHBOURS = 20


def workflow_items(db: Database, archived: Collection[bool]) -> list[dict[str, Any]]:
    """JSON items of ``list``; ``archived``: which kinds of workflows."""
    items = []
    for workflow in workflows.list_all(db):
        if bool(workflow.is_archived) not in archived:
            continue
        counts = workflows.counts(db, workflow.id)
        items.append(
            {
                "id": workflow.id,
                "name": workflow.name,
                "user": workflow.user,
                "description": workflow.description,
                "run_id": workflow.run_id,
                "total_jobs": sum(counts.values()),
                "jobs_by_status": counts,
                "is_canceled": bool(workflow.is_canceled),
                "is_archived": bool(workflow.is_archived),
                "spec_path": workflow.spec_path,
                "created_at": iso(workflow.created_at),
            }
        )
    return items


def workflow_table(db: Database, archived: Collection[bool]) -> Table:
    """The table of ``list``; likewise."""
    rows = []
    for workflow in workflows.list_all(db):
        if bool(workflow.is_archived) not in archived:
            continue
        counts = workflows.counts(db, workflow.id)
        rows.append(
            [
                str(workflow.id),
                workflow.name,
                f"{sum(counts.values()):,}",
                f"{counts.get(JobStatus.COMPLETED, 0):,}",
                f"{sum(counts.get(status, 0) for status in UNSUCCESSFUL):,}",
                str(workflow.run_id),
                local(workflow.created_at),
                workflow.spec_path or "-",
            ]
        )
    return Table(_OF_WORKFLOWS, rows)


def job_item(row: JobRow) -> dict[str, Any]:
    """A JSON item of ``jobs``."""
    return {
        "id": row.id,
        "name": row.name,
        "status": row.status,
        "command": row.command,
        "attempt_id": row.attempt_id,
        "priority": row.priority,
    }


def job_table(rows: list[JobRow]) -> Table:
    """The table of ``jobs``; a column says why when any of them has a reason."""
    reasons = any(row.reason for row in rows)
    cells = [
        [
            str(row.id),
            row.name,
            row.status,
            str(row.attempt_id),
            *([_short(row.reason) or "-"] if reasons else []),
            shortened(row.command, _COMMAND_WIDTH),
        ]
        for row in rows
    ]
    return Table([one for one in _OF_JOBS if reasons or one.head != "REASON"], cells)


#: Columns of an attempt that are known while it has ended, in lists of jobs too.
_OF_ATTEMPT = (
    "run_id", "return_code", "reason", "start_time", "exec_time_seconds", "cpu_time_seconds", "peak_memory_bytes",
    "peak_memory_source", "peak_memory_at_most_bytes", "avg_memory_bytes", "peak_cpu_percent", "avg_cpu_percent",
    "node",
)  # fmt: skip

#: Columns of ``jobs`` with what was measured, and those in its table.
MEASURED_COLUMNS = ("id", "name", "status", "command", "attempt_id", "priority", *_OF_ATTEMPT)
MEASURED_SHOWN = (
    "id",
    "name",
    "status",
    "exec_time_seconds",
    "cpu_time_seconds",
    "peak_memory_bytes",
    "node",
    "reason",
)


def measured_items(
    rows: list[JobRow], tries: list[AttemptRow], running: list[RunningNow], *, at: float
) -> list[dict[str, Any]]:
    """JSON items of ``jobs`` with each one's newest attempt; of a job that runs, how long by now."""
    nothing = dict.fromkeys(_OF_ATTEMPT)
    ended = {row.job_id: row for row in tries}
    now = {row.job_id: row for row in running}
    items = []
    for row in rows:
        item = {**job_item(row), **nothing}
        if (one := now.get(row.id)) is not None:
            item |= {"run_id": one.run_id, "start_time": iso(one.started_at), "node": one.node}
            item["exec_time_seconds"] = at - one.started_at
        elif (tried := ended.get(row.id)) is not None:
            result = result_item(tried)
            item |= {key: result[key] for key in _OF_ATTEMPT}
        items.append(item)
    return items


#: Columns of ``results``, and those in its table when it is sorted.
RESULT_COLUMNS = (
    "job_id", "job_name", "run_id", "attempt_id", "return_code", "status", "reason", "start_time", "completion_time",
    "exec_time_seconds", "cpu_time_seconds", "peak_memory_bytes", "peak_memory_source", "peak_memory_at_most_bytes",
    "avg_memory_bytes", "peak_cpu_percent", "avg_cpu_percent", "samples", "runner_id", "node",
)  # fmt: skip
RESULT_SHOWN = (
    "job_id", "job_name", "run_id", "attempt_id", "status", "return_code", "exec_time_seconds", "cpu_time_seconds",
    "peak_memory_bytes", "node", "reason",
)  # fmt: skip

_HEADS = {
    "exec_time_seconds": "TIME", "cpu_time_seconds": "CPU", "peak_memory_bytes": "PEAK MEM", "attempt_id": "ATTEMPT",
    "return_code": "CODE", "run_id": "RUN", "job_id": "JOB", "job_name": "NAME",
}  # fmt: skip


def head_of(column: str) -> str:
    """The head of a column of a table."""
    return _HEADS.get(column, column.upper().replace("_", " "))


def result_item(row: AttemptRow) -> dict[str, Any]:
    """A JSON item of ``results``."""
    return {
        "job_id": row.job_id,
        "job_name": row.job_name,
        "run_id": row.run_id,
        "attempt_id": row.attempt_id,
        "return_code": row.return_code,
        "status": row.status,
        "reason": row.reason,
        "start_time": iso(row.started_at),
        "completion_time": iso(row.ended_at),
        "exec_time_seconds": row.ended_at - row.started_at,
        "cpu_time_seconds": row.total_cpu_s,
        "peak_memory_bytes": row.peak.bytes,
        "peak_memory_source": row.peak.source,
        "peak_memory_at_most_bytes": row.peak.bound,
        "avg_memory_bytes": row.avg_memory_bytes,
        "peak_cpu_percent": row.peak_cpu_percent,
        "avg_cpu_percent": _avg_cpu(row),
        "samples": row.samples or 0,
        "runner_id": row.runner_id,
        "node": row.node,
    }


def result_table(rows: list[AttemptRow]) -> Table:
    """The table of ``results``."""
    cells = [
        [
            str(row.job_id),
            row.job_name,
            str(row.run_id),
            str(row.attempt_id),
            row.status,
            str(row.return_code),
            duration(row.ended_at - row.started_at),
            duration(row.total_cpu_s),
            peak_text(row),
            str(row.runner_id),
            row.node or "-",
            _short(row.reason),
        ]
        for row in rows
    ]
    return Table(_OF_RESULTS, cells)


def peak_text(row: AttemptRow) -> str:
    """The peak memory of an attempt; ``<`` where only a bound is known."""
    peak = row.peak
    if peak.bytes is not None:
        return size(peak.bytes)
    return "-" if peak.bound is None else f"<{size(peak.bound)}"


def _avg_cpu(row: AttemptRow) -> float | None:
    """100 is one processor; None for what took no time that a clock shows."""
    lasted = row.ended_at - row.started_at
    return 100 * row.total_cpu_s / lasted if lasted > 0 else None


def _short(reason: str | None) -> str:
    """For a table: what a job had to say may be long, and of several lines."""
    return shortened(first_line(reason or ""), REASON_WIDTH)


def job_document(db: Database, job_id: int) -> dict[str, Any]:
    """The JSON object of ``job``."""
    job = reading.job(db, job_id)
    return {
        "id": job.id,
        "workflow_id": job.workflow_id,
        "name": job.name,
        "status": job.status,
        "command": job.command,
        "attempt_id": job.attempt_id,
        "priority": job.priority,
        "cancel_on_blocking_job_failure": bool(job.cancel_on_blocking_job_failure),
        "origin": job.origin,
        "resource_requirements": {
            "name": job.resource_requirements,
            "num_cpus": job.num_cpus,
            "num_gpus": job.num_gpus,
            "num_nodes": job.num_nodes,
            "memory_bytes": job.memory_bytes,
            "runtime_seconds": job.runtime_s,
        },
        "stdio": stdio_of_job(db, job.workflow_id, job.options_id)._asdict(),
        "waits_for": [other._asdict() for other in reading.waits_for(db, job_id, _NEIGHBOURS)],
        "waited_by": [other._asdict() for other in reading.waited_by(db, job_id, _NEIGHBOURS)],
        "attempts": [result_item(row) for row in reading.attempts(db, job_id)],
    }


def job_screen(db: Database, job_id: int, width: int | None = None) -> list[str]:
    """Lines of ``job``; its attempts in lines of at most ``width`` columns of a terminal."""
    job = reading.job(db, job_id)
    tries = reading.attempts(db, job_id)
    rows = [
        ("job", f"{job.id} in workflow {job.workflow_id}"),
        ("status", _standing(job)),
        ("command", job.command),
        ("asks for", asks_for(job)),
        ("priority", str(job.priority)),
    ]
    if job.origin is not None:
        rows.append(("came later", "spawned by a job" if job.origin == "spawn" else "added"))
    kept = output.in_words(stdio_of_job(db, job.workflow_id, job.options_id))
    if kept is not None:
        rows.append(("output", kept))
    for label, others in (
        ("waits for", reading.waits_for(db, job_id, _NEIGHBOURS + 1)),
        ("then come", reading.waited_by(db, job_id, _NEIGHBOURS + 1)),
    ):
        rows += [(label, text) for text in _neighbour_lines(others)]
    lines = table(["name", job.name], rows)
    if tries:
        lines += ["", *fit(result_table(tries), width).lines]
    if tries and tries[-1].reason is not None and tries[-1].reason != _short(tries[-1].reason):
        # The table has no room for all that the job had to say.
        lines += ["", *map(printable, tries[-1].reason.splitlines())]
    return lines


def _standing(job: JobDetails) -> str:
    if job.status == JobStatus.BLOCKED:
        return f"blocked by {job.blockers:,} {'job or gate' if job.blockers == 1 else 'jobs and gates'}"
    return job.status


def asks_for(job: JobDetails) -> str:
    """What a job asks of a machine, in a line."""
    parts = [f"{job.num_cpus} cpu", size(job.memory_bytes)]
    if job.num_gpus:
        parts.append(f"{job.num_gpus} gpu")
    if job.num_nodes > 1:
        parts.append(f"{job.num_nodes} nodes")
    return ", ".join(parts) + f", {duration(job.runtime_s)} ({job.resource_requirements})"


def _neighbour_lines(others: list[Neighbour]) -> list[str]:
    lines = [f"{other.name} ({other.status})" for other in others[:_NEIGHBOURS]]
    if len(others) > _NEIGHBOURS:
        lines.append("... and more")
    return lines
