"""Two nodes, 1 and 2, that share a directory on a file system: what the tests ask of them, whatever that is."""

import os
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Protocol

#: What sleeps for so long is a job of ours.
LONG = "43.21"

MAIN = """
from torc_local.cli.main import main
raise SystemExit(main())
"""


class Process(Protocol):
    """A call on a node that goes on: as much of subprocess.Popen as is needed."""

    #: Its exit code; None when nobody has waited for it.
    returncode: int | Any

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""

    def communicate(self, *, timeout: float | None = None) -> tuple[str, str]:
        """Wait for it: standard output and standard error. Raises subprocess.TimeoutExpired."""

    def kill(self) -> None:
        """End it at once."""


class Nodes(ABC):
    """Both nodes; ``root`` is a directory of this machine where jobs on both may write, into files of their own."""

    #: How long a call and a run of the full size may take (seconds).
    call_s: float
    patience_s: float

    def __init__(self, root: Path) -> None:
        self.root = root
        self._tag = f"tl{os.getpid() % 10_000}"
        self._net = f"10.{77 + os.getpid() % 100}.{os.getpid() // 100 % 250}"

    def _begin(self) -> None:
        """Start everything, or leave nothing behind."""
        try:
            self._up()
        except BaseException:
            self.down()
            raise

    @abstractmethod
    def _up(self) -> None: ...

    @abstractmethod
    def start(self, number: int, *words: str, program: str = MAIN, database: str = "torc.db") -> Process:
        """Call torc-local (or Python code in its place) on a node, in the shared directory."""

    def call(self, number: int, *words: str, program: str = MAIN) -> tuple[int, str, str]:
        """The same to its end: exit code, standard output and standard error."""
        process = self.start(number, *words, program=program)
        out, err = process.communicate(timeout=self.call_s)
        assert process.returncode is not None
        return process.returncode, out, err

    @abstractmethod
    def write(self, name: str, text: str) -> None:
        """Make a file in the shared directory."""

    @abstractmethod
    def names(self, pattern: str) -> list[str]:
        """What there is in the shared directory, as node 2 sees it; ``pattern`` as in pathlib."""

    @abstractmethod
    def long_jobs(self) -> set[tuple[int, int]]:
        """Jobs that last (``sleep LONG``): number of the node and pid."""

    @abstractmethod
    def die(self, number: int) -> None:
        """End all processes of a node at once."""

    @abstractmethod
    def cut_off(self, number: int, *, cut: bool = True) -> None:
        """Take a node off the network, or put it back."""

    @abstractmethod
    def down(self) -> None:
        """End everything and take it away."""

    def ran(self) -> list[str]:
        """What the jobs of both nodes have written: ``echo NAME >> {root}/log.$NODE``."""
        files = sorted(self.root.glob("log.node?"))
        return [name for file in files for name in file.read_text().split()]


def do(*words: str) -> None:
    """Call a program of this machine that must succeed."""
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
