"""Nodes, the runners on them, and the coordinator's lease."""

from typing import NamedTuple

from torc_local.store import gpus
from torc_local.store.database import Database
from torc_local.store.registry import action, statement


class NodeRow(NamedTuple):
    """A machine from one boot to the next, with the budget of resource mode."""

    id: int
    hostname: str
    boot_id: str
    num_cpus: int
    memory_bytes: int
    num_gpus: int


class RunnerRow(NamedTuple):
    """A runner as others see it."""

    id: int
    workflow_id: int
    run_id: int
    node_id: int
    boot_id: str
    hostname: str
    pid: int
    pid_start: int
    slots: int
    started_at: float
    beat: int
    acts: int


class LeaseRow(NamedTuple):
    """Who coordinates a workflow."""

    workflow_id: int
    epoch: int
    node_id: int
    hostname: str
    boot_id: str
    pid: int
    pid_start: int
    beat: int
    released_at: float | None
    cpu_s: float
    transactions: int
    write_figures: str


class Held(NamedTuple):
    """What slots hold of a node's budget."""

    cpus: int
    memory_bytes: int
    gpus: int


class Metrics(NamedTuple):
    """What a runner says of itself; units as in schema.sql."""

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


class EveryRow(NamedTuple):
    """A runner with its machine, at work or not; columns as in schema.sql."""

    id: int
    run_id: int
    hostname: str
    pid: int
    started_at: float
    ended_at: float | None
    end_reason: str | None
    num_cpus: int
    memory_bytes: int
    num_gpus: int


class Lost(NamedTuple):
    """The process of a runner that was declared dead."""

    pid: int
    pid_start: int


class _Id(NamedTuple):
    id: int


class Crew(NamedTuple):
    """How many share one lock."""

    slots: int
    runners: int


class _Flag(NamedTuple):
    flag: int


_NODE = statement(
    "node_upsert",
    "INSERT INTO node (hostname, boot_id, num_cpus, memory_bytes, num_gpus) VALUES (?1, ?2, ?3, ?4, ?5)"
    " ON CONFLICT (boot_id, hostname) DO UPDATE SET num_cpus = ?3, memory_bytes = ?4, num_gpus = ?5 RETURNING id",
    _Id._make,
)


def register_node(db: Database, *, hostname: str, boot_id: str, num_cpus: int, memory_bytes: int, num_gpus: int) -> int:
    """Find or add this machine; the newest figures of its capacity hold for all runners on it."""
    return _NODE.one(db, (hostname, boot_id, num_cpus, memory_bytes, num_gpus)).id


_NODE_GET = statement(
    "node_get",
    "SELECT id, hostname, boot_id, num_cpus, memory_bytes, num_gpus FROM node WHERE id = ?",
    NodeRow._make,
    hot=True,
)


def node(db: Database, node_id: int) -> NodeRow:
    """The node with this id, which must exist."""
    return _NODE_GET.one(db, (node_id,))


_FREE = statement(
    "node_free",
    "SELECT n.num_cpus - coalesce(sum(u.held_cpus), 0), n.memory_bytes - coalesce(sum(u.held_memory_bytes), 0),"
    " n.num_gpus - coalesce(sum(u.held_gpus), 0)"
    " FROM node n LEFT JOIN runner u ON u.node_id = n.id AND u.ended_at IS NULL WHERE n.id = ? GROUP BY n.id",
    Held._make,
)


def free_on_node(db: Database, node_id: int) -> Held:
    """What no live runner on the node holds; may be negative after the capacity was lowered."""
    return _FREE.one(db, (node_id,))


_INSERT = statement(
    "runner_insert",
    "INSERT INTO runner (workflow_id, run_id, node_id, pid, pid_start, slots, started_at, acts, beat_at, ends_at)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?7, ?9) RETURNING id",
    _Id._make,
)


def insert(
    db: Database,
    *,
    workflow_id: int,
    run_id: int,
    node_id: int,
    pid: int,
    pid_start: int,
    slots: int,
    at: float,
    acts: bool = False,
    ends_at: float | None = None,
) -> int:
    """Register a runner process; its id. ``acts``: it executes actions, and no jobs; ``ends_at``: its time limit."""
    return _INSERT.one(db, (workflow_id, run_id, node_id, pid, pid_start, slots, at, int(acts), ends_at)).id


