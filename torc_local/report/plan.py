"""``plan``: the order of work, in waves of jobs that wait only for earlier waves; for people and as Torc's JSON."""

from collections.abc import Sequence
from typing import Any

from torc_local.engine.graph import Graph, Order, order, waiters
from torc_local.ground.limits import LIMITS_RUNTIME
from torc_local.ground.states import JobStatus
from torc_local.report.families import families
from torc_local.report.text import duration, plural, printable, shortened, size, table

#: Waves that a screen shows: the first and the last ones when there are more.
_FIRST_WAVES = 15
_LAST_WAVES = 5

_FAMILIES_SHOWN = 4
_CHAIN_SHOWN = 4
_WHAT_WIDTH = 100
_NAMED = 3  # jobs that a description names (Torc)
_SHORTEST_PREFIX = 3  # of a name made from several (Torc)


def screen(graph: Graph) -> list[str]:
    """Lines of ``plan``: of a length that does not grow with the workflow."""
    found = order(graph)
    jobs, waves = len(graph.names), len(found.waves)
    lines = [f"{printable(graph.name)}   {plural(jobs, 'job')} in {plural(waves, 'wave')}"]
    if not jobs:
        return lines
    lines += [f"longest chain: {plural(waves, 'job')}: {_chain(graph, found)}", ""]
    heads = ["WAVE", "JOBS", *(["DONE"] if graph.statuses is not None else []), "CPUS", "GPUS", "MEMORY", "LONGEST"]
    cells = [[*_cells(graph, number, wave), _what(graph, wave)] for number, wave in _shown(found.waves)]
    rows = table([*heads, "WHAT"], cells, right=range(len(heads)))
    left_out = waves - len(cells)
    if left_out:
        rows.insert(1 + _FIRST_WAVES, f"... {plural(left_out, 'more wave')}")
    lines += rows
    lines += [
        "",
        "CPUS, GPUS and MEMORY are what all jobs of a wave ask for together, LONGEST is the longest run time.",
    ]
    return lines


def _shown(waves: Sequence[Sequence[int]]) -> list[tuple[int, Sequence[int]]]:
    numbered = list(enumerate(waves, 1))
    if len(numbered) <= _FIRST_WAVES + _LAST_WAVES:
        return numbered
    return [*numbered[:_FIRST_WAVES], *numbered[-_LAST_WAVES:]]


def _cells(graph: Graph, number: int, wave: Sequence[int]) -> list[str]:
    asked = [graph.requirements[graph.resources[job]] for job in wave]
    longest = max(one.runtime_s if one.limits & LIMITS_RUNTIME else 0.0 for one in asked)
    done = []
    if graph.statuses is not None:
        done = [f"{sum(graph.statuses[job] == JobStatus.COMPLETED for job in wave):,}"]
    return [
        f"{number:,}",
        f"{len(wave):,}",
        *done,
        f"{sum(one.num_cpus for one in asked):,}",
        f"{sum(one.num_gpus for one in asked):,}",
        size(sum(one.memory_bytes for one in asked)),
        duration(longest) if longest else "-",
    ]


def _what(graph: Graph, wave: Sequence[int]) -> str:
    found = sorted(families(graph.names[job] for job in wave).items(), key=lambda pair: -len(pair[1]))
    shown = [f"{name} ({len(of):,})" if len(of) > 1 else name for name, of in found[:_FAMILIES_SHOWN]]
    more = [f"and {len(found) - len(shown):,} more"] if len(found) > len(shown) else []
    return shortened(", ".join([*shown, *more]), _WHAT_WIDTH)


def _chain(graph: Graph, found: Order) -> str:
    names = [graph.names[job] for job in found.chain(graph)]
    if len(names) > _CHAIN_SHOWN:
        names = [*names[: _CHAIN_SHOWN - 1], "...", names[-1]]
    return printable(" -> ".join(names))


def document(graph: Graph) -> dict[str, Any]:
    """The JSON object of ``plan``, in the shape of Torc's execution plan, and how many waves and jobs in a row."""
    found = order(graph)
    events = _events(graph, found)
    return {
        "status": "success",
        "source": graph.source,
        **({} if graph.workflow_id is None else {"workflow_id": graph.workflow_id}),
        "workflow_name": graph.name,
        "total_events": len(events),
        "total_jobs": len(graph.names),
        "total_waves": len(found.waves),
        "longest_chain": [graph.names[job] for job in found.chain(graph)],
        "root_events": [event["id"] for event in events if not event["depends_on_events"]],
        "leaf_events": [event["id"] for event in events if not event["unlocks_events"]],
        "events": events,
    }


def _events(graph: Graph, found: Order) -> list[dict[str, Any]]:
    """One for the start and one for each distinct set of jobs that others wait for, in the order of their waves."""
    names = graph.names
    roots = [job for job, sets in enumerate(graph.waits) if not sets]
    groups: dict[tuple[int, ...], list[int]] = {}
    for sets, jobs in waiters(graph):
        before = tuple(sorted({member for one in sets for member in graph.sets[one]}))
        groups.setdefault(before, []).extend(jobs)
    ordered = sorted(groups.items(), key=lambda pair: (found.wave_of[pair[1][0]], min(pair[1])))
    events = [_event("start", {"type": "WorkflowStart"}, "Workflow Start", [names[job] for job in roots])]
    event_of = dict.fromkeys(roots, 0)
    taken = {"start"}
    # A job belongs to the event that makes it ready. Jobs of earlier waves have theirs already.
    for number, (before, jobs) in enumerate(ordered, 1):
        event_of.update(dict.fromkeys(jobs, number))
        listed = sorted(names[job] for job in before)
        event_id = _free(_event_id(listed), taken)
        trigger = {"type": "JobsComplete", "data": {"jobs": listed}}
        events.append(_event(event_id, trigger, _description(listed), [names[job] for job in sorted(jobs)]))
        for earlier in sorted({event_of[job] for job in before}):
            events[number]["depends_on_events"].append(events[earlier]["id"])
            events[earlier]["unlocks_events"].append(event_id)
    return events


def _event(event_id: str, trigger: dict[str, Any], description: str, ready: list[str]) -> dict[str, Any]:
    return {
        "id": event_id,
        "trigger": trigger,
        "trigger_description": description,
        "scheduler_allocations": [],  # Torc's; nothing is scheduled here
        "jobs_becoming_ready": ready,
        "depends_on_events": [],
        "unlocks_events": [],
    }


def _description(names: list[str]) -> str:
    """Torc's sentence."""
    if len(names) == 1:
        return f"When job '{names[0]}' completes"
    if len(names) <= _NAMED:
        return f"When jobs {', '.join(_quoted(name) for name in names)} complete"
    return f"When {len(names)} jobs complete ({_quoted(names[0])}, {_quoted(names[1])}...)"


def _quoted(name: str) -> str:
    return f"'{name}'"


def _event_id(names: list[str]) -> str:
    """Torc's name of an event; several may get the same one."""
    if len(names) == 1:
        return f"after_{names[0]}"
    # Sorted, so the first and the last differ at least as early as any two.
    first, last = names[0], names[-1]
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    prefix = first[:same].rstrip("_0123456789")
    if len(prefix) >= _SHORTEST_PREFIX:
        return f"after_{prefix}_jobs"
    return f"after_{first}_and_{len(names) - 1}_more"


def _free(wanted: str, taken: set[str]) -> str:
    """The name, with a number when another event has it (in Torc that one is lost)."""
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    taken.add(name)
    return name
