"""Looking at the files that a job was to read and write, when it has ended."""

import os
from collections.abc import Iterable

from torc_local.engine.needs import Need, Seen
from torc_local.ground import remembered

_NAMED = 5  # missing files that a reason names


def ask_for_inputs(needs: Iterable[Need]) -> None:
    """Before jobs start: what they read may have been made on another machine since this one missed it."""
    read = (use.path for need in needs for use in need.files if not use.is_output)
    for directory in {os.path.dirname(path) for path in read}:  # noqa: PTH120 - text, as it was declared
        remembered.look_again(directory.encode())


def look(need: Need, seen: Seen) -> str | None:
    """Add to ``seen`` how a completed job's files are and what user data it got; why it did not complete after all.

    Torc: every declared output must be there after return code 0. Links are followed; a directory is as good as a file.
    """
    missing = []
    found: list[tuple[float | None, int, int, int]] = []
    for use in need.files:
        mtime = mtime_of(use.path)
        if mtime is None and use.is_output:
            missing.append(use.path)
        found.append((mtime, use.job_id, use.is_output, use.file_id))
    if missing:
        more = f" and {len(missing) - _NAMED:,} more" if len(missing) > _NAMED else ""
        files = "output file is missing" if len(missing) == 1 else f"{len(missing):,} output files are missing"
        return f"{files}: {', '.join(missing[:_NAMED])}{more}"
    seen.files.extend(found)
    seen.got.extend(need.got)
    return None


def mtime_of(path: str) -> float | None:
    """When the file was changed last (seconds since the epoch); None when it is not there, or not for us to see."""
    try:
        # As bytes: commands are UTF-8 whatever the locale is, and so are the names of files in them. A job may write on
        # another machine than its runner's.
        return remembered.stat(path.encode()).st_mtime
    except OSError:
        return None
