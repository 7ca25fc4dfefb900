"""From the entries under ``jobs`` to columns of expanded jobs: 25,000 names are one list operation, not 25,000 calls.

Dependencies stay names here; they can be resolved only when every job is known.
"""

import re
from collections.abc import Collection, Sequence
from itertools import repeat
from typing import NamedTuple

from torc_local.spec.columns import Family, Jobs, Names, Rows
from torc_local.spec.declared import KEYS
from torc_local.spec.fields import (
    IGNORED_JOB,
    JOB_KEYS,
    check_keys,
    note_ignored,
    text,
    texts,
    truth,
    whole,
)
from torc_local.spec.grids import ONE, Plan, check_total, plan
from torc_local.spec.job_options import KEYS as OPTION_KEYS
from torc_local.spec.job_options import read_options
from torc_local.spec.names import check_job_names
from torc_local.spec.parameters import Values
from torc_local.spec.places import Path
from torc_local.spec.problems import LINE, Problems
from torc_local.spec.render import NO_GRID, Grid
from torc_local.spec.tokens import may_have_tokens
from torc_local.spec.wording import describe, did_you_mean, misspelt, quote

_HARMLESS = frozenset(
    {"name", "command", "resource_requirements", "depends_on", "depends_on_regexes", "priority"}
    | {"cancel_on_blocking_job_failure", "parameters", "use_parameters", "parameter_mode"}
    | set(KEYS)
)
_KEYS = frozenset(KEYS)
_SCRIPT = "invocation_script"
_LEFT_OVER = re.compile(r"\{([^{}:]+)(?::[^{}]*)?\}")


class _Entry(NamedTuple):
    path: Path
    fields: dict[str, object]
    name: str
    command: str
    plan: Plan
    has_options: bool  # it has keys that few jobs have


def expand(
    value: object,
    resources: Sequence[str],
    shared: dict[str, Values] | None,
    problems: Problems,
    handlers: Collection[str] = (),
    known: Sequence[str] = (),
) -> Jobs:
    """All jobs of the list under ``jobs``. Whatever is wrong is reported, and the columns stay equally long.

    ``known`` are the names of jobs that the workflow has already; they come first.
    """
    jobs = Jobs()
    jobs.know(known)
    jobs.handlers = handlers
    if not isinstance(value, list):
        problems.add(("jobs",), f"'jobs' must be a list, not {describe(value)}", "begin each job with '- name:'")
        return jobs
    entries = [_entry(position, entry, shared, problems) for position, entry in enumerate(value)]
    plans = [(e.path, e.name, e.plan) for e in entries if e is not None and e.plan is not ONE]
    if not check_total(plans, len(entries) - len(plans), problems):
        return jobs
    indexes = {name: index for index, name in enumerate(resources)}
    for position, entry in enumerate(entries):
        if entry is not None:
            _expand_entry(position, entry, indexes, jobs, problems)
            if problems.full:
                break
    _check_names(jobs, problems)
    return jobs


def _entry(position: int, entry: object, shared: dict[str, Values] | None, problems: Problems) -> _Entry | None:
    """The parts of a job that must be known before jobs are counted."""
    path: Path = ("jobs", position)
    if not isinstance(entry, dict):
        problems.add(path, f"a job must be a mapping, not {describe(entry)}", "begin it with '- name:'")
        return None
    name, command = entry.get("name"), entry.get("command")
    has_options = False
    if not isinstance(name, str):
        if name is None and not misspelt("name", entry):
            problems.add(path, f"job {position + 1} has no name", "every job needs 'name' and 'command'")
        name = text(name, "name", (*path, "name"), problems)
    if not entry.keys() <= _HARMLESS:
        check_keys(entry, JOB_KEYS, {}, path, f"in job {_label(name, position)}", problems)
        note_ignored(entry, IGNORED_JOB, path, problems)
        has_options = not OPTION_KEYS.isdisjoint(entry)
    if not isinstance(command, str):
        if command is None and not misspelt("command", entry):
            hint = "every job needs 'name' and 'command'"
            problems.add(path, f"job {_label(name, position)} has no command", hint)
        command = text(command, "command", (*path, "command"), problems, f" of job {_label(name, position)}")
    elif not command or command.isspace() or "\0" in command or not command.isascii():
        _check_command(command, path, _label(name, position), problems)
    planned: Plan | None = ONE
    if "parameters" in entry or "use_parameters" in entry or "parameter_mode" in entry:
        planned = plan(entry, path, _label(name, position), shared, problems)
    if name is None or planned is None:
        return None
    if shared and planned is ONE and "{" in name:
        _note_left_over(name, shared, path, problems)
    # A missing command is reported above; the job still exists for those that depend on it.
    return _Entry(path, entry, name, command or ":", planned, has_options)


def _label(name: str | None, position: int) -> str:
    return f"number {position + 1}" if name is None else quote(name)


