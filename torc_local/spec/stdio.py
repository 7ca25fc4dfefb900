"""``stdio``: which of the two streams of a job are kept, and for how long (Torc 0.35).

In ``execution_config`` it is for all jobs. A job's own wins, key by key.
"""

from typing import NamedTuple

from torc_local.spec.fields import check_keys, text, truth
from torc_local.spec.options import Options
from torc_local.spec.places import Path
from torc_local.spec.problems import Problems
from torc_local.spec.settings import Settings
from torc_local.spec.wording import describe, did_you_mean, quote

SEPARATE = "separate"
COMBINED = "combined"  # standard error goes where standard output goes
NO_STDOUT = "no_stdout"
NO_STDERR = "no_stderr"
NONE = "none"

#: Torc's words.
MODES = (SEPARATE, COMBINED, NO_STDOUT, NO_STDERR, NONE)

KEYS = frozenset({"mode", "delete_on_success"})


class Stdio(NamedTuple):
    """What becomes of the output of a job."""

    mode: str
    delete_on_success: bool  # the output of an attempt that completes is removed


def stdio_of(settings: Settings, options: Options) -> Stdio:
    """What is said for the workflow, unless the job says something else."""
    deletes = settings.delete_on_success if options.delete_on_success is None else options.delete_on_success
    return Stdio(options.stdio or settings.stdio, deletes)


def read_stdio(value: object, path: Path, where: str, problems: Problems) -> tuple[str | None, bool | None]:
    """The mode and the deletion that ``stdio`` names, None where it says nothing; mistakes are reported."""
    if value is None:
        return None, None
    if not isinstance(value, dict):
        hint = f"write  stdio: {{mode: {value}}}" if isinstance(value, str) and value in MODES else None
        problems.add(path, f"'stdio' must be a mapping, not {describe(value)}", hint)
        return None, None
    check_keys(value, KEYS, {}, path, where, problems)
    here = (*path, "mode")
    mode = text(value.get("mode"), "mode", here, problems)
    if mode is not None and mode not in MODES:
        hint = did_you_mean(mode, MODES) or f"write one of {', '.join(MODES)}"
        problems.add(here, f"unknown mode {quote(mode)} of 'stdio'", hint)
        mode = None
    said, there = value.get("delete_on_success"), (*path, "delete_on_success")
    deletes = None if said is None else truth(said, "delete_on_success", there, problems, default=False)
    return mode, deletes