_BEAT = action(
    "runner_beat",
    "UPDATE runner SET beat = beat + 1, beat_at = ?, held_cpus = ?, held_memory_bytes = ?, held_gpus = ?"
    " WHERE id = ? AND ended_at IS NULL",
    hot=True,
)


def beat(db: Database, runner_id: int, held: Held, *, at: float) -> bool:
    """Show that the runner lives, and what its slots hold; False when others have declared it dead."""
    return _BEAT.run(db, (at, *held, runner_id)) > 0


_METRICS = action(
    "runner_metrics",
    "UPDATE runner SET jobs_run = ?, claim_transactions = ?, settle_transactions = ?, write_transactions = ?,"
    " write_s = ?, idle_s = ?, cpu_s = ?, lock_wait_s = ?, lock_wait_max_s = ?, lock_wait_histogram = ?,"
    " lock_retries = ?, lock_errors = ?, write_figures = ? WHERE id = ?",
    hot=True,
)


def note_metrics(db: Database, runner_id: int, metrics: Metrics) -> None:
    """Record what the runner measured of itself."""
    _METRICS.run(db, (*metrics, runner_id))


_END = action(
    "runner_end",
    "UPDATE runner SET ended_at = ?, end_reason = ?, held_cpus = 0, held_memory_bytes = 0, held_gpus = 0"
    " WHERE id = ? AND ended_at IS NULL",
    hot=True,
)


def end(db: Database, runner_id: int, *, at: float, reason: str) -> bool:
    """Close a runner's row and free its GPUs; False when it was closed already (by itself or by who took its work)."""
    gpus.give_back_all(db, runner_id)
    return _END.run(db, (at, reason, runner_id)) > 0


_HAS_ENDED = statement(
    "runner_has_ended", "SELECT ended_at IS NOT NULL FROM runner WHERE id = ?", _Flag._make, hot=True
)


def has_ended(db: Database, runner_id: int) -> bool:
    """Whether a runner has ended as far as the database knows; False when it knows none such."""
    found = _HAS_ENDED.first(db, (runner_id,))
    return found is not None and bool(found.flag)


_ALIVE = statement(
    "runner_alive_list",
    "SELECT u.id, u.workflow_id, u.run_id, u.node_id, n.boot_id, n.hostname, u.pid, u.pid_start, u.slots,"
    " u.started_at, u.beat, u.acts FROM runner u JOIN node n ON n.id = u.node_id"
    " WHERE u.workflow_id = ? AND u.ended_at IS NULL ORDER BY u.id",
    RunnerRow._make,
    hot=True,
)


def alive(db: Database, workflow_id: int) -> list[RunnerRow]:
    """Runners of a workflow that have not ended as far as the database knows."""
    return _ALIVE.rows(db, (workflow_id,))


_EVERY = statement(
    "runner_every",
    "SELECT u.id, u.run_id, n.hostname, u.pid, u.started_at, u.ended_at, u.end_reason, n.num_cpus, n.memory_bytes,"
    " n.num_gpus FROM runner u JOIN node n ON n.id = u.node_id WHERE u.workflow_id = ? ORDER BY u.id",
    EveryRow._make,
)


def every(db: Database, workflow_id: int) -> list[EveryRow]:
    """All runners that have ever worked on a workflow."""
    return _EVERY.rows(db, (workflow_id,))


_OTHERS = statement(
    "runner_alive_others",
    "SELECT u.id, u.workflow_id, u.run_id, u.node_id, n.boot_id, n.hostname, u.pid, u.pid_start, u.slots,"
    " u.started_at, u.beat, u.acts FROM runner u JOIN node n ON n.id = u.node_id"
    " WHERE u.ended_at IS NULL AND u.workflow_id <> ? ORDER BY u.id",
    RunnerRow._make,
)


def of_others(db: Database, workflow_id: int) -> list[RunnerRow]:
    """Runners of all other workflows that have not ended as far as the database knows: they share our nodes."""
    return _OTHERS.rows(db, (workflow_id,))


_LOST = statement(
    "runner_lost_list",
    "SELECT pid, pid_start FROM runner WHERE workflow_id = ? AND run_id = ? AND node_id = ? AND end_reason = 'lost'",
    Lost._make,
)


