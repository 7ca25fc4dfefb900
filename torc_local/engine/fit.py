"""Does a job fit what is free on a node? Pure arithmetic over cpus, memory and gpus."""

from torc_local.store.jobs import Shape
from torc_local.store.runners import Held

NOTHING = Held(0, 0, 0)


def fits(shape: Shape, free: Held) -> bool:
    """Whether one job of this shape can start now. A job that spans several nodes fits no single one."""
    return (
        shape.num_nodes <= 1
        and shape.num_cpus <= free.cpus
        and shape.memory_bytes <= free.memory_bytes
        and shape.num_gpus <= free.gpus
    )


def need(shape: Shape) -> Held:
    """What a slot holds while it runs jobs of this shape, one after the other."""
    return Held(shape.num_cpus, shape.memory_bytes, shape.num_gpus)


def plus(a: Held, b: Held) -> Held:
    """Both together."""
    return Held(a.cpus + b.cpus, a.memory_bytes + b.memory_bytes, a.gpus + b.gpus)


def minus(a: Held, b: Held) -> Held:
    """What is left of ``a``."""
    return Held(a.cpus - b.cpus, a.memory_bytes - b.memory_bytes, a.gpus - b.gpus)
