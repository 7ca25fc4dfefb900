"""Lines of text on the screen: never markup, never wider than they may be, whatever is in them."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from torc_local.ground.states import JobStatus
from torc_local.report.text import printable

#: What a line, or a job's state, looks like. Words say the same: nothing is told by colour alone.
_STYLES = {
    "": Style(),
    "bold": Style(bold=True),
    "dim": Style(dim=True),
    "title": Style(bold=True, reverse=True),
    "cursor": Style(reverse=True),
    "trouble": Style(bold=True, color="red"),
    JobStatus.FAILED: Style(color="red"),
    JobStatus.TERMINATED: Style(color="red"),
    JobStatus.PENDING_FAILED: Style(color="red"),
    JobStatus.CANCELED: Style(color="magenta"),
    JobStatus.RUNNING: Style(color="cyan"),
    JobStatus.PENDING: Style(color="cyan"),
    JobStatus.READY: Style(color="yellow"),
    JobStatus.COMPLETED: Style(color="green"),
}


class Styled(NamedTuple):
    """A line, and what it looks like: a name from ``_STYLES``; an unknown one is plain."""

    text: str
    tone: str = ""


def style(tone: str, *, reverse: bool = False) -> Style:
    """How a tone looks."""
    found = _STYLES.get(tone, _STYLES[""])
    return found + _STYLES["cursor"] if reverse else found


def strip(parts: Iterable[tuple[str, Style]], width: int) -> Strip:
    """One line of exactly so many cells."""
    return Strip([Segment(text, look) for text, look in parts]).adjust_cell_length(width)


def fit(text: str, width: int, *, right: bool = False) -> str:
    """The text in exactly so many cells, with an ellipsis where it was cut."""
    safe = printable(text)
    if cell_len(safe) > width:
        return set_cell_size(set_cell_size(safe, max(0, width - 1)).rstrip() + "…", width) if width > 0 else ""
    blanks = " " * (width - cell_len(safe))
    return blanks + safe if right else safe + blanks


def wrapped(lines: Iterable[Styled], width: int, *, words: bool = False) -> list[Styled]:
    """Every line in as many as it takes; ``words``: broken between words where there are any."""
    found: list[Styled] = []
    for line in lines:
        safe = printable(line.text)
        if cell_len(safe) <= width:
            found.append(Styled(safe, line.tone))
        else:
            cut = _by_words if words else chop_cells
            found += [Styled(piece, line.tone) for piece in cut(safe, max(2, width))]
    return found


def _by_words(text: str, width: int) -> list[str]:
    """Further lines are indented as the first one's second column is, where it has columns."""
    gap = text.find("  ", len(text) - len(text.lstrip()))
    indent = len(text) - len(text[max(gap, 0) :].lstrip()) if gap > 0 else 0
    indent = indent if indent < width // 2 else 0
    pieces: list[str] = []
    rest = text
    while cell_len(rest) > width:
        first = chop_cells(rest, width)[0]
        space = first.rfind(" ", max(indent + 1, len(first) // 2))
        cut = space if space > 0 else len(first)
        pieces.append(rest[:cut])
        rest = " " * indent + rest[cut:].lstrip()
    return [*pieces, rest]


def plain(lines: Sequence[str]) -> list[Styled]:
    """Lines without a tone."""
    return [Styled(line) for line in lines]
