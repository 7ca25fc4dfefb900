"""Checking what is to be added to a workflow: a file with ``jobs`` and what they need, or a bare list of jobs.

Everything is as in a workflow file, and names may also be those of the workflow. What the file declares and the
workflow has already must be the same, so that a whole workflow file can be a file that adds to another.
"""

from collections.abc import Sequence
from typing import Any

from torc_local.spec.check import check_cycles, job_rows
from torc_local.spec.columns import Jobs
from torc_local.spec.declared import FILES, KINDS, USER_DATA, Declared, Kind, read_declared
from torc_local.spec.dependencies import resolve
from torc_local.spec.expand import expand
from torc_local.spec.fields import WORKFLOW_KEYS, check_keys
from torc_local.spec.grids import read_parameters
from torc_local.spec.handlers import Handler, read_handlers
from torc_local.spec.known import Known, KnownUses
from torc_local.spec.model import File, Resources, Spec, UserData, Uses
from torc_local.spec.parameters import Values
from torc_local.spec.problems import Problems
from torc_local.spec.resources import read_resources
from torc_local.spec.settings import Settings
from torc_local.spec.uses import Io, resolve_uses
from torc_local.spec.wording import describe, quote

#: What a file may hold that is added to a workflow.
_ADDED = frozenset({"jobs", "parameters", "files", "user_data", "resource_requirements", "failure_handlers"})
#: What tells one file from another, and changes nothing.
_HARMLESS = frozenset({"name", "description", "user", "project", "metadata"})


def check_addition(tree: object, problems: Problems, known: Known) -> Spec | None:
    """The new jobs in ``tree``, or None when anything was reported.

    In the result, indexes into resources, files, user data and the members of ``sets`` count what is known first;
    ``jobs``, ``io`` and the uses are those of the new jobs alone.
    """
    if not isinstance(tree, dict):
        problems.add((), f"this must be a list of jobs, or a mapping with 'jobs', not {describe(tree)}")
        return None
    check_keys(tree, WORKFLOW_KEYS, {}, (), "in what is added", problems)
    for key in tree.keys() & (WORKFLOW_KEYS - _ADDED - _HARMLESS):
        if tree[key] not in (None, False, [], {}, ""):
            message = f"{quote(key)} is set for a whole workflow, and cannot be added to one"
            problems.add((key,), message, "remove it", at_key=True)
    shared = read_parameters(tree.get("parameters"), ("parameters",), problems)
    resources = _resources(tree, known, problems)
    handlers = _handlers(tree, known, problems)
    files = _declared(FILES, tree, shared, known.files, problems)
    user_data = _declared(USER_DATA, tree, shared, known.user_data, problems)
    if tree.get("jobs") is None:
        problems.add((), "there are no 'jobs'", "add a list of jobs")
        return None
    names = {handler.name for handler in handlers}
    jobs = expand(tree["jobs"], [one.name for one in resources], shared, problems, names, known.jobs)
    if problems and len(jobs.families) - bool(known.jobs) != len(tree["jobs"]):
        return None  # jobs that could not be read would look like unknown dependencies
    waits = resolve(jobs, problems)
    uses_known = (known.file_uses, known.user_data_uses)
    uses = resolve_uses(jobs, (files, user_data), waits, problems, [one.writers for one in uses_known])
    if not problems:
        check_cycles(jobs, waits, problems, uses, (files, user_data))
    if not problems and uses is not None:
        _check_readers(jobs, uses, (files, user_data), uses_known, problems)
    if problems:
        return None
    start = jobs.known
    return Spec(
        name="",
        description=None,
        user=None,
        sort_method="none",
        settings=Settings(failure_handlers=tuple(handlers)),
        resources=tuple(resources),
        options=tuple(jobs.options_index),
        jobs=tuple(job_rows(jobs, waits)[start:]),
        sets=tuple(waits.sets),
        job_count_before_expansion=len(tree["jobs"]),
        dependency_count=waits.count(),
        file_count=len(files.names),
        user_data_count=len(user_data.names),
        digest="",
        files=tuple(map(File, files.names, map(str, files.values))),
        user_data=tuple(map(UserData, user_data.names, user_data.values, user_data.ephemeral)),
        file_uses=_of_new(uses, FILES, start),
        user_data_uses=_of_new(uses, USER_DATA, start),
        io=() if uses is None else uses.bits[start:],
    )


