"""Driving the view: keys in, what is on the screen out."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.report.small import small_database
from torc_local.cli.full_screen import changes_of
from torc_local.tui.app import LOOK_S, TABS, Tui
from torc_local.tui.log import Log, Window
from torc_local.tui.panes import Lines
from torc_local.tui.rows import Rows


class Driver:
    """One view that is open."""

    def __init__(self, app: Tui, pilot: "Pilot[Any]") -> None:
        self.app = app
        self._pilot = pilot

    async def settle(self) -> None:
        """Wait until everything that was begun is done, but for a question."""
        quiet = 0
        while quiet < 2:  # what one worker has done may begin another
            await self._pilot.pause()
            busy = any(not worker.is_finished and worker.group != "change" for worker in self.app.workers)
            quiet = 0 if busy else quiet + 1
            await asyncio.sleep(0.002 * busy)

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self._pilot.press(key)
            await self.settle()

    async def tab(self, name: str) -> None:
        await self.press(str(TABS.index(name) + 1))

    async def type(self, text: str) -> None:
        await self._pilot.press(*text, "enter")
        await self.settle()

    async def until(self, holds: Callable[[], object], seconds: float = 20) -> None:
        for _ in range(round(seconds / 0.01)):
            if holds():
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"it did not come to hold; the last line is: {self.status}")

    async def look(self) -> None:
        """What happens once a second."""
        await self.until(lambda: not self.app._looking.locked())
        assert self.app._looked_at is not None
        self.app._not_before = 0.0  # as if the machine had nothing else to do
        self.app._looked_at -= LOOK_S
        await self.app._tick()
        await self.settle()

    async def resize(self, columns: int, lines: int) -> None:
        await self._pilot.resize_terminal(columns, lines)
        await self.until(lambda: self.rows.size.height + self.app._header.size.height == lines - 3)
        await self.settle()

    def _lines(self, name: str) -> str:
        return self.app.screen_stack[0].query_one(f"#{name}", Lines).text

    @property
    def rows(self) -> Rows:
        return self.app.rows

    @property
    def names(self) -> list[str]:
        """The names in the list of jobs."""
        return [row.cells[1] for row in self.rows.rows]

    @property
    def name(self) -> str:
        """The one under the cursor."""
        assert self.rows.current is not None
        return self.rows.current.cells[1]

    @property
    def header(self) -> str:
        return self._lines("header")

    @property
    def detail(self) -> str:
        return self._lines("detail")

    @property
    def status(self) -> str:
        return self._lines("status")

    @property
    def text(self) -> str:
        """Of the screen in front."""
        return str(getattr(self.app.screen, "text", ""))

    @property
    def log(self) -> Window:
        assert isinstance(self.app.screen, Log)
        return self.app.screen.window

    @property
    def log_head(self) -> str:
        return self.app.screen.query_one("#log-head", Lines)._given[0].text


Steps = Callable[[Driver], Awaitable[None]]


def drive(path: Path, steps: Steps, size: tuple[int, int] = (80, 24)) -> Tui:
    """Open the view of workflow 1 and do something with it."""
    app = Tui(path, 1, changes_of(path, 1), command="torc-local")

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            driver = Driver(app, pilot)
            await driver.settle()
            await steps(driver)

    asyncio.run(run())
    return app


@pytest.fixture(autouse=True)
def no_idling(monkeypatch):
    """Textual's pilot waits until the process is idle for 20 ms, twice at each key; here ``settle`` knows better."""

    async def give_way(_min_sleep: float = 0, _max_sleep: float = 0) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr("textual.app.wait_for_idle", give_way)
    monkeypatch.setattr("textual.pilot.wait_for_idle", give_way)


@pytest.fixture
def path(tmp_path):
    """A finished small workflow."""
    return small_database(tmp_path / "torc.db")
