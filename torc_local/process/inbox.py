"""Signals as messages: blocked, and taken one by one at the place where a process waits.

No handler ever runs in the middle of a transaction, and waiting for a child, for a person and for time is one call.
"""

import signal
from collections.abc import Iterable

from torc_local.ground import clock

#: What a worker pays no heed to: its supervisor acts on these. TTOU, so that its messages still reach the terminal.
NOT_FOR_WORKERS = (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGTTOU)


#: What a supervisor sends its runners when the node goes away: its batch system told it so (TERM).
NODE_ENDS = signal.SIGUSR2


def heeded(kinds: Iterable[signal.Signals]) -> list[signal.Signals]:
    """Those that who started us wants us to act on: under ``nohup`` HUP is not among them, in ``sh -c '... &'`` INT."""
    return [kind for kind in kinds if signal.getsignal(kind) is not signal.SIG_IGN]


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
        if signal.SIGCHLD in self._answered and signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
            # Who started us ignores it, and then the kernel throws away how children end.
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._last: signal.struct_siginfo | None = None  # other than CHLD
        signal.pthread_sigmask(signal.SIG_BLOCK, self._answered)

    def wait(self, timeout_s: float) -> int | None:
        """The next signal, or None when ``timeout_s`` seconds went by without one."""
        return self.wait_until(clock.monotonic() + timeout_s)

    def wait_until(self, due: float) -> int | None:
        """The next signal, or None when there is none until ``due`` (monotonic)."""
        found = signal.sigtimedwait(self._answered, max(due - clock.monotonic(), 0.0))
        # When we were stopped (Ctrl-Z) until after the timeout, Python answers with what lies about in its memory:
        # anything, or the last signal once more. A false CHLD does no harm.
        if found is None or (kind := found.si_signo) not in self._answered:
            return None
        if kind != signal.SIGCHLD:
            if found == self._last and clock.monotonic() >= due:
                return None
            self._last = found
        return kind
