"""A whole workflow as Torc's export document (version 1.0), read at one moment.

Ids are those of this database. What Torc's models have no key for is left out where it is at its default, and has a key
of its own where it is not, which Torc ignores: ``description`` of a job, ``limits`` of requirements.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain
from typing import Any, NamedTuple

from torc_local import __version__
from torc_local.ground import clock
from torc_local.ground.errors import InputError
from torc_local.ground.limits import LIMITS_MEMORY, LIMITS_RUNTIME
from torc_local.ground.secret_names import is_secret
from torc_local.ground.units import format_memory
from torc_local.spec import options as job_options
from torc_local.spec import settings as workflow_settings
from torc_local.spec.monitoring import MONITORING_SETTINGS, SUMMARY
from torc_local.spec.options import NONE, Options
from torc_local.spec.portable import EXECUTION_KEYS, VERSION
from torc_local.spec.settings import Settings
from torc_local.spec.slurm import NUMBERS
from torc_local.store import events, exporting, reading
from torc_local.store.database import Database
from torc_local.store.workflows import WorkflowRow

#: Torc's format lists each pair of jobs of which one waits for the other. Beyond this the document would be a book of
#: numbers: 25,000 jobs that wait for 25,000 others are 625,000,000.
MOST_DEPENDENCIES = 20_000_000

Items = Iterator[dict[str, Any]]


class Exported(NamedTuple):
    """The keys of the document with their values, in Torc's order; variables whose values stay here."""

    entries: list[tuple[str, object | list[dict[str, Any]]]]
    secrets: list[str]


def export(db: Database, workflow: WorkflowRow, *, results: bool, events_too: bool) -> Exported:
    """The document, without the values of variables that are called like secrets.

    Raises InputError when it would be too large.
    """
    settings = workflow_settings.loads(workflow.settings)
    with db.read():
        pairs = exporting.dependency_count(db, workflow.id)
        if pairs > MOST_DEPENDENCIES:
            raise InputError(
                f"workflow {workflow.id} has {pairs:,} dependencies, which this format lists one by one",
                hint="torc-local db snapshot copies the database, in which they are few",
            )
        said = {row.id: job_options.loads(row.options) for row in exporting.options(db, workflow.id)}
        handlers = {handler.name: number for number, handler in enumerate(settings.failure_handlers, 1)}
        jobs = list(exporting.jobs(db, workflow.id))
        found: list[tuple[str, object]] = [
            ("export_version", VERSION),
            ("exported_at", _iso(clock.now())),
            ("exported_by", f"torc-local {__version__}"),
            ("workflow", _workflow(workflow, settings, [(job.name, said.get(job.options_id or 0)) for job in jobs])),
            ("files", [_file(workflow.id, one) for one in exporting.files(db, workflow.id)]),
            ("user_data", [_data(workflow.id, one) for one in exporting.user_data(db, workflow.id)]),
            (
                "resource_requirements",
                [_requirements(workflow.id, one) for one in reading.requirements(db, workflow.id)],
            ),
            ("slurm_schedulers", _schedulers(workflow.id, settings)),
            ("local_schedulers", []),
            ("failure_handlers", [_handler(workflow.id, number, settings) for number in handlers.values()]),
            ("jobs", _jobs(db, workflow.id, jobs, said, handlers)),
            ("workflow_actions", _actions(db, workflow.id)),
        ]
        if results:
            found.append(("results", [_result(workflow.id, row) for row in _results(db, workflow.id)]))
        if events_too:
            found.append(("events", list(_events(db, workflow.id))))
    said_env = chain(settings.env, *(options.env for options in said.values()))
    return Exported(found, sorted({name for name, _ in said_env if is_secret(name)}))


