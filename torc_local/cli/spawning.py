"""``spawn``: a running job adds others that wait for it. Called inside jobs, so it loads little."""
# ruff: noqa: PLC0415

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from torc_local.cli import inside
from torc_local.ground.errors import ExitCode, InputError

if TYPE_CHECKING:
    from torc_local.engine.adding import Catalogue
    from torc_local.engine.spawning import Caller, Spawned
    from torc_local.spec.fragment import Fragment
    from torc_local.spec.model import Spec
    from torc_local.store.database import Database

_TRIES = 50
#: Keys of a job for which it takes more than looking up the names of some jobs.
_USES_OF_ALL = frozenset(
    {"depends_on_regexes", "parameters", "use_parameters"}
    | {f"{way}_{what}" for way in ("input", "output") for what in ("files", "user_data")}
    | {f"{way}_{what}_regexes" for way in ("input", "output") for what in ("file", "user_data")}
)


class Job(NamedTuple):
    """The job that we are in, as its environment says."""

    path: Path
    workflow_id: int
    caller: "Caller"


def call(words: Sequence[str]) -> int | None:
    """Run ``spawn [FILE|-] [--state JSON] [--lineage NAME] [-f json]``; None: it is said in another way."""
    file: str | None = None
    options: dict[str, str | None] = {"--state": None, "--lineage": None, "-f": None}
    rest = list(words[1:])
    while rest:
        word = rest.pop(0)
        if word in options and rest and options[word] is None:
            options[word] = rest.pop(0)
        elif file is None and (word == "-" or not word.startswith("-")):
            file = word
        else:
            return None
    if options["-f"] not in (None, "json", "table"):
        return None
    return spawn_file(file, options["--state"], options["--lineage"], as_json=options["-f"] == "json")


def spawn_file(file: str | None, state: str | None, lineage: str | None, *, as_json: bool) -> int:
    """``spawn``: read the jobs of a file, or of standard input, and print their ids and names."""
    from torc_local.spec.fragment import read_fragment
    from torc_local.spec.source import read_bytes

    job = this_job()
    fragment = read_fragment(*read_bytes(file or "-"), may_be_empty=True)
    tree = fragment.tree if isinstance(fragment.tree, dict) else {}
    said: Any = _json(state) if state is not None else tree.pop("state", None)
    inside_tree = tree.pop("lineage", None)
    if inside_tree is not None and not isinstance(inside_tree, str):
        raise InputError("'lineage' must be text")
    done = spawn(job, fragment, said, lineage or inside_tree)
    if as_json:
        from torc_local.cli import answer

        answer.document(
            {
                "workflow_id": job.workflow_id,
                "lineage": done.lineage,
                "iteration": done.generation,
                "spawned_job_ids": done.job_ids,
                "job_names": done.names,
                "is_new": done.is_new,
            }
        )
        return ExitCode.OK
    for job_id, name in zip(done.job_ids, done.names, strict=True):
        sys.stdout.write(f"{job_id} {name}\n")
    return ExitCode.OK


def show_generation(lineage: str | None) -> int:
    """``spawn --generation``: the generation that this job belongs to."""
    sys.stdout.write(f"{generation_of(this_job(), lineage)}\n")
    return ExitCode.OK


def _json(text: str) -> Any:  # noqa: ANN401 - whatever JSON can hold
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the state is not JSON: {error}", hint="""such as --state '{"best": 1.5}'""") from None


def this_job() -> Job:
    """The job that we run in. Raises InputError outside of jobs."""
    from torc_local.engine.spawning import Caller

    path = os.environ.get("TORC_LOCAL_DB")
    numbers = [inside.number(name) for name in ("TORC_WORKFLOW_ID", "TORC_JOB_ID", "TORC_ATTEMPT_ID")]
    workflow_id, job_id, attempt_id = numbers
    if path is None or workflow_id is None or job_id is None or attempt_id is None:
        raise InputError(
            "only a job that runs spawns others, and this is none (its environment says nothing of a job)",
            hint="torc-local add adds jobs from outside",
        )
    held_by = os.environ.get("TORC_LOCAL_RUNNER", "").rpartition(".")[2]
    runner_id = int(held_by) if held_by.isascii() and held_by.isdigit() else None
    return Job(Path(path), workflow_id, Caller(job_id, attempt_id, inside.number("TORC_RUN_ID"), runner_id))


def _open(job: Job) -> "Database":
    from torc_local.store import opening

    return opening.open_existing(job.path)


def lineage_of(db: "Database", job: Job, lineage: str | None) -> str:
    """The lineage: as named, as the job was told, or the job's own name."""
    from torc_local.engine import spawning

    found = lineage or os.environ.get(spawning.VARIABLE)
    found = found or spawning.caller_name(db, job.workflow_id, job.caller.job_id)
    spawning.check_lineage(found)
    return found


