-- The whole database of torc-local, and the reference for every column.
--
-- Tables are private. The views at the end (v_...) are the stable interface for people with SQL.
-- Suffixes: _at is seconds since the epoch (UTC), _s is seconds, _bytes is bytes. States are words.

-- One row: what this file is and how far it has come.
CREATE TABLE meta (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    token       TEXT    NOT NULL,            -- random; part of the token each job carries in its environment
    created_by  TEXT    NOT NULL,            -- version of torc-local
    created_at  REAL    NOT NULL,
    -- Bumped by every write transaction. A process that reads a smaller value than it has seen before is looking at
    -- a file that was rolled back or restored under it.
    commit_seq  INTEGER NOT NULL DEFAULT 0,
    -- SQLite's journal mode, set when the database is made: wal, or delete, which needs no shared memory and is slower.
    journal     TEXT    NOT NULL DEFAULT 'wal'
) STRICT;

-- The legal moves of a job, filled from ground/states.py when the database is made; trigger job_move enforces them.
CREATE TABLE move (
    before TEXT NOT NULL,
    after  TEXT NOT NULL,
    PRIMARY KEY (before, after)
) STRICT, WITHOUT ROWID;

CREATE TABLE workflow (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,   -- an id is never used twice, even after a delete
    name                TEXT    NOT NULL,
    user                TEXT    NOT NULL,
    description         TEXT,
    sort_method         TEXT    NOT NULL,                    -- Torc's jobs_sort_method
    spec_path           TEXT,                                -- absolute; NULL when read from standard input
    spec_digest         TEXT    NOT NULL,                    -- of the parsed content: tells a resume from a new workflow
    dependency_count    INTEGER NOT NULL,                    -- job-to-job edges as the author means them
    created_at          REAL    NOT NULL,
    creation_s          REAL,                                -- from the start of reading the file to just before commit
    creation_bytes      INTEGER,                             -- size of the database with this workflow in it
    run_id              INTEGER NOT NULL DEFAULT 0,          -- the newest run, or the next one when jobs were put back for it
    is_canceled         INTEGER NOT NULL DEFAULT 0 CHECK (is_canceled IN (0, 1)),
    is_archived         INTEGER NOT NULL DEFAULT 0 CHECK (is_archived IN (0, 1)),
    settings            TEXT    NOT NULL DEFAULT '{}',       -- JSON: what the spec sets beyond these, spec/settings.py
    cancels             INTEGER NOT NULL DEFAULT 0           -- times that jobs were canceled that runners hold: look for them
) STRICT;

-- One pass over a workflow. It is open until every job has finished; a later `run` goes on with an open one.
CREATE TABLE run (
    workflow_id INTEGER NOT NULL REFERENCES workflow(id) ON DELETE CASCADE,
    run_id      INTEGER NOT NULL CHECK (run_id > 0),
    started_at  REAL    NOT NULL,
    ended_at    REAL,
    directory   TEXT,                                        -- where it was called, and its jobs run; NULL: not known
    PRIMARY KEY (workflow_id, run_id)
) STRICT, WITHOUT ROWID;

-- How many jobs are in each state: kept by every transaction that moves jobs, so that progress costs the same for
-- ten jobs and a million. invariants.counts_match_jobs recounts it.
CREATE TABLE job_count (
    workflow_id INTEGER NOT NULL REFERENCES workflow(id) ON DELETE CASCADE,
    status      TEXT    NOT NULL,
    jobs        INTEGER NOT NULL CONSTRAINT count_not_negative CHECK (jobs >= 0),
    PRIMARY KEY (workflow_id, status)
) STRICT, WITHOUT ROWID;