def _env(pairs: Iterable[tuple[str, str]]) -> dict[str, str] | None:
    return {name: value for name, value in pairs if not is_secret(name)} or None


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _workflow(workflow: WorkflowRow, settings: Settings, jobs: Sequence[tuple[str, Options | None]]) -> dict[str, Any]:
    default = Settings()._asdict()
    said = settings._asdict()
    execution = {key: said[key] for key in EXECUTION_KEYS if said[key] != default[key]}
    stdio = _stdio(None if settings.stdio == default["stdio"] else settings.stdio, settings.delete_on_success or None)
    overrides = {
        name: found
        for name, options in jobs
        if options is not None and (found := _stdio(options.stdio, options.delete_on_success))
    }
    if stdio:
        execution["stdio"] = stdio
    if overrides:
        execution["job_stdio_overrides"] = overrides
    return {
        "id": workflow.id,
        "name": workflow.name,
        "user": workflow.user,
        **_given(
            description=workflow.description,
            env=_env(settings.env),
            project=settings.project,
            metadata=settings.metadata,
            execution_config={"mode": "direct", **execution} if execution else None,
            dynamic_jobs=None
            if settings.max_iterations == default["max_iterations"]
            else {"max_iterations": settings.max_iterations},
            submission_directory=settings.submission_directory,
            resource_monitor_config=_monitoring(settings),
            slurm_defaults={key: value or True for key, value in settings.slurm_defaults} or None,
        ),
        "timestamp": _iso(workflow.created_at),
        "jobs_sort_method": workflow.sort_method,
        "use_pending_failed": settings.use_pending_failed,
        "run_id": workflow.run_id,
        "is_canceled": bool(workflow.is_canceled),
        "is_archived": bool(workflow.is_archived),
    }


def _monitoring(settings: Settings) -> dict[str, Any] | None:
    """``resource_monitor`` in the shape of 0.35, whichever the file had; None: as where a file says nothing."""
    default = Settings()
    if all(getattr(settings, key) == getattr(default, key) for key in MONITORING_SETTINGS):
        return None
    return {
        "sample_interval_seconds": _whole(settings.sample_interval_s),
        "flush_interval": _whole(settings.flush_interval_s),
        "jobs": {"enabled": settings.monitor_jobs is not None, "granularity": settings.monitor_jobs or SUMMARY},
        "compute_node": {
            "enabled": settings.monitor_node is not None,
            "cpu": settings.monitor_node_cpu,
            "memory": settings.monitor_node_memory,
            "granularity": settings.monitor_node or SUMMARY,
        },
    }


def _whole(seconds: float) -> float:
    """Torc reads whole numbers only; a part of a second stays what it is."""
    return int(seconds) if seconds.is_integer() else seconds


def _stdio(mode: str | None, deletes: bool | None) -> dict[str, Any]:
    return _given(mode=mode, delete_on_success=deletes)


def _given(**values: object) -> dict[str, Any]:
    """Those that are not None: Torc leaves out what is not set."""
    return {key: value for key, value in values.items() if value is not None}


def _file(workflow_id: int, one: exporting.ExportFile) -> dict[str, Any]:
    return {
        "id": one.id,
        "workflow_id": workflow_id,
        "name": one.name,
        "path": one.path,
        **_given(st_mtime=one.mtime_at),
    }


def _data(workflow_id: int, one: exporting.ExportData) -> dict[str, Any]:
    return {
        "id": one.id,
        "workflow_id": workflow_id,
        "name": one.name,
        "is_ephemeral": bool(one.is_ephemeral),
        **({} if one.data is None else {"data": json.loads(one.data)}),
    }


def _requirements(workflow_id: int, one: reading.Requirements) -> dict[str, Any]:
    limits = [name for name, bit in (("memory", LIMITS_MEMORY), ("runtime", LIMITS_RUNTIME)) if one.limits & bit]
    return {
        "id": one.id,
        "workflow_id": workflow_id,
        "name": one.name,
        "num_cpus": one.num_cpus,
        "num_gpus": one.num_gpus,
        "num_nodes": one.num_nodes,
        "memory": format_memory(one.memory_bytes),
        "runtime": f"PT{Decimal(repr(one.runtime_s)):f}S".replace(".0S", "S"),
        "limits": limits,
    }


def _handler(workflow_id: int, number: int, settings: Settings) -> dict[str, Any]:
    handler = settings.failure_handlers[number - 1]
    rules = [{key: value for key, value in rule._asdict().items() if value is not None} for rule in handler.rules]
    return {"id": number, "workflow_id": workflow_id, "name": handler.name, "rules": json.dumps(rules)}


class _Uses:
    """Which files (or user data) jobs read and write, sets resolved."""

    def __init__(self, uses: Sequence[exporting.Use], members: dict[int, list[int]]) -> None:
        self._of_job: dict[tuple[int, int], list[int]] = {}
        self._members = members
        for use in uses:
            self._of_job.setdefault((use.job_id, use.is_output), []).append(use.item_id)

    def of(self, job_id: int, *, output: bool) -> list[int]:
        found = self._of_job.get((job_id, int(output)), ())
        return sorted(set(chain.from_iterable(self._members[one] if one < 0 else (one,) for one in found)))


