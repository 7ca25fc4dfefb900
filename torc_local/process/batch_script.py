"""The batch script of an allocation: each of its nodes works on one workflow, until that is done or the time is over.

Options come from ``slurm_defaults``, then the scheduler of the workflow file, then the command line; the later one
wins. Every value is one shell word in a ``#SBATCH`` line, which sbatch reads as a shell would.
"""

import math
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from torc_local.ground.errors import InputError
from torc_local.ground.units import parse_duration

#: Torc's, for a scheduler that does not say it.
_WALLTIME = "01:00:00"

#: An imported workflow has no account: Torc's documents name it, and ours leave it out.
_NO_ACCOUNT = "-"

#: After Slurm's TERM jobs have so long; Slurm itself kills after 30 s (KillWait).
_GRACE_S = 15

_SRUN = (
    '--nodes="$SLURM_JOB_NUM_NODES" --ntasks="$SLURM_JOB_NUM_NODES" --ntasks-per-node=1 --cpu-bind=none '
    "--kill-on-bad-exit=0 --wait=0 --no-kill --label"
)

_OPTIONS = {"walltime": "time", "ntasks_per_node": "ntasks-per-node"}
_SLURMS_TIME = re.compile(r"\d+|[\d:-]*:[\d:-]+|\d+-\d+|UNLIMITED|INFINITE", re.IGNORECASE)


class Wish(NamedTuple):
    """What is asked for: options of sbatch by their long names, in three ranks, and what each node is to do."""

    workflow_id: int
    db_path: Path
    name: str  # of the allocation in Slurm
    directory: Path  # where jobs work
    defaults: Sequence[tuple[str, str]] = ()
    scheduler: Sequence[tuple[str, str]] = ()
    asked: Mapping[str, str] = {}
    extra: Sequence[str] = ()  # whole options
    jobs: int | None = None
    output_dir: Path | None = None
    shared: str | None = None  # "shared" or "local": what the file system was said to be


def options(wish: Wish) -> dict[str, str]:
    """Options of sbatch by their long names; an empty value: the option alone. Raises InputError."""
    found = {"job-name": wish.name, "nodes": "1", "chdir": str(wish.directory)}
    found |= {"output": _log(wish.db_path), "no-kill": ""}
    found |= {key.replace("_", "-"): value for key, value in wish.defaults}
    if wish.scheduler:
        found["time"] = _WALLTIME
    found |= {
        _OPTIONS.get(key, key): value
        for key, value in wish.scheduler
        if key not in ("name", "extra") and (key, value) != ("account", _NO_ACCOUNT)
    }
    found |= wish.asked
    for key, value in found.items():
        if not value.isprintable():
            raise InputError(f"--{key} has characters that a batch script cannot carry")
    if "time" in found:
        found["time"] = slurm_time(found["time"])
    # Jobs share a node here, so what is wanted of it is all of it, unless a part was named.
    if not {"cpus-per-task", "ntasks-per-node", "exclusive", "oversubscribe"} & found.keys():
        found["exclusive"] = ""
        if not {"mem-per-cpu", "mem-per-gpu"} & found.keys():
            found.setdefault("mem", "0")  # Slurm: all of it
    return found


def write(wish: Wish) -> str:
    """The script. Raises InputError for a value that no script can carry."""
    said = options(wish)
    whole = [*wish.extra, *shlex.split(dict(wish.scheduler).get("extra", ""))]
    lines = [shlex.quote(f"--{key}={value}" if value else f"--{key}") for key, value in said.items()]
    command = [sys.executable, "-m", "torc_local"]
    if wish.shared is not None:
        command.append(f"--{wish.shared}")
    command += ["--db", str(wish.db_path), "join", str(wish.workflow_id)]
    command += ["--time-limit", "auto", "--grace", str(_GRACE_S), "--progress", "lines"]
    if wish.jobs is not None:
        command += ["--jobs", str(wish.jobs)]
    if wish.output_dir is not None:
        command += ["--output-dir", str(wish.output_dir)]
    return "\n".join(
        [
            "#!/bin/bash",
            *(f"#SBATCH {line}" for line in [*lines, *map(shlex.quote, whole)]),
            "",
            "# One task on each node: it works until the workflow is done, or ends cleanly before the allocation does.",
            "# One that ends, or whose node fails, ends no other.",
            f"exec srun {_SRUN} \\",
            f"  {shlex.join(command)}",
            "",
        ]
    )


def slurm_time(text: str) -> str:
    """A time as sbatch takes it: its own spellings (minutes, ``hours:minutes:seconds``, ...), or ours, such as 2h."""
    if _SLURMS_TIME.fullmatch(text):
        return text
    try:
        return str(math.ceil(parse_duration(text) / 60))
    except ValueError as error:
        raise InputError(f"--time: {error}", hint="write 2h, or as Slurm does: 02:00:00") from None


def _log(db_path: Path) -> str:
    """Beside the database; Slurm replaces %j by the number of the allocation, and %% by one."""
    return f"{str(db_path.parent).replace('%', '%%')}/slurm-%j.log"
