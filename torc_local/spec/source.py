"""The text of a workflow file, and which line and column an offset in it is."""

import bisect
import errno
import re
import sys
from pathlib import Path
from typing import BinaryIO

from torc_local.ground.errors import Problem, SpecError, StateError
from torc_local.spec.formats import SUFFIXES
from torc_local.spec.wording import printable

LARGEST_FILE = 1 << 30  # bytes
_STEP = 1 << 20
_LONGEST_EXCERPT = 200  # characters

#: Errors of a name that no file can have, or of what is no file; any other is the machine's.
_WRONG_NAME = (errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL, errno.ENXIO, errno.ENODEV)

_UNPRINTABLE = re.compile(r"[^\S ]|[\x00-\x1f\x7f-\x9f]")


class Unreadable(Exception):  # noqa: N818 - it ends the reading of a file; it is not shown as an error itself
    """The text cannot be read any further; ``start`` and ``end`` are offsets, None when the whole file is meant."""

    def __init__(self, message: str, hint: str | None = None, start: int | None = None, end: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.start = start
        self.end = end


class Unwritable(Exception):  # noqa: N818 - it ends the writing of a file; it is not shown as an error itself
    """A format cannot hold a workflow; the text says why."""


class Source:
    """A decoded file that turns offsets (in characters) into problems with line, column and excerpt."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self._starts: list[int] | None = None

    def line(self, offset: int) -> int:
        """The line of an offset, counted from 1."""
        if self._starts is None:
            self._starts = [0, *(found.end() for found in re.finditer("\n", self.text))]
        return bisect.bisect_right(self._starts, offset)

    def problem(
        self, message: str, hint: str | None = None, start: int | None = None, end: int | None = None
    ) -> Problem:
        """A problem at ``start``, underlined to ``end`` or to the end of the line, whichever comes first."""
        # Messages repeat what the file says; nothing in them may act on a terminal.
        message, hint = printable(message), None if hint is None else printable(hint)
        if start is None:
            return Problem(self.file, 0, 0, message, hint)
        line = self.line(start)
        begin = self.text.rfind("\n", 0, start) + 1
        stop = self.text.find("\n", begin)
        row = self.text[begin : len(self.text) if stop < 0 else stop].rstrip("\r")
        column = start - begin + 1
        # A caret under a line of a megabyte helps nobody; line and column still say where it is.
        excerpt = _UNPRINTABLE.sub(" ", row[:_LONGEST_EXCERPT]) if column <= _LONGEST_EXCERPT else None
        width = max(1, min(start + 1 if end is None else end, begin + len(row), begin + _LONGEST_EXCERPT) - start)
        return Problem(self.file, line, column, message, hint, excerpt, width)


def read_bytes(path: str | Path) -> tuple[bytes, str]:
    """The content of a file and its name for messages; ``-`` is standard input.

    Raises SpecError, with one problem, for a name that is wrong, and StateError when the machine cannot read the file.
    """
    if str(path) == "-":
        return _content(sys.stdin.buffer), "<stdin>"
    file = str(path)
    try:
        with Path(path).open("rb") as opened:
            return _content(opened), file
    except FileNotFoundError:
        raise SpecError([Problem(file, 0, 0, "there is no such file", _neighbour(Path(path)))]) from None
    except IsADirectoryError:
        hint = "name the workflow file in it, for example workflow.yaml"
        raise SpecError([Problem(file, 0, 0, "this is a directory, not a workflow file", hint)]) from None
    except PermissionError:
        raise SpecError([Problem(file, 0, 0, "you may not read this file", "see: ls -l")]) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        if isinstance(error, OSError) and error.errno not in _WRONG_NAME:
            raise StateError(f"{file}: the file cannot be read: {reason.lower()}") from None
        raise SpecError([Problem(file, 0, 0, f"the file cannot be read: {reason}")]) from None


def _content(file: BinaryIO) -> bytes:
    """All of a file, or a little more than may be read of it."""
    content = bytearray()
    # In steps: Python allocates what is asked for at once, and a small machine has no gibibyte for a small file.
    while len(content) <= LARGEST_FILE and (step := file.read(_STEP)):
        content += step
    return bytes(content)


def decode(data: bytes, file: str) -> str:
    """The text of a workflow file. Raises Unreadable when it is empty, too large or not UTF-8 text."""
    if len(data) > LARGEST_FILE:
        raise Unreadable("the file is larger than 1 GiB", "is this a workflow file? use parameters to write many jobs")
    if not data.strip():
        raise Unreadable("the file is empty", "the smallest workflow is:  name: hello  and  jobs: []")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("the file is UTF-16 text", "save it as UTF-8")
    if b"\0" in data:
        raise Unreadable(
            f"{Path(file).name} is a binary file, not a workflow", "a workflow is text: YAML, JSON, JSON5 or KDL"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The valid part is decoded once more so that a person gets a line instead of a byte number.
        line = data.count(b"\n", 0, error.start) + 1
        byte = data[error.start]
        raise Unreadable(f"line {line} is not UTF-8 text (byte 0x{byte:02x})", "save the file as UTF-8") from None


def _neighbour(path: Path) -> str | None:
    """A hint that names a workflow file next to a missing one."""
    try:
        names = sorted(p.name for p in path.parent.iterdir() if p.suffix.lower() in SUFFIXES)
    except OSError:
        return None
    return f"in the same directory: {', '.join(names[:5])}" if names else None
