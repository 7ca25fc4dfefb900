"""The whole check of a parsed tree, in the order in which one thing needs another."""

from itertools import starmap
from typing import Any

from torc_local.ground.io import compact
from torc_local.spec.actions import read_actions, select
from torc_local.spec.columns import Family, Jobs
from torc_local.spec.cycles import find_cycle
from torc_local.spec.declared import FILES, USER_DATA, Declared, read_declared
from torc_local.spec.dependencies import Waits, resolve
from torc_local.spec.digest import digest
from torc_local.spec.dynamic import read_dynamic
from torc_local.spec.environment import check_value, read_env
from torc_local.spec.execution import read_execution
from torc_local.spec.expand import expand
from torc_local.spec.fields import (
    IGNORED_WORKFLOW,
    SORT_METHODS,
    WORKFLOW_KEYS,
    check_keys,
    note_ignored,
    text,
    truth,
)
from torc_local.spec.grids import read_parameters
from torc_local.spec.handlers import read_handlers
from torc_local.spec.model import File, Job, Spec, UserData, Uses
from torc_local.spec.monitoring import read_monitoring
from torc_local.spec.names import check_other_name
from torc_local.spec.places import Path
from torc_local.spec.problems import LINE, Problems
from torc_local.spec.resources import read_resources
from torc_local.spec.settings import Settings
from torc_local.spec.slurm import read_slurm
from torc_local.spec.uses import Io, resolve_uses
from torc_local.spec.wording import describe, did_you_mean, printable, quote

_MOST_SHOWN = 10  # jobs of a cycle that a message names


def check(tree: object, problems: Problems) -> Spec | None:
    """The workflow in ``tree``, or None when anything was reported to ``problems``."""
    if not isinstance(tree, dict):
        problems.add((), f"a workflow must be a mapping with 'name' and 'jobs', not {describe(tree)}")
        return None
    check_keys(tree, WORKFLOW_KEYS, {}, (), "in the workflow", problems)
    note_ignored(tree, IGNORED_WORKFLOW, (), problems)
    name = _name(tree, problems)
    description = text(tree.get("description"), "description", ("description",), problems)
    user = text(tree.get("user"), "user", ("user",), problems)
    sort_method = _sort_method(tree, problems)
    settings = read_execution(tree.get("execution_config"), _settings(tree, problems), problems)
    settings = read_monitoring(tree.get("resource_monitor"), settings, problems)
    handlers, handler_names = read_handlers(tree.get("failure_handlers"), problems)
    slurm = read_slurm(tree, problems)
    settings = settings._replace(
        failure_handlers=tuple(handlers), slurm_schedulers=slurm.schedulers, slurm_defaults=slurm.defaults
    )
    actions = read_actions(tree.get("actions"), slurm.names, problems)
    shared = read_parameters(tree.get("parameters"), ("parameters",), problems)
    resources = read_resources(tree.get("resource_requirements"), problems)
    files = read_declared(FILES, tree.get("files"), shared, problems)
    user_data = read_declared(USER_DATA, tree.get("user_data"), shared, problems)
    names_known = not problems
    if tree.get("jobs") is None:
        problems.add((), "the workflow has no 'jobs'", "add a list of jobs; it may be empty:  jobs: []")
        return None
    jobs = expand(tree["jobs"], [r.name for r in resources], shared, problems, handler_names)
    if problems:
        # Jobs that could not be read would look like unknown dependencies; only complete lists are checked further.
        if isinstance(tree["jobs"], list) and len(jobs.families) == len(tree["jobs"]):
            waits = resolve(jobs, problems)
            select(actions, jobs, problems)
            if names_known:
                resolve_uses(jobs, (files, user_data), waits, problems)
        return None
    waits = resolve(jobs, problems)
    selected = select(actions, jobs, problems)
    uses = resolve_uses(jobs, (files, user_data), waits, problems)
    if not problems:
        check_cycles(jobs, waits, problems, uses, (files, user_data))
    if problems:
        return None
    return Spec(
        name=name,
        description=description,
        user=user,
        sort_method=sort_method,
        settings=settings,
        resources=tuple(resources),
        options=tuple(jobs.options_index),
        jobs=tuple(job_rows(jobs, waits)),
        sets=tuple(waits.sets),
        job_count_before_expansion=len(tree["jobs"]),
        dependency_count=waits.count(),
        file_count=len(files.names),
        user_data_count=len(user_data.names),
        digest=digest(tree),
        files=tuple(map(File, files.names, map(str, files.values))),
        user_data=tuple(map(UserData, user_data.names, user_data.values, user_data.ephemeral)),
        file_uses=Uses() if uses is None else uses.uses(FILES),
        user_data_uses=Uses() if uses is None else uses.uses(USER_DATA),
        io=() if uses is None else uses.bits,
        actions=tuple(selected),
        file_count_before_expansion=len(tree.get("files") or ()),
        schedulers=tuple(slurm.names),
    )


