"""Torc's export document (version 1.0) as a workflow: ids become names, and it is checked like any file.

Everything that names something by id must find it. Results, events, states, run numbers and cancels are not taken over:
the jobs of an imported workflow have not run. The implicit requirements "default" are left out, as in Torc; every
workflow has them. What Torc's server needs is passed over.
"""

import json
from collections.abc import Iterable
from functools import partial
from typing import Any

from torc_local.ground.errors import Problem, SpecError
from torc_local.spec.actions import RUN_COMMANDS
from torc_local.spec.check import check
from torc_local.spec.json_tree import json_steps, read_json
from torc_local.spec.model import Spec
from torc_local.spec.places import Path
from torc_local.spec.problems import Problems
from torc_local.spec.slurm import NUMBERS, TEXTS
from torc_local.spec.source import Source, Unreadable, decode
from torc_local.spec.wording import describe, quote

VERSION = "1.0"

#: Of ``execution_config``: what is written as it is called in Settings.
EXECUTION_KEYS = (
    "limit_resources",
    "oom_exit_code",
    "timeout_exit_code",
    "termination_signal",
    "sigterm_lead_seconds",
    "sigkill_headroom_seconds",
)

_IMPLICIT = "default"

# Keys that mean the same in a workflow file.
_WORKFLOW = (
    "name", "user", "description", "env", "project", "metadata", "jobs_sort_method", "use_pending_failed",
    "dynamic_jobs", "submission_directory",
)  # fmt: skip
_JOB = (
    "name", "command", "invocation_script", "description", "env", "cancel_on_blocking_job_failure",
    "supports_termination", "priority",
)  # fmt: skip
# Sections, with the keys of a job that refer to their entries by id, and what a workflow file calls these.
_LISTS = {
    "depends_on_job_ids": ("jobs", "depends_on"),
    "input_file_ids": ("files", "input_files"),
    "output_file_ids": ("files", "output_files"),
    "input_user_data_ids": ("user_data", "input_user_data"),
    "output_user_data_ids": ("user_data", "output_user_data"),
}
_SINGLE = {
    "resource_requirements_id": ("resource_requirements", "resource_requirements"),
    "failure_handler_id": ("failure_handlers", "failure_handler"),
}
_SECTIONS = ("files", "user_data", "resource_requirements", "failure_handlers", "jobs", "workflow_actions")
_KEY_OF = {ours: theirs for theirs, (_, ours) in (*_LISTS.items(), *_SINGLE.items())}


class _Elsewhere(Problems):
    """Problems of the workflow file that we make, at their places in the document."""

    def __init__(self) -> None:
        super().__init__()
        self.requirements: list[int] = []  # places in the document of those that are kept

    def _moved(self, path: Path) -> Path:
        match path:
            case ("resource_requirements", int(index), *rest) if index < len(self.requirements):
                return ("resource_requirements", self.requirements[index], *rest)
            case ("actions", int(index), *rest):
                inside = () if rest[:1] in (["trigger_type"], ["action_type"], ["persistent"]) else ("action_config",)
                return ("workflow_actions", index, *inside, *rest)
            case ("jobs", int(index), str(key), *rest) if key in _KEY_OF:
                return ("jobs", index, _KEY_OF[key], *rest)
            case ("resource_monitor", *rest):
                return ("workflow", "resource_monitor_config", *rest)
            case (section, *_) if section in _SECTIONS:
                return path
        return ("workflow", *path)

    def add(
        self, path: Path, message: str, hint: str | None = None, *, at_key: bool = False, lines: Iterable[Path] = ()
    ) -> None:
        """Report something about what stands at ``path`` of the workflow file."""
        super().add(self._moved(path), message, hint, at_key=at_key, lines=[self._moved(line) for line in lines])


def loads_export(text: bytes, file: str) -> Spec:
    """The checked workflow in a document. Raises SpecError with all problems, sorted."""
    try:
        source = Source(file, decode(text, file))
        tree, _ = read_json(source)
    except Unreadable as error:
        raise SpecError([_unreadable(file, text, error)]) from None
    problems = Problems()
    moved = _Elsewhere()
    made = _workflow_file(tree, problems, moved)
    spec = None if problems or made is None else check(made, moved)
    reported = problems or moved
    if spec is None or reported:
        raise SpecError(reported.errors(source, partial(json_steps, source)))
    return spec