def _check_command(command: str, path: Path, label: str, problems: Problems) -> None:
    if not command or command.isspace():
        problems.add(
            (*path, "command"), f"the command of job {label} is empty", "write 'true' for a job that does nothing"
        )
    elif "\0" in command:
        problems.add(
            (*path, "command"), f"the command of job {label} contains a NUL character", "no program can take one"
        )
    else:
        try:
            command.encode()
        except UnicodeEncodeError as error:
            char = ascii(command[error.start])
            problems.add((*path, "command"), f"the command of job {label} contains {char}, half of a character")


def _note_left_over(name: str, shared: dict[str, Values], path: Path, problems: Problems) -> None:
    for found in _LEFT_OVER.finditer(name):
        if found[1] in shared:
            hint = f"write  use_parameters: [{found[1]}]  to expand it"
            problems.warn(
                (*path, "name"), f"{found[0]} in the name of job {quote(name)} stays as it is", hint, at_key=False
            )


def _expand_entry(position: int, entry: _Entry, resources: dict[str, int], jobs: Jobs, problems: Problems) -> None:
    """Append the jobs of one entry to all columns."""
    fields, path = entry.fields, entry.path
    if entry.plan is ONE:
        _append_one(position, entry, resources, jobs, problems)
        return
    grid = entry.plan.grid()
    size = grid.size
    names = _column(grid.fill(entry.name), size)
    depends_on = _rows(fields, "depends_on", grid, path, problems)
    regexes = _rows(fields, "depends_on_regexes", grid, path, problems)
    commands = _column(grid.fill(entry.command), size)
    asked = _resources(fields, grid, path, resources, problems)
    options = _options(entry, grid, jobs, problems)
    priority, cancel = _priority(fields, path, problems), _cancel(fields, path, problems)
    said = _names(entry, grid, problems)
    if size > 1 and len(set(names)) < size:
        keys = list(said.rows) if said is not None else []
        rows = [depends_on, regexes, *(said.rows.values() if said is not None else ())]
        names, commands, asked, options, (depends_on, regexes, *others) = _collapse(
            entry, names, commands, asked, options, rows, problems
        )
        said = None if said is None else said._replace(rows=dict(zip(keys, others, strict=True)))
        size = len(names)
    start = len(jobs.names)
    jobs.index.update(zip(names, range(start, start + size), strict=True))
    if len(jobs.index) != start + size:
        _report_taken(names, entry, jobs, problems)
        return
    jobs.names += names
    jobs.commands += commands
    jobs.resources += asked
    jobs.priorities += repeat(priority, size)
    jobs.cancels += repeat(cancel, size)
    jobs.options += options
    jobs.families.append(Family(position, entry.name, start, size, depends_on, regexes, said))


def _append_one(position: int, entry: _Entry, resources: dict[str, int], jobs: Jobs, problems: Problems) -> None:
    """The same for a job without parameters: files that another program wrote have 100,000 of them."""
    fields, path, name = entry.fields, entry.path, entry.name
    asked = fields.get("resource_requirements")
    depends_on: tuple[str, ...] = ()
    regexes: tuple[str, ...] = ()
    if (key := "depends_on") in fields:
        depends_on = jobs.row(fields[key], key, path, problems)
    if (key := "depends_on_regexes") in fields:
        regexes = jobs.row(fields[key], key, path, problems)
    if not isinstance(asked, str) or (resource := resources.get(asked)) is None:
        resource = 0 if asked is None else _resources(fields, NO_GRID, path, resources, problems)[0]
    index = len(jobs.names)
    if jobs.index.setdefault(name, index) != index:
        _report_taken([name], entry, jobs, problems)
        return
    jobs.names.append(name)
    jobs.commands.append(entry.command)
    jobs.resources.append(resource)
    jobs.priorities.append(_priority(fields, path, problems))
    jobs.cancels.append(_cancel(fields, path, problems))
    jobs.options.append(_options(entry, NO_GRID, jobs, problems)[0] if entry.has_options else 0)
    said = None
    if not _KEYS.isdisjoint(fields) or "${" in entry.command or _SCRIPT in fields:
        rows: dict[str, Rows] = {key: jobs.row(fields[key], key, path, problems) for key in KEYS if key in fields}
        said = _said(rows, entry)
    jobs.families.append(Family(position, name, index, 1, depends_on, regexes, said))


def _names(entry: _Entry, grid: Grid, problems: Problems) -> Names | None:
    """The files and user data that the jobs of an entry name; None for most."""
    if _KEYS.isdisjoint(entry.fields) and "${" not in entry.command and _SCRIPT not in entry.fields:
        return None
    rows = {key: _rows(entry.fields, key, grid, entry.path, problems) for key in KEYS if key in entry.fields}
    return _said(rows, entry)


def _said(rows: dict[str, Rows], entry: _Entry) -> Names | None:
    script = entry.fields.get(_SCRIPT)
    tokens = may_have_tokens(entry.command) or (isinstance(script, str) and may_have_tokens(script))
    return Names(rows, tokens) if tokens or any(rows.values()) else None


def _options(entry: _Entry, grid: Grid, jobs: Jobs, problems: Problems) -> list[int]:
    """The numbers of the options of all instances."""
    if not entry.has_options:
        return [0] * grid.size
    said = read_options(entry.fields, grid, entry.path, jobs.handlers, problems)
    return list(map(jobs.intern, said)) if isinstance(said, list) else [jobs.intern(said)] * grid.size


