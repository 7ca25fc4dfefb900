"""Files that a command leaves behind: whole or not at all, and open to their owner only."""

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from torc_local.ground.errors import InputError

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def check(option: str, path: Path) -> None:
    """Raise InputError when there cannot be such a file; ``option`` named it."""
    directory = path.parent
    if path.is_dir():
        why = "it is a directory"
    elif not directory.is_dir():
        why = f"there is no directory {directory}"
    elif not os.access(directory, os.W_OK | os.X_OK):
        why = f"the directory {directory} may not be written to"
    else:
        return
    raise InputError(f"{option}: cannot write {path}: {why}")


def write(path: Path, pieces: Iterable[str]) -> int:
    """Write text in place of what is there; how many bytes it is. Raises OSError, and then leaves what was there."""
    part = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(os.open(part, _FLAGS, 0o600), "w", encoding="utf-8", errors="replace") as file:
            file.writelines(pieces)
        size = part.stat().st_size
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return size