-- What jobs ask of a node. Ids ascend in the workflow's sort order (the largest first), so the index job_ready
-- hands out ready jobs in that order.
CREATE TABLE resource_requirements (
    id           INTEGER PRIMARY KEY,
    workflow_id  INTEGER NOT NULL REFERENCES workflow(id) ON DELETE CASCADE,
    name         TEXT    NOT NULL,
    num_cpus     INTEGER NOT NULL CHECK (num_cpus >= 0),
    num_gpus     INTEGER NOT NULL CHECK (num_gpus >= 0),
    num_nodes    INTEGER NOT NULL CHECK (num_nodes >= 1),
    memory_bytes INTEGER NOT NULL CHECK (memory_bytes >= 0),
    runtime_s    REAL    NOT NULL CHECK (runtime_s >= 0),
    -- What the file states, and a job may be ended for, bits: 1 memory, 2 run time. Torc's implicit values are no limits.
    limits       INTEGER NOT NULL DEFAULT 0,
    UNIQUE (workflow_id, name)
) STRICT;

-- What jobs say beyond the columns of ``job``: one row for all jobs of a workflow that say the same.
CREATE TABLE job_options (
    id                   INTEGER PRIMARY KEY,
    workflow_id          INTEGER NOT NULL REFERENCES workflow(id) ON DELETE CASCADE,
    options              TEXT    NOT NULL                    -- JSON, the fields of spec/options.py
) STRICT;
CREATE INDEX job_options_by_workflow ON job_options (workflow_id);

CREATE TABLE job (
    id                       INTEGER PRIMARY KEY CHECK (id > 0),
    workflow_id              INTEGER NOT NULL REFERENCES workflow(id) ON DELETE CASCADE,
    name                     TEXT    NOT NULL,
    command                  TEXT    NOT NULL,
    resource_requirements_id INTEGER NOT NULL REFERENCES resource_requirements(id),
    priority                 INTEGER NOT NULL DEFAULT 0,     -- higher is claimed first
    -- When something this job waits for did not succeed: 1 cancels it, 0 runs it all the same.
    cancel_on_blocking_job_failure INTEGER NOT NULL DEFAULT 1 CHECK (cancel_on_blocking_job_failure IN (0, 1)),
    status                   TEXT    NOT NULL,
    -- Jobs and gates before this one that have not been counted off yet; kept by unblock and by restart, nobody else.
    blockers                 INTEGER NOT NULL DEFAULT 0 CHECK (blockers >= 0),
    blocker_failed           INTEGER NOT NULL DEFAULT 0 CHECK (blocker_failed IN (0, 1)),
    attempt_id               INTEGER NOT NULL DEFAULT 1,     -- the current try, or the next one when the job is not claimed
    runner_id                INTEGER,                        -- who holds the claim
    losses                   INTEGER NOT NULL DEFAULT 0,     -- runners that died while this job was running
    options_id               INTEGER REFERENCES job_options(id),   -- NULL: nothing beyond these columns
    -- What a runner must look up for this job, bits (ground/io.py): 1 it has files, looked at when it has ended; 2 its
    -- command has tokens, filled in when it starts; 4 it reads user data, whose version is noted when it starts; 8 its
    -- current attempt failed, and a recovery script comes before the next; 16 a person canceled it while it was claimed.
    io                       INTEGER NOT NULL DEFAULT 0,
    origin                   TEXT,                           -- NULL: from the spec; spawn or add: came later
    CONSTRAINT claimed_has_runner CHECK ((status IN ('pending', 'running')) = (runner_id IS NOT NULL)),
    CONSTRAINT blocked_has_blockers CHECK (status <> 'blocked' OR blockers > 0),
    CONSTRAINT ready_has_none CHECK (blockers = 0 OR status NOT IN ('ready', 'pending', 'running'))
) STRICT;

CREATE UNIQUE INDEX job_by_name ON job (workflow_id, name);
-- Which job is next?
CREATE INDEX job_ready ON job (workflow_id, priority DESC, resource_requirements_id, id) WHERE status = 'ready';
-- What does this runner hold?
CREATE INDEX job_held ON job (runner_id) WHERE runner_id IS NOT NULL;
-- Which jobs did not succeed? Not IN (...): of three values or more SQLite makes a temporary table in every statement that
-- changes a job. A query uses this index when it says the same (registry.UNSUCCESSFUL).
CREATE INDEX job_unsuccessful ON job (workflow_id, status, id)
    WHERE status = 'failed' OR status = 'canceled' OR status = 'terminated' OR status = 'pending_failed';

