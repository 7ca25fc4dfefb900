"""What can be said before the first job runs: which jobs can never run on this node."""

from torc_local.engine import turn
from torc_local.ground.units import format_duration, show_memory
from torc_local.process import runner
from torc_local.process.runner import Setup
from torc_local.store import capacity
from torc_local.store.capacity import Room
from torc_local.store.database import Database

_ANY = 1 << 62


def too_large(db: Database, workflow_id: int, setup: Setup) -> list[str]:
    """One sentence for each kind of unfinished job that asks for more than this node has."""
    if not setup.by_resources:
        return []
    me = runner.me_of(setup)
    has = turn.whole_node(db, me)
    room = Room(
        num_cpus=has.cpus,
        num_gpus=has.gpus,
        memory_bytes=has.memory_bytes,
        num_nodes=1 if me.counts.nodes else _ANY,
        runtime_s=_ANY if setup.time is None else setup.time.for_jobs_s,
    )
    sentences = []
    for kind in capacity.too_large(db, workflow_id, room):
        lacks = [
            f"{asked:,} {unit}{'' if asked == 1 else 's'} (this node has {has:,})"
            for asked, has, unit in (
                (kind.num_cpus, room.num_cpus, "cpu"),
                (kind.num_gpus, room.num_gpus, "gpu"),
                (kind.num_nodes, room.num_nodes, "node"),
            )
            if asked > has
        ]
        if kind.memory_bytes > room.memory_bytes:
            there = show_memory(room.memory_bytes)
            lacks.append(f"{show_memory(kind.memory_bytes)} of memory (this node has {there})")
        if kind.runtime_s > room.runtime_s:
            lacks.append(
                f"{format_duration(kind.runtime_s)} of run time (this run has {format_duration(room.runtime_s)})"
            )
        more = f" and {kind.jobs - 1:,} more" if kind.jobs > 1 else ""
        sentences.append(f"job '{kind.example}'{more} can never run here: it needs {', '.join(lacks)}")
    return sentences
