"""Checking, storing and canceling workflows."""

import fcntl
import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from torc_local.cli import answer, place, problems, restarting, selecting, writing
from torc_local.cli.selecting import Asked
from torc_local.engine import admit
from torc_local.engine.cancel import Canceled, cancel, cancel_jobs
from torc_local.ground import clock
from torc_local.ground.errors import ExitCode, InputError, SpecError
from torc_local.ground.states import unfinished_jobs
from torc_local.process.recovery import recover_dead
from torc_local.report.text import plural, printable
from torc_local.spec.load import load
from torc_local.spec.model import Spec
from torc_local.store import runners, workflows
from torc_local.store.database import Database
from torc_local.store.workflows import WorkflowRow


class Loaded(NamedTuple):
    """A checked workflow file and where it comes from."""

    spec: Spec
    origin: admit.Origin


def read_file(word: str) -> Loaded:
    """Read and check a workflow file; its warnings go to standard error. Raises SpecError."""
    began = clock.monotonic()
    spec = load(word)
    if spec.warnings:
        answer.note("\n".join(problems.problem_lines(spec.warnings, "warning")))
    path = None if word == "-" else place.text(str(Path(word).resolve()))
    origin = admit.Origin(user=user(), spec_path=path, began=began, directory=place.text(str(Path.cwd())))
    return Loaded(spec, origin)


