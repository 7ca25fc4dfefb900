"""Admit, claim, settle, unblock and migrate in one process, broken at every call.

Nothing that was said to be on record is lost, and the next run goes on.
"""

from pathlib import Path

import apsw
import pytest

from tests.syscalls.conftest import CREATE, JOBS, answered, goes_on, try_each
from tests.syscalls.lab import Fault
from torc_local.ground.states import MOVES
from torc_local.store import opening

pytestmark = pytest.mark.fault

STEPS = (":admit_and_settle", ":without_log", *CREATE[:1])

#: What can happen at which call. Calls that a step does not make are not broken.
ERRORS = (
    ("openat", "EMFILE"), ("openat", "ENFILE"), ("openat", "ENOSPC"), ("openat", "EIO"), ("openat", "EROFS"),
    ("openat", "ENOMEM"), ("openat", "EACCES"),
    ("pwrite64", "ENOSPC"), ("pwrite64", "EDQUOT"), ("pwrite64", "EIO"), ("pwrite64", "EINTR"), ("pwrite64", "EROFS"),
    ("pread64", "EIO"), ("pread64", "EINTR"), ("read", "EIO"),
    ("fsync", "EIO"), ("fdatasync", "EIO"), ("fdatasync", "ENOSPC"),
    ("unlink", "EIO"), ("unlink", "EROFS"), ("unlink", "EACCES"),
    ("ftruncate", "ENOSPC"), ("ftruncate", "EIO"), ("ftruncate", "EINTR"),
    ("fcntl", "ENOLCK"), ("fcntl", "EIO"), ("fcntl", "EINTR"),
    ("flock", "ENOLCK"), ("flock", "EINTR"), ("mmap", "ENOMEM"), ("mkdir", "ENOSPC"), ("lseek", "EIO"),
    ("close", "EIO"), ("close", "EINTR"), ("newfstatat", "EIO"), ("stat", "EIO"), ("fstat", "EIO"),
    ("rename", "ENOSPC"), ("fchown", "EPERM"), ("access", "EIO"), ("readlink", "EIO"), ("write", "ENOSPC"),
    ("statx", "EIO"), ("statx", "ESTALE"), ("statx", "ENOENT"), ("statx", "EACCES"),
)  # fmt: skip

KILLS = (
    "pwrite64", "fdatasync", "fsync", "unlink", "ftruncate", "openat", "fcntl", "mkdir", "close", "rename", "statx",
)  # fmt: skip


def acknowledged(place):
    """Jobs and attempts that a step was told are on record."""
    path = place.directory / "acknowledged"
    return {tuple(map(int, line.split())) for line in path.read_text().splitlines()} if path.exists() else set()


def recorded(place):
    return set(place.query("SELECT job_id, attempt_id FROM v_attempts WHERE status = 'completed'"))


@pytest.fixture
def broken(lab, places, numbers):
    """Break every call of a name in a step, each in a place of its own."""

    def check(step, call, how, most=6):
        words = CREATE if step == "create" else (step,)
        count = lab.count(lambda: places().directory, *words)[call]
        if not count:
            pytest.skip(f"{step} does not call {call}")

        def attempt(fault):
            place = places()
            outcome = lab.do(place.directory, *words, fault=fault)
            wrong = answered(outcome, fault, killed=how == "SIGKILL")
            if outcome.code == 0 and step != "create" and len(acknowledged(place)) != JOBS:
                wrong.append("exit code 0, and not everything is done")
            if outcome.code == 0 and step == "create" and outcome.out.strip() != "1":
                wrong.append("exit code 0, and no workflow was named")
            wrong += goes_on(lab, place)
            if lost := acknowledged(place) - recorded(place):
                wrong.append(f"acknowledged and lost: {lost}")
            return wrong

        try_each([Fault(call, how, number) for number in numbers(count, most)], attempt)

    return check


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("call", "how"), ERRORS)
def test_a_call_that_fails(broken, step, call, how):
    broken(step, call, how, 2)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("call", KILLS)
def test_a_kill_at_a_call(broken, step, call):
    broken(step, call, "SIGKILL", 3)


OLD = Path(__file__).parents[1] / "store" / "schema_v1.sql"


@pytest.fixture
def old(places):
    """Makes places with a database of version 1 that holds a workflow without jobs."""

    def make():
        place = places()
        place.db_path.parent.mkdir(mode=0o700)
        connection = apsw.Connection(str(place.db_path))
        connection.pragma("journal_mode", "wal")
        for _ in connection.execute(OLD.read_text()):
            pass
        connection.executemany("INSERT INTO move (before, after) VALUES (?, ?)", sorted(MOVES))
        connection.execute("INSERT INTO meta (id, token, created_by, created_at) VALUES (1, 'x', '0', 0)")
        connection.pragma("application_id", opening.APPLICATION_ID)
        connection.pragma("user_version", 1)
        connection.close()
        return place

    return make


@pytest.mark.parametrize(("call", "how"), [*ERRORS, *((call, "SIGKILL") for call in KILLS)])
def test_bringing_an_old_database_up_to_date(lab, old, numbers, call, how):
    count = lab.count(lambda: old().directory, ":migrate")[call]
    if not count:
        pytest.skip(f"this does not call {call}")

    def attempt(fault):
        place = old()
        outcome = lab.do(place.directory, ":migrate", fault=fault)
        wrong = answered(outcome, fault, killed=how == "SIGKILL")
        wrong += goes_on(lab, place)
        copy = place.db_path.with_name("torc.db.v1.bak")
        if not copy.exists():
            return [*wrong, "there is no copy"]
        found = apsw.Connection(str(copy), flags=apsw.SQLITE_OPEN_READONLY)
        if (found.pragma("user_version"), found.pragma("integrity_check")) != (1, "ok"):
            wrong.append("the copy is not whole")
        found.close()
        return wrong

    try_each([Fault(call, how, number) for number in numbers(count, 2)], attempt)
