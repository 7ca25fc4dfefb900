"""A program with a terminal of its own, in that terminal's foreground; what it painted is read as it comes."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

from tests.support.waiting import wait_for

_ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Terminal:
    """The program called in a terminal of so many columns and rows; 0: one that does not know."""

    def __init__(
        self, *words: str, cwd: Path, columns: int = 80, rows: int = 24, env: dict[str, str] | None = None
    ) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._modes = termios.tcgetattr(slave)
        given = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "torc_local", *words], stdin=slave, stdout=slave, stderr=slave, cwd=cwd,
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - no threads
            env={**given, "TERM": "xterm", **(env or {})},
        )  # fmt: skip
        os.close(slave)
        os.set_blocking(self._master, False)
        self._screen = b""

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._master, keys)

    def painted(self) -> str:
        """Everything so far, with escapes.

        A Ctrl-C takes away what nobody had read yet, half of a character, too (POSIX, NOFLSH).
        """
        try:
            while more := os.read(self._master, 65536):
                self._screen += more
        except (BlockingIOError, OSError):
            pass
        return self._screen.decode(errors="replace")

    def text(self) -> str:
        """The same without escapes."""
        return _ESCAPE.sub("", self.painted()).replace("\r\n", "\n")

    def wait_until(self, holds: Callable[[str], object], seconds: float = 30) -> str:
        """Wait until the text so far is as wanted; the text."""
        wait_for(lambda: holds(self.text()), seconds, pause_s=0.02, told=self.text)
        return self.text()

    def end(self, seconds: float = 30) -> str:
        """Wait for its end; all that it painted, without escapes. It leaves the terminal in the modes of before."""
        self.wait_until(lambda _: self.process.poll() is not None, seconds)
        text = self.text()
        assert termios.tcgetattr(self._master) == self._modes
        self.close()
        return text

    def close(self) -> None:
        """As when the window of a terminal is closed."""
        os.close(self._master)
        self._master = -1
