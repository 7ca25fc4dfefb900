"""What a job wrote, on the whole screen: read where it is looked at, and followed while it grows."""

import asyncio
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input

from torc_local.ground.errors import InputError, TorcLocalError
from torc_local.ground.states import ENDED
from torc_local.report import leafing, output
from torc_local.report.leafing import Extent, Line
from torc_local.report.text import printable, size
from torc_local.store import reading
from torc_local.store.database import Database
from torc_local.tui import paint
from torc_local.tui.paint import Styled
from torc_local.tui.panes import Lines
from torc_local.tui.reader import Reader

#: Between two looks at a log that is followed, and at where it is (seconds).
_LOOK_S = 0.5

#: Lines that PgUp and PgDn move by (Torc).
_PAGE = 20

_KEYS = "Tab o e output errors   f follow   g G ends   / n N search   y path   q back"


class Window(Widget, can_focus=True):
    """The lines that are seen; each is wrapped, so fewer may be."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)"),
        Binding("k,up", "move(-1)"),
        Binding("pagedown,space,ctrl+f", f"move({_PAGE})"),
        Binding("pageup,b,ctrl+b", f"move(-{_PAGE})"),
        Binding("g,home", "top"),
        Binding("G,end", "bottom"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.there = Extent(None, 0, 0)
        self.following = True
        self.sought = ""
        self._lines: list[Line] = []

    @property
    def text(self) -> str:
        """What is seen."""
        return "\n".join(line.text for line in self._fitting())

    @property
    def first(self) -> int:
        """Where the first line that is seen begins."""
        return self._lines[0].start if self._lines else self.there.start

    @property
    def last(self) -> int:
        """Where the last line that is seen ends."""
        room, seen = self.size.height, self.there.start
        for line in self._lines:
            room -= len(paint.wrapped(_styled([line]), self.size.width))
            if room < 0:
                break
            seen = line.end
        return seen

    def look_at(self, there: Extent) -> None:
        """Show a log that may have grown, or another one."""
        same = (there.path, there.start) == (self.there.path, self.there.start)
        grown = same and there.end == self.there.end
        self.there = there
        if not same:
            self.following = True
        if grown and self._lines:
            return
        if self.following:
            self.to_end()
        else:
            self.go(self.first)

    def go(self, at: int) -> None:
        """Show what is from there on."""
        self._lines = leafing.forward(self.there, at, self.size.height)
        self.refresh()

    def to_end(self) -> None:
        """Show the last lines."""
        width, room = self.size.width, self.size.height
        lines = leafing.backward(self.there, self.there.end, room)
        while len(lines) > 1 and len(paint.wrapped(_styled(lines), width)) > room:
            lines = lines[1:]
        self._lines = lines
        self.refresh()

    def action_move(self, by: int) -> None:
        """So many lines on or back; going back ends the following."""
        if by < 0:
            self.following = False
            before = leafing.backward(self.there, self.first, -by)
            self.go(before[0].start if before else self.there.start)
        elif self._lines:
            after = leafing.forward(self.there, self.first, by + 1)
            end = leafing.backward(self.there, self.there.end, 1)
            self.go(min(after[-1].start, end[0].start if end else after[-1].start))

    def action_top(self) -> None:
        """To the first line."""
        self.following = False
        self.go(self.there.start)

    def action_bottom(self) -> None:
        """To the last lines."""
        self.to_end()

    def on_mouse_scroll_down(self) -> None:
        """Three lines on."""
        self.action_move(3)

    def on_mouse_scroll_up(self) -> None:
        """Three lines back."""
        self.action_move(-3)

    def on_resize(self) -> None:
        """Fill the room there is now."""
        if self.following:
            self.to_end()
        else:
            self.go(self.first)

    def _fitting(self) -> list[Styled]:
        return paint.wrapped(_styled(self._lines), self.size.width)[: self.size.height]

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        width = self.size.width
        lines = self._fitting()
        if y >= len(lines):
            return Strip.blank(width)
        found = bool(self.sought) and self.sought.lower() in lines[y].text.lower()
        return paint.strip([(paint.fit(lines[y].text, width), paint.style("", reverse=found))], width)


def _styled(lines: list[Line]) -> list[Styled]:
    return [Styled(line.text) for line in lines]


class Log(ModalScreen[None]):
    """The output of a job's newest attempt, and its errors."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,escape", "leave"),
        Binding("tab", "other"),
        Binding("o", "stream(False)"),
        Binding("e", "stream(True)"),
        Binding("f", "follow"),
        Binding("slash", "search"),
        Binding("n", "again(False)"),
        Binding("N", "again(True)"),
        Binding("y", "path"),
    ]
    CSS = """
    Log { background: $background; }
    Log Window { height: 1fr; }
    Log Lines { height: 1; }
    #search { display: none; height: 1; border: none; padding: 0; }
    #search.asked { display: block; }
    """

    def __init__(self, reader: Reader, job_id: int, *, stderr: bool) -> None:
        super().__init__()
        self._reader = reader
        self._job_id = job_id
        self._stderr = stderr
        self._message = ""
        self._job_name = ""
        self._live = False

    def compose(self) -> ComposeResult:
        """Title, log, search, keys."""
        yield Lines(id="log-head")
        yield Window()
        yield Input(id="search", placeholder="search for")
        yield Lines(id="log-foot")

    async def on_mount(self) -> None:
        """Begin to look."""
        self.query_one("#log-foot", Lines).show([Styled(_KEYS, "dim")])
        self.query_one(Window).focus()
        await self.look()
        self.set_interval(_LOOK_S, self.look)

    @property
    def window(self) -> Window:
        """The lines."""
        return self.query_one(Window)

    async def look(self) -> None:
        """Where the log is by now, and how long."""
        stderr = self._stderr
        try:
            there, self._job_name, self._live, empty = await self._reader.ask(
                lambda db: _find(db, self._job_id, stderr=stderr)
            )
        except TorcLocalError as error:
            self._say(str(error))
            return
        if stderr != self._stderr:
            return
        if there.path is None or there.start == there.end:
            self._message = self._message or empty
        self.window.look_at(there)
        self._title()

    def _say(self, message: str) -> None:
        self._message = message
        self._title()

    def _title(self) -> None:
        there = self.window.there
        length = there.end - there.start
        part = f"{round(100 * (self.window.last - there.start) / length)} %" if length else "empty"
        parts = [
            self._job_name,
            "errors" if self._stderr else "output",
            size(length),
            part,
            *(["the job still writes"] if self._live else []),
            *(["following"] if self.window.following and self._live else []),
            *([self._message] if self._message else []),
        ]
        self.query_one("#log-head", Lines).show([Styled("   ".join(map(printable, parts)), "title")])

    async def action_stream(self, stderr: bool) -> None:
        """Show the errors, or the output."""
        self._stderr = stderr
        self._message = ""
        await self.look()

    async def action_other(self) -> None:
        """Show the other one."""
        await self.action_stream(not self._stderr)

    def action_follow(self) -> None:
        """Keep the end in sight while it grows, or stop."""
        self.window.following = not self.window.following
        if self.window.following:
            self.window.to_end()
        self._say("")

    def action_search(self) -> None:
        """Ask for a text."""
        field = self.query_one("#search", Input)
        field.add_class("asked")
        field.value = ""
        field.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Search for it."""
        event.stop()  # it is no filter
        self._end_search()
        self.window.sought = event.value
        if event.value:
            self.run_worker(self._find(back=False, here=True), group="find", exclusive=True)

    def _end_search(self) -> None:
        self.query_one("#search", Input).remove_class("asked")
        self.window.focus()

    def action_again(self, back: bool) -> None:
        """The next place where it is, or the one before."""
        self.run_worker(self._find(back=back, here=False), group="find", exclusive=True)

    async def _find(self, *, back: bool, here: bool) -> None:
        window = self.window
        if not window.sought:
            return
        after = leafing.forward(window.there, window.first, 1)
        at = window.first if back or here or not after else after[0].end
        # Not where keys are waited for: it may be much to read, from far away.
        there, sought = window.there, window.sought
        found = await asyncio.to_thread(leafing.find, there, at, sought, back=back)
        if window.there.path != there.path:
            return  # the other stream is shown by now
        window.following = False
        if found is None:
            self._say(f"not found {'before' if back else 'after'} this: {sought}")
        else:
            window.go(found)
            self._say("")
        window.refresh()

    def action_path(self) -> None:
        """Say where it is."""
        there = self.window.there
        self._say("there is no file" if there.path is None else f"{there.path}, bytes {there.start} to {there.end}")

    def action_leave(self) -> None:
        """Back to the lists; out of the search first."""
        if self.query_one("#search", Input).has_class("asked"):
            self._end_search()
        else:
            self.dismiss(None)


def _find(db: Database, job_id: int, *, stderr: bool) -> tuple[Extent, str, bool, str]:
    """Where the log is, of which job, whether that still writes, and why there may be nothing."""
    if not reading.job_exists(db, job_id):
        raise InputError("the job is gone")
    job = reading.job(db, job_id)
    found = output.find(db, job_id, stderr=stderr, attempt=None)
    if found is None:
        return Extent(None, 0, 0), job.name, job.status not in ENDED, str(output.why_none(job.name, job.status))
    return leafing.extent(found), job.name, found.live, ""
