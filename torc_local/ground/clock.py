"""Time, asked for in one place.

Decisions use ``monotonic``, which counts through suspend and never steps; ``now`` is only ever written down
for people. Two machines' clocks are never compared.
"""

import time
from collections.abc import Callable
from functools import partial

#: Seconds on this machine's boot-time clock: for deadlines and waits (Linux ``CLOCK_BOOTTIME``). Called between any two
#: jobs, so it is one call into C.
monotonic: Callable[[], float] = partial(time.clock_gettime, time.CLOCK_BOOTTIME)


# Read once, before any fork: the records of one process tree keep their order when somebody sets the clock.
_EPOCH = time.time() - monotonic()


def not_before(moment: float) -> None:
    """Let ``now`` say nothing earlier than ``moment`` (UTC): what is on record already, by a clock that was set since.

    For this process and those it forks. What goes on with a run keeps the order of its records.
    """
    global _EPOCH  # noqa: PLW0603 - the one clock of this process
    _EPOCH = max(_EPOCH, moment - monotonic())


def now() -> float:
    """Seconds since the epoch, UTC: for records that people read."""
    return _EPOCH + monotonic()


def utc(moment: float) -> float:
    """A moment of ``monotonic`` as seconds since the epoch."""
    return _EPOCH + moment
