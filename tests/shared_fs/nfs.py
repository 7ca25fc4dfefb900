"""A kernel that serves a directory over NFS, and two that have it mounted: User-Mode Linux, each with a network card.

Tests and nodes talk through files of this machine (``agent.py``), so that a node without a network still answers.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.shared_fs.nodes import LONG, MAIN, Nodes, do
from tests.support.kernels import PATIENCE_S, Kernel, tool

AGENT = Path(__file__).with_name("agent.py")

PROGRAMS = ("linux", "ip", "modprobe", "exportfs", "rpc.nfsd", "rpc.mountd", "rpc.statd", "rpcbind", "mount.nfs")

#: Where a node has it mounted.
SHARED = "/mnt/shared"

#: How long the server keeps the locks of a node that is silent (seconds); 90 when nothing is said.
LEASE_S = 10

_EVERY = """\
mount -t tmpfs tmpfs /mnt && mount -t tmpfs tmpfs /var/lib/nfs && mount -t sysfs sysfs /sys
mount -t hostfs -o {root} hostfs {root}
hostname {name}
ip link set lo up && ip address add {address}/24 dev vec0 && ip link set vec0 up
mkdir -p /run/modules/lib /run/rpcbind /var/lib/nfs/sm /var/lib/nfs/sm.bak /var/lib/nfs/rpc_pipefs
ln -s /usr/lib/uml/modules /run/modules/lib/modules
: > /var/lib/nfs/state
"""
# The time after its start in which a server only lets locks be taken again is ended at once: nobody had any.
_SERVER = """\
modprobe -d /run/modules nfsd
mount -t nfsd nfsd /proc/fs/nfsd && mount -t rpc_pipefs sunrpc /var/lib/nfs/rpc_pipefs
mkdir -p /mnt/export /var/lib/nfs/v4recovery && mount -t tmpfs -o size=100m,mode=777 export /mnt/export
: > /var/lib/nfs/etab; : > /var/lib/nfs/rmtab
rpcbind -w; rpc.statd
echo {lease} > /proc/fs/nfsd/nfsv4leasetime; echo {lease} > /proc/fs/nfsd/nfsv4gracetime
exportfs -o rw,no_root_squash,sync,fsid=0,no_subtree_check,insecure '*:/mnt/export'
rpc.nfsd -L {lease} -G {lease} 4 && rpc.mountd
echo Y > /proc/fs/nfsd/v4_end_grace
echo up
while :; do sleep 1000; done
"""
_NODE = """\
modprobe -d /run/modules nfsv{version}
if [ {version} = 3 ]; then rpcbind -w; rpc.statd; fi
mkdir /mnt/shared && mount -t nfs -o {options} {server}:{exported} /mnt/shared || echo not mounted
export NODE={name}
exec {python} {agent} {exchange} /mnt/shared
"""


# A change of its own ends what a node remembers of a directory.
_NAMES = """
import json
from pathlib import Path
Path(".asks").touch()
Path(".asks").unlink()
print(json.dumps([str(one) for one in Path().glob({pattern!r})]))
"""


def missing() -> str | None:
    """Why there can be none here, as far as programs go; None when there can."""
    if os.geteuid() != 0:
        return "only root may make network cards"
    if not Path("/dev/net/tun").exists():
        return "there is no /dev/net/tun"
    lacking = [name for name in PROGRAMS if not Path(tool(name)).is_absolute()]
    return f"not installed: {', '.join(lacking)} (tests/components/install nfs)" if lacking else None


class Call:
    """A call on a node, by the files that it is made of."""

    def __init__(self, exchange: Path, number: int) -> None:
        self._files = exchange / str(number)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        code = self._files.with_suffix(".code")
        if self.returncode is None and code.exists():
            self.returncode = int(code.read_text())
        return self.returncode

    def answer(self, timeout: float = PATIENCE_S) -> str:
        """Wait for its end; what it ended with. Raises subprocess.TimeoutExpired."""
        code = self._files.with_suffix(".code")
        until = time.monotonic() + timeout
        while not code.exists():
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired(str(self._files), timeout)
            time.sleep(0.01)
        return code.read_text()

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        self.returncode = int(self.answer(PATIENCE_S if timeout is None else timeout))
        out, err = (self._files.with_suffix(f".{kind}").read_text() for kind in ("out", "err"))
        return out, err

    def kill(self) -> None:
        self._files.with_suffix(".kill").touch()


class Nfs(Nodes):
    """The server and its two nodes. ``options``: with what they mount, ``vers=4.2`` or ``vers=3`` first."""

    call_s, patience_s = 120, 2400  # a job takes 25 ms to start in such a kernel

    def __init__(self, root: Path, options: str = "vers=4.2") -> None:
        super().__init__(root)
        self._options = options
        self._kernels: dict[int, Kernel] = {}
        self._numbers = {1: 0, 2: 0}
        self._begin()

    def _up(self) -> None:
        bridge = f"{self._tag}b"
        do("ip", "link", "add", bridge, "type", "bridge")
        do("ip", "link", "set", bridge, "up")
        for number in (1, 2, 3):
            do("ip", "tuntap", "add", "dev", self._card(number), "mode", "tap")
            do("ip", "link", "set", self._card(number), "master", bridge, "up")
        self._boot(3, "server", _SERVER.format(lease=LEASE_S))
        self._kernels[3].hear("up")
        version = self._options[len("vers=")]
        for number in (1, 2):
            exchange = self._exchange(number)
            exchange.mkdir(parents=True)
            commands = _NODE.format(
                version=version, options=self._options, server=self._address(3),
                exported="/" if version == "4" else "/mnt/export", name=f"node{number}", python=sys.executable,
                agent=AGENT, exchange=exchange,
            )  # fmt: skip
            self._boot(number, f"node{number}", commands)
        for number in (1, 2):
            said = self._kernels[number].hear("up", "not")
            assert said.text == "up", "\n".join(self._kernels[number].console)

    def _boot(self, number: int, name: str, commands: str) -> None:
        own = self.root / name
        own.mkdir(parents=True, exist_ok=True)
        every = _EVERY.format(root=self.root, name=name, address=self._address(number))
        card = f"vec0:transport=tap,ifname={self._card(number)},depth=64,gro=1"
        self._kernels[number] = Kernel(own, every + commands, card)

    def _card(self, number: int) -> str:
        return f"{self._tag}t{number}"

    def _address(self, number: int) -> str:
        return f"{self._net}.1{number}"

    def _exchange(self, number: int) -> Path:
        return self.root / f"node{number}" / "exchange"

    def _ask(self, number: int, **what: object) -> Call:
        self._numbers[number] += 1
        request = self._exchange(number) / f"{self._numbers[number]}.json"
        new = request.with_suffix(".new")
        new.write_text(json.dumps(what))
        new.rename(request)
        return Call(self._exchange(number), self._numbers[number])

    def start(self, number: int, *words: str, program: str = MAIN, database: str = "torc.db") -> Call:
        return self._ask(number, words=["--db", database, *words], program=program)

    def write(self, name: str, text: str) -> None:
        self._run(1, f"import pathlib; pathlib.Path({name!r}).write_text({text!r})")

    def names(self, pattern: str) -> list[str]:
        return list(json.loads(self._run(2, _NAMES.format(pattern=pattern))))

    def _run(self, number: int, program: str) -> str:
        code, out, err = self.call(number, program=program)
        assert code == 0, err
        return out

    def long_jobs(self) -> set[tuple[int, int]]:
        numbers = set(self._kernels) & {1, 2}
        return {(number, pid) for number in numbers for pid in json.loads(self._ask(number, long=LONG).answer())}

    @property
    def keeps_locks(self) -> bool:
        """Of a node that it does not hear any more: version 3 knows no lease."""
        return self._options.startswith("vers=3")

    def die(self, number: int) -> None:
        """With its kernel, but for version 3: its server keeps the locks of a dead machine until that boots again."""
        if self.keeps_locks:
            self._ask(number, die=True).answer()
        else:
            self._kernels.pop(number).kill()

    def cut_off(self, number: int, *, cut: bool = True) -> None:
        # A card that was down is never up again for the guest.
        do("ip", "link", "set", self._card(number), *(["nomaster"] if cut else ["master", f"{self._tag}b"]))

    def down(self) -> None:
        for number in (1, 2, 3):
            if number in self._kernels:
                self._kernels.pop(number).kill()
            subprocess.run(["ip", "link", "del", self._card(number)], check=False, capture_output=True)
        subprocess.run(["ip", "link", "del", f"{self._tag}b"], check=False, capture_output=True)
