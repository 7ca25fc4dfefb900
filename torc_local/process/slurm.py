"""Slurm's own programs: asking for an allocation, looking at it, and ending it. Each is called once for a question.

Crash table of a request: what a SIGKILL leaves at each moment.

    moment                            in Slurm        on record
    before sbatch has answered        perhaps it      nothing; found by its name (``status``, ``cancel``) while it lives
    before it is recorded             it              the same
    recorded                          it              it

An allocation too many costs nothing: its nodes find nothing to do and end.
"""

import os
import subprocess
from typing import NamedTuple

from torc_local.ground.errors import StateError

_PATIENCE_S = 120.0

# Slurm passes on the environment. What belongs to the runner or the allocation that asks does not belong to the new
# one: leftovers of a runner are found by such variables, and srun takes SLURM_* for options.
_STAY = ("TORC_", "SLURM_", "SLURMD_", "SRUN_")
_GO = frozenset({"SLURM_CONF", "SLURM_TIME_FORMAT", "SLURM_CLUSTERS"})


class Living(NamedTuple):
    """An allocation that waits or runs, as squeue tells it."""

    job_id: int
    state: str
    nodes: str
    left: str
    why: str  # its nodes, or why it waits


def submit(script: str) -> int:
    """Ask for an allocation; its number. Raises StateError when there is no Slurm, or when it refuses."""
    answer = _call(["sbatch", "--parsable"], script)
    number = answer.strip().split(";")[0]
    if not number.isdecimal():
        raise StateError(f"sbatch answered '{answer.strip()}', which is no number of a job")
    return int(number)


def living(name: str) -> list[Living]:
    """The allocations of this name that wait or run, of whoever asks."""
    user = str(os.getuid())
    answer = _call(["squeue", "-h", "-u", user, f"--name={name}", "-o", "%A|%T|%D|%L|%R"])
    rows = [line.split("|", 4) for line in answer.splitlines() if line.count("|") >= 4]  # noqa: PLR2004 - see above
    return [Living(int(row[0]), *row[1:]) for row in rows if row[0].isdecimal()]


def cancel(job_ids: list[int]) -> None:
    """Ask Slurm to end allocations: their nodes are told, and end their jobs cleanly."""
    if job_ids:
        _call(["scancel", *map(str, job_ids)])


def accounting(job_ids: list[int]) -> list[list[str]] | None:
    """What Slurm has on record of allocations: id, state, elapsed time, nodes, CPUs, CPU time. None: it keeps none."""
    fields = "JobIDRaw,State,Elapsed,NNodes,AllocCPUS,TotalCPU"
    try:
        answer = _call(["sacct", "-X", "-n", "-P", "-j", ",".join(map(str, job_ids)), "-o", fields])
    except StateError as error:
        if "accounting storage is disabled" in error.message or "not installed" in error.message:
            return None
        raise
    return [line.split("|") for line in answer.splitlines() if line]


def _call(words: list[str], text: str = "") -> str:
    environment = {name: value for name, value in os.environ.items() if name in _GO or not name.startswith(_STAY)}
    try:
        done = subprocess.run(
            words, input=text, capture_output=True, text=True, check=False, env=environment, timeout=_PATIENCE_S
        )
    except FileNotFoundError:
        hint = "call this where Slurm is; torc-local run and join need none"
        raise StateError(f"Slurm's {words[0]} is not installed here", hint=hint) from None
    except OSError as error:
        raise StateError(f"cannot call {words[0]}: {os.strerror(error.errno or 0).lower()}") from None
    except subprocess.TimeoutExpired:
        raise StateError(f"{words[0]} has not answered for {_PATIENCE_S:.0f} s", hint="sinfo, scontrol ping") from None
    if done.returncode != 0:
        said = [line.split(": ", 1)[-1] for line in done.stderr.splitlines() if line.strip()]
        raise StateError(f"{words[0]} refused: {'; '.join(said) or f'exit {done.returncode}'}")
    return done.stdout
