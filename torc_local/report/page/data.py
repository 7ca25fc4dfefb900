"""What the scripts of a page read: the columns of all jobs, and what belongs to few of them."""

from math import isnan, nan
from typing import Any

from torc_local.ground.states import JobStatus
from torc_local.report.content import Content
from torc_local.report.page.packing import Packer, fitting_commands, names, numbered

#: Distinct reasons, and earlier attempts, that are kept.
_MOST_REASONS = 5000
_MOST_EARLIER = 20_000
_REASON_WIDTH = 500

#: Starts are counted in milliseconds, or in as many parts as fit into 31 bits.
_STEP_S = 0.001
_MOST_STEPS = 2_000_000_000


def packed(content: Content) -> str:
    """All of it as base64."""
    found, workflow = content.history, content.status.workflow
    jobs = range(len(found))
    states = [str(state) for state in JobStatus]
    state_of = {state: number for number, state in enumerate(states)}
    runner_of = {one.id: number for number, one in enumerate(content.workers, 1)}
    asked_of = {one.id: number for number, one in enumerate(content.asks)}
    first, last = _whole_span(content)
    step = max(_STEP_S, (last - first) / _MOST_STEPS)
    reasons, reason_of = numbered(
        (_short(one) for one in found.reasons.values()), _MOST_REASONS, "(one of many reasons)"
    )
    shown_commands, width = fitting_commands(found.commands, found.names)

    pack = Packer()
    pack.text("name", names(found.names))
    pack.text("command", shown_commands)
    pack.whole("id", found.ids, differences=True)
    pack.whole("state", (state_of[state] for state in found.statuses))
    pack.whole("start", (0 if isnan(at) else round((at - first) / step) for at in found.started), differences=True)
    pack.numbers("duration", map(found.duration, jobs))
    pack.numbers("cpu", (found.cpu_s[job] if found.tries[job] else nan for job in jobs))
    pack.numbers("memory", (abs(peak) or nan for peak in found.peaks))
    pack.whole("bound", (peak < 0 for peak in found.peaks))
    pack.numbers("wait", _waits(content))
    pack.whole("runner", (runner_of.get(runner, 0) for runner in found.runners))
    pack.whole("code", found.return_codes)
    pack.whole("tries", found.tries)
    pack.whole("asked", (asked_of[one] for one in found.requirements))
    # A job that is a family of its own has its name already: 0.
    numbers = iter(range(1, len(content.families) + 1))
    number_of = [next(numbers) if one.jobs > 1 else 0 for one in content.families]
    pack.whole("family", (number_of[family] for family in content.family_of))
    pack.whole("run", found.runs)
    if found.read_bytes:
        pack.numbers("read", (found.read_bytes.get(job, nan) for job in jobs))
        pack.numbers("written", (found.written_bytes.get(job, nan) for job in jobs))
    return pack.packed(
        {
            "jobs": len(found),
            "workflow": {"id": workflow.id, "name": workflow.name, "run": workflow.run_id},
            "command": content.command,
            "states": states,
            "first": first,
            "step": step,
            "span": [0, last - first] if content.span is None else [content.span[0] - first, content.span[1] - first],
            "runners": [[one.node_id, one.slots, one.id] for one in content.workers],
            "nodes": [_node(content, number, first) for number in range(len(content.places))],
            "asked": [[one.name, one.num_cpus, one.memory_bytes, one.num_gpus, one.runtime_s, one.limits]
                      for one in content.asks],
            "families": ["", *(one.name for one in content.families if one.jobs > 1)],
            "reasons": reasons,
            "reason": {job: reason_of(_short(reason)) for job, reason in found.reasons.items()},
            "later": found.came_later,
            "outcome": found.outcomes,
            "command_width": width,
            "earlier": [
                [one.job, one.run_id, one.attempt_id, one.outcome, one.return_code, round(one.started_at - first, 6),
                 round(one.ended_at - one.started_at, 6), runner_of.get(one.runner_id, 0), _short(one.reason or "")]
                for one in found.earlier[:_MOST_EARLIER]
            ],
            "earlier_left_out": max(len(found.earlier) - _MOST_EARLIER, 0),
            "files": content.files,
            "said": {example.job: [example.stream, example.last_lines, example.reproduce]
                     for failure in content.failures for example in failure.examples},
        }
    )  # fmt: skip


def _whole_span(content: Content) -> tuple[float, float]:
    """From the first start of any attempt to the last end; a moment when there was none."""
    found = content.history
    starts = [at for at in found.started if not isnan(at)] + [one.started_at for one in found.earlier]
    ends = [at for at in found.ended if not isnan(at)] + [one.ended_at for one in found.earlier]
    if not starts:
        at = content.status.workflow.created_at
        return at, at
    return min(starts), max(ends)


def _waits(content: Content) -> list[float]:
    """Seconds between ready and start; of jobs that ran before the newest run not known."""
    found, began = content.history, content.span
    run_id = content.status.workflow.run_id
    least = nan if began is None else began[0]
    return [
        max(started - max(ready, least), 0.0) if run == run_id and not isnan(ready) else nan
        for started, ready, run in zip(found.started, content.ready, found.runs, strict=True)
    ]


def _node(content: Content, number: int, first: float) -> dict[str, Any]:
    place = content.places[number]
    curve = content.node_curves.get(place.machine.id, [])
    return {
        "id": place.machine.id,
        "name": place.machine.hostname,
        "cpus": place.machine.num_cpus,
        "memory": place.machine.memory_bytes,
        "gpus": place.machine.num_gpus,
        "slots": place.slots,
        "counts_jobs": place.counts_jobs,
        "curve": [[round(one.timestamp - first, 1), one.cpu_percent, one.memory_bytes] for one in curve],
    }


def _short(reason: str) -> str:
    return reason if len(reason) <= _REASON_WIDTH else reason[: _REASON_WIDTH - 1] + "…"
