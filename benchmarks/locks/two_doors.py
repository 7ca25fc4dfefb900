"""A stricter queue than torc-local's turnstile, to see what strictness costs.

``flock`` wakes the first who waits, but does not hand over: whoever asks before that one runs has the lock again. Here
only the holder of an outer lock may wait for the inner one, so somebody who comes back finds the outer one taken.
"""

import fcntl
import os
from pathlib import Path

from torc_local.store.turnstile import Turnstile


class TwoDoors(Turnstile):
    """Enter: outer lock, inner lock, leave the outer one. No patience: nobody stops a process in a benchmark."""

    def __init__(self, database: Path, inner: Path) -> None:
        super().__init__(database)
        self._outer = os.open(inner.with_suffix(".outer"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._inner = os.open(inner, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def enter(self) -> bool:
        """Wait for our turn."""
        fcntl.flock(self._outer, fcntl.LOCK_EX)
        fcntl.flock(self._inner, fcntl.LOCK_EX)
        fcntl.flock(self._outer, fcntl.LOCK_UN)
        return True

    def leave(self) -> None:
        """Let the next one pass."""
        fcntl.flock(self._inner, fcntl.LOCK_UN)

    def close(self) -> None:
        """Forget the files."""
        super().close()
        os.close(self._outer)
        os.close(self._inner)
