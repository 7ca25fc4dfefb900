"""Signals as messages: blocked, and taken one by one at the place where a process waits.

No handler ever runs in the middle of a transaction, and waiting for a child, for a person and for time is one call.
"""

import signal
from collections.abc import Iterable

#: What a worker pays no heed to: its supervisor acts on these. TTOU, so that its messages still reach the terminal.
NOT_FOR_WORKERS = (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGTTOU)


class Inbox:
    """The signals that a process answers to. They stay blocked; children must be started with an empty mask."""

    def __init__(self, answered: Iterable[signal.Signals], ignored: Iterable[signal.Signals] = ()) -> None:
        # Plain numbers: turning enum members into a signal set costs more than the system call.
        self._answered = frozenset(int(kind) for kind in answered)
        # What was ignored when we were started (nohup) stays so for jobs; what Python and we ignore does not.
        self.not_for_jobs = [signal.SIGPIPE, signal.SIGXFSZ]
        for kind in ignored:
            if signal.signal(kind, signal.SIG_IGN) is not signal.SIG_IGN:
                self.not_for_jobs.append(kind)
        signal.pthread_sigmask(signal.SIG_BLOCK, self._answered)

    def wait(self, timeout_s: float) -> int | None:
        """The next signal, or None when ``timeout_s`` seconds went by without one."""
        found = signal.sigtimedwait(self._answered, max(timeout_s, 0.0))
        return None if found is None else found.si_signo
