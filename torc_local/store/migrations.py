"""The ladder from each older schema to the next. ``schema.sql`` is always the top; a test climbs and compares.

One rung is the SQL that turns version N into N + 1. The whole climb is one transaction, after a copy of the file.
"""

import os
from pathlib import Path

import apsw

from torc_local.ground.errors import StateError
from torc_local.store.database import Database

#: RUNGS[n] turns version n + 1 into n + 2.
RUNGS: tuple[str, ...] = (
    """
    ALTER TABLE meta ADD COLUMN journal TEXT NOT NULL DEFAULT 'wal';
    ALTER TABLE runner ADD COLUMN write_figures TEXT NOT NULL DEFAULT '{}';
    ALTER TABLE coordinator ADD COLUMN write_figures TEXT NOT NULL DEFAULT '{}';
    DROP INDEX job_unsuccessful;
    CREATE INDEX job_unsuccessful ON job (workflow_id, status, id)
        WHERE status = 'failed' OR status = 'canceled' OR status = 'terminated';
    """,
    """
    ALTER TABLE workflow ADD COLUMN is_archived INTEGER NOT NULL DEFAULT 0 CHECK (is_archived IN (0, 1));
    ALTER TABLE workflow ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
    CREATE TABLE job_options (
        id          INTEGER PRIMARY KEY,
        workflow_id INTEGER NOT NULL REFERENCES workflow(id) ON DELETE CASCADE,
        options     TEXT    NOT NULL
    ) STRICT;
    CREATE INDEX job_options_by_workflow ON job_options (workflow_id);
    ALTER TABLE job ADD COLUMN options_id INTEGER REFERENCES job_options(id);
    ALTER TABLE job ADD COLUMN io INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE job ADD COLUMN origin TEXT;
    -- Files and user data.

    -- Actions.

    -- Jobs that were added after the workflow was stored.

    -- Restart: what a job was when it completed.

    """,
)

#: The schema version of ``schema.sql`` (SQLite ``user_version``).
NEWEST = len(RUNGS) + 1


def migrate(db: Database, version: int, rungs: tuple[str, ...] = RUNGS) -> None:
    """Bring the database from ``version`` to the top of the ladder, keeping a copy beside it.

    Crash: a kill before COMMIT leaves the old version, and the copy; the next open climbs again.
    """
    copy = db.path.with_name(f"{db.path.name}.v{version}.bak")
    if not copy.exists():
        _copy(db, copy)
    with db.write("migrate"):
        now = int(db.connection.pragma("user_version"))
        if not version <= now <= len(rungs) + 1:
            raise StateError(f"the database changed while it was brought up to date: {db.path}")
        for rung in rungs[now - 1 :]:
            for _ in db.connection.execute(rung):
                pass
        db.connection.pragma("user_version", len(rungs) + 1)


def _copy(db: Database, copy: Path) -> None:
    """Make a private copy that is whole or not there: half of one would be taken for it at the next attempt."""
    part = copy.with_name(f"{copy.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))  # SQLite fills an empty file
    try:
        db.connection.execute("VACUUM INTO ?", (str(part),))
        part.replace(copy)
    except apsw.SQLError as error:  # among others, when SQLite cannot learn that the file is empty
        raise StateError(f"cannot copy the database to {part}: {error}") from error
    finally:
        part.unlink(missing_ok=True)
