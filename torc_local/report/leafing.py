"""Leafing through what a job wrote: only what is shown is read, however long it is.

A line of a megabyte is shown in pieces, and nothing that a terminal could act on is left in. A file that has gone since
it was found, or that cannot be read, has nothing in it.
"""

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from torc_local.report.output import Place
from torc_local.report.text import printable

#: What is longer is shown as several lines (bytes).
LONGEST = 4096

#: Read at once, looking for where lines begin, and at most for one screen (bytes).
_BLOCK = 1 << 16
_MOST = 1 << 22
_MIB = 1 << 20

#: Searched at one press of a key (bytes).
SEARCHED = 1 << 27

_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
_TAB = 8


class Line(NamedTuple):
    """A line, or a piece of one, with where it is in the file: from ``start`` up to ``end``, its line end included."""

    start: int
    end: int
    text: str


class Extent(NamedTuple):
    """The part of a file that a job wrote, as long as it is now; ``path`` None: there is none."""

    path: Path | None
    start: int
    end: int


def extent(place: Place | None) -> Extent:
    """Where it is now. A file that is gone has nothing in it."""
    if place is None or place.path is None:
        return Extent(None, 0, 0)
    try:
        with place.path.open("rb") as file:  # to open it asks for its size, also over NFS
            size = os.fstat(file.fileno()).st_size
    except OSError:
        return Extent(None, 0, 0)
    end = size if place.length is None else min(size, place.start + place.length)
    return Extent(place.path, place.start, max(place.start, end))


def forward(there: Extent, at: int, count: int) -> list[Line]:
    """At most ``count`` lines from ``at`` on, which is where a line begins."""
    at = max(at, there.start)
    if there.path is None or at >= there.end or count <= 0:
        return []
    lines: list[Line] = []
    with suppress(OSError), there.path.open("rb") as file:
        file.seek(at)
        rest = b""
        limit = min(there.end, at + _MOST)
        while len(lines) < count and (at + len(rest) < limit):
            block = file.read(min(_BLOCK, limit - at - len(rest)))
            if not block:
                break
            rest += block
            found, rest = _cut(rest, at, whole=at + len(rest) >= there.end)
            lines += found
            at = lines[-1].end if lines else at
        if rest and len(lines) < count:
            lines += _cut(rest, at, whole=True)[0]
    return lines[:count]


def backward(there: Extent, at: int, count: int) -> list[Line]:
    """At most ``count`` lines that end at ``at`` or before, in the order of the file."""
    at = min(at, there.end)
    if there.path is None or at <= there.start or count <= 0:
        return []
    with suppress(OSError), there.path.open("rb") as file:
        size = _BLOCK
        while True:
            begin = max(there.start, at - size)
            lines = _cut(_read(file, begin, at), begin, whole=True)[0]
            # The first one may be the end of a line that began before.
            known = lines if begin == there.start or _ends_line(file, begin) else lines[1:]
            if len(known) >= count or begin == there.start or size >= _MOST:
                return (known or lines)[-count:]
            size *= 4
    return []


def find(there: Extent, at: int, wanted: str, *, back: bool) -> int | None:
    """Where the next line begins that contains a text, from ``at`` on or before it; None: not within ``SEARCHED``.

    Letters count alike, large or small, as far as they are ASCII.
    """
    sought = wanted.encode().lower()
    if there.path is None or not sought:
        return None
    with suppress(OSError), there.path.open("rb") as file:
        low, high = (max(there.start, at - SEARCHED), at) if back else (at, min(there.end, at + SEARCHED))
        more = len(sought) - 1  # what begins in a block may end in the next one
        while low < high:
            begin, end = (max(low, high - _MIB), high) if back else (low, min(high, low + _MIB))
            block = _read(file, begin, min(end + more, there.end)).lower()
            position = block.rfind(sought, 0, at - begin + more) if back else block.find(sought)
            if position >= 0:
                return _line_start(file, there, begin + position)
            low, high = (low, begin) if back else (end, high)
    return None


def shown(raw: bytes) -> str:
    """A line as a terminal would leave it, and nothing in it that a terminal could act on.

    Colours are left out, a line that was written over itself (a progress bar) is what it was at last, and any other
    control character is written as an escape.
    """
    text = _COLOURS.sub("", raw.decode("utf-8", "replace").rstrip("\r\n"))
    return printable(text.rsplit("\r", 1)[-1].expandtabs(_TAB))


def _read(file: BinaryIO, begin: int, end: int) -> bytes:
    file.seek(begin)
    return file.read(max(0, end - begin))


def _ends_line(file: BinaryIO, at: int) -> bool:
    return _read(file, at - 1, at) == b"\n"


def _line_start(file: BinaryIO, there: Extent, at: int) -> int:
    begin = max(there.start, at - LONGEST)
    newline = _read(file, begin, at).rfind(b"\n")
    return begin + newline + 1 if newline >= 0 else begin


def _cut(data: bytes, at: int, *, whole: bool) -> tuple[list[Line], bytes]:
    """Lines of ``data``, which begins at ``at``, and what is left of it: the last line unless it is ``whole``."""
    lines: list[Line] = []
    position = 0
    while position < len(data):
        newline = data.find(b"\n", position, position + LONGEST)
        if newline >= 0:
            end = newline + 1
        elif len(data) - position >= LONGEST:
            end = position + LONGEST
        elif whole:
            end = len(data)
        else:
            break
        lines.append(Line(at + position, at + end, shown(data[position:end])))
        position = end
    return lines, data[position:]