def _priority(fields: dict[str, object], path: Path, problems: Problems) -> int:
    value = fields.get("priority")
    return 0 if value is None else whole(value, "priority", (*path, "priority"), problems)


def _cancel(fields: dict[str, object], path: Path, problems: Problems) -> bool:
    key = "cancel_on_blocking_job_failure"
    value = fields.get(key)
    return value if isinstance(value, bool) else truth(value, key, (*path, key), problems, default=True)


def _check_names(jobs: Jobs, problems: Problems) -> None:
    """All names in one go; only when one is bad is it looked for, and reported once per entry."""
    new = jobs.names[jobs.known :] if jobs.known else jobs.names
    if not new or check_job_names(new) is None:
        return
    for family in jobs.families[jobs.known > 0 :]:
        wrong = check_job_names(jobs.names[family.start : family.start + family.size])
        if wrong is not None:
            which = "the name of this job" if wrong[0] == family.template else f"the name {quote(wrong[0])}"
            problems.add(("jobs", family.entry, "name"), f"{which} {wrong[1]}", wrong[2])
            if problems.full:
                return


def _column(filled: str | list[str], count: int) -> list[str]:
    return [filled] * count if isinstance(filled, str) else filled


def _rows(fields: dict[str, object], key: str, grid: Grid, path: Path, problems: Problems) -> Rows:
    value = fields.get(key)
    if value is None:
        return ()
    templates = texts(value, key, (*path, key), problems)
    filled = [grid.fill(template) for template in templates]
    if all(isinstance(item, str) for item in filled):
        return tuple(item for item in filled if isinstance(item, str))
    return list(zip(*(repeat(item, grid.size) if isinstance(item, str) else item for item in filled), strict=True))


def _resources(
    fields: dict[str, object], grid: Grid, path: Path, known: dict[str, int], problems: Problems
) -> list[int]:
    template = fields.get("resource_requirements")
    if isinstance(template, str) and template in known:
        return [known[template]] * grid.size
    here = (*path, "resource_requirements")
    name = text(template, "resource_requirements", here, problems)
    if name is None:
        return [0] * grid.size
    asked = _column(grid.fill(name), grid.size)
    for name in dict.fromkeys(asked):
        if name not in known:
            hint = did_you_mean(name, list(known)[:1000]) or "they stand under 'resource_requirements' at the top"
            problems.add(here, f"there are no resource requirements {quote(name)}", hint)
            return [0] * grid.size
    return [known[name] for name in asked]


def _collapse(
    entry: _Entry,
    names: list[str],
    commands: list[str],
    resources: list[int],
    options: list[int],
    rows: list[Rows],
    problems: Problems,
) -> tuple[list[str], list[str], list[int], list[int], list[Rows]]:
    """One job for instances of one name, waiting for all that they wait for (and with all other ``rows`` of theirs).

    A template whose name lacks a parameter is how Torc's examples write a job that collects a sweep.
    """
    first: dict[str, int] = {}
    united: list[dict[str, dict[str, None]]] = [{} for _ in rows]
    for k, name in enumerate(names):
        was = first.setdefault(name, k)
        if (commands[was], resources[was], options[was]) != (commands[k], resources[k], options[k]):
            what = "commands" if commands[was] != commands[k] else "resource requirements"
            what = what if (commands[was], resources[was]) != (commands[k], resources[k]) else "options"
            message = f"job {quote(entry.name)} makes {quote(name)} several times, with different {what}"
            unnamed = [p for p in entry.plan.values if f"{{{p}" not in entry.name]
            hint = f"put {', '.join('{' + p + '}' for p in unnamed)} into the name" if unnamed else None
            problems.add((*entry.path, "name"), message, hint)
            break
        for one, into in zip(rows, united, strict=True):
            into.setdefault(name, {}).update(dict.fromkeys(one if isinstance(one, tuple) else one[k]))
    kept = list(first.values())
    return (
        list(first),
        [commands[k] for k in kept],
        [resources[k] for k in kept],
        [options[k] for k in kept],
        [[tuple(into.get(name, ())) for name in first] for into in united],
    )


def _report_taken(names: list[str], entry: _Entry, jobs: Jobs, problems: Problems) -> None:
    """Two entries make the same name. The index is put back to what the columns hold."""
    jobs.index = {name: index for index, name in enumerate(jobs.names)} if len(names) > 1 else jobs.index
    name = next(name for name in names if name in jobs.index)
    if jobs.index[name] < jobs.known:
        message = f"the workflow has a job {quote(name)} already"
        problems.add((*entry.path, "name"), message, "every job needs its own name")
        return
    owner = next(f for f in jobs.families if f.start <= jobs.index[name] < f.start + f.size)
    message = f"the name {quote(name)} is taken by the job in line {LINE}"
    problems.add((*entry.path, "name"), message, "every job needs its own name", lines=[("jobs", owner.entry, "name")])
