"""Finding what a job wrote: a byte range of a segment file, or the growing end of one."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from torc_local.engine.options import COMBINED, NO_STDERR, NO_STDOUT, NOTHING, Stdio
from torc_local.ground.errors import InputError
from torc_local.ground.states import CLAIMED, JobStatus
from torc_local.store import reading
from torc_local.store.database import Database
from torc_local.store.reading import OutputRow, RunningRow

_CHUNK = 1 << 20


class Place(NamedTuple):
    """Where output is: ``length`` None means up to the end of the file, ``path`` None that there is none."""

    attempt_id: int
    path: Path | None
    start: int
    length: int | None
    other_bytes: int  # in the other stream
    live: bool = False  # the job still writes
    completed: bool = False  # the attempt


def find(db: Database, job_id: int, *, stderr: bool, attempt: int | None) -> Place | None:
    """Where the output of an attempt at a job is, the newest by default; None when the job has not begun one.

    Raises InputError when there is no such attempt.
    """
    with db.read():
        running = reading.running(db, job_id)
        outputs = reading.outputs(db, job_id)
    if running is not None and attempt in (None, running.attempt_id):
        return _of_running(db, running, stderr=stderr)
    if attempt is not None:
        known = [one for one in outputs if one.attempt_id == attempt]
        if not known:
            numbers = ", ".join(str(one.attempt_id) for one in reversed(outputs)) or "none yet"
            raise InputError(f"there is no attempt {attempt} at this job", hint=f"attempts: {numbers}")
        return _of_attempt(db, known[0], stderr=stderr)
    return _of_attempt(db, outputs[0], stderr=stderr) if outputs else None


def why_none(name: str, status: str) -> InputError:
    """The error for a job without any attempt."""
    if status == JobStatus.CANCELED:
        return InputError(f"job '{name}' never ran: it was canceled, or something before it did not succeed")
    if status in CLAIMED:
        return InputError(f"job '{name}' is about to start", hint="follow its output with -f")
    return InputError(f"job '{name}' has not run yet: it is {status}", hint="wait for its output with -f")


def why_empty(stdio: Stdio, name: str, *, stderr: bool, completed: bool) -> str | None:
    """Why there is nothing of this stream, as far as the workflow file says so."""
    stream = "standard error" if stderr else "standard output"
    if stdio.mode in (NOTHING, NO_STDERR if stderr else NO_STDOUT):
        return f"the {stream} of '{name}' is not kept (stdio: {stdio.mode})"
    if stdio.mode == COMBINED and stderr:
        return f"the standard error of '{name}' goes where its standard output goes (stdio: combined)"
    if stdio.delete_on_success and completed:
        return f"the {stream} of '{name}' is not kept: it completed (stdio: delete_on_success)"
    return None


_IN_WORDS = {
    COMBINED: "standard error with standard output",
    NO_STDOUT: "standard output is not kept",
    NO_STDERR: "standard error is not kept",
    NOTHING: "not kept",
}


def in_words(stdio: Stdio) -> str | None:
    """What becomes of a job's output; None when it is kept, each stream for itself."""
    said = [_IN_WORDS[stdio.mode]] if stdio.mode in _IN_WORDS else []
    if stdio.delete_on_success and stdio.mode != NOTHING:
        said.append("removed when the job completes")
    return ", ".join(said) or None


def pieces(place: Place) -> Iterator[bytes]:
    """The exact bytes, in pieces. Raises InputError when the file is gone."""
    if place.path is None or place.length == 0:
        return
    try:
        with place.path.open("rb") as file:
            file.seek(place.start)
            yield from read(file, place.length)
    except FileNotFoundError:
        raise InputError(
            f"the output file is gone: {place.path}", hint="it belongs next to the database; was it moved or deleted?"
        ) from None


def read(file: IO[bytes], length: int | None) -> Iterator[bytes]:
    """The next ``length`` bytes of a file in pieces (None: all of the rest); less when it ends before."""
    left = length
    while left is None or left > 0:
        piece = file.read(_CHUNK if left is None else min(_CHUNK, left))
        if not piece:
            return
        if left is not None:
            left -= len(piece)
        yield piece


def last_lines(place: Place, lines: int) -> list[str]:
    """Its last lines as text; none when the file is gone."""
    try:
        return b"".join(pieces(last(place, lines))).decode("utf-8", "replace").splitlines()
    except InputError:
        return []


class Telling(NamedTuple):
    """The last lines of what a job wrote that say most about why it failed."""

    stream: str
    path: Path | None
    lines: list[str]


def telling(db: Database, job_id: int, lines: int) -> Telling | None:
    """Of its newest attempt's standard error, or of standard output where that is empty or goes there, too.

    None when the job has not begun any, or left nothing.
    """
    for stderr in (True, False):
        place = find(db, job_id, stderr=stderr, attempt=None)
        found = [] if place is None else last_lines(place, lines)
        if place is not None and found:
            return Telling("standard error" if stderr else "standard output", place.path, found)
    return None


def text_lines(place: Place) -> Iterator[str]:
    """Its lines as text, one by one, however long it is."""
    rest = b""
    for piece in pieces(place):
        *whole, rest = (rest + piece).split(b"\n")
        yield from (line.decode("utf-8", "replace") for line in whole)
    if rest:
        yield rest.decode("utf-8", "replace")


def last(place: Place, lines: int) -> Place:
    """The part of it that has its last lines, byte for byte, as long as it is now."""
    if place.path is None or not place.path.exists():
        return place
    with place.path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        end = size if place.length is None else min(size, place.start + place.length)
        at, found = end, 0
        while at > place.start and lines:
            begin = max(place.start, at - _CHUNK)
            file.seek(begin)
            piece = file.read(at - begin)
            # The line end at the very end begins no line.
            position = piece.rfind(b"\n", 0, len(piece) - (1 if at == end else 0))
            while position >= 0:
                found += 1
                if found == lines:
                    start = begin + position + 1
                    return place._replace(start=start, length=end - start)
                position = piece.rfind(b"\n", 0, position)
            at = begin
    return place._replace(length=max(0, end - place.start) if lines else 0)


def _of_running(db: Database, row: RunningRow, *, stderr: bool) -> Place:
    start = row.stderr_start if stderr else row.stdout_start
    return Place(row.attempt_id, _file(db, row.path, stderr=stderr), start, None, 0, live=True)


def _of_attempt(db: Database, row: OutputRow, *, stderr: bool) -> Place:
    if stderr:
        start, length, other = row.stderr_start, row.stderr_bytes, row.stdout_bytes
    else:
        start, length, other = row.stdout_start, row.stdout_bytes, row.stderr_bytes
    # Nobody lived to measure the end of a lost attempt. It was the last to write to its file, so the rest is its own.
    return Place(
        row.attempt_id,
        _file(db, row.path, stderr=stderr),
        start,
        None if row.status == "lost" else length,
        other,
        completed=row.status == "completed",
    )


def _file(db: Database, path: str | None, *, stderr: bool) -> Path | None:
    # Joined to an absolute path, the directory is ignored.
    return None if path is None else db.path.parent / f"{path}{'.err' if stderr else '.out'}"