def _jobs(
    db: Database,
    workflow_id: int,
    jobs: Sequence[exporting.ExportJob],
    said: dict[int, Options],
    handlers: dict[str, int],
) -> list[dict[str, Any]]:
    before: dict[int, list[int]] = {}
    for edge in reading.edges(db, workflow_id):
        before.setdefault(edge.after_id, []).append(edge.before_id)
    members: dict[int, list[int]] = {}
    for member in exporting.set_members(db, workflow_id):
        members.setdefault(member.set_id, []).append(member.item_id)
    files = _Uses(exporting.file_uses(db, workflow_id), members)
    data = _Uses(exporting.user_data_uses(db, workflow_id), members)

    def job(one: exporting.ExportJob) -> dict[str, Any]:
        options = NONE if one.options_id is None else said[one.options_id]
        waits = chain.from_iterable(before[each] if each < 0 else (each,) for each in before.get(one.id, ()))
        lists = {
            "depends_on_job_ids": sorted(set(waits)),
            "input_file_ids": files.of(one.id, output=False),
            "output_file_ids": files.of(one.id, output=True),
            "input_user_data_ids": data.of(one.id, output=False),
            "output_user_data_ids": data.of(one.id, output=True),
        }
        return {
            "id": one.id,
            "workflow_id": workflow_id,
            "name": one.name,
            "command": one.command,
            **_given(
                invocation_script=options.invocation_script,
                description=options.description,
                env=_env(options.env),
            ),
            "status": one.status,
            "cancel_on_blocking_job_failure": bool(one.cancel_on_blocking_job_failure),
            "supports_termination": options.supports_termination,
            "priority": one.priority,
            **{key: ids for key, ids in lists.items() if ids},
            "resource_requirements_id": one.resource_requirements_id,
            **_given(failure_handler_id=handlers.get(options.failure_handler or "")),
            "attempt_id": one.attempt_id,
        }

    return [job(one) for one in jobs]


def _schedulers(workflow_id: int, settings: Settings) -> list[dict[str, Any]]:
    return [
        {"id": number, "workflow_id": workflow_id}
        | {key: int(value) if key in NUMBERS else value for key, value in pairs}
        for number, pairs in enumerate(settings.slurm_schedulers, 1)
    ]


def _actions(db: Database, workflow_id: int) -> list[dict[str, Any]]:
    selected: dict[int, list[int]] = {}
    for row in exporting.action_jobs(db, workflow_id):
        selected.setdefault(row.action_id, []).append(row.job_id)
    return [
        {
            "id": one.id,
            "workflow_id": workflow_id,
            "trigger_type": one.trigger_type,
            "action_type": one.action_type,
            "action_config": json.loads(one.config),
            **_given(job_ids=selected.get(one.id)),
            "persistent": bool(one.is_persistent),
        }
        for one in exporting.actions(db, workflow_id)
    ]


def _results(db: Database, workflow_id: int) -> list[reading.AttemptRow]:
    return reading.results(db, workflow_id, all_runs=True)


def _result(workflow_id: int, row: reading.AttemptRow) -> dict[str, Any]:
    return {
        "job_id": row.job_id,
        "workflow_id": workflow_id,
        "run_id": row.run_id,
        "attempt_id": row.attempt_id,
        "compute_node_id": row.runner_id,
        "return_code": row.return_code,
        "exec_time_minutes": (row.ended_at - row.started_at) / 60,
        "completion_time": _iso(row.ended_at),
        **_given(peak_memory_bytes=row.peak.bytes, avg_memory_bytes=row.avg_memory_bytes),
        **_given(peak_cpu_percent=row.peak_cpu_percent),
        "status": row.status,
        **_given(reason=row.reason),
    }


def _events(db: Database, workflow_id: int) -> Items:
    last = 0
    while found := events.since(db, workflow_id, last):
        for one in found:
            data = _given(type=one.type, job_id=one.job_id, message=one.message)
            yield {
                "id": one.id,
                "workflow_id": workflow_id,
                "timestamp": round(one.at * 1000),  # milliseconds (Torc)
                "data": data,
            }
        last = found[-1].id