def job_rows(jobs: Jobs, waits: Waits) -> list[Job]:
    """The columns as rows."""
    columns = (jobs.names, jobs.commands, jobs.resources, jobs.priorities, jobs.cancels, waits.of_job, jobs.options)
    return list(starmap(Job, zip(*columns, strict=True)))


def _settings(tree: dict[str, Any], problems: Problems) -> Settings:
    return Settings(
        project=text(tree.get("project"), "project", ("project",), problems),
        metadata=_metadata(tree.get("metadata"), problems),
        env=tuple(read_env(tree.get("env"), ("env",), problems).items()),
        submission_directory=_submission_directory(tree, problems),
        use_pending_failed=truth(
            tree.get("use_pending_failed"), "use_pending_failed", ("use_pending_failed",), problems, default=False
        ),
        max_iterations=read_dynamic(tree.get("dynamic_jobs"), problems),
    )


def _metadata(value: object, problems: Problems) -> str | None:
    """Text (Torc 0.12), or a mapping (0.35), which is kept as JSON."""
    if not isinstance(value, dict):
        return text(value, "metadata", ("metadata",), problems)
    try:
        return compact(value)
    except ValueError as error:
        problems.add(("metadata",), f"'metadata' cannot be kept as JSON: {error}")
        return None


def _submission_directory(tree: dict[str, Any], problems: Problems) -> str | None:
    path: Path = ("submission_directory",)
    found = text(tree.get("submission_directory"), "submission_directory", path, problems)
    if found == "":
        problems.add(path, "'submission_directory' is empty", "leave it out for the directory you are in")
    elif found is not None and (wrong := check_value("submission_directory", found)) is not None:
        problems.add(path, wrong)
    return found


def _name(tree: dict[str, Any], problems: Problems) -> str:
    name = text(tree.get("name"), "name", ("name",), problems)
    if name is None:
        if tree.get("name") is None:
            problems.add((), "the workflow has no 'name'", "add one at the top:  name: my-workflow")
        return ""
    if (wrong := check_other_name(name)) is not None:
        problems.add(("name",), f"the name of the workflow {wrong[0]}", wrong[1])
    return name


def _sort_method(tree: dict[str, Any], problems: Problems) -> str:
    path: Path = ("jobs_sort_method",)
    method = text(tree.get("jobs_sort_method"), "jobs_sort_method", path, problems)
    if method is not None and method not in SORT_METHODS:
        hint = did_you_mean(method, SORT_METHODS) or f"write one of {', '.join(SORT_METHODS)}"
        problems.add(path, f"unknown jobs_sort_method {quote(method)}", hint)
    return method or SORT_METHODS[0]


def check_cycles(
    jobs: Jobs, waits: Waits, problems: Problems, uses: Io | None, declared: tuple[Declared, Declared]
) -> None:
    """Report a cycle of dependencies, if there is one."""
    cycle = find_cycle(waits.of_job, waits.sets)
    if cycle is None:
        return
    earliest = cycle.index(min(cycle))
    cycle = cycle[earliest:] + cycle[:earliest]
    families = [_family(jobs, job) for job in cycle]
    first = families[0]
    key = "depends_on_regexes" if first.regexes else "depends_on"
    path: Path = ("jobs", first.entry, key)
    if len(cycle) == 1:
        hint = "its own name matches its regex; anchor it with ^ and $" if first.regexes else None
        problems.add(path, f"job {quote(jobs.names[cycle[0]])} depends on itself", hint)
        return
    names = [printable(jobs.names[job]) for job in cycle]
    shown = names if len(names) <= _MOST_SHOWN else [*names[: _MOST_SHOWN - 1], "...", names[-1]]
    message = f"dependency cycle of {len(cycle):,} jobs: {' -> '.join([*shown, names[0]])}"
    if uses is not None and (through := _through(cycle, uses, declared)):
        message += f" (through {through})"
        path = ("jobs", first.entry, _key_of_order(first))
    entries = list(dict.fromkeys(f.entry for f in families))[:_MOST_SHOWN]
    hint = f"see line{'s' if len(entries) > 1 else ''} {', '.join([LINE] * len(entries))}"
    problems.add(path, message, hint, lines=[("jobs", entry, "name") for entry in entries])


def _through(cycle: list[int], uses: Io, declared: tuple[Declared, Declared]) -> str:
    """The files and user data that a cycle goes through, for its message."""
    found: dict[str, None] = {}
    for before, after in zip(cycle[:_MOST_SHOWN], [*cycle[1:], cycle[0]], strict=False):
        common = uses.common(before, after)
        if common is not None:
            kind, index = common
            found[f"{kind.noun} {quote(declared[kind is USER_DATA].names[index])}"] = None
    return ", ".join(found)


def _key_of_order(family: Family) -> str:
    """The key of a job that says what it waits for, to point at."""
    if family.depends_on or family.regexes or family.names is None:
        return "depends_on_regexes" if family.regexes else "depends_on"
    keys = [key for key in family.names.rows if key.startswith("input")]
    return keys[0] if keys else "command"


def _family(jobs: Jobs, job: int) -> Family:
    return next(f for f in jobs.families if f.start <= job < f.start + f.size)
