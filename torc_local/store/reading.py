"""Statements for looking: lists, results, output and the scale report. Nothing here runs while jobs are claimed."""

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from torc_local.ground.limits import LIMITS_MEMORY, LIMITS_RUNTIME
from torc_local.ground.states import RETRIABLE
from torc_local.store.database import Database
from torc_local.store.registry import UNSUCCESSFUL, statement


class JobRow(NamedTuple):
    """A job in a list; ``reason`` says why it did not succeed, when it ran at all."""

    id: int
    name: str
    status: str
    command: str
    attempt_id: int
    priority: int
    reason: str | None


class JobDetails(NamedTuple):
    """Everything about one job; columns as in schema.sql."""

    id: int
    workflow_id: int
    name: str
    command: str
    status: str
    priority: int
    attempt_id: int
    blockers: int
    losses: int
    cancel_on_blocking_job_failure: int
    options_id: int | None
    origin: str | None
    resource_requirements: str
    num_cpus: int
    num_gpus: int
    num_nodes: int
    memory_bytes: int
    runtime_s: float


class Peak(NamedTuple):
    """How much memory an attempt used at most, and how that is known: sampled, wait4 or unknown.

    Unknown is what used less than what the kernel counts for every child; it is no more than ``bound``, when that is
    not None.
    """

    bytes: int | None
    bound: int | None
    source: str


def peak_of(recorded: int, sampled: int | None) -> Peak:
    """The larger of what was sampled, of all processes, and what wait4 says, of the largest one; as in schema.sql."""
    if sampled is not None and sampled >= recorded:
        return Peak(sampled, None, "sampled")
    if recorded > 0:
        return Peak(recorded, None, "wait4")
    return Peak(None, -recorded or None, "unknown")


class AttemptRow(NamedTuple):
    """One try at a job, with the names of what it refers to; from ``samples`` on what a monitor saw, if any did."""

    job_id: int
    job_name: str
    run_id: int
    attempt_id: int
    return_code: int
    status: str
    reason: str | None
    started_at: float
    ended_at: float
    cpu_s: float
    peak_memory_bytes: int
    runner_id: int
    node: str | None
    samples: int | None = None
    sampled_peak_bytes: int | None = None
    avg_memory_bytes: int | None = None
    peak_cpu_percent: float | None = None
    sampled_cpu_s: float | None = None

    @property
    def peak(self) -> Peak:
        """How much memory it used at most."""
        return peak_of(self.peak_memory_bytes, self.sampled_peak_bytes)

    @property
    def total_cpu_s(self) -> float:
        """Processor time: wait4 misses what nobody waited for, samples miss the end."""
        return max(self.cpu_s, self.sampled_cpu_s or 0.0)


class OutputRow(NamedTuple):
    """Where the output of an attempt is; ``path`` is None when there is none."""

    attempt_id: int
    status: str
    path: str | None
    stdout_start: int
    stdout_bytes: int
    stderr_start: int
    stderr_bytes: int


class RunningRow(NamedTuple):
    """Where a running job writes."""

    attempt_id: int
    pid: int
    started_at: float
    path: str | None
    stdout_start: int
    stderr_start: int


class Neighbour(NamedTuple):
    """A job next to another one in the graph."""

    id: int
    name: str
    status: str


class FailureRow(NamedTuple):
    """Jobs that did not succeed for the same reason: how many, and the first and the last of their names."""

    status: str
    reason: str | None
    jobs: int
    example: str
    last_example: str
    outcome: str | None = None  # of their newest attempts; None: they had none


class Activity(NamedTuple):
    """What the attempts of one run add up to; times are None when there is none."""

    ended: int
    first_start: float | None
    last_end: float | None
    cpu_s: float


class CoreTime(NamedTuple):
    """Seconds by processors: what attempts used, and what was theirs, by what they ask for."""

    used_s: float
    reserved_s: float


