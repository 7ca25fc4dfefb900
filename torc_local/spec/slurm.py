"""What a workflow file says to Slurm: what ``slurm submit`` and actions ask it for.

Keys that nobody knows are noted and not refused: only Slurm could tell what they mean.
"""

import re
import shlex
from typing import NamedTuple

from torc_local.spec.fields import text, whole
from torc_local.spec.places import Path
from torc_local.spec.problems import LINE, Problems
from torc_local.spec.wording import describe, did_you_mean, quote

TEXTS = ("name", "account", "gres", "mem", "partition", "qos", "tmp", "walltime", "extra")
NUMBERS = ("nodes", "ntasks_per_node")
SCHEDULER_KEYS = frozenset({*TEXTS, *NUMBERS})

#: They are set for each allocation, so no default can be meant (Torc, in any case of letters).
NOT_DEFAULTS = frozenset({"partition", "nodes", "walltime", "time", "mem", "gres", "name", "job-name"})

_OPTION = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")

#: Keys and what they are set to, in the order of the file.
Pairs = tuple[tuple[str, str], ...]


class Slurm(NamedTuple):
    """What was said: the keys of each scheduler, and options of ``sbatch`` (an empty value: the option alone)."""

    schedulers: tuple[Pairs, ...] = ()
    defaults: Pairs = ()

    @property
    def names(self) -> list[str]:
        """The names of the schedulers that have one."""
        return list(dict.fromkeys(value for one in self.schedulers for key, value in one if key == "name"))


def read_slurm(tree: dict[str, object], problems: Problems) -> Slurm:
    """``slurm_schedulers`` and ``slurm_defaults``; what is wrong with them is reported."""
    defaults = _defaults(tree.get("slurm_defaults"), problems)
    value, path = tree.get("slurm_schedulers"), ("slurm_schedulers",)
    if value is None:
        return Slurm((), defaults)
    if not isinstance(value, list):
        problems.add(path, f"'slurm_schedulers' must be a list, not {describe(value)}", "begin each with '- name:'")
        return Slurm((), defaults)
    first: dict[str, int] = {}
    found = []
    for index, entry in enumerate(value):
        here: Path = (*path, index)
        if not isinstance(entry, dict):
            problems.add(here, f"a Slurm scheduler must be a mapping, not {describe(entry)}", "begin it with '- name:'")
            continue
        said = _read(entry, here, problems)
        found.append(tuple(said.items()))
        name = said.get("name")
        if name is not None and first.setdefault(name, index) != index:
            message = f"Slurm scheduler {quote(name)} exists twice, first in line {LINE}"
            problems.add((*here, "name"), message, "rename or remove one", lines=[(*path, first[name], "name")])
    return Slurm(tuple(found), defaults)


def _read(entry: dict[str, object], here: Path, problems: Problems) -> dict[str, str]:
    said = {}
    for key in TEXTS:
        value = text(entry.get(key), key, (*here, key), problems)
        if value is not None:
            said[key] = value
            _check_line(value, key, (*here, key), problems)
    for key in NUMBERS:
        number = whole(entry.get(key), key, (*here, key), problems, least=1, default=1)
        if entry.get(key) is not None:
            said[key] = str(number)
    try:
        shlex.split(said.get("extra", ""))
    except ValueError as error:
        problems.add((*here, "extra"), f"'extra' cannot be read as words: {str(error).lower()}")
    if entry.get("account") is None:
        problems.add(here, "this Slurm scheduler has no 'account'", "add one:  account: NAME")
    for key in entry.keys() - SCHEDULER_KEYS:
        message = f"the key {quote(key)} of a Slurm scheduler is not known here"
        problems.warn((*here, key), message, did_you_mean(key, SCHEDULER_KEYS))
    return said


def _defaults(value: object, problems: Problems) -> Pairs:
    path: Path = ("slurm_defaults",)
    if value is None:
        return ()
    if not isinstance(value, dict):
        problems.add(path, f"'slurm_defaults' must be a mapping, not {describe(value)}")
        return ()
    found = []
    for key, item in value.items():
        if key.lower() in NOT_DEFAULTS:
            message = f"{quote(key)} cannot be in 'slurm_defaults'"
            problems.add((*path, key), message, "each scheduler says it for itself", at_key=True)
        elif _OPTION.fullmatch(key) is None:
            problems.add((*path, key), f"{quote(key)} in 'slurm_defaults' is no option of sbatch", at_key=True)
        elif isinstance(item, dict | list):
            problems.add((*path, key), f"{quote(key)} in 'slurm_defaults' must be one value, not {describe(item)}")
        elif item is not None and item is not False:
            said = "" if item is True else str(item)
            _check_line(said, key, (*path, key), problems)
            found.append((key, said))
    return tuple(found)


def _check_line(value: str, key: str, path: Path, problems: Problems) -> None:
    if not value.isprintable():
        problems.add(path, f"{quote(key)} has characters that a batch script cannot carry")
