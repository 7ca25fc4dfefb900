"""Widgets that show lines: fixed ones, and one that can be leafed through."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.strip import Strip
from textual.widget import Widget

from torc_local.tui import paint
from torc_local.tui.paint import Styled


class Lines(Widget):
    """Lines as they are, each cut at the edge."""

    def __init__(self, *, id: str, wrap: bool = False) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self._wrap = wrap
        self._given: list[Styled] = []

    def show(self, lines: list[Styled]) -> None:
        """Show other lines."""
        if lines != self._given:
            self._given = lines
            self.refresh()

    @property
    def text(self) -> str:
        """What is shown, as far as there is room."""
        return "\n".join(line.text for line in self._fitting())

    def _fitting(self) -> list[Styled]:
        lines = paint.wrapped(self._given, self.size.width, words=True) if self._wrap else self._given
        return lines[: self.size.height]

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        width = self.size.width
        lines = self._fitting()
        if y >= len(lines):
            return Strip.blank(width)
        return paint.strip([(paint.fit(lines[y].text, width), paint.style(lines[y].tone))], width)


class Leaves(Widget, can_focus=True):
    """Lines to leaf through, in as many lines of the screen as they take."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)"),
        Binding("k,up", "move(-1)"),
        Binding("pagedown,space,ctrl+f", "page(1)"),
        Binding("pageup,b,ctrl+b", "page(-1)"),
        Binding("g,home", "end(-1)"),
        Binding("G,end", "end(1)"),
    ]

    def __init__(self, lines: list[Styled]) -> None:
        super().__init__()
        self._given = lines
        self._top = 0

    def show(self, lines: list[Styled]) -> None:
        """Show other lines from where it is."""
        self._given = lines
        self._go(self._top)

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(line.text for line in self._given)

    def _all(self) -> list[Styled]:
        return paint.wrapped(self._given, self.size.width, words=True)

    def _go(self, top: int) -> None:
        self._top = max(0, min(top, len(self._all()) - self.size.height))
        self.refresh()

    def action_move(self, by: int) -> None:
        """One line on or back."""
        self._go(self._top + by)

    def action_page(self, by: int) -> None:
        """One screen on or back."""
        self._go(self._top + by * max(1, self.size.height - 1))

    def action_end(self, where: int) -> None:
        """To the first or the last line."""
        self._go(0 if where < 0 else len(self._all()))

    def on_mouse_scroll_down(self) -> None:
        """Three lines on."""
        self._go(self._top + 3)

    def on_mouse_scroll_up(self) -> None:
        """Three lines back."""
        self._go(self._top - 3)

    def on_resize(self) -> None:
        """Stay within the lines there are at this width."""
        self._go(self._top)

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        width = self.size.width
        lines = self._all()
        if self._top + y >= len(lines):
            return Strip.blank(width)
        line = lines[self._top + y]
        return paint.strip([(paint.fit(line.text, width), paint.style(line.tone))], width)
