"""The connection: transactions, waiting for the lock, the turnstile, forks, going back in time."""

import fcntl
import gc
import os
import stat
import time
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.workflows import Stage, spec_of
from torc_local.ground.errors import StateError
from torc_local.ground.histogram import Histogram
from torc_local.store import database, meta, opening, turnstile


def in_child(work):
    """Run in a forked process; whether it returned true."""
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if work() else 1)
        except BaseException:  # noqa: BLE001
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_every_write_transaction_is_one_step_of_commit_seq(db):
    before = meta.get(db).commit_seq
    for _ in range(3):
        with db.write("test"):
            pass
    assert meta.get(db).commit_seq == before + 3


def test_a_write_that_raises_leaves_nothing_and_the_first_error(db):
    Stage(db, spec_of({"a": []}))
    with pytest.raises(apsw.ConstraintError), db.write("test"):  # noqa: PT012 - the first statement works
        db.connection.execute("DELETE FROM event")
        db.connection.execute("UPDATE job SET name = NULL")
    assert db.connection.execute("SELECT count(*) FROM event").fetchall() != [(0,)]
    assert not db.connection.in_transaction


def test_a_file_that_went_back_in_time_is_noticed(db):
    """As after restoring a backup, or when a stale network cache brings an old page back."""
    for _ in range(3):
        with db.write("test"):
            pass
    with opening.open_existing(db.path) as other:
        other.connection.execute("UPDATE meta SET commit_seq = 1")
    with pytest.raises(StateError, match="went back in time"), db.write("test"):
        pass
    assert meta.get(db).commit_seq == 1, "nothing was written"


def test_a_commit_that_failed_is_no_journey_in_time(db):
    """As with a full disk: once there is room again, the next transaction has the number of the one that failed."""
    db.connection.set_commit_hook(lambda: True)
    with pytest.raises(apsw.ConstraintError), db.write("test"):
        pass
    db.connection.set_commit_hook(None)
    before = meta.get(db).commit_seq
    with db.write("test"):
        pass
    assert meta.get(db).commit_seq == before + 1


def test_a_child_does_not_close_the_connection_of_its_parent(db):
    def still_open():
        gc.collect()
        links = list(Path("/proc/self/fd").iterdir())
        return str(db.path.resolve()) in {str(link.readlink()) for link in links if link.exists()}

    assert still_open()
    assert in_child(still_open)


def test_a_connection_of_the_parent_is_poisoned_in_a_child(db):
    def use():
        try:
            db.connection.execute("SELECT 1")
        except RuntimeError as error:
            return "parent" in str(error)
        return False

    assert in_child(use)
    assert db.connection.execute("SELECT 1").fetchall() == [(1,)], "the parent's still works"


@pytest.mark.parametrize("fair", [True, False])
def test_many_writers_never_see_a_locked_database(tmp_path, fair):
    path = tmp_path / "torc.db"
    opening.open_or_create(path).close()

    def write():
        with opening.open_existing(path, turnstile=fair) as db:
            for _ in range(100):
                with db.write("test"):
                    pass
            return db.stats.errors == 0 and db.stats.waits.count == 100

    pids = []
    for _ in range(8):
        pid = os.fork()
        if pid == 0:
            os._exit(0 if write() else 1)
        pids.append(pid)
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [0] * 8
    with opening.open_read_only(path) as db:
        assert meta.get(db).commit_seq == 800


