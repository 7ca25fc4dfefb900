"""The values of a parameter: Torc's little grammar (``1:10:2``, ``[a,b]``) and native YAML lists.

Values are counted before they are made, so that ``1:1000000000`` costs a message and not the memory of the machine.
"""

import re
from collections.abc import Callable, Sequence

from torc_local.spec.render import Value
from torc_local.spec.wording import describe, quote

#: Jobs of one workflow, all templates together.
MOST_JOBS = 10_000_000

_INT = re.compile(r"[-+]?[0-9]{1,40}", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_I64 = 1 << 63
_TOLERANCE = 1e-10  # Torc's, for the end of a float range


class Values:
    """The values of one parameter; ``count`` is known at once, ``values()`` makes them."""

    def __init__(self, count: int, make: Callable[[], Sequence[Value]]) -> None:
        self.count = count
        self._make = make

    def values(self) -> Sequence[Value]:
        """All values in order. Only sensible when ``count`` is."""
        return self._make()


def parse_values(value: object) -> Values:
    """What a parameter stands for. Raises ValueError with a sentence when it is not in the grammar."""
    if isinstance(value, str):
        return _parse_text(value)
    items = value if isinstance(value, list) else [value]
    values = [_native(item) for item in items]
    return Values(len(values), lambda: values)


def _native(item: object) -> Value:
    match item:
        case bool():
            return str(item).lower()
        case int() | float() | str():
            if isinstance(item, float) and item - item != 0:
                raise ValueError(f"{item} cannot be a value")
            return _small(item) if isinstance(item, int) else item
        case _:
            raise ValueError(f"a value must be text or a number, not {describe(item)}")


def _parse_text(text: str) -> Values:
    text = text.strip()
    if text.startswith("{") and text.endswith("}") and "," not in text:
        text = text[1:-1].strip()
    if text.startswith("[") and text.endswith("]"):
        inner = text.lstrip("[").rstrip("]")
        values = [_item(item) for item in inner.split(",")] if inner.strip() else []
        return Values(len(values), lambda: values)
    if ":" in text:
        return _range(text)
    only = _item(text)
    return Values(1, lambda: [only])


def _item(text: str) -> Value:
    text = text.strip()
    number = _number(text)
    if number is not None:
        return number
    for mark in "'\"":
        if len(text) > 1 and text.startswith(mark) and text.endswith(mark):
            text = text[1:-1]
    return text


def _number(text: str) -> int | float | None:
    if _INT.fullmatch(text):
        return _small(int(text))
    if _FLOAT.fullmatch(text):
        number = float(text)
        return number if abs(number) != float("inf") else None
    return None


def _small(number: int) -> int | float:
    """Integers beyond 64 bits are floats, as they are for Torc."""
    return number if -_I64 <= number < _I64 else float(number)


def _range(text: str) -> Values:
    parts = [part.strip() for part in text.split(":")]
    hint = "write text with ':' inside a list: [a:b]"
    if len(parts) > 3:  # noqa: PLR2004 - start:end:step
        raise ValueError(f"{quote(text)} is not a range start:end or start:end:step; {hint}")
    numbers = [_number(part) for part in parts]
    for part, number in zip(parts, numbers, strict=True):
        if number is None:
            raise ValueError(f"{quote(text)} is read as a range, and {quote(part)} is not a number; {hint}")
    start, end, *rest = (number for number in numbers if number is not None)
    step = rest[0] if rest else 1
    if step == 0:
        raise ValueError(f"the step of {quote(text)} is 0")
    if isinstance(start, int) and isinstance(end, int):
        if not isinstance(step, int):
            better = f"{start}.0:{end}.0:{parts[2]}"
            raise ValueError(f"{quote(text)} has integer ends and the step {parts[2]}; write {better}")  # noqa: TRY004
        whole = range(start, end + (1 if step > 0 else -1), step)
        # len() of a range is limited to 63 bits; the arithmetic is not.
        return Values(max(0, (end - start) // step + 1), lambda: whole)
    return _float_range(float(start), float(end), float(step))


def _float_range(start: float, end: float, step: float) -> Values:
    steps = (end - start) / step + _TOLERANCE / abs(step)
    estimate = int(min(steps, 1e18)) + 1 if steps >= 0 else 0
    if estimate > MOST_JOBS:
        return Values(estimate, list)
    values: list[Value] = []
    current = start
    # Repeated addition, as Torc does it: the accumulated rounding is part of the names that Torc makes.
    while len(values) <= estimate and (current <= end + _TOLERANCE if step > 0 else current >= end - _TOLERANCE):
        values.append(current)
        current += step
    return Values(len(values), lambda: values)
