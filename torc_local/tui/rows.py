"""A list of which only what is seen is ever in memory: a window that is moved by asking for the next page."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from typing import Any, ClassVar, NamedTuple, Protocol

from textual.binding import Binding, BindingType
from textual.events import Click
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from torc_local.ground.errors import TorcLocalError
from torc_local.store.database import Database
from torc_local.tui import paint
from torc_local.tui.paint import Styled
from torc_local.tui.reader import Reader


class Column(NamedTuple):
    """A column: its head, and how many cells wide; 0: what the others leave, 3 at least."""

    head: str
    width: int = 0
    right: bool = False


class Row(NamedTuple):
    """A line of a list. ``ident`` tells it from others, ``start`` is where its source begins a page with it."""

    ident: Hashable
    start: Any
    cells: tuple[str, ...]
    tone: str = ""
    job_id: int | None = None
    pattern: str | None = None  # of the names of the jobs that it stands for


class Detail(NamedTuple):
    """What stands beside a list about one of its rows: lines, and the last of its output under a title."""

    lines: list[Styled]
    title: str | None = None
    log: list[Styled] = []  # noqa: RUF012 - never changed


class Source(Protocol):
    """What a list shows; every function is called in the thread of the reader."""

    columns: tuple[Column, ...]
    title: str

    def page(self, db: Database, start: Any, count: int, *, back: bool) -> list[Row]:  # noqa: ANN401
        """At most ``count`` rows: ``start`` and what follows, or, going back, what comes before; None: from the end."""
        ...

    def part(self, db: Database, row: Row) -> float | None:
        """How far into the list a row is, from 0 to 1; None: not known."""
        ...

    def detail(self, db: Database, row: Row, height: int) -> Detail:
        """What there is to say about a row; the last ``height`` lines of its output."""
        ...

    def renew(self, db: Database, *, now: bool) -> None:
        """Read anew what it keeps, if it keeps anything and it is time for that, or ``now``."""
        ...


class _Stale(Exception):  # noqa: N818 - no error
    """Another list was chosen while a page of this one was read."""


class Rows(Widget, can_focus=True):
    """The window, with a cursor in it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)"),
        Binding("k,up", "move(-1)"),
        Binding("pagedown,ctrl+f,space", "page(1)"),
        Binding("pageup,ctrl+b", "page(-1)"),
        Binding("g,home", "top"),
        Binding("G,end", "end"),
        Binding("tab", "app.next_tab(1)"),  # here, or a screen would take them for the next widget
        Binding("shift+tab", "app.next_tab(-1)"),
    ]

    class Moved(Message):
        """Another row is under the cursor, or it has changed."""

    class Failed(Message):
        """A page could not be read."""

        def __init__(self, error: TorcLocalError) -> None:
            super().__init__()
            self.error = error

    def __init__(self, reader: Reader, source: Source, *, id: str) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self._reader = reader
        self._source = source
        self._one_at_a_time = asyncio.Lock()
        self._at_top = True
        self.rows: list[Row] = []
        self.cursor = 0
        self.part: float | None = None

    @property
    def source(self) -> Source:
        """What is listed."""
        return self._source

    @property
    def current(self) -> Row | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    @property
    def capacity(self) -> int:
        """Rows for which there is room."""
        return max(1, self.size.height - 1)

    def change_source(self, source: Source) -> None:
        """List something else, from its beginning."""
        self._source = source
        self.rows, self.cursor, self.part, self._at_top = [], 0, None, True
        self.refresh()
        self._begin(self._to_top)

    def _begin(self, move: Callable[[], Awaitable[None]]) -> None:
        """Move in the background, one after the other: a key that follows must not wait for the database."""

        async def moved() -> None:
            async with self._one_at_a_time:
                await self.carefully(move)

        self.run_worker(moved(), group="rows")

    async def carefully(self, move: Callable[[], Awaitable[None]]) -> None:
        """Move; what goes wrong is told to whoever listens."""
        try:
            await move()
        except TorcLocalError as error:
            self.post_message(self.Failed(error))
        except _Stale:
            return
        else:
            self.post_message(self.Moved())
        self.refresh()

    async def _ask(self, start: Any, count: int, *, back: bool = False) -> list[Row]:  # noqa: ANN401
        source = self._source
        found = await self._reader.ask(lambda db: source.page(db, start, count, back=back))
        if source is not self._source:
            raise _Stale
        return found

    async def _note_part(self) -> None:
        source, row = self._source, self.current
        part = None if row is None else await self._reader.ask(lambda db: source.part(db, row))
        if source is self._source:
            self.part = part

    async def renew(self, *, now: bool = False) -> None:
        """Read what is seen once more; the cursor stays on its row. Raises TorcLocalError."""
        async with self._one_at_a_time:
            with suppress(_Stale):
                await self._renew(now=now)
        self.post_message(self.Moved())
        self.refresh()

    async def _renew(self, *, now: bool) -> None:
        source, current, old = self._source, self.current, self.cursor
        await self._reader.ask(lambda db: source.renew(db, now=now))
        if source is not self._source:
            return
        if self._at_top or not self.rows:
            rows = await self._ask(None, self.capacity)
        else:
            first = self.rows[0].start
            rows = await self._ask(first, self.capacity)
            if len(rows) < self.capacity:
                before = await self._ask(first, self.capacity - len(rows) + 1, back=True)
                known = {row.ident for row in rows}
                rows = [row for row in reversed(before) if row.ident not in known][-self.capacity :] + rows
                rows = rows[-self.capacity :]
        places = {row.ident: place for place, row in enumerate(rows)}
        self.rows = rows
        wanted = old if current is None else places.get(current.ident, old)
        self.cursor = max(0, min(wanted, len(rows) - 1))
        await self._note_part()

    async def _to_top(self) -> None:
        rows = await self._ask(None, self.capacity)
        self.rows, self.cursor, self._at_top = rows, 0, True
        await self._note_part()

    async def _to_end(self) -> None:
        self.rows = (await self._ask(None, self.capacity, back=True))[::-1]
        self.cursor = max(0, len(self.rows) - 1)
        self._at_top = len(self.rows) < self.capacity
        await self._note_part()

    async def _by(self, count: int, *, keep: bool) -> None:
        """Move the cursor; with ``keep`` the window moves under it, as far as there is more."""
        if not self.rows:
            return
        target = self.cursor + count
        if not keep and 0 <= target < len(self.rows):
            self.cursor = target
            await self._note_part()
            return
        need = abs(count) if keep else (target - len(self.rows) + 1 if count > 0 else -target)
        edge = self.rows[-1] if count > 0 else self.rows[0]
        more = [row for row in await self._ask(edge.start, need + 1, back=count < 0) if row.ident != edge.ident][:need]
        room = self.capacity
        if count > 0:
            self.rows = (self.rows + more)[-room:]
            self._at_top = self._at_top and not more
            self.cursor = min(self.cursor, len(self.rows) - 1) if keep and len(more) == need else len(self.rows) - 1
        else:
            self.rows = (more[::-1] + self.rows)[:room]
            self._at_top = len(more) < need
            self.cursor = self.cursor if keep and len(more) == need else 0
        await self._note_part()

    def action_move(self, by: int) -> None:
        """One row on or back."""
        self._begin(lambda: self._by(by, keep=False))

    def action_page(self, by: int) -> None:
        """One screen on or back."""
        self._begin(lambda: self._by(by * max(1, self.capacity - 1), keep=True))

    def action_top(self) -> None:
        """To the first row."""
        self._begin(self._to_top)

    def action_end(self) -> None:
        """To the last row."""
        self._begin(self._to_end)

    def on_mouse_scroll_down(self) -> None:
        """Three rows on."""
        self.action_move(3)

    def on_mouse_scroll_up(self) -> None:
        """Three rows back."""
        self.action_move(-3)

    def on_click(self, event: Click) -> None:
        """To the row that was clicked."""
        if 0 < event.y <= len(self.rows):
            self.action_move(event.y - 1 - self.cursor)

    def on_resize(self) -> None:
        """Fill the room there is now."""
        self._begin(self._refill)

    async def _refill(self) -> None:
        cursor = self.current
        start = None if self._at_top or not self.rows else self.rows[0].start
        rows = await self._ask(start, self.capacity)
        if start is not None and len(rows) < self.capacity:
            rows = (await self._ask(None, self.capacity, back=True))[::-1]
        if cursor is not None and cursor.ident not in {row.ident for row in rows}:
            rows = (await self._ask(cursor.start, self.capacity, back=True))[::-1]
            self._at_top = False
        self.rows = rows
        places = {row.ident: place for place, row in enumerate(rows)}
        self.cursor = places.get(cursor.ident, 0) if cursor is not None else 0

    def _widths(self) -> list[int]:
        columns = self._source.columns
        fixed = sum(column.width for column in columns) + len(columns) - 1
        return [column.width or max(3, self.size.width - fixed) for column in columns]

    def render_line(self, y: int) -> Strip:
        """One line of the screen: the heads, then rows."""
        width, widths, columns = self.size.width, self._widths(), self._source.columns
        if y == 0:
            cells = [column.head for column in columns]
            look = paint.style("bold")
        elif y <= len(self.rows):
            row = self.rows[y - 1]
            cells = list(row.cells)
            look = paint.style(row.tone, reverse=y - 1 == self.cursor)
        else:
            return Strip.blank(width)
        fitted = [
            paint.fit(cell, wide, right=column.right)
            for cell, wide, column in zip(cells, widths, columns, strict=False)
        ]
        return paint.strip([(" ".join(fitted), look)], width)

    @property
    def text(self) -> str:
        """What is shown."""
        return "\n".join(self.render_line(y).text.rstrip() for y in range(self.size.height))
