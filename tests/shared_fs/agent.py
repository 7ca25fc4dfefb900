"""The first process of a node that is a kernel: calls what the tests ask for in its exchange directory.

    agent.py EXCHANGE DIRECTORY

N.json there asks for the N-th call: its words, and the Python code that gets them. N.out, N.err and at last N.code are
the answer; N.kill ends it. Calls are made in forks of this process, which has loaded torc-local once: that takes
seconds in such a kernel. ``long`` in place of words asks for the pids of jobs that sleep for so long; ``die`` ends all
processes but those of the kernel and of NFS.
"""

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from torc_local.cli import main, progress, running, together  # noqa: F401 - loaded once, for all calls

LOOK_S = 0.02


def call(number: int, asked: dict[str, object], exchange: Path, directory: Path) -> None:
    """Be the process of a call."""
    os.setsid()
    for fd, suffix in ((1, "out"), (2, "err")):
        os.dup2(os.open(exchange / f"{number}.{suffix}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), fd)
    os.chdir(directory)
    sys.argv = ["torc-local", *asked["words"]]  # type: ignore[misc]
    code = 1
    try:
        exec(str(asked["program"]), {"__name__": "__main__"})
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:  # noqa: BLE001 - whatever it is, who asked is to read it
        traceback.print_exc()
    finally:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def processes() -> Iterator[tuple[int, list[bytes]]]:
    """Pid and words of each; the kernel's own have none."""
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with suppress(OSError):
                yield int(entry.name), Path(f"/proc/{entry.name}/cmdline").read_bytes().split(b"\0")[:-1]


def sleepers(seconds: str) -> list[int]:
    """Processes that sleep for so long."""
    return [pid for pid, words in processes() if words == [b"sleep", seconds.encode()]]


def die() -> None:
    """End everything at once: all stop before the first ends."""
    theirs = [pid for pid, words in processes() if pid != os.getpid() and words and not words[0].startswith(b"rpc")]
    for kind in (signal.SIGSTOP, signal.SIGKILL):
        for pid in theirs:
            with suppress(ProcessLookupError):
                os.kill(pid, kind)


def answer(file: Path, text: str) -> None:
    """Make a file that is whole when it is there."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.rename(file)


def main_loop(exchange: Path, directory: Path) -> None:
    """Serve for ever; processes that lost their parents are ours, too."""
    calls: dict[int, int] = {}  # pid, number
    number = 1
    while True:
        request = exchange / f"{number}.json"
        if request.exists():
            asked = json.loads(request.read_text())
            if "long" in asked:
                answer(exchange / f"{number}.code", json.dumps(sleepers(asked["long"])))
            elif "die" in asked:
                die()
                answer(exchange / f"{number}.code", "0")
            else:
                pid = os.fork()
                if pid == 0:
                    call(number, asked, exchange, directory)
                calls[pid] = number
            number += 1
            continue
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] in calls:
                    code = os.waitstatus_to_exitcode(ended[1])
                    answer(exchange / f"{calls.pop(ended[0])}.code", str(code))
        for pid, called in calls.items():
            if (exchange / f"{called}.kill").exists():
                os.kill(pid, signal.SIGKILL)
        time.sleep(LOOK_S)


if __name__ == "__main__":
    print("up", flush=True)  # noqa: T201
    main_loop(Path(sys.argv[1]), Path(sys.argv[2]))
