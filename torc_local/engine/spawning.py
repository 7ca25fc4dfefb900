"""A running job adds others, which wait for it: the next generation of its lineage (Torc's spawn_jobs).

A lineage is one chain of generations. Its history is user data: a record for each generation that spawned, whose
highest number is the counter, and one that says that it has converged. The jobs know their lineage from a variable of
their environment; a caller without one is the first of a lineage of its own name.

Exactly once: the jobs, their dependency on the caller and the record of the generation are one transaction, fenced by
the caller's attempt, runner and run. A caller that comes again (killed, retried, or only repeating itself) names jobs
that are there, and gets their ids. So its names must follow from its lineage and generation, not from chance: a mixture
of old and new names is an error, since nobody knows which of two plans it belongs to.
"""

from collections.abc import Sequence
from typing import NamedTuple

from torc_local.engine.adding import Catalogue, Changed, insert
from torc_local.engine.stored import in_use
from torc_local.ground import io
from torc_local.ground.errors import InputError, StateError
from torc_local.ground.states import CLAIMED
from torc_local.ground.units import show_memory
from torc_local.spec import settings
from torc_local.spec.model import Resources, Spec
from torc_local.store import adding, events, user_data
from torc_local.store.adding import Node
from torc_local.store.database import Database

#: Tells a job its lineage.
VARIABLE = "TORC_ORCHESTRATOR_LINEAGE_ID"

_LONGEST_LINEAGE = 200  # characters: the names of its records must be names


class Caller(NamedTuple):
    """The job that spawns: which attempt in which run, held by which runner (None: it does not say)."""

    job_id: int
    attempt_id: int
    run_id: int | None
    runner_id: int | None


class Spawned(NamedTuple):
    """The jobs in the order in which they were named, and the lineage's counter afterwards."""

    job_ids: list[int]
    names: list[str]
    lineage: str
    generation: int
    is_new: bool  # they were added now; otherwise they were there


def prefix(lineage: str) -> str:
    """What the names of a lineage's records begin with; the number of the generation follows, in six digits."""
    return f"__torc_lineage__{lineage}__g"


def final_name(lineage: str) -> str:
    """The name of the record that a lineage has converged."""
    return f"__torc_lineage__{lineage}__final"


def generation(db: Database, workflow_id: int, lineage: str) -> int:
    """How often a lineage has spawned."""
    newest = adding.newest_record(db, workflow_id, prefix(lineage))
    return 0 if newest is None else int(newest[-6:])


def generation_of(db: Database, workflow_id: int, lineage: str, job_id: int) -> int:
    """The generation that a job belongs to: the counter before it spawned first, whatever attempt asks."""
    own = adding.first_record_of(db, workflow_id, prefix(lineage), job_id)
    return generation(db, workflow_id, lineage) if own is None else int(own[-6:]) - 1


def record(db: Database, workflow_id: int, lineage: str, job_id: int) -> str | None:
    """The record of the generation that a job belongs to, as JSON; None for the first."""
    number = generation_of(db, workflow_id, lineage, job_id)
    found = user_data.get(db, workflow_id, f"{prefix(lineage)}{number:06}") if number else None
    return None if found is None else found.data


def caller_name(db: Database, workflow_id: int, job_id: int) -> str:
    """The name of the job that spawns. Raises InputError when there is none in this workflow."""
    found = adding.caller(db, job_id)
    if found is None or found.workflow_id != workflow_id:
        raise InputError(f"workflow {workflow_id} has no job {job_id}", hint="spawn is called by a job that runs")
    return found.name


def with_lineage(spec: Spec, caller: int, lineage: str) -> Spec:
    """``spec``, whose jobs also wait for the job of index ``caller`` and know their lineage."""
    first = len(spec.sets)
    sets = (*spec.sets, (caller,))
    jobs = tuple(job._replace(waits_for=(*job.waits_for, first), options=job.options + 1) for job in spec.jobs)
    named = [option._replace(env=_with(option.env, lineage)) for option in spec.options]
    # Index 0 means none at all, and these all have the variable.
    named_it = [caller in members for members in spec.sets]
    by_itself = sum(not any(named_it[index] for index in job.waits_for) for job in spec.jobs)
    return spec._replace(
        jobs=jobs,
        sets=sets,
        options=(spec.options[0], *named),
        dependency_count=spec.dependency_count + by_itself,
    )


def _with(env: tuple[tuple[str, str], ...], lineage: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({**dict(env), VARIABLE: lineage}.items()))


def check_lineage(lineage: str) -> None:
    """Raise InputError when it cannot be part of a name."""
    if not lineage.strip() or len(lineage) > _LONGEST_LINEAGE or not lineage.isprintable():
        raise InputError(
            f"a lineage is text of 1 to {_LONGEST_LINEAGE} printable characters, not {lineage[:80]!a}",
            hint=f"it is taken from --lineage, ${VARIABLE}, or the name of the job",
        )