class RunnerFigures(NamedTuple):
    """A runner with its metrics; columns as in schema.sql."""

    id: int
    node: str
    pid: int
    slots: int
    started_at: float
    ended_at: float | None
    end_reason: str | None
    jobs_run: int
    claim_transactions: int
    settle_transactions: int
    write_transactions: int
    write_s: float
    idle_s: float
    cpu_s: float
    lock_wait_s: float
    lock_wait_max_s: float
    lock_wait_histogram: str
    lock_retries: int
    lock_errors: int
    write_figures: str


class Edge(NamedTuple):
    """One dependency; negative ids are gates."""

    before_id: int
    after_id: int


class Span(NamedTuple):
    """A job with its first start and last end in one run; both None when it did not run in it."""

    id: int
    name: str
    first_start: float | None
    last_end: float | None


class GraphJob(NamedTuple):
    """A job as a node of its workflow's graph."""

    id: int
    name: str
    status: str
    resource_requirements_id: int


class Requirements(NamedTuple):
    """What jobs ask of a node; columns as in schema.sql."""

    id: int
    name: str
    num_cpus: int
    num_gpus: int
    num_nodes: int
    memory_bytes: int
    runtime_s: float
    limits: int

    @property
    def stated_memory(self) -> int | None:
        """Bytes, when the file states any."""
        return self.memory_bytes if self.limits & LIMITS_MEMORY else None

    @property
    def stated_runtime(self) -> float | None:
        """Seconds, when the file states any."""
        return self.runtime_s if self.limits & LIMITS_RUNTIME else None


class _Name(NamedTuple):
    name: str


class _Ids(NamedTuple):
    id: int
    workflow_id: int


_JOB_COLUMNS = (
    "SELECT j.id, j.name, j.status, j.command, j.attempt_id, j.priority,"
    f" CASE WHEN {UNSUCCESSFUL} THEN (SELECT a.reason FROM attempt a"
    "  WHERE a.job_id = j.id ORDER BY a.run_id DESC, a.attempt_id DESC LIMIT 1) END FROM job j"
)
# Plus signs: jobs are read in the order of their ids, up to the limit, and not all of them sorted.
_JOBS = statement(
    "read_jobs",
    f"{_JOB_COLUMNS} WHERE +j.workflow_id = ?1"
    " AND (?2 IS NULL OR +j.status IN (SELECT value FROM json_each(?2))) ORDER BY j.id LIMIT ?3",
    JobRow._make,
)
_UNSUCCESSFUL_JOBS = statement(
    "read_jobs_unsuccessful",
    f"{_JOB_COLUMNS} WHERE j.workflow_id = ?1 AND {UNSUCCESSFUL} AND j.status = ?2 ORDER BY j.id LIMIT ?3",
    JobRow._make,
    hot=True,
)


def jobs(db: Database, workflow_id: int, statuses: Sequence[str] | None, limit: int | None) -> list[JobRow]:
    """Jobs in the order of the file; ``statuses`` None means all. Those that did not succeed have an index."""
    most = -1 if limit is None else limit
    if statuses is None or not set(statuses) <= set(RETRIABLE):
        wanted = None if statuses is None else json.dumps(list(statuses))
        return _JOBS.rows(db, (workflow_id, wanted, most))
    rows = [row for status in set(statuses) for row in _UNSUCCESSFUL_JOBS.rows(db, (workflow_id, status, most))]
    return sorted(rows)[:limit]


_JOB_BY_ID = statement("read_job_by_id", "SELECT id, workflow_id FROM job WHERE id = ?", _Ids._make, hot=True)
_JOB_BY_NAME = statement(
    "read_job_by_name", "SELECT id, workflow_id FROM job WHERE name = ? ORDER BY workflow_id", _Ids._make
)


def jobs_named(db: Database, name: str) -> list[tuple[int, int]]:
    """Ids of the jobs with this name and of their workflows, oldest workflow first."""
    return [(row.id, row.workflow_id) for row in _JOB_BY_NAME.rows(db, (name,))]


def job_exists(db: Database, job_id: int) -> bool:
    """Whether there is a job with this id."""
    return _JOB_BY_ID.first(db, (job_id,)) is not None


