"""Files that a command leaves behind where a person asked for them: whole, or as they were.

Through links and into what is no file (/dev/stdout), as other programs write them.
"""

import os
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path

from torc_local.ground.errors import InputError

#: Modes of a file that is new: what is told about jobs is its owner's alone, a list of results is for build servers.
PRIVATE, PUBLIC = 0o600, 0o666

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def check(option: str, path: Path) -> None:
    """Raise InputError when there cannot be such a file; ``option`` named it."""
    is_special = _is_special(path)
    directory = path.parent if is_special else Path(os.path.realpath(path)).parent
    if path.is_dir():
        why = "it is a directory"
    elif not directory.is_dir():
        why = f"there is no directory {directory if path.is_symlink() else path.parent}"
    elif is_special and not os.access(path, os.W_OK):
        why = "it may not be written to"
    elif not is_special and not os.access(directory, os.W_OK | os.X_OK):
        why = f"the directory {directory} may not be written to"
    else:
        return
    raise InputError(f"{option}: cannot write {path}: {why}")


def write(path: Path, pieces: Iterable[str], mode: int = PRIVATE) -> int:
    """Write text in place of what is there; how many bytes it is. Raises OSError, and then leaves what was there.

    ``mode`` is that of a new file, as far as the umask allows it; one that is there keeps its own.
    """
    if _is_special(path):
        with path.open("wb") as file:
            return sum(file.write(piece.encode(errors="replace")) for piece in pieces)
    path = Path(os.path.realpath(path))
    part = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(os.open(part, _FLAGS, mode), "wb") as file:
            if path.exists():
                os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
            size = sum(file.write(piece.encode(errors="replace")) for piece in pieces)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return size


def _is_special(path: Path) -> bool:
    """Whether it is there and no file, but a device or a pipe: nothing that could be replaced."""
    return path.exists() and not path.is_file() and not path.is_dir()
