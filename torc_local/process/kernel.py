"""What Python does not offer of the Linux kernel: two requests (prctl(2)) and a count."""

import ctypes
import os
import signal
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def die_with_parent(parent: int, kind: signal.Signals) -> None:
    """Ask for a signal when our parent dies, to be taken from the inbox; ends this process when it is gone already.

    Must be called in the main thread of the child: the kernel ties it to the thread that forked. The signal is blocked
    first: who started us may ignore it (a shell does so with QUIT for what it runs in the background), and what is
    ignored and not blocked is thrown away.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {kind})
    _prctl(_PR_SET_PDEATHSIG, int(kind))
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of descendants whose parent died, so that none escapes by double fork or a new session."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def oom_kills() -> int:
    """How many processes the kernel has killed for want of memory since it booted (``/proc/vmstat``); 0: not told."""
    try:
        lines = Path("/proc/vmstat").read_text("ascii").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))


def _prctl(option: int, value: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(option, value, 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
