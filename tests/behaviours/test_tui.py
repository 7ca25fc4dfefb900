"""The full-screen view on a real terminal, beside a run that is at work."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest

pytestmark = pytest.mark.behaviour

LEFT = b"\x1b[?1049l"  # the terminal shows again what was there before (xterm)


class Terminal:
    """A terminal of 80 by 24 with the view on it."""

    def __init__(self, place):
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(theirs)
        self._theirs = theirs
        self.process = subprocess.Popen(
            [sys.executable, "-m", "torc_local", "tui"],
            stdin=theirs, stdout=theirs, stderr=theirs, cwd=place.root, env=os.environ | {"TERM": "xterm-256color"},
        )  # fmt: skip
        self.seen = b""

    def read(self):
        while select.select([self._ours], [], [], 0.05)[0]:
            self.seen += os.read(self._ours, 65536)

    def until(self, text, seconds=40):
        until = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < until, self.seen[-2000:]
            self.read()

    def press(self, key):
        self.seen = b""
        os.write(self._ours, key)

    def end(self):
        """Wait for it; its exit code."""
        until = time.monotonic() + 40
        while self.process.poll() is None:
            assert time.monotonic() < until
            self.read()
        self.read()
        assert LEFT in self.seen
        assert termios.tcgetattr(self._theirs) == self.before
        os.close(self._ours)
        os.close(self._theirs)
        return self.process.returncode


def test_a_running_job_is_followed_and_ended_from_a_terminal(place):
    place.write({"name": "w", "jobs": [{"name": "talks", "command": "echo heard > said; echo I talk; sleep 300"}]})
    run = place.start("run", "w.yaml", "-j", "1", "--progress", "none")
    place.wait_for("said")
    place.wait_until(lambda: place.states() == {"talks": "running"})
    terminal = Terminal(place)
    terminal.until(b"I talk")
    terminal.press(b"t")
    terminal.until(b"Terminate talks, which is running?")
    terminal.press(b"y")
    place.wait_until(lambda: place.states() == {"talks": "canceled"})
    run.communicate(timeout=40)
    terminal.press(b"q")
    assert terminal.end() == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 143), (None, 0)])
def test_whatever_ends_it_the_terminal_is_as_it_was(place, number, code):
    place.write({"name": "w", "jobs": [{"name": "a", "command": "true"}]})
    place.run()
    terminal = Terminal(place)
    terminal.until(b"completed")
    if number is None:
        terminal.press(b"\x03")  # Ctrl-C
    else:
        terminal.process.send_signal(number)
    assert terminal.end() == code


def test_into_a_pipe_it_is_refused(place):
    place.write({"name": "w", "jobs": [{"name": "a", "command": "true"}]})
    place.run()
    answer = place.call("tui")
    assert answer.code == 2
    assert "tui needs a terminal" in answer.err
