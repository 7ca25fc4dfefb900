"""The table of all jobs as a few bytes per job: columns, deflated together, in letters that HTML passes through.

The counterpart is ``assets/1_unpack.js``. One stream of zlib holds a JSON object (its length first, four bytes, little
end first) and then the columns one after the other. Numbers of several bytes are stored plane by plane (all lowest
bytes, then all next ones), and what ascends as differences: both make them smaller. Run times, processor times and
memory have three digits, in two bytes: what people can read, and what makes 100,000 jobs fit into a mail.
"""

import base64
import json
import re
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import floor, isnan, log10
from typing import Any

NOTHING, ZERO = 0, 1

#: Of a command, in letters; shorter when they would take more than ``COMMANDS_BYTES``.
COMMAND_WIDTHS = (2000, 160, 40)
COMMANDS_BYTES = 400_000
NAME_WIDTH = 300

_LEAST_EXPONENT = -12
_MANTISSAS = 900  # 100 to 999
_LAST_NUMBER = re.compile(r"([0-9]+)(?=[^0-9]*$)")

#: In texts: between two of them, and what stands for something that the reader can work out.
_BETWEEN, _COUNTED_ON, _SAME, _NUMBER, _PADDED = "\0", "\1", "\2", "\3", "\4"
_OURS = re.compile("[\0-\4]")


def three_digits(value: float) -> int:
    """A number that is not negative as ``digits * 10 ** exponent``; NaN is nothing."""
    if isnan(value):
        return NOTHING
    if value < 10**_LEAST_EXPONENT:
        return ZERO
    exponent = floor(log10(value))
    digits = round(value / 10.0 ** (exponent - 2))
    if digits == 1000:  # noqa: PLR2004 - rounded up to the next power
        exponent, digits = exponent + 1, 100
    elif digits == 99:  # noqa: PLR2004 - the logarithm was rounded up to it
        digits = 100
    return 2 + (exponent - _LEAST_EXPONENT) * _MANTISSAS + digits - 100


def names(listed: Sequence[str]) -> str:
    """Names one after the other; one that counts on from the one before it is a single letter."""
    made = []
    expected = None
    for whole in listed:
        name = _OURS.sub("\ufffd", whole[:NAME_WIDTH])
        made.append(_COUNTED_ON if name == expected else name)
        found = _LAST_NUMBER.search(name)
        expected = None
        if found is not None:
            number = found[1]
            expected = f"{name[: found.start()]}{str(int(number) + 1).zfill(len(number))}{name[found.end() :]}"
    return _BETWEEN.join(made)


def commands(listed: Sequence[str], of: Sequence[str], width: int) -> str:
    """Commands likewise; the number in the job's name, where a command has it, is a single letter."""
    made = []
    before = None
    for command, name in zip(listed, of, strict=True):
        text = _OURS.sub("\ufffd", command if len(command) <= width else command[: width - 1] + "…")
        found = _LAST_NUMBER.search(_OURS.sub("\ufffd", name[:NAME_WIDTH]))
        if found is not None:
            padded = found[1]
            plain = padded.lstrip("0") or "0"
            if padded != plain:
                text = text.replace(padded, _PADDED)
            text = text.replace(plain, _NUMBER)
        made.append(_SAME if text == before else text)
        before = text
    return _BETWEEN.join(made)


def fitting_commands(listed: Sequence[str], of: Sequence[str]) -> tuple[str, int]:
    """Commands as long as they may be altogether, and how long that is; nothing when they are too many even so."""
    most = COMMANDS_BYTES * max(1, len(listed) // 100_000)
    for width in COMMAND_WIDTHS:
        text = commands(listed, of, width)
        if len(zlib.compress(text.encode("utf-8", "replace"), 6)) <= most:
            return text, width
    return "", 0


class Packer:
    """Collects columns; ``packed`` makes one text of them."""

    def __init__(self) -> None:
        self._columns: list[dict[str, Any]] = []
        self._bytes: list[bytes] = []

    def text(self, name: str, text: str) -> None:
        """Texts that ``names`` or ``commands`` made."""
        self._add(name, "text", text.encode("utf-8", "replace"))

    def numbers(self, name: str, values: Iterable[float]) -> None:
        """Numbers with three digits."""
        self._add(name, "digits", _planes(array("H", map(three_digits, values))))

    def whole(self, name: str, values: Iterable[int], *, differences: bool = False) -> None:
        """Integers in as few bytes as the largest needs (31 bits at most); those that ascend as differences."""
        listed = list(_differences(values)) if differences else list(values)
        low, high = min(listed, default=0), max(listed, default=0)
        code = "B" if low >= 0 and high < 1 << 8 else "H" if low >= 0 and high < 1 << 16 else "i"
        kind = {"B": "u1", "H": "u2", "i": "i4"}[code] + ("d" if differences else "")
        self._add(name, kind, _planes(array(code, listed)))

    def packed(self, about: dict[str, Any]) -> str:
        """Everything as base64; ``about`` is what the reader gets beside the columns."""
        head = json.dumps({**about, "columns": self._columns}).encode()
        stream = zlib.compressobj(6)
        pieces = [stream.compress(piece) for piece in (len(head).to_bytes(4, "little"), head, *self._bytes)]
        return base64.b64encode(b"".join([*pieces, stream.flush()])).decode("ascii")

    def _add(self, name: str, kind: str, content: bytes) -> None:
        self._columns.append({"name": name, "kind": kind, "bytes": len(content)})
        self._bytes.append(content)


def _differences(values: Iterable[int]) -> Iterator[int]:
    before = 0
    for value in values:
        yield value - before
        before = value


def _planes(values: "array[int]") -> bytes:
    content = values.tobytes()
    return b"".join(content[plane :: values.itemsize] for plane in range(values.itemsize))


def numbered(values: Iterable[str], most: int, more: str) -> tuple[list[str], Callable[[str], int]]:
    """A list of the distinct values, at most ``most``, and the place of each; those beyond are ``more``."""
    places = {value: place for place, value in enumerate(list(dict.fromkeys(values))[:most])}
    rest = len(places)
    return [*places, more], lambda value: places.get(value, rest)
