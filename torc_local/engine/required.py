"""What must be there before a run begins: what jobs read and no job writes."""

from collections.abc import Callable
from typing import NamedTuple

from torc_local.store import io, runners
from torc_local.store.database import Database


class Missing(NamedTuple):
    """What is not there: files as (name, path), names of user data."""

    files: list[tuple[str, str]]
    user_data: list[str]


def missing(db: Database, workflow_id: int, mtime_of: Callable[[str], float | None], *, retry_failed: bool) -> Missing:
    """Look for required files and user data of jobs that have not completed.

    Nothing is looked for when others work on the workflow: their run has begun. How files of shared lists are is noted
    when they are found first, for these have no place of their own with each job that reads them.

    Process: a supervisor, before it begins a run. Crash: one transaction, which is made again by the next run.
    Cost:    one look at each required file.
    """
    if runners.alive(db, workflow_id):
        return Missing([], [])
    required = io.required_files(db, workflow_id)
    seen = [(mtime_of(file.path), file) for file in required]
    shared = io.shared_files(db, workflow_id) if required else set()
    first = [(mtime, file.id) for mtime, file in seen if mtime is not None and file.mtime_at is None]
    first = [row for row in first if row[1] in shared]
    if first:
        with db.write("note files"):
            io.note_first_found(db, first)
    return _lacking(db, workflow_id, [file for mtime, file in seen if mtime is None], retry_failed=retry_failed)


def missing_now(
    db: Database, workflow_id: int, mtime_of: Callable[[str], float | None], *, retry_failed: bool
) -> Missing:
    """The same within a transaction, for jobs as they are in it; nothing is noted."""
    absent = [file for file in io.required_files(db, workflow_id) if mtime_of(file.path) is None]
    return _lacking(db, workflow_id, absent, retry_failed=retry_failed)


def _lacking(db: Database, workflow_id: int, absent: list[io.Required], *, retry_failed: bool) -> Missing:
    needed = io.needed_files(db, workflow_id, with_unsuccessful=retry_failed) if absent else set()
    files = [(file.name, file.path) for file in absent if file.id in needed]
    return Missing(files, io.missing_user_data(db, workflow_id))