CREATE TRIGGER job_move BEFORE UPDATE OF status ON job
WHEN NEW.status IS NOT OLD.status
 AND NOT EXISTS (SELECT 1 FROM move WHERE before = OLD.status AND after = NEW.status)
BEGIN
    SELECT RAISE(ABORT, 'illegal move of a job');
END;

-- A dependency set shared by several jobs: N rows in, M rows out instead of N x M. It opens when remaining is 0.
-- Gate ids are negative, so that one column of `dependency` can name a job or a gate.
CREATE TABLE gate (
    id          INTEGER PRIMARY KEY CHECK (id < 0),
    workflow_id INTEGER NOT NULL REFERENCES workflow(id) ON DELETE CASCADE,
    members     INTEGER NOT NULL CHECK (members > 0),        -- jobs in the set
    remaining   INTEGER NOT NULL CHECK (remaining >= 0),     -- of these, not counted off yet
    failed      INTEGER NOT NULL DEFAULT 0 CHECK (failed IN (0, 1))   -- one of them did not succeed
) STRICT;
CREATE INDEX gate_by_workflow ON gate (workflow_id);

-- after waits for before. Each end is a job (positive) or a gate (negative): job -> job, job -> gate, gate -> job.
CREATE TABLE dependency (
    before_id INTEGER NOT NULL,
    after_id  INTEGER NOT NULL CHECK (after_id <> before_id),
    PRIMARY KEY (before_id, after_id)
) STRICT, WITHOUT ROWID;

-- Queue from settle to unblock: jobs and gates that have ended and whose dependents have not been counted down yet.
-- Those without dependents never enter. dependents up to cursor_id are done: a fan-out of a million is worked off in pieces.
CREATE TABLE ended (
    workflow_id INTEGER NOT NULL,
    node_id     INTEGER NOT NULL,                            -- a job or a gate
    failed      INTEGER NOT NULL CHECK (failed IN (0, 1)),
    cursor_id   INTEGER NOT NULL DEFAULT -9223372036854775808,
    PRIMARY KEY (workflow_id, node_id)
) STRICT, WITHOUT ROWID;

-- A machine, from one boot to the next. In resource mode its capacity is one budget for all runners on it.
CREATE TABLE node (
    id           INTEGER PRIMARY KEY,
    hostname     TEXT    NOT NULL,
    boot_id      TEXT    NOT NULL,                           -- machine-id, boot id, pid namespace: a host name is no identity
    num_cpus     INTEGER NOT NULL,
    memory_bytes INTEGER NOT NULL,
    num_gpus     INTEGER NOT NULL,
    UNIQUE (boot_id, hostname)
) STRICT;

