"""Torc's check-resource-utilization, from attempts whose answer is known."""

import pytest

from torc_local.report import utilization
from torc_local.store.reading import Requirements
from torc_local.store.usage import Measured

MB = 1 << 20
ASKS = Requirements(1, "r", 2, 0, 1, 100 * MB, 600.0, 3)


def attempt(**changes):
    return Measured(1, "j", 1, 1, "completed", 0, "", 60.0, 60.0, 50 * MB, None, None)._replace(**changes)


def used(one, asks=ASKS):
    return {item["resource_type"]: item["over_utilization"] for item, _ in utilization._uses(one, asks)}


def test_what_was_used_is_compared_with_what_was_asked_for():
    one = attempt(peak_memory_bytes=125 * MB, exec_time_s=660.0, peak_cpu_percent=250.0)
    assert used(one) == {"Memory": "+25.0%", "CPU": "+25.0%", "Runtime": "+10.0%"}


def test_unknown_memory_and_unstated_limits_exceed_nothing():
    assert "Memory" not in used(attempt(peak_memory_bytes=-30 * MB))
    assert used(attempt(), ASKS._replace(name="default", limits=0)) == {}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"return_code": 137, "peak_memory_bytes": 125 * MB}, {"likely_oom": True, "oom_reason": "memory_exceeded"}),
        ({"return_code": 137}, {"likely_oom": True, "oom_reason": "sigkill_137"}),
        ({"return_code": 137, "exec_time_s": 595.0}, {"likely_timeout": True}),
        ({"return_code": 152}, {"likely_timeout": True, "timeout_reason": "sigxcpu_152"}),
        ({"return_code": 1, "exec_time_s": 700.0}, {"likely_timeout": True, "likely_runtime_violation": True}),
        ({"return_code": 1, "peak_cpu_percent": 300.0}, {"likely_cpu_violation": True}),
        ({"return_code": 1}, {}),
    ],
)
def test_why_a_job_may_have_failed(changes, expected):
    found = utilization._failure(attempt(status="failed", **changes), ASKS)
    keys = {"likely_oom", "oom_reason", "likely_timeout", "timeout_reason", "likely_cpu_violation",
            "likely_runtime_violation"}  # fmt: skip
    assert {key: found[key] for key in found.keys() & keys} == expected
    assert (found["configured_memory"], found["configured_cpus"]) == ("100m", 2)
