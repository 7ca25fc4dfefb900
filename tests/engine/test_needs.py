"""What jobs read and write is looked up when they are claimed, and noted with their completion, if they are ours."""

import pytest

from tests.support.workflows import Stage, result
from torc_local.engine import needs
from torc_local.engine.needs import Seen
from torc_local.engine.putting import Writer, put
from torc_local.engine.required import missing
from torc_local.engine.turn import Wish, turn
from torc_local.ground.errors import InputError, StateError
from torc_local.spec.load import loads
from torc_local.store import opening, reclaiming

SPEC = b"""
name: w
files:
  - {name: "f{i}", path: "d/{i}", parameters: {i: "1:9"}}
  - {name: in, path: in.txt}
user_data:
  - {name: u, data: {b: 1}, is_ephemeral: true}
  - {name: v}
jobs:
  - {name: a, command: "x '${user_data.input.u}' '${user_data.output.v}' ${files.output.f1}", input_files: [in]}
  - {name: "b{i}", command: x, parameters: {i: "1:2"}, input_file_regexes: ["^f"], input_user_data: [u]}
  - {name: c, command: x}
"""


@pytest.fixture
def stage(tmp_path):
    with opening.open_or_create(tmp_path / "torc.db") as db:
        made = Stage(db, loads(SPEC, "w.yaml"))
        made.begin()
        yield made


def rows(stage, sql):
    return stage.db.connection.execute(sql).fetchall()


def put_(stage, name, data, writer=None):
    put(stage.db, stage.workflow_id, name, data, writer)


def test_commands_are_filled_in_with_what_is_there_at_the_claim(stage):
    put_(stage, "u", '"it ${user_data.output.v}"')
    me = stage.runner()
    claims = stage.claim(me, 4)
    found = needs.look_up(stage.db, stage.workflow_id, [claim for claim in claims if claim.io])
    (need,) = found.values()
    assert need.claim.command == "x '\"it ${user_data.output.v}\"' 'null' d/1"
    assert [(use.path, use.is_output) for use in need.files] == [("in.txt", 0), ("d/1", 1)]
    (version,) = rows(stage, "SELECT version FROM user_data WHERE name = 'u'")
    assert [got.version for got in need.got] == [version[0]]
    assert version[0] > 0


def test_files_of_a_shared_list_are_not_looked_at_after_each_job(stage):
    me = stage.runner()
    stage.settle(me, stage.claim(me, 4))
    stage.unblock()
    claims = stage.claim(me, 4)
    assert [claim.name for claim in claims] == ["b1", "b2"]
    found = needs.look_up(stage.db, stage.workflow_id, claims)
    assert [list(need.files) for need in found.values()] == [[], []]


def seen_of(found: dict[int, needs.Need]) -> Seen:
    files: list[tuple[float | None, int, int, int]] = [
        (5.0, use.job_id, use.is_output, use.file_id) for need in found.values() for use in need.files
    ]
    return Seen(files, [got for need in found.values() for got in need.got])


@pytest.mark.parametrize("status", ["completed", "failed", "interrupted"])
def test_what_was_seen_is_noted_when_the_job_completed(stage, status):
    me = stage.runner()
    claims = stage.claim(me, 4)
    found = needs.look_up(stage.db, stage.workflow_id, [claim for claim in claims if claim.io])
    turn(stage.db, me, Wish(results=[result(me, claim, status) for claim in claims], seen=seen_of(found)), at=1.0)
    expected = [(5.0,), (5.0,)] if status == "completed" else [(None,), (None,)]
    assert rows(stage, "SELECT mtime_at FROM job_file WHERE job_id = 1") == expected
    assert rows(stage, "SELECT version FROM job_user_data WHERE job_id = 1 AND NOT is_output") == [
        (0 if status == "completed" else None,)
    ]


def test_nothing_is_noted_for_a_job_that_is_not_ours_any_more(stage):
    me = stage.runner()
    claims = stage.claim(me, 4)
    found = needs.look_up(stage.db, stage.workflow_id, [claim for claim in claims if claim.io])
    with stage.db.write("test"):
        reclaiming.reclaim_pending(stage.db, me.runner_id)
    turn(stage.db, me, Wish(results=[result(me, claim) for claim in claims], seen=seen_of(found)), at=1.0)
    assert rows(stage, "SELECT DISTINCT mtime_at FROM job_file") == [(None,)]


def test_equal_data_keeps_its_version(stage):
    put_(stage, "u", "1")
    before = rows(stage, "SELECT version, data FROM user_data WHERE name = 'u'")
    put_(stage, "u", "1")
    assert rows(stage, "SELECT version, data FROM user_data WHERE name = 'u'") == before
    put_(stage, "u", "2")
    assert rows(stage, "SELECT version, data FROM user_data WHERE name = 'u'") > before


def test_only_the_newest_attempt_of_a_job_of_this_workflow_writes(stage):
    put_(stage, "v", "1", Writer(1, 1))
    assert rows(stage, "SELECT data, job_id FROM user_data WHERE name = 'v'") == [("1", 1)]
    for writer in (Writer(1, 2), Writer(99, 1)):
        with pytest.raises(StateError):
            put_(stage, "v", "2", writer)
    with pytest.raises(InputError):
        put_(stage, "w", "2")
    assert rows(stage, "SELECT data, job_id FROM user_data WHERE name = 'v'") == [("1", 1)]


def test_ephemeral_data_is_as_the_file_says_again_when_its_writer_is_put_back(stage):
    put_(stage, "u", "1", Writer(1, 1))
    put_(stage, "u", "2", Writer(1, 1))
    put_(stage, "v", "3", Writer(1, 1))
    version = rows(stage, "SELECT version FROM user_data WHERE name = 'u'")
    stage.run_all(failing=["a"])
    stage.begin()
    assert rows(stage, "SELECT name, data, put_at, job_id FROM user_data")[0] == ("u", '{"b":1}', None, None)
    assert rows(stage, "SELECT data FROM user_data WHERE name = 'v'") == [("3",)]
    assert rows(stage, "SELECT version FROM user_data WHERE name = 'u'") > version


def test_what_is_missing_is_what_unfinished_jobs_need(stage):
    assert missing(stage.db, 1, lambda _: None, retry_failed=True).files == [
        *((f"f{i}", f"d/{i}") for i in range(2, 10)),
        ("in", "in.txt"),
    ]
    stage.run_all(failing=["b1"])
    assert len(missing(stage.db, 1, lambda _: None, retry_failed=True).files) == 8
    assert missing(stage.db, 1, lambda _: None, retry_failed=False).files == []


def test_how_files_of_a_shared_list_are_first_found_is_noted_once(stage):
    for mtime in (7.0, 8.0):
        missing(stage.db, 1, lambda _: mtime, retry_failed=True)  # noqa: B023 - called at once
    assert rows(stage, "SELECT DISTINCT mtime_at FROM file WHERE NOT is_produced AND name <> 'in'") == [(7.0,)]
    assert rows(stage, "SELECT mtime_at FROM file WHERE is_produced OR name = 'in'") == [(None,), (None,)]


def test_nothing_is_missing_for_who_joins_a_run(stage):
    stage.runner()
    assert missing(stage.db, 1, lambda _: None, retry_failed=True) == ([], [])
