"""Files and user data: which there are, and which job reads and writes them."""

from collections.abc import Iterable
from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.registry import action, statement


class _Highest(NamedTuple):
    file_id: int
    user_data_id: int
    set_id: int


_HIGHEST = statement(
    "io_highest_ids",
    "SELECT coalesce((SELECT max(id) FROM file), 0), coalesce((SELECT max(id) FROM user_data), 0),"
    " coalesce((SELECT min(id) FROM item_set), 0)",
    _Highest._make,
    hot=True,
)


def last_ids(db: Database) -> tuple[int, int, int]:
    """The highest ids of a file and of user data, and the lowest of a set, in use (0 when there are none)."""
    return _HIGHEST.one(db)


_FILES = action(
    "file_insert",
    "INSERT INTO file (id, workflow_id, name, path, is_consumed, is_produced) VALUES (?, ?, ?, ?, ?, ?)",
)
_USER_DATA = action(
    "user_data_insert",
    "INSERT INTO user_data (id, workflow_id, name, data, is_ephemeral, is_consumed, is_produced)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)",
)
_SETS = action("item_set_insert", "INSERT INTO item_set (id, workflow_id) VALUES (?, ?)")
_MEMBERS = action("item_set_member_insert", "INSERT INTO item_set_member (set_id, item_id) VALUES (?, ?)")
_JOB_FILES = action("job_file_insert", "INSERT INTO job_file (job_id, is_output, file_id) VALUES (?, ?, ?)")
_JOB_USER_DATA = action(
    "job_user_data_insert", "INSERT INTO job_user_data (job_id, is_output, user_data_id) VALUES (?, ?, ?)"
)


def insert_files(db: Database, rows: Iterable[tuple[int, int, str, str, int, int]]) -> None:
    """Store files: id, workflow, name, path, is consumed, is produced."""
    _FILES.many(db, rows)


def insert_user_data(db: Database, rows: Iterable[tuple[int, int, str, str | None, int, int, int]]) -> None:
    """Store user data: id, workflow, name, data, is ephemeral, is consumed, is produced."""
    _USER_DATA.many(db, rows)


def insert_sets(db: Database, sets: Iterable[tuple[int, int]], members: Iterable[tuple[int, int]]) -> None:
    """Store shared lists: id (negative) and workflow, and set, item pairs, ascending."""
    _SETS.many(db, sets)
    _MEMBERS.many(db, members)


def insert_job_files(db: Database, rows: Iterable[tuple[int, int, int]]) -> None:
    """Store what jobs read and write: job, is output, file or set; ascending by job is several times faster."""
    _JOB_FILES.many(db, rows)


def insert_job_user_data(db: Database, rows: Iterable[tuple[int, int, int]]) -> None:
    """Store what jobs read and write: job, is output, user data or set."""
    _JOB_USER_DATA.many(db, rows)
