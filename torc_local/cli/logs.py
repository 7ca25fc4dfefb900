"""``logs``: what a job wrote, byte for byte, once or until it ends."""

import sys
import time
from pathlib import Path

from torc_local.cli import answer, place
from torc_local.engine.options import stdio_of_job
from torc_local.ground.errors import ExitCode
from torc_local.ground.states import ENDED
from torc_local.report import output
from torc_local.report.output import Place
from torc_local.report.text import printable, size
from torc_local.store import opening, reading
from torc_local.store.database import Database

#: Between two looks at a job that still writes.
_LOOK_S = 0.2


def print_logs(
    option: Path | None, name: str, workflow_id: int | None, *, attempt: int | None, follow: bool, stderr: bool
) -> int:
    """Print the output of a job's newest attempt, or of the named one."""
    with opening.open_read_only(place.database(option)) as db:
        job_id = place.job(db, name, workflow_id)
        found = output.find(db, job_id, stderr=stderr, attempt=attempt)
        if follow and (found is None or found.live):
            _follow(db, job_id, stderr=stderr, attempt=attempt)
            return ExitCode.OK
        if found is None:
            job = reading.job(db, job_id)
            raise output.why_none(job.name, job.status)
        if not _write(found):
            _say_why_empty(db, job_id, found, stderr=stderr)
    return ExitCode.OK


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