-- A runner process. Rows stay after its end: results refer to them, and the report reads them.
CREATE TABLE runner (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,   -- never used twice: it is half of the fence of every settle
    workflow_id         INTEGER NOT NULL REFERENCES workflow(id) ON DELETE CASCADE,
    run_id              INTEGER NOT NULL,
    node_id             INTEGER NOT NULL REFERENCES node(id),
    pid                 INTEGER NOT NULL,
    pid_start           INTEGER NOT NULL,                    -- clock ticks after boot: a pid alone may be somebody else's by now
    slots               INTEGER NOT NULL CHECK (slots > 0),
    started_at          REAL    NOT NULL,
    ended_at            REAL,
    end_reason          TEXT CHECK (end_reason IN ('finished', 'stopped', 'lost', 'failed')),
    beat                INTEGER NOT NULL DEFAULT 0,          -- a live runner bumps it; observers time it by their own clock
    -- Resource mode: what its slots hold of the node's budget now. 0 with -j, which counts jobs only.
    held_cpus           INTEGER NOT NULL DEFAULT 0 CHECK (held_cpus >= 0),
    held_memory_bytes   INTEGER NOT NULL DEFAULT 0 CHECK (held_memory_bytes >= 0),
    held_gpus           INTEGER NOT NULL DEFAULT 0 CHECK (held_gpus >= 0),
    -- Metrics, written about once a second and at the end.
    jobs_run            INTEGER NOT NULL DEFAULT 0,
    claim_transactions  INTEGER NOT NULL DEFAULT 0,          -- transactions that claimed at least one job
    settle_transactions INTEGER NOT NULL DEFAULT 0,          -- transactions that settled at least one job
    write_transactions  INTEGER NOT NULL DEFAULT 0,          -- all write transactions
    write_s             REAL    NOT NULL DEFAULT 0,          -- time between getting the lock and the end of commit
    idle_s              REAL    NOT NULL DEFAULT 0,          -- waiting with nothing to run, between its first and last job
    cpu_s               REAL    NOT NULL DEFAULT 0,          -- the runner process itself, without its jobs
    lock_wait_s         REAL    NOT NULL DEFAULT 0,          -- waiting for the write lock, turnstile included
    lock_wait_max_s     REAL    NOT NULL DEFAULT 0,
    lock_wait_histogram TEXT    NOT NULL DEFAULT '[]',       -- JSON: counts per bucket of ground/histogram.py
    lock_retries        INTEGER NOT NULL DEFAULT 0,          -- times SQLite found the lock taken and waited
    lock_errors         INTEGER NOT NULL DEFAULT 0,          -- transactions given up because of the lock; 0 is the promise
    -- JSON: "transactions": {name: [count, seconds, longest]} with the lock held, "checkpoints": [count, seconds,
    -- longest], "wal_pages": most pages it saw in the write-ahead log.
    write_figures       TEXT    NOT NULL DEFAULT '{}',
    acts                INTEGER NOT NULL DEFAULT 0 CHECK (acts IN (0, 1)),   -- it executes actions, and no jobs
    -- Several nodes. For people alone, by the clock of the runner's machine: nobody decides by them.
    beat_at             REAL,                                -- when it bumped its beat last
    ends_at             REAL,                                -- when its allocation or time limit ends; NULL: never
    CONSTRAINT end_has_reason CHECK ((ended_at IS NULL) = (end_reason IS NULL))
) STRICT;
CREATE INDEX runner_alive ON runner (workflow_id) WHERE ended_at IS NULL;

-- The lease of the one coordinator of a workflow. Whoever changes epoch has taken over; all that it writes is fenced by it.
CREATE TABLE coordinator (
    workflow_id  INTEGER PRIMARY KEY REFERENCES workflow(id) ON DELETE CASCADE,
    epoch        INTEGER NOT NULL,
    node_id      INTEGER NOT NULL REFERENCES node(id),
    pid          INTEGER NOT NULL,
    pid_start    INTEGER NOT NULL,
    beat         INTEGER NOT NULL DEFAULT 0,
    released_at  REAL,                                       -- given up in an orderly way; NULL while held
    cpu_s        REAL    NOT NULL DEFAULT 0,                 -- all coordinators of the newest run together
    transactions INTEGER NOT NULL DEFAULT 0,                 -- likewise
    write_figures TEXT NOT NULL DEFAULT '{}'                 -- of the newest one; as in runner
) STRICT;

-- A pair of output files, <path>.out and <path>.err, that the children of one runner slot append to.
CREATE TABLE segment (
    id        INTEGER PRIMARY KEY,
    runner_id INTEGER NOT NULL REFERENCES runner(id) ON DELETE CASCADE,
    path      TEXT    NOT NULL                               -- relative to the database's directory, or absolute
) STRICT;
CREATE INDEX segment_by_runner ON segment (runner_id);

-- Jobs known to run now, for `logs -f` and for cleaning up. A job shorter than a batch never gets a row.
CREATE TABLE running (
    job_id       INTEGER PRIMARY KEY REFERENCES job(id) ON DELETE CASCADE,
    pid          INTEGER NOT NULL,                           -- also its process group
    started_at   REAL    NOT NULL,
    segment_id   INTEGER NOT NULL,
    stdout_start INTEGER NOT NULL,
    stderr_start INTEGER NOT NULL
) STRICT;

