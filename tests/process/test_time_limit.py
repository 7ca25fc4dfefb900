"""When a run with a time limit asks its jobs to end."""

import signal

import pytest

from torc_local.engine.limits import Rules
from torc_local.process.time_limit import time_limit


@pytest.mark.parametrize(
    ("limit_s", "ask_at", "kill_at"),
    [(3600.0, 3510.0, 3540.0), (120.0, 60.0, 90.0), (8.0, 4.0, 6.0)],
)
def test_torcs_times_are_kept_as_far_as_they_fit(limit_s, ask_at, kill_at):
    rules = Rules(
        memory=True, runtime=True, oom_exit_code=137, timeout_exit_code=152, termination_signal=signal.SIGTERM,
        lead_s=30, headroom_s=60,
    )  # fmt: skip
    found = time_limit(limit_s, rules, now=1000.0)
    assert (found.ask_at - 1000, found.kill_at - 1000, found.for_jobs_s) == (ask_at, kill_at, ask_at)
