"""``doctor --repair``: mending a database that nobody uses meanwhile.

Indexes are made anew from their tables. Of a file whose pages are damaged, or which lacks a table, what can be read
goes into a new one, which takes its place; the damaged one is kept. Then values are set right in one transaction, and
everything that can be counted is counted in another.

Crash table: what a kill leaves (ground/faults.py). In each case the next repair does what is left to do, and until then
every other command finds what it would have found before the repair, or after it.

    moment            on disk                                          afterwards
    repair.reindexed  its indexes are made anew, the rest is as it     the next repair mends the rest
                      was
    repair.mending    values are set right as well, the rest is as it  the same
                      was
    repair.mended     mended                                           nothing is left to do
    repair.salvaged   the damaged file, and a part of a new one        the next repair deletes the part
    repair.kept       the damaged file under two names                 it is kept under a third name
    repair.unlogged   the same; its log, when that could not be        the next repair puts the log back where it was,
                      copied into it, only under the second name       before it opens the file
    repair.replaced   the new file, mended                             nothing is left to do

Processes that jobs of dead runners left are ended first; a kill after that changes nothing on record.
"""

import filecmp
import glob
import os
import secrets
import shutil
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import apsw

from torc_local import __version__
from torc_local.engine.reclaim import MOST_LOSSES
from torc_local.ground import clock, faults, private
from torc_local.ground.errors import StateError
from torc_local.process import recovery
from torc_local.store import (
    checking,
    invariants,
    mending,
    mending_actions,
    mending_uses,
    mending_values,
    meta,
    missing,
    opening,
    reclaiming,
    runners,
    workflows,
)
from torc_local.store.database import Database, log_of
from torc_local.store.salvage import Salvaged, salvage


class Repaired(NamedTuple):
    """What was done; names are those of ``store/invariants.py``."""

    runners: int = 0  # rows of dead runners closed
    freed: int = 0  # jobs whose claims were freed
    leases: int = 0  # leases of dead coordinators released
    says_itself: bool = False  # the row that says what the file is was made anew
    values: int = 0  # that were not of the kind that their columns hold
    put_back: int = 0  # jobs whose rows were lost
    made_up: int = 0  # rows that others refer to
    endings: int = 0  # jobs whose state and attempts did not agree
    indexes: bool = False  # made anew
    mended: tuple[str, ...] = ()  # promises that were broken and hold now
    salvaged: Salvaged | None = None
    kept: Path | None = None  # where the damaged file is now
    beside: Path | None = None  # where the salvaged one is, when it may not take its place


def repair(path: Path) -> Repaired:
    """Mend what can be mended. Raises StateError when somebody uses the database, or nothing can be read of it."""
    private.refuse_trap(path)
    path = path.resolve()  # the file itself is replaced, not a link to it
    _take_log_back(path)
    with opening.open_alone(path) as db:
        if checking.layout(db) or (found := checking.kind(checking.structure(db))) is checking.Kind.PAGES:
            return _replace(db)
        says_itself = _say_what_it_is(db)
        indexes = found is checking.Kind.INDEXES
        if indexes and not _reindex(db):
            return _replace(db)
        try:
            return _mend(db, {})._replace(indexes=indexes, says_itself=says_itself)
        except (apsw.ConstraintError, apsw.MismatchError, UnicodeDecodeError):
            return _replace(db)  # rows that no table of ours can hold


def _reindex(db: Database) -> bool:
    """Make all indexes anew; False when that does not help."""
    try:
        with db.write("reindex"):
            db.connection.execute("REINDEX")
    except apsw.Error:
        return False
    faults.reach("repair.reindexed")
    return checking.kind(checking.structure(db)) in (checking.Kind.NOTHING, checking.Kind.VALUES)


def _say_what_it_is(db: Database) -> bool:
    """Make the row of table ``meta`` anew when it is gone or broken; whether it was.

    With the random word in it go the marks of processes that jobs of dead runners left: they are not found by it.
    """
    if meta.find(db) is not None:
        return False
    is_wal = db.connection.pragma("journal_mode") == opening.WAL
    row = meta.Meta(
        secrets.token_hex(8), __version__, clock.now(), 0, opening.WAL if is_wal else opening.journal_for(db.path)
    )
    with db.write("repair"):
        meta.make(db, row)
    return True


