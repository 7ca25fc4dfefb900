"""A Slurm of its own: munged, a controller and two nodes, all in one directory, which end with ``down``.

Nothing of this machine's configuration is read or written. Each node has host name and pids of its own, so that
runners on it take each other for different machines.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
from contextlib import ExitStack, suppress
from pathlib import Path

from tests.support.waiting import wait_for

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "srun", "scancel", "setpriv", "unshare")
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"

_CONFIGURATION = """\
ClusterName=torclocal
SlurmctldHost=localhost
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={root}/munge/socket
SlurmctldPort={ports[0]}
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd-%n.pid
SlurmdSpoolDir={root}/spool-%n
StateSaveLocation={root}/state
SlurmctldLogFile={root}/slurmctld.log
SlurmdLogFile={root}/slurmd-%n.log
# Like proctrack/cgroup, this sends TERM to what Slurm has started and not to all that this has started in turn.
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
NodeName=n1 NodeHostname=localhost Port={ports[1]} CPUs=4 RealMemory=2000 State=UNKNOWN
NodeName=n2 NodeHostname=localhost Port={ports[2]} CPUs=4 RealMemory=2000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str | None:
    """Why there can be none here; None when there can."""
    if os.geteuid() != 0:
        return "only root may start its daemons"
    lacking = [name for name in PROGRAMS if shutil.which(name, path=_PATH) is None]
    if lacking:
        return f"not installed: {', '.join(lacking)} (tests/components/install slurm)"
    try:
        pwd.getpwnam("munge")
    except KeyError:
        return "there is no user munge"
    return None


class Slurm:
    """The daemons. ``environment`` is that of who wants to talk to them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._running: list[subprocess.Popen[bytes]] = []
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "TORC_"))}
        self.environment = {**inherited, "PATH": _PATH, "SLURM_CONF": str(root / "slurm.conf")}
        try:
            self._up()
        except BaseException:
            self.down()
            raise

    def _up(self) -> None:
        keys = self._root / "munge"
        (self._root / "state").mkdir(parents=True)
        keys.mkdir()
        (keys / "key").write_bytes(os.urandom(256))
        who = pwd.getpwnam("munge")
        for path in (keys, keys / "key"):
            os.chown(path, who.pw_uid, who.pw_gid)
        (keys / "key").chmod(0o600)
        (self._root / "slurm.conf").write_text(_CONFIGURATION.format(root=self._root, ports=_free_ports(3)))
        names = ("key-file", "socket", "pid-file", "log-file", "seed-file")
        files = [f"--{name}={keys / name.removesuffix('-file')}" for name in names]
        user = ["setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--clear-groups"]
        self._start("munged", [*user, "munged", "--foreground", *files])
        self._wait("munged", (keys / "socket").exists)
        self._start("slurmctld", ["slurmctld", "-D"])
        # The shell stays: as the first process of its node it has to take leave of those that nobody waits for.
        for name in ("n1", "n2"):
            apart = ["unshare", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c"]
            self._start(name, [*apart, f"hostname {name}; slurmd -D -N {name}; exit"])
        self._wait("two idle nodes", lambda: self.ask("sinfo", "-h", "-o", "%T %D") == "idle 2")

    def ask(self, *words: str) -> str:
        """What one of Slurm's programs says."""
        done = subprocess.run(
            words, capture_output=True, text=True, env=self.environment, check=False, timeout=30, cwd=self._root
        )
        return done.stdout.strip()

    def wait_until_idle(self, seconds: float = 60) -> None:
        """Wait until no allocation is there any more."""
        self._wait("the end of all allocations", lambda: self.ask("squeue", "-h") == "", seconds)

    def down(self) -> None:
        """End all of it."""
        for process in reversed(self._running):
            with suppress(ProcessLookupError):
                # unshare does not heed TERM while its child lives, and takes it along when it is killed.
                process.send_signal(signal.SIGKILL if "unshare" in str(process.args) else signal.SIGTERM)
        for process in reversed(self._running):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, name: str, words: list[str]) -> None:
        with (self._root / f"{name}.out").open("wb") as log:
            self._running.append(
                subprocess.Popen(
                    words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment, cwd=self._root
                )
            )

    def _wait(self, what, holds, seconds: float = 30) -> None:
        wait_for(holds, seconds, pause_s=0.1, told=lambda: f"no {what}: {self._told()}")

    def _told(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-1000:] for path in sorted(self._root.glob("*.out")))


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in found:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in found]
