"""What has changed since jobs completed, so that they must run again (Torc: reinitialize).

Files are compared by the time of their last change, within ``TOLERANCE_S`` (Torc), contents are not read. User data is
compared by the version that a job got when it started. An input that is gone is no reason: what was made of it is
still right; an output that is gone is one, for the job that made it.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from torc_local.ground.errors import InputError
from torc_local.store import changes as seen
from torc_local.store import restarting, runners, workflows
from torc_local.store.database import Database

#: Times of one file that differ by less are the same: file systems round them differently (Torc).
TOLERANCE_S = 0.01

#: More files than these are not told apart in reasons.
_TOLD_APART = 5

_MISSING = "output file is missing"

#: When a file was changed last; None when it is not there.
MtimeOf = Callable[[str], float | None]


class Changes(NamedTuple):
    """Completed jobs that must run again: id, the attempt that completed, why. ``shared`` files: their mtimes now."""

    jobs: list[tuple[int, int, str]]
    shared: dict[int, float]


NONE = Changes([], {})


class _Found(NamedTuple):
    job_id: int
    attempt_id: int
    what: str  # "input file has changed", ...
    name: str


def since_last_run(db: Database, workflow_id: int, mtime_of: MtimeOf, here: str | None = None) -> Changes:
    """What a ``run`` that goes on is to do again; nothing before the first run, or while others work on it."""
    if workflows.newest_run(db, workflow_id) is None or runners.alive(db, workflow_id):
        return NONE
    return look(db, workflow_id, mtime_of, here=here)


def look(
    db: Database, workflow_id: int, mtime_of: MtimeOf, job_id: int | None = None, *, here: str | None = None
) -> Changes:
    """Compare, for all completed jobs or for one; nothing is written.

    Raises InputError when output files are missing and this directory, ``here``, is not the one in which the jobs ran.

    Process: anyone. What changes afterwards is seen by whoever looks next.
    Cost:    a look at each file of completed jobs; nothing grows for workflows without files.
    """
    known: dict[str, float | None] = {}

    def now(path: str) -> float | None:
        if path not in known:
            known[path] = mtime_of(path)
        return known[path]

    found = [
        _Found(one.job_id, one.attempt_id, "user data has changed", one.name)
        for one in seen.new_data(db, workflow_id, job_id)
    ]
    for file in seen.seen_files(db, workflow_id, job_id):
        mtime = now(file.path)
        if file.is_output and mtime is None:
            found.append(_Found(file.job_id, file.attempt_id, _MISSING, file.path))
        elif not file.is_output and mtime is not None and differs(file.mtime_at, mtime):
            what = "input file has changed" if file.mtime_at is not None else "input file is there now"
            found.append(_Found(file.job_id, file.attempt_id, what, file.path))
    lost = sum(one.what == _MISSING and not one.name.startswith("/") for one in found)
    run = workflows.newest_run(db, workflow_id)
    if lost and here is not None and run is not None and run.directory not in (None, here):
        files = "output file is" if lost == 1 else "output files are"
        raise InputError(
            f"{lost:,} {files} not in this directory, and jobs of workflow {workflow_id} ran in {run.directory}",
            hint=f"cd {run.directory}; or leave completed jobs alone: torc-local run {workflow_id} --no-refresh",
        )
    shared = _shared(db, workflow_id, now, found, job_id)
    return Changes(_told(found), shared)


def _shared(db: Database, workflow_id: int, now: MtimeOf, found: list[_Found], job_id: int | None) -> dict[int, float]:
    """Add the completed readers of shared lists in which a file has changed; those files."""
    readers = seen.readers(db, workflow_id, job_id)
    if not readers:
        return {}
    read = {reader.set_id for reader in readers}
    written = seen.written(db, workflow_id)
    changed: dict[int, str] = {}
    files: dict[int, float] = {}
    for member in seen.members(db, workflow_id):
        if member.set_id not in read:
            continue
        mtime = now(member.path)
        before = written.get(member.file_id, member.mtime_at)
        if mtime is not None and before is not None and differs(before, mtime):
            changed.setdefault(member.set_id, member.path)
            files[member.file_id] = mtime
    for reader in readers:
        if reader.set_id in changed:
            path = changed[reader.set_id]
            found.append(_Found(reader.job_id, reader.attempt_id, "input file has changed", path))
    return files


def differs(before: float | None, now: float) -> bool:
    """Whether a file was changed between these times of its last change."""
    return before is None or abs(now - before) > TOLERANCE_S


def _told(found: Iterable[_Found]) -> list[tuple[int, int, str]]:
    """Reasons with names where these are few, so that jobs make groups that a person can read."""
    listed = list(found)
    names = Counter(what for what, _ in {(one.what, one.name) for one in listed})
    return [
        (
            one.job_id,
            one.attempt_id,
            f"{one.what}: {one.name}" if names[one.what] <= _TOLD_APART else f"{_article(one.what)} {one.what}",
        )
        for one in listed
    ]


def _article(what: str) -> str:
    return "some" if what.startswith("user data") else "an"


def seed(db: Database, workflow_id: int, changes: Changes) -> None:
    """Mark the jobs to be put back, inside the transaction that does so."""
    restarting.seed_changed(db, changes.jobs)
    seen.note_shared(db, workflow_id, changes.shared)
