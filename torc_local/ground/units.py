"""Memory sizes and durations as people write them, and back.

Sizes are powers of 1024, as Torc's are, whether written ``2g``, ``2GiB`` or ``2gb``. What ``format_memory`` and
``format_duration`` print is read back as exactly the same number.
"""

import math
import re
from decimal import Decimal
from fractions import Fraction

_EXPONENTS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_MEMORY = re.compile(r"([0-9]{1,30}(?:\.[0-9]{1,30})?)\s*([kmgtp]?)(?:i?b)?", re.IGNORECASE | re.ASCII)
_LARGEST = (1 << 63) - 1  # what a database column holds

_NUMBER = r"[0-9]{1,400}(?:\.[0-9]{1,400})?"  # any finite float, written out
_ISO = re.compile(
    rf"P(?:({_NUMBER})Y)?(?:({_NUMBER})M)?(?:({_NUMBER})W)?(?:({_NUMBER})D)?"
    rf"(?:T(?=[0-9])(?:({_NUMBER})H)?(?:({_NUMBER})M)?(?:({_NUMBER})S)?)?",
    re.ASCII,
)
_DAY = 86_400
# Torc counts a year as 365.25 days and a month as 30.44 days.
_ISO_SECONDS: tuple[int | Fraction, ...] = (
    Fraction("365.25") * _DAY,
    Fraction("30.44") * _DAY,
    7 * _DAY,
    _DAY,
    3600,
    60,
    1,
)
_SHORT = re.compile(
    rf"(?:({_NUMBER})d)?\s*(?:({_NUMBER})h)?\s*(?:({_NUMBER})m(?:in)?)?\s*(?:({_NUMBER})s)?", re.IGNORECASE | re.ASCII
)
_SHORT_SECONDS: tuple[int, ...] = (_DAY, 3600, 60, 1)
_CLOCK = re.compile(r"(?:([0-9]{1,9})-)?([0-9]{1,9}):([0-5]?[0-9]):([0-5]?[0-9](?:\.[0-9]{1,9})?)", re.ASCII)
_SECONDS = re.compile(rf"({_NUMBER})", re.ASCII)
_GRAMMARS: tuple[tuple[re.Pattern[str], tuple[int | Fraction, ...]], ...] = (
    (_ISO, _ISO_SECONDS),
    (_SHORT, _SHORT_SECONDS),
    (_CLOCK, _SHORT_SECONDS),
    (_SECONDS, (1,)),
)
_EXAMPLES = "write PT1H30M, 1h30m, 90s, 01:30:00 or a number of seconds"


def parse_memory(value: str | int) -> int:
    """Bytes of ``2g``, ``512m``, ``1.5g``, ``1GiB`` or of a whole number of bytes; fractions are rounded up.

    Raises ValueError, with a sentence, for anything else and for sizes beyond 2^63 - 1.
    """
    if isinstance(value, bool):
        raise ValueError(f"{value} is not a memory size: write 512m, 2g or a whole number of bytes")  # noqa: TRY004
    if isinstance(value, int):
        size = value
    else:
        found = _MEMORY.fullmatch(value.strip())
        if found is None:
            raise ValueError(f"{value!r} is not a memory size: write 512m, 2g or 1.5GiB")
        unit: int = 1024 ** _EXPONENTS[found[2].lower()]
        size = math.ceil(Fraction(found[1]) * unit)
    if not 0 <= size <= _LARGEST:
        raise ValueError(f"{value!r} is not a memory size that fits in 63 bits")
    return size


def format_memory(size: int) -> str:
    """The shortest exact way to write a number of bytes that ``parse_memory`` reads: ``2g``, ``1536m``, ``1000``."""
    if size > 0:
        for unit in "ptgmk":
            whole, rest = divmod(size, 1024 ** _EXPONENTS[unit])
            if rest == 0:
                return f"{whole}{unit}"
    return str(size)


def show_memory(size: int) -> str:
    """Bytes for people, rounded: ``130.2 MiB``, ``2 GiB``."""
    value, names = float(size), ["TiB", "GiB", "MiB", "KiB", "bytes"]
    while value >= 1024 and len(names) > 1:  # noqa: PLR2004 - a power of two like the units
        value /= 1024
        names.pop()
    return f"{value:.1f}".removesuffix(".0") + f" {names[-1]}"


def parse_duration(value: str | float) -> float:
    """Seconds of ``PT1H``, ``P0DT1M``, ``P2W``, ``90s``, ``1h30m``, ``01:30:00``, ``1-00:00:00`` or a number.

    Years are 365.25 days and months 30.44 days. Raises ValueError, with a sentence, for anything else.
    """
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is not a duration: {_EXAMPLES}")  # noqa: TRY004
    if isinstance(value, int | float):
        if not 0 <= value <= _LARGEST:
            raise ValueError(f"{value!r} is not a duration: it must be a finite number of seconds, 0 or more")
        return float(value)
    text = value.strip()
    for pattern, units in _GRAMMARS:
        found = pattern.fullmatch(text)
        if found is not None and any(found.groups()):
            # Exact until the end: one rounding, so that what is printed is read back unchanged.
            parts = zip(found.groups(), units, strict=True)
            total = sum((Fraction(part) * unit for part, unit in parts if part), Fraction(0))
            if total > _LARGEST:
                raise ValueError(f"{value!r} is longer than the universe is old")
            return float(total)
    raise ValueError(f"{value!r} is not a duration: {_EXAMPLES}")


def format_iso_duration(seconds: float) -> str:
    """The same as Torc and ISO 8601 write it: ``PT1H30M``, ``PT0.25S``."""
    text = format_duration(seconds)
    days, found, rest = text.rpartition("d")
    return (f"P{days}D" if found else "P") + (f"T{rest.upper()}" if rest else "")


def format_duration(seconds: float) -> str:
    """A number of seconds as ``parse_duration`` reads it back exactly: ``1h30m``, ``0.25s``, ``2d``."""
    if not 0 <= seconds <= _LARGEST:
        raise ValueError(f"{seconds!r} is not a duration: it must be a finite number of seconds, 0 or more")
    exact = Decimal(repr(float(seconds)))
    whole = int(exact)
    rest = exact - whole
    parts = []
    for letter, unit in zip("dhm", _SHORT_SECONDS, strict=False):
        count, whole = divmod(whole, unit)
        if count:
            parts.append(f"{count}{letter}")
    left = whole + rest
    if left or not parts:
        shown = f"{left:f}"
        parts.append(f"{shown.rstrip('0').rstrip('.') if '.' in shown else shown}s")
    return "".join(parts)
