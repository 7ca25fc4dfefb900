"""Screens compared with text files that somebody has looked at.

``python -m pytest tests/report tests/cli --write-golden`` writes them anew; then ``git diff`` shows every screen that
has changed, and each is to be looked at before it is committed. Colours are written as ``<32>green<0>``.
"""

import re
from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "report" / "golden"

#: As wide as terminals are: ordinary, wide, narrow; and a pipe, which has no width.
WIDTHS = (80, 160, 40, None)


class Golden:
    """Compares, or writes."""

    def __init__(self, *, write: bool) -> None:
        self._write = write

    def check(self, name: str, lines: list[str]) -> None:
        """Raise AssertionError unless the lines are those of the file of this name."""
        shown = "".join(re.sub(r"\x1b\[(\d+)m", r"<\1>", line) + "\n" for line in lines)
        path = GOLDEN / f"{name}.txt"
        if self._write:
            path.write_text(shown, encoding="utf-8")
        assert path.exists(), f"{path} is not there; --write-golden writes it"
        assert shown == path.read_text(encoding="utf-8")


def named(screen: str, width: int | None, *, colour: bool = False) -> str:
    """The name of a file: ``status-80``, ``status-160-colour``, ``status-pipe``."""
    return f"{screen}-{width or 'pipe'}{'-colour' if colour else ''}"
