"""``add`` and Torc's ``jobs create-from-file``: jobs for a workflow that is there already."""

import sys
import time
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any, NamedTuple

from torc_local.cli import answer, place, problems, writing
from torc_local.engine.adding import Added, Catalogue, Changed, add, catalogue
from torc_local.ground import clock
from torc_local.ground.errors import ExitCode, InputError
from torc_local.ground.states import JobStatus
from torc_local.report.text import plural, printable
from torc_local.spec.addition import check_addition
from torc_local.spec.fragment import Fragment, commands, read_fragment
from torc_local.spec.model import Spec
from torc_local.spec.source import read_bytes
from torc_local.store import runners
from torc_local.store.database import Database

_TRIES = 50
_MINUTE = 60.0  # Torc's run time for commands of a file


class Request(NamedTuple):
    """What is to be added to what."""

    words: tuple[str, ...]  # a TARGET, and a file with jobs, in any order; both may be missing
    commands: Path | None
    cpus: int | None
    memory: str | None
    runtime: str | None
    dry_run: bool
    as_json: bool


class _What(NamedTuple):
    """Where the jobs come from: each call makes a text that is not checked yet."""

    make: Callable[[Catalogue], Fragment]
    runtime_s: float | None = None  # of the last requirements, which did not say
    warns: bool = True  # a list of commands has nothing of its own to be warned of


def add_jobs(option: Path | None, request: Request) -> int:
    """``add``. Raises SpecError or InputError, having added nothing."""
    target, file = _sorted_words(request.words)
    if request.commands is not None:
        if file is not None:
            raise InputError(f"jobs come from {file} or from --commands, not from both")
        what = _of_commands(*read_bytes(request.commands), request)
    else:
        if (request.cpus, request.memory, request.runtime) != (None, None, None):
            raise InputError("--cpus, --memory and --runtime are for --commands", hint="jobs say what they ask for")
        if file is None and sys.stdin.isatty():
            raise InputError("there are no jobs to add", hint="name a file, or pipe jobs into standard input")
        fragment = read_fragment(*read_bytes(file or "-"))
        what = _What(lambda _: fragment.again())
    with writing.open_existing(place.database(option, target.database)) as db:
        return _add(db, place.workflow(db, target.workflow_id).id, what, request)


def create_from_file(option: Path | None, workflow_id: int, file: Path, request: Request) -> int:
    """``jobs create-from-file`` (Torc)."""
    if not file.exists():
        raise InputError(f"File does not exist: {printable(str(file))}")
    what = _of_commands(*read_bytes(file), request)
    with writing.open_existing(place.database(option)) as db:
        return _add(db, place.workflow(db, workflow_id).id, what, request)


def _sorted_words(words: tuple[str, ...]) -> tuple[place.Target, str | None]:
    """The workflow or database that is named, and the file with jobs."""
    target, file = None, None
    for word in words:
        found = place.target(word)
        if found.spec is not None and file is None:
            file = found.spec
        elif found.spec is None and target is None:
            target = found
        else:
            raise InputError(f"what is '{word}' for?", hint="name one file with jobs, and one workflow or database")
    return target or place.Target(), file


def _of_commands(data: bytes, file: str, request: Request) -> _What:
    lines = commands(data, file)
    asked: dict[str, Any] = {"num_cpus": request.cpus, "memory": request.memory, "runtime": request.runtime}
    said = {key: value for key, value in asked.items() if value is not None}

    def make(there: Catalogue) -> Fragment:
        names = _names(len(there.known.jobs), len(lines), frozenset(there.known.jobs))
        jobs: list[dict[str, Any]] = [{"name": name, "command": line} for name, line in zip(names, lines, strict=True)]
        tree: dict[str, Any] = {"jobs": jobs}
        if said:
            known = {one.name for one in there.known.resources}
            stamp = int(time.time())
            while (name := f"batch_jobs_req_{stamp}") in known:
                stamp += 1
            tree["resource_requirements"] = [{"name": name, **said}]
            for job in jobs:
                job["resource_requirements"] = name
        return Fragment.of_tree(tree, file)

    return _What(make, _MINUTE if said and request.runtime is None else None, warns=False)


def _names(existing: int, count: int, taken: Container[str]) -> list[str]:
    """Torc's names for commands without one: ``job``, how many there are, and ``_k`` when that is taken."""
    found = []
    for number in range(existing + 1, existing + count + 1):
        name, k = f"job{number}", 0
        while name in taken:
            k += 1
            name = f"job{number}_{k}"
        found.append(name)
    return found


def _add(db: Database, workflow_id: int, what: _What, request: Request) -> int:
    for _ in range(_TRIES):
        there = catalogue(db, workflow_id)
        fragment = what.make(there)
        spec = check_addition(fragment.tree, fragment.problems, there.known)
        if spec is None:
            raise fragment.error()
        if what.runtime_s is not None:
            last = spec.resources[-1]._replace(runtime_s=what.runtime_s)
            spec = spec._replace(resources=(*spec.resources[:-1], last))
        try:
            added = add(db, there, spec, at=clock.now(), keep=not request.dry_run)
        except Changed:
            continue
        if what.warns and (warnings := fragment.warnings()):
            answer.note("\n".join(problems.problem_lines(warnings, "warning")))
        _tell(db, workflow_id, spec, added, request)
        return ExitCode.OK
    raise InputError("others change the workflow all the time", hint="try again")


def _tell(db: Database, workflow_id: int, spec: Spec, added: Added, request: Request) -> None:
    if request.as_json:
        answer.document(
            {
                "workflow_id": workflow_id,
                "dry_run": request.dry_run,
                "job_ids": [] if request.dry_run else list(added.ids),
                "job_names": [job.name for job in spec.jobs],
                "jobs_by_status": dict(added.counts),
                "dependency_count": spec.dependency_count,
            }
        )
        return
    if request.dry_run:
        answer.lines(printable(job.name) for job in spec.jobs)
    else:
        answer.lines(f"{job_id} {printable(job.name)}" for job_id, job in zip(added.ids, spec.jobs, strict=True))
    count = plural(len(spec.jobs), "job")
    states = ", ".join(f"{added.counts[status]:,} {status}" for status in JobStatus if added.counts.get(status))
    states = f" ({states})" if states else ""
    if request.dry_run:
        answer.note(f"would add {count} to workflow {workflow_id}{states}; nothing was changed")
    elif not spec.jobs:
        answer.note(f"there were no jobs to add to workflow {workflow_id}")
    elif runners.alive(db, workflow_id):
        answer.note(f"added {count} to workflow {workflow_id}{states}; the run that is at work takes them")
    else:
        command = f"{place.command(db.path)} run {workflow_id}"
        answer.note(f"added {count} to workflow {workflow_id}{states}; run them:  {command}")
