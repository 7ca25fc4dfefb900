"""Whether the database is still the file that the run began with: somebody may delete, replace or restore it.

SQLite goes on with the file that it has open, whatever its name leads to by now. Jobs would run, and their records go
where nobody ever finds them, or over a copy that was put back for good reason. So a few times a second the name is
compared with the file.

A log that was deleted while others of the run have it open must not be missed when the file is opened once more: SQLite
would make a new one, and what only the old one has would be lost. So it is looked at before that, too. What remains is
the instant between that look and the opening.
"""

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from torc_local.ground.errors import StateError
from torc_local.store import meta, opening
from torc_local.store.database import Database, log_of

Key = tuple[int, int]


class Trouble(NamedTuple):
    """What happened to the file; ``recordable`` when what ends from now on still gets on record."""

    message: str
    recordable: bool


class Identity:
    """Watches one database from the moment it is made. Costs two ``stat`` and one short query at each look."""

    def __init__(self, path: Path, *, meanwhile: str = "while the run was at work", of_log: bool = True) -> None:
        """Watch ``path``. ``meanwhile`` is said of what happens to it; ``of_log``: the log must not go either."""
        self._path = path
        self._meanwhile = meanwhile
        self._of_log = of_log
        self._log_path = log_of(path)
        self._file = _key(path)
        self._seen: Database | None = None  # the connection that the log belongs to
        self._log: Key | None = None
        self._commit_seq = 0
        self.trouble: Trouble | None = None

    def before_opening(self) -> None:
        """Raise StateError when the path leads to another file by now.

        It must not even be opened: SQLite would take the log beside it, which is the old file's, for its own.
        """
        if self.trouble is None or self.trouble.recordable:  # what comes after a log may be the file
            self.trouble = self._look_at_path() or self.trouble
        if self.trouble is not None and not self.trouble.recordable:
            raise StateError(self.trouble.message)

    def look_unconnected(self, workers: Iterable[int]) -> Trouble | None:
        """What is wrong with the log, the first time that something is, while we are not connected and others may be.

        ``workers``: their pids. SQLite closes a log before it removes it, so one that is open and has no name any more
        was deleted by somebody else. With the file itself gone there is nothing to say of its log.
        """
        if (
            self.trouble is None
            and self._look_at_path() is None
            and any(_has_open_deleted(pid, self._log_path) for pid in workers)
        ):
            self.trouble = self._log_deleted()
            return self.trouble
        return None

    def look(self, db: Database) -> Trouble | None:
        """What is wrong, the first time that something is; ``db`` is an open connection to the file."""
        if self.trouble is None:
            self.trouble = self._look(db)
            return self.trouble
        return None

    def _look_at_path(self) -> Trouble | None:
        now = _key(self._path)
        if now is None:
            what = "was deleted" if self._path.parent.exists() else "was deleted with its directory"
            return Trouble(f"the database {what} {self._meanwhile}: {self._path}", recordable=False)
        if now != self._file:
            return Trouble(
                f"the database was replaced by another file {self._meanwhile}, and the new one was left alone: "
                f"{self._path}",
                recordable=False,
            )
        return None

    def _look(self, db: Database) -> Trouble | None:
        if (trouble := self._look_at_path()) is not None:
            return trouble
        found = meta.get(db)
        if found.commit_seq < self._commit_seq:
            return Trouble(
                f"the database went back in time {self._meanwhile} (a copy was put in its place): {self._path}",
                recordable=False,
            )
        self._commit_seq = found.commit_seq
        if not self._of_log:
            return None
        log = _key(self._log_path) if found.journal == opening.WAL else None
        if self._seen is not db:
            # While a connection is open, its log stays. Between two of ours the last process may have removed it.
            self._seen, self._log = db, log
        if log != self._log or (log is None and found.journal == opening.WAL):
            return self._log_deleted()
        return None

    def _log_deleted(self) -> Trouble:
        return Trouble(
            f"the log of the database was deleted {self._meanwhile}: {self._log_path}; what ended is on record all "
            f"the same",
            recordable=True,
        )

    def leave(self) -> None:
        """Put the log of a file that is gone aside, once all have closed it: SQLite would take it for the new file's.

        It would write over a copy that was put back. Where it was taken for that already, this changes nothing.
        """
        if self.trouble is None or self.trouble.recordable or self._log is None or _key(self._log_path) != self._log:
            return
        with suppress(OSError):
            self._log_path.rename(f"{self._log_path}.stale-{time.time_ns()}")
            self._log_path.with_name(self._log_path.name[:-4] + "-shm").unlink(missing_ok=True)


def _has_open_deleted(pid: int, path: Path) -> bool:
    """Whether a process has a file open that was deleted and was at ``path`` (proc(5))."""
    name = f"{os.path.realpath(path)} (deleted)"
    with suppress(OSError):  # it has ended
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                if os.readlink(descriptor) == name:  # noqa: PTH115 - a path that does not exist, as it is written
                    return True
    return False


def _key(path: Path) -> Key | None:
    """Device and inode; None when there is no such file. Nothing is opened: closing it would drop SQLite's locks.

    Raises OSError when the file system does not tell.
    """
    try:
        found = os.stat(path)  # noqa: PTH116 - four times a second
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino
