"""Directories that are their owner's alone, whatever the umask, and traps of others that are not stepped into."""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from torc_local.ground.errors import StateError


def make_directory(path: Path) -> None:
    """Make a directory and those above it, each open to its owner only; one that exists stays as it is.

    ``Path.mkdir`` gives its mode to the last one only: the others would be as open as the umask lets them.
    """
    missing = []
    above = path
    while not os.path.lexists(above):
        missing.append(above)
        above = above.parent
    for one in reversed(missing):
        with suppress(FileExistsError):
            one.mkdir(mode=0o700)
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))


def make_own_directory(path: Path) -> None:
    """The same for a directory that nobody but us writes to. Raises StateError when others can, or lead us to it."""
    refuse_trap(path)
    make_directory(path)
    if path.stat().st_mode & stat.S_IWOTH:
        raise StateError(
            f"everybody can write to {path}, and could replace what is in it",
            hint=f"chmod o-w {path}, or choose another directory with -o DIR",
        )


def refuse_trap(path: Path) -> None:
    """Raise StateError when somebody else's symbolic link may lead us astray on the way to ``path``.

    A link is followed when we or root made it: many keep a database or its output on another disk that way. One that
    somebody else put into a directory that everybody can write leads where they want us to write.
    """
    whole = path.absolute()
    for place in (*reversed(whole.parents), whole):
        try:
            found = place.lstat()
        except OSError:
            return  # nothing there, so nothing to follow
        if not stat.S_ISLNK(found.st_mode) or found.st_uid in (0, os.geteuid()):
            continue
        if place.parent.stat().st_mode & stat.S_IWOTH:
            raise StateError(
                f"not following a link of another user in a directory that everybody can write: {place}",
                hint="name the file itself, if you trust what it leads to",
            )
