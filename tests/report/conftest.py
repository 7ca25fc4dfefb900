"""A finished small workflow, opened for looking."""

import pytest

from tests.report.small import small_database
from torc_local.store import opening, workflows


@pytest.fixture
def path(tmp_path):
    return small_database(tmp_path / "torc.db")


@pytest.fixture
def db(path):
    with opening.open_read_only(path) as opened:
        yield opened


@pytest.fixture
def workflow(db):
    found = workflows.get(db, 1)
    assert found is not None
    return found
