"""Files and user data are stored once, with who uses them; lists that many jobs share are one set."""

import pytest

from torc_local.engine.admit import Origin, admit
from torc_local.spec.load import loads
from torc_local.store import mending_uses, opening
from torc_local.store.invariants import violations

SPEC = b"""
name: w
files:
  - {name: "f{i}", path: "d/{i}", parameters: {i: "1:20"}}
  - {name: in, path: in.txt}
user_data:
  - {name: u, data: {b: 1}, is_ephemeral: true}
jobs:
  - {name: "a{i}", command: "x > ${files.output.f{i}}", parameters: {i: "1:20"}, input_files: [in]}
  - {name: "b{i}", command: "x ${user_data.input.u}", parameters: {i: "1:3"}, input_file_regexes: ["^f"]}
  - {name: c, command: x, output_user_data: [u]}
"""


@pytest.fixture
def db(tmp_path):
    with opening.open_or_create(tmp_path / "torc.db") as opened:
        for _ in range(2):
            admit(opened, loads(SPEC, "w.yaml"), Origin("u", None, 0.0))
        yield opened


def rows(db, sql):
    return db.connection.execute(sql).fetchall()


def test_every_file_and_use_is_a_row_and_a_shared_list_is_a_set(db):
    assert rows(db, "SELECT count(*), sum(is_consumed), sum(is_produced) FROM file") == [(42, 42, 40)]
    assert rows(db, "SELECT workflow_id, data, version, is_ephemeral FROM user_data") == [
        (1, '{"b":1}', 0, 1),
        (2, '{"b":1}', 0, 1),
    ]
    assert rows(db, "SELECT is_output, file_id < 0, count(*) FROM job_file GROUP BY 1, 2") == [
        (0, 0, 40),
        (0, 1, 6),
        (1, 0, 40),
    ]
    assert rows(db, "SELECT set_id, count(*) FROM item_set_member GROUP BY 1") == [(-2, 20), (-1, 20)]
    assert rows(db, "SELECT DISTINCT f.workflow_id, s.workflow_id FROM item_set s JOIN item_set_member m"
                    " ON m.set_id = s.id JOIN file f ON f.id = m.item_id ORDER BY 1") == [(1, 1), (2, 2)]  # fmt: skip
    assert rows(db, "SELECT substr(name, 1, 1), io, count(*) FROM job GROUP BY 1, 2") == [
        ("a", 1, 40),
        ("b", 7, 6),
        ("c", 0, 2),
    ]
    assert violations(db) == []


def test_each_job_waits_through_its_own_workflow(db):
    waiting = rows(db, "SELECT name, status, blockers FROM job WHERE name IN ('a1', 'b1', 'c')")
    assert waiting == [("a1", "ready", 0), ("b1", "blocked", 2), ("c", "ready", 0)] * 2
    assert rows(db, "SELECT members FROM gate") == [(20,), (20,)]


def test_a_deleted_workflow_takes_its_files_along(db):
    with db.write("test"):
        db.connection.execute("DELETE FROM workflow WHERE id = 1")
    for table in ("file", "user_data", "item_set"):
        assert rows(db, f"SELECT DISTINCT workflow_id FROM {table}") == [(2,)]
    assert rows(db, "SELECT DISTINCT set_id FROM item_set_member") == [(-2,)]


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM file WHERE id = 1",
        "DELETE FROM item_set WHERE id = -1",
        "DELETE FROM user_data WHERE id = 1",
        "DELETE FROM job_file WHERE job_id = 1",
        "UPDATE file SET is_consumed = 0, is_produced = 0",
        "UPDATE job SET io = 0",
    ],
)
def test_what_a_damage_leaves_is_made_to_fit_together(db, damage):
    db.connection.execute(damage)
    assert violations(db)
    with db.write("test"):
        mending_uses.uses(db)
    assert violations(db) == []
    assert rows(db, "SELECT count(*) FROM job_file WHERE is_output") >= [(38,)]
