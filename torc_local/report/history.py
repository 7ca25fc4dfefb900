"""Everything that a workflow's jobs did, as columns: one value for each job, in the order of the jobs.

A hundred thousand jobs are a few arrays, not objects: they are read in one pass and packed into a report as they are.
"""

from array import array
from math import nan
from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.history import Try, tries


class Earlier(NamedTuple):
    """An attempt that was not a job's last one."""

    job: int  # its place among the jobs
    run_id: int
    attempt_id: int
    outcome: str
    return_code: int
    reason: str | None
    started_at: float
    ended_at: float
    cpu_s: float
    runner_id: int


class History:
    """Columns of jobs, of their newest attempts, and the attempts before these.

    Times are NaN, and numbers 0, where there was no attempt. ``peaks`` are bytes; negative: no more than that; 0: not
    known. ``cpu_s`` and ``peaks`` are the larger of what the kernel and what the monitor says.
    """

    def __init__(self) -> None:
        self.ids = array("q")
        self.names: list[str] = []
        self.commands: list[str] = []
        self.statuses: list[str] = []
        self.requirements = array("q")
        self.tries = array("q")
        self.started = array("d")
        self.ended = array("d")
        self.cpu_s = array("d")
        self.peaks = array("q")
        self.runners = array("q")
        self.runs = array("q")
        self.return_codes = array("q")
        self.reasons: dict[int, str] = {}  # by place: why the newest attempt did not complete
        self.outcomes: dict[int, str] = {}  # by place: how it ended, when that is not the job's status
        self.blocked_by_failure: set[int] = set()  # places of jobs that something before them kept from running
        self.read_bytes: dict[int, int] = {}  # by place, where a monitor saw it
        self.written_bytes: dict[int, int] = {}
        self.came_later: dict[int, str] = {}  # by place: spawn or add
        self.earlier: list[Earlier] = []

    def __len__(self) -> int:
        return len(self.names)

    def ran_in(self, run_id: int) -> list[int]:
        """Places of the jobs whose newest attempt was in this run."""
        return [job for job, run in enumerate(self.runs) if run == run_id and self.tries[job]]

    def duration(self, job: int) -> float:
        """Seconds that the newest attempt took; NaN when there was none."""
        return self.ended[job] - self.started[job]


def gather(db: Database, workflow_id: int) -> History:
    """Read all of it: one pass over jobs and attempts."""
    found = History()
    last: Try | None = None
    for row in tries(db, workflow_id):
        if last is not None and row.job_id == last.job_id:
            found.earlier.append(
                Earlier(
                    len(found),
                    last.run_id or 0,
                    last.attempt_id,
                    last.outcome,
                    last.return_code,
                    last.reason,
                    last.started_at,
                    last.ended_at,
                    max(last.cpu_s, last.sampled_cpu_s or 0.0),
                    last.runner_id,
                )
            )
        elif last is not None:
            _add(found, last)
        last = row
    if last is not None:
        _add(found, last)
    for one in found.earlier:
        found.tries[one.job] += 1
    return found


def _add(found: History, row: Try) -> None:
    place = len(found.names)
    found.ids.append(row.job_id)
    found.names.append(row.name)
    found.commands.append(row.command)
    found.statuses.append(row.status)
    found.requirements.append(row.resource_requirements_id)
    if row.blocker_failed:
        found.blocked_by_failure.add(place)
    if row.origin is not None:
        found.came_later[place] = row.origin
    if row.run_id is None:
        found.tries.append(0)
        found.started.append(nan)
        found.ended.append(nan)
        found.cpu_s.append(0.0)
        for column in (found.peaks, found.runners, found.runs, found.return_codes):
            column.append(0)
        return
    found.tries.append(1)
    found.started.append(row.started_at)
    found.ended.append(row.ended_at)
    found.cpu_s.append(row.cpu_s if row.sampled_cpu_s is None else max(row.cpu_s, row.sampled_cpu_s))
    sampled = row.sampled_peak_bytes
    found.peaks.append(row.peak_memory_bytes if sampled is None else max(sampled, row.peak_memory_bytes))
    found.runners.append(row.runner_id)
    found.runs.append(row.run_id)
    found.return_codes.append(row.return_code)
    if row.reason is not None:
        found.reasons[place] = row.reason
    if row.outcome != row.status:
        found.outcomes[place] = row.outcome
    if row.read_bytes is not None:
        found.read_bytes[place] = row.read_bytes
        found.written_bytes[place] = row.written_bytes or 0
