"""A program with a terminal of its own, in that terminal's foreground; what it painted is read as it comes."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

_ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Terminal:
    """The program called in a terminal of so many columns and rows; 0: one that does not know."""

    def __init__(
        self, *words: str, cwd: Path, columns: int = 80, rows: int = 24, env: dict[str, str] | None = None
    ) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
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
        """Everything so far, with escapes."""
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
        until = time.monotonic() + seconds
        while not holds(text := self.text()):
            assert time.monotonic() < until, text
            time.sleep(0.02)
        return text

    def end(self, seconds: float = 30) -> str:
        """Wait for its end; all that it painted, without escapes."""
        self.wait_until(lambda _: self.process.poll() is not None, seconds)
        text = self.text()
        os.close(self._master)
        return text
