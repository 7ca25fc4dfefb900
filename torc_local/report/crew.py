"""The machines and runners of a workflow: who is at work, with what, and who has died."""

from collections.abc import Collection
from typing import Any

from torc_local.report import nodes
from torc_local.report.fitting import Column, Table, fit
from torc_local.report.text import duration, iso, printable, size
from torc_local.store.overview import RunnerNow
from torc_local.store.runners import LeaseRow

_COLUMNS = (
    Column("RUNNER", right=True),
    Column("NODE", least=8, inside=True),
    Column("PID", right=True, spare=1),
    Column("STATE"),
    Column("SLOTS", right=True),
    Column("RUNNING", right=True),
    Column("CLAIMED", right=True, spare=3),
    Column("JOBS RUN", right=True, spare=2),
    Column("HOLDS"),
    Column("FOR"),
)


def state_of(row: RunnerNow, dead: Collection[int]) -> str:
    """One word: ``alive``, ``LOST``, or how it ended."""
    if row.ended_at is None:
        return "LOST" if row.id in dead else "alive"
    return row.end_reason or "ended"


def screen(
    rows: list[RunnerNow], dead: Collection[int], lease: LeaseRow | None, *, at: float, width: int | None = None
) -> list[str]:
    """Lines of ``runners``: those at work and those that died; of the rest, how many ended how.

    The table is as wide as a terminal is; the lines below it are broken by the terminal.
    """
    shown = [row for row in rows if row.ended_at is None or row.end_reason == "lost"]
    lines = []
    if shown:
        lines += fit(Table(_COLUMNS, [_cells(row, dead, at) for row in shown]), width).lines
    lines += nodes.lines(nodes.of(rows, dead, at=at), at=at)
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
        "last_beat_time": None if row.beat_at is None else iso(row.beat_at),
        "time_limit_end_time": None if row.ends_at is None else iso(row.ends_at),
    }
