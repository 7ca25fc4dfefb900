"""Resource requirements: what jobs may ask for, by name."""

from torc_local.ground.limits import LIMITS_MEMORY, LIMITS_RUNTIME
from torc_local.ground.units import parse_duration, parse_memory
from torc_local.spec.fields import RESOURCE_KEYS, check_keys, text, whole
from torc_local.spec.model import Resources
from torc_local.spec.names import check_other_name
from torc_local.spec.places import Path
from torc_local.spec.problems import LINE, Problems
from torc_local.spec.wording import describe, quote

DEFAULT = Resources("default", num_cpus=1, num_gpus=0, num_nodes=1, memory_bytes=1 << 20, runtime_s=60.0)

_HOUR = 3600.0  # Torc's run time for requirements that name none


def read_resources(value: object, problems: Problems) -> list[Resources]:
    """All requirements, Torc's implicit "default" first; problems are reported and the list stays usable."""
    found = [DEFAULT]
    if value is None:
        return found
    here: Path = ("resource_requirements",)
    if not isinstance(value, list):
        problems.add(
            here, f"'resource_requirements' must be a list, not {describe(value)}", "begin each with '- name:'"
        )
        return found
    first: dict[str, int] = {}
    for index, entry in enumerate(value):
        path = (*here, index)
        if not isinstance(entry, dict):
            problems.add(path, f"a resource requirement must be a mapping, not {describe(entry)}")
            continue
        made = _read(entry, path, problems)
        if made is None:
            continue
        if made.name == DEFAULT.name:
            hint = "it means 1 cpu, 1m and 1 minute; choose another name"
            problems.add((*path, "name"), "the name 'default' is reserved", hint)
        elif made.name in first:
            message = f"resource requirements {quote(made.name)} exist twice, first in line {LINE}"
            problems.add((*path, "name"), message, "rename or remove one", lines=[(*here, first[made.name], "name")])
        else:
            first[made.name] = index
            found.append(made)
    return found


def _read(entry: dict[str, object], path: Path, problems: Problems) -> Resources | None:
    name = text(entry.get("name"), "name", (*path, "name"), problems)
    where = f"in resource requirements {quote(name)}" if name else "in a resource requirement"
    check_keys(entry, RESOURCE_KEYS, {}, path, where, problems)
    cpus = whole(entry.get("num_cpus"), "num_cpus", (*path, "num_cpus"), problems, default=1)
    gpus = whole(entry.get("num_gpus"), "num_gpus", (*path, "num_gpus"), problems)
    nodes = whole(entry.get("num_nodes"), "num_nodes", (*path, "num_nodes"), problems, least=1, default=1)
    memory = _memory(entry, path, where, problems)
    runtime = _runtime(entry, path, problems)
    if name is None:
        if entry.get("name") is None:
            problems.add(path, "a resource requirement has no 'name'", "add one; jobs refer to it")
        return None
    if (wrong := check_other_name(name)) is not None:
        problems.add((*path, "name"), f"the name {quote(name)} {wrong[0]}", wrong[1])
    stated = (entry.get("memory") is not None) * LIMITS_MEMORY + (entry.get("runtime") is not None) * LIMITS_RUNTIME
    return Resources(name, cpus, gpus, nodes, memory, runtime, stated)


def _memory(entry: dict[str, object], path: Path, where: str, problems: Problems) -> int:
    value = entry.get("memory")
    if value is None:
        # As Torc 0.35. It is no limit, since nobody wrote it down.
        hint = "write what one job needs at most:  memory: 2g"
        problems.warn(
            path, f"there is no 'memory' {where}: jobs are packed as if they needed 1 MiB", hint, at_key=False
        )
        return DEFAULT.memory_bytes
    here = (*path, "memory")
    try:
        if not isinstance(value, str | int):
            raise ValueError(f"'memory' must be a size such as 2g, not {describe(value)}")  # noqa: TRY301, TRY004
        size = parse_memory(value)
    except ValueError as error:
        problems.add(here, str(error))
        return DEFAULT.memory_bytes
    if size == 0:
        problems.add(here, "'memory' must be more than nothing", "a job would be ended at once; write for example 100m")
    return size


def _runtime(entry: dict[str, object], path: Path, problems: Problems) -> float:
    value = entry.get("runtime")
    if value is None:
        return _HOUR
    here = (*path, "runtime")
    try:
        if not isinstance(value, str | int | float):
            raise ValueError(f"'runtime' must be a duration such as PT1H, not {describe(value)}")  # noqa: TRY301, TRY004
        seconds = parse_duration(value)
    except ValueError as error:
        problems.add(here, str(error))
        return _HOUR
    if seconds == 0:
        problems.add(
            here, "'runtime' must be more than nothing", "a job would be ended at once; write for example PT10M"
        )
    return seconds
