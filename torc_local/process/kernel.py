"""Two requests to the Linux kernel that Python does not offer (prctl(2))."""

import ctypes
import os
import signal

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


def _prctl(option: int, value: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(option, value, 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
