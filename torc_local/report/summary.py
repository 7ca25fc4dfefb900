"""The last words of a run: what came of it, why jobs failed, what it cost, and the next useful command."""

from collections.abc import Sequence

from torc_local.engine.options import COMBINED, NO_STDERR, NOTHING, settings_in
from torc_local.ground.errors import ExitCode
from torc_local.ground.states import JobStatus, unfinished_jobs
from torc_local.report.failing import failure_lines
from torc_local.report.groups import Group
from torc_local.report.listing import UNSUCCESSFUL
from torc_local.report.paint import STRONG, Line
from torc_local.report.status import Status
from torc_local.report.text import plural, printable, short_size
from torc_local.store.reading import CoreTime

#: Less than this is not worth a word about what it cost.
WORTH_S = 360.0
#: Advice needs so many attempts, and so small a part of what was asked for.
_FEWEST = 5
_IDLE = 0.5

_VERDICTS = {ExitCode.OK: "finished", ExitCode.FAILED: "finished with failures"}


def lines(
    status: Status,
    code: ExitCode,
    *,
    command: str,
    cost: CoreTime | None = None,
    groups: Sequence[Group] = (),
    width: int | None = None,
) -> list[Line]:
    """What to print on standard error after a run; nothing when everything went well and was not worth a word."""
    number = status.workflow.id
    found = failure_lines(status.failures, cures=True, command=command, workflow_id=number, width=width)
    said: list[Line] = [*found, *([""] if found else [])] if code is not ExitCode.OK else []
    costly = cost is not None and cost.reserved_s >= WORTH_S
    if cost is not None and costly:
        said.append(f"  {_cost(status, cost)}")
        if (advice := advice_of(groups)) is not None:
            said.append([f"  cheaper next time: {advice}  -> ", (f"{command} recommend {number}", STRONG)])
    steps = _next(status, code, command)
    if costly or (found and code is not ExitCode.OK):
        # How to go on comes last, where the eye is.
        steps.insert(max(len(steps) - 1, 0), ("everything:", f"{command} report {number} -o report.html"))
    said += [[f"  {label:<17}", (step, STRONG)] for label, step in steps]
    return said


def sentence(name: str, counts: dict[str, int], total: int, code: ExitCode, taken: str) -> str:
    """The run in one line."""
    parts = [f"{counts.get(JobStatus.COMPLETED, 0):,} of {plural(total, 'job')} completed"]
    for status, words in (
        (JobStatus.FAILED, "failed"),
        (JobStatus.TERMINATED, "terminated"),
        (JobStatus.CANCELED, "could not run"),
        (JobStatus.PENDING_FAILED, "failed and wait for you to decide"),
    ):
        if counts.get(status):
            parts.append(f"{counts[status]:,} {words}")
    left = unfinished_jobs(counts)
    if left:
        parts.append(f"{left:,} left")
    return f"{printable(name)} {_VERDICTS.get(code, 'stopped')} {'after' if left else 'in'} {taken}: {', '.join(parts)}"


def advice_of(groups: Sequence[Group]) -> str | None:
    """What costs most for nothing: processors first, then memory."""
    idle = [
        (one.reserved_cpu_s - one.cpu_s, one)
        for one in groups
        if one.samples >= _FEWEST and _cpus(one) > 1 and (one.cpu_efficiency or 1.0) < _IDLE
    ]
    if idle:
        _, one = max(idle, key=lambda pair: pair[0])
        used = _cpus(one) * (one.cpu_efficiency or 0.0)
        return f"{printable(one.name)} asked for {_cpus(one)} cpus, used {used:.1f}"
    for one in groups:
        asked, peak = one.asked_memory, one.peak_memory_bytes
        if one.samples >= _FEWEST and asked is not None and peak is not None and peak < _IDLE * asked[0]:
            return f"{printable(one.name)} asked for {short_size(asked[0])} of memory, used {short_size(peak)} at most"
    return None


def _cpus(one: Group) -> int:
    return max(asks.num_cpus for asks in one.asks)


def _cost(status: Status, cost: CoreTime) -> str:
    nodes = len({one.node for one in status.crew})
    used, reserved = cost.used_s / 3600, cost.reserved_s / 3600
    share = f": {100 * cost.used_s / cost.reserved_s:.0f}%" if cost.reserved_s else ""
    return f"{plural(nodes, 'node')}, {used:,.1f} core-hours used of {reserved:,.1f} asked for{share}"


def _next(status: Status, code: ExitCode, command: str) -> list[tuple[str, str]]:
    number = status.workflow.id
    steps = []
    failed = next((one for one in status.failures if one.status in UNSUCCESSFUL), None)
    if failed is not None and code is not ExitCode.OK:
        steps.append(("list them:", f"{command} jobs {number} --failed"))
        mode = settings_in(status.workflow.settings).stdio
        if mode != NOTHING:
            flag = "" if mode in (COMBINED, NO_STDERR) else " --stderr"
            steps.append(("what one wrote:", f"{command} logs {_word(failed.example)}{flag}"))
    if code in (ExitCode.INTERRUPTED, ExitCode.TERMINATED, ExitCode.INCOMPLETE):
        steps.append(("go on:", f"{command} run {number}"))
    elif code is ExitCode.STATE:
        steps.append(("examine:", f"{command} doctor"))
    elif code is not ExitCode.OK and (failed is not None or status.is_complete):
        steps.append(("try them again:", f"{command} run {number}"))
    return steps


def _word(name: str) -> str:
    import shlex  # noqa: PLC0415 - loaded when needed

    return printable(shlex.quote(name))
