"""A machine whose power can be cut: a User-Mode Linux kernel with a disk of its own (an ext4 file system in a file).

Killing the kernel loses everything that it had not written to its disk, as a power failure does. It has no write cache
below that: what the kernel has written is on the disk, in order.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.kernels import Kernel, Line, tool

GUEST = Path(__file__).with_name("guest.py")


class Said(NamedTuple):
    """A word that the guest said and what belongs to it, and when we heard it (monotonic)."""

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
        self._kernel: Kernel | None = None

    @property
    def console(self) -> list[str]:
        """Everything that was printed since it was switched on."""
        return self._on.console

    @property
    def _on(self) -> Kernel:
        assert self._kernel is not None, "it is off"
        return self._kernel

    def boot(self, plan: dict[str, Any]) -> None:
        """Switch it on; the guest does what ``plan`` says."""
        written = self._directory / "plan.json"
        written.write_text(json.dumps(plan))
        self._kernel = Kernel(self._directory, f"exec {sys.executable} {GUEST} {written}", f"ubd0={self._disk}")

    def hear(self, *words: str) -> Said:
        """The next of these words."""
        while True:
            line = self._on.hear(*words)
            with suppress(ValueError):
                return _said(line)

    def listen(self, seconds: float) -> Iterator[Said]:
        """What it says within that time, as it says it; without messages of the kernel or of torc-local."""
        for line in self._on.listen(seconds):
            try:
                yield _said(line)
            except ValueError:
                continue

    def cut_power(self) -> float:
        """Kill the kernel; the moment (monotonic). What it had said can still be heard."""
        return self._kernel.kill() if self._kernel is not None else time.monotonic()


def _said(line: Line) -> Said:
    word, _, document = line.text.partition(" ")
    return Said(line.at, word, json.loads(document or "null"))
