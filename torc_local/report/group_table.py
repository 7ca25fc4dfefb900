"""The table of groups: how each family of jobs stands, what its attempts used, and what of that deserves a look."""

from collections.abc import Sequence

from torc_local.report.fitting import Column, Table, fit
from torc_local.report.groups import Group
from torc_local.report.paint import BAD, FAINT, WARNING, Line, Looks, Piece
from torc_local.report.text import cells, duration, plural, printable, short_size

#: More groups are folded into one line.
MOST = 12

_COLUMNS = (
    Column("GROUP", least=8, inside=True),
    Column("JOBS", right=True),
    Column("DONE", right=True),
    Column("RUN", right=True),
    Column("FAIL", right=True),
    Column("CANCELED", right=True, spare=4),
    Column("MEDIAN", right=True, spare=2),
    Column("P95", right=True, spare=5),
    Column("PEAK MEM", right=True, spare=1),
    Column("ASKED", right=True, spare=1),
    Column("CPU EFF", right=True, spare=3),
)
_CANCELED = 5

#: Worth a look: this part of a limit was used; less than that of the processors was.
_NEAR = 0.9
_IDLE = 0.5
#: With fewer attempts nothing is said about processors.
_FEWEST = 5


def group_lines(groups: Sequence[Group], looks: Looks, *, more: str | None) -> list[Line]:
    """The lines of the table; ``more``: the command that shows all, where some may be folded away."""
    shown = list(groups) if more is None else _first(groups)
    with_canceled = any(one.canceled for one in shown)
    columns = [one for number, one in enumerate(_COLUMNS) if with_canceled or number != _CANCELED]
    rows = [[cell for n, cell in enumerate(_cells(one)) if with_canceled or n != _CANCELED] for one in shown]
    found = fit(Table(columns, rows), None if looks.width is None else looks.width - 2)
    warnings = list(map(warning_of, shown))
    widest = max(map(cells, found.lines))
    beside = looks.width is None or all(
        warning is None or 2 + widest + 2 + cells(f"! {warning}") <= looks.width for warning in warnings
    )
    lines: list[Line] = [f"  {found.lines[0]}"]
    for one, warning, text in zip(shown, warnings, found.lines[1:], strict=True):
        line: list[Piece] = [(f"  {text}", BAD if one.failed else "")]
        if warning is not None and beside:
            line += [" " * (widest - cells(text) + 2), (f"! {warning}", WARNING)]
        lines.append(line)
    if len(shown) < len(groups):
        lines.append([(f"  {_rest(groups, shown)}   ({more})", FAINT)])
    if not beside:
        lines += [
            [(f"  ! {printable(one.name)}: {warning}", WARNING)]
            for one, warning in zip(shown, warnings, strict=True)
            if warning is not None
        ]
    return lines


def _first(groups: Sequence[Group]) -> list[Group]:
    """Those that fit on a screen: the ones that failed or are at work, then the largest; in the workflow's order."""
    if len(groups) <= MOST:
        return list(groups)
    order = sorted(
        range(len(groups)),
        key=lambda n: (not groups[n].failed, not groups[n].at_work, -groups[n].jobs, n),
    )
    return [groups[number] for number in sorted(order[: MOST - 1])]


def _rest(groups: Sequence[Group], shown: Sequence[Group]) -> str:
    names = {one.name for one in shown}
    rest = [one for one in groups if one.name not in names]
    parts = [plural(sum(one.jobs for one in rest), "job"), f"{sum(one.completed for one in rest):,} done"]
    for count, word in (
        (sum(one.at_work for one in rest), "at work"),
        (sum(one.failed for one in rest), "failed"),
        (sum(one.canceled for one in rest), "canceled"),
    ):
        if count:
            parts.append(f"{count:,} {word}")
    return f"+ {plural(len(rest), 'more group')}: {', '.join(parts)}"


def _cells(one: Group) -> list[str]:
    efficiency = one.cpu_efficiency
    return [
        one.name,
        f"{one.jobs:,}",
        f"{one.completed:,}",
        f"{one.at_work:,}",
        f"{one.failed:,}",
        f"{one.canceled:,}",
        duration(one.median_s),
        duration(one.p95_s),
        peak_text(one),
        asked_text(one),
        "-" if efficiency is None else f"{100 * efficiency:.0f}%",
    ]


def peak_text(one: Group) -> str:
    """The largest memory of an attempt; ``<`` where only a bound is known."""
    if one.peak_memory_bytes is not None:
        return short_size(one.peak_memory_bytes)
    return "-" if one.peak_memory_bound_bytes is None else f"<{short_size(one.peak_memory_bound_bytes)}"


def asked_text(one: Group) -> str:
    """The memory that the file states."""
    if one.asked_memory is None:
        return "-"
    least, most = one.asked_memory
    return short_size(most) if least == most else f"{short_size(least)}-{short_size(most)}"


def warning_of(one: Group) -> str | None:
    """What deserves a look: attempts that were ended for a limit, then how near one the others came."""
    if one.ended_for_memory:
        return f"{plural(one.ended_for_memory, 'attempt')} out of memory"
    if one.ended_for_time:
        return f"{plural(one.ended_for_time, 'attempt')} out of time"
    memory, runtime, peak = one.asked_memory, one.asked_runtime, one.peak_memory_bytes
    if memory is not None and peak is not None and peak >= _NEAR * memory[0] > 0:
        return _near("memory", peak / memory[0])
    if runtime is not None and one.longest_s is not None and one.longest_s >= _NEAR * runtime[0] > 0:
        return _near("run time", one.longest_s / runtime[0])
    cpus, efficiency = max(asks.num_cpus for asks in one.asks), one.cpu_efficiency
    if efficiency is not None and cpus > 1 and one.samples >= _FEWEST and efficiency < _IDLE:
        return f"used {cpus * efficiency:.1f} of {cpus} cpus"
    return None


def _near(what: str, part: float) -> str:
    return f"{what} over its limit" if part > 1 else f"{what} within {100 * (1 - part):.0f}% of its limit"
