"""What a machine remembers of a shared file system, and how to make it ask again.

An NFS client answers for up to a minute from memory whether a name is there (nfs(5), ``lookupcache`` and ``ac``): it
may miss a file that another machine has made since. Opening the directory makes it ask (NFS 4; NFS 3 a moment later,
where times of change are coarse).
"""

import os
from contextlib import suppress


def look_again(directory: str | bytes | os.PathLike[str]) -> None:
    """Let the next look at a name in a directory be a question. Where there is no such directory, nothing happens."""
    with suppress(OSError):
        os.close(os.open(directory or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))


def stat(path: str | bytes | os.PathLike[str]) -> os.stat_result:
    """``os.stat``, that believes only at the second look that nothing is there. Raises OSError."""
    try:
        return os.stat(path)  # noqa: PTH116 - also of bytes
    except FileNotFoundError:
        look_again(os.path.dirname(path))  # noqa: PTH120
        return os.stat(path)  # noqa: PTH116
