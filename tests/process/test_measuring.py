"""What jobs use, measured from outside, against programs that say what they use."""

import math
import os
import subprocess
import sys
import time
from contextlib import contextmanager

from torc_local.ground import clock
from torc_local.process import measuring, monitor, trees
from torc_local.process.measuring import Meter, Tally
from torc_local.process.spawn import TOKEN_VARIABLE

MB = 1 << 20

RUNNER = """
import os, subprocess, sys
os.environ |= dict(entry.split("=") for entry in sys.argv[2:])
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], process_group=0)
child.wait()
"""


@contextmanager
def job(program, *, token="t.1.7.2", **more):
    """A job of a runner of ours: it prints a word when it has what it wants, and waits."""
    variables = [f"{name}={value}" for name, value in {TOKEN_VARIABLE: token, "TORC_JOB_NAME": "j", **more}.items()]
    whole = f"{program}\nprint('there', flush=True)\nimport time; time.sleep(60)"
    words = [sys.executable, "-c", RUNNER, whole, *variables]
    with subprocess.Popen(words, stdout=subprocess.PIPE, process_group=0) as runner:
        try:
            assert runner.stdout is not None
            assert runner.stdout.readline() == b"there\n"
            yield
        finally:
            for pid in [pid for pid, one in trees.table().items() if one.parent == runner.pid]:
                os.killpg(pid, 9)
            runner.kill()


def meter(interval_s=0.0):
    return Meter(os.getpid(), "t", 1, interval_s)


def test_a_job_is_known_by_its_token_and_measured_with_its_children():
    grandchild = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    with job(f"x = bytearray({100 * MB}); {grandchild}"):
        found = meter()
        (reading,) = found.look()
        (tally,) = found.tallies()
        usage = tally.usage(run_id=3)
    assert (reading.job_id, reading.attempt_id, reading.name) == (7, 2, "j")
    assert reading.num_processes == 2
    assert 100 * MB < reading.memory_bytes < 140 * MB
    assert (usage.job_id, usage.run_id, usage.attempt_id, usage.samples) == (7, 3, 2, 1)
    assert usage.peak_memory_bytes >= reading.memory_bytes


def test_what_was_used_before_the_first_look_and_given_back_is_seen():
    with job(f"x = bytearray({200 * MB}); del x"):
        found = meter()
        (reading,) = found.look()
        usage = next(found.tallies()).usage(1)
    assert reading.memory_bytes < 100 * MB
    assert (usage.source, usage.peak_memory_bytes > 200 * MB) == ("process", True)


def test_others_are_no_jobs_of_ours(monkeypatch):
    with job("", token="t.2.7.2"):
        assert meter().look() == [], "of another workflow"
    with job("", TORC_RETURN_CODE="1"):
        assert meter().look() == [], "a recovery script"
    with job(""):
        monkeypatch.setattr(measuring, "AGE_S", 60.0)
        assert meter(interval_s=60).look() == [], "it has not lasted"


def test_a_job_that_has_ended_is_told_once():
    found = meter()
    with job(""):
        assert len(found.look()) == 1
        assert found.take_ended() == []
    assert found.look() == []
    assert [tally.job_id for tally in found.take_ended()] == [7]
    assert found.take_ended() == []


def test_processor_time_never_goes_down():
    tally = Tally(1, 1, "j", clock.monotonic() - 10)
    busy = trees.Process(parent=1, group=1, start=1, resident_bytes=5, cpu_ticks=500)
    idle = busy._replace(cpu_ticks=3)
    first = tally.see(clock.monotonic(), {1 << 30: busy}, [1 << 30])
    second = tally.see(clock.monotonic() + 1, {1 << 30: idle}, [1 << 30])
    assert first.cpu_s == second.cpu_s == 500 * measuring._TICK_S
    assert 45 < first.cpu_percent < 55
    assert second.cpu_percent == 0


def test_bytes_written_are_counted():
    with job("open('/dev/null', 'wb').write(bytes(5_000_000))"):
        (reading,) = meter().look()
    assert 5_000_000 <= reading.written_bytes < 5_010_000


