"""A GlusterFS server and two nodes with a mount of it each: network namespaces of their own, and pids and names, too.

The server needs no daemon and no configuration of this machine; everything is in one directory and ends with ``down``.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

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
  option ping-timeout 10
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


class Gluster:
    """The server and its two nodes, 1 and 2. ``direct``: without the kernel's cache of pages, which makes it sound."""

    def __init__(self, root: Path, *, direct: bool) -> None:
        self._root = root
        self._tag = f"tl{os.getpid() % 10_000}"
        self._net = f"10.{77 + os.getpid() % 100}.{os.getpid() // 100 % 250}"
        self._pids: list[int] = []
        self.running: list[subprocess.Popen[str]] = []
        try:
            self._up(["--direct-io-mode=enable"] if direct else [])
        except BaseException:
            self.down()
            raise

    def _up(self, options: list[str]) -> None:
        address = f"{self._net}.1"
        (self._root / "brick").mkdir(parents=True)
        (self._root / "server.vol").write_text(_SERVER.format(brick=self._root / "brick", address=address))
        (self._root / "client.vol").write_text(_CLIENT.format(address=address))
        bridge = f"{self._tag}b"
        _do("ip", "link", "add", bridge, "type", "bridge")
        _do("ip", "addr", "add", f"{address}/24", "dev", bridge)
        _do("ip", "link", "set", bridge, "up")
        for number in (1, 2):
            space, outside = self._space(number), f"{self._tag}v{number}"
            _do("ip", "netns", "add", space)
            _do("ip", "link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", space)
            _do("ip", "link", "set", outside, "master", bridge, "up")
            _do("ip", "-n", space, "addr", "add", f"{self._net}.1{number}/24", "dev", "eth0")
            _do("ip", "-n", space, "link", "set", "eth0", "up")
            _do("ip", "-n", space, "link", "set", "lo", "up")
        self._daemon("server", ["glusterfsd", "-f", str(self._root / "server.vol")])
        time.sleep(0.5)
        for number in (1, 2):
            self.mount(number).mkdir()
            enter = ["nsenter", f"--net=/run/netns/{self._space(number)}"]
            client = ["glusterfs", "-f", str(self._root / "client.vol"), *options, str(self.mount(number))]
            self._daemon(f"client{number}", [*enter, *client])
        until = time.monotonic() + 10
        while not all(self.mount(number).is_mount() for number in (1, 2)):
            assert time.monotonic() < until, "GlusterFS was not mounted"
            time.sleep(0.05)

    def _daemon(self, name: str, words: list[str]) -> None:
        pid_file = self._root / f"{name}.pid"
        _do(*words, "-p", str(pid_file), "-l", str(self._root / f"{name}.log"))
        until = time.monotonic() + 10
        while not (pid_file.exists() and pid_file.read_text().strip()):
            assert time.monotonic() < until, f"{name} did not start"
            time.sleep(0.02)
        self._pids.append(int(pid_file.read_text()))

    def _space(self, number: int) -> str:
        return f"{self._tag}n{number}"

    def mount(self, number: int) -> Path:
        """Where a node has the file system."""
        return self._root / f"node{number}"

    def start(self, number: int, *words: str, program: str | None = None) -> "subprocess.Popen[str]":
        """Call torc-local (or Python code in its place) on a node, in its mount; the node ends with it."""
        python = ["-m", "torc_local"] if program is None else ["-c", program]
        script = f'hostname node{number}; cd "$1"; shift; exec "$@"'
        enter = ["nsenter", f"--net=/run/netns/{self._space(number)}"]
        inside = [
            "unshare",
            "--pid",
            "--fork",
            "--uts",
            "--mount-proc",
            "--kill-child=KILL",
            "bash",
            "-c",
            script,
            "bash",
        ]
        process = subprocess.Popen(
            [*enter, *inside, str(self.mount(number)), sys.executable, *python, "--db", "torc.db", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.running.append(process)
        return process

    def call(self, number: int, *words: str, program: str | None = None) -> tuple[int, str, str]:
        """The same to its end: exit code, standard output and standard error."""
        process = self.start(number, *words, program=program)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def cut_off(self, number: int, *, cut: bool = True) -> None:
        """Take a node off the network, or put it back."""
        _do("ip", "link", "set", f"{self._tag}v{number}", "down" if cut else "up")

    def down(self) -> None:
        """End everything and take it away."""
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.communicate()
        for number in (1, 2):
            subprocess.run(["umount", "-l", str(self.mount(number))], check=False, capture_output=True)
        for pid in reversed(self._pids):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        for number in (1, 2):
            subprocess.run(["ip", "netns", "del", self._space(number)], check=False, capture_output=True)
            subprocess.run(["ip", "link", "del", f"{self._tag}v{number}"], check=False, capture_output=True)
        subprocess.run(["ip", "link", "del", f"{self._tag}b"], check=False, capture_output=True)


def _do(*words: str) -> None:
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
