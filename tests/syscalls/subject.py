"""The program under test, loaded once: forks a child per request, which waits until it is watched and then works.

    python subject.py

Reads one JSON object a line: ``work`` (words of a command line, or the name of a function in steps.py after a colon),
``directory``, and ``watched`` (see WATCHED). Answers with the process group, with the pid of each that waits for its
watcher, and with how the work ended, one line each. Calls are therefore counted from the first line of the work,
not from the start of Python: what fails before our first line is not ours to explain.
"""

import importlib
import json
import os
import pkgutil
import signal
import sys
import traceback

import torc_local
from tests.syscalls import steps
from torc_local.cli.main import main
from torc_local.store import database

#: Who waits for a watcher: the work with all that it forks, or only its n-th fork (the supervisor's first is the
#: coordinator, then come runners). Otherwise the supervisor would always meet a fault before those below it do.
WATCHED = {"all": 0, "coordinator": 1, "runner": 2}

#: Says to one who waits that the watcher is there.
WATCHED_NOW = signal.SIGUSR2

#: What the standard library and tqdm import late.
_LATE = (
    "difflib", "encodings.ascii", "encodings.latin_1", "encodings.utf_8_sig", "fractions", "getpass",
    "importlib.readers", "importlib.resources.readers", "multiprocessing.popen_fork", "shlex", "signal", "socket",
    "tempfile", "tqdm",
)  # fmt: skip

#: An unlock that fails leaves SQLite waiting for itself (WAL), in the end for as long as it waits for others.
database.LOCK_PATIENCE_S = 2.0

_answers = os.dup(1)


def load_everything() -> None:
    """Import all that is imported late, so that no import is hit."""
    for module in pkgutil.walk_packages(torc_local.__path__, "torc_local."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in _LATE:
        importlib.import_module(name)


def answer(**fields: object) -> None:
    """One line to whoever asked."""
    os.write(_answers, (json.dumps(fields) + "\n").encode())


def wait_for_watcher() -> None:
    """Wait until whoever asked says that this process is traced, by a signal: no call that is counted is made."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {WATCHED_NOW})
    answer(pid=os.getpid())
    signal.sigwait({WATCHED_NOW})
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


class NthFork:
    """Lets the n-th process that is forked from here on wait for a watcher."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._forks = 0
        os.register_at_fork(before=self._before, after_in_child=self._in_child)

    def _before(self) -> None:
        self._forks += 1

    def _in_child(self) -> None:
        if self._forks == self._number:
            wait_for_watcher()


def work(words: list[str], directory: str, watched: str | None) -> None:
    """Do it, in a process of its own; does not return."""
    os.chdir(directory)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600), number)
    if watched == "all":
        wait_for_watcher()
    elif watched is not None:
        NthFork(WATCHED[watched])
    code = 97
    try:
        code = getattr(steps, words[0][1:])() if words[0].startswith(":") else main(words)
    except BaseException:  # noqa: BLE001 - the child ends here
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def serve() -> None:
    """Fork a child for each request until there are no more."""
    load_everything()
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os.setpgid(0, 0)
            work(request["work"], request["directory"], request["watched"])
        answer(group=pid)
        _, status = os.waitpid(pid, 0)
        answer(code=os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    serve()
