"""Fixtures for all tests."""

import signal

import pytest

from torc_local.store import invariants, opening

# Whoever runs the tests in the background may have us ignore these, and everything we start with us.
signal.signal(signal.SIGINT, signal.default_int_handler)
for _kind in (signal.SIGQUIT, signal.SIGHUP):
    signal.signal(_kind, signal.SIG_DFL)


def pytest_addoption(parser):
    """The sizes of the suites that take minutes."""
    parser.addoption(
        "--size",
        choices=("small", "full"),
        help="of the long suites: small is for CI. Without it scale and kills are full, system calls and power small",
    )
    parser.addoption(
        "--half",
        type=int,
        choices=(0, 1),
        help="run every other one of the behaviours only; the two halves are all of them",
    )


def pytest_collection_modifyitems(config, items):
    """Leave out one half of the behaviours."""
    half = config.getoption("--half")
    if half is None:
        return
    behaviours = [item for item in items if item.get_closest_marker("behaviour")]
    left_out = set(behaviours[1 - half :: 2])
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture
def db(tmp_path):
    """A new database; whatever a test did to it, no invariant may be broken at its end."""
    with opening.open_or_create(tmp_path / "private" / "torc.db") as opened:
        yield opened
        assert invariants.violations(opened) == []
