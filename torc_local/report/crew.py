"""The machines and runners of a workflow: who is at work, with what, and who has died."""

from collections.abc import Collection
from typing import Any

from torc_local.report.text import duration, iso, plural, printable, size, table
from torc_local.store.overview import RunnerNow
from torc_local.store.runners import LeaseRow

_HEADS = ["RUNNER", "NODE", "PID", "STATE", "SLOTS", "RUNNING", "CLAIMED", "JOBS RUN", "HOLDS", "FOR"]
_RIGHT = (0, 2, 4, 5, 6, 7)


def state_of(row: RunnerNow, dead: Collection[int]) -> str:
    """One word: ``alive``, ``LOST``, or how it ended."""
    if row.ended_at is None:
        return "LOST" if row.id in dead else "alive"
    return row.end_reason or "ended"


def screen(rows: list[RunnerNow], dead: Collection[int], lease: LeaseRow | None, *, at: float) -> list[str]:
    """Lines of ``runners``: those at work and those that died; of the rest, how many ended how."""
    shown = [row for row in rows if row.ended_at is None or row.end_reason == "lost"]
    lines = []
    if shown:
        lines += table(_HEADS, [_cells(row, dead, at) for row in shown], right=_RIGHT)
    lines += _node_lines([row for row in rows if row.ended_at is None and row.id not in dead])
    over: dict[str, int] = {}
    for row in rows:
        if row.ended_at is not None and row.end_reason != "lost":
            over[row.end_reason or "ended"] = over.get(row.end_reason or "ended", 0) + 1
    if over:
        parts = ", ".join(f"{count:,} {reason}" for reason, count in over.items())
        lines.append(f"not at work any more: {parts}")
    if lease is not None and lease.released_at is None and shown:
        lines.append(f"coordinator: {printable(lease.hostname)}, pid {lease.pid}")
    return lines or ["nobody has worked on it yet"]


def _cells(row: RunnerNow, dead: Collection[int], at: float) -> list[str]:
    holds = [f"{row.held_cpus} cpu", size(row.held_memory_bytes)] if row.held_cpus or row.held_memory_bytes else []
    if row.held_gpus:
        holds.append(f"{row.held_gpus} gpu")
    return [
        str(row.id),
        row.node,
        str(row.pid),
        state_of(row, dead),
        "actor" if row.acts else str(row.slots),
        str(row.running),
        str(row.claimed),
        f"{row.jobs_run:,}",
        ", ".join(holds) or "-",
        duration((at if row.ended_at is None else row.ended_at) - row.started_at),
    ]


def _node_lines(alive: list[RunnerNow]) -> list[str]:
    by_node: dict[str, list[RunnerNow]] = {}
    for row in alive:
        by_node.setdefault(row.node, []).append(row)
    lines = []
    for node, there in by_node.items():
        one = there[0]
        cpus = sum(row.held_cpus for row in there)
        memory = sum(row.held_memory_bytes for row in there)
        parts = [
            f"{cpus} of {one.num_cpus} cpu held",
            f"{size(memory)} of {size(one.memory_bytes)} held",
        ]
        if one.num_gpus:
            parts.append(f"{sum(row.held_gpus for row in there)} of {one.num_gpus} gpu held")
        slots = sum(row.slots for row in there if not row.acts)
        running = sum(row.running for row in there)
        lines.append(f"{printable(node)}: {running:,} of {plural(slots, 'slot')} with a job, {', '.join(parts)}")
    return lines


def item(row: RunnerNow, dead: Collection[int]) -> dict[str, Any]:
    """A JSON item of ``runners``."""
    return {
        "id": row.id,
        "run_id": row.run_id,
        "node": row.node,
        "pid": row.pid,
        "state": state_of(row, dead).lower(),
        "is_actor": bool(row.acts),
        "slots": row.slots,
        "running": row.running,
        "claimed": row.claimed,
        "jobs_run": row.jobs_run,
        "held_cpus": row.held_cpus,
        "held_memory_bytes": row.held_memory_bytes,
        "held_gpus": row.held_gpus,
        "num_cpus": row.num_cpus,
        "memory_bytes": row.memory_bytes,
        "num_gpus": row.num_gpus,
        "start_time": iso(row.started_at),
        "end_time": None if row.ended_at is None else iso(row.ended_at),
        "end_reason": row.end_reason,
    }
