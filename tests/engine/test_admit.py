"""What a new workflow looks like in the database."""

import pytest

from tests.support.workflows import Stage, spec_of
from torc_local.engine.admit import Origin, admit
from torc_local.store import opening, workflows


def query(db, sql):
    return db.connection.execute(sql).fetchall()


def test_jobs_are_ready_or_blocked_at_once(db):
    stage = Stage(db, spec_of({"a": [], "b": ["a"], "c": ["a", "b"]}))
    assert stage.statuses() == {"a": "ready", "b": "blocked", "c": "blocked"}
    assert query(db, "SELECT name, blockers FROM job") == [("a", 0), ("b", 1), ("c", 2)]
    assert query(db, "SELECT count(*) FROM gate") == [(0,)]


def test_a_set_of_two_that_two_jobs_wait_for_becomes_a_gate(db):
    Stage(db, spec_of({"a": [], "b": [], "c": ["a", "b"], "d": ["b", "a"]}))
    assert query(db, "SELECT members, remaining FROM gate") == [(2, 2)]
    assert query(db, "SELECT count(*) FROM dependency") == [(4,)]
    assert query(db, "SELECT name, blockers FROM job WHERE blockers > 0") == [("c", 1), ("d", 1)]


@pytest.mark.parametrize(
    "waits", [{"a": [], "b": ["a"], "c": ["a"]}, {"a": [], "b": [], "c": ["a", "b"]}], ids=["set of one", "one waiter"]
)
def test_a_set_of_one_or_with_one_waiter_stays_edges(db, waits):
    Stage(db, spec_of(waits))
    assert query(db, "SELECT count(*) FROM gate") == [(0,)]


def test_all_to_all_costs_a_row_per_job_not_per_pair(db):
    layer = [f"a{i}" for i in range(300)]
    Stage(db, spec_of({**{name: [] for name in layer}, **{f"b{i}": layer for i in range(300)}}))
    assert query(db, "SELECT count(*) FROM dependency") == [(600,)]


def test_overlapping_sets_of_one_job_are_all_waited_for(db):
    first, second = ["a", "b"], ["b", "c"]
    spec = spec_of(
        {"a": [], "b": [], "c": [], "x": [], "y": []}, shared={"x": [first, second], "y": [first, ["a"], ["c"]]}
    )
    stage = Stage(db, spec)
    stage.begin()
    stage.run_all()
    assert set(stage.statuses().values()) == {"completed"}


def test_nothing_is_stored_when_anything_is_wrong(db):
    good = spec_of({"a": [], "b": ["a"]})
    twice = good._replace(jobs=(good.jobs[0], good.jobs[1]._replace(name="a")))
    with pytest.raises(Exception, match="UNIQUE"):
        admit(db, twice, Origin("tester", None, 0.0))
    for table in ("workflow", "job", "dependency", "resource_requirements", "job_count", "event"):
        assert query(db, f"SELECT count(*) FROM {table}") == [(0,)]


def test_workflows_in_one_database_do_not_meet(db):
    first = Stage(db, spec_of({"a": [], "b": ["a"]}))
    layer = {"a": [], "b": [], "c": ["a", "b"], "d": ["a", "b"]}
    second, third = Stage(db, spec_of(layer)), Stage(db, spec_of(layer))
    for stage in (first, second, third):
        stage.begin()
    second.run_all(failing=["a"])
    assert second.statuses() == {"a": "failed", "b": "completed", "c": "canceled", "d": "canceled"}
    assert first.statuses() == {"a": "ready", "b": "blocked"}
    assert third.counts() == {"ready": 2, "blocked": 2}
    second.begin()
    assert third.counts() == {"ready": 2, "blocked": 2}
    third.run_all()
    assert third.counts() == {"completed": 4}


def test_creation_is_measured(db):
    stage = Stage(db, spec_of({"a": []}))
    stored = workflows.get(db, stage.workflow_id)
    assert stored is not None
    assert (stored.creation_s or 0) > 0
    assert (stored.creation_bytes or 0) > 4096


def test_the_database_can_be_read_while_nobody_writes(db):
    Stage(db, spec_of({"a": []}))
    with opening.open_read_only(db.path) as reader:
        assert [row.name for row in workflows.list_all(reader)] == ["test"]
