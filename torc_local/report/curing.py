"""Which failures more memory or more run time cures, and how much more.

A job that was ended at a limit tells only that it needs more than it could use: a lower bound. The new limit is the
bound times a multiplier, rounded up to what people write. A job that was ended at several limits one after the other
was raised too timidly, so from then on the multiplier counts twice: four times too little is cured in three rounds
with Torc's 1.5.

What Torc takes for a failure of memory or of time (``check-resource-utilization``) is taken for it here: killed, or
return code 137, before most of its run time was over; return code 152. What the runner itself ended is known.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from torc_local.engine.recovering import Judgement
from torc_local.engine.requirements import Change
from torc_local.ground.reasons import first_line
from torc_local.ground.states import JobStatus
from torc_local.ground.units import show_memory
from torc_local.report import causes, ended_at, history
from torc_local.report.advice import friendly_memory, friendly_runtime
from torc_local.report.causes import Cause
from torc_local.report.history import History
from torc_local.report.utilization import KILLED, LATE, OUT_OF_TIME
from torc_local.store import reading, requirements
from torc_local.store.database import Database
from torc_local.store.reading import Requirements

_NAMED = 3
_MIB = 1 << 20


class Rules(NamedTuple):
    """What ``recover`` was told."""

    memory_multiplier: float = 1.5
    runtime_multiplier: float = 1.5
    retry_unknown: bool = False


class Group(NamedTuple):
    """Jobs that failed for one cause, and what is done about them."""

    cause: Cause
    jobs: int
    names: list[str]
    retried: bool
    unknown: bool  # nobody knows what would cure it
    why: str  # they are retried, or are not


class Raised(NamedTuple):
    """A limit that is raised: of which requirements, for whom, and whether no node has more."""

    change: Change
    jobs: int  # that ask for it and have not completed
    failed: int  # that were ended at it
    is_capped: bool


class Diagnosis(NamedTuple):
    """All of it. ``unknown``: jobs of unknown cause, retried or not."""

    groups: list[Group]
    raised: list[Raised]
    judgement: Judgement

    @property
    def unknown(self) -> int:
        """How many jobs failed for a reason that no limit cures."""
        return sum(one.jobs for one in self.groups if one.unknown)


class _Case(NamedTuple):
    """A failure that a higher limit cures: of which job, and what its limit and its use were (bytes, or seconds)."""

    job: int
    at: float
    used: float
    again: bool  # it was ended at a lower limit before


def diagnose(db: Database, workflow_id: int, rules: Rules) -> Diagnosis:
    """Look at everything that failed; one pass over jobs and attempts."""
    found = history.gather(db, workflow_id)
    asks = {one.id: one for one in reading.requirements(db, workflow_id)}
    largest = requirements.largest_node(db, workflow_id)
    earlier: dict[int, list[str]] = {}
    for one in found.earlier:
        if one.reason is not None:
            earlier.setdefault(one.job, []).append(first_line(one.reason))
    plan = _Plan(rules, found, asks, earlier)
    for group in causes.groups(found):
        for job in group.jobs:
            if found.statuses[job] != JobStatus.CANCELED:
                plan.judge(job, group.cause)
    raised, too_large = plan.raises(largest, requirements.jobs_of(db, workflow_id))
    groups = plan.groups(too_large, largest)
    retried = sorted(found.ids[job] for job in plan.retried if job not in too_large)
    changes: dict[int, Change] = {}
    for each in raised:  # memory and run time of one set are one change
        asked = changes.get(each.change.before.id, each.change)
        changes[each.change.before.id] = Change(
            asked.before,
            asked.before._replace(
                memory_bytes=max(asked.after.memory_bytes, each.change.after.memory_bytes),
                runtime_s=max(asked.after.runtime_s, each.change.after.runtime_s),
            ),
        )
    return Diagnosis(groups, raised, Judgement(list(changes.values()), retried))


class _Plan:
    """What becomes of each failed job, collected job by job."""

    def __init__(
        self, rules: Rules, found: History, asks: dict[int, Requirements], earlier: dict[int, list[str]]
    ) -> None:
        self._rules = rules
        self._found = found
        self._asks = asks
        self._earlier = earlier
        self._memory: dict[int, list[_Case]] = {}  # by id of requirements
        self._runtime: dict[int, list[_Case]] = {}
        self._by_cause: dict[tuple[Cause, bool, bool, str], list[int]] = {}
        self.retried: set[int] = set()

    def judge(self, job: int, cause: Cause) -> None:
        """Find out what would cure one failed job."""
        asked = self._asks[self._found.requirements[job]]
        sentence = first_line(self._found.reasons.get(job, ""))
        code = self._found.return_codes[job]
        late = asked.stated_runtime is not None and self._found.duration(job) > LATE * asked.stated_runtime
        killed = cause.kind in ("signal", "exit") and code in KILLED
        if cause.kind == "timeout" or (cause.kind == "exit" and code == OUT_OF_TIME) or (killed and late):
            if asked.stated_runtime is None:
                self._unknown(job, cause, "they state no run time that could be raised")
                return
            self._runtime.setdefault(asked.id, []).append(self._case(job, sentence, ended_at.runtime, asked.runtime_s))
            self._retry(job, cause, "with more run time")
        elif cause.kind == "oom" or killed:
            if asked.stated_memory is None:
                self._unknown(job, cause, "they state no memory that could be raised")
                return
            self._memory.setdefault(asked.id, []).append(self._case(job, sentence, ended_at.memory, asked.memory_bytes))
            self._retry(
                job, cause, "with more memory" if cause.kind == "oom" else "with more memory, as if for want of it"
            )
        elif cause.kind == "lost":
            self._retry(job, cause, "as they are")
        else:
            self._unknown(job, cause, "no limit cures that")

    def _retry(self, job: int, cause: Cause, why: str) -> None:
        self.retried.add(job)
        self._by_cause.setdefault((cause, True, False, why), []).append(job)

    def _unknown(self, job: int, cause: Cause, why: str) -> None:
        if self._rules.retry_unknown:
            self.retried.add(job)
            why = "as they are"
        self._by_cause.setdefault((cause, self._rules.retry_unknown, True, why), []).append(job)

    def _case(self, job: int, sentence: str, limit: Callable[[str], float | None], asked: float) -> _Case:
        limits = {limit(one) for one in (*self._earlier.get(job, ()), sentence)} - {None}
        at = limit(sentence)
        used = float(max(self._found.peaks[job], 0)) if limit is ended_at.memory else 0.0
        return _Case(job, asked if at is None else at, used, len(limits) > 1)

    def raises(self, largest: int, jobs: dict[int, requirements.JobsOf]) -> tuple[list[Raised], set[int]]:
        """The limits to raise, and the jobs that none helps because they ask for all that any node has."""
        raised, too_large = [], set()
        for id_, cases in sorted(self._memory.items()):
            asked = self._asks[id_]
            new = _raised(cases, asked.memory_bytes, self._rules.memory_multiplier, friendly_memory)
            capped = bool(largest) and new > largest
            if capped:
                new = float(largest // _MIB * _MIB)
                if new <= asked.memory_bytes:
                    too_large |= {one.job for one in cases}
                    continue
            after = asked._replace(memory_bytes=math.ceil(new))
            if after != asked:
                raised.append(Raised(Change(asked, after), jobs[id_].unfinished, len(cases), capped))
        for id_, cases in sorted(self._runtime.items()):
            asked = self._asks[id_]
            new = _raised(cases, asked.runtime_s, self._rules.runtime_multiplier, friendly_runtime)
            if new != asked.runtime_s:
                change = Change(asked, asked._replace(runtime_s=new))
                raised.append(Raised(change, jobs[id_].unfinished, len(cases), is_capped=False))
        return raised, too_large

    def groups(self, too_large: set[int], largest: int) -> list[Group]:
        """The largest first; what is left alone after what is retried."""
        made = []
        for (cause, retried, unknown, why), members in self._by_cause.items():
            for out, part in ((False, [j for j in members if j not in too_large]),
                              (True, [j for j in members if j in too_large])):  # fmt: skip
                if part:
                    names = [self._found.names[job] for job in part[:_NAMED]]
                    said = f"they ask for all the memory that the largest node has ({show_memory(largest)})"
                    made.append(Group(cause, len(part), names, retried and not out, unknown, said if out else why))
        return sorted(made, key=lambda one: (not one.retried, -one.jobs))


def _raised(cases: list[_Case], asked: float, multiplier: float, friendly: Callable[[float], float]) -> float:
    """The new limit; what it is already when it was raised by as much since the jobs were ended."""
    wanted = max(max(one.at, one.used) * (multiplier**2 if one.again else multiplier) for one in cases)
    return asked if asked >= wanted else friendly(wanted)
