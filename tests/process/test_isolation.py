"""What ends the jobs of a node that is not heard any more: processes, without a file system that hangs."""

import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from tests.support.waiting import wait_for
from torc_local.process import isolation, machine
from torc_local.process.spawn import RUNNER_VARIABLE


@pytest.fixture
def runner():
    """A process with a job below it, and a job that left it and is known by its environment alone."""
    program = (
        "import subprocess, time; child = subprocess.Popen(['sleep', '98'], stdout=subprocess.DEVNULL);"
        "print(child.pid, flush=True); time.sleep(99)"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert process.stdout is not None
    job = int(process.stdout.readline())
    stray = subprocess.Popen(["sleep", "98"], env={RUNNER_VARIABLE: "token.7"})
    yield process, stray, job
    for one in (process, stray):
        one.kill()
        one.communicate()
    with suppress(ProcessLookupError):
        os.kill(job, signal.SIGKILL)


def cell_of(pid, monkeypatch):
    [cell] = isolation.cells(1)
    with monkeypatch.context() as patched:
        patched.setattr(os, "getpid", lambda: pid)
        cell.begin(7, 100.0)
    return cell


def test_who_is_not_heard_for_the_lease_ends_with_all_that_it_started(runner, monkeypatch):
    process, stray, job = runner
    cell = cell_of(process.pid, monkeypatch)
    assert not isolation.end_if_silent(cell, "token", 30.0, 129.0)
    cell.heard(120.0)
    assert not isolation.end_if_silent(cell, "token", 30.0, 149.0)
    assert process.poll() is None
    assert isolation.end_if_silent(cell, "token", 30.0, 150.0)
    assert process.wait(10) == stray.wait(10) == -signal.SIGKILL
    wait_for(lambda: machine.start_of(job) is None)  # what it had started


def test_who_has_ended_is_not_watched_any_more(runner, monkeypatch):
    process, _, _ = runner
    cell = cell_of(process.pid, monkeypatch)
    cell.end()
    assert not isolation.end_if_silent(cell, "token", 30.0, 1000.0)
    assert process.poll() is None


def test_a_cell_is_seen_by_other_processes():
    cells = isolation.cells(2)
    pid = os.fork()
    if pid == 0:
        cells[1].begin(9, 5.0)
        cells[1].heard(6.0)
        os._exit(0)
    os.waitpid(pid, 0)
    assert cells[0].read() == (0, 0, 0, 0.0)
    assert (cells[1].read()[0], cells[1].read()[2:]) == (pid, (9, 6.0))
