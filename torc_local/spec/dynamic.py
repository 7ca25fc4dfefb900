"""``dynamic_jobs``: how often the jobs of one lineage may spawn others (Torc 0.35)."""

from torc_local.spec.fields import check_keys, whole
from torc_local.spec.places import Path
from torc_local.spec.problems import Problems
from torc_local.spec.settings import Settings
from torc_local.spec.wording import describe

KEYS = frozenset({"max_iterations"})

#: Generations have numbers of six digits.
MOST_ITERATIONS = 999_999


def read_dynamic(value: object, problems: Problems) -> int:
    """``max_iterations``; mistakes are reported and leave the default."""
    here: Path = ("dynamic_jobs",)
    default = Settings().max_iterations
    if value is None:
        return default
    if not isinstance(value, dict):
        problems.add(here, f"'dynamic_jobs' must be a mapping, not {describe(value)}", "write  max_iterations: 1000")
        return default
    check_keys(value, KEYS, {}, here, "in 'dynamic_jobs'", problems)
    path = (*here, "max_iterations")
    found = whole(value.get("max_iterations"), "max_iterations", path, problems, least=1, default=default)
    if found > MOST_ITERATIONS:
        problems.add(path, f"'max_iterations' must be at most {MOST_ITERATIONS:,}, not {found:,}")
        return default
    return found
