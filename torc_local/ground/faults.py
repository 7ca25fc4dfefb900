"""Named moments at which a test may let a process die; unarmed, as in every real run, they cost next to nothing.

Armed through the environment: ``TORC_LOCAL_FAULT=runner.reaped:3:KILL:/some/file`` sends the process that reaches
``runner.reaped`` for its third time a SIGKILL, provided that it is the first of all processes to make the file: one
dies, and its successors live. Only tests set it.
"""

import os
import signal

VARIABLE = "TORC_LOCAL_FAULT"

#: Every moment there is, with the process that meets it. The crash tables of these processes have one row for each.
POINTS = (
    "runner.registered",
    "runner.claimed",
    "runner.spawned",
    "runner.reaped",
    "runner.writing",
    "runner.settled",
    "coordinator.leased",
    "coordinator.unblocked",
    "coordinator.closed",
    "actor.claimed",
    "actor.executed",
    "actor.recorded",
    "supervisor.begun",
    "supervisor.forked",
    "supervisor.buried",
    "repair.reindexed",
    "repair.mending",
    "repair.mended",
    "repair.salvaged",
    "repair.kept",
    "repair.unlogged",
    "repair.replaced",
)

_armed: dict[str, tuple[int, signal.Signals, str]] = {}


def arm(text: str | None) -> None:
    """Arm one moment, ``point:count:SIGNAL:file``, or none; raises ValueError for a point that does not exist."""
    _armed.clear()
    if text:
        point, count, name, flag = text.split(":", 3)
        if point not in POINTS:
            message = f"there is no fault point {point!r}"
            raise ValueError(message)
        _armed[point] = (int(count), signal.Signals[f"SIG{name}"], flag)


def reach(point: str) -> None:
    """Say that the process is at this moment now."""
    if _armed and point in _armed:
        count, kind, flag = _armed[point]
        _armed[point] = (count - 1, kind, flag)
        if count == 1 and _first(flag):
            os.kill(os.getpid(), kind)


def _first(flag: str) -> bool:
    try:
        os.close(os.open(flag, os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return False
    return True


arm(os.environ.get(VARIABLE))
