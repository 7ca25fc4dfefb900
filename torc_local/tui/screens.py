"""Screens in front of the lists: a question, a text, the keys."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from torc_local.tui.paint import Styled
from torc_local.tui.panes import Leaves, Lines


class Question(ModalScreen[bool]):
    """Something to agree to; y is yes, n and Esc are no (Torc's keys), and so is any accident."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)"),
        Binding("n,escape,q", "answer(False)"),
    ]
    CSS = """
    Question { align: center middle; }
    #box { width: 90%; max-width: 100; height: auto; border: solid $primary; padding: 0 1; background: $surface; }
    #told { height: auto; max-height: 14; }
    """

    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    @property
    def text(self) -> str:
        """What is asked."""
        return "\n".join(self._lines)

    def compose(self) -> ComposeResult:
        """The box."""
        told = Lines(id="told", wrap=True)
        told.styles.height = min(14, len(self._lines) + 3)
        told.show([*map(Styled, self._lines), Styled(""), Styled("y yes   n no", "bold")])
        with Vertical(id="box"):
            yield told

    def action_answer(self, agreed: bool) -> None:
        """Go back with the answer."""
        self.dismiss(agreed)


class Text(ModalScreen[None]):
    """A text to read, on the whole screen."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,escape,enter,question_mark", "leave")]
    CSS = """
    Text { background: $background; }
    Text Leaves { height: 1fr; }
    Text Lines { height: 1; }
    """

    def __init__(self, title: str, lines: list[Styled]) -> None:
        super().__init__()
        self._title = title
        self._lines = lines

    def compose(self) -> ComposeResult:
        """Title, text, keys."""
        head, foot = Lines(id="text-head"), Lines(id="text-foot")
        head.show([Styled(self._title, "title")])
        foot.show([Styled("j k lines   space b pages   g G ends   q back", "dim")])
        yield head
        yield Leaves(self._lines)
        yield foot

    @property
    def text(self) -> str:
        """All of it."""
        return self.query_one(Leaves).text

    def action_leave(self) -> None:
        """Back to the lists."""
        self.dismiss(None)
