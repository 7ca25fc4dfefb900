"""torc-local as its users run it: a process of its own, timed from start to exit."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from benchmarks import memory
from benchmarks.results import NotMeasuredError

Document = dict[str, Any]

#: Runners and the coordinator are children of `run`; what is below them are jobs.
_OUR_GENERATIONS = 1


class Done(NamedTuple):
    """A process that ended well."""

    seconds: float
    out: str
    peak_bytes: int  # largest resident set of one process (wait4); not below that of this process, which started it
    memory: list[memory.Sample]

    @property
    def document(self) -> Document:
        """What it printed, as JSON."""
        found: Document = json.loads(self.out)
        return found


def torc(*words: str | Path, sample_every_s: float | None = None) -> Done:
    """Run torc-local; raise NotMeasuredError with its last words when it fails."""
    command = [sys.executable, "-m", "torc_local", *map(str, words)]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment())
        try:
            samples, status, usage = _wait(process.pid, sample_every_s)
        except BaseException:
            process.terminate()
            process.wait()
            raise
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise NotMeasuredError(f"`{words[0]}` exited with {process.returncode}: {_last_words(_text(err))}")
        return Done(seconds, _text(out), usage.ru_maxrss * 1024, samples)


def environment() -> dict[str, str]:
    """Ours, without what would choose another database."""
    return {name: value for name, value in os.environ.items() if name != "TORC_LOCAL_DB"}


def _wait(pid: int, sample_every_s: float | None) -> tuple[list[memory.Sample], int, Any]:
    samples: list[memory.Sample] = []
    while sample_every_s is not None:
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            return samples, status, usage
        samples.append(memory.sample(pid, _OUR_GENERATIONS))
        time.sleep(sample_every_s)
    _, status, usage = os.wait4(pid, 0)
    return samples, status, usage


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def _last_words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no word"


def create(spec: Path, database: Path) -> Done:
    """Store a workflow."""
    return torc("create", spec, "--db", database)


def run(database: Path, slots: int, *, more: Sequence[str] = (), sample_every_s: float | None = None) -> Done:
    """Run the only workflow of a database."""
    output = database.parent / "output"
    words = ("run", "1", "-j", str(slots), "--db", database, "-o", output, "--progress", "none")
    return torc(*words, *more, sample_every_s=sample_every_s)


def scale_report(database: Path) -> Document:
    """The tool's own figures of a run."""
    return torc("report", "scale", "--db", database, "-f", "json").document


def contention(
    place: Path, runners: int, spec: Path, *, batch: int | None, sample_every_s: float | None = None
) -> Done:
    """The queue alone: jobs claimed and settled by as many processes as given, none spawned."""
    words = ["run", str(spec), "--contention", "-j", str(runners), "--runners", str(runners)]
    if batch is not None:
        words += ["--batch", str(batch)]
    words += ["--db", str(place / "x.db"), "-f", "json", "--progress", "none"]
    return torc(*words, sample_every_s=sample_every_s)