def _replace(old: Database) -> Repaired:
    """Salvage into a new file, mend that, and let the two change places."""
    path = old.path
    _forget_parts(path)
    part = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.part")
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
    try:
        with opening.open_or_create(part, turnstile=False) as new:
            new.connection.pragma("foreign_keys", False)
            rescued = salvage(old, new)
            if not rescued.tables["workflow"].read:
                raise StateError(
                    f"nothing can be read of the database: {path}", hint="put a snapshot in its place, if there is one"
                )
            faults.reach("repair.salvaged")
            done = _mend(new, rescued.names)
            over = not any(invariants.violations(new)) and _nothing_left(new)
        done = done._replace(salvaged=rescued)
        if not rescued.complete and not over:
            beside = path.with_name(f"{path.name}.salvaged-{stamp}")
            part.rename(beside)
            return done._replace(beside=beside)
        kept = path.with_name(f"{path.name}.damaged-{stamp}")
        _change_places(old, part, kept)
        return done._replace(kept=kept)
    except OSError as error:
        raise StateError(
            f"cannot write the repaired database beside {path}: {os.strerror(error.errno or 0).lower()}",
            hint="make room, or copy the database to another place and repair it there",
        ) from None
    finally:
        _forget(part)


def _forget_parts(path: Path) -> None:
    """Delete what a repair that was killed left of its new file: whoever has the database alone is the only one."""
    for part in path.parent.glob(f".{glob.escape(path.name[:200])}.????????.part"):
        _forget(part)


def _forget(part: Path) -> None:
    for suffix in ("-wal", "-shm", "-journal", ""):  # what is found again goes last
        part.with_name(part.name + suffix).unlink(missing_ok=True)


def _change_places(old: Database, new: Path, kept: Path) -> None:
    # The log would be taken for the new file's, so it is emptied into the old one, or goes with it.
    log = log_of(old.path)
    try:
        old.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.Error:
        _keep(log, log_of(kept))
    _keep(old.path, kept)
    faults.reach("repair.kept")
    # Closing the old file would delete the log by its name, which may be the new file's by then.
    old.connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    log.unlink(missing_ok=True)
    old.path.with_name(old.path.name + "-shm").unlink(missing_ok=True)
    faults.reach("repair.unlogged")
    new.replace(old.path)
    faults.reach("repair.replaced")


def _keep(file: Path, kept: Path) -> None:
    """Give a file a second name; a copy on a file system without hard links."""
    try:
        os.link(file, kept)
    except OSError:
        part = kept.with_name(kept.name + ".part")
        shutil.copyfile(file, part)
        shutil.copymode(file, part)
        part.rename(kept)


def _take_log_back(path: Path) -> None:
    """Give a damaged file its log again when a repair was killed after it took it away, before the new file came."""
    log = log_of(path)
    for kept in path.parent.glob(f"{glob.escape(path.name)}.damaged-*-wal"):
        file = kept.with_name(kept.name.removesuffix("-wal"))
        if not log.exists() and path.exists() and file.exists() and filecmp.cmp(path, file, shallow=False):
            _keep(kept, log)


def _nothing_left(db: Database) -> bool:
    return all(row.run_id == 0 or _ended(db, row.id) for row in workflows.list_all(db))


def _ended(db: Database, workflow_id: int) -> bool:
    run = workflows.newest_run(db, workflow_id)
    return run is not None and run.ended_at is not None


def _mend(db: Database, known: dict[int, missing.Named]) -> Repaired:
    """Count everything anew and free what is held; the caller has the database for itself."""
    at = clock.now()
    connection = db.connection
    broken: set[str] = set()
    reclaiming.prepare_counting(db)
    connection.pragma("foreign_keys", False)
    connection.pragma("ignore_check_constraints", True)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    with suppress(apsw.Error, UnicodeDecodeError):  # what is no text cannot even be read
        broken = _broken(db)
    with db.write("repair"):
        values = mending_values.values(db)
    _end_leftovers(db)
    broken |= _broken(db)
    with db.write("repair"):
        made_up = mending.references(db)
        put_back = missing.put_back(db, known)
        endings = mending.endings(db, at=at)
        freed = mending.claims(db, at=at, most_losses=MOST_LOSSES)
        mending.counts(db)
        mending_uses.uses(db)
        mending_actions.actions(db)
        faults.reach("repair.mending")
    faults.reach("repair.mended")
    connection.pragma("ignore_check_constraints", False)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 1)
    still = _broken(db)
    return Repaired(
        runners=freed.runners, freed=freed.jobs, leases=freed.leases, values=values, put_back=put_back,
        made_up=made_up, endings=endings, mended=tuple(sorted(broken - still)),
    )  # fmt: skip


def _broken(db: Database) -> set[str]:
    return {one.invariant for one in invariants.violations(db, at_rest=True)}


def _end_leftovers(db: Database) -> None:
    """End what jobs of dead runners left running: a job must not run again beside its last attempt."""
    for workflow in workflows.list_all(db):
        for runner in runners.alive(db, workflow.id):
            recovery.end_leftovers(db, runner)
