"""Ctrl-C in a real terminal, at any moment: no job is hit by it, nothing stays behind, the next run goes on."""

import re
import subprocess
import sys

import pytest

from tests.support.terminal import Terminal
from tests.support.waiting import wait_for


def run_in_terminal(place, slots):
    words = ("run", str(place.spec), "-j", str(slots), "--db", str(place.db_path))
    return Terminal(*words, cwd=place.directory, columns=100, env={"NO_COLOR": "1"})


@pytest.mark.parametrize("ran", [300, *(pytest.param(jobs, marks=pytest.mark.fault) for jobs in (0, 990, 1400))])
def test_ctrl_c_hits_no_job_and_the_next_run_completes_the_rest(place, ran):
    place.write(
        {"name": "a{i}", "command": place.append("a{i}"), "parameters": {"i": "1:1000"}},
        {"name": "b{i}", "command": place.append("b{i}"), "parameters": {"i": "1:1000"}, "depends_on_regexes": ["^a"]},
    )
    terminal = run_in_terminal(place, 16)
    wait_for(lambda: place.ask("SELECT 1 FROM v_runners"))
    wait_for(lambda: len(place.lines()) >= ran)
    terminal.type(b"\x03")
    screen = terminal.end()
    assert terminal.process.returncode == 130, screen
    assert re.search(r"torc-local .*run 1\s*$", screen), "the last line says how to go on"
    assert place.query("SELECT count(*) FROM v_jobs WHERE status NOT IN ('completed', 'ready', 'blocked')") == [(0,)]
    rest = subprocess.run(
        [sys.executable, "-m", "torc_local", "run", "-j", "16", "--db", str(place.db_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert rest.returncode == 0, rest.stderr
    assert place.lines().total() == len(place.lines()) == 2000, "each job ran exactly once"


def test_ctrl_c_twice_ends_long_jobs_at_once(place):
    place.write({"name": "j", "command": place.append("j", "sleep 300")})
    terminal = run_in_terminal(place, 1)
    wait_for(lambda: place.lines().total())
    terminal.type(b"\x03")
    terminal.wait_until(lambda text: "stopping" in text)
    terminal.type(b"\x03")
    terminal.end(20)
    assert terminal.process.returncode == 130
    assert place.query("SELECT status FROM v_jobs") == [("ready",)]


def test_a_terminal_that_is_closed_ends_the_run(place):
    place.write({"name": "j", "command": place.append("j", "sleep 300")})
    terminal = run_in_terminal(place, 1)
    wait_for(lambda: place.lines().total())
    terminal.close()
    assert terminal.process.wait(timeout=20) == 143
    assert place.query("SELECT status FROM v_jobs") == [("ready",)]
