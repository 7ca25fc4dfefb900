"""Statements that read a whole workflow, to write it down for others."""

from collections.abc import Iterator
from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.registry import statement


class ExportJob(NamedTuple):
    """A job; columns as in schema.sql."""

    id: int
    name: str
    command: str
    status: str
    priority: int
    attempt_id: int
    cancel_on_blocking_job_failure: int
    resource_requirements_id: int
    options_id: int | None


class ExportFile(NamedTuple):
    """A file, and when it was changed last as far as the record knows."""

    id: int
    name: str
    path: str
    mtime_at: float | None


class ExportData(NamedTuple):
    """User data as it is now."""

    id: int
    name: str
    data: str | None
    is_ephemeral: int


class Use(NamedTuple):
    """A job and something that it reads or writes; a set of them when the id is negative."""

    job_id: int
    is_output: int
    item_id: int


class Member(NamedTuple):
    """Something in a set."""

    set_id: int
    item_id: int


class ExportOptions(NamedTuple):
    """What jobs say beyond their columns, as JSON."""

    id: int
    options: str


class ExportAction(NamedTuple):
    """An action; columns as in schema.sql."""

    id: int
    trigger_type: str
    action_type: str
    is_persistent: int
    config: str


class ActionJob(NamedTuple):
    """A job that an action waits for."""

    action_id: int
    job_id: int


class _Number(NamedTuple):
    number: int


# Plus signs: rows are read in the order of their ids.
_JOBS = statement(
    "export_jobs",
    "SELECT id, name, command, status, priority, attempt_id, cancel_on_blocking_job_failure, resource_requirements_id,"
    " options_id FROM job WHERE +workflow_id = ? ORDER BY id",
    ExportJob._make,
)
_FILES = statement(
    "export_files",
    "SELECT f.id, f.name, f.path, coalesce(w.mtime_at, f.mtime_at) FROM file f LEFT JOIN"
    " (SELECT u.file_id, max(u.mtime_at) AS mtime_at FROM job j JOIN job_file u ON u.job_id = j.id"
    " WHERE j.workflow_id = ?1 GROUP BY u.file_id) w ON w.file_id = f.id WHERE +f.workflow_id = ?1 ORDER BY f.id",
    ExportFile._make,
)
_DATA = statement(
    "export_user_data",
    "SELECT id, name, data, is_ephemeral FROM user_data WHERE +workflow_id = ? ORDER BY id",
    ExportData._make,
)
_FILE_USES = statement(
    "export_file_uses",
    "SELECT u.job_id, u.is_output, u.file_id FROM job_file u JOIN job j ON j.id = u.job_id WHERE j.workflow_id = ?",
    Use._make,
)
_DATA_USES = statement(
    "export_user_data_uses",
    "SELECT u.job_id, u.is_output, u.user_data_id FROM job_user_data u JOIN job j ON j.id = u.job_id"
    " WHERE j.workflow_id = ?",
    Use._make,
)
_MEMBERS = statement(
    "export_set_members",
    "SELECT m.set_id, m.item_id FROM item_set s JOIN item_set_member m ON m.set_id = s.id"
    " WHERE s.workflow_id = ? ORDER BY m.set_id, m.item_id",
    Member._make,
)
_OPTIONS = statement(
    "export_options", "SELECT id, options FROM job_options WHERE workflow_id = ? ORDER BY id", ExportOptions._make
)
_ACTIONS = statement(
    "export_actions",
    "SELECT id, trigger_type, action_type, is_persistent, config FROM action WHERE workflow_id = ? ORDER BY number",
    ExportAction._make,
)
_ACTION_JOBS = statement(
    "export_action_jobs",
    "SELECT s.action_id, s.job_id FROM action a JOIN action_job s ON s.action_id = a.id WHERE a.workflow_id = ?"
    " ORDER BY s.action_id, s.job_id",
    ActionJob._make,
)


def jobs(db: Database, workflow_id: int) -> Iterator[ExportJob]:
    """All jobs in their order, one by one."""
    return _JOBS.each(db, (workflow_id,))


def files(db: Database, workflow_id: int) -> list[ExportFile]:
    """All files in their order."""
    return _FILES.rows(db, (workflow_id,))


def user_data(db: Database, workflow_id: int) -> list[ExportData]:
    """All user data in its order."""
    return _DATA.rows(db, (workflow_id,))


def file_uses(db: Database, workflow_id: int) -> list[Use]:
    """Which jobs read and write which files."""
    return _FILE_USES.rows(db, (workflow_id,))


def user_data_uses(db: Database, workflow_id: int) -> list[Use]:
    """Which jobs read and write which user data."""
    return _DATA_USES.rows(db, (workflow_id,))


def set_members(db: Database, workflow_id: int) -> list[Member]:
    """What is in the sets of files and of user data."""
    return _MEMBERS.rows(db, (workflow_id,))


def options(db: Database, workflow_id: int) -> list[ExportOptions]:
    """All options of jobs."""
    return _OPTIONS.rows(db, (workflow_id,))


def actions(db: Database, workflow_id: int) -> list[ExportAction]:
    """All actions in their order."""
    return _ACTIONS.rows(db, (workflow_id,))


def action_jobs(db: Database, workflow_id: int) -> list[ActionJob]:
    """Which actions wait for which jobs."""
    return _ACTION_JOBS.rows(db, (workflow_id,))


_DEPENDENCIES = statement(
    "export_dependency_count",
    # A gate of M jobs before N jobs stands for M times N.
    "SELECT coalesce(sum(CASE WHEN d.before_id < 0 THEN g.members ELSE 1 END), 0) FROM job j"
    " JOIN dependency d ON d.after_id = j.id LEFT JOIN gate g ON g.id = d.before_id WHERE j.workflow_id = ?",
    _Number._make,
)


def dependency_count(db: Database, workflow_id: int) -> int:
    """How many pairs of jobs there are of which one waits for the other; pairs that are there twice count twice."""
    return _DEPENDENCIES.one(db, (workflow_id,)).number
