"""Runs the program with one of its system calls broken: strace makes the call fail, or kills the process that makes it.

What ``when=N`` counts: calls of one name in one thread. Each process that the program forks begins at one again, so
``when=3`` breaks the third call of every process that makes three, restarted ones included. Calls of one name are not
counted with those of another. A killed process dies at the entry of the call: the write is not done.

strace is attached to the child that waits for it (subject.py), and so cannot use its faster way (``--seccomp-bpf``), in
which it would not send signals either.
"""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.support.waiting import wait_for

SUBJECT = Path(__file__).with_name("subject.py")

_LIMIT_S = 40.0
_NOWHERE = Path(os.devnull)
_CALL = re.compile(r"^(\d+)\s+(\w+)\(", re.MULTILINE)


class Fault(NamedTuple):
    """The ``number``-th call of a name fails with an error, or kills."""

    call: str
    how: str  # ENOSPC, ... or SIGKILL
    number: int

    def __str__(self) -> str:
        return f"{self.call} {self.number} {self.how}"

    def words(self) -> list[str]:
        kind = "signal" if self.how.startswith("SIG") else "error"
        return ["-e", f"trace={self.call}", "-e", f"inject={self.call}:{kind}={self.how}:when={self.number}"]


class Outcome(NamedTuple):
    """How the program ended."""

    code: int
    out: str
    err: str
    seconds: float


class Lab:
    """The loaded program, asked to work again and again."""

    def __init__(self, home: Path) -> None:
        self._errors = home / "subject.stderr"
        self._counts: dict[tuple[tuple[str, ...], str], Counter[str]] = {}
        self._group = 0  # the processes at work now
        with self._errors.open("w") as errors:
            self._subject = subprocess.Popen(
                [sys.executable, str(SUBJECT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, bufsize=0,
                cwd=Path(__file__).parents[2], env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            )  # fmt: skip

    def close(self) -> None:
        """End the program."""
        assert self._subject.stdin is not None
        assert self._subject.stdout is not None
        self._subject.stdin.close()
        self._subject.wait(10)
        self._subject.stdout.close()

    def do(self, directory: Path, *words: str, fault: Fault | None = None, whom: str = "all") -> Outcome:
        """Let the program work in a directory, with a fault in some of its processes or without."""
        watch = None if fault is None else fault.words()
        return self._do(directory, words, watch, whom)

    def count(self, make: Callable[[], Path], *words: str, whom: str = "all", about: str = "") -> Counter[str]:
        """How often each call is made by that one of the watched processes which makes it most often.

        Learned once, in a directory that ``make`` makes; ``about`` names it where there are several kinds.
        """
        if (words, whom + about) not in self._counts:
            trace = (directory := make()) / "trace"
            self._do(directory, words, ["-e", "trace=all"], whom, trace)
            made = Counter(_CALL.findall(trace.read_text("utf-8", "replace")))
            most = self._counts[words, whom + about] = Counter[str]()
            for (_, call), number in made.items():
                most[call] = max(most[call], number)
        return self._counts[words, whom + about]

    def _do(
        self, directory: Path, words: tuple[str, ...], watch: list[str] | None, whom: str, trace: Path = _NOWHERE
    ) -> Outcome:
        began = time.monotonic()
        watcher = None
        self._ask({"work": words, "directory": str(directory), "watched": whom if watch is not None else None})
        while "code" not in (answer := self._answer(began)):
            if "pid" in answer and watch is not None:
                watcher = subprocess.Popen(["strace", "-qq", "-f", "-o", str(trace), *watch, "-p", str(answer["pid"])])
                _wait_until_traced(answer["pid"])
                os.kill(answer["pid"], signal.SIGUSR2)
        if watcher is not None:
            watcher.wait(_LIMIT_S)  # it ends with the last process that it traces
        out, err = ((directory / name).read_text("utf-8", "replace") for name in ("stdout", "stderr"))
        return Outcome(answer["code"], out, err, time.monotonic() - began)

    def _ask(self, request: dict[str, object]) -> None:
        assert self._subject.stdin is not None
        self._subject.stdin.write((json.dumps(request) + "\n").encode())

    def _answer(self, began: float) -> dict[str, int]:
        """The next line of the program; what takes too long is killed, and so has a code."""
        assert self._subject.stdout is not None
        if not select.select([self._subject.stdout], [], [], max(began + _LIMIT_S - time.monotonic(), 0.0))[0]:
            os.killpg(self._group, signal.SIGKILL)
        line = self._subject.stdout.readline()
        assert line, self._errors.read_text()
        found: dict[str, int] = json.loads(line)
        self._group = found.get("group", self._group)
        return found


def _wait_until_traced(pid: int) -> None:
    status = Path(f"/proc/{pid}/status")
    wait_for(lambda: "TracerPid:\t0\n" not in status.read_text("ascii"), _LIMIT_S, pause_s=0.001)
