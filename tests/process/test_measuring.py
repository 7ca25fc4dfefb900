"""What jobs use, measured from outside, against programs that say what they use."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager

from torc_local.ground import clock
from torc_local.process import measuring, trees
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


def test_others_are_no_jobs_of_ours():
    with job("", token="t.2.7.2"):
        assert meter().look() == [], "of another workflow"
    with job("", TORC_RETURN_CODE="1"):
        assert meter().look() == [], "a recovery script"
    with job(""):
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
        while (reading := meter().look()[0]).cpu_s < 0.3:
            assert time.monotonic() < until
    assert reading.cpu_s < 0.6
