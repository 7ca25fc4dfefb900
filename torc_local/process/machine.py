"""This machine: who it is, what it has, and whether one of its processes still lives.

A pid is reused sooner or later, a host name is not unique: a process is told by pid and start time, a machine by its
machine-id and boot id.
"""

import os
import signal
import socket
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from torc_local.ground import clock
from torc_local.process import allocation
from torc_local.process.gpus import devices
from torc_local.store.runners import RunnerRow


class Machine(NamedTuple):
    """What a runner's node row says."""

    hostname: str
    boot_id: str
    num_cpus: int
    memory_bytes: int
    num_gpus: int


def this_machine(*, cpus: int | None = None, memory_bytes: int | None = None, gpus: int | None = None) -> Machine:
    """This machine, with what it has as far as we are allowed to use it; arguments override what is found."""
    return Machine(
        hostname=socket.gethostname(),
        boot_id=boot_id(),
        num_cpus=allocation.cpus(os.environ, len(os.sched_getaffinity(0))) if cpus is None else cpus,
        memory_bytes=_memory_bytes() if memory_bytes is None else memory_bytes,
        num_gpus=len(devices(None, os.environ).names) if gpus is None else gpus,
    )


def boot_id() -> str:
    """Machine-id, boot id and pid namespace: the same for two processes exactly when they can see each other's pids.

    Containers on one machine share its boot id, and may share a machine-id, but not their pids.
    """
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        namespace = ""
    return f"{_line('/etc/machine-id')}:{_line('/proc/sys/kernel/random/boot_id')}:{namespace}"


def same_machine_rebooted(boot: str, hostname: str) -> bool:
    """Whether these name an earlier boot of this machine, so that none of its processes can be left."""
    machine, booted, *_ = [*boot.split(":"), ""]
    here, now, *_ = boot_id().split(":")
    return hostname == socket.gethostname() and machine == here and booted != now


def start_of(pid: int) -> int | None:
    """When the process started, in clock ticks after boot; None when there is no such process, or only its zombie."""
    fields = stat(pid)
    return None if not fields or fields[0] in ("Z", "X") else int(fields[19])


def is_gone(boot: str, hostname: str, pid: int, pid_start: int) -> bool:
    """Whether the process of a row of ours certainly died: on this machine, an earlier boot of it included.

    Those of other machines are taken for alive.
    """
    if boot == boot_id():
        return not is_alive(pid, pid_start)
    return same_machine_rebooted(boot, hostname)


def dead(runners: Iterable[RunnerRow]) -> set[int]:
    """The ids of the runners that certainly died."""
    return {one.id for one in runners if is_gone(one.boot_id, one.hostname, one.pid, one.pid_start)}


def is_halted(pid: int) -> bool:
    """Whether the process cannot do anything: it was stopped by somebody, or hangs in the kernel."""
    fields = stat(pid)
    return bool(fields) and fields[0] in ("T", "t", "D")


def kill(pid: int, pid_start: int) -> None:
    """End this very process at once, if it is there."""
    if is_alive(pid, pid_start):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def started(ticks: int) -> float:
    """The UTC time of a process's start, given in clock ticks after boot."""
    return clock.utc(ticks / os.sysconf("SC_CLK_TCK"))


def is_alive(pid: int, pid_start: int) -> bool:
    """Whether this very process lives, not a later one with its number."""
    return start_of(pid) == pid_start


def stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on (proc(5)); none when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("latin-1")
    except OSError:
        return []
    # The name in parentheses may contain anything, so fields are counted after its end.
    return text[text.rindex(")") + 2 :].split()


def _memory_bytes() -> int:
    total = allocation.group_memory_bytes(int(psutil.virtual_memory().total))
    return allocation.memory_bytes(os.environ, total)


def _line(path: str) -> str:
    try:
        return Path(path).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
