"""Plain text for people: aligned tables, sizes, durations, and names that a terminal must not act on."""

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime

_KIB = 1024
_MINUTE_S = 60
_SUBSECOND_DIGITS_BELOW_S = 10


def printable(text: str) -> str:
    """``text`` with everything that a terminal might act on written as an escape."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def cells(text: str) -> int:
    """How many columns of a terminal ``text`` takes: two for each wide character, none for a combining mark."""
    return len(text) if text.isascii() else sum(map(_cells_of, text))


def _cells_of(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def shortened(text: str, width: int) -> str:
    """At most ``width`` columns of a terminal: the beginning."""
    return text if cells(text) <= width else _head(text, width - 1) + "…"


def shortened_inside(text: str, width: int) -> str:
    """At most ``width`` columns: both ends, for names that differ there."""
    if cells(text) <= width:
        return text
    tail = _head(text[::-1], (width - 1) // 2)[::-1]
    return _head(text, width - 1 - cells(tail)) + "…" + tail


def _head(text: str, width: int) -> str:
    if text.isascii():
        return text[: max(width, 0)]
    taken = 0
    for index, char in enumerate(text):
        taken += _cells_of(char)
        if taken > width:
            return text[:index]
    return text


def folded(text: str, width: int) -> list[str]:
    """``text`` broken at spaces into lines of at most ``width`` columns; a longer word has a line of its own, whole."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and cells(lines[-1]) + 1 + cells(word) > width:
            lines.append(word)
        else:
            lines[-1] += f" {word}" if lines[-1] else word
    return lines


def padded(text: str, width: int, *, right: bool = False) -> str:
    """``text`` with spaces beside it, so that it takes ``width`` columns."""
    space = " " * (width - cells(text))
    return space + text if right else text + space


def size(count: int | None) -> str:
    """A number of bytes with one digit after the point: ``1.5 GiB``."""
    if count is None:
        return "-"
    if count < _KIB:
        return f"{count} B"
    value = float(count)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        value /= _KIB
        # What would be rounded to 1024.0 belongs to the next unit.
        if value < _KIB - 0.05:
            return f"{value:.1f} {unit}"
    return f"{value / _KIB:.1f} PiB"


def short_size(count: int | None) -> str:
    """The same in little room: ``1.5G``, ``310M``."""
    number, _, unit = size(count).partition(" ")
    if not unit:
        return number
    if len(number) > 4:  # noqa: PLR2004 - three digits before the point: the one after it says nothing
        number = f"{float(number):.0f}"
    return number + unit[0]


def duration(seconds: float | None) -> str:
    """A time span at a glance: ``0.25s``, ``41s``, ``12m03s``, ``3h41m``, ``2d04h``."""
    if seconds is None:
        return "-"
    if seconds < _SUBSECOND_DIGITS_BELOW_S:
        return f"{max(seconds, 0.0):.2f}s"
    minutes, rest = divmod(round(seconds), _MINUTE_S)
    hours, minutes = divmod(minutes, _MINUTE_S)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d{hours:02d}h"
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"


def iso(at: float) -> str:
    """A moment as ISO 8601 in UTC with microseconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def local(at: float) -> str:
    """A moment as a person on this machine would write it, with the offset to UTC."""
    return datetime.fromtimestamp(at, UTC).astimezone().isoformat(sep=" ", timespec="seconds")


def plural(count: int, noun: str) -> str:
    """``1 job``, ``2,000 jobs``, ``3 families``."""
    if count == 1:
        return f"{count:,} {noun}"
    return f"{count:,} {noun[:-1]}ies" if noun.endswith("y") else f"{count:,} {noun}s"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Lines of an aligned table; columns named in ``right`` are right-aligned, the last one is not padded."""
    safe = [[printable(cell) for cell in row] for row in (heads, *rows)]
    widths = [max(map(cells, column)) for column in zip(*safe, strict=True)]
    return aligned(safe, widths, right)


def aligned(rows: Sequence[Sequence[str]], widths: Sequence[int], right: Sequence[int] = ()) -> list[str]:
    """Lines of rows whose cells are printable, in columns of these widths."""
    if all(cell.isascii() for row in rows for cell in row):  # twice as fast
        last = len(widths) - 1
        formats = [
            f"{{:>{width}}}" if i in right else "{}" if i == last else f"{{:<{width}}}"
            for i, width in enumerate(widths)
        ]
        line = "  ".join(formats)
        return [line.format(*row).rstrip() for row in rows]
    return [
        "  ".join(
            padded(cell, width, right=i in right) for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
