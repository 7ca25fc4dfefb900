"""``run --nodes FILE``: other machines join the run by ssh as soon as it has begun, and end with it.

A process beside the supervisor starts ``join`` on each machine and says which could not be reached or ended badly; the
run goes on without them, and its exit code is its own. Each machine must see the database and the current directory
under the same path, and have this program under the same path, as on clusters with a shared home.

A machine that was joined watches its standard input. When that is closed, because of Ctrl-C or because the run has
ended or died, ``join`` is told to stop (TERM), so that nothing goes on that nobody waits for.
"""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from torc_local.cli.progress import Careful
from torc_local.ground.errors import ExitCode, InputError
from torc_local.process import kernel
from torc_local.process.watching import RunInfo, Watcher
from torc_local.store import mounts

#: How a machine is reached when nobody says otherwise: a command, to which its name and what to run there are added.
VARIABLE = "TORC_LOCAL_SSH"
SSH = "ssh -o BatchMode=yes -o ConnectTimeout=10"

#: What ssh ends with when it did not reach the machine (ssh(1)).
_UNREACHED = 255

_LOOK_S = 0.1

_SCRIPT = """\
cd {directory} || exit 1
exec 3<&0
{command} </dev/null & node=$!
(cat <&3 >/dev/null; kill -TERM $node) 2>/dev/null & watch=$!
wait $node; code=$?
kill $watch 2>/dev/null
exit $code
"""


class _Far(NamedTuple):
    host: str
    process: "subprocess.Popen[bytes]"


def hosts(file: Path) -> list[str]:
    """The machines that a file names, one a line; what follows ``#`` is a comment. Raises InputError."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror.lower() if isinstance(error, OSError) and error.strerror else "it is not text"
        raise InputError(f"cannot read the list of nodes {file}: {why}") from None
    found = []
    for number, line in enumerate(lines, 1):
        name = line.partition("#")[0].strip()
        if not name:
            continue
        if name.startswith("-") or len(name.split()) > 1:
            raise InputError(f"{file}:{number}: '{name}' is not the name of a machine", hint="one name a line")
        found.append(name)
    if not found:
        raise InputError(f"{file} names no machine", hint="one name a line")
    return list(dict.fromkeys(found))


class Begun(Careful):
    """A watcher that lets the dispatcher know when the run has begun."""

    def __init__(self, inner: Watcher, told: int) -> None:
        super().__init__(inner)
        self._told = told

    def started(self, info: RunInfo) -> None:
        """Pass it on, and tell."""
        super().started(info)
        os.write(self._told, str(info.workflow_id).encode())
        os.close(self._told)


def check(path: Path) -> None:
    """Raise InputError where other machines could not see the database."""
    if mounts.use_of(path) is mounts.Use.LOCAL:
        raise InputError(
            f"{path} is on {mounts.mount_of(path).kind}, which is this machine's own, so no other one can join",
            hint="put it on a shared file system with --db PATH or -o DIR; or say --shared",
        )


class Dispatcher:
    """The process that has other machines join."""

    def __init__(self, names: Sequence[str], path: Path, words: Sequence[str]) -> None:
        heard, self.told = os.pipe()
        parent, self.pid = os.getpid(), os.fork()
        if self.pid == 0:
            os.close(self.told)
            try:
                kernel.die_with_parent(parent, signal.SIGKILL)
                _dispatch(names, path.resolve(), words, heard)
            finally:
                os._exit(ExitCode.INTERNAL)
        os.close(heard)

    def end(self) -> None:
        """End it; the other machines notice."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _dispatch(names: Sequence[str], path: Path, words: Sequence[str], heard: int) -> None:
    """Be the dispatcher; does not return."""
    stops: list[int] = []
    for kind in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(kind, lambda number, _: stops.append(number))
    workflow_id = os.read(heard, 64).decode()
    if not workflow_id:
        os._exit(ExitCode.OK)  # the run did not begin
    said = os.environ.get(mounts.VARIABLE)
    program = [sys.executable, "-m", "torc_local", *([f"--{said}"] if said else []), "--db", str(path)]
    command = shlex.join([*program, "join", workflow_id, "--progress", "none", *words])
    script = _SCRIPT.format(directory=shlex.quote(str(Path.cwd())), command=command)
    there = [one for name in names if (one := _start(name, script)) is not None]
    while True:
        time.sleep(_LOOK_S)
        for one in [one for one in there if one.process.poll() is not None]:
            there.remove(one)
            _tell_end(one)
        if stops:
            stops.clear()
            for one in there:
                _close(one)


def _start(host: str, script: str) -> _Far | None:
    words = [*shlex.split(os.environ.get(VARIABLE) or SSH), host, script]
    try:
        # Out of the terminal's foreground group: Ctrl-C is for us, who let them stop gently.
        process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True, restore_signals=True
        )
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        _say(f"cannot reach node {host}: {words[0]}: {why}; the run goes on without it")
        return None
    return _Far(host, process)


def _tell_end(one: _Far) -> None:
    code = one.process.returncode
    if code == _UNREACHED:
        _say(f"cannot reach node {one.host}, or the way to it broke; the run goes on without it")
    elif code:
        meaning = f" ({ExitCode(code).meaning})" if code in list(ExitCode) else ""
        _say(f"node {one.host} has left with exit code {code}{meaning}")


def _close(one: _Far) -> None:
    if one.process.stdin is not None:
        with suppress(OSError):
            one.process.stdin.close()


def _say(message: str) -> None:
    with suppress(OSError):  # the terminal may be gone
        os.write(2, f"warning: {message}\n".encode(errors="replace"))
