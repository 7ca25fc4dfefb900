"""What counts as a change since a job completed."""

from tests.engine.test_restart import back, finished
from torc_local.engine import changes
from torc_local.engine.begin import begin
from torc_local.ground.clock import now
from torc_local.store import opening, workflows


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


def with_shared_files(db, count):
    """As many jobs that have written a file each, and two readers of all of them, with these times: 5.0."""
    writers = [f"w{i}" for i in range(count)]
    stage = finished(db, {name: [] for name in writers} | {"a": writers, "b": writers})
    run, first = db.connection.execute, db.connection.execute("SELECT min(id) FROM job").get
    with db.write("test"):
        run("INSERT INTO item_set (id, workflow_id, kind) VALUES (-1, ?, 'file')", (stage.workflow_id,))
        for i in range(count):
            run(
                "INSERT INTO file (id, workflow_id, name, path, is_consumed, is_produced) VALUES (?, ?, ?, ?, 1, 1)",
                (i + 1, stage.workflow_id, f"f{i}", f"f{i}.txt"),
            )
            run("INSERT INTO job_file (job_id, is_output, file_id, mtime_at) VALUES (?, 1, ?, 5.0)", (first + i, i + 1))
            run("INSERT INTO item_set_member (set_id, item_id) VALUES (-1, ?)", (i + 1,))
        for reader in (first + count, first + count + 1):
            run("INSERT INTO job_file (job_id, is_output, file_id) VALUES (?, 0, -1)", (reader,))
        run("UPDATE job SET io = 1")
    return stage


def test_what_was_written_anew_puts_its_readers_back_once_and_its_writers_not(db):
    stage = with_shared_files(db, 3)
    seen = changes.look(db, stage.workflow_id, {"f0.txt": 5.0, "f1.txt": 7.0, "f2.txt": 7.0}.get)
    assert seen.shared == {2: 7.0, 3: 7.0}
    assert begin(db, stage.workflow_id, retry_failed=True, at=now(), changes=seen).again == 2
    assert db.connection.execute("SELECT mtime_at FROM job_file WHERE is_output ORDER BY file_id").fetchall() == [
        (5.0,),
        (7.0,),
        (7.0,),
    ]
    stage.run_all()
    assert changes.look(db, stage.workflow_id, {"f0.txt": 5.0, "f1.txt": 7.0, "f2.txt": 7.0}.get).shared == {}


def test_noting_many_files_that_were_written_anew_does_not_take_their_square(tmp_path):
    """All of them at once, inside a transaction: steps of SQLite, four times the files."""
    steps = {}
    for count in (100, 400):
        with opening.open_or_create(tmp_path / f"{count}.db") as db:
            stage = with_shared_files(db, count)
            seen = changes.look(db, stage.workflow_id, lambda _: 9.0)
            assert len(seen.shared) == count
            steps[count] = 0

            def step(count=count):
                steps[count] += 1
                return False

            with db.write("test"):
                db.connection.set_progress_handler(step, 100)
                changes.seed(db, stage.workflow_id, seen)
                db.connection.set_progress_handler(None)
    assert steps[400] < 6 * steps[100]
