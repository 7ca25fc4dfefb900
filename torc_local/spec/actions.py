"""``actions``: what is done when something happens to a workflow, its jobs or its workers (Torc).

Read in two steps: each entry by itself, and then, when all jobs are known, the jobs that it selects.
"""

from collections.abc import Collection
from typing import NamedTuple

from torc_local.spec import tokens
from torc_local.spec.columns import Jobs
from torc_local.spec.dependencies import suggest
from torc_local.spec.environment import check_value
from torc_local.spec.fields import check_keys, text, texts, truth, whole
from torc_local.spec.patterns import SLOWEST, Pattern, check_pattern, match_all, shown
from torc_local.spec.places import Path
from torc_local.spec.problems import Problems
from torc_local.spec.wording import describe, did_you_mean, quote

OF_WORKFLOW = ("on_workflow_start", "on_workflow_complete")
OF_JOBS = ("on_jobs_ready", "on_jobs_complete")
OF_WORKERS = ("on_worker_start", "on_worker_complete")
TRIGGERS = (*OF_WORKFLOW, *OF_JOBS, *OF_WORKERS)

RUN_COMMANDS = "run_commands"
SCHEDULE_NODES = "schedule_nodes"
TYPES = (RUN_COMMANDS, SCHEDULE_NODES)

_NODE_KEYS = ("scheduler", "scheduler_type", "num_allocations", "start_one_worker_per_node", "max_parallel_jobs")
ACTION_KEYS = frozenset(
    {"trigger_type", "action_type", "jobs", "job_name_regexes", "commands", "persistent"} | {*_NODE_KEYS}
)

_SCHEDULER_TYPES = ("slurm",)
_LONGEST_COMMAND = 128 * 1024 - 1  # bytes; Linux: MAX_ARG_STRLEN is 128 KiB with the final NUL


class Nodes(NamedTuple):
    """What a ``schedule_nodes`` action asks for."""

    scheduler: str
    scheduler_type: str = _SCHEDULER_TYPES[0]
    num_allocations: int = 1
    start_one_worker_per_node: bool = False
    max_parallel_jobs: int | None = None


class Action(NamedTuple):
    """One action, checked. ``commands`` or ``nodes`` is what it does."""

    trigger_type: str  # one of TRIGGERS
    action_type: str  # one of TYPES
    jobs: tuple[int, ...] = ()  # ascending indexes into Spec.jobs: those that an action of OF_JOBS waits for
    commands: tuple[str, ...] = ()
    nodes: Nodes | None = None
    persistent: bool = False  # as the file says; it means something for OF_WORKERS


class Entry(NamedTuple):
    """One entry of the file before its jobs are known."""

    position: int
    action: Action
    names: list[str]
    regexes: list[str]


def read_actions(value: object, schedulers: Collection[str], problems: Problems) -> list[Entry]:
    """The entries that could be read; what is wrong is reported. ``schedulers`` are the names that the file defines."""
    path: Path = ("actions",)
    if value is None:
        return []
    if not isinstance(value, list):
        hint = "begin each with '- trigger_type:'"
        problems.add(path, f"'actions' must be a list, not {describe(value)}", hint)
        return []
    found = []
    for position, entry in enumerate(value):
        here = (*path, position)
        if not isinstance(entry, dict):
            hint = "begin it with '- trigger_type:'"
            problems.add(here, f"an action must be a mapping, not {describe(entry)}", hint)
            continue
        check_keys(entry, ACTION_KEYS, {}, here, f"in action {position + 1}", problems)
        trigger = _word(entry, "trigger_type", TRIGGERS, here, problems)
        kind = _word(entry, "action_type", TYPES, here, problems)
        commands = texts(entry.get("commands"), "commands", (*here, "commands"), problems)
        persistent = truth(entry.get("persistent"), "persistent", (*here, "persistent"), problems, default=False)
        names = texts(entry.get("jobs"), "jobs", (*here, "jobs"), problems)
        regexes = texts(entry.get("job_name_regexes"), "job_name_regexes", (*here, "job_name_regexes"), problems)
        _check_commands(commands, (*here, "commands"), problems)
        nodes = None
        if kind == RUN_COMMANDS:
            _check_run(entry, commands, here, problems)
        elif kind == SCHEDULE_NODES:
            nodes = _nodes(entry, schedulers, here, problems)
        if trigger is None or kind is None:
            continue
        _check_selection(entry, trigger, here, problems)
        if persistent and trigger not in OF_WORKERS:
            message = f"'persistent' has no effect on {trigger}: such an action is executed once in a run"
            problems.warn((*here, "persistent"), message)
        said = tuple(commands) if kind == RUN_COMMANDS else ()
        found.append(Entry(position, Action(trigger, kind, (), said, nodes, persistent), names, regexes))
    return found


def select(entries: list[Entry], jobs: Jobs, problems: Problems) -> list[Action]:
    """The actions with the jobs that they select: those named and those that a regex is found in, together."""
    if not entries:
        return []
    matches = _match(entries, jobs, problems)
    actions = []
    for entry in entries:
        selected: set[int] = set()
        for index, name in enumerate(entry.names):
            if (job := jobs.index.get(name)) is not None:
                selected.add(job)
            else:
                path: Path = ("actions", entry.position, "jobs", index)
                problems.add(path, f"there is no job {quote(name)} for this action", suggest(name, jobs))
        for regex in entry.regexes:
            selected.update(matches.get(regex, ()))
        kept = tuple(sorted(selected)) if entry.action.trigger_type in OF_JOBS else ()
        actions.append(entry.action._replace(jobs=kept))
    return actions


