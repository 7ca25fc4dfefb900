"""Looking at the files that a job was to read and write, when it has ended."""

import os

from torc_local.engine.needs import Need, Seen

_NAMED = 5  # missing files that a reason names


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
        # As bytes: commands are UTF-8 whatever the locale is, and so are the names of files in them.
        return os.stat(path.encode()).st_mtime  # noqa: PTH116 - a hundred thousand of them
    except OSError:
        return None
