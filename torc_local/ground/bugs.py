"""Keeping what is needed to mend a bug of ours, out of the user's sight."""

import os
import sys
import tempfile
import traceback
from pathlib import Path

from torc_local import __version__


def save_traceback() -> Path:
    """Write the traceback of the current exception, with versions, to a new file that only its owner can read."""
    fd, name = tempfile.mkstemp(prefix="torc-local-error-", suffix=".txt")
    with os.fdopen(fd, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f"torc-local {__version__}, Python {sys.version}\n")
        traceback.print_exc(file=file)
    return Path(name)
