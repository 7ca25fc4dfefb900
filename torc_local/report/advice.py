"""``recommend``: what jobs used against what they ask for, and limits that would have been right.

An attempt that completed tells what a job needs. One that was ended for a limit tells that it needs more: a lower
bound. One that failed by itself tells nothing. Memory is the largest of an attempt, of all its processes where they
were sampled; what used less than can be told counts with that. A suggestion is the larger of the largest value and the
value that 95 % stay below with a margin, and has a margin over every lower bound; then it is rounded up to what people
write.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from torc_local.engine.requirements import Change
from torc_local.ground.units import format_duration, format_memory
from torc_local.report import ended_at
from torc_local.report.quantiles import MEDIAN, P95, quantile
from torc_local.report.text import duration, size, table
from torc_local.store import reading, usage
from torc_local.store.database import Database
from torc_local.store.reading import Requirements
from torc_local.store.usage import Measured

#: With fewer values nothing is suggested.
FEWEST = 5

#: Over the value that 95 % stay below, and over what was not enough (Torc's recovery raises memory by as much).
MARGIN = 1.2
MARGIN_OF_KILLED = 1.5

_MIB = 1 << 20
# Below each size: multiples of what (MiB). Beyond all: of 4 GiB.
_MEMORY_STEPS = ((512, 32), (4096, 256), (65_536, 1024))
_LARGE_STEP = 4096
# The same for seconds; Torc never goes below a minute.
_RUNTIME_STEPS = ((600, 60), (7200, 300), (86_400, 1800))
_LONG_STEP = 3600


class Figure(NamedTuple):
    """What was used of one resource: bytes, seconds or processors; None where nothing is known."""

    samples: int  # that tell what is needed
    lower_bounds: int  # that tell that more is needed
    median: float | None
    p95: float | None
    maximum: float | None  # of all, lower bounds too
    suggested: float | None


class Advice(NamedTuple):
    """For one set of requirements: what it asks for (None: not stated), and what was used."""

    asks: Requirements
    memory: Figure
    runtime: Figure
    cpus: Figure

    @property
    def has_any(self) -> bool:
        """Whether anything is suggested."""
        return any(one.suggested is not None for one in (self.memory, self.runtime, self.cpus))


class Margins(NamedTuple):
    """What is suggested over the value that 95 % stay below: so many times as much."""

    memory: float = MARGIN
    runtime: float = MARGIN


_MARGINS = Margins()


def gather(db: Database, workflow_id: int, margins: Margins = _MARGINS) -> list[Advice]:
    """What the attempts of a workflow say, for each set of requirements that any of them had."""
    by_requirements: dict[int, list[Measured]] = {}
    for one in usage.measured(db, workflow_id):
        by_requirements.setdefault(one.resource_requirements_id, []).append(one)
    return [
        _advice(asks, by_requirements[asks.id], margins)
        for asks in reading.requirements(db, workflow_id)
        if asks.id in by_requirements
    ]


def _advice(asks: Requirements, attempts: Sequence[Measured], margins: Margins = _MARGINS) -> Advice:
    done = [one for one in attempts if one.status == "completed"]
    return Advice(
        asks,
        memory=_figure(
            map(memory_of, done),
            (_needed_more(one) for one in attempts if one.ended_for in ("oom", "killed")),
            friendly_memory,
            margins.memory,
        ),
        runtime=_figure(
            (one.exec_time_s for one in done),
            (one.exec_time_s for one in attempts if one.ended_for == "timeout"),
            friendly_runtime,
            margins.runtime,
        ),
        # No margin: it is no limit, and a job with one thread would be given two processors.
        cpus=_figure((one.cpu_s / one.exec_time_s for one in done if one.exec_time_s > 0), (), _whole, margin=1.0),
    )


def memory_of(one: Measured) -> float:
    """The peak of an attempt in bytes; what is not known exactly counts with what it did not exceed."""
    if one.sampled_peak_bytes is None:
        return float(abs(one.peak_memory_bytes))
    return float(max(one.sampled_peak_bytes, one.peak_memory_bytes))


def _needed_more(one: Measured) -> float:
    """What an attempt that was ended needed more than: the limit, where its processes are known one by one only."""
    return max(memory_of(one), ended_at.memory(one.reason or "") or 0.0)


def _figure(
    values: Iterable[float], bounds: Iterable[float], friendly: Callable[[float], float], margin: float = MARGIN
) -> Figure:
    exact, below = sorted(values), sorted(bounds)
    found = sorted(exact + below)
    if not found:
        return Figure(0, 0, None, None, None, None)
    p95 = quantile(found, P95)
    suggested = None
    if len(found) >= FEWEST:
        suggested = friendly(max([found[-1], margin * p95, *(MARGIN_OF_KILLED * bound for bound in below[-1:])]))
    return Figure(len(exact), len(below), quantile(found, MEDIAN), p95, found[-1], suggested)


def friendly_memory(value: float) -> float:
    """Bytes, rounded up to what people write."""
    mib = value / _MIB
    step = next((step for below, step in _MEMORY_STEPS if mib <= below), _LARGE_STEP)
    return float(max(math.ceil(mib / step), 1) * step * _MIB)


def friendly_runtime(value: float) -> float:
    """Seconds, likewise; a minute at least."""
    step = next((step for below, step in _RUNTIME_STEPS if value <= below), _LONG_STEP)
    return float(max(math.ceil(value / step), 1) * step)


def _whole(value: float) -> float:
    return float(max(math.ceil(value - 0.1), 1))  # a tenth above is how processors are counted, not a need


def changes(found: Sequence[Advice], *, largest_node: int) -> list[Change]:
    """What is suggested and is not so. What nobody stated is left: a job that was never limited is not ended then.

    ``largest_node``: bytes that no suggestion exceeds; 0: not known.
    """
    made = []
    for one in found:
        asks = after = one.asks
        if one.memory.suggested is not None and one.asks.stated_memory is not None:
            most = max(largest_node, one.asks.stated_memory) if largest_node else math.inf
            after = after._replace(memory_bytes=int(min(one.memory.suggested, most)))
        if one.runtime.suggested is not None and one.asks.stated_runtime is not None:
            after = after._replace(runtime_s=one.runtime.suggested)
        if one.cpus.suggested is not None and asks.name != "default":
            after = after._replace(num_cpus=int(one.cpus.suggested))
        if after != asks:
            made.append(Change(asks, after))
    return made


def document(found: Sequence[Advice]) -> dict[str, Any]:
    """The JSON object."""
    return {
        "fewest_samples": FEWEST,
        "recommendations": [
            {
                "name": one.asks.name,
                "memory_bytes": {"asked": one.asks.stated_memory, **_rounded(one.memory)},
                "runtime_seconds": {"asked": one.asks.stated_runtime, **one.runtime._asdict()},
                "num_cpus": {"asked": one.asks.num_cpus, **one.cpus._asdict()},
            }
            for one in found
        ],
        "yaml": "\n".join(to_paste(found)),
    }


def _rounded(figure: Figure) -> dict[str, Any]:
    return {key: None if value is None else int(value) for key, value in figure._asdict().items()}


def screen(found: Sequence[Advice]) -> list[str]:
    """Lines: a table, what it does not say, and the YAML to paste."""
    if not found:
        return ["no attempt of this workflow has ended: there is nothing to go by"]
    rows = []
    for one in found:
        for label, figure, asked, show in (
            ("memory", one.memory, one.asks.stated_memory, _size),
            ("runtime", one.runtime, one.asks.stated_runtime, duration),
            ("cpus", one.cpus, one.asks.num_cpus, _cpus),
        ):
            rows.append(
                [
                    one.asks.name,
                    label,
                    show(asked),
                    str(figure.samples + figure.lower_bounds),
                    *(show(value) for value in (figure.median, figure.p95)),
                    f"{'>' if figure.lower_bounds else ''}{show(figure.maximum)}",
                    show(figure.suggested),
                ]
            )
    heads = ["REQUIREMENTS", "RESOURCE", "ASKED", "SAMPLES", "MEDIAN", "P95", "MAX", "SUGGESTED"]
    lines = table(heads, rows, right=(2, 3, 4, 5, 6, 7))
    if any(figure.lower_bounds for one in found for figure in (one.memory, one.runtime)):
        lines += ["", "> some were ended for this limit, and need more than they could use"]
    if not all(one.has_any for one in found):
        lines += ["", f"with fewer than {FEWEST} samples nothing is suggested"]
    yaml = to_paste(found)
    return [*lines, "", *yaml] if yaml else lines


def to_paste(found: Sequence[Advice]) -> list[str]:
    """Requirements as a workflow file has them, those for which anything is suggested."""
    lines = []
    for one in found:
        if not one.has_any:
            continue
        asks = one.asks
        if asks.name == "default":  # reserved, and only there where a job names none
            lines += ["  # for jobs that name no requirements; add resource_requirements: measured to them"]
        lines.append(f"  - name: {'measured' if asks.name == 'default' else asks.name}")
        lines.append(f"    num_cpus: {asks.num_cpus if one.cpus.suggested is None else int(one.cpus.suggested)}")
        if asks.num_gpus:
            lines.append(f"    num_gpus: {asks.num_gpus}")
        if asks.num_nodes > 1:
            lines.append(f"    num_nodes: {asks.num_nodes}")
        memory = one.asks.stated_memory if one.memory.suggested is None else int(one.memory.suggested)
        if memory is not None:
            lines.append(f"    memory: {format_memory(memory)}")
        runtime = one.asks.stated_runtime if one.runtime.suggested is None else one.runtime.suggested
        if runtime is not None:
            lines.append(f"    runtime: {format_duration(runtime)}")
    return ["resource_requirements:", *lines] if lines else []


def _size(value: float | None) -> str:
    return size(None if value is None else int(value))


def _cpus(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}".removesuffix(".0")
