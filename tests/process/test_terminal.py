"""Ctrl-C in a real terminal, at any moment: no job is hit by it, nothing stays behind, the next run goes on."""

import fcntl
import os
import pty
import re
import subprocess
import sys
import termios

import pytest

from tests.support.waiting import wait_for


class Terminal:
    """A program with a terminal of its own, in that terminal's foreground."""

    def __init__(self, *command):
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - no threads here
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "NO_COLOR": "1"},
        )  # fmt: skip
        os.close(slave)
        os.set_blocking(self._master, False)
        self.screen = b""

    def type(self, keys):
        os.write(self._master, keys)

    def read(self):
        try:
            while more := os.read(self._master, 65536):
                self.screen += more
        except (BlockingIOError, OSError):
            pass
        return self.screen

    def text(self):
        """What it has shown. A Ctrl-C takes away what nobody had read yet, half of a character, too (POSIX, NOFLSH)."""
        return self.read().decode(errors="replace")

    def ended(self):
        self.read()
        return self.process.poll() is not None

    def close(self):
        os.close(self._master)


@pytest.mark.parametrize("ran", [300, *(pytest.param(jobs, marks=pytest.mark.fault) for jobs in (0, 990, 1400))])
def test_ctrl_c_hits_no_job_and_the_next_run_completes_the_rest(place, ran):
    place.write(
        {"name": "a{i}", "command": place.append("a{i}"), "parameters": {"i": "1:1000"}},
        {"name": "b{i}", "command": place.append("b{i}"), "parameters": {"i": "1:1000"}, "depends_on_regexes": ["^a"]},
    )
    terminal = Terminal(
        sys.executable, "-m", "torc_local", "run", str(place.spec), "-j", "16", "--db", str(place.db_path)
    )
    wait_for(lambda: place.ask("SELECT 1 FROM v_runners"))
    wait_for(lambda: len(place.lines()) >= ran)
    terminal.type(b"\x03")
    wait_for(terminal.ended, timeout_s=30)
    screen = terminal.text()
    terminal.close()
    assert terminal.process.returncode == 130, screen
    assert re.search(r"torc-local .*run 1(\x1b\[0m)?\s*$", screen), "the last line says how to go on"
    assert place.query("SELECT count(*) FROM v_jobs WHERE status NOT IN ('completed', 'ready', 'blocked')") == [(0,)]
    rest = subprocess.run(
        [sys.executable, "-m", "torc_local", "run", "-j", "16", "--db", str(place.db_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert rest.returncode == 0, rest.stderr
    assert place.lines().total() == len(place.lines()) == 2000, "each job ran exactly once"


def test_ctrl_c_twice_ends_long_jobs_at_once(place):
    place.write({"name": "j", "command": place.append("j", "sleep 300")})
    terminal = Terminal(
        sys.executable, "-m", "torc_local", "run", str(place.spec), "-j", "1", "--db", str(place.db_path)
    )
    wait_for(lambda: place.lines().total())
    terminal.type(b"\x03")
    wait_for(lambda: b"stopping" in terminal.read())
    terminal.type(b"\x03")
    wait_for(terminal.ended, timeout_s=20)
    terminal.close()
    assert terminal.process.returncode == 130
    assert place.query("SELECT status FROM v_jobs") == [("ready",)]


def test_a_terminal_that_is_closed_ends_the_run(place):
    place.write({"name": "j", "command": place.append("j", "sleep 300")})
    terminal = Terminal(
        sys.executable, "-m", "torc_local", "run", str(place.spec), "-j", "1", "--db", str(place.db_path)
    )
    wait_for(lambda: place.lines().total())
    terminal.close()
    assert terminal.process.wait(timeout=20) == 143
    assert place.query("SELECT status FROM v_jobs") == [("ready",)]
