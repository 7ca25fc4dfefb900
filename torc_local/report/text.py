"""Plain text for people: aligned tables, sizes, durations, and names that a terminal must not act on."""

from collections.abc import Sequence
from datetime import UTC, datetime

_KIB = 1024
_MINUTE_S = 60
_SUBSECOND_DIGITS_BELOW_S = 10


def printable(text: str) -> str:
    """``text`` with everything that a terminal might act on written as an escape."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def shortened(text: str, width: int) -> str:
    """One line of at most ``width`` characters."""
    return text if len(text) <= width else text[: width - 1] + "…"


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
    """``1 job``, ``2,000 jobs``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Lines of an aligned table; columns named in ``right`` are right-aligned, the last one is not padded."""
    safe = [[printable(cell) for cell in row] for row in (heads, *rows)]
    widths = [max(map(len, column)) for column in zip(*safe, strict=True)]
    last = len(widths) - 1
    formats = [
        f"{{:>{width}}}" if i in right else "{}" if i == last else f"{{:<{width}}}" for i, width in enumerate(widths)
    ]
    line = "  ".join(formats)
    return [line.format(*row).rstrip() for row in safe]
