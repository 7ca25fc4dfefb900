"""A GlusterFS server and two nodes with a mount of it each: network namespaces of their own, and pids and names, too.

The server needs no daemon and no configuration of this machine; everything is in one directory and ends with ``down``.
"""

import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

from tests.shared_fs.nodes import LONG, MAIN, Nodes, do
from tests.support.waiting import wait_for

PROGRAMS = ("glusterfsd", "glusterfs", "ip", "nsenter", "unshare", "umount")

_SERVER = """\
volume posix
  type storage/posix
  option directory {brick}
end-volume
volume locks
  type features/locks
  subvolumes posix
end-volume
volume brick
  type performance/io-threads
  subvolumes locks
end-volume
volume server
  type protocol/server
  option transport-type tcp
  option transport.socket.bind-address {address}
  option transport.socket.listen-port 24999
  option transport.tcp-user-timeout 2
  option transport.socket.keepalive-time 1
  option transport.socket.keepalive-interval 1
  option transport.socket.keepalive-count 1
  option auth.addr.brick.allow *
  subvolumes brick
end-volume
"""
_CLIENT = """\
volume remote
  type protocol/client
  option transport-type tcp
  option remote-host {address}
  option remote-port 24999
  option remote-subvolume brick
  option ping-timeout 0
  option transport.tcp-user-timeout 2
  option transport.socket.keepalive-time 1
  option transport.socket.keepalive-interval 1
  option transport.socket.keepalive-count 1
  option frame-timeout 20
end-volume
"""


def missing() -> str | None:
    """Why there can be none here; None when there can."""
    if os.geteuid() != 0:
        return "only root may mount"
    if not Path("/dev/fuse").exists():
        return "there is no /dev/fuse"
    lacking = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"not installed: {', '.join(lacking)} (tests/components/install gluster)" if lacking else None


class Gluster(Nodes):
    """The server and its two nodes. ``direct``: without the kernel's cache of pages, which makes it sound."""

    call_s, patience_s = 60, 600

    def __init__(self, root: Path, *, direct: bool) -> None:
        super().__init__(root)
        self._pids: list[int] = []
        self._running: list[tuple[int, subprocess.Popen[str]]] = []
        self._options = ["--direct-io-mode=enable"] if direct else []
        self._begin()

    def _up(self) -> None:
        address = f"{self._net}.1"
        (self.root / "brick").mkdir(parents=True)
        (self.root / "server.vol").write_text(_SERVER.format(brick=self.root / "brick", address=address))
        (self.root / "client.vol").write_text(_CLIENT.format(address=address))
        bridge = f"{self._tag}b"
        do("ip", "link", "add", bridge, "type", "bridge")
        do("ip", "addr", "add", f"{address}/24", "dev", bridge)
        do("ip", "link", "set", bridge, "up")
        for number in (1, 2):
            space, outside = self._space(number), f"{self._tag}v{number}"
            do("ip", "netns", "add", space)
            do("ip", "link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", space)
            do("ip", "link", "set", outside, "master", bridge, "up")
            do("ip", "-n", space, "addr", "add", f"{self._net}.1{number}/24", "dev", "eth0")
            do("ip", "-n", space, "link", "set", "eth0", "up")
            do("ip", "-n", space, "link", "set", "lo", "up")
        self._daemon("server", ["glusterfsd", "-f", str(self.root / "server.vol")])
        time.sleep(0.5)
        for number in (1, 2):
            self.mount(number).mkdir()
            enter = ["nsenter", f"--net=/run/netns/{self._space(number)}"]
            client = ["glusterfs", "-f", str(self.root / "client.vol"), *self._options, str(self.mount(number))]
            self._daemon(f"client{number}", [*enter, *client])
        wait_for(lambda: all(self.mount(number).is_mount() for number in (1, 2)), told=lambda: "it is not mounted")

    def _daemon(self, name: str, words: list[str]) -> None:
        pid_file = self.root / f"{name}.pid"
        do(*words, "-p", str(pid_file), "-l", str(self.root / f"{name}.log"))
        wait_for(lambda: pid_file.exists() and pid_file.read_text().strip(), told=lambda: f"{name} did not start")
        self._pids.append(int(pid_file.read_text()))

    def _space(self, number: int) -> str:
        return f"{self._tag}n{number}"

    def mount(self, number: int) -> Path:
        """Where a node has the file system."""
        return self.root / f"node{number}"

    def start(
        self, number: int, *words: str, program: str = MAIN, database: str = "torc.db"
    ) -> "subprocess.Popen[str]":
        script = f'hostname node{number}; export NODE=node{number}; cd "$1"; shift; exec "$@"'
        enter = ["nsenter", f"--net=/run/netns/{self._space(number)}"]
        # All of its processes end with the first.
        inside = ["unshare", "--pid", "--fork", "--uts", "--mount-proc", "--kill-child=KILL", "bash", "-c", script]
        process = subprocess.Popen(
            [*enter, *inside, "bash", str(self.mount(number)), sys.executable, "-c", program, "--db", database, *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._running.append((number, process))
        return process

    def write(self, name: str, text: str) -> None:
        (self.mount(1) / name).write_text(text)

    def names(self, pattern: str) -> list[str]:
        return [str(one.relative_to(self.mount(2))) for one in self.mount(2).glob(pattern)]

    def long_jobs(self) -> set[tuple[int, int]]:
        """Told by the name of the machine that they believe to be on."""
        found = set()
        for entry in os.scandir("/proc"):
            if entry.name.isdigit():
                with suppress(OSError):
                    process = Path(entry.path)
                    if (process / "cmdline").read_bytes() == b"sleep\0" + LONG.encode() + b"\0":
                        given = (process / "environ").read_bytes().split(b"\0")
                        found |= {
                            (number, int(entry.name)) for number in (1, 2) if f"NODE=node{number}".encode() in given
                        }
        return found

    def die(self, number: int) -> None:
        for on, process in self._running:
            if on == number:
                process.kill()

    def cut_off(self, number: int, *, cut: bool = True) -> None:
        do("ip", "link", "set", f"{self._tag}v{number}", "down" if cut else "up")

    def down(self) -> None:
        for _, process in self._running:
            process.kill()
        for number in (1, 2):
            subprocess.run(["umount", "-l", str(self.mount(number))], check=False, capture_output=True)
        for pid in reversed(self._pids):
            _end(pid)
        # Without its client a mount answers those that still wait for it, so that they can end.
        for _, process in self._running:
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=20)
        for number in (1, 2):
            subprocess.run(["ip", "netns", "del", self._space(number)], check=False, capture_output=True)
            subprocess.run(["ip", "link", "del", f"{self._tag}v{number}"], check=False, capture_output=True)
        subprocess.run(["ip", "link", "del", f"{self._tag}b"], check=False, capture_output=True)


def _end(daemon: int) -> None:
    """It takes its time to end, or hangs and never does."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(daemon)
        process.terminate()
        until = time.monotonic() + 2
        while process.status() != psutil.STATUS_ZOMBIE:  # whoever adopted it may not care
            if time.monotonic() > until:
                process.kill()
                return
            time.sleep(0.02)
