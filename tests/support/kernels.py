"""User-Mode Linux: a kernel that is a process of this machine, and may be killed with all that it runs.

Its root is this machine's, read-only, so that it has the same Python and the same torc-local.
"""

import os
import queue
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

PROJECT = Path(__file__).parents[2]

MEMORY = "256M"

REGISTERS = Path(__file__).with_name("registers.c")

#: Nothing that a guest does takes as long.
PATIENCE_S = 120

_ENDED = object()


class Line(NamedTuple):
    """What the guest said, and when we heard it (monotonic)."""

    at: float
    text: str


class Kernel:
    """A kernel that has begun to run some commands of the shell as its first process, which must not end."""

    def __init__(self, directory: Path, commands: str, *arguments: str) -> None:
        init = directory / "init"
        init.write_text(
            "#!/bin/sh\n"
            "mount -t proc proc /proc && mount -t tmpfs tmpfs /run\n"
            "export PATH=/usr/sbin:/usr/bin:/sbin:/bin TMPDIR=/run PYTHONDONTWRITEBYTECODE=1 "
            f"PYTHONPATH={PROJECT} PYTHONPYCACHEPREFIX={os.environ.get('PYTHONPYCACHEPREFIX', '')}\n"
            f"{commands}\n"
        )
        init.chmod(0o755)
        self.console: list[str] = []
        self._lines: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._process = subprocess.Popen(
            [tool("linux"), f"mem={MEMORY}", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "quiet",
             f"init={init}", "con=null", "con0=null,fd:1", f"uml_dir={directory}", *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, **_preloaded(directory)},
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def hear(self, *words: str) -> Line:
        """The next line that begins with one of these words."""
        for line in self.listen(PATIENCE_S):
            if line.text.partition(" ")[0] in words:
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

    def kill(self) -> float:
        """Kill it with all that belongs to it; the moment (monotonic)."""
        at = time.monotonic()
        if self._process.returncode is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._reader.join(PATIENCE_S)
        assert not self._reader.is_alive(), "a process of the kernel has survived it"
        return at

    def _read(self) -> None:
        assert self._process.stdout is not None
        for raw in self._process.stdout:
            at = time.monotonic()
            text = raw.decode(errors="replace").rstrip("\r\n")
            self.console.append(text)
            if not raw.endswith(b"\n"):
                break  # cut off by the kill
            self._lines.put(Line(at, text))
        self._process.stdout.close()
        self._lines.put(_ENDED)


def why_not(directory: Path) -> str | None:
    """Why no kernel starts here, in one line; None when one does."""
    kernel = None
    try:
        kernel = Kernel(directory, "echo up; sleep 1000")
        kernel.hear("up")
    except (OSError, AssertionError) as error:
        return f"no User-Mode Linux here (tests/components/install power): {_cause(str(error))}"
    else:
        return None
    finally:
        if kernel is not None:
            kernel.kill()


def _cause(said: str) -> str:
    """What a kernel that dies says in forty lines."""
    if "put_fp_registers" in said:
        return "its kernel cannot keep the registers of this processor"
    return said.splitlines()[0] if said else "it did not start"


def _preloaded(directory: Path) -> dict[str, str]:
    """What makes it run on a processor with registers that it does not know. Raises OSError without a compiler."""
    if "amx_tile" not in Path("/proc/cpuinfo").read_text():
        return {}
    library = directory / "registers.so"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, REGISTERS], check=True)
    return {"LD_PRELOAD": str(library)}


def tool(name: str) -> str:
    """The path of a program; its name when it is missing."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin") or name