def _unreadable(file: str, text: bytes, error: Unreadable) -> Problem:
    try:
        return Source(file, decode(text, file)).problem(error.message, error.hint, error.start, error.end)
    except Unreadable:
        return Problem(file, 0, 0, error.message, error.hint)


def _workflow_file(tree: object, problems: Problems, moved: _Elsewhere) -> dict[str, Any] | None:
    """What a workflow file with the same content would say; None when the document is none."""
    if not isinstance(tree, dict) or "export_version" not in tree:
        is_workflow = isinstance(tree, dict) and "jobs" in tree and "name" in tree
        hint = "this is a workflow file: torc-local create makes it a workflow" if is_workflow else None
        problems.add((), "this is not what 'export' writes: there is no 'export_version'", hint)
        return None
    if tree["export_version"] != VERSION:
        said = describe(tree["export_version"])
        problems.add(("export_version",), f"the version of this document is {said}; {VERSION} is read here")
        return None
    workflow = tree.get("workflow")
    if not isinstance(workflow, dict):
        problems.add(("workflow",), f"'workflow' must be an object, not {describe(workflow)}")
    sections = {name: _entries(tree, name, problems) for name in _SECTIONS}
    names = {name: _names(name, entries, problems) for name, entries in sections.items() if name != "workflow_actions"}
    schedulers = _names("slurm_schedulers", _entries(tree, "slurm_schedulers", problems), problems, "extra")
    if problems or not isinstance(workflow, dict):
        return None
    made: dict[str, Any] = {key: workflow[key] for key in _WORKFLOW if workflow.get(key) is not None}
    made["execution_config"], overrides = _execution(workflow.get("execution_config"), problems)
    for theirs, ours in (("resource_monitor_config", "resource_monitor"), ("slurm_defaults", "slurm_defaults")):
        if (said := _json(workflow.get(theirs), ("workflow", theirs), problems)) is not None:
            made[ours] = said
    made["files"] = [_only(one, ("name", "path")) for one in sections["files"]]
    made["user_data"] = [_only(one, ("name", "data", "is_ephemeral")) for one in sections["user_data"]]
    kept = [(i, one) for i, one in enumerate(sections["resource_requirements"]) if one["name"] != _IMPLICIT]
    moved.requirements = [index for index, _ in kept]
    made["resource_requirements"] = [_requirements(one) for _, one in kept]
    made["failure_handlers"] = [
        {"name": one["name"], "rules": _json(one.get("rules"), ("failure_handlers", index, "rules"), problems)}
        for index, one in enumerate(sections["failure_handlers"])
    ]
    made["jobs"] = [_job(one, index, names, overrides, problems) for index, one in enumerate(sections["jobs"])]
    made["actions"] = [
        _action(one, index, names["jobs"], schedulers, problems)
        for index, one in enumerate(sections["workflow_actions"])
    ]
    wanted = {one["scheduler"] for one in made["actions"] if isinstance(one.get("scheduler"), str)}
    made["slurm_schedulers"] = [
        {"account": "-", **_only(one, (*TEXTS, *NUMBERS))} for one in _entries(tree, "slurm_schedulers", problems)
    ]
    # For actions whose scheduler is not there any more.
    lost = wanted - {str(one.get("name")) for one in made["slurm_schedulers"]}
    made["slurm_schedulers"] += [{"name": name, "account": "-"} for name in sorted(lost)]
    return made


def _entries(tree: dict[str, Any], name: str, problems: Problems) -> list[dict[str, Any]]:
    found = tree.get(name)
    if found is None:
        return []
    if not isinstance(found, list):
        problems.add((name,), f"{quote(name)} must be a list, not {describe(found)}")
        return []
    for index, one in enumerate(found):
        if not isinstance(one, dict):
            problems.add((name, index), f"an entry of {quote(name)} must be an object, not {describe(one)}")
    return [one for one in found if isinstance(one, dict)]


def _names(
    section: str, entries: list[dict[str, Any]], problems: Problems, without: str | None = None
) -> dict[int, str]:
    """The names of the entries by id; entries without a name are only taken where ``without`` is given."""
    found: dict[int, str] = {}
    for index, one in enumerate(entries):
        number, name = one.get("id"), one.get("name", without)
        if number.__class__ is not int:
            problems.add((section, index), f"an entry of {quote(section)} has no 'id' that is a whole number")
        elif number in found:
            problems.add((section, index, "id"), f"the id {number} is repeated in {quote(section)}")
        elif not isinstance(name, str):
            problems.add((section, index), f"an entry of {quote(section)} has no 'name' that is text")
        else:
            found[number] = name
    return found


