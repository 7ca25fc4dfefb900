"""The keys of a workflow file: every one that Torc knows, and what this version does with it.

A key that is merely ignored could change what runs without a word. So a key is acted on, or it is harmless and
kept, or it is refused. A later version that learns a key drops its row here.
"""

from torc_local.spec.places import Path
from torc_local.spec.problems import Problems
from torc_local.spec.wording import describe, did_you_mean, quote

#: Harmless keys; a note says so where a person would expect an effect.
IGNORED_WORKFLOW = {
    "enable_ro_crate": True,
    "access_groups": True,
    "compute_node_expiration_buffer_seconds": True,
    "compute_node_wait_for_new_jobs_seconds": True,
    "compute_node_ignore_workflow_completion": True,
    "compute_node_wait_for_healthy_database_minutes": True,
    "compute_node_min_time_for_new_jobs_seconds": True,
}
IGNORED_JOB = {"scheduler": True}

WORKFLOW_KEYS = frozenset(
    {"name", "description", "user", "project", "metadata", "parameters", "jobs", "resource_requirements"}
    | {"jobs_sort_method", "execution_config", "files", "user_data", "env", "submission_directory"}
    | {"failure_handlers", "use_pending_failed", "actions", "dynamic_jobs", "resource_monitor"}
    | {"slurm_schedulers", "slurm_defaults"}
    | IGNORED_WORKFLOW.keys()
)
JOB_KEYS = frozenset(
    {"name", "command", "depends_on", "depends_on_regexes", "parameters", "parameter_mode", "use_parameters"}
    | {"resource_requirements", "priority", "cancel_on_blocking_job_failure", "description"}
    | {f"{way}_{what}" for way in ("input", "output") for what in ("files", "user_data")}
    | {f"{way}_{what}_regexes" for way in ("input", "output") for what in ("file", "user_data")}
    | {"invocation_script", "env", "supports_termination", "failure_handler", "stdio"}
    | IGNORED_JOB.keys()
)
FILE_KEYS = frozenset({"name", "path", "parameters", "parameter_mode", "use_parameters"})
USER_DATA_KEYS = frozenset({"name", "data", "is_ephemeral", "parameters", "parameter_mode", "use_parameters"})
RESOURCE_KEYS = frozenset({"name", "num_cpus", "num_gpus", "num_nodes", "memory", "runtime"})

SORT_METHODS = ("gpus_runtime_memory", "gpus_memory_runtime", "none")


def check_keys(
    mapping: dict[str, object],
    known: frozenset[str],
    refused: dict[str, str],
    path: Path,
    where: str,
    problems: Problems,
) -> None:
    """Report keys that nobody knows and keys that this version must not ignore; ``where`` is "in job 'a'"."""
    for key, value in mapping.items():
        if key == "<<":
            hint = "YAML 1.2 has no merge keys; repeat the keys, or use parameters"
            problems.add((*path, key), f"'<<' is not supported {where}", hint, at_key=True)
        elif key not in known:
            hint_ = did_you_mean(key, known)
            problems.add((*path, key), f"unknown key {quote(key)} {where}", hint_, at_key=True)
        elif key in refused and value not in (None, False, [], {}, ""):
            problems.add((*path, key), f"{quote(key)} is not supported by this version", refused[key], at_key=True)


def note_ignored(mapping: dict[str, object], ignored: dict[str, bool], path: Path, problems: Problems) -> None:
    """Note keys that have no effect here although a person might expect one."""
    for key, noted in ignored.items():
        if noted and mapping.get(key) not in (None, False, [], {}, ""):
            problems.warn((*path, key), f"{quote(key)} is kept but has no effect in this version")


def text(value: object, key: str, path: Path, problems: Problems, where: str = "") -> str | None:
    """``value`` when it is text; otherwise None, reported unless it is null."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict) and len(value) == 1 and next(iter(value.values())) is None:
        found = "{" + str(next(iter(value))) + "}"
        problems.add(path, f"YAML reads {found} as a mapping, not as a parameter", f'write "{found}"')
        return None
    hint = f'write "{value}"' if isinstance(value, int | float) and not isinstance(value, bool) else None
    if isinstance(value, bool):
        hint = f'write "{str(value).lower()}"'
    problems.add(path, f"{quote(key)}{where} must be text, not {describe(value)}", hint)
    return None


def whole(value: object, key: str, path: Path, problems: Problems, *, least: int = 0, default: int = 0) -> int:
    """``value`` when it is a whole number from ``least`` to 2^31 - 1; the default for null; reported otherwise."""
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int):
        hint = f"write {value} without quotes" if isinstance(value, str) and value.isdecimal() else None
        problems.add(path, f"{quote(key)} must be a whole number, not {describe(value)}", hint)
        return default
    if not least <= value < 1 << 31:
        problems.add(
            path,
            f"{quote(key)} must be {least} or more, not {value}" if value < least else f"{quote(key)} is too large",
        )
        return default
    return value


def truth(value: object, key: str, path: Path, problems: Problems, *, default: bool) -> bool:
    """``value`` when it is true or false; the default for null; reported otherwise."""
    if value is None:
        return default
    if isinstance(value, bool):
        return value
    hint = "YAML 1.2 knows only true and false" if isinstance(value, str) else None
    problems.add(path, f"{quote(key)} must be true or false, not {describe(value)}", hint)
    return default


def texts(value: object, key: str, path: Path, problems: Problems, where: str = "") -> list[str]:
    """``value`` when it is a list of text; null is an empty list; everything else is reported and left out."""
    if value is None:
        return []
    if isinstance(value, str):
        problems.add(path, f"{quote(key)}{where} must be a list, not text", "write it as a list: [" + value[:60] + "]")
        return []
    if not isinstance(value, list):
        problems.add(path, f"{quote(key)}{where} must be a list of text, not {describe(value)}")
        return []
    found = []
    for index, item in enumerate(value):
        if item.__class__ is str:
            found.append(item)
        elif item is None:
            problems.add((*path, index), f"an item of {quote(key)}{where} is empty", "remove it")
        else:
            text(item, f"an item of {key}", (*path, index), problems, where)
    return found