_NAMES = statement("read_job_names", "SELECT DISTINCT name FROM job WHERE name >= ? LIMIT ?", _Name._make)
_ANY_NAMES = statement("read_job_names_any", "SELECT name FROM job ORDER BY id LIMIT ?", _Name._make)


def names_like(db: Database, name: str, limit: int = 2000) -> list[str]:
    """Job names to look for a typing mistake in: the ones that share the first letter, then the first of all."""
    near = [row.name for row in _NAMES.rows(db, (name[:1], limit))]
    return near + [row.name for row in _ANY_NAMES.rows(db, (limit,))]


_DETAILS = statement(
    "read_job",
    "SELECT j.id, j.workflow_id, j.name, j.command, j.status, j.priority, j.attempt_id, j.blockers, j.losses,"
    " j.cancel_on_blocking_job_failure, j.options_id, j.origin, r.name, r.num_cpus, r.num_gpus,"
    " r.num_nodes, r.memory_bytes, r.runtime_s"
    " FROM job j JOIN resource_requirements r ON r.id = j.resource_requirements_id WHERE j.id = ?",
    JobDetails._make,
    hot=True,
)


def job(db: Database, job_id: int) -> JobDetails:
    """The job with this id, which must exist."""
    return _DETAILS.one(db, (job_id,))


# What a job waits for is found by a pass over the dependencies: they are indexed by what comes before.
_BEFORE = statement(
    "read_job_before",
    "SELECT b.id, b.name, b.status FROM dependency d JOIN job b ON b.id = d.before_id WHERE d.after_id = ?1"
    " UNION SELECT b.id, b.name, b.status FROM dependency g JOIN dependency d ON d.after_id = g.before_id"
    " JOIN job b ON b.id = d.before_id WHERE g.after_id = ?1 AND g.before_id < 0 ORDER BY 1 LIMIT ?2",
    Neighbour._make,
)
_AFTER = statement(
    "read_job_after",
    "SELECT a.id, a.name, a.status FROM dependency d JOIN job a ON a.id = d.after_id WHERE d.before_id = ?1"
    " UNION SELECT a.id, a.name, a.status FROM dependency g JOIN dependency d ON d.before_id = g.after_id"
    " JOIN job a ON a.id = d.after_id WHERE g.before_id = ?1 AND g.after_id < 0 ORDER BY 1 LIMIT ?2",
    Neighbour._make,
)


def waits_for(db: Database, job_id: int, limit: int) -> list[Neighbour]:
    """The jobs that a job waits for, through gates too; at most ``limit``."""
    return _BEFORE.rows(db, (job_id, limit))


def waited_by(db: Database, job_id: int, limit: int) -> list[Neighbour]:
    """The jobs that wait for a job, through gates too; at most ``limit``."""
    return _AFTER.rows(db, (job_id, limit))


_ATTEMPT_COLUMNS = (
    "SELECT a.job_id, j.name, a.run_id, a.attempt_id, a.return_code, a.status, a.reason, a.started_at, a.ended_at,"
    " a.cpu_s, a.peak_memory_bytes, a.runner_id, n.hostname, m.samples, m.peak_memory_bytes, m.avg_memory_bytes,"
    " m.peak_cpu_percent, m.cpu_s FROM job j JOIN attempt a ON a.job_id = j.id"
    " LEFT JOIN runner u ON u.id = a.runner_id LEFT JOIN node n ON n.id = u.node_id"
    " LEFT JOIN attempt_usage m ON m.job_id = a.job_id AND m.run_id = a.run_id AND m.attempt_id = a.attempt_id"
)
_RESULTS = statement(
    "read_results",
    _ATTEMPT_COLUMNS + " WHERE j.workflow_id = ?1 AND (NOT ?2 OR a.status <> 'completed') AND (?3 OR NOT EXISTS"
    " (SELECT 1 FROM attempt b WHERE b.job_id = a.job_id AND (b.run_id, b.attempt_id) > (a.run_id, a.attempt_id)))"
    " ORDER BY a.job_id, a.run_id, a.attempt_id LIMIT ?4",
    AttemptRow._make,
)
_ATTEMPTS = statement(
    "read_attempts", _ATTEMPT_COLUMNS + " WHERE j.id = ? ORDER BY a.run_id, a.attempt_id", AttemptRow._make, hot=True
)


