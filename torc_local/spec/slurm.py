"""What a workflow file says to Slurm: without effect here, but actions name schedulers, and some of it is always wrong.

Keys that nobody knows are noted and not refused: only Slurm could tell what they mean.
"""

from torc_local.spec.fields import text, whole
from torc_local.spec.places import Path
from torc_local.spec.problems import LINE, Problems
from torc_local.spec.wording import describe, did_you_mean, quote

TEXTS = ("name", "account", "gres", "mem", "partition", "qos", "tmp", "walltime", "extra")
NUMBERS = ("nodes", "ntasks_per_node")
SCHEDULER_KEYS = frozenset({*TEXTS, *NUMBERS})

#: They are set for each allocation, so no default can be meant (Torc, in any case of letters).
NOT_DEFAULTS = frozenset({"partition", "nodes", "walltime", "time", "mem", "gres", "name", "job-name"})


def read_slurm(tree: dict[str, object], problems: Problems) -> list[str]:
    """The names of ``slurm_schedulers``; what is wrong with them, or with ``slurm_defaults``, is reported."""
    _check_defaults(tree.get("slurm_defaults"), problems)
    value, path = tree.get("slurm_schedulers"), ("slurm_schedulers",)
    if value is None:
        return []
    if not isinstance(value, list):
        problems.add(path, f"'slurm_schedulers' must be a list, not {describe(value)}", "begin each with '- name:'")
        return []
    first: dict[str, int] = {}
    for index, entry in enumerate(value):
        here: Path = (*path, index)
        if not isinstance(entry, dict):
            problems.add(here, f"a Slurm scheduler must be a mapping, not {describe(entry)}", "begin it with '- name:'")
            continue
        name = _read(entry, here, problems)
        if name is not None and first.setdefault(name, index) != index:
            message = f"Slurm scheduler {quote(name)} exists twice, first in line {LINE}"
            problems.add((*here, "name"), message, "rename or remove one", lines=[(*path, first[name], "name")])
    return list(first)


def _read(entry: dict[str, object], here: Path, problems: Problems) -> str | None:
    said = {key: text(entry.get(key), key, (*here, key), problems) for key in TEXTS}
    for key in NUMBERS:
        whole(entry.get(key), key, (*here, key), problems, least=1, default=1)
    if entry.get("account") is None:
        problems.add(here, "this Slurm scheduler has no 'account'", "add one:  account: NAME")
    for key in entry.keys() - SCHEDULER_KEYS:
        message = f"the key {quote(key)} of a Slurm scheduler is not known here"
        problems.warn((*here, key), message, did_you_mean(key, SCHEDULER_KEYS))
    return said["name"]


def _check_defaults(value: object, problems: Problems) -> None:
    path: Path = ("slurm_defaults",)
    if value is None:
        return
    if not isinstance(value, dict):
        problems.add(path, f"'slurm_defaults' must be a mapping, not {describe(value)}")
        return
    for key, item in value.items():
        if key.lower() in NOT_DEFAULTS:
            message = f"{quote(key)} cannot be in 'slurm_defaults'"
            problems.add((*path, key), message, "each scheduler says it for itself", at_key=True)
        elif isinstance(item, dict | list):
            problems.add((*path, key), f"{quote(key)} in 'slurm_defaults' must be one value, not {describe(item)}")
