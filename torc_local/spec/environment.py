"""The variables that a workflow file gives to jobs: names that a shell can use, values that the kernel can take."""

import re

from torc_local.spec.fields import text
from torc_local.spec.places import Path
from torc_local.spec.problems import Problems
from torc_local.spec.wording import describe, quote

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)

#: Set for every job by torc-local, as are all that begin with TORC_LOCAL_: a value in the file would be lost.
OURS = frozenset(
    {"TORC_WORKFLOW_ID", "TORC_RUN_ID", "TORC_JOB_ID", "TORC_JOB_NAME", "TORC_ATTEMPT_ID", "TORC_OUTPUT_DIR"}
    | {"TORC_API_URL", "TORC_WORKFLOW_SUBMISSION_DIR", "TORC_RETURN_CODE"}
)

#: Longest ``NAME=value`` (Linux: MAX_ARG_STRLEN is 128 KiB with the final NUL).
LONGEST_ENTRY = 128 * 1024 - 1


def read_env(value: object, path: Path, problems: Problems) -> dict[str, str]:
    """Variables by name, sorted; what is wrong is reported and left out."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        problems.add(path, f"'env' must be a mapping of names to text, not {describe(value)}", "write NAME: value")
        return {}
    found = {}
    for name, entry in value.items():
        here = (*path, name)
        if (wrong := _wrong_name(name)) is not None:
            problems.add(here, f"{quote(name)} {wrong[0]}", wrong[1], at_key=True)
            continue
        if entry is None:
            problems.add(here, f"the variable {quote(name)} has no value", 'write "" for an empty one', at_key=True)
            continue
        said = text(entry, name, here, problems)
        if said is None:
            continue
        if (complaint := check_value(name, said)) is not None:
            problems.add(here, complaint)
            continue
        found[name] = said
    return dict(sorted(found.items()))


def _wrong_name(name: str) -> tuple[str, str] | None:
    if not _NAME.fullmatch(name):
        return "cannot be the name of a variable", "letters, digits and _, beginning with a letter or _"
    if name in OURS or name.startswith("TORC_LOCAL_"):
        return "is set by torc-local itself", "choose another name"
    return None


def check_value(name: str, value: str) -> str | None:
    """What is wrong with the value of a variable, or None."""
    if "\0" in value:
        return f"the value of {quote(name)} contains a NUL character"
    try:
        size = len(name) + 1 + len(value.encode())
    except UnicodeEncodeError as error:
        return f"the value of {quote(name)} contains {value[error.start]!a}, half of a character"
    if size > LONGEST_ENTRY:
        return f"the value of {quote(name)} has {size:,} bytes; the kernel takes {LONGEST_ENTRY:,} at most"
    return None
