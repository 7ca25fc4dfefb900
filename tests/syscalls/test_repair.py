"""``doctor --repair``, broken at every call: the old file stays whole or a second repair succeeds; nothing is lost."""

import shutil

import pytest

from tests.support.damage import DAMAGES, completed, half_done
from tests.syscalls.conftest import answered, try_each
from tests.syscalls.lab import Fault

pytestmark = pytest.mark.fault

REPAIR = ("doctor", "--repair", "--db", "out/torc.db")
RUN = ("run", "--db", "out/torc.db", "-j", "2", "-o", "out", "--progress", "none")

ERRORS = (
    ("openat", "EMFILE"), ("openat", "ENOSPC"), ("openat", "EIO"), ("openat", "EACCES"),
    ("pwrite64", "ENOSPC"), ("pwrite64", "EIO"), ("pread64", "EIO"), ("fdatasync", "EIO"), ("fsync", "EIO"),
    ("unlink", "EIO"), ("unlink", "EACCES"), ("ftruncate", "ENOSPC"), ("fcntl", "ENOLCK"), ("mmap", "ENOMEM"),
    ("link", "EPERM"), ("link", "ENOSPC"), ("rename", "ENOSPC"), ("rename", "EIO"), ("newfstatat", "EIO"),
)  # fmt: skip

KILLS = ("pwrite64", "fdatasync", "fsync", "unlink", "ftruncate", "openat", "fcntl", "link", "rename", "close")


@pytest.fixture(scope="session")
def half(tmp_path_factory):
    """A directory for each kind of damage; what was on record before is that of ``whole``."""
    home = tmp_path_factory.mktemp("half")
    half_done(home / "whole" / "out" / "torc.db")
    for kind, damage in DAMAGES.items():
        shutil.copytree(home / "whole", home / kind)
        damage(home / kind / "out" / "torc.db")
    return home


@pytest.fixture
def broken(lab, half, tmp_path, numbers):
    """Break every call of a name in a repair, each on a copy of its own."""

    def check(kind, call, how, most):
        made = 0

        def place():
            nonlocal made
            made += 1
            return shutil.copytree(half / kind, tmp_path / str(made))

        count = lab.count(place, *REPAIR, about=kind)[call]
        if not count:
            pytest.skip(f"the repair of {kind} does not call {call}")
        before = completed(half / "whole" / "out" / "torc.db")

        def attempt(fault):
            here = place()
            outcome = lab.do(here, *REPAIR, fault=fault)
            # Where it could be read, doctor says on standard output what is wrong.
            wrong = answered(outcome._replace(err=outcome.err or outcome.out), fault, killed=how == "SIGKILL")
            again = lab.do(here, *REPAIR)
            if again.code != 0:
                return [*wrong, f"the second repair: {again}"]
            if lost := before - completed(here / "out" / "torc.db"):
                wrong.append(f"completions are lost: {lost}")
            parts = [one.name for one in (here / "out").iterdir() if ".part" in one.name]
            if parts:
                wrong.append(f"parts are left: {parts}")
            outcome = lab.do(here, *RUN)
            if outcome.code not in (0, 1):
                wrong.append(f"the next run: {outcome}")
            shutil.rmtree(here)
            return wrong

        try_each([Fault(call, how, number) for number in numbers(count, most)], attempt)

    return check


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.parametrize(("call", "how"), ERRORS)
def test_a_call_that_fails(broken, kind, call, how):
    broken(kind, call, how, 2)


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.parametrize("call", KILLS)
def test_a_kill_at_a_call(broken, kind, call):
    broken(kind, call, "SIGKILL", 3)