def results(
    db: Database, workflow_id: int, *, all_runs: bool, failed: bool = False, limit: int | None = None
) -> list[AttemptRow]:
    """Attempts in the order of jobs: the newest of each job, or all of them."""
    return _RESULTS.rows(db, (workflow_id, failed, all_runs, -1 if limit is None else limit))


def attempts(db: Database, job_id: int) -> list[AttemptRow]:
    """All attempts at a job, oldest first."""
    return _ATTEMPTS.rows(db, (job_id,))


_OUTPUTS = statement(
    "read_outputs",
    "SELECT a.attempt_id, a.status, s.path, a.stdout_start, a.stdout_bytes, a.stderr_start, a.stderr_bytes"
    " FROM attempt a LEFT JOIN segment s ON s.id = a.segment_id WHERE a.job_id = ?"
    " ORDER BY a.run_id DESC, a.attempt_id DESC",
    OutputRow._make,
    hot=True,
)
_RUNNING = statement(
    "read_running",
    "SELECT j.attempt_id, r.pid, r.started_at, s.path, r.stdout_start, r.stderr_start FROM running r"
    " JOIN job j ON j.id = r.job_id LEFT JOIN segment s ON s.id = r.segment_id WHERE r.job_id = ?",
    RunningRow._make,
    hot=True,
)


def outputs(db: Database, job_id: int) -> list[OutputRow]:
    """Where the attempts at a job left their output, newest first."""
    return _OUTPUTS.rows(db, (job_id,))


def running(db: Database, job_id: int) -> RunningRow | None:
    """Where a job writes now; None when it is not known to run."""
    return _RUNNING.first(db, (job_id,))


_FAILURES = statement(
    "read_failures",
    # What each of them used is in parentheses, and would make a group of every job; so may further lines.
    "SELECT j.status, CASE WHEN j.status = 'canceled' AND a.status IS NOT 'canceled'"
    "  THEN CASE WHEN j.blocker_failed THEN NULL ELSE 'canceled by a person' END"
    " WHEN a.reason LIKE 'oom: % (%' THEN substr(a.reason, 1, instr(a.reason, ' (') - 1)"
    " WHEN instr(a.reason, char(10)) THEN substr(a.reason, 1, instr(a.reason, char(10)) - 1) ELSE a.reason END,"
    " count(*), min(j.name), max(j.name), a.status FROM job j LEFT JOIN attempt a ON a.job_id = j.id AND NOT EXISTS"
    " (SELECT 1 FROM attempt b WHERE b.job_id = a.job_id AND (b.run_id, b.attempt_id) > (a.run_id, a.attempt_id))"
    f" WHERE j.workflow_id = ? AND {UNSUCCESSFUL}"
    " GROUP BY 1, 2, 6 ORDER BY count(*) DESC, min(j.id)",
    FailureRow._make,
    hot=True,
)


def failures(db: Database, workflow_id: int) -> list[FailureRow]:
    """Jobs that did not succeed, grouped by state, reason and outcome, the largest group first."""
    return _FAILURES.rows(db, (workflow_id,))


_ACTIVITY = statement(
    "read_activity",
    "SELECT count(*) FILTER (WHERE a.status <> 'lost'), min(a.started_at), max(a.ended_at), coalesce(sum(a.cpu_s), 0.0)"
    " FROM job j JOIN attempt a ON a.job_id = j.id AND a.run_id = ?2 WHERE j.workflow_id = ?1",
    Activity._make,
)


def activity(db: Database, workflow_id: int, run_id: int) -> Activity:
    """What the attempts of a run add up to; one pass over them."""
    return _ACTIVITY.one(db, (workflow_id, run_id))


