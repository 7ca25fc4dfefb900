"""What counts as a change since a job completed."""

from tests.engine.test_restart import back, finished
from torc_local.engine import changes
from torc_local.engine.begin import begin
from torc_local.ground.clock import now
from torc_local.store import workflows


def with_file(db, *, is_output, mtime):
    """A completed job with one file, and when it saw the file last."""
    stage = finished(db, {"a": [], "b": ["a"]})
    with db.write("test"):
        run = db.connection.execute
        run(
            "INSERT INTO file (id, workflow_id, name, path, is_consumed, is_produced)"
            " VALUES (1, ?, 'f', 'f.txt', ?, ?)",
            (stage.workflow_id, not is_output, is_output),
        )
        run("INSERT INTO job_file (job_id, is_output, file_id, mtime_at) VALUES (1, ?, 1, ?)", (is_output, mtime))
        run("UPDATE job SET io = 1 WHERE id = 1")
    return stage


def whys(db, stage, mtime):
    return [why for _, _, why in changes.look(db, stage.workflow_id, {"f.txt": mtime}.get).jobs]


def test_an_input_that_is_gone_is_no_reason_and_one_that_came_is(db):
    stage = with_file(db, is_output=0, mtime=5.0)
    assert whys(db, stage, None) == []
    assert whys(db, stage, 5.005) == []
    assert whys(db, stage, 6.0) == whys(db, stage, 4.0) == ["input file has changed: f.txt"]
    db.connection.execute("UPDATE job_file SET mtime_at = NULL")
    assert whys(db, stage, 6.0) == ["input file is there now: f.txt"]


def test_an_output_is_missed_and_not_compared(db):
    stage = with_file(db, is_output=1, mtime=5.0)
    assert whys(db, stage, 9.0) == []
    assert whys(db, stage, None) == ["output file is missing: f.txt"]


def test_a_change_that_is_older_than_the_newest_attempt_puts_nothing_back(db):
    """Somebody put the job back and it completed again after the look: what was seen then says nothing of it."""
    stage = with_file(db, is_output=0, mtime=5.0)
    seen = changes.look(db, stage.workflow_id, {"f.txt": 6.0}.get)
    back(stage, ["a"])
    stage.begin()
    stage.run_all()
    assert begin(db, stage.workflow_id, retry_failed=True, at=now(), changes=seen).again == 0


def test_many_files_make_one_reason(db):
    stage = with_file(db, is_output=0, mtime=5.0)
    with db.write("test"):
        for number in range(2, 9):
            db.connection.execute(
                "INSERT INTO file (id, workflow_id, name, path, is_consumed, is_produced) VALUES (?, ?, ?, ?, 1, 0)",
                (number, stage.workflow_id, f"f{number}", f"f{number}.txt"),
            )
            db.connection.execute(
                "INSERT INTO job_file (job_id, is_output, file_id, mtime_at) VALUES (1, 0, ?, 5.0)", (number,)
            )
    found = changes.look(db, stage.workflow_id, lambda _: 9.0).jobs
    assert {why for _, _, why in found} == {"an input file has changed"}


def test_changes_are_seen_in_open_runs_too_and_begin_a_new_one(db):
    """A run that was stopped half-way: what had completed and has changed runs again with the rest."""
    stage = with_file(db, is_output=0, mtime=5.0)
    seen = changes.since_last_run(db, stage.workflow_id, lambda _: 9.0)
    begun = begin(db, stage.workflow_id, retry_failed=True, at=now(), changes=seen)
    assert (begun.run_id, begun.again, begun.changed) == (2, 2, 1)
    assert stage.statuses() == {"a": "ready", "b": "blocked"}
    assert workflows.counts(db, stage.workflow_id) == {"ready": 1, "blocked": 1}


def test_before_the_first_run_nothing_is_looked_at(db):
    stage = with_file(db, is_output=0, mtime=5.0)
    db.connection.execute("DELETE FROM run")
    assert changes.since_last_run(db, stage.workflow_id, lambda _: 9.0) == changes.NONE
