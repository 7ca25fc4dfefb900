"""Opening the database to change it by a command that is over at once, such as ``cancel`` or ``retry``.

Where several machines use it, the nodes at work are asked first, as a node is that joins them: a machine that does not
see their locks or writes would do as much harm by one transaction.
"""

from pathlib import Path

from torc_local.store import mounts, opening
from torc_local.store.database import Database


def open_existing(path: Path) -> Database:
    """Open a database that is there. Raises StateError when this machine and the nodes at work do not agree."""
    consult(path)
    return opening.open_existing(path)


def open_or_create(path: Path) -> Database:
    """The same; it is made when it is missing."""
    consult(path)
    return opening.open_or_create(path)


def consult(path: Path) -> None:
    """Ask the nodes at work on other machines. Raises StateError when one of them and this one do not agree."""
    if mounts.use_of(path) is mounts.Use.SHARED:
        from torc_local.process import neighbours  # noqa: PLC0415 - loaded when needed

        neighbours.consult(path)
