"""Bulk inserts of a new workflow's rows."""

from collections.abc import Iterable
from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.registry import action, statement

#: Columns of ``resource_requirements`` but the id, in the order of the table.
ResourceValues = tuple[int, str, int, int, int, int, float, int]


class _Highest(NamedTuple):
    job_id: int
    gate_id: int


class _Id(NamedTuple):
    id: int


_HIGHEST = statement(
    "job_highest_ids",
    "SELECT coalesce((SELECT max(id) FROM job), 0), coalesce((SELECT min(id) FROM gate), 0)",
    _Highest._make,
    hot=True,
)


def last_ids(db: Database) -> tuple[int, int]:
    """The highest job id and the lowest gate id in use (0 when there are none)."""
    return _HIGHEST.one(db)


_RESOURCES = statement(
    "resource_requirements_insert",
    "INSERT INTO resource_requirements (workflow_id, name, num_cpus, num_gpus, num_nodes, memory_bytes, runtime_s,"
    " limits) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
    _Id._make,
)


def insert_resources(db: Database, rows: Iterable[ResourceValues]) -> list[int]:
    """Store resource requirements in the order given; their ids ascend."""
    return [row.id for row in _RESOURCES.many(db, rows)]


_OPTIONS = statement(
    "job_options_insert", "INSERT INTO job_options (workflow_id, options) VALUES (?, ?) RETURNING id", _Id._make
)


def insert_options(db: Database, rows: Iterable[tuple[int, str]]) -> list[int]:
    """Store what jobs say beyond their columns; ids in the order given."""
    return [row.id for row in _OPTIONS.many(db, rows)]


_JOBS = action(
    "job_insert",
    "INSERT INTO job (id, workflow_id, name, command, resource_requirements_id, priority,"
    " cancel_on_blocking_job_failure, status, blockers, options_id, io) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
)

JobValues = tuple[int, int, str, str, int, int, int, str, int, int | None, int]


def insert_jobs(db: Database, rows: Iterable[JobValues]) -> None:
    """Store jobs: id, workflow, name, command, requirements, priority, cancel flag, status, blockers, options, io."""
    _JOBS.many(db, rows)


_GATES = action("gate_insert", "INSERT INTO gate (id, workflow_id, members, remaining) VALUES (?, ?, ?, ?)")


def insert_gates(db: Database, rows: Iterable[tuple[int, int, int, int]]) -> None:
    """Store gates: id (negative), workflow, members, remaining."""
    _GATES.many(db, rows)


_DEPENDENCIES = action("dependency_insert", "INSERT INTO dependency (before_id, after_id) VALUES (?, ?)")


def insert_dependencies(db: Database, pairs: Iterable[tuple[int, int]]) -> None:
    """Store before, after pairs; ascending pairs are several times faster (the table is ordered by them)."""
    _DEPENDENCIES.many(db, pairs)
