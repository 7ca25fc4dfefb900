"""A complete run, broken at every call of its processes: it ends with an exit code of ours, and the next one completes.

The workflow is in the database already. A fault in ``all`` meets the supervisor first and whatever makes as many calls;
one in ``runner`` or ``coordinator`` meets only the first of them, so that the run goes on with what takes its place.
"""

import pytest

from tests.syscalls.conftest import CREATE, RUN, answered, goes_on, try_each
from tests.syscalls.lab import Fault

pytestmark = pytest.mark.fault

ERRORS = (
    ("openat", "EMFILE"), ("openat", "ENFILE"), ("openat", "EIO"), ("openat", "ENOSPC"), ("openat", "ENOMEM"),
    ("pwrite64", "ENOSPC"), ("pwrite64", "EIO"), ("pread64", "EIO"), ("read", "EIO"), ("write", "ENOSPC"),
    ("fdatasync", "EIO"), ("unlink", "EIO"), ("ftruncate", "ENOSPC"), ("ftruncate", "EIO"),
    ("fcntl", "ENOLCK"), ("fcntl", "EIO"), ("fcntl", "EINTR"), ("flock", "ENOLCK"), ("flock", "EINTR"),
    ("mmap", "ENOMEM"), ("clone", "EAGAIN"), ("clone", "ENOMEM"), ("clone3", "EAGAIN"), ("clone3", "ENOMEM"),
    ("vfork", "EAGAIN"), ("fork", "EAGAIN"), ("pipe2", "EMFILE"), ("dup2", "EMFILE"), ("dup", "EMFILE"),
    ("wait4", "EINTR"), ("waitid", "EINTR"), ("rt_sigtimedwait", "EINTR"), ("lseek", "EIO"), ("close", "EIO"),
    ("close", "EINTR"), ("newfstatat", "EIO"), ("mkdir", "ENOSPC"), ("getdents64", "EIO"), ("kill", "EPERM"),
    ("readlink", "EIO"),
)  # fmt: skip

KILLS = ("pwrite64", "fdatasync", "unlink", "ftruncate", "openat", "fcntl", "clone", "clone3", "wait4", "kill", "close")

WHOM = ("all", "coordinator", "runner")


@pytest.fixture
def broken(lab, places, numbers):
    """Break every call of a name in a run, each in a place of its own."""

    def check(whom, call, how, most):
        def place():
            made = places()
            lab.do(made.directory, *CREATE)
            return made

        count = lab.count(lambda: place().directory, *RUN, whom=whom)[call]
        if not count:
            pytest.skip(f"{whom} does not call {call}")

        def attempt(fault):
            here = place()
            outcome = lab.do(here.directory, *RUN, fault=fault, whom=whom)
            wrong = answered(outcome, fault, killed=how == "SIGKILL" and whom == "all")
            return wrong + goes_on(lab, here)

        try_each([Fault(call, how, number) for number in numbers(count, most)], attempt)

    return check


@pytest.mark.parametrize("whom", WHOM)
@pytest.mark.parametrize(("call", "how"), ERRORS)
def test_a_call_that_fails(broken, whom, call, how):
    broken(whom, call, how, 2)


@pytest.mark.parametrize("whom", WHOM)
@pytest.mark.parametrize("call", KILLS)
def test_a_kill_at_a_call(broken, whom, call):
    broken(whom, call, "SIGKILL", 2)
