"""A place to run a workflow in, looked over when the test is done."""

import pytest

from tests.process.running import Place


@pytest.fixture
def place(tmp_path):
    """Whatever a test did: no invariant is broken, no claim is left, and no process of its jobs lives."""
    made = Place(tmp_path)
    yield made
    made.end()
    if made.db_path.exists():
        assert made.violations() == []
        assert made.leftovers() == []
