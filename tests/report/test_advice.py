"""Suggestions, from values whose answer is known."""

import pytest

from torc_local.report import advice
from torc_local.store.reading import Requirements
from torc_local.store.usage import Measured

MB = 1 << 20
ASKS = Requirements(1, "big", 16, 0, 1, 4096 * MB, 3600.0, 3)


def attempt(megabytes, seconds=100.0, *, cpu_s=50.0, status="completed", ended_for="", wait4=None):
    kernel = megabytes * MB if wait4 is None else wait4
    sampled = None if wait4 is None else megabytes * MB
    return Measured(1, "j", 1, 1, status, 0, ended_for, seconds, cpu_s, kernel, sampled, None)


def advise(attempts, asks=ASKS):
    return advice._advice(asks, attempts)


def test_figures_of_completed_attempts():
    found = advise([attempt(size) for size in range(10, 1010, 10)])
    memory = found.memory
    assert (memory.samples, memory.median, memory.p95, memory.maximum) == (100, 500 * MB, 950 * MB, 1000 * MB)
    assert memory.suggested == 1280 * MB, "1.2 times 950, to the next 256"
    assert found.runtime.suggested == 120
    assert found.cpus.suggested == 1
    assert "\n".join(advice.to_paste([found])) == (
        "resource_requirements:\n  - name: big\n    num_cpus: 1\n    memory: 1280m\n    runtime: 2m"
    )


def test_the_largest_is_never_too_large_for_its_limit():
    found = advise([*[attempt(100)] * 40, attempt(9000)])
    assert found.memory.suggested == 9216 * MB


def test_a_killed_job_is_a_lower_bound():
    killed = attempt(1000, status="failed", ended_for="oom")
    found = advise([*[attempt(100)] * 6, killed])
    assert (found.memory.samples, found.memory.lower_bounds) == (6, 1)
    assert found.memory.suggested == 1536 * MB
    assert (found.runtime.samples, found.runtime.lower_bounds) == (6, 0), "its time says nothing"
    assert any(line.startswith("> some") for line in advice.screen([found]))
    assert ">1000.0 MiB" in "\n".join(advice.screen([found]))


def test_a_job_out_of_time_is_a_lower_bound_of_its_time():
    found = advise([*[attempt(1, 60.0)] * 5, attempt(1, 600.0, status="failed", ended_for="timeout")])
    assert found.runtime.suggested == 900


def test_a_job_that_failed_by_itself_says_nothing():
    found = advise([*[attempt(100)] * 5, *[attempt(9000, 9000.0, status="failed")] * 5])
    assert (found.memory.maximum, found.runtime.maximum) == (100 * MB, 100)


def test_few_samples_are_no_advice():
    found = advise([attempt(100)] * 4)
    assert (found.memory.suggested, found.memory.maximum, found.has_any) == (None, 100 * MB, False)
    assert advice.to_paste([found]) == []
    assert "with fewer than 5 samples nothing is suggested" in advice.screen([found])
    assert "nothing to go by" in advice.screen([])[0]


@pytest.mark.parametrize(("wait4", "expected"), [(50 * MB, 50), (-30 * MB, 10), (5 * MB, 10)])
def test_the_peak_is_the_larger_of_what_is_known(wait4, expected):
    assert advice.memory_of(attempt(10, wait4=wait4)) == expected * MB


def test_what_is_only_bounded_counts_with_its_bound():
    assert advice.memory_of(attempt(-30)) == 30 * MB


def test_what_was_not_asked_for_is_not_shown_as_asked():
    found = advise([attempt(100)] * 5, ASKS._replace(name="default", limits=0))
    (entry,) = advice.document([found])["recommendations"]
    assert (entry["memory_bytes"]["asked"], entry["memory_bytes"]["suggested"]) == (None, 128 * MB)
    assert "  - name: measured" in advice.to_paste([found])


@pytest.mark.parametrize(("mib", "expected"), [(1, 32), (32, 32), (33, 64), (600, 768), (5000, 5120), (66_000, 69_632)])
def test_sizes_as_people_write_them(mib, expected):
    assert advice.friendly_memory(mib * MB) == expected * MB


@pytest.mark.parametrize(("seconds", "expected"), [(1, 60), (61, 120), (601, 900), (7201, 9000), (90_000, 90_000)])
def test_durations_as_people_write_them(seconds, expected):
    assert advice.friendly_runtime(seconds) == expected
