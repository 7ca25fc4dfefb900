"""What a supervisor tells whoever watches it: the screen, a log file, a test."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from torc_local.engine.fit import Counts
from torc_local.ground.errors import ExitCode
from torc_local.store.database import Database
from torc_local.store.events import Event


class RunInfo(NamedTuple):
    """The run that begins; ``how`` is one of engine.begin.How's words."""

    workflow_id: int
    workflow_name: str
    run_id: int
    how: str
    total: int
    finished: int  # jobs that need no more work
    again: int  # jobs that were put back to run again
    changed: int  # of these, completed ones whose files or user data have changed
    runners: int
    slots: int
    hostname: str
    db_path: Path
    cpus: int
    memory_bytes: int
    gpus: int
    by_resources: bool
    budget: Counts  # which of these jobs must fit in
    died: int = 0  # runners that were found dead: the run before this one was cut off
    lost: int = 0  # jobs that were running in them
    claimed: int = 0  # jobs that they held and that may have started


class Progress(NamedTuple):
    """Jobs by status (states without jobs left out) at a moment of ``clock.monotonic``.

    ``db`` gives the database to who shows more: only until this returns, and only for quick looks.
    """

    counts: dict[str, int]
    total: int
    at: float
    db: Callable[[], Database] | None = None


class Outcome(NamedTuple):
    """How it ended; ``explanations`` are sentences about what could not be done."""

    exit_code: ExitCode
    counts: dict[str, int]
    total: int
    wall_s: float
    explanations: tuple[str, ...]


class Watcher(Protocol):
    """Told by the supervisor, in this order; must return quickly and must not raise."""

    def started(self, info: RunInfo) -> None:
        """Once, before the first runner works."""

    def progressed(self, progress: Progress) -> None:
        """About four times a second."""

    def event(self, event: Event) -> None:
        """Each new event, a failed job for example."""

    def stopping(self, message: str) -> None:
        """Somebody asked us to stop; the message says what happens now."""

    def ended(self, outcome: Outcome) -> None:
        """Once, after the last process has ended."""
