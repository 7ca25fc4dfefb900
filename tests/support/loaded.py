"""The program, loaded once: each call is a process of its own, forked from one that has imported everything.

Loading takes ten times as long as what most commands do. What depends on how a process begins (its locale, standard
streams that are closed) needs one that really does: ``subprocess``.
"""

import atexit
import importlib
import json
import os
import pkgutil
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]


class Ended(NamedTuple):
    """How a call ended."""

    code: int
    out: str
    err: str


_servers: dict[tuple[str, ...], subprocess.Popen[bytes]] = {}


def call(words: Sequence[str | bytes], *, prefix: Sequence[str] = (), timeout_s: float = 50.0) -> Ended:
    """Call the program here and now, with this process's directory and environment.

    ``prefix`` goes before the command of the process that all these calls are forked from.
    """
    server = _servers.get(tuple(prefix)) or _start(tuple(prefix))
    assert server.stdin is not None
    assert server.stdout is not None
    request = {"words": [os.fsdecode(word) for word in words], "directory": str(Path.cwd()), "env": dict(os.environ)}
    server.stdin.write((json.dumps(request) + "\n").encode())
    group = json.loads(server.stdout.readline())
    if not select.select([server.stdout], [], [], timeout_s)[0]:
        os.killpg(group, signal.SIGKILL)
        server.stdout.readline()
        raise subprocess.TimeoutExpired(list(words), timeout_s)
    return Ended(*json.loads(server.stdout.readline()))


def _start(prefix: tuple[str, ...]) -> subprocess.Popen[bytes]:
    server = _servers[prefix] = subprocess.Popen(
        [*prefix, sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    atexit.register(_stop, server)
    return server


def _stop(server: subprocess.Popen[bytes]) -> None:
    for stream in (server.stdin, server.stdout):
        assert stream is not None
        stream.close()
    server.wait(10)


def _load_everything() -> None:
    import torc_local  # noqa: PLC0415 - the process that calls needs none of it

    for module in pkgutil.walk_packages(torc_local.__path__, "torc_local."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def _work(request: dict[str, Any], out: int, err: int) -> None:
    """Be the program; does not return."""
    from torc_local.cli.main import main  # noqa: PLC0415 - as above

    code = 97
    try:
        os.setpgid(0, 0)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.chdir(request["directory"])
        os.environ.clear()
        os.environ.update(request["env"])
        code = main(request["words"])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _serve() -> None:
    _load_everything()
    answers = os.dup(1)
    for line in sys.stdin:
        request = json.loads(line)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            pid = os.fork()
            if pid == 0:
                _work(request, out.fileno(), err.fileno())
            os.write(answers, f"{pid}\n".encode())
            _, status = os.waitpid(pid, 0)
            said = []
            for stream in (out, err):
                stream.seek(0)
                said.append(stream.read().decode("utf-8", "replace"))
        os.write(answers, (json.dumps([os.waitstatus_to_exitcode(status), *said]) + "\n").encode())


if __name__ == "__main__":
    _serve()
