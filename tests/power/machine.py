"""A machine whose power can be cut: a User-Mode Linux kernel with a disk of its own (an ext4 file system in a file).

Its root is this machine's, read-only, so that it has the same Python and the same torc-local. Killing the kernel loses
everything that it had not written to its disk, as a power failure does. It has no write cache below that: what the
kernel has written is on the disk, in order.
"""

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

GUEST = Path(__file__).with_name("guest.py")
PROJECT = Path(__file__).parents[2]

MEMORY = "256M"

#: Nothing that a guest does takes as long.
PATIENCE_S = 120

_ENDED = object()


class Line(NamedTuple):
    """What the guest said, and when we heard it (monotonic)."""

    at: float
    word: str
    document: Any


class Machine:
    """A disk, and the kernels that run on it one after the other."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._disk = directory / "disk"
        with self._disk.open("wb") as disk:
            disk.truncate(128 << 20)
        subprocess.run([tool("mkfs.ext4"), "-q", "-F", self._disk], check=True)
        self._kernel: subprocess.Popen[bytes] | None = None
        self._lines: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._reader: threading.Thread | None = None
        self.console: list[str] = []  # of the newest boot

    def boot(self, plan: dict[str, Any]) -> None:
        """Switch it on; the guest does what ``plan`` says."""
        written = self._directory / "plan.json"
        written.write_text(json.dumps(plan))
        self._start(f"exec {sys.executable} {GUEST} {written}")

    def try_out(self) -> None:
        """Whether a kernel starts here at all; raises AssertionError with what it said."""
        self._start("echo up; sleep 1000")
        try:
            self.hear("up")
        finally:
            self.cut_power()

    def hear(self, *words: str) -> Line:
        """The next line that begins with one of these words."""
        for line in self.listen(PATIENCE_S):
            if line.word in words:
                return line
        raise AssertionError(f"the guest did not say {' or '.join(words)}:\n" + "\n".join(self.console[-40:]))

    def listen(self, seconds: float) -> Iterator[Line]:
        """What it says within that time, as it says it."""
        until = time.monotonic() + seconds
        while True:
            try:
                line = self._lines.get(timeout=max(until - time.monotonic(), 0))
            except queue.Empty:
                return
            if line is _ENDED:
                self._lines.put(_ENDED)
                return
            yield line

    def cut_power(self) -> float:
        """Kill the kernel with all that belongs to it; the moment (monotonic)."""
        kernel, self._kernel = self._kernel, None
        at = time.monotonic()
        if kernel is not None:
            os.killpg(kernel.pid, signal.SIGKILL)
            kernel.wait()
            assert self._reader is not None
            self._reader.join(PATIENCE_S)
            assert not self._reader.is_alive(), "a process of the kernel has survived it"
        return at

    def _start(self, command: str) -> None:
        init = self._directory / "init"
        init.write_text(
            "#!/bin/sh\n"
            "mount -t proc proc /proc && mount -t tmpfs tmpfs /run\n"
            f"export PATH={os.defpath}:/usr/bin:/bin TMPDIR=/run PYTHONPATH={PROJECT} PYTHONDONTWRITEBYTECODE=1\n"
            f"{command}\n"
        )
        init.chmod(0o755)
        self._lines = queue.SimpleQueue()
        self.console = []
        self._kernel = subprocess.Popen(
            [tool("linux"), f"mem={MEMORY}", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "quiet",
             f"init={init}", "con=null", "con0=null,fd:1", f"ubd0={self._disk}", f"uml_dir={self._directory}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, args=(self._kernel, self._lines), daemon=True)
        self._reader.start()

    def _read(self, kernel: subprocess.Popen[bytes], lines: "queue.SimpleQueue[Any]") -> None:
        assert kernel.stdout is not None
        for raw in kernel.stdout:
            at = time.monotonic()
            text = raw.decode(errors="replace").rstrip("\r\n")
            self.console.append(text)
            word, _, document = text.partition(" ")
            if not raw.endswith(b"\n"):
                break  # cut off by the kill
            try:
                lines.put(Line(at, word, json.loads(document or "null")))
            except ValueError:
                continue  # a message of the kernel or of torc-local
        kernel.stdout.close()
        lines.put(_ENDED)


def tool(name: str) -> str:
    """The path of a program; its name when it is missing."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin") or name
