"""Deleting and archiving workflows."""

import pytest

from tests.engine.test_restart import finished
from tests.support.workflows import NOW, Stage, spec_of
from torc_local.engine import keeping
from torc_local.engine.begin import begin
from torc_local.ground.errors import InputError
from torc_local.store import invariants


def rows(db):
    """How many rows each table has that belongs to workflows."""
    names = [row[0] for row in db.connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()]
    kept = {"meta", "move", "node", "sqlite_sequence"}
    return {
        name: db.connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names if name not in kept
    }


def test_of_a_deleted_workflow_no_row_is_left_and_of_others_every_one(db):
    waits = {"a": [], "b": ["a"], "c": ["a"]}
    finished(db, waits, failing=["b"])
    before = rows(db)
    other = finished(db, {f"j{i}": [] for i in range(4)} | {"end": [f"j{i}" for i in range(4)]}, failing=["j1"])
    with db.write("test"):
        db.connection.execute("INSERT INTO ended (workflow_id, node_id, failed) VALUES (?, 9, 0)", (other.workflow_id,))
    keeping.delete(db, other.workflow_id)
    assert rows(db) == before
    assert db.connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert invariants.violations(db, at_rest=True) == []


def test_what_somebody_works_on_is_neither_deleted_nor_archived(db):
    stage = Stage(db, spec_of({"a": []}))
    stage.begin()
    me = stage.runner()
    for act in (lambda: keeping.delete(db, 1), lambda: keeping.archive(db, 1, archived=True, at=NOW)):
        with pytest.raises(InputError, match="a run works on workflow 1"):
            act()
    stage.end(me)
    assert keeping.delete(db, 1) == []
    for act in (lambda: keeping.delete(db, 1), lambda: keeping.archive(db, 1, archived=True, at=NOW)):
        with pytest.raises(InputError, match="there is no workflow 1"):
            act()


def test_an_archived_workflow_does_not_begin(db):
    stage = finished(db, {"a": []})
    assert keeping.archive(db, stage.workflow_id, archived=True, at=NOW)
    assert not keeping.archive(db, stage.workflow_id, archived=True, at=NOW)
    with pytest.raises(InputError, match="is archived"):
        begin(db, stage.workflow_id, retry_failed=True, at=NOW)
