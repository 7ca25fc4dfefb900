"""The last words of a run: what came of it, why jobs failed, and the next useful command."""

from torc_local.engine.options import COMBINED, NO_STDERR, NOTHING, settings_in
from torc_local.ground.errors import ExitCode
from torc_local.ground.states import JobStatus, unfinished_jobs
from torc_local.report.listing import UNSUCCESSFUL
from torc_local.report.status import Status, failure_lines
from torc_local.report.text import plural, printable


def lines(status: Status, code: ExitCode, *, command: str) -> list[str]:
    """What to print on standard error after a run; nothing when everything went well."""
    if code is ExitCode.OK:
        return []
    found = [line for line in failure_lines(status.failures, indent="  ") if line]
    return [*found, *(f"  {step}" for step in _next(status, code, command))]


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


_VERDICTS = {ExitCode.OK: "finished", ExitCode.FAILED: "finished with failures"}


def _next(status: Status, code: ExitCode, command: str) -> list[str]:
    number = status.workflow.id
    steps = []
    failed = next((one for one in status.failures if one.status in UNSUCCESSFUL), None)
    if failed is not None:
        steps.append(f"list them:       {command} jobs {number} --failed")
        mode = settings_in(status.workflow.settings).stdio
        if mode != NOTHING:
            flag = "" if mode in (COMBINED, NO_STDERR) else " --stderr"
            steps.append(f"what one wrote:  {command} logs {_word(failed.example)}{flag}")
    if code in (ExitCode.INTERRUPTED, ExitCode.TERMINATED, ExitCode.INCOMPLETE):
        steps.append(f"go on:           {command} run {number}")
    elif code is ExitCode.STATE:
        steps.append(f"examine:         {command} doctor")
    elif failed is not None or status.is_complete:
        steps.append(f"try them again:  {command} run {number}")
    return steps


def _word(name: str) -> str:
    import shlex  # noqa: PLC0415 - loaded when needed

    return printable(shlex.quote(name))
