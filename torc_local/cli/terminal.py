"""What a stream can show: how wide it is, whether it has colours, and which characters it knows."""

import os
import shutil
from typing import TextIO

from torc_local.report.paint import Looks

#: Where a terminal does not know how wide it is.
DEFAULT_WIDTH = 80

_choice = "auto"


def use_colour(choice: str) -> None:
    """Colours always, never, or where they can be seen (auto): for this process."""
    global _choice  # noqa: PLW0603 - an option in front of every command
    _choice = choice


def looks(stream: TextIO) -> Looks:
    """Lines of a terminal are cut to its width; those of a file or a pipe are as long as they are."""
    return Looks(width_of(stream), has_colour(stream), _encoding(stream))


def width_of(stream: TextIO) -> int | None:
    """Columns of the terminal, which ``COLUMNS`` overrides; None where there is none."""
    if not stream.isatty():
        return None
    if (said := os.environ.get("COLUMNS", "")).isdecimal() and int(said) > 0:
        return int(said)
    try:
        return os.get_terminal_size(stream.fileno()).columns or DEFAULT_WIDTH
    except (OSError, ValueError):
        return DEFAULT_WIDTH


def height_of() -> int:
    """Rows of the terminal."""
    return shutil.get_terminal_size().lines


def has_colour(stream: TextIO) -> bool:
    """The option, then ``NO_COLOR`` (no-color.org), then those that force it, then whether it is a terminal."""
    if _choice != "auto":
        return _choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if any(os.environ.get(name, "0") != "0" for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _encoding(stream: TextIO) -> str | None:
    name = getattr(stream, "encoding", None) or "utf-8"
    return None if name.lower().replace("_", "-").startswith(("utf-8", "utf8")) else name
