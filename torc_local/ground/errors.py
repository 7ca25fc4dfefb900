"""Everything that can go wrong in a way a person can act on, and the exit code that goes with it.

Exit codes are part of the contract with batch scripts: 3 (stopped early, work remains) is separate from
1 (finished with failures) because "requeue me" and "look at me" are different answers.
"""

import enum
from collections.abc import Sequence
from typing import NamedTuple


class ExitCode(enum.IntEnum):
    """What the process answers to the shell that called it."""

    OK = 0
    FAILED = 1
    BAD_INPUT = 2
    INCOMPLETE = 3
    STATE = 4
    INTERNAL = 70
    INTERRUPTED = 130
    TERMINATED = 143

    @property
    def meaning(self) -> str:
        """One sentence for ``torc-local help exit-codes``."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.OK: "everything asked for is done (also: nothing was left to do)",
    ExitCode.FAILED: "the workflow is finished; at least one job failed, was canceled or can never run",
    ExitCode.BAD_INPUT: "bad input: command line, workflow file, unknown id or name; nothing was changed",
    ExitCode.INCOMPLETE: "stopped early, work remains: run again to go on",
    ExitCode.STATE: "trouble with the database, a file system or the disk; see: torc-local doctor",
    ExitCode.INTERNAL: "internal error: a bug in torc-local; the message names the saved traceback",
    ExitCode.INTERRUPTED: "stopped by Ctrl-C (SIGINT) after saving state",
    ExitCode.TERMINATED: "stopped by SIGTERM or SIGHUP after saving state",
}


class Problem(NamedTuple):
    """Something wrong in a workflow file, with its position.

    ``line`` and ``column`` count from 1; both are 0 when the problem belongs to the file as a whole.
    ``excerpt`` is the source line (without its newline) and ``width`` how many columns the caret underlines.
    """

    file: str
    line: int
    column: int
    message: str
    hint: str | None = None
    excerpt: str | None = None
    width: int = 1


class TorcLocalError(Exception):
    """Base of every error that is shown to a person as a sentence instead of a traceback."""

    exit_code = ExitCode.INTERNAL

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(TorcLocalError):
    """The command line or something it names is wrong; nothing was changed."""

    exit_code = ExitCode.BAD_INPUT


class MissingInputs(InputError):  # noqa: N818 - named after what is wrong
    """What jobs read is not there; each ``item`` is told in a line of its own."""

    def __init__(self, message: str, *, items: Sequence[str], hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.items = tuple(items)


class SpecError(InputError):
    """A workflow file has problems; all of them are reported together, sorted by position."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(f"{len(problems)} problem{'s' if len(problems) != 1 else ''} in the workflow file")
        self.problems = tuple(problems)


class StateError(TorcLocalError):
    """The database, a file system or the disk cannot be used as it is."""

    exit_code = ExitCode.STATE


def of_system(error: Exception) -> StateError | None:
    """What the operating system refused, as a sentence; None when it is something else, and so a bug.

    Our own output that nobody reads (ConnectionError) is no refusal. What cannot be imported was there when we began.
    """
    match error:
        case ConnectionError():
            return None
        case OSError() if error.strerror:
            where = f"{error.filename}: " if error.filename else ""
            return StateError(f"{where}{error.strerror.lower()}")
        case MemoryError():
            return StateError("no memory left on this machine", hint="run fewer jobs at once (-j)")
        case ImportError():
            return StateError(f"a part of the program cannot be read: {error}", hint="too many open files? (ulimit -n)")
        case _:
            return None
