"""The machines that work on a workflow: alive or lost, what they have, how busy they are, how long they stay."""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from torc_local.report.text import duration, iso, local, plural, printable, size
from torc_local.store.overview import RunnerNow

#: A node is called silent when its last beat is this old (seconds). Runners beat every 5 s; a transaction on a shared
#: file system may take some of them.
SILENT_S = 30.0

ALIVE, SILENT, LOST = "alive", "silent", "lost"


class NodeNow(NamedTuple):
    """A machine, with what its runners have in hand together. Who executes actions counts in none of it."""

    node: str
    state: str  # alive, silent, lost, or how its last runner ended
    runners: int  # at work
    lost_runners: int
    slots: int
    running: int
    claimed: int
    jobs_run: int
    held_cpus: int
    held_memory_bytes: int
    held_gpus: int
    num_cpus: int
    memory_bytes: int
    num_gpus: int
    last_beat_at: float | None  # by its own clock
    ends_at: float | None  # of its allocation or time limit


def of(rows: Iterable[RunnerNow], dead: Collection[int], *, at: float) -> list[NodeNow]:
    """The nodes of these runners, in the order in which they came. ``dead``: runners known to have died."""
    found: dict[tuple[str, str], list[RunnerNow]] = {}
    for row in rows:
        found.setdefault((row.boot_id, row.node), []).append(row)
    return [_node(there, dead, at) for there in found.values()]


def _node(there: list[RunnerNow], dead: Collection[int], at: float) -> NodeNow:
    working = [row for row in there if row.ended_at is None and row.id not in dead]
    lost = sum(1 for row in there if row.end_reason == LOST or (row.ended_at is None and row.id in dead))
    beats = [row.beat_at for row in there if row.beat_at is not None]
    last = max(beats, default=None)
    newest = there[-1]
    if working:
        state = SILENT if last is not None and at - last > SILENT_S else ALIVE
    else:
        state = LOST if newest.ended_at is None else newest.end_reason or "ended"
    slotted = [row for row in working if not row.acts]
    ends = [row.ends_at for row in working if row.ends_at is not None]
    return NodeNow(
        node=newest.node,
        state=state,
        runners=len(slotted),
        lost_runners=lost,
        slots=sum(row.slots for row in slotted),
        running=sum(row.running for row in slotted),
        claimed=sum(row.claimed for row in slotted),
        jobs_run=sum(row.jobs_run for row in there),
        held_cpus=sum(row.held_cpus for row in working),
        held_memory_bytes=sum(row.held_memory_bytes for row in working),
        held_gpus=sum(row.held_gpus for row in working),
        num_cpus=newest.num_cpus,
        memory_bytes=newest.memory_bytes,
        num_gpus=newest.num_gpus,
        last_beat_at=last,
        ends_at=max(ends, default=None),
    )


def lines(nodes: Iterable[NodeNow], *, at: float) -> list[str]:
    """A line for each node that works or that was lost."""
    return [_line(node, at) for node in nodes if node.state in (ALIVE, SILENT, LOST)]


def _line(node: NodeNow, at: float) -> str:
    beat = None if node.last_beat_at is None else duration(max(at - node.last_beat_at, 0.0))
    if node.state == LOST:
        seen = "" if beat is None else f", last heard {beat} ago"
        return f"{printable(node.node)}: LOST{seen}"
    parts = [
        f"{node.running:,} of {plural(node.slots, 'slot')} with a job",
        f"{node.held_cpus} of {node.num_cpus} cpu held",
        f"{size(node.held_memory_bytes)} of {size(node.memory_bytes)} held",
    ]
    if node.num_gpus:
        parts.append(f"{node.held_gpus} of {node.num_gpus} gpu held")
    if node.lost_runners:
        parts.append(f"{plural(node.lost_runners, 'runner')} lost")
    if node.state == SILENT:
        parts.append(f"SILENT for {beat}")
    if node.ends_at is not None:
        parts.append(f"until {local(node.ends_at)}")
    return f"{printable(node.node)}: {', '.join(parts)}"


def item(node: NodeNow) -> dict[str, Any]:
    """A JSON object of ``nodes`` in ``status``."""
    times = {"last_beat_at": _time(node.last_beat_at), "ends_at": _time(node.ends_at)}
    return {**node._asdict(), **times}


def _time(at: float | None) -> str | None:
    return None if at is None else iso(at)