def user() -> str:
    """Who we are, in letters when they are known."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def create_workflow(option: Path | None, output_dir: Path | None, word: str, *, as_json: bool) -> int:
    """``create``."""
    loaded = read_file(word)
    with writing.open_or_create(place.database(option, output_dir=output_dir)) as db:
        workflow_id = admit.admit(db, loaded.spec, loaded.origin)
        if as_json:
            answer.document({"workflow_id": workflow_id})
        else:
            answer.lines([str(workflow_id)])
            count = plural(len(loaded.spec.jobs), "job")
            answer.note(
                f"created workflow {workflow_id} with {count}; run it:  {place.command(db.path)} run {workflow_id}"
            )
    return ExitCode.OK


def find_or_create(db: Database, loaded: Loaded, *, fresh: bool) -> int:
    """The id of the newest workflow made from this content, or of a new one when there is none."""
    with _one_at_a_time(db.path):
        same = [row for row in workflows.list_all(db) if _is_same(row, loaded)]
        kept = [row for row in same if not row.is_archived]
        if kept and not fresh:
            return kept[-1].id
        earlier = None if fresh else earlier_of(db, loaded)
        if earlier is None:
            # One that a person has archived is found, and refused with the way to bring it back.
            if same and not fresh:
                return same[-1].id
            return admit.admit(db, loaded.spec, loaded.origin, found=None if fresh else lambda: _made(db, loaded))
        difference = admit.compare(db, loaded.spec, loaded.origin, earlier.id)
        workflow_id = admit.admit(
            db, loaded.spec, loaded.origin, earlier_id=earlier.id, found=lambda: _made(db, loaded)
        )
    answer.note("\n".join(restarting.difference_lines(_file(loaded), workflow_id, earlier.id, difference)))
    return workflow_id


def _made(db: Database, loaded: Loaded) -> int | None:
    """The workflow of this content that somebody on another machine has made meanwhile."""
    same = _kept(db, loaded)
    return same[-1].id if same else None


def _kept(db: Database, loaded: Loaded) -> list[WorkflowRow]:
    """The workflows of this content that are not archived."""
    return [row for row in workflows.list_all(db) if _is_same(row, loaded) and not row.is_archived]


def refresh_file(option: Path | None, word: str, *, dry_run: bool, as_json: bool) -> int:
    """``refresh FILE``: what has changed since its workflow was made; a changed file makes a workflow that goes on."""
    loaded = read_file(word)
    with writing.open_existing(place.database(option)) as db:
        same = _kept(db, loaded)
        if not same:
            earlier = earlier_of(db, loaded)
            if earlier is None:
                raise InputError(
                    f"no workflow in {db.path} was made from {printable(word)}",
                    hint=f"torc-local run {printable(word)}",
                )
            found = admit.compare(db, loaded.spec, loaded.origin, earlier.id)
            made = None if dry_run else admit.admit(db, loaded.spec, loaded.origin, earlier_id=earlier.id)
            if as_json:
                answer.document(restarting.difference_document(made, earlier.id, found))
            else:
                answer.lines(restarting.difference_lines(_file(loaded), made, earlier.id, found))
            return ExitCode.OK
    return restarting.refresh(restarting.Order(option, same[-1].id, dry_run, as_json))


def earlier_of(db: Database, loaded: Loaded) -> WorkflowRow | None:
    """The newest workflow that was made from an earlier state of this file. Raises InputError while it is being run."""
    path = loaded.origin.spec_path
    older = [row for row in workflows.list_all(db) if path is not None and row.spec_path == path]
    older = [row for row in older if not row.is_archived]
    if not older:
        return None
    recover_dead(db, older[-1].id)
    if runners.alive(db, older[-1].id):
        raise InputError(
            f"{printable(_file(loaded))} has changed since workflow {older[-1].id} was made from it, "
            "and a run works on that now",
            hint=f"join it: torc-local run {older[-1].id}; or end it first; or make a workflow beside it with --fresh",
        )
    return older[-1]


def _file(loaded: Loaded) -> str:
    return Path(loaded.origin.spec_path or "").name


def _is_same(row: WorkflowRow, loaded: Loaded) -> bool:
    same_place = loaded.origin.spec_path is not None and row.spec_path == loaded.origin.spec_path
    return row.spec_digest == loaded.spec.digest and (same_place or row.name == loaded.spec.name)


@contextmanager
def _one_at_a_time(database: Path) -> Iterator[None]:
    """Let several `run` of one file, started at once, find the workflow that the first of them makes.

    A lock on the directory leaves no file behind. It is one machine's: those of another are found by who comes second
    to store the workflow.
    """
    fd = None
    with suppress(OSError):
        fd = os.open(database.resolve().parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if fd is not None:
            os.close(fd)


def check_file(word: str, *, as_json: bool) -> int:
    """``check``: exit code 0 or 2."""
    try:
        spec = load(word)
    except SpecError as error:
        if not as_json:
            raise
        answer.document(
            {"valid": False, "errors": problems.problem_documents(error.problems), "warnings": [], "summary": None}
        )
        return ExitCode.BAD_INPUT
    if as_json:
        answer.document(
            {
                "valid": True,
                "errors": [],
                "warnings": problems.problem_documents(spec.warnings),
                "summary": {
                    "workflow_name": spec.name,
                    "workflow_description": spec.description,
                    "job_count": len(spec.jobs),
                    "job_count_before_expansion": spec.job_count_before_expansion,
                    "dependency_count": spec.dependency_count,
                    "file_count": spec.file_count,
                    "file_count_before_expansion": spec.file_count_before_expansion,
                    "user_data_count": spec.user_data_count,
                    "resource_requirements_count": len(spec.resources) - 1,  # without the implicit ones
                    "slurm_scheduler_count": len(spec.schedulers),
                    "action_count": len(spec.actions),
                    "has_schedule_nodes_action": any(action.nodes is not None for action in spec.actions),
                    "job_names": [job.name for job in spec.jobs],
                    "scheduler_names": list(spec.schedulers),
                },
            }
        )
        return ExitCode.OK
    if spec.warnings:
        answer.note("\n".join(problems.problem_lines(spec.warnings, "warning")))
    answer.lines([f"{printable(word)} is valid: {_summary(spec)}"])
    return ExitCode.OK


def _summary(spec: Spec) -> str:
    jobs = plural(len(spec.jobs), "job")
    if spec.job_count_before_expansion != len(spec.jobs):
        jobs += f" ({spec.job_count_before_expansion:,} before expansion)"
    edges = f"{spec.dependency_count:,} {'dependency' if spec.dependency_count == 1 else 'dependencies'}"
    return f"workflow '{printable(spec.name)}', {jobs}, {edges}"


def cancel_some(option: Path | None, workflow_id: int | None, asked: Asked, *, dry_run: bool, as_json: bool) -> int:
    """``cancel``: a workflow when a lone number or database is named, or nothing; jobs otherwise."""
    word = asked.words[0] if len(asked.words) == 1 else None
    if not asked.anything:
        return _cancel_workflow(option, workflow_id, dry_run=dry_run, as_json=as_json)
    if word is not None and workflow_id is None and asked == Asked((word,)) and place.names_workflow(word):
        target = place.existing(word, option)
        return _cancel_workflow(target.database, target.workflow_id, dry_run=dry_run, as_json=as_json)
    with writing.open_existing(place.database(option)) as db:
        workflow = place.workflow(db, workflow_id)
        chosen = selecting.choose(db, workflow.id, asked)
        if dry_run:
            answer.lines([f"would cancel {plural(len(chosen), 'job')} of workflow {workflow.id}, as far as not ended"])
            return ExitCode.OK
        done = cancel_jobs(db, workflow.id, chosen, at=clock.now(), who=user())
    _say_canceled(workflow.id, done, as_json=as_json)
    return ExitCode.OK


def cancel_these(path: Path, workflow_id: int, job_ids: list[int]) -> list[str]:
    """``cancel`` for jobs that were chosen by a person on a screen; what came of it."""
    with writing.open_existing(path) as db:
        return [canceled_line(workflow_id, cancel_jobs(db, workflow_id, job_ids, at=clock.now(), who=user()))]


def _say_canceled(workflow_id: int, done: Canceled, *, as_json: bool) -> None:
    if as_json:
        counts = {"canceled": done.now, "being_ended": done.told, "ended_before": done.over}
        answer.document({"workflow_id": workflow_id, **counts})
    else:
        answer.lines([canceled_line(workflow_id, done)])


def canceled_line(workflow_id: int, done: Canceled) -> str:
    """What became of jobs, in a line."""
    parts = [f"{plural(done.now, 'job')} canceled"]
    if done.told:
        parts.append(f"{plural(done.told, 'job')} held by runners that will end {'it' if done.told == 1 else 'them'}")
    if done.over:
        parts.append(f"{done.over:,} had ended before")
    return f"workflow {workflow_id}: {', '.join(parts)}"


def _cancel_workflow(option: Path | None, workflow_id: int | None, *, dry_run: bool, as_json: bool) -> int:
    with writing.open_existing(place.database(option)) as db:
        workflow = place.workflow(db, workflow_id)
        if dry_run:
            answer.lines([f"would cancel workflow {workflow.id}"])
            return ExitCode.OK
        over, changed, line = cancel_whole(db, workflow.id)
    if as_json:
        answer.document({"workflow_id": workflow.id, "is_canceled": not over, "changed": changed})
    else:
        answer.note(line)
    return ExitCode.OK


def cancel_whole(db: Database, workflow_id: int) -> tuple[bool, bool, str]:
    """Cancel a workflow: whether it was over before, whether that changed anything, and both in words."""
    over = not unfinished_jobs(workflows.counts(db, workflow_id))
    changed = not over and cancel(db, workflow_id, at=clock.now(), who=user())
    if over:
        return over, changed, f"workflow {workflow_id} has ended already; there is nothing to cancel"
    again = f"go on with it:  {place.command(db.path)} run {workflow_id}"
    return over, changed, f"workflow {workflow_id} {'is' if changed else 'was already'} canceled; {again}"
