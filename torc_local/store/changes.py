"""What completed jobs saw of files and user data, to be compared with how these are now."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from torc_local.store import io
from torc_local.store.database import Database
from torc_local.store.registry import action, statement


class SeenFile(NamedTuple):
    """A file of a completed job, as it was when the job completed; ``attempt_id`` is the attempt that did."""

    job_id: int
    attempt_id: int
    is_output: int
    path: str
    mtime_at: float | None


class Reader(NamedTuple):
    """A completed job that reads a shared list."""

    job_id: int
    attempt_id: int
    set_id: int


class Member(NamedTuple):
    """A file of a shared list; ``mtime_at`` as a run found it first, for one that no job writes."""

    set_id: int
    file_id: int
    path: str
    mtime_at: float | None


class Written(NamedTuple):
    """When a file was written last, as its writers saw it."""

    file_id: int
    mtime_at: float | None


class Writer(NamedTuple):
    """A job that has written a file."""

    job_id: int
    file_id: int


class NewData(NamedTuple):
    """A completed job that got an older version of user data than there is now."""

    job_id: int
    attempt_id: int
    name: str


_SEEN = statement(
    "seen_files",
    "SELECT j.id, j.attempt_id, u.is_output, f.path, u.mtime_at FROM job j JOIN job_file u ON u.job_id = j.id"
    " JOIN file f ON f.id = u.file_id WHERE j.workflow_id = ?1 AND (?2 IS NULL OR j.id = ?2)"
    " AND j.status = 'completed' AND j.io & 1",
    SeenFile._make,
)
_READERS = statement(
    "seen_file_sets",
    "SELECT j.id, j.attempt_id, u.file_id FROM job j JOIN job_file u ON u.job_id = j.id AND u.is_output = 0"
    " AND u.file_id < 0 WHERE j.workflow_id = ?1 AND (?2 IS NULL OR j.id = ?2) AND j.status = 'completed' AND j.io & 1",
    Reader._make,
)
_MEMBERS = statement(
    "seen_file_set_members",
    "SELECT m.set_id, f.id, f.path, f.mtime_at FROM item_set s JOIN item_set_member m ON m.set_id = s.id"
    " JOIN file f ON f.id = m.item_id WHERE s.workflow_id = ? AND s.kind = 'file'",
    Member._make,
)
_WRITTEN = statement(
    "seen_outputs",
    "SELECT u.file_id, max(u.mtime_at) FROM job j JOIN job_file u ON u.job_id = j.id AND u.is_output = 1"
    " WHERE j.workflow_id = ? AND j.io & 1 GROUP BY u.file_id",
    Written._make,
)
# What a job wrote itself does not make it run again.
_NEW_DATA = statement(
    "seen_user_data",
    "SELECT j.id, j.attempt_id, d.name FROM job j JOIN job_user_data u ON u.job_id = j.id AND u.is_output = 0"
    " LEFT JOIN item_set_member m ON m.set_id = u.user_data_id"
    " JOIN user_data d ON d.id = coalesce(m.item_id, u.user_data_id)"
    " WHERE j.workflow_id = ?1 AND (?2 IS NULL OR j.id = ?2) AND j.status = 'completed' AND j.io & 4"
    " AND d.version > u.version AND d.job_id IS NOT j.id",
    NewData._make,
)
_NOTE_FOUND = action("seen_file_note", "UPDATE file SET mtime_at = ? WHERE id = ?")
_WRITERS = statement(
    "seen_writers",
    "SELECT u.job_id, u.file_id FROM job j JOIN job_file u ON u.job_id = j.id AND u.is_output = 1"
    " WHERE j.workflow_id = ? AND j.io & 1 AND u.mtime_at IS NOT NULL",
    Writer._make,
)


def seen_files(db: Database, workflow_id: int, job_id: int | None = None) -> Iterator[SeenFile]:
    """Files of completed jobs, or of one, except those of shared lists."""
    return iter(_SEEN.rows(db, (workflow_id, job_id)))


def readers(db: Database, workflow_id: int, job_id: int | None = None) -> list[Reader]:
    """Completed jobs that read shared lists of files; or one, if it is such a job."""
    return _READERS.rows(db, (workflow_id, job_id))


def members(db: Database, workflow_id: int) -> list[Member]:
    """The files of shared lists."""
    return _MEMBERS.rows(db, (workflow_id,))


def written(db: Database, workflow_id: int) -> dict[int, float | None]:
    """By file: when its writers left it. Several may write one: the newest counts."""
    return {row.file_id: row.mtime_at for row in _WRITTEN.rows(db, (workflow_id,))}


def new_data(db: Database, workflow_id: int, job_id: int | None = None) -> list[NewData]:
    """Completed jobs whose user data was written since by others; or one, if it is such a job."""
    return _NEW_DATA.rows(db, (workflow_id, job_id))


def note_shared(db: Database, workflow_id: int, files: Mapping[int, float]) -> None:
    """Remember how files of shared lists are now (mtimes): their readers are put back, and this was the reason."""
    if files:
        _NOTE_FOUND.many(db, [(mtime, file_id) for file_id, mtime in files.items()])
        writers = [one for one in _WRITERS.rows(db, (workflow_id,)) if one.file_id in files]
        io.note_files(db, [(files[one.file_id], one.job_id, 1, one.file_id) for one in writers])
