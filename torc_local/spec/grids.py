"""From a job's parameters to its grid of instances, counted before anything is made."""

import math
from typing import NamedTuple

from torc_local.spec.fields import text, texts
from torc_local.spec.parameters import MOST_JOBS, Values, parse_values
from torc_local.spec.places import Path
from torc_local.spec.problems import Problems
from torc_local.spec.render import NO_GRID, Grid, product, together
from torc_local.spec.wording import describe, did_you_mean, quote

MODES = ("product", "zip")


class Plan(NamedTuple):
    """A grid that is not made yet, and how many instances it will have."""

    values: dict[str, Values]
    zipped: bool
    size: int

    def grid(self) -> Grid:
        """Make it; only sensible when ``size`` is."""
        if not self.values:
            return NO_GRID
        made = {name: values.values() for name, values in self.values.items()}
        return together(made) if self.zipped else product(made)


#: The plan of a job without parameters.
ONE = Plan({}, zipped=False, size=1)


def read_parameters(value: object, path: Path, problems: Problems) -> dict[str, Values] | None:
    """The parameters of a mapping, in its order; None when there is no mapping."""
    if value is None:
        return None
    if not isinstance(value, dict):
        problems.add(path, f"'parameters' must be a mapping of names to values, not {describe(value)}")
        return None
    found = {}
    for name, entry in value.items():
        if not name or any(char in name for char in "{}:"):
            problems.add((*path, name), f"{quote(name)} cannot be the name of a parameter", at_key=True)
            continue
        try:
            found[name] = parse_values(entry)
        except ValueError as error:
            problems.add((*path, name), f"parameter {quote(name)}: {error}")
    return found


def plan(
    entry: dict[str, object],
    path: Path,
    label: str,
    shared: dict[str, Values] | None,
    problems: Problems,
    noun: str = "job",
) -> Plan | None:
    """How a job (or another ``noun``) is expanded, or None after a reported problem.

    Its own parameters win wholesale; ``use_parameters`` picks from the workflow's; nothing applies by itself.
    """
    used = texts(entry.get("use_parameters"), "use_parameters", (*path, "use_parameters"), problems)
    zipped = _is_zip(entry, path, problems)
    own = read_parameters(entry.get("parameters"), (*path, "parameters"), problems)
    if own is not None:
        values = own
    else:
        values = {}
        for index, name in enumerate(used):
            if name in (shared or {}):
                values[name] = (shared or {})[name]
            else:
                hint = (
                    did_you_mean(name, shared or {}) or "parameters of the workflow stand under 'parameters' at the top"
                )
                where = (*path, "use_parameters", index)
                problems.add(where, f"the workflow has no parameter {quote(name)}", hint)
                return None
    bad = own is not None and len(own) != len(_mapping(entry.get("parameters")))
    for name, found in values.items():
        if found.count == 0:
            where = (*path, "parameters", name) if own is not None else (*path, "use_parameters")
            problems.add(where, f"parameter {quote(name)} expands to no values: {noun} {label} would vanish")
            bad = True
    if bad:
        return None
    if not values:
        return ONE
    counts = {name: found.count for name, found in values.items()}
    if zipped and len(set(counts.values())) > 1:
        lengths = ", ".join(f"{name} has {count:,}" for name, count in counts.items())
        problems.add((*path, "parameter_mode"), f"zip needs parameters of equal length: {lengths}")
        return None
    count = next(iter(counts.values())) if zipped else math.prod(counts.values())
    return Plan(values, zipped, count)


def check_total(plans: list[tuple[Path, str, Plan]], others: int, problems: Problems, noun: str = "job") -> bool:
    """Whether all jobs (or other things), ``others`` included, fit the limit; reported at the largest template."""
    total = others + sum(found.size for _, _, found in plans)
    if total <= MOST_JOBS:
        return True
    path, name, largest = max(plans, key=lambda item: item[2].size, default=(("jobs",), "", ONE))
    what = f"{noun} {quote(name)}" if largest.size > MOST_JOBS else "the workflow"
    count = largest.size if largest.size > MOST_JOBS else total
    things, hint = ("jobs", "let one job do many steps") if noun == "job" else ("instances", None)
    problems.add(path, f"{what} would expand to {count:,} {things}; the limit is {MOST_JOBS:,}", hint)
    return False


def _is_zip(entry: dict[str, object], path: Path, problems: Problems) -> bool:
    mode = text(entry.get("parameter_mode"), "parameter_mode", (*path, "parameter_mode"), problems)
    if mode is not None and mode not in MODES:
        hint = did_you_mean(mode, MODES) or "write product (every combination) or zip (first with first)"
        problems.add((*path, "parameter_mode"), f"unknown parameter_mode {quote(mode)}", hint)
    return mode == "zip"


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}
