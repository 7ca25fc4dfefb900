"""The parts of a workflow that Torc lists by themselves, one kind after the other: for its spellings of commands.

Each kind is a stream of JSON items with Torc's keys, and the columns of a table of them.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from torc_local.engine import graph
from torc_local.engine.options import settings_in
from torc_local.ground.units import format_duration, format_memory
from torc_local.report.text import iso
from torc_local.store import events, exporting, reading, runners
from torc_local.store.database import Database
from torc_local.store.workflows import WorkflowRow

Items = Iterator[dict[str, Any]]


class Kind(NamedTuple):
    """What is called so, how its items are read, and which of their keys are columns."""

    noun: str
    items: Callable[[Database, WorkflowRow], Items]
    columns: Sequence[str]


def _requirements(db: Database, workflow: WorkflowRow) -> Items:
    for one in reading.requirements(db, workflow.id):
        yield {
            "id": one.id,
            "name": one.name,
            "num_cpus": one.num_cpus,
            "num_gpus": one.num_gpus,
            "num_nodes": one.num_nodes,
            "memory": format_memory(one.memory_bytes),
            "runtime": format_duration(one.runtime_s),
            "memory_bytes": one.memory_bytes,
            "runtime_seconds": one.runtime_s,
        }


def _handlers(db: Database, workflow: WorkflowRow) -> Items:  # noqa: ARG001 - a kind like the others
    for number, handler in enumerate(settings_in(workflow.settings).failure_handlers, 1):
        yield {"id": number, "name": handler.name, "rules": [rule._asdict() for rule in handler.rules]}


def _events(db: Database, workflow: WorkflowRow) -> Items:
    last = 0
    while found := events.since(db, workflow.id, last):
        for one in found:
            yield {
                "id": one.id,
                "timestamp": iso(one.at),
                "type": one.type,
                "job_id": one.job_id,
                "job_name": one.job_name,
                "message": one.message,
            }
        last = found[-1].id


def _files(db: Database, workflow: WorkflowRow) -> Items:
    for one in exporting.files(db, workflow.id):
        mtime = None if one.mtime_at is None else iso(one.mtime_at)
        yield {"id": one.id, "name": one.name, "path": one.path, "st_mtime": mtime}


def _nodes(db: Database, workflow: WorkflowRow) -> Items:
    for one in runners.every(db, workflow.id):
        yield {
            "id": one.id,
            "hostname": one.hostname,
            "pid": one.pid,
            "run_id": one.run_id,
            "start_time": iso(one.started_at),
            "duration_seconds": None if one.ended_at is None else one.ended_at - one.started_at,
            "is_active": one.ended_at is None,
            "end_reason": one.end_reason,
            "num_cpus": one.num_cpus,
            "memory_bytes": one.memory_bytes,
            "num_gpus": one.num_gpus,
        }


def _job_pairs(db: Database, workflow: WorkflowRow) -> Items:
    """Which job waits for which: one item for each pair, made when it is asked for."""
    found = graph.from_database(db, workflow)
    ids = [row.id for row in reading.graph_jobs(db, workflow.id)]
    for job, sets in enumerate(found.waits):
        for before in sorted({member for one in sets for member in found.sets[one]}):
            yield {
                "job_id": ids[job],
                "job_name": found.names[job],
                "depends_on_job_id": ids[before],
                "depends_on_job_name": found.names[before],
            }


def _file_pairs(db: Database, workflow: WorkflowRow) -> Items:
    listed = [(one.id, {"file_id": one.id, "file_name": one.name, "file_path": one.path})
              for one in exporting.files(db, workflow.id)]  # fmt: skip
    return _pairs(db, workflow, listed, exporting.file_uses(db, workflow.id))


def _data_pairs(db: Database, workflow: WorkflowRow) -> Items:
    listed = [(one.id, {"user_data_id": one.id, "user_data_name": one.name})
              for one in exporting.user_data(db, workflow.id)]  # fmt: skip
    return _pairs(db, workflow, listed, exporting.user_data_uses(db, workflow.id))


def _pairs(
    db: Database, workflow: WorkflowRow, listed: list[tuple[int, dict[str, Any]]], uses: list[exporting.Use]
) -> Items:
    """Who writes something, with who reads it; null where nobody does."""
    names = {row.id: row.name for row in reading.graph_jobs(db, workflow.id)}
    members: dict[int, list[int]] = {}
    for member in exporting.set_members(db, workflow.id):
        members.setdefault(member.set_id, []).append(member.item_id)
    of_item: dict[tuple[int, int], list[int]] = {}
    for use in uses:
        for item in members[use.item_id] if use.item_id < 0 else (use.item_id,):
            of_item.setdefault((item, use.is_output), []).append(use.job_id)
    nobody: list[int | None] = [None]
    for item, about in listed:
        for producer in of_item.get((item, 1)) or nobody:
            for consumer in of_item.get((item, 0)) or nobody:
                yield {
                    **about,
                    "producer_job_id": producer,
                    "producer_job_name": None if producer is None else names[producer],
                    "consumer_job_id": consumer,
                    "consumer_job_name": None if consumer is None else names[consumer],
                }


KINDS = {
    "resource-requirements": Kind(
        "set of resource requirements",
        _requirements,
        ("id", "name", "num_cpus", "num_gpus", "num_nodes", "memory", "runtime"),
    ),
    "failure-handlers": Kind("failure handler", _handlers, ("id", "name", "rules")),
    "events": Kind("event", _events, ("id", "timestamp", "type", "job_name", "message")),
    "files": Kind("file", _files, ("id", "name", "path", "st_mtime")),
    "compute-nodes": Kind(
        "compute node", _nodes, ("id", "hostname", "pid", "run_id", "start_time", "is_active", "end_reason", "num_cpus")
    ),
    "job-job": Kind("dependency", _job_pairs, ("job_id", "job_name", "depends_on_job_id", "depends_on_job_name")),
    "job-file": Kind("use of a file", _file_pairs, ("file_name", "producer_job_name", "consumer_job_name")),
    "job-user-data": Kind(
        "use of user data", _data_pairs, ("user_data_name", "producer_job_name", "consumer_job_name")
    ),
}
