"""Does a job fit what is free on a node? Pure arithmetic over cpus, memory and gpus."""

from typing import NamedTuple

from torc_local.store.jobs import Shape
from torc_local.store.runners import Held

NOTHING = Held(0, 0, 0)

_ENDLESS = 1 << 62


class Counts(NamedTuple):
    """Of what the node's budget is kept; the rest jobs may use as they like."""

    cpus: bool = True
    memory: bool = True
    gpus: bool = True
    nodes: bool = True  # whether a job of several nodes is too large


EVERYTHING = Counts()


def only(counts: Counts, free: Held) -> Held:
    """``free``, with no end to what is not counted."""
    return Held(
        free.cpus if counts.cpus else _ENDLESS,
        free.memory_bytes if counts.memory else _ENDLESS,
        free.gpus if counts.gpus else _ENDLESS,
    )


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
