"""The view itself: header, tabs, a list with details beside it, a line that says how old all that is, and the keys.

It looks once a second at most, each time with a few short queries for what is on the screen (``sources.py``); when
nothing was committed since, it looks at nothing. Where the file is on a shared file system a reader holds writers up,
so there it looks every five seconds.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, NamedTuple

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.events import Click
from textual.widgets import Input
from textual.worker import WorkerFailed

from torc_local.ground import clock
from torc_local.ground.errors import ExitCode, TorcLocalError
from torc_local.ground.states import ENDED, RETRIABLE, JobStatus
from torc_local.process.declared import mtime_of
from torc_local.report import explained, explaining, listing, output, status, status_screen
from torc_local.report.browsing import ORDERS, read_filter
from torc_local.report.paint import Looks, painted
from torc_local.report.text import duration, printable
from torc_local.store.database import Database
from torc_local.store.reading import JobDetails
from torc_local.tui import keys, sources
from torc_local.tui.changes import Changes
from torc_local.tui.log import Log
from torc_local.tui.paint import Styled, plain, wrapped
from torc_local.tui.panes import Lines
from torc_local.tui.reader import Reader
from torc_local.tui.rows import Detail, Row, Rows, Source
from torc_local.tui.screens import Question, Text

#: Between two looks (seconds).
LOOK_S = 1.0
SHARED_LOOK_S = 5.0

#: What takes longer than this (seconds), such as a name looked for in very many, is done again after so many times the
#: rest of it.
_QUICK_S = 0.1
_RARELY = 20

#: How long what was done is told (seconds).
_TOLD_S = 8.0

#: Two are enough where there is room.
_HEADER_LINES = 4

#: The same for what is told.
_STATUS_LINES = 4

#: The end of a log beside the list is longer than any screen is high.
_LOG_LINES = 100

TABS = ("jobs", "groups", "runners", "graph", "resources", "events")


class _Look(NamedTuple):
    header: list[str]
    version: int  # changes when anybody commits
    shared: bool


class Tui(App[int]):
    """One workflow on the whole screen."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(number), f"tab({number - 1})") for number in range(1, len(TABS) + 1)),
        Binding("slash,f", "filter"),
        Binding("s", "sort"),
        Binding("enter", "details"),
        Binding("l", "log"),
        Binding("e", "explain"),
        Binding("y", "retry"),
        Binding("c", "cancel"),
        Binding("t", "terminate"),
        Binding("C", "cancel_all"),
        Binding("r", "look_now"),
        Binding("A", "pause"),
        Binding("question_mark", "help"),
        Binding("q,ctrl+c,ctrl+q", "leave"),
        Binding("escape", "no_filter"),
    ]
    CSS = """
    Screen { layout: vertical; }
    #header { height: 2; }
    #tabs { height: 1; }
    #body { height: 1fr; }
    #list { width: 1fr; }
    #rule { width: 1; }
    #detail { width: 1fr; }
    #filter { display: none; height: 1; border: none; padding: 0; }
    #filter.asked { display: block; }
    #status { height: 1; }
    #keys { height: 1; }
    """

    def __init__(self, path: Path, workflow_id: int, changes: Changes, *, command: str) -> None:
        super().__init__()
        self._path = path
        self._workflow_id = workflow_id
        self._changes = changes
        self._command = command
        self._reader = Reader(path)
        self._tab = 0
        self._order = ORDERS[0]
        self._words = dict.fromkeys(TABS, "")
        self._seen_version: int | None = None
        self._looked_at: float | None = None
        self._look_s = LOOK_S
        self._not_before = 0.0
        self._header_height = (0, 0)  # in lines, at which width
        self._looking = asyncio.Lock()
        self._paused = False
        self._trouble: str | None = None
        self._told = ""
        self._told_at = 0.0
        self._changing = False
        self.bug: Exception | None = None  # what ended the view; for whoever called it
        self.rows = Rows(self._reader, self._source(), id="list")
        self._header, self._tabs, self._rule = Lines(id="header"), _Tabs(id="tabs"), Lines(id="rule")
        self._detail, self._bar, self._foot = Lines(id="detail", wrap=True), Lines(id="status"), Lines(id="keys")

    # What is on the screen.

    def compose(self) -> ComposeResult:
        """The lines and panes."""
        yield self._header
        yield self._tabs
        with Horizontal(id="body"):
            yield self.rows
            yield self._rule
            yield self._detail
        yield Input(id="filter", placeholder="part of a name, a pattern such as sim_*, a state such as failed")
        yield self._bar
        yield self._foot

    def on_mount(self) -> None:
        """Begin to look; signals end it as q does, so that the terminal is left as it was."""
        self._rule.show([Styled("│", "dim")] * 500)
        self.rows.focus()
        loop = asyncio.get_running_loop()
        with suppress(ValueError, RuntimeError, NotImplementedError):  # only in a main thread
            for number in (signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, lambda: self.exit(ExitCode.TERMINATED))
        self._paint()
        self.set_interval(LOOK_S, self._tick)
        self._in_background(self._tick, "look")

    def _handle_exception(self, error: Exception) -> None:
        """Textual's: called with what nobody caught."""
        self.bug = self.bug or (getattr(error, "error", None) if isinstance(error, WorkerFailed) else None) or error
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """Textual's: it would print a traceback with all values in it."""
        self._close_messages_no_wait()

    async def on_unmount(self) -> None:
        """Let go of the database."""
        await asyncio.to_thread(self._reader.close)

    def _source(self) -> Source:
        name = TABS[self._tab]
        if name == "jobs":
            return sources.Jobs(self._workflow_id, self._order, read_filter(self._words[name]))
        made: Source = sources.MAKERS[name](self._workflow_id, self._words[name])
        return made

    def _paint(self) -> None:
        """The lines whose content changes by itself."""
        self._tabs.paint(self._tab)
        said = wrapped([self._status()], max(10, self.size.width), words=True)[:_STATUS_LINES]
        self._bar.styles.height = len(said)
        self._bar.show(said)
        self._foot.show([Styled(keys.footer(TABS[self._tab]), "dim")])

    def _status(self) -> Styled:
        if self._trouble is not None:
            age = "" if self._looked_at is None else f"data {round(clock.monotonic() - self._looked_at)} s old   "
            return Styled(printable(f"{age}{self._trouble}"), "trouble")
        if self._told and clock.monotonic() - self._told_at < _TOLD_S:
            return Styled(printable(self._told), "bold")
        if self._looked_at is None:
            return Styled("looking ...", "dim")
        name = TABS[self._tab]
        age_s = clock.monotonic() - self._looked_at
        parts = [f"data {round(age_s)} s old" if age_s >= LOOK_S + 1 else "data of now"]
        if self._paused:
            parts.append("not looking (A goes on)")
        elif self._look_s > LOOK_S:
            parts.append(f"looked at every {duration(self._look_s)} (shared file system)")
        if name == "jobs":
            parts.append(f"by {self._order}" if self._order in ("file", "name") else f"the {self._order} first")
        if self._words[name]:
            parts.append(f"filter: {self._words[name]} (Esc clears)")
        rows = self.rows
        if rows.part is not None and rows.rows:
            parts.append(f"at {round(100 * rows.part)} %")
        elif not rows.rows:
            parts.append(f"no {name} like that" if self._words[name] else f"no {name}")
        return Styled(printable("   ".join(parts)), "dim")

    # Looking.

    def _in_background(self, what: Callable[[], Awaitable[None]], group: str) -> None:
        self.run_worker(what(), group=group)

    async def _tick(self) -> None:
        """One look, unless the last one still waits, or nobody wants one."""
        if not self._looking.locked() and not self._paused:
            since = None if self._looked_at is None else clock.monotonic() - self._looked_at
            if since is None or since >= self._look_s - LOOK_S / 2 or self._trouble is not None:
                await self._look(now=False)
        self._paint()

    async def _look(self, *, now: bool) -> None:
        async with self._looking:
            await self._look_once(now=now)

    async def _look_once(self, *, now: bool) -> None:
        try:
            found = await self._reader.ask(self._glance)
            self._look_s = SHARED_LOOK_S if found.shared else LOOK_S
            # It never gets lower while its width is the same, or all below would jump.
            lines, width = self._header_height
            lines = max(len(found.header), lines if width == self.size.width else 0)
            self._header_height = lines, self.size.width
            self._header.styles.height = lines
            self._header.show([Styled(line, "" if number else "bold") for number, line in enumerate(found.header)])
            if now or found.version != self._seen_version or self._trouble is not None or self._something_runs():
                began = clock.monotonic()
                if began < self._not_before and not now:
                    self._trouble = None
                    return  # what is seen gets older meanwhile
                await self.rows.renew(now=now)
                self._seen_version = found.version
                ended = clock.monotonic()
                self._not_before = ended + _RARELY * (ended - began - _QUICK_S)
        except TorcLocalError as error:
            self._trouble = _sentence(error)
        else:
            self._trouble = None
            self._looked_at = clock.monotonic()

    def _something_runs(self) -> bool:
        """Whether anything on the screen changes by itself: how long a job has been running, what it writes."""
        return self.rows.source.title == "runners" or any(row.tone == JobStatus.RUNNING for row in self.rows.rows)

    def _glance(self, db: Database) -> _Look:
        version = db.data_version
        found = status.gather(db, sources.workflow_of(db, self._workflow_id), why=False)
        dead = sources.dead_of(db, self._workflow_id)
        looks = Looks(self.size.width)
        return _Look(painted(status_screen.head(found, dead, looks), looks)[:_HEADER_LINES], version, db.is_shared)

    def on_rows_moved(self) -> None:
        """Show what belongs to the row."""
        self.run_worker(self._show_detail(), group="detail", exclusive=True)

    def on_rows_failed(self, message: Rows.Failed) -> None:
        """Say why a page could not be read."""
        self._trouble = _sentence(message.error)
        self._paint()

    async def _show_detail(self) -> None:
        rows = self.rows
        source, row = rows.source, rows.current
        pane = self._detail
        if row is None:
            pane.show([])
            self._paint()
            return
        try:
            found = await self._reader.ask(lambda db: source.detail(db, row, _LOG_LINES))
        except TorcLocalError as error:
            self._trouble = _sentence(error)
        else:
            if row == rows.current or (rows.current is not None and row.ident == rows.current.ident):
                pane.show(_beside(found, pane))
        self._paint()

    # Keys that move.

    def action_tab(self, number: int) -> None:
        """Another list."""
        self._tab = number
        self._told = ""
        self._detail.show([])
        self.rows.change_source(self._source())
        self.rows.focus()
        self._paint()

    def action_next_tab(self, by: int) -> None:
        """The list to the right, or to the left."""
        self.action_tab((self._tab + by) % len(TABS))

    def action_filter(self) -> None:
        """Ask for a filter."""
        field = self.query_one("#filter", Input)
        field.value = self._words[TABS[self._tab]]
        field.add_class("asked")
        field.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Filter."""
        self._words[TABS[self._tab]] = " ".join(event.value.split())
        self._end_filter()
        self.action_tab(self._tab)

    def _end_filter(self) -> None:
        self.query_one("#filter", Input).remove_class("asked")
        self.rows.focus()

    def action_no_filter(self) -> None:
        """Out of the filter, and then without it."""
        if self.query_one("#filter", Input).has_class("asked"):
            self._end_filter()
        elif self._words[TABS[self._tab]]:
            self._words[TABS[self._tab]] = ""
            self.action_tab(self._tab)

    def action_sort(self) -> None:
        """The next order."""
        if TABS[self._tab] != "jobs":
            self._tell("only jobs can be sorted")
            return
        self._order = ORDERS[(ORDERS.index(self._order) + 1) % len(ORDERS)]
        self.action_tab(self._tab)

    def action_pause(self) -> None:
        """Stop looking, or go on (Torc's A)."""
        self._paused = not self._paused
        self._paint()

    async def action_look_now(self) -> None:
        """Look now; a database that was replaced is opened anew."""
        if self._trouble is not None:
            self._reader.reopen()
        self._told = ""
        self._in_background(self._look_and_paint, "look")

    async def _look_and_paint(self) -> None:
        await self._look(now=True)
        self._paint()

    def action_leave(self) -> None:
        """End."""
        self.exit(ExitCode.OK)

    def action_help(self) -> None:
        """All keys."""
        self.push_screen(Text("keys of torc-local tui", keys.lines()))

    # Keys that show more about a row.

    def _current(self) -> Row | None:
        return self.rows.current

    def _job(self) -> int | None:
        row = self._current()
        if row is None or row.job_id is None:
            self._tell("there is no job here")
            return None
        return row.job_id

    def action_details(self) -> None:
        """Everything about what is under the cursor; of a family of jobs, these."""
        rows, row = self.rows, self._current()
        if row is None:
            return
        if row.pattern is not None:
            self._words["jobs"] = row.pattern
            self.action_tab(TABS.index("jobs"))
            return
        source, job_id = rows.source, row.job_id

        def told(db: Database) -> list[Styled]:
            if job_id is not None:
                sources.job_of(db, job_id)
                with db.read():
                    return plain(listing.job_screen(db, job_id))
            return source.detail(db, row, _LOG_LINES).lines

        self._read_text(row.cells[1] if len(row.cells) > 1 else "details", told)

    def action_explain(self) -> None:
        """Why the job does not run, why it failed, why it would run again."""
        job_id = self._job()
        if job_id is None:
            return

        def told(db: Database) -> list[Styled]:
            sources.job_of(db, job_id)
            around = explaining.Around(self._command, sources.dead_of(db, self._workflow_id), mtime_of)
            return plain(explained.screen(explaining.explain(db, job_id, around)))

        self._read_text("explain", told)

    def _read_text(self, title: str, told: Callable[[Database], list[Styled]]) -> None:
        async def read() -> None:
            try:
                lines = await self._reader.ask(told)
            except TorcLocalError as error:
                self._tell(_sentence(error))
            else:
                await self.push_screen(Text(title, lines))

        self._in_background(read, "text")

    def action_log(self) -> None:
        """What it wrote; of a job that failed and wrote to standard error, that."""
        job_id = self._job()
        if job_id is None:
            return

        async def show() -> None:
            try:
                stderr = await self._reader.ask(lambda db: _errors_first(db, job_id))
            except TorcLocalError as error:
                self._tell(_sentence(error))
            else:
                await self.push_screen(Log(self._reader, job_id, stderr=stderr))

        self._in_background(show, "text")

    # Keys that change something, after a question.

    def action_retry(self) -> None:
        """Put the job back that did not succeed, with everything after it."""
        job_id = self._job()
        if job_id is None:
            return

        async def ask() -> None:
            if not await self._can(job_id, RETRIABLE, "retry"):
                return
            lines = await self._do(lambda: self._changes.retry([job_id], True))
            if lines is not None:
                await self._agreed(
                    [*lines, "", "Put back what is named here?"], lambda: self._changes.retry([job_id], False)
                )

        self._change(ask)

    def action_cancel(self) -> None:
        """Cancel the job."""
        self._cancel(None)

    def action_terminate(self) -> None:
        """End the job, which must be running."""
        self._cancel(JobStatus.RUNNING)

    def _cancel(self, only: str | None) -> None:
        row, job_id = self._current(), self._job()
        if row is None or job_id is None:
            return

        async def ask() -> None:
            fit = [one for one in JobStatus if one not in (*ENDED, JobStatus.DISABLED)] if only is None else [only]
            job = await self._can(job_id, fit, "cancel" if only is None else "terminate")
            if job is None:
                return
            what = "Cancel" if only is None else "Terminate"
            lines = [
                f"{what} {job.name}, which is {job.status}?",
                "What waits for it is canceled, too, unless its flag says otherwise.",
            ]
            await self._agreed(lines, lambda: self._changes.cancel([job_id]))

        self._change(ask)

    async def _can(self, job_id: int, states: Collection[str], what: str) -> JobDetails | None:
        """The job, when it is in one of these states; None otherwise, which is told."""
        try:
            job = await self._reader.ask(lambda db: sources.job_of(db, job_id))
        except TorcLocalError as error:
            self._tell(_sentence(error))
            return None
        if job.status not in states:
            self._tell(f"{job.name} is {job.status}: there is nothing to {what}")
            return None
        return job

    def action_cancel_all(self) -> None:
        """Cancel the workflow (Torc's C)."""

        async def ask() -> None:
            lines = [
                f"Cancel workflow {self._workflow_id}?",
                "What runs is ended; what waits stays, and can go on with run.",
            ]
            await self._agreed(lines, self._changes.cancel_all)

        self._change(ask)

    def _change(self, ask: Callable[[], Awaitable[None]]) -> None:
        async def once() -> None:
            if self._changing:
                self._tell("one change after the other")
                return
            self._changing = True
            try:
                await ask()
            finally:
                self._changing = False

        self._in_background(once, "change")

    async def _agreed(self, lines: list[str], change: Callable[[], list[str]]) -> None:
        """Ask, and do it after a yes."""
        agreed = await self.push_screen_wait(Question(lines))
        if not agreed:
            self._tell("nothing was changed")
            return
        told = await self._do(change)
        if told is not None:
            self._tell("; ".join(line.strip() for line in told))
            await self._look(now=True)
            self._paint()

    async def _do(self, change: Callable[[], list[str]]) -> list[str] | None:
        """Call one of the changes; None when it was refused, which is told."""
        try:
            return await asyncio.to_thread(change)
        except TorcLocalError as error:
            self._tell(_sentence(error))
            return None

    def _tell(self, message: str) -> None:
        self._told, self._told_at = message, clock.monotonic()
        self._paint()


class _Tabs(Lines):
    """The names of the lists; a click goes there."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self._starts: list[tuple[int, int]] = []

    def paint(self, chosen: int) -> None:
        """Paint them; the chosen one is in brackets."""
        self._starts, text = [], ""
        for number, name in enumerate(TABS):
            label = f"{number + 1} {name.capitalize()}"
            begin = len(text)
            text += f"[{label}] " if number == chosen else f" {label}  "
            self._starts.append((begin, len(text)))
        self.show([Styled(text, "bold")])

    def on_click(self, event: Click) -> None:
        """Go there."""
        for number, (begin, end) in enumerate(self._starts):
            if begin <= event.x < end:
                self.app.call_later(self.app.run_action, f"tab({number})")


def _beside(found: Detail, pane: Lines) -> list[Styled]:
    """Details, and below them as much of the end of the log as there is room for."""
    width, height = pane.size.width, pane.size.height
    lines = wrapped(found.lines, width, words=True)
    if found.title is None:
        return lines
    room = max(3, height - len(lines) - 2)
    lines = lines[: max(1, height - room - 2)]
    return [*lines, Styled(""), Styled(f"── {found.title} ──", "dim"), *wrapped(found.log, width)[-room:]]


def _sentence(error: TorcLocalError) -> str:
    hint = getattr(error, "hint", None)
    return f"{error}; {hint}" if hint else str(error)


def _errors_first(db: Database, job_id: int) -> bool:
    job = sources.job_of(db, job_id)
    found = output.find(db, job_id, stderr=False, attempt=None)
    return found is not None and bool(found.other_bytes) and job.status in listing.UNSUCCESSFUL
