"""The end of a run that was given a time limit: when its jobs are asked to end, and when they are killed.

As in Torc: ``sigkill_headroom_seconds`` before the end they are killed, ``sigterm_lead_seconds`` before that they are
asked to end. Torc's times are made for hours. Each is at most a quarter of the limit, so that a short run has time to
work in.
"""

from typing import NamedTuple

from torc_local.engine.limits import Rules

_LARGEST_PART = 4


class TimeLimit(NamedTuple):
    """Moments are monotonic."""

    limit_s: float
    for_jobs_s: float  # how long a job may run that is started first
    ask_at: float
    kill_at: float
    end_at: float


def time_limit(limit_s: float, rules: Rules, *, now: float) -> TimeLimit:
    """The moments of a run that begins now."""
    most = limit_s / _LARGEST_PART
    kill_s = limit_s - min(rules.headroom_s, most)
    ask_s = kill_s - min(rules.lead_s, most)
    return TimeLimit(limit_s, ask_s, now + ask_s, now + kill_s, now + limit_s)
