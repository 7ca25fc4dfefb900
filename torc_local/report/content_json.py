"""A report for programs: all of its parts but the table of jobs, which ``results -f json`` has."""

from typing import Any

from torc_local.report import advice, method
from torc_local.report.content import Content
from torc_local.report.content_text import outcome
from torc_local.report.family_figures import Family, Spread
from torc_local.report.text import iso


def document(content: Content) -> dict[str, Any]:
    """The JSON object; names carry their units."""
    stand, found = content.status, content.history
    workflow, run = stand.workflow, stand.run
    return {
        "workflow_id": workflow.id,
        "workflow_name": workflow.name,
        "description": workflow.description,
        "run_id": workflow.run_id,
        "outcome": outcome(content),
        "total_jobs": stand.total,
        "jobs_by_status": stand.counts,
        "started_at": None if run is None else iso(run.started_at),
        "ended_at": None if run is None or run.ended_at is None else iso(run.ended_at),
        "walltime_seconds": stand.walltime_s,
        "used_core_seconds": content.used_core_s,
        "reserved_core_seconds": content.reserved_core_s,
        "place_seconds": None
        if content.spent is None
        else {
            "capacity": content.spent.capacity_s,
            "busy": content.spent.busy_s,
            "nothing_ready": content.spent.nothing_ready_s,
            "nothing_fitted": content.spent.nothing_fitted_s,
            "between_jobs": content.spent.between_s,
        },
        "failures": [
            {
                "cause": one.cause.kind,
                "title": one.cause.title,
                "jobs": one.jobs,
                "examples": [example._asdict() | {"job": found.ids[example.job]} for example in one.examples],
                "to_do": one.cure,
            }
            for one in content.failures
        ],
        "advice": [
            entry | {"saves_core_seconds": saving.core_s, "jobs_per_node_now": saving.jobs_per_node_now,
                     "jobs_per_node_then": saving.jobs_per_node_then}
            for entry, saving in zip(advice.document(content.advice)["recommendations"], content.savings, strict=True)
        ],
        "yaml": "\n".join(advice.to_paste(content.advice)),
        "timeline": [one._asdict() | {"at": iso(one.at)} for one in content.moments],
        "nodes": [
            {
                "node": place.machine.hostname,
                "num_cpus": place.machine.num_cpus,
                "memory_bytes": place.machine.memory_bytes,
                "num_gpus": place.machine.num_gpus,
                "slots": place.slots,
                "avg_cpu_percent": place.machine.avg_cpu_percent,
                "peak_memory_bytes": place.machine.peak_memory_bytes,
            }
            for place in content.places
        ],
        "families": [_family(one) for one in content.families],
        "outliers": {
            name: [_job(content, job) for job in jobs] for name, jobs in content.outliers._asdict().items()
        },
        "critical_path": {
            "seconds": content.chain.seconds,
            "jobs": [found.names[job] for job in content.chain.jobs],
        },
        "provenance": dict(content.provenance.rows),
        "method": dict(method.sentences(content)),
    }  # fmt: skip


def _job(content: Content, job: int) -> dict[str, Any]:
    found = content.history
    peak = found.peaks[job]
    return {
        "id": found.ids[job],
        "name": found.names[job],
        "status": found.statuses[job],
        "attempts": found.tries[job],
        "exec_time_seconds": found.duration(job),
        "cpu_time_seconds": found.cpu_s[job],
        "peak_memory_bytes": peak if peak > 0 else None,
    }


def _family(one: Family) -> dict[str, Any]:
    return {
        "name": one.name,
        "jobs": one.jobs,
        "jobs_by_status": one.counts,
        "attempts": one.tries,
        "exec_time_seconds": _spread(one.duration_s),
        "exec_time_seconds_total": one.total_s,
        "cpu_time_seconds_total": one.cpu_s,
        "cpu_efficiency": one.cpu_efficiency,
        "cpu_efficiency_of_jobs": _spread(one.efficiency),
        "num_cpus": one.num_cpus,
        "peak_memory_bytes": _spread(one.peak_bytes),
        "peak_memory_at_most_bytes": one.peak_at_most,
        "asked_memory_bytes": one.asked_memory,
        "asked_runtime_seconds": one.asked_runtime,
    }


def _spread(one: Spread | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {"samples": one.samples, "min": one.low, "median": one.median, "p95": one.p95, "max": one.high}
