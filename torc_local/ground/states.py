"""Job states and their legal moves: the one list that every other layer reads.

The words are Torc's. The database is filled with ``MOVES`` when it is made and refuses any other move, so a
new state or move is added here, in a migration, and nowhere else.
"""

from collections.abc import Mapping
from enum import StrEnum


class JobStatus(StrEnum):
    """Where a job is in its life. The text is what the database, the screen and JSON show."""

    UNINITIALIZED = "uninitialized"  # being put back by a restart; never seen outside that transaction
    BLOCKED = "blocked"  # waits for other jobs
    READY = "ready"  # may be claimed
    PENDING = "pending"  # claimed by a runner, not known to have started
    RUNNING = "running"  # a child process of its runner
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"  # never ran because something before it did not succeed, or canceled by a person
    TERMINATED = "terminated"  # ended by us before it was done
    DISABLED = "disabled"  # kept, never run
    PENDING_FAILED = "pending_failed"  # failed, waiting for a person to decide; what comes after it stays blocked


#: States a job leaves only by a restart (Torc: "complete").
ENDED = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELED, JobStatus.TERMINATED)

#: States that count for "the workflow is complete" (Torc: ``is_complete``).
FINISHED = (*ENDED, JobStatus.DISABLED)

#: Unsuccessful states: a new run tries these again, with everything after them.
RETRIABLE = (JobStatus.FAILED, JobStatus.CANCELED, JobStatus.TERMINATED, JobStatus.PENDING_FAILED)

#: States in which a runner holds the job.
CLAIMED = (JobStatus.PENDING, JobStatus.RUNNING)

_S = JobStatus

#: Every legal move. A job that is shorter than a batch goes from pending straight to its end: that it ran is
#: recorded by its result, and writing "running" for a millisecond would double the cost of a job.
MOVES: frozenset[tuple[JobStatus, JobStatus]] = frozenset(
    {
        (_S.UNINITIALIZED, _S.BLOCKED),
        (_S.UNINITIALIZED, _S.READY),
        (_S.BLOCKED, _S.READY),  # released
        (_S.BLOCKED, _S.CANCELED),  # something before it did not succeed, or canceled by a person
        (_S.READY, _S.PENDING),  # claimed
        (_S.READY, _S.CANCELED),
        (_S.PENDING, _S.READY),  # given back, or reclaimed from a dead runner
        (_S.RUNNING, _S.READY),  # reclaimed, or stopped to run again later
        (_S.PENDING, _S.RUNNING),
        *((claimed, ended) for claimed in CLAIMED for ended in (*ENDED, _S.PENDING_FAILED)),
        *((ended, _S.UNINITIALIZED) for ended in (*ENDED, _S.PENDING_FAILED)),  # a restart
        (_S.READY, _S.UNINITIALIZED),  # a restart puts back something that it had waited for
    }
)


def finished_jobs(counts: Mapping[str, int]) -> int:
    """How many of the jobs counted by status need no more work: they have ended, are never run, or are in doubt."""
    return sum(jobs for status, jobs in counts.items() if status in FINISHED or status == JobStatus.PENDING_FAILED)


def unfinished_jobs(counts: Mapping[str, int]) -> int:
    """How many of the jobs counted by status still need something of a run.

    A job in doubt (pending_failed) needs a person, and so does what is blocked when nothing else is left.
    """
    in_doubt = counts.get(JobStatus.PENDING_FAILED, 0)
    left = sum(jobs for status, jobs in counts.items() if status not in FINISHED) - in_doubt
    return 0 if in_doubt and left == counts.get(JobStatus.BLOCKED, 0) else left


def all_succeeded(counts: Mapping[str, int]) -> bool:
    """Whether every job counted by status has completed, those that are never run left out."""
    return not any(jobs for status, jobs in counts.items() if status not in (JobStatus.COMPLETED, JobStatus.DISABLED))
