"""``run FILE`` on two machines at the same moment: they work on one workflow, though no lock is known to both."""

from contextlib import nullcontext

import pytest

from torc_local.cli import changing
from torc_local.store import opening, workflows

SPEC = "name: w\njobs:\n- {name: a, command: 'true'}\n"


@pytest.fixture
def unlocked(monkeypatch):
    """A lock on a directory that each machine has for itself, and a first look that was too early."""
    monkeypatch.setattr(changing, "_one_at_a_time", lambda _: nullcontext())
    listed = workflows.list_all

    def too_early(db):
        monkeypatch.setattr(workflows, "list_all", listed)
        return []

    return lambda: monkeypatch.setattr(workflows, "list_all", too_early)


def test_who_comes_second_takes_the_workflow_of_the_first(here, unlocked):
    (here / "w.yaml").write_text(SPEC)
    loaded = changing.read_file("w.yaml")
    with opening.open_or_create(here / "torc.db") as db:
        unlocked()
        first = changing.find_or_create(db, loaded, fresh=False)
        unlocked()
        assert changing.find_or_create(db, loaded, fresh=False) == first
        assert len(workflows.list_all(db)) == 1
        assert changing.find_or_create(db, loaded, fresh=True) != first, "unless a new one was asked for"
