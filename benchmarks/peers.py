"""What a person would use instead, on the same commands: seconds of the whole process, with nothing shown.

Each is found through ``PATH`` and is optional: one that is missing or fails says so in place of a figure.
"""

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from benchmarks.results import NotMeasuredError
from benchmarks.workloads import Commands

_PATIENCE_S = 600.0


class Peer(NamedTuple):
    """Another way to run commands."""

    name: str
    seconds: Callable[[Commands, int, Path], float]  # commands, slots, an empty directory
    slow: bool = False  # takes a tenth of a second for a job, whatever it does: measured on fewer jobs


def seconds(peer: Peer, commands: Commands, slots: int) -> float:
    """Seconds that a peer takes; raises NotMeasuredError."""
    with tempfile.TemporaryDirectory() as place:
        return peer.seconds(commands, slots, Path(place))


def _timed(words: Sequence[str], place: Path, text: str = "", *, output: bool = False) -> tuple[float, str]:
    """Run a program in ``place``, and whatever it leaves behind not longer than that."""
    if shutil.which(words[0]) is None:
        raise NotMeasuredError(f"{words[0]} is not installed")
    source = place / "input"
    source.write_text(text)
    with source.open() as given, (place / "said").open("w+") as said:
        out = subprocess.PIPE if output else subprocess.DEVNULL
        began = perf_counter()
        process = subprocess.Popen(words, cwd=place, stdin=given, stdout=out, stderr=said, text=True, process_group=0)
        try:
            printed, _ = process.communicate(timeout=_PATIENCE_S)
        except BaseException as error:
            # The group is this process's own: nobody else is in it.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            if isinstance(error, subprocess.TimeoutExpired):
                raise NotMeasuredError(f"took more than {_PATIENCE_S:.0f} s") from None
            raise
        took = perf_counter() - began
        if process.returncode != 0:
            said.seek(0)
            words_of_it = said.read().strip().splitlines() or ["no word"]
            raise NotMeasuredError(f"exited with {process.returncode}: {words_of_it[-1][:60]}")
    return took, printed or ""


def _lines(texts: Sequence[str]) -> str:
    return "".join(f"{text}\n" for text in texts)


def _xargs(commands: Commands, slots: int, place: Path) -> float:
    words = ["xargs", f"-P{slots}", "-L1", commands.program]
    return _timed(words, place, _lines(commands.lines))[0]


def _xargs_sh(commands: Commands, slots: int, place: Path) -> float:
    words = ["xargs", f"-P{slots}", "-d", "\\n", "-n1", "sh", "-c"]
    return _timed(words, place, _lines(commands.commands))[0]


def _parallel(commands: Commands, slots: int, place: Path) -> float:
    # --will-cite: it would otherwise wait for an answer to its question about citing.
    words = ["parallel", "--will-cite", f"-j{slots}", "--joblog", "joblog"]
    return _timed(words, place, _lines(commands.commands))[0]


def _make(commands: Commands, slots: int, place: Path) -> float:
    names = [f"j{i}" for i in range(len(commands.lines))]
    rules = [f"{name}:\n\t@{command}\n" for name, command in zip(names, commands.commands, strict=True)]
    (place / "Makefile").write_text(f"all: {' '.join(names)}\n.PHONY: all {' '.join(names)}\n{''.join(rules)}")
    return _timed(["make", f"-j{slots}", "all"], place)[0]


def _ninja(commands: Commands, slots: int, place: Path) -> float:
    builds = [f"build j{i}: run\n  do = {command}\n" for i, command in enumerate(commands.commands)]
    (place / "build.ninja").write_text(f"rule run\n  command = $do\n{''.join(builds)}")
    return _timed(["ninja", f"-j{slots}"], place)[0]


def _snakemake(commands: Commands, slots: int, place: Path) -> float:
    # Its jobs make files: one for each, empty but for what the command prints.
    (place / "commands").write_text(_lines(commands.commands))
    (place / "Snakefile").write_text(
        "commands = open('commands').read().splitlines()\n"
        f"rule all:\n    input: expand('out/{{i}}', i=range({len(commands.lines)}))\n"
        "rule job:\n    output: 'out/{i}'\n"
        "    params: command=lambda wildcards: commands[int(wildcards.i)]\n"
        "    shell: '{params.command} > {output}'\n"
    )
    return _timed(["snakemake", f"-j{slots}", "--quiet", "all"], place)[0]


@cache
def _python_with_hyperqueue() -> str:
    for directory in os.environ.get("PATH", os.defpath).split(os.pathsep):
        python = Path(directory) / "python3"
        if python.exists():
            found = subprocess.run([python, "-c", "import hyperqueue"], capture_output=True, check=False)
            if found.returncode == 0:
                return str(python)
    raise NotMeasuredError("no python3 in PATH has the package hyperqueue")


def _hyperqueue(commands: Commands, slots: int, place: Path) -> float:
    # Its tasks write their output to files in the current directory, which is ``place``.
    script = Path(__file__).with_name("hyperqueue_peer.py")
    (place / "server").mkdir()
    words = [_python_with_hyperqueue(), str(script), str(place / "server"), str(slots)]
    text = _lines([shlex.join(shlex.split(command)) for command in commands.commands])
    _, printed = _timed(words, place, text, output=True)
    # Without the start of its server: in use, that runs already.
    return next(float(line.split()[1]) for line in printed.splitlines() if line.startswith("seconds "))


PEERS = (
    Peer("xargs", _xargs),
    Peer("xargs sh -c", _xargs_sh),
    Peer("make", _make),
    Peer("ninja", _ninja),
    Peer("HyperQueue", _hyperqueue),
    Peer("GNU parallel", _parallel),
    Peer("Snakemake", _snakemake, slow=True),
)
