"""Where the output of jobs goes: two growing files per runner slot, and a byte range per job.

Files per job do not scale (100,000 jobs, 200,000 files). Children append to their slot's files directly, so nothing
is copied, and ``tail -f`` works.

With ``delete_on_success`` the output of an attempt is cut off the files when it has ended well, before the next job of
the slot starts: until then it is the end of both files, and nobody else's output can be hit. That is before its end is
on record. Crash table: what a SIGKILL of the runner leaves.

    moment                         output            afterwards
    ended, not cut off             is there          it runs again; the lost attempt keeps its output, like any other
    cut off, not on record         is gone           it runs again; the lost attempt has no output
    on record                      is gone           nothing; the record says 0 bytes

So an attempt on record as completed has none, and what is only on its way there may lose it early. Attempts that did
not complete keep their output, also when a later one completes.
"""

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from torc_local.ground import private
from torc_local.ground.errors import StateError
from torc_local.process.room import NO_ROOM, NoRoom

#: A segment is closed when one of its files is larger.
LARGE_BYTES = 256 * 1024 * 1024

_SUFFIXES = (".out", ".err")
_MOST_SAME_NAMES = 1000
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


class Segment(NamedTuple):
    """An open pair of files, ``<path>.out`` and ``<path>.err``."""

    path: Path
    stdout: int
    stderr: int

    def ends(self) -> tuple[int, int]:
        """Bytes in stdout and in stderr now: the end of one job's output is the start of the next one's."""
        # Children append (O_APPEND), so moving the shared offset disturbs nobody; it is cheaper than fstat.
        return os.lseek(self.stdout, 0, os.SEEK_END), os.lseek(self.stderr, 0, os.SEEK_END)

    def cut(self, starts: tuple[int, int]) -> None:
        """Remove what was written since ``starts``, in place.

        Nobody but the job that began there has written since. What it left running goes on at the new ends.
        """
        with suppress(OSError):  # then it stays, and is on record
            for fd, start in zip((self.stdout, self.stderr), starts, strict=True):
                os.ftruncate(fd, start)

    def close(self) -> None:
        """Close our ends; children that still write keep theirs."""
        for fd in (self.stdout, self.stderr):
            with suppress(OSError):  # of a file server that is out of reach: it is closed all the same (close(2))
                os.close(fd)

    def remove(self) -> None:
        """Close and delete files that nobody has written to."""
        self.close()
        for suffix in _SUFFIXES:
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)


def directory(output_dir: Path) -> Path:
    """The directory of segments, private to its owner; made when it is missing. Raises StateError."""
    place = output_dir / "stdio"
    try:
        private.make_own_directory(place)
    except OSError as error:
        raise StateError(
            f"cannot write job output to {place}: {os.strerror(error.errno or 0).lower()}",
            hint="choose another directory with -o DIR",
        ) from None
    return place


def open_segment(place: Path, hostname: str, token: str, runner_id: int, slot: int, number: int) -> Segment:
    """Open a new pair of files; the database's token, the runner's id and the place make their name ours.

    A runner's id is used twice when a power loss took the record of the first one and left its files. They belong to
    nobody then, and are left alone.
    """
    node = re.sub(r"[^A-Za-z0-9.-]", "_", hostname)
    name = f"{node}-{token[:6]}-{runner_id}-{slot}.{number:03d}"
    for again in range(_MOST_SAME_NAMES):
        try:
            return _open(place / (f"{name}~{again}" if again else name))
        except FileExistsError:
            continue
    raise StateError(f"cannot write job output to {place / name}: too many files are called so")


def _open(path: Path) -> Segment:
    """Open both files or none. Raises FileExistsError when one of them is somebody's."""
    opened: list[int] = []
    try:
        for suffix in _SUFFIXES:
            opened.append(os.open(f"{path}{suffix}", _FLAGS, 0o600))  # noqa: PERF401 - closed one by one on error
    except OSError as error:
        for fd, suffix in zip(opened, _SUFFIXES, strict=False):
            os.close(fd)
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        if isinstance(error, FileExistsError):
            raise
        kind = NoRoom if error.errno in NO_ROOM else StateError
        raise kind(f"cannot write job output to {path}: {os.strerror(error.errno or 0).lower()}") from None
    return Segment(path, *opened)
