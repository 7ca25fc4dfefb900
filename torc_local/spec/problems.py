"""Collecting everything that is wrong before anything is reported."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from torc_local.ground.errors import Problem
from torc_local.spec.places import Path, Step, locate, nearest
from torc_local.spec.source import Source

#: Stands in a message or hint for the line of one of ``lines``; the lines are known only at the end.
LINE = "\0"

_MOST = 100  # problems that are kept; nobody reads more


class _Draft(NamedTuple):
    path: Path
    at_key: bool
    message: str
    hint: str | None
    lines: tuple[Path, ...]


class Problems:
    """Problems and warnings found so far, by path in the parsed tree; positions are looked up at the end."""

    def __init__(self) -> None:
        self._drafts: list[_Draft] = []
        self._warnings: list[_Draft] = []
        self._placed: list[tuple[str, str | None, int, int]] = []

    def __bool__(self) -> bool:
        return bool(self._drafts or self._placed)

    @property
    def full(self) -> bool:
        """Whether further problems would be dropped."""
        return len(self._drafts) >= _MOST

    def add(
        self, path: Path, message: str, hint: str | None = None, *, at_key: bool = False, lines: Iterable[Path] = ()
    ) -> None:
        """Report something about the node at ``path``; every LINE in the texts becomes the line of one of ``lines``."""
        if not self.full:
            self._drafts.append(_Draft(path, at_key, message, hint, tuple(lines)))

    def add_placed(self, message: str, hint: str | None, start: int, end: int) -> None:
        """Report something whose offsets are known already."""
        if len(self._placed) < _MOST:
            self._placed.append((message, hint, start, end))

    def warn(self, path: Path, message: str, hint: str | None = None, *, at_key: bool = True) -> None:
        """Note something legal that the author should know; the same note is kept once, at its first place."""
        if len(self._warnings) < _MOST and all(message != known.message for known in self._warnings):
            self._warnings.append(_Draft(path, at_key, message, hint, ()))

    def errors(self, source: Source, steps: Callable[[], Iterable[Step]]) -> list[Problem]:
        """All problems with their positions, sorted by them."""
        placed = [source.problem(*problem) for problem in self._placed]
        return sorted([*placed, *_place(self._drafts, source, steps)], key=lambda p: (p.line, p.column, p.message))

    def warnings(self, source: Source, steps: Callable[[], Iterable[Step]]) -> list[Problem]:
        """All warnings with their positions, sorted by them."""
        return sorted(_place(self._warnings, source, steps), key=lambda p: (p.line, p.column, p.message))


def _place(drafts: list[_Draft], source: Source, steps: Callable[[], Iterable[Step]]) -> list[Problem]:
    if not drafts:
        return []
    spans = locate(steps(), {path for draft in drafts for path in (draft.path, *draft.lines)})

    def line(path: Path) -> str:
        span = nearest(spans, path)
        return str(source.line(span.key_start)) if span else "?"

    placed = []
    for draft in drafts:
        message, hint = draft.message, draft.hint
        for path in draft.lines:
            if LINE in message:
                message = message.replace(LINE, line(path), 1)
            elif hint is not None:
                hint = hint.replace(LINE, line(path), 1)
        span = nearest(spans, draft.path)
        start = end = None
        if span is not None:
            start, end = (span.key_start, span.key_end) if draft.at_key else (span.start, span.end)
        placed.append(source.problem(message, hint, start, end))
    return placed
