"""Storing a new workflow: all of it in one transaction, or nothing.

The one translator between ``spec`` and ``store``. A dependency set that several jobs wait for becomes a gate, so that
25,000 jobs waiting for 25,000 others cost 50,001 rows and not 625,000,000.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from typing import NamedTuple

from torc_local.engine import taking_over
from torc_local.engine.admit_io import admit_io
from torc_local.engine.stored import stored
from torc_local.engine.taking_over import Comparison, Waits
from torc_local.ground import clock
from torc_local.ground.states import JobStatus, all_succeeded
from torc_local.spec import options, settings
from torc_local.spec.model import Job, Resources, Spec
from torc_local.spec.settings import Settings
from torc_local.store import actions, admission, events, workflows
from torc_local.store import taking_over as taken
from torc_local.store.database import Database

#: Torc's jobs_sort_method: what comes first among ready jobs of one priority. Largest first, as in Torc.
_SORT_KEYS: dict[str, Callable[[Resources], tuple[float, ...]]] = {
    "gpus_runtime_memory": lambda r: (-r.num_gpus, -r.runtime_s, -r.memory_bytes),
    "gpus_memory_runtime": lambda r: (-r.num_gpus, -r.memory_bytes, -r.runtime_s),
    "none": lambda _: (),
}


class Origin(NamedTuple):
    """Where a workflow comes from."""

    user: str  # who admits it
    spec_path: str | None  # from which file
    began: float  # when work on it began (monotonic)
    directory: str | None = None  # where that was


def compare(db: Database, spec: Spec, origin: Origin, earlier_id: int) -> Comparison:
    """What a workflow made from ``spec`` would take over from an earlier one. Raises InputError when that is gone."""
    return _compare(db, spec, origin, Plan(spec), earlier_id)


def _compare(db: Database, spec: Spec, origin: Origin, plan: "Plan", earlier_id: int) -> Comparison:
    earlier = stored(db, earlier_id)
    was, said = settings.loads(earlier.settings), _settings(spec, origin)
    same = (was.env, was.submission_directory) == (said.env, said.submission_directory)
    return taking_over.compare(db, spec, Waits(plan.waits, plan.gate_members), earlier_id, same_surroundings=same)


def admit(
    db: Database,
    spec: Spec,
    origin: Origin,
    *,
    earlier_id: int | None = None,
    found: Callable[[], int | None] | None = None,
) -> int:
    """Store a checked workflow and return its id; its jobs are ready or blocked at once.

    Unless ``found``, which is asked with the lock held, has the id of one that is to be taken instead.

    What a workflow ``earlier_id``, made from an earlier state of the file, has completed is taken over as completed,
    and that workflow is archived. Nobody may work on it.

    Process: anyone; two callers make two workflows, unless they look for each other's.
    Crash:   one transaction: the workflow is there with all its jobs, or not at all.
    Cost:    one insert per job, per gate and per edge; edges of shared sets count once per set.
    """
    plan = Plan(spec)
    if earlier_id is not None:
        taken.prepare(db)
    with db.write("admit"):
        if found is not None and (there := found()) is not None:
            return there
        at = clock.now()
        if earlier_id is not None:
            plan.done = _compare(db, spec, origin, plan, earlier_id).taken
        workflow_id = workflows.insert(
            db,
            name=spec.name,
            user=spec.user or origin.user,
            description=spec.description,
            sort_method=spec.sort_method,
            spec_path=origin.spec_path,
            spec_digest=spec.digest,
            dependency_count=spec.dependency_count,
            created_at=at,
            settings=settings.dumps(_settings(spec, origin)),
        )
        resources = insert_resources(db, workflow_id, spec.resources, spec.sort_method)
        said = admission.insert_options(db, [(workflow_id, options.dumps(one)) for one in spec.options[1:]])
        last_job, last_gate = admission.last_ids(db)
        first_job = last_job + 1
        admission.insert_jobs(db, plan.job_rows(workflow_id, first_job, resources, [None, *said]))
        admission.insert_gates(
            db, ((last_gate - 1 - i, workflow_id, len(m), plan.left(m)) for i, m in enumerate(plan.gate_members))
        )
        admission.insert_dependencies(db, plan.edges(first_job, last_gate - 1))
        admit_io(db, workflow_id, spec, first_job)
        _insert_actions(db, workflow_id, spec, first_job)
        workflows.insert_counts(db, workflow_id, plan.counts())
        events.record(db, workflow_id, at=at, kind="workflow_created", message=f"created with {len(spec.jobs):,} jobs")
        if earlier_id is not None:
            if plan.done:
                _take_over(
                    db,
                    workflow_id,
                    earlier_id,
                    [(first_job + i, old) for i, old in plan.done.items()],
                    at,
                    has_actions=bool(spec.actions),
                )
            else:
                taken.copy(db, workflow_id, earlier_id, 0, [])  # what a person has put
            workflows.set_archived(db, earlier_id, archived=True)
            message = f"archived: workflow {workflow_id} takes its place"
            events.record(db, earlier_id, at=at, kind="workflow_archived", message=message)
        workflows.note_creation(
            db,
            workflow_id,
            creation_s=clock.monotonic() - origin.began,
            creation_bytes=workflows.database_bytes(db),
        )
    return workflow_id


def _take_over(
    db: Database, workflow_id: int, earlier_id: int, pairs: list[tuple[int, int]], at: float, *, has_actions: bool
) -> None:
    """Give jobs that are completed already their records, under a run of their own."""
    earlier = workflows.newest_run(db, earlier_id)
    directory = None if earlier is None else earlier.directory
    run_id = workflows.start_run(db, workflow_id, at=at, directory=directory)
    taken.copy(db, workflow_id, earlier_id, run_id, pairs)
    if all_succeeded(workflows.counts(db, workflow_id)):
        if not has_actions:  # a run is open until they were executed
            workflows.end_run(db, workflow_id, run_id, at=at)
    else:
        workflows.await_next_run(db, workflow_id, at=at)
    message = f"took over {len(pairs):,} completed jobs of workflow {earlier_id}"
    events.record(db, workflow_id, at=at, kind="jobs_taken_over", message=message)


def _settings(spec: Spec, origin: Origin) -> Settings:
    directory = spec.settings.submission_directory or origin.directory
    return spec.settings._replace(submission_directory=directory)


def _insert_actions(db: Database, workflow_id: int, spec: Spec, first_job: int) -> None:
    for number, one in enumerate(spec.actions, 1):
        does = {"commands": one.commands} if one.nodes is None else one.nodes._asdict()
        action_id = actions.insert(
            db,
            workflow_id,
            number,
            trigger=one.trigger_type,
            kind=one.action_type,
            persistent=one.persistent,
            config=json.dumps(does),
        )
        actions.insert_jobs(db, action_id, [first_job + job for job in one.jobs])


def insert_resources(db: Database, workflow_id: int, resources: Sequence[Resources], sort_method: str) -> list[int]:
    """Store requirements; their ids by index. Ascending ids are the sort order, which job_ready relies on."""
    key = _SORT_KEYS[sort_method]
    order = sorted(range(len(resources)), key=lambda i: key(resources[i]))
    ids = admission.insert_resources(db, [_resource_row(workflow_id, resources[i]) for i in order])
    by_index = [0] * len(order)
    for index, row_id in zip(order, ids, strict=True):
        by_index[index] = row_id
    return by_index


def _resource_row(workflow_id: int, r: Resources) -> admission.ResourceValues:
    return workflow_id, r.name, r.num_cpus, r.num_gpus, r.num_nodes, r.memory_bytes, r.runtime_s, r.limits


class Plan:
    """Which sets become gates, and each job's direct blockers, before any id is known."""

    def __init__(self, spec: Spec) -> None:
        self.jobs: tuple[Job, ...] = spec.jobs
        self._sets = spec.sets
        self._io = spec.io
        uses = Counter(index for job in spec.jobs for index in job.waits_for)
        gates = [index for index, members in enumerate(spec.sets) if len(members) > 1 and uses[index] > 1]
        self.gate_members = [spec.sets[index] for index in gates]
        self._gate_of_set = {index: gate for gate, index in enumerate(gates)}
        self.waits = self._distinct_waits()
        self.done: dict[int, int] = {}  # jobs that are completed already

    def left(self, members: Sequence[int]) -> int:
        """How many of these jobs are not completed yet."""
        return sum(member not in self.done for member in members) if self.done else len(members)

    def _distinct_waits(self) -> dict[tuple[int, ...], tuple[tuple[int, ...], tuple[int, ...]]]:
        """For each distinct ``waits_for``: the gates and the jobs that it stands for, each once."""
        found: dict[tuple[int, ...], tuple[tuple[int, ...], tuple[int, ...]]] = {}
        for job in self.jobs:
            if job.waits_for not in found:
                gates = sorted({self._gate_of_set[s] for s in job.waits_for if s in self._gate_of_set})
                direct = {m for s in job.waits_for if s not in self._gate_of_set for m in self._sets[s]}
                found[job.waits_for] = (tuple(gates), tuple(sorted(direct)))
        return found

    def job_rows(
        self, workflow_id: int, first_id: int, resources: list[int], options_ids: list[int | None]
    ) -> Iterator[admission.JobValues]:
        """Rows for the table job, in order; ids of resources and options by their index in the spec."""
        blockers = self._blockers()
        blocked, ready, completed = str(JobStatus.BLOCKED), str(JobStatus.READY), str(JobStatus.COMPLETED)
        done = self.done
        io = self._io or repeat(0)
        for job_id, (job, bits) in enumerate(zip(self.jobs, io, strict=False), first_id):
            name, command, resource, priority, cancel, waits, opts = job
            n = blockers[waits]
            status = blocked if n else ready
            if done and job_id - first_id in done:
                status = completed
            asked, said = resources[resource], options_ids[opts]
            yield job_id, workflow_id, name, command, asked, priority, int(cancel), status, n, said, bits

    def _blockers(self) -> dict[tuple[int, ...], int]:
        if not self.done:
            return {key: len(gates) + len(direct) for key, (gates, direct) in self.waits.items()}
        shut = [self.left(members) > 0 for members in self.gate_members]
        return {
            key: sum(shut[gate] for gate in gates) + self.left(direct) for key, (gates, direct) in self.waits.items()
        }

    def edges(self, first_job: int, first_gate: int) -> list[tuple[int, int]]:
        """Rows for the table dependency, ascending. Gate i has id ``first_gate - i``."""
        pairs = [(first_job + m, first_gate - gate) for gate, members in enumerate(self.gate_members) for m in members]
        for job_id, job in enumerate(self.jobs, first_job):
            if job.waits_for:
                gates, direct = self.waits[job.waits_for]
                pairs += [(first_gate - gate, job_id) for gate in gates]
                pairs += [(first_job + before, job_id) for before in direct]
        pairs.sort()
        return pairs

    def counts(self) -> dict[str, int]:
        """Jobs by state at birth; every state is named."""
        by_status = dict.fromkeys(map(str, JobStatus), 0)
        blockers = self._blockers()
        waiting = sum(1 for job in self.jobs if blockers[job.waits_for])
        by_status[JobStatus.COMPLETED] = len(self.done)
        by_status[JobStatus.BLOCKED] = waiting
        by_status[JobStatus.READY] = len(self.jobs) - waiting - len(self.done)
        return by_status
