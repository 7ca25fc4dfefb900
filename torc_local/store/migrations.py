"""The ladder from each older schema to the next. ``schema.sql`` is always the top; a test climbs and compares.

One rung is the SQL that turns version N into N + 1. The whole climb is one transaction, after a copy of the file.
"""

import os
from pathlib import Path

import apsw

from torc_local.ground import remembered
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
    ALTER TABLE workflow ADD COLUMN cancels INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE run ADD COLUMN directory TEXT;
    CREATE TABLE job_options (
        id          INTEGER PRIMARY KEY,
        workflow_id INTEGER NOT NULL REFERENCES workflow(id) ON DELETE CASCADE,
        options     TEXT    NOT NULL
    ) STRICT;
    CREATE INDEX job_options_by_workflow ON job_options (workflow_id);
    ALTER TABLE job ADD COLUMN options_id INTEGER REFERENCES job_options(id);
    ALTER TABLE job ADD COLUMN io INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE job ADD COLUMN origin TEXT;
    ALTER TABLE resource_requirements ADD COLUMN limits INTEGER NOT NULL DEFAULT 0;
    -- GPUs.
    CREATE TABLE held_gpu (
        node_id   INTEGER NOT NULL REFERENCES node(id),
        gpu       TEXT    NOT NULL,
        runner_id INTEGER NOT NULL REFERENCES runner(id) ON DELETE CASCADE,
        PRIMARY KEY (node_id, gpu)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX held_gpu_by_runner ON held_gpu (runner_id);

    -- Files and user data.
    CREATE TABLE file (
        id          INTEGER PRIMARY KEY,
        workflow_id INTEGER NOT NULL REFERENCES workflow(id) ON DELETE CASCADE,
        name        TEXT    NOT NULL,
        path        TEXT    NOT NULL,
        is_consumed INTEGER NOT NULL CHECK (is_consumed IN (0, 1)),
        is_produced INTEGER NOT NULL CHECK (is_produced IN (0, 1)),
        mtime_at    REAL
    ) STRICT;
    CREATE UNIQUE INDEX file_by_name ON file (workflow_id, name);
    CREATE TABLE user_data (
        id           INTEGER PRIMARY KEY,
        workflow_id  INTEGER NOT NULL REFERENCES workflow(id) ON DELETE CASCADE,
        name         TEXT    NOT NULL,
        data         TEXT,
        given        TEXT,
        version      INTEGER NOT NULL DEFAULT 0,
        is_ephemeral INTEGER NOT NULL CHECK (is_ephemeral IN (0, 1)),
        is_consumed  INTEGER NOT NULL CHECK (is_consumed IN (0, 1)),
        is_produced  INTEGER NOT NULL CHECK (is_produced IN (0, 1)),
        job_id       INTEGER,
        put_at       REAL
    ) STRICT;
    CREATE UNIQUE INDEX user_data_by_name ON user_data (workflow_id, name);
    CREATE TABLE item_set (
        id          INTEGER PRIMARY KEY CHECK (id < 0),
        workflow_id INTEGER NOT NULL REFERENCES workflow(id) ON DELETE CASCADE,
        kind        TEXT    NOT NULL CHECK (kind IN ('file', 'user_data'))
    ) STRICT;
    CREATE INDEX item_set_by_workflow ON item_set (workflow_id);
    CREATE TABLE item_set_member (
        set_id  INTEGER NOT NULL REFERENCES item_set(id) ON DELETE CASCADE,
        item_id INTEGER NOT NULL,
        PRIMARY KEY (set_id, item_id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE job_file (
        job_id    INTEGER NOT NULL REFERENCES job(id) ON DELETE CASCADE,
        is_output INTEGER NOT NULL CHECK (is_output IN (0, 1)),
        file_id   INTEGER NOT NULL,
        mtime_at  REAL,
        PRIMARY KEY (job_id, is_output, file_id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE job_user_data (
        job_id       INTEGER NOT NULL REFERENCES job(id) ON DELETE CASCADE,
        is_output    INTEGER NOT NULL CHECK (is_output IN (0, 1)),
        user_data_id INTEGER NOT NULL,
        version      INTEGER,
        PRIMARY KEY (job_id, is_output, user_data_id)
    ) STRICT, WITHOUT ROWID;
    CREATE VIEW v_files AS
        SELECT f.id AS file_id, f.workflow_id, f.name, f.path, f.is_consumed, f.is_produced FROM file f;
    CREATE VIEW v_user_data AS
        SELECT u.id AS user_data_id, u.workflow_id, u.name, u.data, u.is_ephemeral, u.is_consumed, u.is_produced,
               u.job_id, u.put_at
        FROM user_data u;

    -- Recovery scripts.
    INSERT OR IGNORE INTO move (before, after) VALUES ('pending_failed', 'uninitialized');
    DROP INDEX job_unsuccessful;
    CREATE INDEX job_unsuccessful ON job (workflow_id, status, id)
        WHERE status = 'failed' OR status = 'canceled' OR status = 'terminated' OR status = 'pending_failed';
    CREATE TABLE recovery (
        job_id       INTEGER NOT NULL REFERENCES job(id) ON DELETE CASCADE,
        attempt_id   INTEGER NOT NULL,
        run_id       INTEGER NOT NULL,
        runner_id    INTEGER NOT NULL,
        return_code  INTEGER NOT NULL,
        started_at   REAL    NOT NULL,
        ended_at     REAL    NOT NULL,
        segment_id   INTEGER,
        stdout_start INTEGER NOT NULL,
        stdout_bytes INTEGER NOT NULL,
        stderr_start INTEGER NOT NULL,
        stderr_bytes INTEGER NOT NULL,
        PRIMARY KEY (job_id, attempt_id)
    ) STRICT, WITHOUT ROWID;

    -- Actions.
    ALTER TABLE runner ADD COLUMN acts INTEGER NOT NULL DEFAULT 0 CHECK (acts IN (0, 1));
    CREATE TABLE action (
        id            INTEGER PRIMARY KEY,
        workflow_id   INTEGER NOT NULL REFERENCES workflow(id) ON DELETE CASCADE,
        number        INTEGER NOT NULL,
        trigger_type  TEXT    NOT NULL CHECK (trigger_type IN ('on_workflow_start', 'on_workflow_complete',
            'on_jobs_ready', 'on_jobs_complete', 'on_worker_start', 'on_worker_complete')),
        action_type   TEXT    NOT NULL CHECK (action_type IN ('run_commands', 'schedule_nodes')),
        is_persistent INTEGER NOT NULL CHECK (is_persistent IN (0, 1)),
        config        TEXT    NOT NULL,
        UNIQUE (workflow_id, number)
    ) STRICT;
    CREATE TABLE action_job (
        action_id INTEGER NOT NULL REFERENCES action(id) ON DELETE CASCADE,
        job_id    INTEGER NOT NULL,
        PRIMARY KEY (action_id, job_id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE action_run (
        action_id   INTEGER NOT NULL REFERENCES action(id) ON DELETE CASCADE,
        run_id      INTEGER NOT NULL,
        worker      TEXT    NOT NULL,
        runner_id   INTEGER,
        losses      INTEGER NOT NULL DEFAULT 0,
        started_at  REAL    NOT NULL,
        ended_at    REAL,
        return_code INTEGER,
        reason      TEXT,
        log         TEXT,
        PRIMARY KEY (action_id, run_id, worker),
        CONSTRAINT action_end_has_code CHECK ((ended_at IS NULL) = (return_code IS NULL))
    ) STRICT, WITHOUT ROWID;
    CREATE VIEW v_actions AS
        SELECT a.id AS action_id, a.workflow_id, a.number, a.trigger_type, a.action_type, a.is_persistent, a.config,
               r.run_id, r.runner_id, r.started_at, r.ended_at, r.return_code, r.reason, r.log
        FROM action a LEFT JOIN action_run r ON r.action_id = a.id;

    -- Allocations that Slurm was asked for.
    CREATE TABLE allocation (
        workflow_id  INTEGER NOT NULL REFERENCES workflow(id) ON DELETE CASCADE,
        slurm_job_id INTEGER NOT NULL,
        nodes        INTEGER NOT NULL CHECK (nodes > 0),
        scheduler    TEXT,
        submitted_at REAL    NOT NULL,
        PRIMARY KEY (workflow_id, slurm_job_id)
    ) STRICT, WITHOUT ROWID;

    -- Jobs that were added after the workflow was stored.

    -- Monitoring.
    CREATE TABLE attempt_usage (
        job_id            INTEGER NOT NULL REFERENCES job(id) ON DELETE CASCADE,
        run_id            INTEGER NOT NULL,
        attempt_id        INTEGER NOT NULL,
        peak_memory_bytes INTEGER NOT NULL,
        avg_memory_bytes  INTEGER NOT NULL,
        peak_cpu_percent  REAL    NOT NULL,
        avg_cpu_percent   REAL    NOT NULL,
        cpu_s             REAL    NOT NULL,
        most_processes    INTEGER NOT NULL,
        read_bytes        INTEGER NOT NULL,
        written_bytes     INTEGER NOT NULL,
        samples           INTEGER NOT NULL CHECK (samples > 0),
        source            TEXT    NOT NULL CHECK (source IN ('tree', 'process')),
        peak_gpu_memory_bytes INTEGER,
        PRIMARY KEY (job_id, run_id, attempt_id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE node_usage (
        workflow_id       INTEGER NOT NULL REFERENCES workflow(id) ON DELETE CASCADE,
        run_id            INTEGER NOT NULL,
        node_id           INTEGER NOT NULL REFERENCES node(id),
        peak_cpu_percent  REAL,
        avg_cpu_percent   REAL,
        peak_memory_bytes INTEGER,
        avg_memory_bytes  INTEGER,
        samples           INTEGER NOT NULL CHECK (samples > 0),
        PRIMARY KEY (workflow_id, run_id, node_id)
    ) STRICT, WITHOUT ROWID;
    DROP VIEW v_attempts;
    CREATE VIEW v_attempts AS
        SELECT a.job_id, j.workflow_id, j.name AS job_name, a.run_id, a.attempt_id, a.return_code, a.status, a.reason,
               a.started_at, a.ended_at, a.ended_at - a.started_at AS exec_time_s,
               max(a.cpu_s, coalesce(m.cpu_s, 0)) AS cpu_s,
               nullif(max(a.peak_memory_bytes, coalesce(m.peak_memory_bytes, 0), 0), 0) AS peak_memory_bytes,
               a.runner_id, n.hostname AS node, s.path AS segment, a.stdout_start, a.stdout_bytes, a.stderr_start,
               a.stderr_bytes,
               CASE WHEN m.peak_memory_bytes >= a.peak_memory_bytes THEN 'sampled'
                    WHEN a.peak_memory_bytes > 0 THEN 'wait4' ELSE 'unknown' END AS peak_memory_source,
               iif(m.peak_memory_bytes IS NULL AND a.peak_memory_bytes < 0, -a.peak_memory_bytes, NULL)
                   AS peak_memory_at_most_bytes
        FROM attempt a
        JOIN job j ON j.id = a.job_id
        LEFT JOIN runner u ON u.id = a.runner_id
        LEFT JOIN node n ON n.id = u.node_id
        LEFT JOIN segment s ON s.id = a.segment_id
        LEFT JOIN attempt_usage m ON m.job_id = a.job_id AND m.run_id = a.run_id AND m.attempt_id = a.attempt_id;
    CREATE VIEW v_attempt_usage AS
        SELECT u.job_id, j.workflow_id, j.name AS job_name, u.run_id, u.attempt_id, u.peak_memory_bytes,
               u.avg_memory_bytes, u.peak_cpu_percent, u.avg_cpu_percent, u.cpu_s, u.most_processes, u.read_bytes,
               u.written_bytes, u.samples, u.source, u.peak_gpu_memory_bytes
        FROM attempt_usage u JOIN job j ON j.id = u.job_id;
    CREATE VIEW v_node_usage AS
        SELECT u.workflow_id, u.run_id, n.hostname AS node, u.peak_cpu_percent, u.avg_cpu_percent, u.peak_memory_bytes,
               u.avg_memory_bytes, u.samples
        FROM node_usage u JOIN node n ON n.id = u.node_id;

    -- Several nodes.
    ALTER TABLE runner ADD COLUMN beat_at REAL;
    ALTER TABLE runner ADD COLUMN ends_at REAL;
    """,
)

#: The schema version of ``schema.sql`` (SQLite ``user_version``).
NEWEST = len(RUNGS) + 1


def migrate(db: Database, version: int, rungs: tuple[str, ...] = RUNGS) -> None:
    """Bring the database from ``version`` to the top of the ladder, keeping a copy beside it.

    Crash: a kill before COMMIT leaves the old version, and the copy; the next open climbs again.
    """
    copy = db.path.with_name(f"{db.path.name}.v{version}.bak")
    remembered.look_again(copy.parent)
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