def spawn(
    db: Database, there: Catalogue, spec: Spec, caller: Caller, lineage: str, state: object, *, at: float
) -> Spawned:
    """Add the next generation, or note that there is none any more when ``spec`` has no jobs.

    ``spec`` is as ``with_lineage`` makes it. ``state`` is kept with the generation.

    Process: the job ``caller``, while it runs. Raises StateError when it does not any more, InputError for names of
             which only some are there, for the end of max_iterations, and for jobs that no node can run; Changed
             when ``there`` is outdated.
    Crash:   one transaction.
    Cost:    as adding the jobs in any other way.
    """
    with db.write("spawn"):
        workflow = in_use(db, there.workflow_id)
        name = _fenced(db, there.workflow_id, caller, run_id=workflow.run_id, canceled=bool(workflow.is_canceled))
        if workflow.settings != there.settings:
            raise Changed
        names = [job.name for job in spec.jobs]
        number = generation(db, there.workflow_id, lineage)
        if not names:
            _converge(db, there.workflow_id, lineage, number, caller.job_id, state, at=at)
            message = f"lineage '{lineage}' has converged after {number:,} generations"
            events.record(db, workflow.id, at=at, kind="lineage_converged", job_id=caller.job_id, message=message)
            return Spawned([], [], lineage, number, is_new=True)
        if there_already := adding.jobs_named(db, there.workflow_id, names):
            ids = _replayed(db, caller.job_id, name, names, there_already)
            return Spawned(ids, names, lineage, number, is_new=False)
        most = settings.loads(workflow.settings).max_iterations
        if number >= most:
            raise InputError(
                f"lineage '{lineage}' has spawned {number:,} times, and no more are allowed",
                hint="dynamic_jobs.max_iterations in the workflow file sets the limit",
            )
        _refuse_too_large(spec, adding.nodes(db, there.workflow_id))
        added = insert(db, there, spec, origin="spawn")
        number += 1
        record = _record({"generation": number, "spawn_count": number, "state": state})
        record_name = f"{prefix(lineage)}{number:06}"
        adding.insert_record(db, there.workflow_id, record_name, record, job_id=caller.job_id, at=at)
        count = len(names)
        message = f"'{name}' spawned {count:,} {'job' if count == 1 else 'jobs'}: generation {number} of '{lineage}'"
        events.record(db, workflow.id, at=at, kind="jobs_spawned", job_id=caller.job_id, message=message)
    return Spawned(list(added.ids), names, lineage, number, is_new=True)


def _fenced(db: Database, workflow_id: int, caller: Caller, *, run_id: int, canceled: bool) -> str:
    """The caller's name, when it runs and this is it."""
    name = caller_name(db, workflow_id, caller.job_id)
    found = adding.caller(db, caller.job_id)
    if found is None or found.status not in CLAIMED or found.io & io.RECOVERY:
        raise StateError(f"job '{name}' is not running; only a job that runs spawns others")
    if (
        found.attempt_id != caller.attempt_id
        or caller.runner_id not in (None, found.runner_id)
        or caller.run_id not in (None, run_id)
    ):
        raise StateError(f"this attempt at job '{name}' was given up; it spawns nothing any more")
    if canceled:
        raise StateError(f"workflow {workflow_id} was canceled; its jobs spawn nothing any more")
    return name


def _replayed(db: Database, caller: int, name: str, names: Sequence[str], there: Sequence[adding.Named]) -> list[int]:
    """The ids of jobs that the caller has spawned before; an error when it has not spawned all of these."""
    ids = {job.name: job.id for job in there}
    own = {job.name for job in adding.spawned_by(db, caller, list(ids.values()))}
    other = next((one for one in names if one in ids and one not in own), None)
    if other is not None:
        raise InputError(
            f"the workflow has a job '{other}' already, and '{name}' has not spawned it",
            hint="let the names of jobs follow from the lineage and the generation",
        )
    new = next((one for one in names if one not in ids), None)
    if new is not None:
        raise InputError(
            f"'{name}' has spawned job '{there[0].name}' before, but not '{new}'",
            hint="an attempt that comes again must spawn the same names; nothing was added",
        )
    return [ids[one] for one in names]


def _converge(
    db: Database, workflow_id: int, lineage: str, number: int, job_id: int, state: object, *, at: float
) -> None:
    record = _record({"final": True, "generation": number, "spawn_count": number, "state": state})
    name = final_name(lineage)
    known = user_data.get(db, workflow_id, name)
    if known is None:
        adding.insert_record(db, workflow_id, name, record, job_id=job_id, at=at)
    else:
        user_data.put(db, known.id, record, job_id=job_id, at=at)


def _record(content: dict[str, object]) -> str:
    try:
        return io.compact(content)
    except ValueError as error:
        raise InputError(f"the state cannot be kept: {error}") from None


def _refuse_too_large(spec: Spec, nodes: Sequence[Node]) -> None:
    """Refuse jobs that none of the nodes can run that work on the workflow, as far as they count what jobs ask for."""
    checked: set[int] = set()
    for job in spec.jobs:
        if job.resources in checked:
            continue
        checked.add(job.resources)
        lacks = [_lack(spec.resources[job.resources], node) for node in nodes]
        if lacks and None not in lacks:
            raise InputError(
                f"job '{job.name}' can never run here: it asks for {lacks[0]}",
                hint="choose other resource_requirements; nothing was added",
            )


def _lack(asked: Resources, node: Node) -> str | None:
    """What a job asks for that a node does not have; None: it fits, or the node's runners do not count."""
    if node.held_cpus and asked.num_cpus > node.num_cpus:
        return f"{asked.num_cpus:,} cpus, and this node has {node.num_cpus:,}"
    if node.held_memory_bytes and asked.memory_bytes > node.memory_bytes:
        return f"{show_memory(asked.memory_bytes)} of memory, and this node has {show_memory(node.memory_bytes)}"
    if node.held_cpus and node.held_memory_bytes and asked.num_gpus > node.num_gpus:
        return f"{asked.num_gpus:,} gpus, and this node has {node.num_gpus:,}"
    return None