def _of_new(uses: Io | None, kind: Kind, start: int) -> Uses:
    if uses is None:
        return Uses()
    found = uses.uses(kind)
    return found._replace(inputs=found.inputs[start:], outputs=found.outputs[start:])


def _resources(tree: dict[str, Any], known: Known, problems: Problems) -> list[Resources]:
    there = {one.name: one for one in known.resources}
    found = list(known.resources)
    for one in read_resources(tree.get("resource_requirements"), problems)[1:]:
        if one.name not in there:
            found.append(one)
        elif there[one.name] != one:
            _report_other(tree, "resource_requirements", "resource requirements", one.name, problems)
    return found


def _handlers(tree: dict[str, Any], known: Known, problems: Problems) -> list[Handler]:
    there = {one.name: one for one in known.handlers}
    found = list(known.handlers)
    for one in read_handlers(tree.get("failure_handlers"), problems)[0]:
        if one.name not in there:
            found.append(one)
        elif there[one.name] != one:
            _report_other(tree, "failure_handlers", "a failure handler", one.name, problems)
    return found


def _report_other(tree: dict[str, Any], section: str, what: str, name: str, problems: Problems) -> None:
    entries = enumerate(tree[section])
    index = next((i for i, entry in entries if isinstance(entry, dict) and entry.get("name") == name), 0)
    message = f"the workflow has {what} {quote(name)} already, which differ from these"
    if what.startswith("a "):
        message = f"the workflow has {what} {quote(name)} already, which differs from this one"
    problems.add((section, index, "name"), message, "choose another name, or leave it out")


def _declared(
    kind: Kind,
    tree: dict[str, Any],
    shared: dict[str, Values] | None,
    known: Sequence[File] | Sequence[UserData],
    problems: Problems,
) -> Declared:
    """What the workflow has, and what the file adds to it."""
    new = read_declared(kind, tree.get(kind.section), shared, problems)
    every = Declared(kind)
    every.names += [one.name for one in known]
    every.values += [one.path if isinstance(one, File) else one.data for one in known]
    every.ephemeral += [isinstance(one, UserData) and one.is_ephemeral for one in known]
    every.index.update((name, index) for index, name in enumerate(every.names))
    for index, (name, value, ephemeral) in enumerate(zip(new.names, new.values, new.ephemeral, strict=True)):
        there = every.index.get(name)
        if there is None:
            every.index[name] = len(every.names)
            every.names.append(name)
            every.values.append(value)
            every.ephemeral.append(ephemeral)
        elif kind is FILES and every.values[there] != value:
            message = f"the workflow has a file {quote(name)} already, with another path"
            problems.add((kind.section, new.entry_of(index), "name"), message, "choose another name, or leave it out")
    return every


def _check_readers(
    jobs: Jobs, uses: Io, declared: Sequence[Declared], known: Sequence[KnownUses], problems: Problems
) -> None:
    """Refuse jobs that write what jobs of the workflow read: these would have to wait, and may have run already."""
    for kind, names, there in zip(KINDS, declared, known, strict=True):
        side = uses.sides[kind.section, "output"]
        wrong = [any(member in there.read for member in members) for members in side.sets]
        if not any(wrong):
            continue
        for family in jobs.families[jobs.known > 0 :]:
            for job in range(family.start, family.start + family.size):
                read = (m for i in side.of_job[job] if wrong[i] for m in side.sets[i] if m in there.read)
                if (item := next(read, None)) is not None:
                    message = (
                        f"job {quote(jobs.names[job])} would write the {kind.noun} {quote(names.names[item])},"
                        " which jobs of the workflow read without waiting for it"
                    )
                    problems.add(("jobs", family.entry, "name"), message, "let it write something of its own")
                    break
