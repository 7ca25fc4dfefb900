"""The full-screen view on a real terminal, beside a run that is at work."""

import signal

import pytest

from tests.support.terminal import Terminal

pytestmark = pytest.mark.behaviour

LEFT = "\x1b[?1049l"  # the terminal shows again what was there before (xterm)


def view(place):
    """The view on a terminal of 80 by 24."""
    return Terminal("tui", cwd=place.root, env={"TERM": "xterm-256color"})


def sees(terminal, words):
    terminal.wait_until(lambda text: words in text, 40)


def code_at_its_end(terminal):
    terminal.end(40)
    assert LEFT in terminal.painted()
    return terminal.process.returncode


def test_a_running_job_is_followed_and_ended_from_a_terminal(place):
    place.write({"name": "w", "jobs": [{"name": "talks", "command": "echo heard > said; echo I talk; sleep 300"}]})
    run = place.start("run", "w.yaml", "-j", "1", "--progress", "none")
    place.wait_for("said")
    place.wait_until(lambda: place.states() == {"talks": "running"})
    terminal = view(place)
    sees(terminal, "I talk")
    terminal.type(b"t")
    sees(terminal, "Terminate talks, which is running?")
    terminal.type(b"y")
    place.wait_until(lambda: place.states() == {"talks": "canceled"})
    run.communicate(timeout=40)
    terminal.type(b"q")
    assert code_at_its_end(terminal) == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 143), (None, 0)])
def test_whatever_ends_it_the_terminal_is_as_it_was(place, number, code):
    place.write({"name": "w", "jobs": [{"name": "a", "command": "true"}]})
    place.run()
    terminal = view(place)
    sees(terminal, "completed")
    if number is None:
        terminal.type(b"\x03")  # Ctrl-C
    else:
        terminal.process.send_signal(number)
    assert code_at_its_end(terminal) == code


def test_into_a_pipe_it_is_refused(place):
    place.write({"name": "w", "jobs": [{"name": "a", "command": "true"}]})
    place.run()
    answer = place.call("tui")
    assert answer.code == 2
    assert "tui needs a terminal" in answer.err
