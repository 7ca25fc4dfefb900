"""The entry point: every error becomes a sentence and an exit code, never a traceback.

Nothing heavy is imported here; ``-V`` answers before the command line library is loaded.
"""
# ruff: noqa: PLC0415

import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from torc_local import __version__
from torc_local.ground.errors import ExitCode, TorcLocalError

PROGRAM = "torc-local"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code of the process."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    code: int = ExitCode.OK
    try:
        _occupy_standard_streams()
        code = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        pass  # whoever read our output has gone (``| head``): that is no error, and nothing is left to say
    except KeyboardInterrupt:
        _say("interrupted; nothing was lost")
        code = ExitCode.INTERRUPTED
    except TorcLocalError as error:
        code = _explain(error)
    except Exception as error:  # noqa: BLE001 - the last stop: a bug must not show a traceback to a user
        code = _unexpected(error)
    _leave()
    return int(code)


def _run(words: list[str]) -> int:
    for stream in (sys.stdout, sys.stderr):
        # Names in any alphabet must not break output in a C locale.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if words in (["-V"], ["--version"]):
        print(f"{PROGRAM} {__version__}")
        return ExitCode.OK
    if not words:
        from torc_local.cli.helping import SHORT

        sys.stderr.write(SHORT)
        return ExitCode.BAD_INPUT
    if words[0] == "user-data":
        from torc_local.cli import inside

        done = inside.call(words)
        if done is not None:
            return done
    if words[0] == "spawn":
        from torc_local.cli import spawning

        done = spawning.call(words)
        if done is not None:
            return done
    from torc_local.cli.app import call

    return call(words)


def _occupy_standard_streams() -> None:
    """Open the void in place of standard streams that were closed: a database must not become descriptor 1."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest that is free
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - open to the end
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - open to the end


def _leave() -> None:
    """Write out what is left. Where nobody reads, it goes into the void, or Python would complain at its very end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _explain(error: TorcLocalError) -> int:
    from torc_local.cli.problems import error_lines

    _say("\n".join(error_lines(error)))
    return error.exit_code


def _unexpected(error: Exception) -> int:
    import apsw

    from torc_local.ground.errors import StateError, of_system

    if isinstance(error, apsw.Error):
        from torc_local.cli import place
        from torc_local.store.opening import translated

        known = translated(error, place.last_opened())
        if isinstance(known, StateError):
            return _explain(known)
    if (refused := of_system(error)) is not None:
        return _explain(refused)
    from torc_local.ground.bugs import save_traceback

    if (damaged := _blame()) is not None:
        return _explain(damaged)
    _say(f"error: internal error, a bug in {PROGRAM}; please report it with {save_traceback()}")
    return ExitCode.INTERNAL


def _blame() -> TorcLocalError | None:
    """What is wrong with the database of this command, when it had one and that is what made the error."""
    from torc_local.cli import place

    if not place.last_opened().is_file():
        return None
    from torc_local.store.examining import blame

    return blame(place.last_opened())


def _say(text: str) -> None:
    try:
        sys.stdout.flush()
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        return  # nobody listens; the exit code still tells
