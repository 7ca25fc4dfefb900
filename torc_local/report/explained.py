"""What was found out about a job, as lines for people and as an item for programs."""

from typing import Any

from torc_local.ground.states import JobStatus
from torc_local.report.explaining import MAY_RUN, RAN_AND_FAILED, Explanation, all_of, by_number, fits, free_of
from torc_local.report.text import cells, duration, folded, iso, plural, printable, size, table
from torc_local.store.explaining import Place
from torc_local.store.reading import AttemptRow, JobDetails

_MACHINES = 3

# Commands to copy, and what a program wrote, stay as they are.
_VERBATIM = ("next", "wrote last", "it said")


def screen(found: Explanation, width: int | None = None) -> list[str]:
    """Lines of ``explain`` for one job, sentences broken for a terminal of ``width`` columns (None: not broken)."""
    job = found.job
    rows = _rows(found)
    between = ", " if job.status == JobStatus.COMPLETED else ": "
    head = f"{printable(job.name)} is {job.status}" + (f"{between}{printable(found.why)}" if found.why else "")
    heads = [head]
    if width is not None:
        first, *more = folded(head, width)
        heads = [first, *(f"    {line}" for line in (folded(" ".join(more), width - 4) if more else ()))]
        rows = _fold(rows, width - 4 - max((cells(label) for label, _ in rows), default=0))
    return [*heads, *(f"  {line}" for line in table(["", ""], rows)[1:])]


def _fold(rows: list[tuple[str, str]], room: int) -> list[tuple[str, str]]:
    found = []
    about = ""
    for label, line in rows:
        about = label or about
        parts = [line] if about in _VERBATIM else folded(line, room)
        found += [(label if number == 0 else "", part) for number, part in enumerate(parts)]
    return found


def _rows(found: Explanation) -> list[tuple[str, str]]:
    job = found.job
    rows: list[tuple[str, str]] = []
    if sum(found.direct.values()) == len(found.named) == 1:
        rows.append(("waits for", f"{found.named[0].name} ({found.named[0].status})"))
    elif found.direct:
        rows.append(("waits for", _by_state(found.direct)))
        rows += [("", f"{other.name} ({other.status})") for other in found.named]
        if _left(found) > len(found.named):
            rows.append(("", f"... and {_left(found) - len(found.named):,} more"))
    rows += _upstream_rows(found)
    if found.job.status in MAY_RUN:
        rows.append(("needs", _needs(job)))
        # Where there is room matters to a job whose turn may come, or when there never will be.
        if job.status != JobStatus.BLOCKED or not any(fits(job, all_of(place)) for place in found.nodes):
            rows += [("", line) for line in _place_lines(found)]
    if found.attempt is not None:
        rows.append(("attempt", _attempt(found.attempt)))
        _, *more = (found.attempt.reason or "").splitlines() or [""]
        rows += [("it said" if number == 0 else "", line) for number, line in enumerate(more)]
    rows += [("wrote last" if number == 0 else "", line) for number, line in enumerate(found.last_lines)]
    if found.handler is not None:
        rows.append(("handler", found.handler))
    rows += [("has changed" if number == 0 else "", line) for number, line in enumerate(found.changed)]
    rows += [("next" if number == 0 else "", line) for number, line in enumerate(found.next)]
    return rows


def _left(found: Explanation) -> int:
    return sum(jobs for status, jobs in found.direct.items() if status != JobStatus.COMPLETED)


def _by_state(counts: dict[str, int]) -> str:
    total = sum(counts.values())
    parts = ", ".join(f"{jobs:,} {status}" for status, jobs in counts.items())
    return f"{plural(total, 'job')}: {parts}"


def _upstream_rows(found: Explanation) -> list[tuple[str, str]]:
    rows = []
    if sum(row.jobs for row in found.upstream) > _left(found):
        counts = {row.status: row.jobs for row in found.upstream}
        rows.append(("in all", f"{_by_state(counts)}"))
    for row in found.upstream:
        if row.status in RAN_AND_FAILED:
            more = f" and {row.jobs - 1:,} more" if row.jobs > 1 else ""
            rows.append(("stopped by", f"{row.first_name}{more} ({row.status})"))
    return rows


def _needs(job: JobDetails) -> str:
    parts = [f"{job.num_cpus} cpu", size(job.memory_bytes)]
    if job.num_gpus:
        parts.append(f"{job.num_gpus} gpu")
    if job.num_nodes > 1:
        parts.append(f"{job.num_nodes} machines at once, which no run gives")
    return ", ".join(parts) + f" ({job.resource_requirements})"


def _place_lines(found: Explanation) -> list[str]:
    lines = [f"{place.node}: {_about(found.job, place)}" for place in found.nodes[:_MACHINES]]
    if len(found.nodes) > _MACHINES:
        lines.append(f"... and {plural(len(found.nodes) - _MACHINES, 'more machine')}")
    return lines


def _about(job: JobDetails, place: Place) -> str:
    free = free_of(place)
    gpus = f", {free.gpus} of {place.num_gpus} gpu" if place.num_gpus else ""
    memory = f"{size(max(0, free.memory_bytes))} of {size(place.memory_bytes)}"
    room = f"free: {free.cpus} of {place.num_cpus} cpu, {memory}{gpus}"
    if not place.runners:
        return f"not at work now, {'large enough' if fits(job, all_of(place)) else 'too small without -j'} ({room})"
    busy = f"{place.busy:,} of {plural(place.slots, 'slot')} busy"
    if by_number(place):
        return busy
    if not fits(job, all_of(place)):
        return f"too small for it ({room})"
    return f"{busy}, {'it fits now' if fits(job, free) else 'it does not fit beside what runs'} ({room})"


def _attempt(row: AttemptRow) -> str:
    where = f" on {row.node}" if row.node else ""
    taken = duration(row.ended_at - row.started_at)
    return f"{row.attempt_id} of run {row.run_id}{where}: return code {row.return_code} after {taken}"


def document(found: Explanation) -> dict[str, Any]:
    """The JSON item of ``explain``."""
    job, last = found.job, found.attempt
    return {
        "id": job.id,
        "workflow_id": job.workflow_id,
        "name": job.name,
        "status": job.status,
        "why": found.why,
        "waits_for_by_status": found.direct,
        "waits_for_first": [one._asdict() for one in found.named],
        "upstream": [row._asdict() for row in found.upstream],
        "needs": {
            "num_cpus": job.num_cpus,
            "memory_bytes": job.memory_bytes,
            "num_gpus": job.num_gpus,
            "num_nodes": job.num_nodes,
        },
        "nodes": [
            {**place._asdict(), "fits": fits(job, all_of(place)), "fits_now": fits(job, free_of(place))}
            for place in found.nodes
        ],
        "runner_id": None if found.holder is None else found.holder.runner_id,
        "started_at": None if found.holder is None or found.holder.started_at is None else iso(found.holder.started_at),
        "attempt_id": None if last is None else last.attempt_id,
        "return_code": None if last is None else last.return_code,
        "reason": None if last is None else last.reason,
        "last_lines": found.last_lines,
        "handler": found.handler,
        "changes": found.changed,
        "next": found.next,
    }