_CORE_TIME = statement(
    "read_core_time",
    # The kernel adds up what was waited for; a sample counts what a job left to others, too.
    "SELECT coalesce(sum(max(a.cpu_s, coalesce(m.cpu_s, 0.0))), 0.0),"
    " coalesce(sum((a.ended_at - a.started_at) * r.num_cpus), 0.0)"
    " FROM job j JOIN attempt a ON a.job_id = j.id AND a.run_id = ?2"
    " LEFT JOIN attempt_usage m ON m.job_id = a.job_id AND m.run_id = a.run_id AND m.attempt_id = a.attempt_id"
    " JOIN resource_requirements r ON r.id = j.resource_requirements_id WHERE +j.workflow_id = ?1",
    CoreTime._make,
)


def core_time(db: Database, workflow_id: int, run_id: int) -> CoreTime:
    """What the attempts of a run had of processors; one pass over them."""
    return _CORE_TIME.one(db, (workflow_id, run_id))


_RUNNERS = statement(
    "read_runners",
    "SELECT u.id, n.hostname, u.pid, u.slots, u.started_at, u.ended_at, u.end_reason, u.jobs_run, u.claim_transactions,"
    " u.settle_transactions, u.write_transactions, u.write_s, u.idle_s, u.cpu_s, u.lock_wait_s, u.lock_wait_max_s,"
    " u.lock_wait_histogram, u.lock_retries, u.lock_errors, u.write_figures"
    " FROM runner u JOIN node n ON n.id = u.node_id WHERE u.workflow_id = ? AND u.run_id = ? AND NOT u.acts"
    " ORDER BY u.id",
    RunnerFigures._make,
)


def runner_figures(db: Database, workflow_id: int, run_id: int) -> list[RunnerFigures]:
    """The runners that worked on a run, with their metrics."""
    return _RUNNERS.rows(db, (workflow_id, run_id))


_EDGES = statement(
    "read_edges",
    "SELECT d.before_id, d.after_id FROM job j JOIN dependency d ON d.before_id = j.id WHERE j.workflow_id = ?1"
    " UNION ALL SELECT d.before_id, d.after_id FROM gate g JOIN dependency d ON d.before_id = g.id"
    " WHERE g.workflow_id = ?1",
    Edge._make,
)


def edges(db: Database, workflow_id: int) -> Iterator[Edge]:
    """All dependencies of a workflow, one by one."""
    return _EDGES.each(db, (workflow_id,))


_SPANS = statement(
    "read_spans",
    "SELECT j.id, j.name, min(a.started_at), max(a.ended_at) FROM job j"
    " LEFT JOIN attempt a ON a.job_id = j.id AND a.run_id = ?2 WHERE j.workflow_id = ?1 GROUP BY j.id",
    Span._make,
)


def spans(db: Database, workflow_id: int, run_id: int) -> Iterator[Span]:
    """When each job of a workflow ran in one run, one by one."""
    return _SPANS.each(db, (workflow_id, run_id))


# The plus sign: jobs are read in the order of their ids.
_GRAPH_JOBS = statement(
    "read_graph_jobs",
    "SELECT id, name, status, resource_requirements_id FROM job WHERE +workflow_id = ? ORDER BY id",
    GraphJob._make,
)


def graph_jobs(db: Database, workflow_id: int) -> Iterator[GraphJob]:
    """All jobs of a workflow in their order, one by one."""
    return _GRAPH_JOBS.each(db, (workflow_id,))


_REQUIREMENTS = statement(
    "read_requirements",
    "SELECT id, name, num_cpus, num_gpus, num_nodes, memory_bytes, runtime_s, limits FROM resource_requirements"
    " WHERE workflow_id = ? ORDER BY id",
    Requirements._make,
)


def requirements(db: Database, workflow_id: int) -> list[Requirements]:
    """The requirements of a workflow, the largest first."""
    return _REQUIREMENTS.rows(db, (workflow_id,))
