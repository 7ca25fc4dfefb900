"""``doctor --repair``: mending a database that nobody uses meanwhile.

Indexes are made anew from their tables. Of a file whose pages are damaged, what can be read goes into a new one, which
takes its place; the damaged one is kept. Then everything that can be counted is counted, in one transaction.

Crash table: what a kill leaves.

    moment                       on disk                             afterwards
    while a new file is filled   the damaged file, and a part        repair again; the part (.part) may be deleted
    before the files change      the damaged file under both names   repair again; it is kept under a third name
    places
    later                        the new file in its place, mended   repair again, if doctor still finds something
                                 or not
"""

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import apsw

from torc_local.engine.reclaim import MOST_LOSSES
from torc_local.ground import clock, private
from torc_local.ground.errors import StateError
from torc_local.process import recovery
from torc_local.store import (
    checking,
    invariants,
    mending,
    mending_actions,
    mending_uses,
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
    with opening.open_alone(path) as db:
        found = checking.kind(checking.structure(db))
        indexes = found is checking.Kind.INDEXES and _reindex(db)
        if found is not checking.Kind.PAGES and (found is not checking.Kind.INDEXES or indexes):
            return _mend(db, {})._replace(indexes=indexes)
        return _replace(db)


def _reindex(db: Database) -> bool:
    """Make all indexes anew; False when that does not help."""
    try:
        with db.write("reindex"):
            db.connection.execute("REINDEX")
    except apsw.Error:
        return False
    return checking.kind(checking.structure(db)) in (checking.Kind.NOTHING, checking.Kind.VALUES)


def _replace(old: Database) -> Repaired:
    """Salvage into a new file, mend that, and let the two change places."""
    path = old.path
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
        for suffix in ("", "-wal", "-shm"):
            part.with_name(part.name + suffix).unlink(missing_ok=True)


def _change_places(old: Database, new: Path, kept: Path) -> None:
    # The log would be taken for the new file's, so it is emptied into the old one, or goes with it.
    log = log_of(old.path)
    try:
        old.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.Error:
        log.rename(kept.with_name(kept.name + "-wal"))
    old.path.with_name(old.path.name + "-shm").unlink(missing_ok=True)
    try:
        os.link(old.path, kept)
    except OSError:  # a file system without hard links
        old.path.rename(kept)
    new.replace(old.path)


def _nothing_left(db: Database) -> bool:
    return all(row.run_id == 0 or _ended(db, row.id) for row in workflows.list_all(db))


def _ended(db: Database, workflow_id: int) -> bool:
    run = workflows.newest_run(db, workflow_id)
    return run is not None and run.ended_at is not None


def _mend(db: Database, known: dict[int, missing.Named]) -> Repaired:
    """Count everything anew and free what is held; the caller has the database for itself."""
    at = clock.now()
    connection = db.connection
    _end_leftovers(db)
    broken = {one.invariant for one in invariants.violations(db, at_rest=True)}
    reclaiming.prepare_counting(db)
    connection.pragma("foreign_keys", False)
    connection.pragma("ignore_check_constraints", True)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    with db.write("repair"):
        made_up = mending.references(db)
        put_back = missing.put_back(db, known)
        endings = mending.endings(db, at=at)
        freed = mending.claims(db, at=at, most_losses=MOST_LOSSES)
        mending.counts(db)
        mending_uses.uses(db)
        mending_actions.actions(db)
    connection.pragma("ignore_check_constraints", False)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 1)
    still = {one.invariant for one in invariants.violations(db, at_rest=True)}
    return Repaired(
        runners=freed.runners, freed=freed.jobs, leases=freed.leases, put_back=put_back, made_up=made_up,
        endings=endings, mended=tuple(sorted(broken - still)),
    )  # fmt: skip


def _end_leftovers(db: Database) -> None:
    """End what jobs of dead runners left running: a job must not run again beside its last attempt."""
    for workflow in workflows.list_all(db):
        for runner in runners.alive(db, workflow.id):
            recovery.end_leftovers(db, runner)
