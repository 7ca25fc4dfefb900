"""The one connection of the full-screen view: all it reads goes through a thread of its own, so that keys never wait.

What goes wrong comes out as a sentence, whatever happens to the file: the view stays, and says it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from torc_local.ground.errors import StateError, TorcLocalError
from torc_local.process.identity import Identity
from torc_local.store import opening
from torc_local.store.database import Database

T = TypeVar("T")

#: How long a lock is waited for (seconds). Whoever looks once a second looks again.
_PATIENCE_S = 0.5


class Reader:
    """Asks one database, opened when it is first asked and again after trouble."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, "reader")
        self._db: Database | None = None
        self._identity: Identity | None = None

    async def ask(self, question: Callable[[Database], T]) -> T:
        """The answer; one question after the other. Raises TorcLocalError."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._ask, question)

    def reopen(self) -> None:
        """Open what the path leads to by now, at the next question."""
        self._thread.submit(self._close)

    def close(self) -> None:
        """Close the connection; nothing is asked any more."""
        self._thread.submit(self._close)
        self._thread.shutdown(wait=True, cancel_futures=False)

    def _ask(self, question: Callable[[Database], T]) -> T:
        try:
            return question(self._opened())
        except TorcLocalError:
            raise
        except Exception as error:
            # After an error of a file system, SQLite may go on with what it remembers: it is opened anew.
            self._drop()
            sentence = opening.translated(error, self._path)
            if isinstance(sentence, TorcLocalError):
                raise sentence from error
            raise

    def _opened(self) -> Database:
        if self._identity is None:
            self._identity = Identity(self._path, meanwhile="while it was looked at", of_log=False)
        if self._db is None:
            self._identity.before_opening()
            self._db = opening.open_read_only(self._path)
            self._db.hurry(_PATIENCE_S)
        self._identity.look(self._db)
        if self._identity.trouble is not None:
            raise StateError(self._identity.trouble.message, hint="r opens what is there now")
        opening.check_version(self._db)
        return self._db

    def _close(self) -> None:
        self._drop()
        self._identity = None

    def _drop(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
