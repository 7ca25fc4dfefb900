"""``logs``: what a job wrote, byte for byte, once or until it ends."""

import re
import sys
import time
from pathlib import Path
from typing import NamedTuple

from torc_local.cli import answer, place, selecting
from torc_local.cli.selecting import Asked
from torc_local.engine.options import stdio_of_job
from torc_local.ground.errors import ExitCode, InputError
from torc_local.ground.states import ENDED
from torc_local.report import output
from torc_local.report.output import Place
from torc_local.report.text import printable, size
from torc_local.store import opening, reading
from torc_local.store.database import Database

#: Between two looks at a job that still writes.
_LOOK_S = 0.2


class Shown(NamedTuple):
    """What is printed of each job's output."""

    attempt: int | None = None
    stderr: bool = False
    tail: int | None = None  # last lines
    grep: str | None = None  # lines in which this is found
    paths: bool = False  # not what is written, but where


def print_logs(option: Path | None, workflow_id: int | None, asked: Asked, shown: Shown, *, follow: bool) -> int:
    """Print the output of jobs: of the newest attempt, or of the named one. Of several jobs, each under its name."""
    if not asked.anything:
        raise InputError("the output of which job?", hint="torc-local logs --help")
    if follow and (shown.tail is not None or shown.grep is not None or shown.paths):
        raise InputError("-f follows all that one job writes", hint="leave out --tail, --grep and --paths")
    pattern = None if shown.grep is None else _pattern(shown.grep)
    with opening.open_read_only(place.database(option)) as db:
        chosen = selecting.one_or_many(db, workflow_id, asked)
        if follow and len(chosen) > 1:
            raise InputError(f"-f follows one job, and {len(chosen):,} are chosen")
        if len(chosen) == 1 and pattern is None and not shown.paths:
            return _print_one(db, chosen[0], shown, follow=follow)
        matches = sum(_print_among(db, job_id, shown, pattern) for job_id in chosen)
    if pattern is not None and not matches:
        answer.note("no line is like that")
    return ExitCode.OK


def _pattern(regex: str) -> "re.Pattern[str]":
    try:
        return re.compile(regex)
    except re.error as error:
        raise InputError(f"--grep: '{printable(regex)}' is no regular expression: {error}") from None


def _print_one(db: Database, job_id: int, shown: Shown, *, follow: bool) -> int:
    """Byte for byte."""
    found = output.find(db, job_id, stderr=shown.stderr, attempt=shown.attempt)
    if follow and (found is None or found.live):
        _follow(db, job_id, stderr=shown.stderr, attempt=shown.attempt)
        return ExitCode.OK
    if found is None:
        job = reading.job(db, job_id)
        raise output.why_none(job.name, job.status)
    if not _write(found if shown.tail is None else output.last(found, shown.tail)) and shown.tail != 0:
        _say_why_empty(db, job_id, found, stderr=shown.stderr)
    return ExitCode.OK


def _print_among(db: Database, job_id: int, shown: Shown, pattern: "re.Pattern[str] | None") -> int:
    """One of several, of which some may have written nothing; how many lines were found."""
    found = output.find(db, job_id, stderr=shown.stderr, attempt=shown.attempt)
    if found is None or found.path is None:
        return 0
    name = printable(reading.job(db, job_id).name)
    if shown.paths:
        length = "" if found.length is None else str(found.length)
        answer.lines([f"{name}\t{printable(str(found.path))}\t{found.start}\t{length}"])
        return 0
    place_ = found if shown.tail is None else output.last(found, shown.tail)
    if pattern is not None:
        lines = [line for line in output.text_lines(place_) if pattern.search(line)]
        answer.lines(f"{name}: {printable(line)}" for line in lines)
        return len(lines)
    answer.lines([f"==> {name} <=="])
    sys.stdout.flush()
    last = _write(place_)
    if last and not _ends_a_line(place_, last):
        answer.lines([""])
    return 0


def _ends_a_line(found: Place, length: int) -> bool:
    return b"".join(output.pieces(found._replace(start=found.start + length - 1, length=1))) == b"\n"


def _say_why_empty(db: Database, job_id: int, found: Place, *, stderr: bool) -> None:
    job = reading.job(db, job_id)
    stdio = stdio_of_job(db, job.workflow_id, job.options_id)
    why = output.why_empty(stdio, job.name, stderr=stderr, completed=found.completed)
    if found.other_bytes:
        stream, flag = ("output", "") if stderr else ("error", " --stderr")
        answer.note(
            f"{why or 'nothing here'}, but {size(found.other_bytes)} on standard {stream}: "
            f"{place.command(db.path)} logs {printable(job.name)}{flag}"
        )
    elif why is not None:
        answer.note(printable(why))


def _write(found: Place) -> int:
    """Print a range; how many bytes it was."""
    written = 0
    for piece in output.pieces(found):
        sys.stdout.buffer.write(piece)
        written += len(piece)
    sys.stdout.buffer.flush()
    return written


def _follow(db: Database, job_id: int, *, stderr: bool, attempt: int | None) -> None:
    """Print what comes, until the attempt that is followed has ended or the job will never run."""
    shown = 0
    while True:
        # The end is looked for before the bytes are read: what was written before it is then there to be read.
        found = output.find(db, job_id, stderr=stderr, attempt=attempt)
        if found is None:
            job = reading.job(db, job_id)
            if job.status in ENDED:
                raise output.why_none(job.name, job.status)
        else:
            attempt = found.attempt_id
            left = None if found.length is None else max(0, found.length - shown)
            shown += _write(found._replace(start=found.start + shown, length=left))
            if not found.live:
                if not shown:
                    _say_why_empty(db, job_id, found, stderr=stderr)
                return
        time.sleep(_LOOK_S)
