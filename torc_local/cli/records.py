"""Torc's spellings of lists and their entries, and of the question whether a workflow is complete."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

from torc_local.cli import answer, place
from torc_local.cli.looking import open_workflow
from torc_local.cli.words import did_you_mean
from torc_local.ground.errors import ExitCode, InputError
from torc_local.ground.states import unfinished_jobs
from torc_local.report import records
from torc_local.report.text import plural, table
from torc_local.store import opening, workflows

#: Lines of a table when nobody says how many: pairs of jobs may be millions.
_MOST_LINES = 10_000


def list_records(option: Path | None, kind: str, word: str | None, *, limit: int | None, as_json: bool) -> int:
    """``events list`` and the like."""
    known = records.KINDS[kind]
    with open_workflow(option, word) as (db, workflow):
        found = known.items(db, workflow)
        if as_json:
            answer.items(found if limit is None else islice(found, limit))
            return ExitCode.OK
        most = _MOST_LINES if limit is None else limit
        rows = [[_cell(item[key]) for key in known.columns] for item in islice(found, most)]
        more = next(found, None) is not None
    answer.lines(table([key.upper().replace("_", " ") for key in known.columns], rows))
    if more:
        answer.note(f"the first {plural(len(rows), 'line')}; --limit allows more")
    return ExitCode.OK


def get_record(option: Path | None, kind: str, which: str, workflow_id: int | None, *, as_json: bool) -> int:
    """``files get`` and the like: one of them, by its name or its id."""
    known = records.KINDS[kind]
    wanted = place.text(which)
    with opening.open_read_only(place.database(option)) as db:
        items = list(known.items(db, place.workflow(db, workflow_id)))
    # A name wins over an id that looks the same.
    named = [one for one in items if one.get("name") == wanted] or [one for one in items if str(one["id"]) == wanted]
    if not named:
        names = [str(one["name"]) for one in items if "name" in one]
        hint = did_you_mean(wanted, names) or f"{place.command(db.path)} {kind} list"
        raise InputError(f"there is no {known.noun} '{wanted}'", hint=hint)
    if as_json:
        answer.document(named[0])
    else:
        answer.lines(table(("", ""), [(key.replace("_", " "), _cell(value)) for key, value in named[0].items()])[1:])
    return ExitCode.OK


def is_complete(option: Path | None, word: str | None, *, as_json: bool) -> int:
    """``workflows is-complete``, with Torc's words."""
    with open_workflow(option, word) as (db, workflow):
        counts = workflows.counts(db, workflow.id)
    canceled = bool(workflow.is_canceled)
    complete = canceled or not unfinished_jobs(counts)
    if as_json:
        answer.document({"is_canceled": canceled, "is_complete": complete, "needs_to_run_completion_script": False})
    else:
        answer.lines([f"Is Complete: {str(complete).lower()}", f"Is Canceled: {str(canceled).lower()}"])
    return ExitCode.OK


def _cell(value: Any) -> str:  # noqa: ANN401 - whatever is in an item
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value)
