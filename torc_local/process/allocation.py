"""What Slurm lets this process have: how long, how many CPUs and how much memory. Outside of an allocation, no limit.

Slurm says it to the tasks that it starts, in their environment (sbatch(1), srun(1): output environment variables), and
most clusters also hold them to it with control groups. ``SLURMD_NODENAME`` is there only for what runs on a node of
the allocation: a shell that ``salloc`` opened elsewhere is not limited by it.
"""

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from torc_local.ground import clock

#: A controller that is busy answers late; a node that waits for it does nothing.
_PATIENCE_S = 30.0

_LEFT = re.compile(r"(?:(\d+)-)?(?:(?:(\d+):)?(\d+):)?(\d+)")
_MEGABYTE = 1 << 20

#: What version 1 of control groups shows where nothing is limited is the largest whole number of pages.
_NO_LIMIT = 1 << 62


def seconds_left(environ: Mapping[str, str], ask: Callable[[str], str | None] | None = None) -> float | None:
    """How long the allocation goes on that this process is in; None: there is none, or it has no end.

    Never less than a second. The controller is asked once, with ``ask``, where the environment does not tell (Slurm
    before 23.02); when it does not answer, there is no limit that we know of.
    """
    job_id = environ.get("SLURM_JOB_ID", "")
    if not job_id:
        return None
    end = environ.get("SLURM_JOB_END_TIME", "")
    if end.isdecimal():
        return max(int(end) - clock.now(), 1.0)
    answer = (ask or _ask_controller)(job_id)
    left = None if answer is None else parse_left(answer)
    return None if left is None else max(left, 1.0)


def parse_left(text: str) -> float | None:
    """What ``squeue -o %L`` prints: ``days-hours:minutes:seconds``, or a word where there is no end."""
    found = _LEFT.fullmatch(text.strip())
    if found is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def cpus(environ: Mapping[str, str], allowed: int) -> int:
    """How many of the CPUs that this process may run on the allocation has on this node."""
    given = environ.get("SLURM_CPUS_ON_NODE", "")
    return min(allowed, int(given)) if _on_node(environ) and given.isdecimal() and int(given) else allowed


def memory_bytes(environ: Mapping[str, str], total: int) -> int:
    """How much of this machine's memory the allocation has on this node."""
    if not _on_node(environ):
        return total
    node, cpu = (environ.get(name, "") for name in ("SLURM_MEM_PER_NODE", "SLURM_MEM_PER_CPU"))
    if node.isdecimal() and int(node):  # 0 is all of it
        return min(total, int(node) * _MEGABYTE)
    if cpu.isdecimal() and int(cpu):
        return min(total, int(cpu) * _MEGABYTE * cpus(environ, 1 << 31))
    return total


def group_memory_bytes(total: int, groups: str | None = None, root: Path = Path("/sys/fs/cgroup")) -> int:
    """How much memory the control groups of this process leave it, those above included (cgroups(7))."""
    if groups is None:
        try:
            groups = Path("/proc/self/cgroup").read_text("utf-8", "surrogateescape")
        except OSError:
            return total
    return min([total, *_limits(groups, root)])


def _limits(groups: str, root: Path) -> Iterator[int]:
    for line in groups.splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers == "":
            top, name = root, "memory.max"
        elif "memory" in controllers.split(","):
            top, name = root / "memory", "memory.limit_in_bytes"
        else:
            continue
        here = top / path.lstrip("/")
        for directory in (here, *here.parents):
            if not directory.is_relative_to(top):
                break
            try:
                text = (directory / name).read_text("ascii").strip()
            except (OSError, UnicodeDecodeError):
                continue
            if text.isdecimal() and int(text) < _NO_LIMIT:
                yield int(text)


def _on_node(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("SLURM_JOB_ID") and environ.get("SLURMD_NODENAME"))


def _ask_controller(job_id: str) -> str | None:
    try:
        done = subprocess.run(
            ["squeue", "-h", "-j", job_id, "-o", "%L"],
            capture_output=True, text=True, check=False, timeout=_PATIENCE_S, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
