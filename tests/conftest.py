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
        "--quarter",
        type=int,
        choices=range(4),
        help="run every fourth of the behaviours only; the four quarters are all of them",
    )


def pytest_collection_modifyitems(config, items):
    """Leave out what is not in the quarter of the behaviours that was asked for."""
    quarter = config.getoption("--quarter")
    if quarter is None:
        return
    behaviours = [item for item in items if item.get_closest_marker("behaviour")]
    left_out = set(behaviours) - set(behaviours[quarter::4])
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture
def db(tmp_path):
    """A new database; whatever a test did to it, no invariant may be broken at its end."""
    with opening.open_or_create(tmp_path / "private" / "torc.db") as opened:
        yield opened
        assert invariants.violations(opened) == []