def _only(entry: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: entry[key] for key in keys if entry.get(key) is not None}


def _requirements(entry: dict[str, Any]) -> dict[str, Any]:
    # What nobody stated is no limit here, and is left out to stay none. Torc does not say: it is all stated.
    stated = entry.get("limits", ["memory", "runtime"])
    keys = ["name", "num_cpus", "num_gpus", "num_nodes"]
    keys += [key for key in ("memory", "runtime") if not isinstance(stated, list) or key in stated]
    return _only(entry, tuple(keys))


def _job(
    entry: dict[str, Any],
    index: int,
    names: dict[str, dict[int, str]],
    overrides: dict[str, Any],
    problems: Problems,
) -> dict[str, Any]:
    job = _only(entry, _JOB)
    for key, (section, ours) in _LISTS.items():
        ids = entry.get(key)
        if ids is None:
            continue
        if not isinstance(ids, list):
            problems.add(("jobs", index, key), f"{quote(key)} must be a list of ids, not {describe(ids)}")
            continue
        known = names[section]
        job[ours] = [known[one] for one in ids if one.__class__ is int and one in known]
        for place, one in enumerate(ids):
            if one.__class__ is not int or one not in known:
                problems.add(("jobs", index, key, place), f"no entry of {quote(section)} has the id {_shown(one)}")
    for key, (section, ours) in _SINGLE.items():
        one = entry.get(key)
        if one is None:
            continue
        if one.__class__ is not int or one not in names[section]:
            problems.add(("jobs", index, key), f"no entry of {quote(section)} has the id {_shown(one)}")
        elif names[section][one] != _IMPLICIT or section != "resource_requirements":
            job[ours] = names[section][one]
    if (stdio := overrides.get(str(job.get("name")))) is not None:
        job["stdio"] = stdio
    return job


def _shown(number: object) -> str:
    return json.dumps(number)[:40]


def _execution(value: object, problems: Problems) -> tuple[object, dict[str, Any]]:
    """``execution_config`` of a workflow file, and what it says of single jobs by their names."""
    config = _json(value, ("workflow", "execution_config"), problems)
    if not isinstance(config, dict):
        return config, {}
    overrides = config.get("job_stdio_overrides")
    rest = {key: one for key, one in config.items() if key != "job_stdio_overrides" and one is not None}
    return rest, overrides if isinstance(overrides, dict) else {}


def _json(value: object, path: Path, problems: Problems) -> Any:  # noqa: ANN401 - whatever is in it
    """The value; where an older Torc wrote JSON as text, what is in it."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        problems.add(path, f"{quote(str(path[-1]))} is text, but not JSON")
        return None


def _action(
    entry: dict[str, Any], index: int, jobs: dict[int, str], schedulers: dict[int, str], problems: Problems
) -> dict[str, Any]:
    path: Path = ("workflow_actions", index)
    config = _json(entry.get("action_config"), (*path, "action_config"), problems)
    if not isinstance(config, dict):
        problems.add(path, f"'action_config' must be an object, not {describe(config)}")
        config = {}
    action = _only(entry, ("trigger_type", "action_type", "persistent"))
    if entry.get("action_type") == RUN_COMMANDS:
        action["commands"] = config.get("commands")
    else:
        keys = ("scheduler", "scheduler_type", "num_allocations", "start_one_worker_per_node", "max_parallel_jobs")
        action |= _only(config, keys)
        number = config.get("scheduler_id")
        if "scheduler" not in action and isinstance(number, int) and number in schedulers:
            action["scheduler"] = schedulers[number]
    ids = entry.get("job_ids") or []
    if not isinstance(ids, list):
        problems.add((*path, "job_ids"), f"'job_ids' must be a list of ids, not {describe(ids)}")
        return action
    for place, one in enumerate(ids):
        if one.__class__ is not int or one not in jobs:
            problems.add((*path, "job_ids", place), f"no entry of 'jobs' has the id {_shown(one)}")
    if ids:
        action["jobs"] = [jobs[one] for one in ids if one.__class__ is int and one in jobs]
    return action
