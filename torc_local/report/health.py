"""What ``doctor`` finds out: about SQLite, the file, its file system, and every promise the database makes."""

import shutil
from pathlib import Path
from typing import NamedTuple

import apsw

from torc_local.report import cures
from torc_local.report.text import plural, size
from torc_local.store import checking, invariants, meta, mounts, runners, workflows
from torc_local.store.database import Database, log_of
from torc_local.store.runners import RunnerRow

_LITTLE_ROOM_BYTES = 1 << 30

#: Complaints of SQLite that are shown; a damaged page makes hundreds.
_SHOWN = 5


class Finding(NamedTuple):
    """One line of the examination; ``level`` is ok, note or bad, ``cure`` what to do about it."""

    check: str
    level: str
    detail: str
    cure: str = ""


def environment(path: Path) -> list[Finding]:
    """What can be said without opening the database."""
    free = shutil.disk_usage(path.parent).free
    return [
        Finding("sqlite", "ok", f"{apsw.sqlite_lib_version()} (apsw {apsw.apsw_version()})"),
        _file_system(path),
        Finding("free space", "note" if free < _LITTLE_ROOM_BYTES else "ok", size(free)),
    ]


def _file_system(path: Path) -> Finding:
    mount = mounts.mount_of(path)
    if mount.use is mounts.Use.LOCAL:
        return Finding("file system", "ok", mount.kind)
    if mount.local_locks is not None:
        option, cure = mount.local_locks
        detail = f"{mount.kind} with {option}: its locks are known to this machine alone"
        return Finding("file system", "bad", detail, f"{cure}, or keep the database elsewhere")
    return Finding(
        "file system", "note", f"{mount.kind}: several machines may use it, so the database is kept without a log"
    )


def database(db: Database) -> list[Finding]:
    """What the open database says; reads all of it."""
    wal = log_of(db.path)
    log_bytes = wal.stat().st_size if wal.exists() else 0
    found = [
        Finding("database", "ok", f"{db.path}, made by torc-local {meta.get(db).created_by}"),
        Finding("journal mode", "ok", str(db.connection.pragma("journal_mode"))),
        Finding("size", "ok", f"{size(workflows.database_bytes(db))}, write-ahead log {size(log_bytes)}"),
    ]
    return found + integrity(db)


def integrity(db: Database) -> list[Finding]:
    """Whether the file has all its parts, its pages are whole, indexes agree with tables, references lead to rows."""
    trouble = [*checking.layout(db), *checking.whole(db), *checking.texts(db)]
    if not trouble:
        return [Finding("integrity", "ok", "integrity_check found nothing")]
    more = f"; and {len(trouble) - _SHOWN:,} more" if len(trouble) > _SHOWN else ""
    return [Finding("integrity", "bad", "; ".join(trouble[:_SHOWN]) + more, cures.of("integrity"))]


def open_runners(db: Database) -> list[RunnerRow]:
    """The runners of all workflows that have not ended as far as the database knows."""
    return [runner for workflow in workflows.list_all(db) for runner in runners.alive(db, workflow.id)]


def of_runners(listed: list[RunnerRow], dead: set[int]) -> list[Finding]:
    """Whether the runners that the database counts as alive are."""
    gone = [runner for runner in listed if runner.id in dead]
    if not gone:
        return [Finding("runners", "ok", f"{plural(len(listed), 'runner')} at work" if listed else "none at work")]
    numbers = sorted({runner.workflow_id for runner in gone})
    again = ", ".join(f"torc-local run {number}" for number in numbers)
    detail = f"{plural(len(gone), 'runner')} died without a goodbye; this takes up their work again: {again}"
    return [Finding("runners", "note", detail)]


def promises(db: Database, *, at_rest: bool) -> list[Finding]:
    """Every invariant, checked; one finding when all hold."""
    try:
        broken = invariants.violations(db, at_rest=at_rest)
    except (apsw.CorruptError, apsw.SQLError, UnicodeDecodeError) as error:
        return [Finding("invariants", "bad", f"cannot be checked: {error}", cures.of("integrity"))]
    if not broken:
        checked = sum(1 for invariant in invariants.INVARIANTS if at_rest or not invariant.at_rest)
        return [Finding("invariants", "ok", f"all {checked} hold")]
    return [
        Finding(one.invariant, "bad", f"broken: {one.promise}; for example {one.example}", cures.of(one.invariant))
        for one in broken
    ]
