"""Lines of a screen: pieces of text, some of them in a colour, cut to the width of a terminal before they are painted.

What a screen says, it says in words; colours only lead the eye.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from torc_local.report.text import cells, shortened

GOOD, BAD, WARNING, STRONG, FAINT = "32", "31", "33", "1", "2"  # SGR (ECMA-48)

#: A piece of a line: its text, alone or with its colour. Everything in it is printable.
Piece = str | tuple[str, str]
Line = Sequence[Piece] | str


class Looks(NamedTuple):
    """What can be shown: columns of the terminal (None: as many as there are), colours, and which characters."""

    width: int | None = None
    colour: bool = False
    encoding: str | None = None  # None: every character


#: For files and pipes.
PLAIN = Looks()


def text_of(line: Line) -> str:
    """What a line says."""
    return line if isinstance(line, str) else "".join(_with_colour(piece)[1] for piece in line)


def painted(lines: Iterable[Line], looks: Looks = PLAIN) -> list[str]:
    """The lines as they are printed."""
    return [_painted(line, looks) for line in lines]


def _painted(line: Line, looks: Looks) -> str:
    pieces = [("", line)] if isinstance(line, str) else [_with_colour(piece) for piece in line]
    if looks.encoding is not None:
        pieces = [(colour, known(text, looks.encoding)) for colour, text in pieces]
    if looks.width is not None and sum(cells(text) for _, text in pieces) > looks.width:
        pieces = _cut(pieces, looks.width)
    if looks.encoding is not None:
        pieces = [(colour, known(text, looks.encoding)) for colour, text in pieces]  # the mark of what was cut, too
    if not looks.colour:
        return "".join(text for _, text in pieces)
    return "".join(f"\x1b[{colour}m{text}\x1b[0m" if colour and text else text for colour, text in pieces)


def _with_colour(piece: Piece) -> tuple[str, str]:
    return ("", piece) if isinstance(piece, str) else (piece[1], piece[0])


def _cut(pieces: Sequence[tuple[str, str]], width: int) -> list[tuple[str, str]]:
    kept, room = [], width
    for number, (colour, text) in enumerate(pieces):
        taken = cells(text)
        rest = sum(cells(other) for _, other in pieces[number + 1 :])
        if taken >= room and (rest or taken > room):
            # One column is kept for the mark that something is missing.
            kept.append((colour, shortened(text, room) if taken > room else shortened(text + " ", room)))
            break
        kept.append((colour, text))
        room -= taken
    return kept


def known(text: str, encoding: str) -> str:
    """``text`` as it can be written: what the encoding does not have is an escape, or a plain sign."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.replace("…", "~").encode(encoding, "backslashreplace").decode(encoding)
    return text


def filled(first: str, parts: Iterable[Line], between: str, width: int | None) -> list[Line]:
    """``parts`` in as many lines as they need; the first begins with ``first``, the others with as much space."""
    lines: list[list[Piece]] = []
    room = 0
    for part in parts:
        pieces: list[Piece] = [part] if isinstance(part, str) else list(part)
        taken = cells(text_of(part))
        if lines and (width is None or len(between) + taken <= room):
            lines[-1] += [between, *pieces]
            room -= len(between) + taken
        else:
            begin = " " * cells(first) if lines else first
            lines.append([begin, *pieces])
            room = (width or 0) - cells(begin) - taken
    return list(lines)
