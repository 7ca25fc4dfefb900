"""``TORC_LOCAL_ERROR_FILE``: a path that belongs to one attempt at one job; what a job that fails left there says why.

Nobody makes the file but the job. It lies among the output of jobs, in a directory that only its owner can enter. For
a job that ends well nothing is looked at, and what it left is removed when its runner ends. A runner that is killed
leaves such files; the next one that ends beside them removes them, when the record says that their runner has ended.
"""

import os
import re
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

VARIABLE = "TORC_LOCAL_ERROR_FILE"

#: So much of it is read.
MOST_BYTES = 4096

_SUFFIX = ".error"
# Not followed, and not waited for when it is a pipe that nobody writes to.
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class ErrorFiles:
    """The paths of one runner's jobs."""

    def __init__(self, place: Path, token: str, runner_id: int) -> None:
        self._place = place
        self._token = token[:6]
        self._runner_id = runner_id
        self._start = os.fsencode(place.absolute()) + f"/{self._token}-{runner_id}-".encode()

    def path(self, job_id: int, attempt_id: int) -> bytes:
        """That of one attempt: no other attempt of any run has it."""
        return b"%s%d-%d.error" % (self._start, job_id, attempt_id)

    def clean(self, has_ended: Callable[[int], bool]) -> None:
        """Remove what is left of our jobs and, as far as ``has_ended`` says so of an id, of other runners' jobs."""
        pattern = re.compile(rf"{re.escape(self._token)}-(\d+)-\d+-\d+{re.escape(_SUFFIX)}")
        known: dict[int, bool] = {self._runner_id: True}
        with suppress(OSError):  # nothing depends on it
            for name in os.listdir(self._place):  # noqa: PTH208 - names are all that is needed
                found = pattern.fullmatch(name)
                if found is None:
                    continue
                runner_id = int(found[1])
                if runner_id not in known:
                    known[runner_id] = has_ended(runner_id)
                if known[runner_id]:
                    _remove(os.fsencode(self._place / name))


def take(path: bytes) -> str | None:
    """What a job that failed wrote there, as text; None when there is nothing. It is removed."""
    try:
        fd = os.open(path, _FLAGS)
    except FileNotFoundError:
        return None
    except OSError:  # a link, or something else that is no file
        _remove(path)
        return None
    try:
        about = os.fstat(fd)
        # Nobody else can enter the directory; but a job may have moved a file of somebody else there.
        ours = stat.S_ISREG(about.st_mode) and about.st_uid in (os.geteuid(), 0)
        said = os.read(fd, MOST_BYTES) if ours else b""
    except OSError:
        said = b""
    finally:
        os.close(fd)
    _remove(path)
    # Cut in the middle of a letter, the rest of it is left out.
    text = said.decode(errors="ignore" if len(said) == MOST_BYTES else "replace").replace("\0", "")
    return text.replace("\r\n", "\n").strip() or None


def _remove(path: bytes) -> None:
    with suppress(OSError):
        os.unlink(path)  # noqa: PTH108 - a path of bytes
