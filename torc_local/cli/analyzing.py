"""``logs --analyze``: what is known about lines that jobs wrote."""

from pathlib import Path
from typing import NamedTuple

from torc_local.cli import answer, place, selecting
from torc_local.cli.selecting import Asked
from torc_local.ground.errors import ExitCode
from torc_local.report import analyzing
from torc_local.report.text import printable
from torc_local.store import opening, outputs
from torc_local.store import selecting as names

#: Torc's ``logs analyze`` and ``logs bundle``: words that may as well be names of jobs.
VERBS = ("analyze", "bundle")


class Verb(NamedTuple):
    """One of Torc's words, and what it is to be done with."""

    word: str
    target: str | None


def torcs_verb(option: Path | None, workflow_id: int | None, words: list[str]) -> Verb | None:
    """Torc's ``logs analyze|bundle [TARGET]``; None when it is another word, or a lone name of a job."""
    if not words or words[0] not in VERBS:
        return None
    target = words[1] if len(words) > 1 else None if workflow_id is None else str(workflow_id)
    if len(words) == 1:
        with opening.open_read_only(place.database(option)) as db:
            if names.by_name(db, place.workflow(db, workflow_id).id, words[0]):
                return None
    elif len(words) > 2 or not place.names_workflow(words[1]):  # noqa: PLR2004 - the verb and a workflow
        return None  # names of several jobs
    return Verb(words[0], target)


def analyze(option: Path | None, workflow_id: int | None, asked: Asked, target: str | None, *, as_json: bool) -> int:
    """Look at what jobs wrote, all of them or those chosen; ``target`` names the workflow in Torc's way."""
    named = place.existing(target, option)
    with opening.open_read_only(place.database(named.database)) as db:
        workflow = place.workflow(db, workflow_id if target is None else named.workflow_id)
        chosen = set(selecting.choose(db, workflow.id, asked)) if asked.anything else None
        # Read to the end first: a statement that is half-read would keep the log from being cut for as long.
        attempts = outputs.everything(db, workflow.id)
        found = analyzing.analyze(attempts, db.path.parent, chosen)
    if as_json:
        answer.document({"workflow_id": workflow.id, **analyzing.document(found)})
    else:
        answer.lines(analyzing.screen(found))
        for path in found.gone:
            answer.note(f"not there any more: {printable(path)}")
    return ExitCode.OK