-- One row per try at a job: the record that a completion is never lost and never doubled (the primary key).
CREATE TABLE attempt (
    job_id            INTEGER NOT NULL REFERENCES job(id) ON DELETE CASCADE,
    run_id            INTEGER NOT NULL,
    attempt_id        INTEGER NOT NULL,
    runner_id         INTEGER NOT NULL,
    status            TEXT    NOT NULL CHECK (status = 'completed' OR status IN ('failed', 'canceled', 'terminated', 'lost')),
    reason            TEXT,                                  -- why it did not complete, in words
    return_code       INTEGER NOT NULL,                      -- exit status; minus the signal; -128 lost (Torc)
    started_at        REAL    NOT NULL,
    ended_at          REAL    NOT NULL,
    cpu_s             REAL    NOT NULL,                      -- user and system, with waited-for children (wait4)
    -- Largest resident set of one process of it (wait4). Until it executes its program, a child is a copy of the runner,
    -- and the kernel counts that, about 30 MiB. What is not more than that is negative: it used no more than so much.
    -- 0: unknown.
    peak_memory_bytes INTEGER NOT NULL,
    segment_id        INTEGER,                               -- where its output is; NULL when there is none
    stdout_start      INTEGER NOT NULL DEFAULT 0,
    stdout_bytes      INTEGER NOT NULL DEFAULT 0,
    stderr_start      INTEGER NOT NULL DEFAULT 0,
    stderr_bytes      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (job_id, run_id, attempt_id),
    CONSTRAINT completed_is_zero CHECK ((status = 'completed') = (return_code = 0 AND reason IS NULL))
) STRICT, WITHOUT ROWID;

-- GPUs.

-- The GPUs of a node that runners hold now, each once, whatever runs share the node: taken in the transaction that
-- claims the jobs, given back in the one that settles the last of them, when the runner ends, or when its work is taken
-- back after its death (and after what its jobs left was ended).
CREATE TABLE held_gpu (
    node_id   INTEGER NOT NULL REFERENCES node(id),
    gpu       TEXT    NOT NULL,                              -- as jobs get it: a number, a UUID or the name of a MIG slice
    runner_id INTEGER NOT NULL REFERENCES runner(id) ON DELETE CASCADE,
    PRIMARY KEY (node_id, gpu)
) STRICT, WITHOUT ROWID;
CREATE INDEX held_gpu_by_runner ON held_gpu (runner_id);

-- Files and user data: named things that jobs read and write.
CREATE TABLE file (
    id          INTEGER PRIMARY KEY,
    workflow_id INTEGER NOT NULL REFERENCES workflow(id) ON DELETE CASCADE,
    name        TEXT    NOT NULL,
    path        TEXT    NOT NULL,                            -- relative to the directory in which jobs run
    is_consumed INTEGER NOT NULL CHECK (is_consumed IN (0, 1)),   -- some job reads it
    is_produced INTEGER NOT NULL CHECK (is_produced IN (0, 1)),   -- some job writes it; otherwise it must be there
    mtime_at    REAL                                         -- of one that nobody writes: as a run first found it
) STRICT;
CREATE UNIQUE INDEX file_by_name ON file (workflow_id, name);

CREATE TABLE user_data (
    id           INTEGER PRIMARY KEY,
    workflow_id  INTEGER NOT NULL REFERENCES workflow(id) ON DELETE CASCADE,
    name         TEXT    NOT NULL,
    data         TEXT,                                       -- compact JSON, keys sorted; NULL: none yet
    given        TEXT,                                       -- what the spec said, kept when data is written first
    version      INTEGER NOT NULL DEFAULT 0,                 -- meta.commit_seq when data changed last; 0: as the spec says
    is_ephemeral INTEGER NOT NULL CHECK (is_ephemeral IN (0, 1)),   -- as the spec says again when its writers are put back
    is_consumed  INTEGER NOT NULL CHECK (is_consumed IN (0, 1)),
    is_produced  INTEGER NOT NULL CHECK (is_produced IN (0, 1)),
    job_id       INTEGER,                                    -- which job wrote it last; NULL: somebody outside of jobs
    put_at       REAL                                        -- when it was written last; NULL: never
) STRICT;
CREATE UNIQUE INDEX user_data_by_name ON user_data (workflow_id, name);

-- A list of files, or of user data, that several jobs read: stored once. Its id is negative, so that one column can
-- name one thing or a set.
CREATE TABLE item_set (
    id          INTEGER PRIMARY KEY CHECK (id < 0),
    workflow_id INTEGER NOT NULL REFERENCES workflow(id) ON DELETE CASCADE,
    kind        TEXT    NOT NULL CHECK (kind IN ('file', 'user_data'))   -- what its members are
) STRICT;
CREATE INDEX item_set_by_workflow ON item_set (workflow_id);

