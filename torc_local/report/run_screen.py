"""What ``run`` shows on a terminal below its bar, and of each failure above it: functions of what was looked up."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from torc_local.ground.limits import LIMITS_MEMORY, LIMITS_RUNTIME
from torc_local.ground.states import JobStatus
from torc_local.report.paint import BAD, FAINT, WARNING, Line, Looks, Piece
from torc_local.report.text import cells, duration, padded, plural, printable, short_size, shortened_inside
from torc_local.store.overview import LongRunning, Machines

#: Jobs that are named while they run, from this age on (seconds).
LONGEST = 3
_OLD_S = 2.0

_NEAR = 0.9
_GAUGE = 10
_NAME_WIDTH = 30
_MINUTE_S = 60
_HOUR_S = 3600

_STATES = (
    (JobStatus.RUNNING, "running", ""),
    (JobStatus.PENDING, "pending", ""),
    (JobStatus.READY, "ready", ""),
    (JobStatus.BLOCKED, "blocked", ""),
    (JobStatus.FAILED, "failed", BAD),
    (JobStatus.TERMINATED, "terminated", BAD),
    (JobStatus.PENDING_FAILED, "in doubt", BAD),
    (JobStatus.CANCELED, "could not run", WARNING),
)


class Failed(NamedTuple):
    """What was looked up about an attempt that did not succeed; None and empty for what is not known."""

    taken_s: float | None = None
    node: str | None = None
    attempt_id: int | None = None
    file: Path | None = None  # that its output is in
    last_line: str = ""


def state_line(counts: dict[str, int], machines: Machines | None, looks: Looks) -> Line:
    """How many jobs are in which state; what is at work stands at its end, where there is room."""
    pieces: list[Piece] = []
    for status, word, colour in _STATES:
        if counts.get(status) or status is JobStatus.RUNNING:
            pieces += ["  " if pieces else " ", (f"{word} {counts.get(status, 0):,}", colour)]
    about = "" if machines is None else _machines(machines)
    room = (
        None
        if looks.width is None
        else looks.width - sum(cells(one if isinstance(one, str) else one[0]) for one in pieces)
    )
    if about and (room is None or room >= cells(about) + 4):
        pieces.append((f"{'':{4 if room is None else room - cells(about)}}{about}", FAINT))
    return pieces


def _machines(found: Machines) -> str:
    parts = [plural(found.nodes, "node")] if found.nodes > 1 else []
    if found.held_cpus:
        parts.append(f"cpu {found.held_cpus:,}/{found.num_cpus:,}")
    if found.held_memory_bytes and found.memory_bytes:
        parts.append(f"mem {100 * found.held_memory_bytes / found.memory_bytes:.0f}%")
    if found.held_gpus:
        parts.append(f"gpu {found.held_gpus:,}/{found.num_gpus:,}")
    return "  ".join(parts)


def job_lines(longest: Sequence[LongRunning], running: int, *, at: float, looks: Looks) -> list[Line]:
    """The jobs that have run for the longest time, with what they use of their limits; then how many others run."""
    shown = [one for one in longest if at - one.started_at >= _OLD_S][:LONGEST]
    if not shown:
        return []
    most = _NAME_WIDTH if looks.width is None else max(min(_NAME_WIDTH, looks.width // 4), 8)
    names = [shortened_inside(printable(one.name), most) for one in shown]
    widths = max(map(cells, names)), max(cells(printable(one.node)) for one in shown)
    lines: list[Line] = [_job_line(one, name, widths, at) for one, name in zip(shown, names, strict=True)]
    if running > len(shown):
        lines.append([(f"  {'':>7}  + {running - len(shown):,} more", FAINT)])
    return lines


def _job_line(one: LongRunning, name: str, widths: tuple[int, int], at: float) -> Line:
    taken = at - one.started_at
    pieces: list[Piece] = [
        f"  {duration(taken):>7}  {padded(name, widths[0])}  {padded(printable(one.node), widths[1])}"
    ]
    if one.avg_cpu_percent is not None:
        pieces.append(f"  {one.avg_cpu_percent / 100:4.1f} cpu")
    parts = []
    if one.peak_memory_bytes is not None:
        limit = f"/{short_size(one.memory_bytes)}" if one.limits & LIMITS_MEMORY else ""
        pieces.append(f"  {short_size(one.peak_memory_bytes)}{limit}")
        if one.limits & LIMITS_MEMORY and one.memory_bytes:
            parts.append((one.peak_memory_bytes / one.memory_bytes, "memory"))
    if one.limits & LIMITS_RUNTIME and one.runtime_s:
        parts.append((taken / one.runtime_s, "time"))
    if parts:
        part, what = max(parts)
        filled = min(int(part * _GAUGE), _GAUGE)
        near = part >= _NEAR
        pieces.append(
            (f"  [{'#' * filled:-<{_GAUGE}}]{f'  near its {what} limit' if near else ''}", WARNING if near else "")
        )
    return pieces


def failed_lines(name: str, why: str, found: Failed) -> list[Line]:
    """A failure: which job, why, how long it took and where; then where its output is, and how that ends."""
    facts = [
        *([] if found.taken_s is None else [duration(found.taken_s)]),
        *([] if found.node is None else [printable(found.node)]),
        *([f"attempt {found.attempt_id}"] if (found.attempt_id or 0) > 1 else []),
    ]
    lines: list[Line] = [
        [("x ", BAD), printable(name), "   ", (printable(why), BAD), "".join(f"   {fact}" for fact in facts)]
    ]
    if found.file is not None and found.last_line:
        lines.append(f"    {printable(str(found.file))}   {printable(found.last_line)}")
    return lines


def roughly(seconds: float) -> str:
    """A time that is not known exactly, rounded to what can be meant."""
    for below, step in ((_MINUTE_S, 5), (10 * _MINUTE_S, 30), (_HOUR_S, _MINUTE_S), (24 * _HOUR_S, 5 * _MINUTE_S)):
        if seconds < below:
            return _words(max(round(seconds / step), 1) * step)
    return _words(round(seconds / _HOUR_S) * _HOUR_S)


def _words(seconds: int) -> str:
    return duration(seconds).replace(".00s", "s").replace("m00s", "m")
