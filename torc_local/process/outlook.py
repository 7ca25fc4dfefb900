"""What can be said before the first job runs: which jobs can never run on this node."""

from torc_local.engine import turn
from torc_local.ground.units import show_memory
from torc_local.process import runner
from torc_local.process.runner import Setup
from torc_local.store import capacity, runners
from torc_local.store.database import Database


def too_large(db: Database, workflow_id: int, setup: Setup) -> list[str]:
    """One sentence for each kind of unfinished job that asks for more than this node has."""
    if not setup.by_resources:
        return []
    node = runners.node(db, setup.node_id)
    has = turn.whole_node(db, runner.me_of(setup))
    node = node._replace(num_cpus=has.cpus, memory_bytes=has.memory_bytes, num_gpus=has.gpus)
    sentences = []
    for kind in capacity.too_large(db, workflow_id, node):
        lacks = [
            f"{asked:,} {unit}{'' if asked == 1 else 's'} (this node has {has:,})"
            for asked, has, unit in (
                (kind.num_cpus, node.num_cpus, "cpu"),
                (kind.num_gpus, node.num_gpus, "gpu"),
                (kind.num_nodes, 1, "node"),
            )
            if asked > has
        ]
        if kind.memory_bytes > node.memory_bytes:
            there = show_memory(node.memory_bytes)
            lacks.append(f"{show_memory(kind.memory_bytes)} of memory (this node has {there})")
        more = f" and {kind.jobs - 1:,} more" if kind.jobs > 1 else ""
        sentences.append(f"job '{kind.example}'{more} can never run here: it needs {', '.join(lacks)}")
    return sentences
