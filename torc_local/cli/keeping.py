"""``delete``, ``archive`` and ``unarchive``."""

from contextlib import suppress
from pathlib import Path

from torc_local.cli import answer, asking, place, writing
from torc_local.engine import keeping
from torc_local.ground import clock
from torc_local.ground.errors import ExitCode, InputError
from torc_local.ground.states import JobStatus
from torc_local.process.recovery import recover_dead
from torc_local.report.text import plural, printable
from torc_local.store import actions, workflows
from torc_local.store.database import Database
from torc_local.store.workflows import WorkflowRow

_SUFFIXES = (".out", ".err")


def delete(option: Path | None, words: list[str], *, yes: bool, dry_run: bool, as_json: bool) -> int:
    """Delete workflows, with the output of their jobs and actions."""
    with writing.open_existing(place.database(option)) as db:
        chosen = _chosen(db, words)
        lost = [_what(db, workflow) for workflow in chosen]
        if dry_run:
            answer.lines(f"would delete {one}" for one in lost)
            return ExitCode.OK
        if not asking.agree(f"this deletes {', '.join(lost)}", yes=yes):
            answer.note("nothing was changed")
            return ExitCode.OK
        for workflow in chosen:
            recover_dead(db, workflow.id)
            files = actions.logs(db, workflow.id)
            files += [path + suffix for path in keeping.delete(db, workflow.id) for suffix in _SUFFIXES]
            for file in files:
                with suppress(OSError):  # it may be gone, or not ours; nothing refers to it
                    (db.path.parent / file).unlink()
            if not as_json:
                answer.note(f"deleted workflow {workflow.id} ({printable(workflow.name)})")
    if as_json:
        answer.document({"deleted": [workflow.id for workflow in chosen]})
    return ExitCode.OK


def archive(option: Path | None, words: list[str], *, archived: bool, as_json: bool) -> int:
    """Put workflows aside, or bring them back."""
    if words and words[0] in ("true", "false"):  # Torc: workflows archive true ID
        archived = words[0] == "true"
        words = words[1:]
    with writing.open_existing(place.database(option)) as db:
        chosen = _chosen(db, words)
        for workflow in chosen:
            recover_dead(db, workflow.id)
            changed = keeping.archive(db, workflow.id, archived=archived, at=clock.now())
            if not as_json:
                now = "archived" if archived else "not archived"
                answer.note(f"workflow {workflow.id} {'is' if changed else 'was'} {now}{'' if changed else ' already'}")
    if as_json:
        answer.document({"workflow_ids": [workflow.id for workflow in chosen], "is_archived": archived})
    return ExitCode.OK


def _chosen(db: Database, words: list[str]) -> list[WorkflowRow]:
    """The workflows with these ids; one has to be named, even if there is only one."""
    if not words:
        raise InputError("which workflow?", hint=f"{place.command(db.path)} list --all shows their ids")
    return [place.workflow(db, _id(word)) for word in dict.fromkeys(words)]


def _id(word: str) -> int:
    found = place.target(word)
    if found.workflow_id is None:
        raise InputError(f"'{printable(word)}' is not the id of a workflow", hint="torc-local list --all shows them")
    return found.workflow_id


def _what(db: Database, workflow: WorkflowRow) -> str:
    counts = workflows.counts(db, workflow.id)
    jobs = plural(sum(counts.values()), "job")
    results = plural(counts.get(JobStatus.COMPLETED, 0), "completed one")
    return f"workflow {workflow.id} ({printable(workflow.name)}) with {jobs}, {results} among them"
