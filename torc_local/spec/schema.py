"""A JSON Schema (draft 7) of the workflow file, for editors: completion, descriptions, mistakes while typing.

Which keys there are is known from where they are checked; here is what each may hold. The schema judges form alone:
names that do not exist, cycles and the like are a matter of ``check``.
"""

from typing import Any

from torc_local.spec import actions, dynamic, execution, monitoring, slurm, stdio
from torc_local.spec.fields import (
    FILE_KEYS,
    IGNORED_JOB,
    IGNORED_WORKFLOW,
    JOB_KEYS,
    RESOURCE_KEYS,
    SORT_METHODS,
    USER_DATA_KEYS,
    WORKFLOW_KEYS,
)
from torc_local.spec.grids import MODES as PARAMETER_MODES
from torc_local.spec.handlers import HANDLER_KEYS, LARGEST_CODE, RULE_KEYS, SMALLEST_CODE

_Schema = dict[str, Any]

_LARGEST = (1 << 31) - 1


def _or_null(schema: _Schema) -> _Schema:
    """Every key that is not required may be null."""
    if not schema:
        return schema
    kind = schema.get("type")
    if isinstance(kind, str) and "enum" not in schema:
        return {**schema, "type": [kind, "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def _whole(least: int = 0, most: int = _LARGEST) -> _Schema:
    return {"type": "integer", "minimum": least, "maximum": most}


def _list(items: _Schema, **more: int) -> _Schema:
    return {"type": "array", "items": items, **more}


def _any_case(word: str) -> str:
    return "".join(f"[{char}{char.upper()}]" if char.isalpha() else char for char in word)


def _one_of(words: tuple[str, ...]) -> _Schema:
    return {"type": "string", "enum": list(words)}


_TEXT: _Schema = {"type": "string"}
_FILLED: _Schema = {"type": "string", "pattern": r"\S"}
_TRUTH: _Schema = {"type": "boolean"}
_TEXTS = _list(_TEXT)
_ANYTHING: _Schema = {}
_VALUE: _Schema = {"type": ["string", "number", "boolean"]}
_PARAMETERS: _Schema = {
    "type": "object",
    "propertyNames": {"pattern": "^[^{}:]+$"},
    "additionalProperties": {"anyOf": [_VALUE, _list(_VALUE)]},
}
_ENV: _Schema = {
    "type": "object",
    "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
    "additionalProperties": _TEXT,
}
_STDIO: dict[str, tuple[_Schema, str]] = {
    "mode": (_one_of(stdio.MODES), "Which streams are kept, and where."),
    "delete_on_success": (_TRUTH, "Remove the output of attempts that complete."),
}
_EXPANDED: dict[str, tuple[_Schema, str]] = {
    "parameters": (_PARAMETERS, 'Values by name: "1:10", "0:1:0.5", "[a,b]" or a list; {name} stands for one of them.'),
    "parameter_mode": (_one_of(PARAMETER_MODES), "All combinations (product), or the values side by side (zip)."),
    "use_parameters": (_TEXTS, "Names of parameters of the workflow; those of its own win as a whole."),
}
_FILE: dict[str, tuple[_Schema, str]] = {
    "name": (_FILLED, "What jobs call it."),
    "path": (_FILLED, "Where it is, relative to the directory in which jobs run."),
    **_EXPANDED,
}
_USER_DATA: dict[str, tuple[_Schema, str]] = {
    "name": (_FILLED, "What jobs call it."),
    "data": (_ANYTHING, "Any JSON; left out when a job writes it."),
    "is_ephemeral": (_TRUTH, "As the file says again when a job that writes it is put back."),
    **_EXPANDED,
}
_RESOURCES: dict[str, tuple[_Schema, str]] = {
    "name": (_FILLED, "What jobs call it."),
    "num_cpus": (_whole(), "CPUs (default 1)."),
    "num_gpus": (_whole(), "GPUs (default 0)."),
    "num_nodes": (_whole(1), "Nodes (default 1)."),
    "memory": ({"type": ["string", "integer"], "minimum": 1}, "Memory, such as 512m, 2g or 1.5GiB; a limit."),
    "runtime": (
        {"type": ["string", "number"], "exclusiveMinimum": 0},
        "Run time, such as PT1H30M, 90s, 01:30:00 or seconds; a limit.",
    ),
}
_RULE: dict[str, tuple[_Schema, str]] = {
    "exit_codes": (
        _list({"type": "integer", "minimum": SMALLEST_CODE, "maximum": LARGEST_CODE, "not": {"const": 0}}),
        "Return codes that the rule is for; minus its number for a signal.",
    ),
    "match_all_exit_codes": (_TRUTH, "It is for every code that no other rule names."),
    "recovery_script": (_FILLED, "Run with bash before the job is tried again."),
    "max_retries": (_whole(), "Attempts altogether, the first included (default 3)."),
}
_HANDLER: dict[str, tuple[_Schema, str]] = {
    "name": (_FILLED, "What jobs call it."),
    "rules": (_ANYTHING, "What is done for which return code."),  # filled in below
}
_ACTION: dict[str, tuple[_Schema, str]] = {
    "trigger_type": (_one_of(actions.TRIGGERS), "When it is done."),
    "action_type": (_one_of(actions.TYPES), "What is done."),
    "jobs": (_TEXTS, "Jobs that it waits for, after expansion."),
    "job_name_regexes": (_TEXTS, "Expressions that are searched for in the names of all jobs."),
    "commands": (_list(_FILLED), "Commands, run one after the other with bash."),
    "persistent": (_TRUTH, "Of actions of workers: for every worker, not only the first."),
    "scheduler": (_TEXT, "Name of a Slurm scheduler."),
    "scheduler_type": (_ANYTHING, "slurm."),
    "num_allocations": (_ANYTHING, "Allocations to ask for."),
    "start_one_worker_per_node": (_ANYTHING, "A worker on each node of an allocation."),
    "max_parallel_jobs": (_ANYTHING, "Jobs at once in each worker."),
}
_EXECUTION: dict[str, tuple[_Schema, str]] = {
    "mode": (_one_of(execution.MODES), "Jobs are started directly here, whatever it says."),
    "limit_resources": (_TRUTH, "Enforce memory and run time of the requirements (default true)."),
    "oom_exit_code": (_whole(1, 255), "Return code for too much memory (default 137)."),
    "timeout_exit_code": (_whole(1, 255), "Return code for too much time (default 152)."),
    "termination_signal": (_TEXT, "What asks a job to end (default SIGTERM)."),
    "sigterm_lead_seconds": (_whole(), "Seconds between asking and killing (default 30)."),
    "sigkill_headroom_seconds": (_whole(), "Seconds between killing and the end of the time limit (default 60)."),
    "stdio": (_ANYTHING, "Which streams of jobs are kept."),  # filled in below
}
_SECONDS: _Schema = {"type": "number", "minimum": monitoring.SHORTEST_S, "maximum": monitoring.LONGEST_S}
_MONITORED: dict[str, tuple[_Schema, str]] = {
    "enabled": (_TRUTH, "Whether anything is measured (default false)."),
    "granularity": (
        _one_of((monitoring.SUMMARY, monitoring.TIME_SERIES, "Summary", "TimeSeries")),
        "Peaks and averages, or every sample as well (default summary).",
    ),
    "cpu": (_TRUTH, "Processor time of the node (default true)."),
    "memory": (_TRUTH, "Memory of the node (default true)."),
    "sample_interval_seconds": (_SECONDS, "Seconds between two samples (default 5)."),
    "sample_interval": (_SECONDS, "The same, as Torc 0.35 has it (default 10 with jobs or compute_node)."),
    "flush_interval": (_SECONDS, "Seconds between two writes of a time series."),
    "generate_plots": (_TRUTH, "Without effect."),
    "jobs": (_ANYTHING, "What is measured of jobs."),  # filled in below
    "compute_node": (_ANYTHING, "What is measured of the node."),  # filled in below
}
_JOB: dict[str, tuple[_Schema, str]] = {
    "name": (_FILLED, "Its name; with parameters a template such as work_{i:03d}."),
    "command": (_FILLED, "Executed with bash. ${files.input.NAME} and its relatives are filled in."),
    "description": (_TEXT, "What it is for."),
    "depends_on": (_TEXTS, "Names of jobs that must have ended, after expansion."),
    "depends_on_regexes": (_TEXTS, "Expressions that are searched for in the names of all jobs; ^ and $ anchor."),
    **_EXPANDED,
    "resource_requirements": (_TEXT, "Name of resource requirements."),
    "priority": (_whole(), "Higher ones are started first (default 0)."),
    "cancel_on_blocking_job_failure": (_TRUTH, "Canceled when something it waits for fails (default true)."),
    "input_files": (_TEXTS, "Files that it reads; it waits for jobs that write them."),
    "output_files": (_TEXTS, "Files that it writes; they must be there when it has ended."),
    "input_user_data": (_TEXTS, "User data that it reads; it waits for jobs that write it."),
    "output_user_data": (_TEXTS, "User data that it writes."),
    "input_file_regexes": (_TEXTS, "Expressions that are searched for in the names of all files."),
    "output_file_regexes": (_TEXTS, "Expressions that are searched for in the names of all files."),
    "input_user_data_regexes": (_TEXTS, "Expressions that are searched for in the names of all user data."),
    "output_user_data_regexes": (_TEXTS, "Expressions that are searched for in the names of all user data."),
    "invocation_script": (_FILLED, "Goes before the command, in the same line of bash."),
    "env": (_ENV, "Variables; they win over those of the workflow."),
    "supports_termination": (_TRUTH, "It is asked to end before it is killed (default false)."),
    "failure_handler": (_TEXT, "Name of a failure handler."),
    "stdio": (_ANYTHING, "Which of its streams are kept."),  # filled in below
}
_SCHEDULER: dict[str, tuple[_Schema, str]] = {
    **dict.fromkeys(slurm.TEXTS, (_TEXT, "As Slurm means it.")),
    **dict.fromkeys(slurm.NUMBERS, (_whole(1), "As Slurm means it.")),
}
_DEFAULTS: _Schema = {
    "type": "object",
    "propertyNames": {"not": {"pattern": f"^(?:{'|'.join(map(_any_case, sorted(slurm.NOT_DEFAULTS)))})$"}},
    "additionalProperties": {"type": [*_VALUE["type"], "null"]},
}
_DYNAMIC: dict[str, tuple[_Schema, str]] = {
    "max_iterations": (_whole(1, dynamic.MOST_ITERATIONS), "Generations of one lineage (default 1000)."),
}
_WORKFLOW: dict[str, tuple[_Schema, str]] = {
    "name": (_FILLED, "Its name."),
    "description": (_TEXT, "What it is for."),
    "user": (_TEXT, "Whose it is; the one who runs it by default."),
    "project": (_TEXT, "What it belongs to."),
    "metadata": ({"type": ["string", "object"]}, "Anything else, as text or as a mapping."),
    "parameters": (_PARAMETERS, "Values that jobs and files take with use_parameters."),
    "jobs": (_ANYTHING, "What is to be done."),  # filled in below, as the other lists
    "files": (_ANYTHING, "Names for paths that jobs read and write."),
    "user_data": (_ANYTHING, "Names for small JSON that jobs exchange."),
    "resource_requirements": (_ANYTHING, "What jobs need, by name."),
    "failure_handlers": (_ANYTHING, "What is done when jobs fail, by name."),
    "actions": (_ANYTHING, "Commands at certain moments."),
    "jobs_sort_method": (_one_of(SORT_METHODS), "Which ready jobs are started first, after priority."),
    "execution_config": (_ANYTHING, "Limits, signals and streams of all jobs."),
    "resource_monitor": (_ANYTHING, "What is measured while jobs run."),  # filled in below
    "env": (_ENV, "Variables for all jobs."),
    "slurm_schedulers": (
        _ANYTHING,
        "What to ask Slurm for, by name.",
    ),  # filled in below
    "slurm_defaults": (_DEFAULTS, "Options of sbatch for every allocation."),
    "dynamic_jobs": (_ANYTHING, "How often jobs may spawn others."),  # filled in below
    "submission_directory": ({"type": "string", "minLength": 1}, "TORC_WORKFLOW_SUBMISSION_DIR of jobs."),
    "use_pending_failed": (_TRUTH, "Failed jobs without a rule wait for a decision instead of failing."),
}


def workflow_schema() -> _Schema:
    """The schema as a JSON document."""
    streams = _mapping(stdio.KEYS, _STDIO)
    rule = _mapping(RULE_KEYS, _RULE)
    rule["anyOf"] = [
        _filled("exit_codes"),
        _said("match_all_exit_codes", {"const": True}),
    ]
    handler = _mapping(HANDLER_KEYS, _HANDLER, required=("name", "rules"), rules=_list(rule, minItems=1))
    action = _mapping(actions.ACTION_KEYS, _ACTION, required=("trigger_type", "action_type"))
    action["allOf"] = [
        _when("trigger_type", actions.OF_JOBS, {"anyOf": [_filled("jobs"), _filled("job_name_regexes")]}),
        _when("action_type", (actions.RUN_COMMANDS,), _filled("commands")),
        _when(
            "action_type", (actions.SCHEDULE_NODES,), {"required": ["scheduler"], "properties": {"scheduler": _TEXT}}
        ),
    ]
    job = _mapping(JOB_KEYS, _JOB, required=("name", "command"), ignored=IGNORED_JOB, stdio=streams)
    config = _mapping(execution.KEYS, _EXECUTION, ignored=execution.IGNORED, stdio=streams)
    scheduler = _mapping(slurm.SCHEDULER_KEYS, _SCHEDULER, required=("account",))
    whole = _mapping(
        WORKFLOW_KEYS,
        _WORKFLOW,
        required=("name", "jobs"),
        ignored=IGNORED_WORKFLOW,
        jobs=_list({"$ref": "#/definitions/job"}),
        files=_list(_mapping(FILE_KEYS, _FILE, required=("name", "path"))),
        user_data=_list(_mapping(USER_DATA_KEYS, _USER_DATA, required=("name",))),
        resource_requirements=_list(_mapping(RESOURCE_KEYS, _RESOURCES, required=("name",))),
        failure_handlers=_list(handler),
        actions=_list(action),
        execution_config=config,
        resource_monitor=_open(
            _mapping(
                monitoring.KEYS,
                _MONITORED,
                jobs=_open(_mapping(monitoring.JOBS_KEYS, _MONITORED)),
                compute_node=_open(_mapping(monitoring.NODE_KEYS, _MONITORED)),
            )
        ),
        slurm_schedulers=_list({**scheduler, "additionalProperties": True}),
        dynamic_jobs=_mapping(dynamic.KEYS, _DYNAMIC),
    )
    head = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "A workflow of Torc, as torc-local reads it"}
    return {**head, **whole, "definitions": {"job": job}}


def _mapping(
    keys: frozenset[str],
    described: dict[str, tuple[_Schema, str]],
    required: tuple[str, ...] = (),
    ignored: dict[str, bool] | None = None,
    **filled: _Schema,
) -> _Schema:
    """A mapping with these keys. A key that nobody has described is a mistake of ours (KeyError)."""
    properties: _Schema = {}
    for key in [*(key for key in described if key in keys), *sorted(keys - described.keys())]:
        if key not in described and key in (ignored or {}):
            properties[key] = {"description": "Kept, without effect here."}
        else:
            schema, description = described[key]
            schema = filled.get(key, schema)
            properties[key] = {**(schema if key in required else _or_null(schema)), "description": description}
    made: _Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**made, "required": list(required)} if required else made


def _open(mapping: _Schema) -> _Schema:
    """Keys that nobody knows are no mistake there."""
    return {**mapping, "additionalProperties": True}


def _when(key: str, words: tuple[str, ...], then: _Schema) -> _Schema:
    return {"if": _said(key, {"enum": list(words)}), "then": then}


def _filled(key: str) -> _Schema:
    return _said(key, {"type": "array", "minItems": 1})


def _said(key: str, schema: _Schema) -> _Schema:
    return {"required": [key], "properties": {key: schema}}
