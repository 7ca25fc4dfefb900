"""Adding jobs to a workflow that is stored already, whatever goes on with it at that moment.

The invariant: after the transaction everything is as if the jobs had been there from the beginning and all that has
happened since had happened to them, too. What has ended and was counted off is counted off for a new job as well; what
has ended and still waits in the queue (table ``ended``) will be, since a new job has a higher id than the place that
the queue has come to. A new gate has a lower id: what has come past that counts as counted off. A new job whose
blockers have all ended is ready, or canceled when one of them did not succeed and it does not run anyway; then what
waits for it draws the same conclusion, in the order of the graph. ``job_count`` moves with the rows.

Crash table: what a SIGKILL of whoever adds leaves, and what the workflow does at the time.

    moment                          on record             afterwards
    before COMMIT                   nothing               the same call once more
    after COMMIT, nothing said      the jobs              `add` refuses the names; `spawn` gives back the same ids
    the workflow runs               ready, or blocked     runners see a commit of others and look, within 50 ms
    its runners are about to end    the same              the supervisor finds more jobs than it began with: new runners
    its run is closed               the same, and the     the next `run` takes them, in the next run
                                    number of the next
    the coordinator counts off      one lock: all of it   counted off at birth, or by the next batch
                                    is before or after
    the caller of a spawn fails     blocked on it         their own flag decides, as for every dependent
    the caller is killed, or        the same              its next attempt spawns the same names: the same ids, nothing
    tried again                                           is added; other names: an error, nothing is added
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from torc_local.engine.admit import Plan, insert_resources
from torc_local.engine.admit_io import insert_uses, used_and_made
from torc_local.engine.stored import in_use
from torc_local.ground.errors import InputError
from torc_local.ground.states import ENDED, JobStatus
from torc_local.spec import options, settings
from torc_local.spec.cycles import run_order
from torc_local.spec.known import Known, KnownUses
from torc_local.spec.model import File, Resources, Spec, UserData
from torc_local.store import adding, admission, events, io, runners, workflows
from torc_local.store.adding import Standing
from torc_local.store.database import Database

_TO_RUN = frozenset({JobStatus.READY.value, JobStatus.BLOCKED.value})


class Catalogue(NamedTuple):
    """What a workflow has: values for the check of an addition, and the ids that belong to them, in the same order."""

    workflow_id: int
    known: Known
    job_ids: Sequence[int]
    resource_ids: Sequence[int]
    file_ids: Sequence[int]
    user_data_ids: Sequence[int]
    settings: str
    is_whole: bool


class Changed(Exception):  # noqa: N818 - named after what happened to the workflow
    """The workflow has changed since it was looked at: look again."""


class Added(NamedTuple):
    """The new jobs: their ids, and how many are in which state."""

    ids: range
    counts: Counter[str]


def catalogue(
    db: Database, workflow_id: int, names: Iterable[str] | None = None, without: frozenset[str] = frozenset()
) -> Catalogue:
    """What the workflow has. With ``names``: of its jobs only these, and neither files nor user data.

    Jobs named in ``without`` are left out. Raises InputError for a workflow that is gone or archived.
    """
    with db.read():
        workflow = in_use(db, workflow_id)
        jobs = adding.jobs(db, workflow_id) if names is None else adding.jobs_named(db, workflow_id, names)
        jobs = sorted(job for job in jobs if job.name not in without)
        resources = adding.resources(db, workflow_id)
        files = adding.files(db, workflow_id) if names is None else []
        data = adding.user_data(db, workflow_id) if names is None else []
        written = adding.files_written(db, workflow_id) if files else []
        data_written = adding.user_data_written(db, workflow_id) if data else []
    place = {job.id: index for index, job in enumerate(jobs)} if written or data_written else {}
    known = Known(
        jobs=[job.name for job in jobs],
        resources=[Resources(*row[1:]) for row in resources],
        handlers=settings.loads(workflow.settings).failure_handlers,
        files=[File(row.name, row.path) for row in files],
        user_data=[UserData(row.name, row.data, bool(row.is_ephemeral)) for row in data],
        file_uses=_uses(files, written, place),
        user_data_uses=_uses(data, data_written, place),
    )
    return Catalogue(
        workflow_id,
        known,
        [job.id for job in jobs],
        [row.id for row in resources],
        [row.id for row in files],
        [row.id for row in data],
        workflow.settings,
        names is None,
    )


def _uses(
    items: Sequence[adding.FileRow | adding.DataRow], written: list[adding.Written], place: dict[int, int]
) -> KnownUses:
    index = {item.id: number for number, item in enumerate(items)}
    writers: dict[int, tuple[int, ...]] = {}
    for row in written:
        if (job := place.get(row.job_id)) is not None:
            writers[job] = (*writers.get(job, ()), index[row.item_id])
    return KnownUses(frozenset(index[item.id] for item in items if item.is_consumed), writers)


def add(db: Database, there: Catalogue, spec: Spec, *, at: float, keep: bool = True) -> Added:
    """Store the jobs of a checked addition. Raises Changed, having changed nothing, when ``there`` is outdated.

    Without ``keep`` all of it is taken back.

    Process: anyone, at any time. Raises InputError for a workflow that is gone, archived or being canceled, and for
             what runners that are at work cannot learn any more.
    Crash:   one transaction; the table above.
    Cost:    as storing a new workflow of this size, and one index probe for each job that the new ones wait for.
    """
    with db.write("add jobs", keep=keep):
        workflow = in_use(db, there.workflow_id)
        alive = bool(runners.alive(db, there.workflow_id))
        if workflow.is_canceled and alive:
            raise InputError(f"workflow {workflow.id} is being canceled", hint="try again when its jobs have ended")
        if workflow.settings != there.settings or _is_outdated(db, there, spec):
            raise Changed
        if alive:
            _refuse_unknown_to_runners(there, spec)
        added = insert(db, there, spec, origin="add")
        if workflow.run_id and _TO_RUN & added.counts.keys():
            run = workflows.newest_run(db, workflow.id)
            if run is not None and run.ended_at is not None:
                workflows.await_next_run(db, workflow.id, at=at)
        count = len(added.ids)
        message = f"{count:,} {'job was' if count == 1 else 'jobs were'} added"
        events.record(db, workflow.id, at=at, kind="jobs_added", message=message)
    return added


def _is_outdated(db: Database, there: Catalogue, spec: Spec) -> bool:
    if adding.jobs_named(db, there.workflow_id, [job.name for job in spec.jobs]):
        return True
    return there.is_whole and (
        [row.id for row in adding.resources(db, there.workflow_id)] != there.resource_ids
        or [row.id for row in adding.files(db, there.workflow_id)] != there.file_ids
        or [row.id for row in adding.user_data(db, there.workflow_id)] != there.user_data_ids
    )


def _refuse_unknown_to_runners(there: Catalogue, spec: Spec) -> None:
    """What runners learn when they start, and not again."""
    what = None
    if len(spec.settings.failure_handlers) > len(there.known.handlers):
        what = "failure handlers"
    elif not any(one.num_gpus for one in there.known.resources) and any(one.num_gpus for one in spec.resources):
        what = "the first jobs that ask for GPUs"
    if what is not None:
        raise InputError(
            f"a run works on workflow {there.workflow_id} now, and its runners would not learn of {what}",
            hint="add them when it has ended, or has been stopped",
        )


def insert(db: Database, there: Catalogue, spec: Spec, *, origin: str) -> Added:
    """Store the new rows; part of the caller's transaction, which knows that ``there`` is how things are.

    Raises Changed when a job that others wait for is gone.
    """
    workflow_id, known = there.workflow_id, there.known
    plan = Plan(spec)
    last_job, last_gate = admission.last_ids(db)
    first_job, first_gate = last_job + 1, last_gate - 1
    births = _Births(db, there, spec, plan, first_gate)
    new_resources = spec.resources[len(known.resources) :]
    # Behind those that are there: their ids are the order in which jobs are claimed, and those of others stay.
    workflow = in_use(db, workflow_id)
    resources = [*there.resource_ids, *insert_resources(db, workflow_id, new_resources, workflow.sort_method)]
    said = admission.insert_options(db, [(workflow_id, options.dumps(one)) for one in spec.options[1:]])
    rows = plan.job_rows(workflow_id, first_job, resources, [None, *said])
    adding.insert_jobs(
        db,
        (
            (*row[:7], born.status, born.blockers, *row[9:], int(born.failed), origin)
            for row, born in zip(rows, births.jobs, strict=True)
        ),
    )
    adding.insert_gates(
        db,
        (
            (first_gate - i, workflow_id, len(members), gate.blockers, int(gate.failed))
            for i, (members, gate) in enumerate(zip(plan.gate_members, births.gates, strict=True))
        ),
    )
    admission.insert_dependencies(db, _edges(plan, there.job_ids, first_job, first_gate))
    _insert_io(db, there, spec, first_job)
    counts = Counter(born.status for born in births.jobs)
    workflows.add_counts(db, workflow_id, counts)
    known_settings = settings.loads(there.settings)
    if spec.settings.failure_handlers != known_settings.failure_handlers:
        known_settings = known_settings._replace(failure_handlers=spec.settings.failure_handlers)
    adding.note_addition(db, workflow_id, spec.dependency_count, settings.dumps(known_settings))
    return Added(range(first_job, first_job + len(spec.jobs)), counts)


def _edges(plan: Plan, job_ids: Sequence[int], first_job: int, first_gate: int) -> list[tuple[int, int]]:
    """Rows for the table dependency, ascending."""
    count = len(job_ids)

    def id_of(member: int) -> int:
        return job_ids[member] if member < count else first_job + member - count

    pairs = [(id_of(m), first_gate - gate) for gate, members in enumerate(plan.gate_members) for m in members]
    for job_id, job in enumerate(plan.jobs, first_job):
        if job.waits_for:
            gates, direct = plan.waits[job.waits_for]
            pairs += [(first_gate - gate, job_id) for gate in gates]
            pairs += [(id_of(before), job_id) for before in direct]
    pairs.sort()
    return pairs


def _insert_io(db: Database, there: Catalogue, spec: Spec, first_job: int) -> None:
    """Store new files and user data, who of the new jobs uses what, and that what was there is used by more."""
    if not spec.files and not spec.user_data:
        return
    last_file, last_data, last_set = io.last_ids(db)
    files, data = len(there.known.files), len(there.known.user_data)
    file_ids = [*there.file_ids, *range(last_file + 1, last_file + 1 + len(spec.files) - files)]
    data_ids = [*there.user_data_ids, *range(last_data + 1, last_data + 1 + len(spec.user_data) - data)]
    read, made = used_and_made(spec.file_uses, len(spec.files))
    io.insert_files(
        db,
        (
            (file_ids[i], there.workflow_id, spec.files[i].name, spec.files[i].path, read[i], made[i])
            for i in range(files, len(spec.files))
        ),
    )
    adding.use_files(db, [(file_ids[i], read[i], made[i]) for i in range(files) if read[i] or made[i]])
    read, made = used_and_made(spec.user_data_uses, len(spec.user_data))
    io.insert_user_data(
        db,
        (
            (data_ids[i], there.workflow_id, one.name, one.data, int(one.is_ephemeral), read[i], made[i])
            for i, one in enumerate(spec.user_data)
            if i >= data
        ),
    )
    adding.use_user_data(db, [(data_ids[i], read[i], made[i]) for i in range(data) if read[i] or made[i]])
    insert_uses(db, there.workflow_id, spec, first_job, (file_ids, data_ids, last_set - 1))


class _Born(NamedTuple):
    """A new job, or a new gate, with what is left of its blockers."""

    blockers: int
    failed: bool  # one that was counted off did not succeed
    status: str = ""


class _Births:
    """The state in which each new job and gate begins."""

    def __init__(self, db: Database, there: Catalogue, spec: Spec, plan: Plan, first_gate: int) -> None:
        self._plan = plan
        self._count = len(there.job_ids)
        self._first_gate = first_gate
        used = {index for job in spec.jobs for index in job.waits_for}
        asked = {member for index in used for member in spec.sets[index] if member < self._count}
        ids = {there.job_ids[member]: member for member in asked}
        self._standing = {ids[row.id]: row for row in adding.standing(db, there.workflow_id, sorted(ids))}
        if len(self._standing) < len(asked):
            raise Changed
        self._gates: dict[int, _Born] = {}
        self._canceled: set[int] = set()
        known_jobs = dict.fromkeys(range(self._count), ())
        order: Sequence[int] = range(self._count, self._count + len(plan.jobs))
        if any(_did_not_succeed(row) for row in self._standing.values()):
            # Only then can a new job be canceled from the beginning, and must be known before what waits for it.
            waits = [*known_jobs.values(), *(job.waits_for for job in spec.jobs)]
            order = [job for job in run_order(waits, spec.sets) if job >= self._count]
        born = {job: self._job(job) for job in order}
        self.jobs = [born[job] for job in range(self._count, self._count + len(plan.jobs))]
        self.gates = [self._gate(gate) for gate in range(len(plan.gate_members))]

    def _job(self, number: int) -> _Born:
        job = self._plan.jobs[number - self._count]
        if not job.waits_for:
            return _Born(0, failed=False, status=JobStatus.READY.value)
        gates, direct = self._plan.waits[job.waits_for]
        left, failed = self._count_off(direct, None)
        for gate in gates:
            made = self._gate(gate)
            left += made.blockers > 0
            failed = failed or (made.blockers == 0 and made.failed)
        if left:
            return _Born(left, failed, JobStatus.BLOCKED.value)
        if failed and job.cancel_on_blocking_job_failure:
            self._canceled.add(number)
            return _Born(0, failed, JobStatus.CANCELED.value)
        return _Born(0, failed, JobStatus.READY.value)

    def _gate(self, gate: int) -> _Born:
        if gate not in self._gates:
            left, failed = self._count_off(self._plan.gate_members[gate], self._first_gate - gate)
            self._gates[gate] = _Born(left, failed)
        return self._gates[gate]

    def _count_off(self, members: Sequence[int], gate_id: int | None) -> tuple[int, bool]:
        """How many of these are left to wait for, and whether one that is not did not succeed."""
        left, failed = 0, False
        for member in members:
            if member >= self._count:
                left += member not in self._canceled
                failed = failed or member in self._canceled
                continue
            row = self._standing[member]
            # A new job comes after every place in the queue; a new gate may come before it.
            in_queue = row.cursor_id is not None and (gate_id is None or gate_id > row.cursor_id)
            if row.status not in ENDED or in_queue:
                left += 1
            else:
                failed = failed or _did_not_succeed(row)
        return left, failed


def _did_not_succeed(row: Standing) -> bool:
    return row.status in ENDED and row.status != JobStatus.COMPLETED
