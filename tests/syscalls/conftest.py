"""The loaded program, places to run it in, and what must hold after every fault."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.process.running import Place
from tests.syscalls.lab import Fault, Lab, Outcome

#: A complete run by the command line.
RUN = ("run", "workflow.json", "--db", "out/torc.db", "-o", "out", "-j", "2", "--progress", "lines")
GO_ON = (*RUN[:-1], "none", "-f", "json")
CREATE = ("create", "workflow.json", "--db", "out/torc.db")

JOBS = 10

#: Nobody waits longer than this for something that will not come.
SOON_S = 20.0

#: Nor this, where an unlock fails, which no kernel does: SQLite looks for ten seconds at an index of the log that seems
#: locked, and two processes may do so one after the other, besides the patience of ours (subject.py).
LOCKED_S = 29.0

#: What the program may answer: done, jobs failed, stopped early, trouble with the file system.
ANSWERS = (0, 1, 3, 4)

#: What also means that a name which a person has given is wrong (2): there is no such file, or it may not be read.
OF_A_NAME = {(call, how) for call in ("openat", "statx") for how in ("EACCES", "ENOENT")}


def why_not() -> str | None:
    """Why no system call can be broken here."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(
        ["strace", "-qq", "-o", os.devnull, "-e", "trace=none", "true"], capture_output=True, text=True, check=False
    )
    return None if tried.returncode == 0 else f"strace may not trace here: {tried.stderr.strip()}"


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    if (why := why_not()) is not None:
        pytest.skip(why)
    made = Lab(tmp_path_factory.mktemp("lab"))
    yield made
    made.close()


#: What is broken when the size is small: one of each kind of trouble.
CORE = frozenset({
    ("openat", "EMFILE"), ("pwrite64", "ENOSPC"), ("pread64", "EIO"), ("fdatasync", "EIO"), ("unlink", "EIO"),
    ("ftruncate", "EIO"), ("fcntl", "ENOLCK"), ("flock", "ENOLCK"), ("mmap", "ENOMEM"), ("clone", "EAGAIN"),
    ("clone3", "EAGAIN"), ("pwrite64", "SIGKILL"), ("fdatasync", "SIGKILL"), ("unlink", "SIGKILL"),
    ("ftruncate", "SIGKILL"),
})  # fmt: skip


@pytest.fixture(autouse=True)
def _not_all_of_them(request):
    if request.config.getoption("--size") == "full" or not hasattr(request.node, "callspec"):
        return
    given = request.node.callspec.params
    if "call" in given and (given["call"], given.get("how", "SIGKILL")) not in CORE:
        pytest.skip("with --size full")


@pytest.fixture
def numbers(request):
    """Which of ``count`` calls to break: each, or a few spread over them."""
    full = request.config.getoption("--size") == "full"

    def spread(count: int, most: int = 6) -> list[int]:
        if full or count <= most:
            return list(range(1, count + 1))
        return sorted({1 + i * (count - 1) // (most - 1) for i in range(most)})

    return spread


@pytest.fixture
def places(tmp_path):
    """Makes places with a workflow of ten jobs in three rounds; all but the last leave a line when they run."""
    made: list[Place] = []

    def make() -> Place:
        directory = tmp_path / str(len(made))
        directory.mkdir()
        place = Place(directory)
        line = f"echo {{name}}_{{i}} >> {place.log}"
        place.write(
            {"name": "a_{i}", "command": line.replace("{name}", "a"), "parameters": {"i": "1:6"}},
            {"name": "b_{i}", "command": line.replace("{name}", "b"), "parameters": {"i": "1:3"},
             "depends_on_regexes": ["^a"]},
            {"name": "c", "command": "true", "depends_on_regexes": ["^b"]},
        )  # fmt: skip
        made.append(place)
        return place

    return make


def try_each(faults: Iterable[Fault], attempt: Callable[[Fault], list[str]]) -> None:
    """Try all before any is reported: a bug shows itself at several of them."""
    wrong = [f"{fault}: {what}" for fault in faults for what in attempt(fault)]
    assert not wrong, "\n" + "\n".join(wrong)


def answered(outcome: Outcome, fault: Fault, *, killed: bool) -> list[str]:
    """What is wrong with how the program ended and with what it said."""
    wrong = []
    answers = (*ANSWERS, 2) if (fault.call, fault.how) in OF_A_NAME else ANSWERS
    if outcome.code not in answers and not (killed and outcome.code == -9):
        wrong.append(f"exit code {outcome.code}: {outcome.err}")
    if "Traceback" in outcome.err or "internal error" in outcome.err:
        wrong.append(f"a bug is admitted: {outcome.err}{_saved(outcome.err)}")
    if outcome.code in answers[1:] and not outcome.err.strip():
        wrong.append(f"exit code {outcome.code} and not a word")
    if outcome.seconds > (LOCKED_S if fault.call == "fcntl" else SOON_S):
        wrong.append(f"it took {outcome.seconds:.1f} s")
    return wrong


def _saved(err: str) -> str:
    """The traceback that the message names."""
    names = [word for word in err.split() if "torc-local-error-" in word]
    return "".join("\n" + Path(name).read_text() for name in names if Path(name).exists())


def goes_on(lab: Lab, place: Place) -> list[str]:
    """What is wrong with the database, and with the run that goes on without faults."""
    wrong = []
    if place.db_path.exists() and place.ask("SELECT 1 FROM v_meta") and (left := place.leftovers()):
        wrong.append(f"processes are left: {left}")
    before, ran = completed(place), place.lines()
    outcome = lab.do(place.directory, *GO_ON)
    if outcome.code != 0 or json.loads(outcome.out)["jobs_by_status"]["completed"] != JOBS:
        return [*wrong, f"the next run: {outcome}{_saved(outcome.err)}"]
    if place.query("SELECT 1 FROM v_attempts WHERE status = 'completed' GROUP BY job_id, run_id HAVING count(*) > 1"):
        wrong.append("a job is recorded completed twice")
    if missing := before - completed(place):
        wrong.append(f"completions are lost: {missing}")
    names = {name for name, _ in before}
    if again := {name for name in names if place.lines()[name] != ran[name]}:
        wrong.append(f"completed jobs ran again: {again}")
    wrong += [f"broken: {one}" for one in place.violations()]
    return wrong


def completed(place: Place) -> set[tuple[str, int]]:
    """Jobs and attempts that are recorded completed."""
    if not place.db_path.exists():
        return set()
    rows = place.ask("SELECT job_name, attempt_id FROM v_attempts WHERE status = 'completed'")
    return {(name, attempt) for name, attempt in rows}