def _word(entry: dict[str, object], key: str, known: tuple[str, ...], here: Path, problems: Problems) -> str | None:
    path = (*here, key)
    found = text(entry.get(key), key, path, problems)
    if found is None:
        if entry.get(key) is None:
            problems.add(here, f"action {here[-1] + 1} has no '{key}'", f"write one of {', '.join(known)}")  # type: ignore[operator]
        return None
    if found not in known:
        hint = did_you_mean(found, known) or f"write one of {', '.join(known)}"
        problems.add(path, f"unknown {key} {quote(found)}", hint)
        return None
    return found


def _check_commands(commands: list[str], path: Path, problems: Problems) -> None:
    for index, command in enumerate(commands):
        here = (*path, index)
        if not command or command.isspace():
            problems.add(here, "a command of this action is empty", "remove it")
        elif len(command.encode(errors="replace")) > _LONGEST_COMMAND:
            problems.add(here, f"this command has more than {_LONGEST_COMMAND:,} bytes", "put it into a script")
        elif (wrong := check_value("commands", command)) is not None:
            problems.add(here, wrong)
        elif len(tokens.split(command)) > 1:
            hint = "write the path itself, or torc-local user-data get NAME"
            problems.add(here, "tokens such as ${files.input.NAME} are filled in only in jobs", hint)


def _check_run(entry: dict[str, object], commands: list[str], here: Path, problems: Problems) -> None:
    if not commands and entry.get("commands") in (None, []):
        problems.add(here, "this action has no commands", "add a list:  commands:")
    for key in _NODE_KEYS:
        if entry.get(key) is not None:
            problems.warn((*here, key), f"{quote(key)} has no effect on {RUN_COMMANDS}")


def _check_selection(entry: dict[str, object], trigger: str, here: Path, problems: Problems) -> None:
    said = [key for key in ("jobs", "job_name_regexes") if entry.get(key) not in (None, [])]
    if trigger in OF_JOBS:
        if not said:
            problems.add(here, f"an action with {trigger} needs jobs", "name them in 'jobs' or 'job_name_regexes'")
    elif said:
        problems.warn((*here, said[0]), f"{quote(said[0])} has no effect on {trigger}")


def _nodes(entry: dict[str, object], schedulers: Collection[str], here: Path, problems: Problems) -> Nodes | None:
    if entry.get("commands") not in (None, []):
        problems.warn((*here, "commands"), f"'commands' has no effect on {SCHEDULE_NODES}")
    kind = text(entry.get("scheduler_type"), "scheduler_type", (*here, "scheduler_type"), problems)
    if kind is not None and kind not in _SCHEDULER_TYPES:
        hint = did_you_mean(kind, _SCHEDULER_TYPES) or f"write {_SCHEDULER_TYPES[0]}"
        problems.add((*here, "scheduler_type"), f"unknown scheduler_type {quote(kind)}", hint)
    workers = truth(
        entry.get("start_one_worker_per_node"),
        "start_one_worker_per_node",
        (*here, "start_one_worker_per_node"),
        problems,
        default=False,
    )
    count = whole(entry.get("num_allocations"), "num_allocations", (*here, "num_allocations"), problems, least=1,
                  default=1)  # fmt: skip
    most = whole(entry.get("max_parallel_jobs"), "max_parallel_jobs", (*here, "max_parallel_jobs"), problems, least=1,
                 default=1)  # fmt: skip
    name = text(entry.get("scheduler"), "scheduler", (*here, "scheduler"), problems)
    if name is None:
        if entry.get("scheduler") is None:
            problems.add(here, f"an action with {SCHEDULE_NODES} needs a scheduler", "name one:  scheduler: NAME")
        return None
    if name not in schedulers:
        hint = did_you_mean(name, schedulers) or "define it under 'slurm_schedulers'"
        problems.add((*here, "scheduler"), f"there is no scheduler {quote(name)}", hint)
    given = None if entry.get("max_parallel_jobs") is None else most
    return Nodes(name, kind or _SCHEDULER_TYPES[0], count, workers, given)


def _match(entries: list[Entry], jobs: Jobs, problems: Problems) -> dict[str, tuple[int, ...]]:
    """The jobs that each regex is found in."""
    users: dict[str, Path] = {}
    for entry in entries:
        for index, regex in enumerate(entry.regexes):
            users.setdefault(regex, ("actions", entry.position, "job_name_regexes", index))
    checked: dict[str, Pattern] = {}
    for regex, path in users.items():
        try:
            checked[regex] = check_pattern(regex)
        except ValueError as error:
            problems.add(path, str(error), f"the regex is {shown(regex)}")
    found = {}
    for regex, members in match_all(checked, jobs.names).items():
        if members is None:
            hint = f"simplify it, or begin it with ^ and text (limit {SLOWEST:g} s)"
            problems.add(users[regex], f"the regex {shown(regex)} backtracks for too long", hint)
        elif not members:
            hint = "regexes are searched for in the names of all jobs after expansion"
            problems.add(users[regex], f"the regex {shown(regex)} matches no job", hint)
        else:
            found[regex] = members
    return found