def lost(db: Database, workflow_id: int, run_id: int, node_id: int) -> list[Lost]:
    """Processes of one node that were declared dead in a run; some may live."""
    return _LOST.rows(db, (workflow_id, run_id, node_id))


_ACTORS = statement(
    "runner_finished_actors",
    "SELECT id FROM runner WHERE workflow_id = ? AND run_id = ? AND node_id = ? AND acts AND end_reason = 'finished'",
    _Id._make,
)


def finished_actors(db: Database, workflow_id: int, run_id: int, node_id: int) -> list[int]:
    """Those of one node that have executed all actions that they were to in a run."""
    return [row.id for row in _ACTORS.rows(db, (workflow_id, run_id, node_id))]


_CREW = statement(
    "runner_alive_slots",
    "SELECT coalesce(sum(slots), 0), count(*) FROM runner WHERE workflow_id = ? AND ended_at IS NULL AND NOT acts",
    Crew._make,
    hot=True,
)


def crew(db: Database, workflow_id: int) -> Crew:
    """The live runners of a workflow, and their slots together."""
    return _CREW.one(db, (workflow_id,))


_SEGMENT = statement("segment_insert", "INSERT INTO segment (runner_id, path) VALUES (?, ?) RETURNING id", _Id._make)


def add_segment(db: Database, runner_id: int, path: str) -> int:
    """Register a pair of output files; its id."""
    return _SEGMENT.one(db, (runner_id, path)).id


_LEASE = statement(
    "coordinator_get",
    "SELECT c.workflow_id, c.epoch, c.node_id, n.hostname, n.boot_id, c.pid, c.pid_start, c.beat, c.released_at,"
    " c.cpu_s, c.transactions, c.write_figures"
    " FROM coordinator c JOIN node n ON n.id = c.node_id WHERE c.workflow_id = ?",
    LeaseRow._make,
    hot=True,
)


def lease(db: Database, workflow_id: int) -> LeaseRow | None:
    """Who coordinates the workflow, or did last."""
    return _LEASE.first(db, (workflow_id,))


_TAKE = statement(
    "coordinator_take",
    "INSERT INTO coordinator (workflow_id, epoch, node_id, pid, pid_start) VALUES (?1, 1, ?2, ?3, ?4)"
    " ON CONFLICT (workflow_id) DO UPDATE SET epoch = epoch + 1, node_id = ?2, pid = ?3, pid_start = ?4,"
    " beat = 0, released_at = NULL RETURNING epoch",
    _Id._make,
)


def take_lease(db: Database, workflow_id: int, *, node_id: int, pid: int, pid_start: int) -> int:
    """Become the coordinator; the epoch that fences everything it will write."""
    return _TAKE.one(db, (workflow_id, node_id, pid, pid_start)).id


_RENEW = action(
    "coordinator_renew",
    "UPDATE coordinator SET beat = beat + 1, cpu_s = cpu_s + ?, transactions = transactions + 1"
    " WHERE workflow_id = ? AND epoch = ? AND released_at IS NULL",
    hot=True,
)


def renew_lease(db: Database, workflow_id: int, epoch: int, *, cpu_s: float) -> bool:
    """Show that the coordinator lives, and add the CPU time it used since; False when another has taken over."""
    return _RENEW.run(db, (cpu_s, workflow_id, epoch)) > 0


_RELEASE = action(
    "coordinator_release",
    "UPDATE coordinator SET released_at = ?, cpu_s = cpu_s + ?, write_figures = ? WHERE workflow_id = ? AND epoch = ?",
    hot=True,
)


def release_lease(
    db: Database, workflow_id: int, epoch: int, *, at: float, cpu_s: float, write_figures: str = "{}"
) -> None:
    """Give the lease up, so that the next one need not wait for it to run out."""
    _RELEASE.run(db, (at, cpu_s, write_figures, workflow_id, epoch))


_RESET_LEASE = action(
    "coordinator_reset",
    "UPDATE coordinator SET cpu_s = 0, transactions = 0, write_figures = '{}' WHERE workflow_id = ?",
)


def reset_lease_metrics(db: Database, workflow_id: int) -> None:
    """Begin a new run's coordinator figures."""
    _RESET_LEASE.run(db, (workflow_id,))
