"""Fixtures for all tests."""

import atexit
import os
import shutil
import signal
import tempfile

import pytest

from tests.support.golden import Golden
from torc_local.store import invariants, opening

# Whoever runs the tests in the background may have us ignore these, and everything we start with us.
signal.signal(signal.SIGINT, signal.default_int_handler)
for _kind in (signal.SIGQUIT, signal.SIGHUP):
    signal.signal(_kind, signal.SIG_DFL)

# Where Python is told to keep no compiled modules, each of the many processes that are started would compile them all.
if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
    os.environ["PYTHONPYCACHEPREFIX"] = _compiled = tempfile.mkdtemp(prefix="torc-local-compiled-")
    atexit.register(shutil.rmtree, _compiled, ignore_errors=True)


def pytest_addoption(parser):
    """The sizes of the suites that take minutes."""
    parser.addoption(
        "--size",
        choices=("small", "full"),
        help="of the long suites: small is for CI. Without it scale and kills are full, system calls and power small",
    )
    parser.addoption(
        "--quarter",
        type=int,
        choices=range(4),
        action="append",
        help="run only every fourth of behaviours, faults, scale, what boots kernels and other nodes (may be repeated)",
    )
    parser.addoption(
        "--write-golden",
        action="store_true",
        help="write the screens in tests/report/golden anew: tests/support/golden.py",
    )


#: What runs in quarters: markers, and the one whose tests are counted elsewhere.
_IN_QUARTERS = (("behaviour", None), ("fault", None), ("scale", None), ("kernels", None), ("shared_fs", "kernels"))


def pytest_collection_modifyitems(config, items):
    """Leave out what is not in the quarters that were asked for; all four are everything."""
    quarters = config.getoption("--quarter")
    if quarters is None:
        return
    left_out = set()
    for mark, unless in _IN_QUARTERS:
        marked = [
            item for item in items if item.get_closest_marker(mark) and not (unless and item.get_closest_marker(unless))
        ]
        left_out |= {item for number, item in enumerate(marked) if number % 4 not in quarters}
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(autouse=True)
def _signals_arrive():
    """What is started by a later test would inherit a blocked signal, and not be ended by it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    yield
    after = signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert after == before, "a test has blocked signals: what works as a run does needs a process of its own"


@pytest.fixture
def golden(request):
    """Compares a screen with the file that somebody has looked at."""
    return Golden(write=request.config.getoption("--write-golden"))


@pytest.fixture
def db(tmp_path):
    """A new database; whatever a test did to it, no invariant may be broken at its end."""
    with opening.open_or_create(tmp_path / "private" / "torc.db") as opened:
        yield opened
        assert invariants.violations(opened) == []
