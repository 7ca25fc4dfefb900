"""Why jobs did not succeed, grouped by cause, and what helps against each."""

import re
import shlex
from typing import NamedTuple

from torc_local.ground.reasons import first_line
from torc_local.ground.states import JobStatus
from torc_local.report.history import History

_EXIT = re.compile(r"exit (-?[0-9]+)")
_SIGNAL = re.compile(r"killed by (\w+)")
_NOT_EXECUTABLE, _NOT_FOUND = 126, 127


class Cause(NamedTuple):
    """What kept jobs from succeeding; ``kind`` is one word for programs."""

    kind: str
    title: str


OOM = Cause("oom", "out of memory: used more than they ask for")
TIMEOUT = Cause("timeout", "out of time: ran for longer than they ask for")
LOST = Cause("lost", "lost: the runner or its node died while they ran")
UPSTREAM = Cause("upstream", "could not run: something before them did not succeed")
PERSON = Cause("person", "canceled by a person")


class Group(NamedTuple):
    """Jobs with one cause: their places among the jobs, in order."""

    cause: Cause
    jobs: list[int]


def cause_of(status: str, reason: str | None, *, blocked_by_failure: bool = False, outcome: str | None = None) -> Cause:
    """Why a job in a state of failure is in it. ``outcome``: of its newest attempt, None when it had none."""
    sentence = first_line(reason or "")
    if status == JobStatus.CANCELED:
        return UPSTREAM if blocked_by_failure and outcome != JobStatus.CANCELED else PERSON
    if outcome == "lost":
        return LOST
    if sentence.startswith("oom:"):
        return OOM
    if sentence.startswith("timeout:"):
        return TIMEOUT
    if found := _EXIT.match(sentence):
        code = int(found[1])
        said = {_NOT_FOUND: ": command not found", _NOT_EXECUTABLE: ": not executable"}.get(code, "")
        return Cause("exit", f"exit code {code}{said}")
    if found := _SIGNAL.match(sentence):
        suspected = "for want of memory" in sentence
        return Cause("signal", f"killed by {found[1]}{', perhaps for want of memory' if suspected else ''}")
    return Cause("other", sentence.partition(":")[0] or str(status))


def groups(found: History) -> list[Group]:
    """Jobs that failed, were terminated or canceled, or are in doubt, by cause: the largest first, upstream last."""
    by_cause: dict[Cause, list[int]] = {}
    for job, status in enumerate(found.statuses):
        if status not in _UNSUCCESSFUL:
            continue
        outcome = found.outcomes.get(job, status) if found.tries[job] else None
        blocked = job in found.blocked_by_failure
        cause = cause_of(status, found.reasons.get(job), blocked_by_failure=blocked, outcome=outcome)
        by_cause.setdefault(cause, []).append(job)
    made = [Group(cause, jobs) for cause, jobs in by_cause.items()]
    return sorted(made, key=lambda one: (one.cause is UPSTREAM, -len(one.jobs), one.jobs[0]))


_UNSUCCESSFUL = frozenset((JobStatus.FAILED, JobStatus.TERMINATED, JobStatus.PENDING_FAILED, JobStatus.CANCELED))


def cure(cause: Cause, name: str, *, command: str, workflow_id: int) -> str:
    """What to do about it, in a sentence; ``name`` is a job with this cause, ``command`` begins what is suggested."""
    job = f"{shlex.quote(name)} -w {workflow_id}"
    look = f"{command} logs {job} --stderr"
    again = f"{command} retry {job}"
    match cause.kind:
        case "oom":
            return f"{command} recover {workflow_id} raises what they ask for and tries them again"
        case "timeout":
            return f"{command} recover {workflow_id} raises what they ask for and tries them again"
        case "lost":
            return f"see why the node or the runner died, then {command} run {workflow_id}"
        case "upstream":
            return "cure what stands before them: they run by themselves when that is tried again"
        case "person":
            return again
        case "signal":
            return f"see who ended it (the kernel, for memory: dmesg; a bug: a core file), then {again}"
        case "exit" if cause.title.startswith(f"exit code {_NOT_FOUND}"):
            return f"see that the program is installed and in PATH on the node, then {again}"
        case "exit" if cause.title.startswith(f"exit code {_NOT_EXECUTABLE}"):
            return f"make the program executable (chmod +x), then {again}"
        case _:
            return f"see what it wrote ({look}), cure that, then {again}"