def test_a_sync_is_one_of_the_log_and_of_no_other_file(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fdatasync", lambda file: synced.append(Path(f"/proc/self/fd/{file}").readlink()))
    for journal in opening.JOURNALS:
        with opening.open_or_create(tmp_path / journal, journal=journal) as db:
            with db.write("test"):
                pass
            db.sync()
    (tmp_path / "link").symlink_to(tmp_path / "wal")
    with opening.open_existing(tmp_path / "link") as db, db.write("test"):
        db.sync()
    assert synced == [tmp_path / "wal-wal"] * 2, "beside the file itself, not beside a link to it"


@pytest.mark.parametrize("lot", [0.0, 1e6])
def test_whoever_draws_the_lot_waits_for_readers_and_the_log_is_used_from_its_start_again(tmp_path, monkeypatch, lot):
    monkeypatch.setattr(database, "_FIRST_SPAN_S", lot)
    path = tmp_path / "torc.db"
    with opening.open_or_create(path, turnstile=True) as db:
        with db.write("test"):
            db.connection.execute("CREATE TABLE ballast (b)")
        reader = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM ballast").fetchall()
        waits = []

        def leave() -> None:
            waits.append(1)
            if reader.in_transaction:
                reader.execute("ROLLBACK")

        db.while_waiting = leave
        for _ in range(2):
            with db.write("test"):
                db.connection.execute("INSERT INTO ballast VALUES (zeroblob(?))", (20_000_000,))
        with db.write("test"):
            pass
        pages = db._wal_pages
        assert (pages < 100, bool(waits)) == ((True, True) if lot == 0 else (False, False))
        reader.close()


def test_a_lock_that_is_never_released_is_named_after_a_while(tmp_path, monkeypatch):
    path = tmp_path / "torc.db"
    monkeypatch.setattr(database, "LOCK_PATIENCE_S", 0.2)
    with opening.open_or_create(path, turnstile=False) as holder, opening.open_existing(path, turnstile=False) as other:
        with holder.write("test"), pytest.raises(StateError, match="stayed locked"), other.write("test"):
            pass
        assert other.stats.errors == 1
        assert other.stats.retries > 1


class TestTurnstile:
    def test_it_lets_one_through_at_a_time(self, tmp_path, monkeypatch):
        monkeypatch.setattr(turnstile, "PATIENCE_S", 0.1)
        first = turnstile.Turnstile(tmp_path / "torc.db")
        assert first.enter()

        def try_it():
            return not turnstile.Turnstile(tmp_path / "torc.db").enter()

        assert in_child(try_it), "the second gives up after its patience"
        first.leave()
        assert not in_child(try_it)
        first.close()

    def test_whoever_loses_patience_as_it_opens_does_not_keep_it_shut(self, tmp_path, monkeypatch):
        """The alarm may ring between the kernel's grant and our taking note of it."""
        impatient, in_front, next_one = (turnstile.Turnstile(tmp_path / "torc.db") for _ in range(3))
        flock = fcntl.flock

        def granted_too_late(fd, kind):
            if kind == fcntl.LOCK_EX:
                in_front.leave()
                flock(fd, kind)
                raise turnstile._Impatience
            flock(fd, kind)

        assert in_front.enter()
        with monkeypatch.context() as patch:
            patch.setattr(fcntl, "flock", granted_too_late)
            assert not impatient.enter()
        assert impatient.given_up == 1
        monkeypatch.setattr(turnstile, "PATIENCE_S", 0.1)
        assert next_one.enter()
        for one in (impatient, in_front, next_one):
            one.close()

    def test_somebody_who_waits_in_front_forever_stops_nobody(self, tmp_path, monkeypatch):
        monkeypatch.setattr(turnstile, "PATIENCE_S", 0.1)
        path = tmp_path / "torc.db"
        opening.open_or_create(path).close()
        in_front = turnstile.Turnstile(path)
        in_front.enter()
        with opening.open_existing(path) as db:
            began = time.monotonic()
            with db.write("test"):
                pass
            assert 0.1 <= time.monotonic() - began < 5

    def test_its_directory_is_ours_alone_or_not_used(self, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
        (tmp_path / "run" / "torc-local").mkdir(parents=True)
        monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "tmp"))
        (tmp_path / "run" / "torc-local").chmod(0o777)
        assert not turnstile.Turnstile(tmp_path / "torc.db").enter(), "open to others: not trusted"
        (tmp_path / "run" / "torc-local").chmod(0o700)
        through = turnstile.Turnstile(tmp_path / "torc.db")
        assert through.enter()
        (made,) = (tmp_path / "run" / "torc-local").iterdir()
        assert stat.S_IMODE(made.stat().st_mode) == 0o600
        through.close()

    def test_a_link_in_its_place_is_not_followed(self, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
        monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "nowhere"))
        turnstile.Turnstile(tmp_path / "torc.db").close()
        (made,) = (tmp_path / "torc-local").iterdir()
        victim = tmp_path / "victim"
        made.unlink()
        made.symlink_to(victim)
        assert not turnstile.Turnstile(tmp_path / "torc.db").enter()
        assert not victim.exists()


class TestHistogram:
    @given(st.lists(st.floats(1e-7, 200), min_size=1, max_size=200), st.floats(0.01, 1))
    def test_a_quantile_is_right_within_a_bucket(self, durations, fraction):
        histogram = Histogram()
        for duration in durations:
            histogram.add(duration)
        exact = sorted(durations)[max(0, -(-int(fraction * 1e9) * len(durations) // 10**9) - 1)]
        assert histogram.quantile(fraction) >= exact * 0.99 or histogram.quantile(fraction) == histogram.longest_s
        assert histogram.quantile(fraction) <= max(exact * 1.2, 1.01e-6)

    def test_an_empty_one_says_zero(self):
        assert Histogram().quantile(0.5) == 0.0

    def test_two_merged_are_one_of_both(self):
        one, other, both = Histogram(), Histogram(), Histogram()
        for i in range(1, 50):
            (one if i % 2 else other).add(i / 1000)
            both.add(i / 1000)
        merged = Histogram.merged([one, other])
        assert merged.counts == both.counts
        assert merged.longest_s == both.longest_s


def test_after_an_error_of_a_shared_file_system_the_file_is_opened_anew(tmp_path):
    """What SQLite remembers of it may be old: the lock may be lost that kept others from writing."""
    path = tmp_path / "t.db"
    with opening.open_or_create(path, journal=opening.ROLLBACK) as db:
        before = db.connection
        with pytest.raises(apsw.IOError), db.write("test"):
            raise apsw.IOError("out of reach")
        assert db.connection is not before
        assert db.connection.pragma("synchronous") == 3, "with the same settings"
        with db.write("test"):
            db.connection.execute("UPDATE meta SET created_by = 'x'")
        db.distrust()
        path.rename(tmp_path / "away")
        for _ in range(2):
            with pytest.raises(apsw.CantOpenError), db.write("test"):
                pass
        (tmp_path / "away").rename(path)
        with db.write("test"):
            assert db.connection.execute("SELECT created_by FROM meta").fetchall() == [("x",)]


def test_what_was_opened_for_reading_only_is_not_tried_again(tmp_path):
    with opening.open_or_create(tmp_path / "t.db") as db:
        db.before_retry(apsw.IOError("failed"))
        with pytest.raises(apsw.ReadOnlyError):
            db.before_retry(apsw.ReadOnlyError("attempt to write a readonly database"))


def test_on_a_file_system_of_this_machine_a_connection_is_kept(tmp_path):
    with opening.open_or_create(tmp_path / "t.db") as db:
        before = db.connection
        with pytest.raises(apsw.IOError), db.write("test"):
            raise apsw.IOError("failed")
        assert db.connection is before
