"""What a changed workflow file need not do again.

A workflow is made anew from each state of its file. A job of it that is the same as one that an earlier workflow of
this file has completed is taken over as completed: the same name, command, invocation script and environment, the same
files and user data, after the same jobs, all of which are taken over, too (Torc: the hash of its inputs). Requirements,
priorities, handlers and the like do not change what a job makes.

What a job waits for, reads and writes is compared by sums of hashes of names, so that 25,000 jobs behind 25,000 others
cost 50,000 steps. Lists that are written differently and mean the same may look different: then a job runs again that
need not.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from torc_local.ground.states import JobStatus
from torc_local.spec import options
from torc_local.spec.model import Spec, Uses
from torc_local.spec.options import NONE, Options
from torc_local.store import taking_over
from torc_local.store.database import Database
from torc_local.store.taking_over import Use

_NAMED = 3


class Kind(NamedTuple):
    """Jobs that are not taken over for one reason: how many, and the first of them."""

    why: str
    jobs: int
    names: list[str]


class Comparison(NamedTuple):
    """``taken``: by place in the new workflow, the id of the job there; why the others run; names that are gone."""

    taken: dict[int, int]
    others: list[Kind]
    gone: int


class _Said(NamedTuple):
    """What a job was made from."""

    command: str
    script: str | None
    env: tuple[tuple[str, str], ...]
    waits: int
    files: int
    data: int


class Waits(NamedTuple):
    """How dependencies are stored: by ``Job.waits_for``, the gates and the jobs; and the members of each gate."""

    of: Mapping[tuple[int, ...], tuple[tuple[int, ...], tuple[int, ...]]]
    gate_members: Sequence[Sequence[int]]


def compare(db: Database, spec: Spec, waits: Waits, earlier_id: int, *, same_surroundings: bool) -> Comparison:
    """Which jobs of ``spec`` an earlier workflow has completed; none when ``env`` or directory differ."""
    old = {job.name: job for job in taking_over.jobs(db, earlier_id)}
    were = _said_there(db, earlier_id, old.values())
    are = _said_here(spec, waits)
    callers = taking_over.callers(db, earlier_id)
    taken: dict[int, int] = {}
    why: dict[int, str] = {}
    for index, job in enumerate(spec.jobs):
        known = old.get(job.name)
        if known is None:
            why[index] = "new"
        elif known.status != JobStatus.COMPLETED:
            why[index] = f"was {known.status}"
        elif known.id in callers:
            why[index] = "has spawned jobs, which are not in the file"
        elif not same_surroundings:
            why[index] = "env or submission_directory of the workflow has changed"
        else:
            changed = _difference(were[known.id], are[index])
            if changed is None:
                taken[index] = known.id
            else:
                why[index] = f"{changed} changed"
    for index in _after(spec, list(why)):
        if taken.pop(index, None) is not None:
            why[index] = "after one of these"
    here = {job.name for job in spec.jobs}
    return Comparison(taken, _kinds(spec, why), sum(name not in here for name in old))


def _difference(before: _Said, now: _Said) -> str | None:
    if before.command != now.command:
        return "command has"
    if (before.script, before.env) != (now.script, now.env):
        return "invocation_script or env has"
    if before.waits != now.waits:
        return "what it waits for has"
    if (before.files, before.data) != (now.files, now.data):
        return "files or user data have"
    return None


def _after(spec: Spec, seeds: Iterable[int]) -> set[int]:
    """Everything that waits for one of these jobs, directly or not."""
    sets_of: dict[int, list[int]] = defaultdict(list)
    for number, members in enumerate(spec.sets):
        for member in members:
            sets_of[member].append(number)
    users: dict[int, list[int]] = defaultdict(list)
    for index, job in enumerate(spec.jobs):
        for number in job.waits_for:
            users[number].append(index)
    found: set[int] = set()
    opened: set[int] = set()
    left = list(seeds)
    while left:
        for number in sets_of[left.pop()]:
            if number not in opened:
                opened.add(number)
                more = [index for index in users[number] if index not in found]
                found.update(more)
                left += more
    return found


def _kinds(spec: Spec, why: dict[int, str]) -> list[Kind]:
    groups: dict[str, list[int]] = defaultdict(list)
    for index in sorted(why):
        groups[why[index]].append(index)
    made = [Kind(one, len(jobs), [spec.jobs[i].name for i in jobs[:_NAMED]]) for one, jobs in groups.items()]
    return sorted(made, key=lambda kind: (kind.why == "after one of these", -kind.jobs))


def _said_there(db: Database, workflow_id: int, jobs: Iterable[taking_over.Done]) -> dict[int, _Said]:
    waits: dict[int, int] = defaultdict(int)
    for edge in taking_over.edges(db, workflow_id):
        waits[edge.after_id] += hash(edge.name)
    for one in taking_over.gated(db, workflow_id):
        waits[one.after_id] += waits[one.gate_id]
    files = _sums(taking_over.files(db, workflow_id))
    data = _sums(taking_over.user_data(db, workflow_id))
    read: dict[str | None, Options] = {None: NONE}
    found = {}
    for job in jobs:
        if job.options not in read:
            read[job.options] = options.loads(job.options or "{}")
        said = read[job.options]
        key = job.id
        found[key] = _Said(job.command, said.invocation_script, said.env, waits[key], files[key], data[key])
    return found


def _sums(uses: list[Use]) -> dict[int, int]:
    sums: dict[int, int] = defaultdict(int)
    for use in uses:
        if use.item is not None:
            sums[use.of] += hash((use.is_output, use.item, use.given))
    for use in uses:
        if use.set_id < 0:
            sums[use.of] += sums[use.set_id]
    return sums


def _said_here(spec: Spec, waits: Waits) -> list[_Said]:
    names = [hash(job.name) for job in spec.jobs]
    gates = [sum(names[member] for member in members) for members in waits.gate_members]
    sums = {
        key: sum(gates[gate] for gate in through) + sum(names[job] for job in direct)
        for key, (through, direct) in waits.of.items()
    }
    files = _uses(spec.file_uses, len(spec.jobs), lambda is_output, i: hash((is_output, spec.files[i].path, None)))
    data = _uses(
        spec.user_data_uses,
        len(spec.jobs),
        lambda is_output, i: hash((is_output, spec.user_data[i].name, spec.user_data[i].data)),
    )
    found = []
    for job, of_files, of_data in zip(spec.jobs, files, data, strict=True):
        said = spec.options[job.options]
        found.append(_Said(job.command, said.invocation_script, said.env, sums[job.waits_for], of_files, of_data))
    return found


def _sum_of_sets(
    indexes: Sequence[int], sets: Sequence[Sequence[int]], sums: Sequence[int], value: Callable[[int], int]
) -> int:
    """The sum over the union of some sets."""
    if len(indexes) == 1:
        return sums[indexes[0]]
    return sum(value(member) for member in {member for index in indexes for member in sets[index]})


def _uses(uses: Uses, jobs: int, value: Callable[[int, int], int]) -> list[int]:
    totals = [0] * jobs
    for is_output, lists, sets in ((0, uses.inputs, uses.input_sets), (1, uses.outputs, uses.output_sets)):
        of_item = {item: value(is_output, item) for items in sets for item in items}
        sums = [sum(of_item[item] for item in items) for items in sets]
        for index, chosen in enumerate(lists):
            if chosen:
                totals[index] += _sum_of_sets(chosen, sets, sums, of_item.__getitem__)
    return totals