def test_a_busy_job_uses_its_processor():
    with job("import time; until = time.process_time() + 0.3\nwhile time.process_time() < until: pass"):
        until = time.monotonic() + 10
        cut = 2 / os.sysconf("SC_CLK_TCK")  # /proc tells whole ticks, in user and in system mode
        while (reading := meter().look()[0]).cpu_s < 0.3 - cut:
            assert time.monotonic() < until
    assert reading.cpu_s < 0.6


def glance_until(found, condition):
    """Readings of glances, one after the other, until they satisfy a condition."""
    until = time.monotonic() + 10
    readings: list[measuring.Reading] = []
    while not condition(readings):
        assert time.monotonic() < until
        readings += found.glance()
        time.sleep(0.005)
    return readings


def test_a_young_job_is_seen_between_two_looks_each_time_that_its_age_has_doubled():
    found = meter(interval_s=60)
    with job(f"x = bytearray({50 * MB}); import os, time; os.fork() or time.sleep(60)"):
        assert found.glance() == [], "it was not there before"
        readings = glance_until(found, lambda readings: len(readings) >= 3)
        assert found.glance() == [], "not twice as old"
        (tally,) = found.tallies()
        assert tally.doubles_at - time.monotonic() > 0.05
        assert found.take_ended() == []
    assert {(one.job_id, one.num_processes) for one in readings[-1:]} == {(7, 2)}
    assert 50 * MB < readings[-1].memory_bytes < 80 * MB
    assert found.glance() == []
    assert [tally.usage(1).samples for tally in found.take_ended()] == [len(readings)], "it has ended, and is told once"


def test_what_is_older_than_an_interval_is_left_to_the_looks():
    found = meter(interval_s=0.001)
    with job(""):
        for _ in range(20):
            assert found.glance() == []
            time.sleep(0.005)


def test_a_job_that_a_glance_has_met_too_late_and_no_look_has_seen_is_not_told():
    found = meter(interval_s=0.25)
    with job("import time; time.sleep(0.3)"):
        found.glance()
        found.glance()
        assert len(found._known) == 1, "it was met"
        assert list(found.tallies()) == []
    found.glance()
    assert found.take_ended() == []


def test_a_glance_keeps_what_a_look_has_met():
    found = meter()
    with job(""):
        found.look()
        found.glance()
        assert (len(list(found.tallies())), found.take_ended()) == (1, [])


def test_an_average_counts_time_and_not_looks():
    tally = Tally(1, 1, "j", 0.0)
    small = trees.Process(parent=1, group=1, start=1, resident_bytes=10)
    for now in (0.01, 0.02, 0.04, 1.0):
        tally.see(now, {1 << 30: small}, [1 << 30])
    tally.see(2.0, {1 << 30: small._replace(resident_bytes=30)}, [1 << 30])
    assert tally.usage(1).avg_memory_bytes == 20


def test_a_hundredth_of_a_second_makes_no_peak():
    tally = Tally(1, 1, "j", 0.0)
    process = trees.Process(parent=1, group=1, start=1, resident_bytes=10)
    for now, ticks in ((0.05, 10), (0.1, 10), (1.0, 20)):
        tally.see(now, {1 << 30: process._replace(cpu_ticks=ticks)}, [1 << 30])
    assert tally.usage(1).peak_cpu_percent == 20, "not 200 % of the first look"


def test_glances_cost_half_a_percent_whatever_they_cost_each():
    glances = monitor._Glances()
    at = began = glances.due
    spent = 0.0
    while at < began + 100:
        glances.took(0.01, at)
        spent += 0.01
        at = glances.due
    assert 0.4 < spent < 0.6
    glances.stop()
    glances.took(0.0, at)
    assert glances.due == math.inf


def test_a_process_with_all_below_it():
    program = "import os; pid = os.fork(); pid and os.fork(); print(1, flush=True); import time; time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        for _ in range(3):
            child.stdout.readline()
        assert child.pid in trees.children(os.getpid())
        below = trees.below(child.pid)
        for pid in below:
            os.kill(pid, 9)
        assert len(below) == 3
        assert {one.parent for pid, one in below.items() if pid != child.pid} == {child.pid}
    assert trees.below(child.pid) == {}
