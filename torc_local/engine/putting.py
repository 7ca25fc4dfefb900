"""Writing user data, from inside a job or outside of one."""

from typing import NamedTuple

from torc_local.ground import clock
from torc_local.ground.errors import InputError, StateError
from torc_local.store import user_data
from torc_local.store.database import Database
from torc_local.store.user_data import Entry


class Writer(NamedTuple):
    """The job that writes, and which attempt at it."""

    job_id: int
    attempt_id: int


def find(db: Database, workflow_id: int, name: str) -> Entry:
    """The user data of this name. Raises InputError that says what was probably meant."""
    found = user_data.get(db, workflow_id, name)
    if found is not None:
        return found
    import difflib  # noqa: PLC0415 - loaded when needed

    known = user_data.names(db, workflow_id)
    near = difflib.get_close_matches(name, known[:1000], n=1, cutoff=0.6)
    if near:
        hint = f"did you mean '{near[0]}'?"
    else:
        hint = "torc-local user-data list shows all" if known else "they are declared in its file, under 'user_data'"
    raise InputError(f"workflow {workflow_id} has no user data '{name}'", hint=hint)


def put(db: Database, workflow_id: int, name: str, data: str, writer: Writer | None) -> None:
    """Replace user data by ``data`` (compact JSON).

    Process: anyone, any number at once; the last one stays. An attempt that was given up writes nothing any more: its
             successor may have written already. Raises InputError for an unknown name, StateError for such an attempt.
    Crash:   one transaction. A job that is killed after it writes again with its next attempt.
    """
    with db.write("put user data"):
        entry = find(db, workflow_id, name)
        if writer is not None and not user_data.is_current(db, workflow_id, *writer):
            raise StateError(f"this attempt at job {writer.job_id} was given up; it writes no user data any more")
        job_id = None if writer is None else writer.job_id
        user_data.put(db, entry.id, data, job_id=job_id, at=clock.now())
