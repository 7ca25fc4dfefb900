"""A fair queue in front of SQLite's writer lock.

SQLite's lock is not fair: with many writers some wait for seconds while others take it hundreds of times. Blocking
``flock`` callers are served in the order in which they came, so each writer passes this turnstile first. It orders,
it never protects: the file may be deleted, the lock may be given up, and SQLite stays correct.
"""

import errno
import fcntl
import os
import signal
import stat
import time
from pathlib import Path
from types import FrameType

#: Longest wait at the turnstile. After it we go on without: a stopped process at the head must stop nobody else.
PATIENCE_S = 5.0


#: Who comes back sooner than this after leaving is in a burst, and may jump the queue so many times in a row.
_SOON_S = 0.002
_BURST = 8


class _Impatience(Exception):  # noqa: N818 - control flow between the alarm and the wait, never seen outside
    """The alarm rang while waiting."""


def _ring(_signal: int, _frame: FrameType | None) -> None:
    raise _Impatience


class Turnstile:
    """One process's way through. Made after a fork, never carried over one."""

    def __init__(self, database: Path) -> None:
        self._fd = _open_side_file(database)
        self._left = 0.0
        self._jumped = 0
        self.given_up = 0

    def enter(self) -> bool:
        """Wait for our turn; False when there is no turnstile or patience ran out (then go on without)."""
        if self._fd is None:
            return False
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                return False
        else:
            self._jumped = self._jumped + 1 if time.perf_counter() - self._left < _SOON_S else 0
            return True
        self._jumped = 0
        return self._wait(self._fd)

    def _wait(self, fd: int) -> bool:
        # flock has no timeout of its own. The handler raises, because Python repeats interrupted system calls.
        # It may do so just after the lock was granted: then we are through all the same, or let go of it.
        before = signal.signal(signal.SIGALRM, _ring)
        through = False
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)
                fcntl.flock(fd, fcntl.LOCK_EX)
                through = True
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except (_Impatience, OSError):
            if not through:
                self.given_up += 1
                self._unlock(fd)
        finally:
            signal.signal(signal.SIGALRM, before)
        return through

    def leave(self) -> None:
        """Let the next one pass.

        The kernel wakes it and does not hand the lock over: a process that comes back at once is through before the
        other one runs. That saves switches, so it may do so a few times, and then gives up the processor.
        """
        if self._fd is None:
            return
        self._unlock(self._fd)
        if self._jumped >= _BURST:
            os.sched_yield()
            self._jumped = 0
        self._left = time.perf_counter()

    def _unlock(self, fd: int) -> None:
        try:
            fcntl.flock(fd, fcntl.LOCK_UN)
        except OSError:
            self.close()  # which lets go of it in any case

    def close(self) -> None:
        """Forget the side file; entering again goes on without it."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _open_side_file(database: Path) -> int | None:
    """Open this database's file in a directory of our own on this node; None when that is not possible or not safe."""
    import hashlib  # noqa: PLC0415 - a job that only reads user data needs neither this nor tempfile

    name = hashlib.sha256(os.fsencode(database.resolve())).hexdigest()[:24]
    for directory in _candidates():
        try:
            directory.mkdir(mode=0o700, exist_ok=True)
            found = directory.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
                continue  # somebody else's, or open to others: not ours to trust
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            return os.open(directory / f"{name}.turnstile", flags, 0o600)
        except OSError:
            continue
    return None


def _candidates() -> list[Path]:
    # Node-local by convention: on a network file system flock may be slow, or local to the node anyway.
    import tempfile  # noqa: PLC0415 - as above

    user = os.getuid()
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    places = [Path(runtime) / "torc-local"] if runtime else []
    return [*places, Path(tempfile.gettempdir()) / f"torc-local-{user}"]
