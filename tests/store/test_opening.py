"""Opening files: ours, others', damaged, from the future; private; never changed by a refusal."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import traceback
from contextlib import suppress
from pathlib import Path

import apsw
import pytest

from tests.support.workflows import Stage, spec_of
from torc_local.ground.errors import StateError
from torc_local.store import invariants, meta, migrations, opening, workflows


def test_a_new_database_is_private_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        with opening.open_or_create(tmp_path / "new" / "torc.db") as db:
            Stage(db, spec_of({"a": []}))
            for path in [*db.path.parent.iterdir(), db.path.parent]:
                assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    finally:
        os.umask(before)


def test_a_database_is_recognized_by_its_application_id_and_version(tmp_path):
    with opening.open_or_create(tmp_path / "torc.db") as db:
        assert db.connection.pragma("application_id") == opening.APPLICATION_ID
        assert db.connection.pragma("user_version") == migrations.NEWEST
        assert db.connection.pragma("journal_mode") == "wal"
        assert db.connection.pragma("foreign_keys") == 1


def foreign(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()


BAD = {
    "another program's": (foreign, "not a torc-local database"),
    "no database at all": (lambda path: path.write_bytes(b"hello, world\n" * 500), "not a torc-local database"),
    "a directory": (lambda path: path.mkdir(), "is a directory"),
    "a pipe": (os.mkfifo, "not a regular file"),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("how", [opening.open_or_create, opening.open_existing, opening.open_read_only])
def test_what_is_not_ours_is_refused_and_left_as_it_is(tmp_path, kind, how):
    make, message = BAD[kind]
    path = tmp_path / "torc.db"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StateError, match=message):
        how(path)
    assert before is None or path.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == [path]


def test_a_missing_database_is_said_to_be_missing(tmp_path):
    for how in (opening.open_existing, opening.open_read_only):
        with pytest.raises(StateError, match="there is no database"):
            how(tmp_path / "torc.db")


def test_an_empty_file_is_filled_by_a_creator_and_refused_to_others(tmp_path):
    """A creator that was killed right after making the file leaves it empty."""
    path = tmp_path / "torc.db"
    path.touch()
    with pytest.raises(StateError, match="it is empty"):
        opening.open_read_only(path)
    with opening.open_or_create(path) as db:
        assert workflows.list_all(db) == []


def test_a_file_that_is_filled_while_it_is_looked_at_is_ours(tmp_path, monkeypatch):
    """Between two questions about the file another process fills it: the answers must be of one moment."""
    path = tmp_path / "torc.db"
    path.touch()
    program = (
        "import sys, pathlib; from torc_local.store import opening; opening.open_or_create(pathlib.Path(sys.argv[1]))"
    )
    others: list[subprocess.Popen[bytes]] = []

    class Slow(apsw.Connection):
        def pragma(self, name, *values, **named):
            answer = super().pragma(name, *values, **named)
            if name == "application_id" and not others:
                others.append(subprocess.Popen([sys.executable, "-c", program, path]))
                with suppress(subprocess.TimeoutExpired):
                    others[0].wait(0.5)  # longer when it has to wait for us
            return answer

    monkeypatch.setattr(apsw, "Connection", Slow)
    with opening.open_existing(path, create=True) as db:
        assert workflows.list_all(db) == []
    assert others[0].wait(10) == 0


def test_several_may_make_one_database_at_once(tmp_path):
    for number in range(8):
        path = tmp_path / str(number) / "torc.db"
        pids = []
        for _ in range(4):
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    with opening.open_or_create(path) as db, db.write("test"):
                        code = 0
                except BaseException:  # noqa: BLE001 - the child ends here
                    traceback.print_exc()
                finally:
                    os._exit(code)
            pids.append(pid)
        assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [0] * 4
        with opening.open_read_only(path) as db:
            assert meta.get(db).commit_seq == 4


def test_a_newer_version_is_refused_with_both_numbers(tmp_path):
    path = tmp_path / "torc.db"
    with opening.open_or_create(path) as db:
        db.connection.pragma("user_version", migrations.NEWEST + 1)
    before = path.read_bytes()
    for how in (opening.open_or_create, opening.open_existing, opening.open_read_only):
        with pytest.raises(
            StateError, match=rf"newer version \({migrations.NEWEST + 1}; .*up to {migrations.NEWEST}\)"
        ):
            how(path)
    assert path.read_bytes() == before


def test_a_file_cut_at_any_length_opens_or_is_refused_and_is_never_made_worse(tmp_path):
    whole = tmp_path / "whole.db"
    with opening.open_or_create(whole) as db:
        stage = Stage(db, spec_of({"a": [], "b": ["a"]}))
        stage.begin()
        stage.run_all()
    content = whole.read_bytes()
    lengths = {*range(0, 200, 7), *range(200, len(content), 997), *range(4096, len(content), 4096), len(content) - 1}
    for length in sorted(lengths):
        cut = tmp_path / f"cut{length}.db"
        cut.write_bytes(content[:length])
        for how in (opening.open_read_only, opening.open_existing):
            assert _look(cut, how) in ("opened", "refused"), length
            assert cut.read_bytes() == content[:length]


def test_what_a_killed_writer_left_half_done_is_undone_before_anybody_looks(tmp_path):
    """Without a log a transaction is in the file before it is committed; only a writer may take it back."""
    with opening.open_or_create(tmp_path / "torc.db", journal="delete") as db:
        Stage(db, spec_of({"a": []}))
        before = meta.get(db).commit_seq
        left = tmp_path / "left.db"
        with db.write("test"):
            db.connection.execute("UPDATE meta SET commit_seq = commit_seq + 1000")
            db.connection.cache_flush()
            for suffix in ("", "-journal"):
                shutil.copy(f"{db.path}{suffix}", f"{left}{suffix}")
    with opening.open_read_only(left) as looked:
        assert meta.get(looked).commit_seq == before


@pytest.mark.parametrize("length", [0, 1, 99])
def test_a_database_cut_to_nothing_does_not_cost_its_log(tmp_path, length):
    """SQLite deletes the log of such a file, and everything may be in it."""
    path, log = tmp_path / "torc.db", tmp_path / "torc.db-wal"
    path.write_bytes(b"S" * length)
    log.write_bytes(b"precious")
    for how in (opening.open_or_create, opening.open_existing, opening.open_read_only):
        with pytest.raises(StateError, match="cut short"):
            how(path)
    assert log.read_bytes() == b"precious"


def _look(path, how=opening.open_read_only):
    try:
        with how(path) as db:
            invariants.violations(db)
    except (apsw.Error, StateError) as error:
        known = error if isinstance(error, StateError) else opening.translated(error, path)
        return "refused" if isinstance(known, StateError) else repr(error)
    return "opened"


def test_a_symbolic_link_is_not_followed_when_a_database_is_made(tmp_path):
    target = tmp_path / "target.db"
    (tmp_path / "torc.db").symlink_to(target)
    with pytest.raises(StateError):
        opening.open_or_create(tmp_path / "torc.db")
    assert not target.exists()


class TestMigrations:
    NOW = migrations.NEWEST
    RUNGS = (*migrations.RUNGS, "ALTER TABLE event ADD COLUMN severity TEXT")

    def test_an_older_database_climbs_and_leaves_a_copy(self, tmp_path):
        with opening.open_or_create(tmp_path / "torc.db") as db:
            Stage(db, spec_of({"a": []}))
            migrations.migrate(db, self.NOW, self.RUNGS)
            assert db.connection.pragma("user_version") == self.NOW + 1
            db.connection.execute("SELECT severity FROM event").fetchall()
        copy = tmp_path / f"torc.db.v{self.NOW}.bak"
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        with opening.open_read_only(copy) as old:
            assert len(workflows.list_all(old)) == 1

    def test_a_rung_that_breaks_leaves_the_old_version(self, tmp_path):
        with opening.open_or_create(tmp_path / "torc.db") as db:
            with pytest.raises(Exception, match="no such table"):
                migrations.migrate(db, self.NOW, (*self.RUNGS, "ALTER TABLE nowhere ADD COLUMN x"))
            assert db.connection.pragma("user_version") == self.NOW
            assert "severity" not in [row[1] for row in db.connection.execute("PRAGMA table_info(event)")]

    def test_a_kill_before_the_end_leaves_the_old_version_and_a_whole_copy(self, tmp_path):
        def die(*_: object) -> int:
            os._exit(7)

        path = tmp_path / "torc.db"
        opening.open_or_create(path).close()
        pid = os.fork()
        if pid == 0:
            db = opening.open_existing(path)
            db.connection.create_scalar_function("die", die)
            migrations.migrate(db, self.NOW, (*self.RUNGS, "SELECT die()"))
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
        for found in (path, tmp_path / f"torc.db.v{self.NOW}.bak"):
            with opening.open_read_only(found) as db:
                assert "severity" not in [row[1] for row in db.connection.execute("PRAGMA table_info(event)")]
        with opening.open_existing(path) as db:
            migrations.migrate(db, self.NOW, self.RUNGS)
            assert db.connection.pragma("user_version") == self.NOW + 1

    def test_a_copy_that_cannot_be_finished_is_not_left_behind(self, tmp_path):
        """What is left of it would be taken for the copy at the next attempt."""
        with opening.open_or_create(tmp_path / "torc.db") as db:
            db.connection.set_progress_handler(lambda: True, 1)
            with pytest.raises(apsw.InterruptError):
                migrations.migrate(db, self.NOW, self.RUNGS)
            db.connection.set_progress_handler(None)
            assert [path.name for path in tmp_path.iterdir() if "bak" in path.name] == []

    def test_a_database_that_climbed_higher_meanwhile_is_not_taken_down(self, tmp_path):
        with opening.open_or_create(tmp_path / "torc.db") as db:
            db.connection.pragma("user_version", 9)
            with pytest.raises(StateError, match="changed while"):
                migrations.migrate(db, self.NOW, self.RUNGS)
            assert db.connection.pragma("user_version") == 9

    def test_the_top_of_the_ladder_is_the_schema(self, tmp_path):
        old = apsw.Connection(str(tmp_path / "old.db"))
        for _ in old.execute((Path(__file__).parent / "schema_v1.sql").read_text()):
            pass
        old.execute("INSERT INTO meta (id, token, created_by, created_at) VALUES (1, 'x', '0', 0)")
        old.pragma("application_id", opening.APPLICATION_ID)
        old.pragma("user_version", 1)
        old.close()
        with opening.open_existing(tmp_path / "old.db") as climbed, opening.open_or_create(tmp_path / "new.db") as new:
            assert self.shape(climbed) == self.shape(new)
            assert climbed.connection.pragma("user_version") == new.connection.pragma("user_version")

    def shape(self, db):
        execute = db.connection.execute
        names = execute("SELECT type, name FROM sqlite_schema ORDER BY 1, 2").fetchall()
        columns = {name: execute(f"PRAGMA table_xinfo({name})").fetchall() for kind, name in names if kind == "table"}
        return names, columns


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (apsw.ProtocolError("locking protocol"), "locks of the file system"),
        (apsw.BusyError("database is locked"), "locked by another program"),
        (apsw.FullError("database or disk is full"), "the disk is full"),
        (apsw.CorruptError("malformed"), "damaged"),
    ],
)
def test_what_sqlite_says_becomes_a_sentence_that_names_the_file_and_a_cure(tmp_path, error, words):
    known = opening.translated(error, tmp_path / "torc.db")
    assert isinstance(known, StateError)
    assert words in known.message
    assert str(tmp_path / "torc.db") in known.message
    assert known.hint
