"""The one table that everything ends in."""

from collections.abc import Sequence

from benchmarks.results import Row

_HEADS = ("ID", "WHAT", "FIGURE", "AGAINST", "RATIO", "TARGET", "VERDICT")
_RIGHT = (2, 4)


def lines(rows: Sequence[Row]) -> list[str]:
    """The rows under their heads, in columns."""
    cells = [_HEADS, *(row[: len(_HEADS)] for row in rows)]
    widths = [max(len(str(row[column])) for row in cells) for column in range(len(_HEADS))]
    shown = []
    for row in cells:
        texts = [
            str(text).rjust(width) if column in _RIGHT else str(text).ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        shown.append("  ".join(texts).rstrip())
    return shown
