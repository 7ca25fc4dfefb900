"""The turnstile with a step aside, to see what a stricter order costs.

``flock`` wakes the first who waits, but does not hand over: whoever asks before that one runs has the lock again.
"""

import os

from torc_local.store.turnstile import Turnstile


class Yielding(Turnstile):
    """Leaves, and lets whoever was woken by that go first."""

    def leave(self) -> None:
        """Let the next one pass, and give up the processor for it."""
        super().leave()
        os.sched_yield()
