"""Files and user data: which there are, and which job reads and writes them."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.registry import action, int_array, statement


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
_SETS = action("item_set_insert", "INSERT INTO item_set (id, workflow_id, kind) VALUES (?, ?, ?)")
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


def insert_sets(db: Database, sets: Iterable[tuple[int, int, str]], members: Iterable[tuple[int, int]]) -> None:
    """Store shared lists: id (negative), workflow and kind, and set, item pairs, ascending."""
    _SETS.many(db, sets)
    _MEMBERS.many(db, members)


def insert_job_files(db: Database, rows: Iterable[tuple[int, int, int]]) -> None:
    """Store what jobs read and write: job, is output, file or set; ascending by job is several times faster."""
    _JOB_FILES.many(db, rows)


def insert_job_user_data(db: Database, rows: Iterable[tuple[int, int, int]]) -> None:
    """Store what jobs read and write: job, is output, user data or set."""
    _JOB_USER_DATA.many(db, rows)


class FileUse(NamedTuple):
    """A file that a job reads or writes."""

    job_id: int
    is_output: int
    file_id: int
    path: str


class Got(NamedTuple):
    """Which version of user data a job got when it started; that of a set is its newest."""

    job_id: int
    user_data_id: int
    version: int | None


class _Data(NamedTuple):
    data: str | None


_FILES_OF = statement(
    "job_file_of_jobs",
    "SELECT u.job_id, u.is_output, u.file_id, f.path FROM job_file u JOIN file f ON f.id = u.file_id"
    " WHERE u.job_id IN carray(?)",
    FileUse._make,
    hot=True,
)
_VERSIONS_OF = statement(
    "job_user_data_of_jobs",
    "SELECT u.job_id, u.user_data_id, coalesce(d.version, (SELECT max(m.version) FROM item_set_member s"
    " JOIN user_data m ON m.id = s.item_id WHERE s.set_id = u.user_data_id))"
    " FROM job_user_data u LEFT JOIN user_data d ON d.id = u.user_data_id"
    " WHERE u.job_id IN carray(?) AND u.is_output = 0",
    Got._make,
    hot=True,
)
_DATA = statement(
    "user_data_by_name", "SELECT data FROM user_data WHERE workflow_id = ? AND name = ?", _Data._make, hot=True
)


def files_of(db: Database, job_ids: Sequence[int]) -> list[FileUse]:
    """The files of some jobs, except those of shared lists: thousands of jobs would look at the same thousands."""
    return _FILES_OF.rows(db, (int_array(job_ids),))


def versions_of(db: Database, job_ids: Sequence[int]) -> list[Got]:
    """The user data that some jobs read, as it is now."""
    return _VERSIONS_OF.rows(db, (int_array(job_ids),))


def data(db: Database, workflow_id: int, name: str) -> tuple[bool, str | None]:
    """Whether there is user data of this name, and its JSON (None: none yet)."""
    found = _DATA.first(db, (workflow_id, name))
    return (False, None) if found is None else (True, found.data)


_NOTE_FILE = action(
    "job_file_note", "UPDATE job_file SET mtime_at = ? WHERE job_id = ? AND is_output = ? AND file_id = ?", hot=True
)
_NOTE_VERSION = action(
    "job_user_data_note",
    "UPDATE job_user_data SET version = ? WHERE job_id = ? AND is_output = 0 AND user_data_id = ?",
    hot=True,
)


def note_files(db: Database, rows: Iterable[tuple[float | None, int, int, int]]) -> None:
    """Record how files were when their job completed: mtime, job, is output, file."""
    _NOTE_FILE.many(db, rows)


def note_versions(db: Database, rows: Iterable[tuple[int | None, int, int]]) -> None:
    """Record what jobs got when they started: version, job, user data or set."""
    _NOTE_VERSION.many(db, rows)


class Required(NamedTuple):
    """A file that must be there before a run: some job reads it and none writes it."""

    id: int
    name: str
    path: str
    mtime_at: float | None


class _Name(NamedTuple):
    name: str


class _Id(NamedTuple):
    id: int


_REQUIRED = statement(
    "file_required",
    "SELECT id, name, path, mtime_at FROM file WHERE workflow_id = ? AND is_consumed AND NOT is_produced ORDER BY id",
    Required._make,
)
_NEEDED = statement(
    "file_needed",
    "SELECT DISTINCT coalesce(m.item_id, u.file_id) FROM job j JOIN job_file u ON u.job_id = j.id AND u.is_output = 0"
    " LEFT JOIN item_set_member m ON m.set_id = u.file_id"
    " WHERE j.workflow_id = ?1 AND j.status <> 'completed' AND j.io & 1"
    " AND (?2 OR j.status NOT IN ('failed', 'canceled', 'terminated', 'pending_failed'))",
    _Id._make,
)
_WANTED_DATA = statement(
    "user_data_missing",
    "SELECT name FROM user_data WHERE workflow_id = ? AND is_consumed AND NOT is_produced AND data IS NULL ORDER BY id",
    _Name._make,
)
_SHARED_FILES = statement(
    "file_in_sets",
    "SELECT DISTINCT m.item_id FROM item_set s JOIN item_set_member m ON m.set_id = s.id"
    " WHERE s.workflow_id = ? AND s.kind = 'file'",
    _Id._make,
)
_FIRST_FOUND = action("file_first_found", "UPDATE file SET mtime_at = ? WHERE id = ?", hot=True)


def required_files(db: Database, workflow_id: int) -> list[Required]:
    """The files that some job reads and none writes, in the order of the workflow file."""
    return _REQUIRED.rows(db, (workflow_id,))


def needed_files(db: Database, workflow_id: int, *, with_unsuccessful: bool) -> set[int]:
    """The files that jobs read that have not completed; without those that failed or were canceled, if told so."""
    return {row.id for row in _NEEDED.rows(db, (workflow_id, with_unsuccessful))}


def missing_user_data(db: Database, workflow_id: int) -> list[str]:
    """The names of user data that some job reads, that has no data, and that no job writes."""
    return [row.name for row in _WANTED_DATA.rows(db, (workflow_id,))]


def shared_files(db: Database, workflow_id: int) -> set[int]:
    """The files in lists that several jobs share."""
    return {row.id for row in _SHARED_FILES.rows(db, (workflow_id,))}


def note_first_found(db: Database, rows: Iterable[tuple[float, int]]) -> None:
    """Record how files were that a run found for the first time: mtime, file."""
    _FIRST_FOUND.many(db, rows)


class ListedFile(NamedTuple):
    """A file for a list."""

    name: str
    path: str
    is_consumed: int
    is_produced: int


class _Path(NamedTuple):
    path: str


_LIST = statement(
    "file_list",
    "SELECT name, path, is_consumed, is_produced FROM file WHERE workflow_id = ? ORDER BY id",
    ListedFile._make,
)
_MUST_EXIST = statement(
    "file_must_exist",
    "SELECT f.path FROM file f WHERE f.workflow_id = ?1 AND (f.is_consumed AND NOT f.is_produced OR f.id IN"
    " (SELECT u.file_id FROM job j JOIN job_file u ON u.job_id = j.id AND u.is_output"
    " WHERE j.workflow_id = ?1 AND j.status = 'completed' AND j.io & 1)) ORDER BY f.id",
    _Path._make,
)


def every_file(db: Database, workflow_id: int) -> Iterable[ListedFile]:
    """All files of a workflow, in the order of its file."""
    return _LIST.each(db, (workflow_id,))


def must_exist(db: Database, workflow_id: int) -> list[str]:
    """Paths of files that ought to be there now: read and written by no job, or written by a completed one (Torc)."""
    return [row.path for row in _MUST_EXIST.rows(db, (workflow_id,))]
