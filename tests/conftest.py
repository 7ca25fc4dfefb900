"""Fixtures for all tests."""

import pytest

from torc_local.store import invariants, opening


@pytest.fixture
def db(tmp_path):
    """A new database; whatever a test did to it, no invariant may be broken at its end."""
    with opening.open_or_create(tmp_path / "private" / "torc.db") as opened:
        yield opened
        assert invariants.violations(opened) == []
