"""Which jobs used more than they ask for, and why failed ones may have failed: Torc's ``check-resource-utilization``.

Keys are Torc's; flags that are false are left out, as there. Where nothing was stated, nothing can be exceeded.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from torc_local.ground.units import format_duration, format_memory
from torc_local.report.text import duration, size, table
from torc_local.store import reading, usage
from torc_local.store.database import Database
from torc_local.store.reading import Requirements
from torc_local.store.usage import Measured
from torc_local.store.workflows import WorkflowRow

#: Return codes that tell of a limit (Torc): killed, for want of memory or of time, and ended for its run time.
KILLED = (137, -9)
OUT_OF_TIME = 152
#: Killed before this part of its run time, it was memory; after that one, time (Torc).
_EARLY, LATE = 0.8, 0.9


class Wanted(NamedTuple):
    """Which results: of which run (None: the newest), all or those above, and by how many percent."""

    run_id: int | None
    everything: bool
    include_failed: bool
    least_percent: float


def document(db: Database, workflow: WorkflowRow, wanted: Wanted) -> dict[str, Any]:
    """The JSON object."""
    run_id = workflow.run_id if wanted.run_id is None else wanted.run_id
    asks = {one.id: one for one in reading.requirements(db, workflow.id)}
    newest = {one.job_id: one for one in usage.measured(db, workflow.id) if one.run_id == run_id}
    violations, failed, over = [], [], 0
    for one in newest.values():
        requirements = asks[one.resource_requirements_id]
        for item, percent in _uses(one, requirements):
            is_over = percent >= wanted.least_percent
            over += is_over
            if is_over or wanted.everything:
                violations.append(item)
        if wanted.include_failed and one.status == "failed":
            failed.append(_failure(one, requirements))
    made: dict[str, Any] = {
        "workflow_id": workflow.id,
        "run_id": run_id,
        "total_results": len(newest),
        "over_utilization_count": over,
        "violations": violations,
    }
    if wanted.include_failed:
        made |= {"resource_violations_count": len(failed), "resource_violations": failed}
    return made


def screen(found: dict[str, Any]) -> list[str]:
    """Lines for people."""
    rows = [
        [str(one["job_id"]), one["job_name"], *(one[key] for key in ("resource_type", "specified", "peak_used")),
         one["over_utilization"]]
        for one in found["violations"]
    ]  # fmt: skip
    lines = table(["JOB", "NAME", "RESOURCE", "ASKED", "USED", "OVER"], rows, right=(0, 3, 4, 5)) if rows else []
    count = found["over_utilization_count"]
    lines.append(f"{count:,} of {found['total_results']:,} results over what was asked for in run {found['run_id']}")
    for one in found.get("resource_violations", ()):
        why = [key.removeprefix("likely_") for key in one if key.startswith("likely_")]
        lines.append(f"{one['job_name']} failed ({one['return_code']}): {', '.join(why) or 'not for a resource'}")
    return lines


def _uses(one: Measured, asks: Requirements) -> Iterator[tuple[dict[str, Any], float]]:
    """What of its resources a job used, with how many percent more than it asks for."""
    for name, asked, used, show in (
        ("Memory", asks.stated_memory, _peak(one), _size),
        ("CPU", 100 * asks.num_cpus if asks.name != "default" else 0, _cpu(one), _percent),
        ("Runtime", asks.stated_runtime, one.exec_time_s, duration),
    ):
        if asked and used is not None:
            percent = 100 * (used / asked - 1)
            yield (
                {
                    "job_id": one.job_id,
                    "job_name": one.job_name,
                    "resource_type": name,
                    "specified": show(asked),
                    "peak_used": show(used),
                    "over_utilization": f"{percent:+.1f}%",
                },
                percent,
            )


def _failure(one: Measured, asks: Requirements) -> dict[str, Any]:
    """Why a failed job may have failed."""
    peak, memory, runtime = _peak(one), asks.stated_memory, asks.stated_runtime
    part = one.exec_time_s / runtime if runtime else 0.0
    exceeded = memory is not None and peak is not None and peak > memory
    killed = one.return_code in KILLED
    timeout = one.ended_for == "timeout" or one.return_code == OUT_OF_TIME or part > LATE
    oom = one.ended_for == "oom" or exceeded or (killed and part < _EARLY)
    cpu = _cpu(one)
    made: dict[str, Any] = {
        "job_id": one.job_id,
        "job_name": one.job_name,
        "return_code": one.return_code,
        "exec_time_minutes": one.exec_time_s / 60,
        "configured_memory": format_memory(asks.memory_bytes),
        "configured_runtime": format_duration(asks.runtime_s),
        "configured_cpus": asks.num_cpus,
        "peak_memory_bytes": peak,
        "peak_memory_formatted": None if peak is None else size(peak),
        "peak_cpu_percent": cpu,
        "likely_oom": oom,
        "oom_reason": ("memory_exceeded" if exceeded or one.ended_for == "oom" else "sigkill_137") if oom else None,
        "memory_over_utilization": f"{100 * (peak / memory - 1):+.1f}%" if exceeded and memory and peak else None,
        "likely_timeout": timeout,
        "timeout_reason": "sigxcpu_152" if one.return_code == OUT_OF_TIME else None,
        "runtime_utilization": f"{100 * part:.1f}%" if runtime else None,
        "likely_cpu_violation": cpu is not None and cpu > 100 * asks.num_cpus and asks.name != "default",
        "likely_runtime_violation": part > 1,
    }
    return {key: value for key, value in made.items() if value is not None and value is not False}


def _peak(one: Measured) -> int | None:
    return reading.peak_of(one.peak_memory_bytes, one.sampled_peak_bytes).bytes


def _cpu(one: Measured) -> float | None:
    """Percent of one processor: the most between two samples, or on the average where there were none."""
    if one.peak_cpu_percent is not None:
        return one.peak_cpu_percent
    return 100 * one.cpu_s / one.exec_time_s if one.exec_time_s > 0 else None


def _size(value: float) -> str:
    return size(int(value))


def _percent(value: float) -> str:
    return f"{value:.1f}%"
