"""``explain``: why a job does not run, why it failed, or why it would run again."""

import sys
from collections.abc import Iterator
from pathlib import Path

from torc_local.cli import answer, place, selecting, terminal
from torc_local.cli.looking import dead_runners
from torc_local.cli.selecting import Asked
from torc_local.ground.errors import ExitCode, InputError
from torc_local.process.declared import mtime_of
from torc_local.report import explained, explaining
from torc_local.report.text import plural
from torc_local.store import opening, reading, runners
from torc_local.store.database import Database

#: Jobs that are explained when many are chosen, unless told otherwise: each costs a look at the graph.
_MOST = 10


def explain(option: Path | None, workflow_id: int | None, asked: Asked, *, limit: int | None, as_json: bool) -> int:
    """Explain the jobs that are chosen, at most ``limit`` of them."""
    if not asked.anything:
        raise InputError("which job?", hint="torc-local explain JOB, torc-local explain --failed")
    with opening.open_read_only(place.database(option)) as db:
        chosen = selecting.one_or_many(db, workflow_id, asked)
        shown = chosen[: _MOST if limit is None else limit]
        if as_json:
            answer.items(map(explained.document, _each(db, shown)))
        else:
            for number, found in enumerate(_each(db, shown)):
                answer.lines([*([""] if number else []), *explained.screen(found, terminal.width_of(sys.stdout))])
    if len(chosen) > len(shown):
        answer.note(f"the first {len(shown):,} of {plural(len(chosen), 'job')}; --limit allows more")
    return ExitCode.OK


def _each(db: Database, job_ids: list[int]) -> Iterator[explaining.Explanation]:
    dead: dict[int, set[int]] = {}
    for job_id in job_ids:
        workflow_id = reading.job(db, job_id).workflow_id
        if workflow_id not in dead:
            dead[workflow_id] = dead_runners(runners.alive(db, workflow_id))
        yield explaining.explain(db, job_id, explaining.Around(place.command(db.path), dead[workflow_id], mtime_of))