def generation_of(job: Job, lineage: str | None) -> int:
    """The generation that a job belongs to in its lineage: 0 for the first one."""
    from torc_local.engine import spawning

    with _open(job) as db:
        return spawning.generation_of(db, job.workflow_id, lineage_of(db, job, lineage), job.caller.job_id)


def state_of(job: Job, lineage: str | None) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """What was kept with the generation that a job belongs to; None for the first."""
    from torc_local.engine import spawning

    with _open(job) as db:
        data = spawning.record(db, job.workflow_id, lineage_of(db, job, lineage), job.caller.job_id)
    return None if data is None else json.loads(data)["state"]


def spawn(job: Job, fragment: "Fragment", state: object, lineage: str | None) -> "Spawned":
    """Check the jobs and add them. Raises SpecError, InputError or StateError, having added nothing."""
    from torc_local.engine import spawning
    from torc_local.engine.adding import Changed
    from torc_local.ground import clock

    with _open(job) as db:
        named = lineage_of(db, job, lineage)
        caller = spawning.caller_name(db, job.workflow_id, job.caller.job_id)
        for _ in range(_TRIES):
            there, spec = _check(db, job.workflow_id, fragment, caller)
            spec = spawning.with_lineage(spec, there.known.jobs.index(caller), named)
            try:
                return spawning.spawn(db, there, spec, job.caller, named, state, at=clock.now())
            except Changed:
                fragment = fragment.again()
    raise InputError("others change the workflow all the time", hint="try again")


def _check(db: "Database", workflow_id: int, fragment: "Fragment", caller: str) -> "tuple[Catalogue, Spec]":
    """The checked jobs, and what of the workflow was needed for that."""
    from torc_local.engine.adding import catalogue
    from torc_local.spec.addition import check_addition

    own, others = _names(fragment.tree)
    if others is not None:
        there = catalogue(db, workflow_id, {caller, *(others - own)}, own - {caller})
        spec = check_addition(fragment.tree, fragment.problems, there.known)
        if spec is not None:
            return there, spec
        fragment = fragment.again()  # with all names, so that messages can say which was meant
    there = catalogue(db, workflow_id, None, own - {caller})
    spec = check_addition(fragment.tree, fragment.problems, there.known)
    if spec is None:
        raise fragment.error()
    return there, spec


def _names(tree: object) -> tuple[frozenset[str], set[str] | None]:
    """The names of the jobs, and what they depend on; None when that takes more than looking up names."""
    jobs = tree.get("jobs") if isinstance(tree, dict) else None
    if not isinstance(jobs, list) or len(tree) > 1:  # type: ignore[arg-type]  # it is a mapping here
        jobs, whole = jobs if isinstance(jobs, list) else [], True
    else:
        whole = False
    own: set[str] = set()
    others: set[str] = set()
    for job in jobs:
        if not isinstance(job, dict):
            return frozenset(own), None
        if isinstance(name := job.get("name"), str):
            own.add(name)
        before = job.get("depends_on")
        if isinstance(before, list):
            others.update(one for one in before if isinstance(one, str))
        command = job.get("command")
        whole = whole or not _USES_OF_ALL.isdisjoint(job) or (isinstance(command, str) and "${" in command)
    return frozenset(own), None if whole else others