CREATE TABLE item_set_member (
    set_id  INTEGER NOT NULL REFERENCES item_set(id) ON DELETE CASCADE,
    item_id INTEGER NOT NULL,
    PRIMARY KEY (set_id, item_id)
) STRICT, WITHOUT ROWID;

-- What jobs read and write. An input may be a set; outputs never are.
CREATE TABLE job_file (
    job_id    INTEGER NOT NULL REFERENCES job(id) ON DELETE CASCADE,
    is_output INTEGER NOT NULL CHECK (is_output IN (0, 1)),
    file_id   INTEGER NOT NULL,                              -- a file, or an item_set when negative
    -- As it was when the job completed last. NULL: it has not, or it is a set, whose files have their writers' times.
    mtime_at  REAL,
    PRIMARY KEY (job_id, is_output, file_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE job_user_data (
    job_id       INTEGER NOT NULL REFERENCES job(id) ON DELETE CASCADE,
    is_output    INTEGER NOT NULL CHECK (is_output IN (0, 1)),
    user_data_id INTEGER NOT NULL,                           -- user data, or an item_set when negative
    -- Inputs: the version that the job got when it started, of the attempt that completed last; the newest of a set.
    version      INTEGER,
    PRIMARY KEY (job_id, is_output, user_data_id)
) STRICT, WITHOUT ROWID;

-- Recovery scripts: one row for each that has ended by itself. It ran after the attempt of this number and before the
-- next one, on a claim of its own (job.io has bit 8 until it has ended).
CREATE TABLE recovery (
    job_id       INTEGER NOT NULL REFERENCES job(id) ON DELETE CASCADE,
    attempt_id   INTEGER NOT NULL,                           -- the attempt that failed
    run_id       INTEGER NOT NULL,
    runner_id    INTEGER NOT NULL,
    return_code  INTEGER NOT NULL,                           -- of the script
    started_at   REAL    NOT NULL,
    ended_at     REAL    NOT NULL,
    segment_id   INTEGER,                                    -- where its output is, as in attempt
    stdout_start INTEGER NOT NULL,
    stdout_bytes INTEGER NOT NULL,
    stderr_start INTEGER NOT NULL,
    stderr_bytes INTEGER NOT NULL,
    PRIMARY KEY (job_id, attempt_id)
) STRICT, WITHOUT ROWID;

-- Actions.

-- What a workflow does when something happens to it, to its jobs or to its workers, in the order of the file.
CREATE TABLE action (
    id            INTEGER PRIMARY KEY,
    workflow_id   INTEGER NOT NULL REFERENCES workflow(id) ON DELETE CASCADE,
    number        INTEGER NOT NULL,                          -- its place in the file, from 1
    trigger_type  TEXT    NOT NULL CHECK (trigger_type IN ('on_workflow_start', 'on_workflow_complete', 'on_jobs_ready',
                                   'on_jobs_complete', 'on_worker_start', 'on_worker_complete')),
    action_type   TEXT    NOT NULL CHECK (action_type IN ('run_commands', 'schedule_nodes')),
    is_persistent INTEGER NOT NULL CHECK (is_persistent IN (0, 1)),   -- of workers: for each of them, not for the first
    config        TEXT    NOT NULL,                          -- JSON: commands, or which nodes are asked for
    UNIQUE (workflow_id, number)
) STRICT;

-- The jobs that an action with on_jobs_ready or on_jobs_complete waits for.
CREATE TABLE action_job (
    action_id INTEGER NOT NULL REFERENCES action(id) ON DELETE CASCADE,
    job_id    INTEGER NOT NULL,
    PRIMARY KEY (action_id, job_id)
) STRICT, WITHOUT ROWID;

-- Actions that somebody has begun with: one row for each that is executed in a run, whoever does it and how often.
CREATE TABLE action_run (
    action_id   INTEGER NOT NULL REFERENCES action(id) ON DELETE CASCADE,
    run_id      INTEGER NOT NULL,
    worker      TEXT    NOT NULL,                            -- empty, or for which worker (a call of run): its node, pid, start
    runner_id   INTEGER,                                     -- who executes it, or did; NULL: who did so is gone, others may
    losses      INTEGER NOT NULL DEFAULT 0,                  -- how many who executed it have died
    started_at  REAL    NOT NULL,
    ended_at    REAL,
    return_code INTEGER,                                     -- of the last command; minus the signal; -128 lost
    reason      TEXT,                                        -- why it failed, in words
    log         TEXT,                                        -- its output: relative to the database's directory, or absolute
    PRIMARY KEY (action_id, run_id, worker),
    CONSTRAINT action_end_has_code CHECK ((ended_at IS NULL) = (return_code IS NULL))
) STRICT, WITHOUT ROWID;

-- Allocations that Slurm was asked for.
CREATE TABLE allocation (
    workflow_id  INTEGER NOT NULL REFERENCES workflow(id) ON DELETE CASCADE,
    slurm_job_id INTEGER NOT NULL,
    nodes        INTEGER NOT NULL CHECK (nodes > 0),
    scheduler    TEXT,                                       -- the name in the workflow file; NULL: none was meant
    submitted_at REAL    NOT NULL,
    PRIMARY KEY (workflow_id, slurm_job_id)
) STRICT, WITHOUT ROWID;

-- Jobs that were added after the workflow was stored.

-- Monitoring.

-- What the monitor of a node saw of attempts that lasted: sampled, while wait4's figures in ``attempt`` are the kernel's
-- sums. A row may come before that of its attempt, and says something about it whoever wrote it.
CREATE TABLE attempt_usage (
    job_id            INTEGER NOT NULL REFERENCES job(id) ON DELETE CASCADE,
    run_id            INTEGER NOT NULL,
    attempt_id        INTEGER NOT NULL,
    peak_memory_bytes INTEGER NOT NULL,                      -- largest seen: of a sample, or of one process at any time
    avg_memory_bytes  INTEGER NOT NULL,                      -- from its start to the last sample
    peak_cpu_percent  REAL    NOT NULL,                      -- between two samples, over half a second at least; 100 is one processor
    avg_cpu_percent   REAL    NOT NULL,                      -- from its start to the last sample
    cpu_s             REAL    NOT NULL,                      -- processor time until the last sample
    most_processes    INTEGER NOT NULL,
    read_bytes        INTEGER NOT NULL,                      -- asked of the kernel, whether or not a disk was read
    written_bytes     INTEGER NOT NULL,
    samples           INTEGER NOT NULL CHECK (samples > 0),
    -- What the peak is: tree, all its processes at one moment; process, the largest one of them at any moment (the
    -- kernel keeps that, so nothing between two samples is missed).
    source            TEXT    NOT NULL CHECK (source IN ('tree', 'process')),
    peak_gpu_memory_bytes INTEGER,                           -- largest sample, on all GPUs; NULL: none was seen
    PRIMARY KEY (job_id, run_id, attempt_id)
) STRICT, WITHOUT ROWID;

-- What it saw of the whole node, whoever used it.
CREATE TABLE node_usage (
    workflow_id       INTEGER NOT NULL REFERENCES workflow(id) ON DELETE CASCADE,
    run_id            INTEGER NOT NULL,
    node_id           INTEGER NOT NULL REFERENCES node(id),
    peak_cpu_percent  REAL,                                  -- 100 is all processors; NULL: not measured
    avg_cpu_percent   REAL,
    peak_memory_bytes INTEGER,                               -- in use and not free for others; NULL: not measured
    avg_memory_bytes  INTEGER,
    samples           INTEGER NOT NULL CHECK (samples > 0),
    PRIMARY KEY (workflow_id, run_id, node_id)
) STRICT, WITHOUT ROWID;

-- What happened, for people: the same lines as on the screen, and those nobody was watching.
CREATE TABLE event (
    id          INTEGER PRIMARY KEY,
    workflow_id INTEGER NOT NULL REFERENCES workflow(id) ON DELETE CASCADE,
    at          REAL    NOT NULL,
    type        TEXT    NOT NULL,                            -- run_started, job_failed, runner_lost, ...
    job_id      INTEGER,
    message     TEXT    NOT NULL
) STRICT;
CREATE INDEX event_by_workflow ON event (workflow_id, id);

-- ---------------------------------------------------------------------------------------------------------------
-- Public views. Columns are only ever added. Open the file read-only.

CREATE VIEW v_meta AS
    SELECT created_by AS torc_local_version, created_at, commit_seq,
           (SELECT user_version FROM pragma_user_version) AS schema_version
    FROM meta;

CREATE VIEW v_workflows AS
    SELECT w.id AS workflow_id, w.name, w.user, w.description, w.run_id, w.is_canceled, w.spec_path, w.created_at,
           (SELECT sum(c.jobs) FROM job_count c WHERE c.workflow_id = w.id) AS total_jobs,
           w.dependency_count
    FROM workflow w;

CREATE VIEW v_jobs AS
    SELECT j.id AS job_id, j.workflow_id, j.name, j.command, j.status, j.priority, j.attempt_id, j.blockers,
           r.name AS resource_requirements, r.num_cpus, r.num_gpus, r.memory_bytes, r.runtime_s
    FROM job j JOIN resource_requirements r ON r.id = j.resource_requirements_id;

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

CREATE VIEW v_results AS
    SELECT * FROM v_attempts v
    WHERE (v.run_id, v.attempt_id) =
          (SELECT a.run_id, a.attempt_id FROM attempt a WHERE a.job_id = v.job_id ORDER BY a.run_id DESC, a.attempt_id DESC LIMIT 1);

CREATE VIEW v_dependencies AS
    SELECT d.before_id, d.after_id, d.before_id < 0 AS before_is_gate, d.after_id < 0 AS after_is_gate
    FROM dependency d;

CREATE VIEW v_runners AS
    SELECT u.id AS runner_id, u.workflow_id, u.run_id, n.hostname AS node, u.pid, u.slots, u.started_at, u.ended_at,
           u.end_reason, u.jobs_run, u.claim_transactions, u.settle_transactions, u.write_transactions, u.idle_s,
           u.cpu_s, u.lock_wait_s, u.lock_wait_max_s, u.lock_retries, u.lock_errors
    FROM runner u JOIN node n ON n.id = u.node_id;

CREATE VIEW v_events AS
    SELECT e.id AS event_id, e.workflow_id, e.at, e.type, e.job_id, j.name AS job_name, e.message
    FROM event e LEFT JOIN job j ON j.id = e.job_id;

CREATE VIEW v_files AS
    SELECT f.id AS file_id, f.workflow_id, f.name, f.path, f.is_consumed, f.is_produced FROM file f;

CREATE VIEW v_user_data AS
    SELECT u.id AS user_data_id, u.workflow_id, u.name, u.data, u.is_ephemeral, u.is_consumed, u.is_produced,
           u.job_id, u.put_at
    FROM user_data u;

CREATE VIEW v_actions AS
    SELECT a.id AS action_id, a.workflow_id, a.number, a.trigger_type, a.action_type, a.is_persistent, a.config,
           r.run_id, r.runner_id, r.started_at, r.ended_at, r.return_code, r.reason, r.log
    FROM action a LEFT JOIN action_run r ON r.action_id = a.id;

CREATE VIEW v_attempt_usage AS
    SELECT u.job_id, j.workflow_id, j.name AS job_name, u.run_id, u.attempt_id, u.peak_memory_bytes,
           u.avg_memory_bytes, u.peak_cpu_percent, u.avg_cpu_percent, u.cpu_s, u.most_processes, u.read_bytes,
           u.written_bytes, u.samples, u.source, u.peak_gpu_memory_bytes
    FROM attempt_usage u JOIN job j ON j.id = u.job_id;

CREATE VIEW v_node_usage AS
    SELECT u.workflow_id, u.run_id, n.hostname AS node, u.peak_cpu_percent, u.avg_cpu_percent, u.peak_memory_bytes,
           u.avg_memory_bytes, u.samples
    FROM node_usage u JOIN node n ON n.id = u.node_id;
