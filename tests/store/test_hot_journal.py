"""A journal that a dead writer left is seen, whatever this machine remembers of its name.

On real NFS: tests/shared_fs.
"""

import ctypes
import errno
import os
import signal
import stat

import apsw
import pytest

from torc_local.ground.errors import StateError
from torc_local.store import hot_journal, mounts, opening


@pytest.fixture
def shared(tmp_path, monkeypatch):
    """A database that several machines may have open, with a table of many pages."""
    monkeypatch.setenv(mounts.VARIABLE, "shared")
    path = tmp_path / "torc.db"
    with opening.open_or_create(path) as db:
        db.connection.execute("CREATE TABLE wide (id INTEGER PRIMARY KEY, x, pad)")
        with db.write("fill"):
            db.connection.executemany("INSERT INTO wide VALUES (?, 0, ?)", ((i, "x" * 400) for i in range(500)))
    return path


def journal_of(path):
    return path.with_name("torc.db-journal")


class _Dies(apsw.VFSFile):
    """The database file of a writer that is killed among its pages."""

    def __init__(self, name, flags):
        super().__init__("", name, flags)
        self._left = 20 if flags[0] & apsw.SQLITE_OPEN_MAIN_DB else None

    def xWrite(self, data, offset):  # noqa: N802
        super().xWrite(data, offset)
        if self._left is not None:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class _Disk(apsw.VFS):
    def xOpen(self, name, flags):  # noqa: N802
        return _Dies(name, flags)


def die_in_the_middle(path):
    """A process writes every row and is killed when some pages are written."""
    pid = os.fork()
    if pid == 0:
        disk = _Disk("dies", "")
        connection = apsw.Connection(str(path), vfs="dies")
        connection.execute("UPDATE wide SET x = 1")
        del disk
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    assert journal_of(path).stat().st_size > 0


def values(db):
    return db.connection.execute("SELECT DISTINCT x FROM wide").fetchall()


def remembers_nothing_there(monkeypatch):
    """The first look at a name says what an NFS client says for a minute after it was not there."""
    asked = hot_journal._asked
    first: list[str] = []

    def ask(path):
        if not first:
            first.append(path)
            raise FileNotFoundError(errno.ENOENT, "remembered", path)
        return asked(path)

    monkeypatch.setattr(hot_journal, "_asked", ask)
    return first


def test_half_a_transaction_is_undone_though_the_name_is_remembered_as_missing(shared, monkeypatch):
    with opening.open_existing(shared) as db:
        assert values(db) == [(0,)]
        die_in_the_middle(shared)
        first = remembers_nothing_there(monkeypatch)
        assert values(db) == [(0,)]
        assert first


def test_without_asking_half_of_it_is_taken_for_all(shared, monkeypatch):
    """What the question is for: SQLite goes on where it finds no journal."""
    die_in_the_middle(shared)
    monkeypatch.setattr(hot_journal, "_is_filled", lambda _: False)
    with opening.open_existing(shared) as db:
        assert sorted(values(db)) == [(0,), (1,)]


def test_a_name_that_means_a_removed_file_is_asked_again(shared, monkeypatch):
    die_in_the_middle(shared)
    asked, told = hot_journal._asked, [hot_journal._File(0, 0o600, 512)]
    monkeypatch.setattr(hot_journal, "_asked", lambda path: told.pop() if told else asked(path))
    with opening.open_existing(shared) as db:
        assert values(db) == [(0,)]
    assert not told


def test_an_empty_journal_is_none_and_belongs_to_whom_the_database_belongs(shared):
    shared.chmod(0o660)
    journal_of(shared).unlink(missing_ok=True)
    umask = os.umask(0o077)
    try:
        with opening.open_existing(shared) as db:
            assert values(db) == [(0,)]
    finally:
        os.umask(umask)
    made = journal_of(shared).stat()
    assert (made.st_size, stat.S_IMODE(made.st_mode)) == (0, 0o660)
    with opening.open_existing(shared) as db, db.write("go on"):
        db.connection.execute("UPDATE wide SET x = 2")
    with opening.open_read_only(shared) as db:
        assert values(db) == [(2,)]


def test_what_cannot_be_asked_is_an_error_of_the_file_system(shared, monkeypatch):
    def stale(path):
        raise OSError(errno.ESTALE, "gone", path)

    monkeypatch.setattr(hot_journal, "_asked", stale)
    monkeypatch.setattr(hot_journal, "_PAUSE_S", 0.0)
    with pytest.raises(StateError, match=r"input/output error .*torc\.db-journal: Stale file handle"):
        opening.open_existing(shared)


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC, errno.EDQUOT])
def test_where_none_can_be_made_there_is_none(shared, monkeypatch, number):
    """Nor is that a reason not to look: a full disk, or a directory of somebody else's."""

    def refuse(path):
        raise OSError(number, os.strerror(number), path)

    journal_of(shared).unlink(missing_ok=True)
    monkeypatch.setattr(hot_journal, "_make", refuse)
    with opening.open_read_only(shared) as db:
        assert values(db) == [(0,)]
    assert not journal_of(shared).exists()


def test_a_database_of_one_machine_is_not_asked_about(tmp_path, monkeypatch):
    monkeypatch.setattr(hot_journal, "_is_filled", pytest.fail)
    opening.open_or_create(tmp_path / "torc.db", journal=opening.ROLLBACK).close()
    assert [one.name for one in tmp_path.iterdir()] == ["torc.db"]


def test_a_journal_that_lives_on_under_another_name_is_none(shared, monkeypatch):
    """An NFS client renames what is removed while somebody has it open: it has a link and all that was in it."""
    with opening.open_existing(shared) as db:
        assert values(db) == [(0,)]
        asked, told = hot_journal._asked, [hot_journal._File(1, 0o600, 4096)]
        monkeypatch.setattr(hot_journal, "_asked", lambda path: told.pop() if told else asked(path))
        journal_of(shared).unlink()
        assert not hot_journal._is_filled(str(journal_of(shared)))
    assert not told


def test_a_journal_that_has_no_mode_yet_is_waited_for_and_then_given_one(shared, monkeypatch):
    monkeypatch.setattr(hot_journal, "_PAUSE_S", 0.0)
    journal_of(shared).unlink(missing_ok=True)
    journal_of(shared).touch(mode=0o000)
    journal_of(shared).chmod(0)
    assert not hot_journal._is_filled(str(journal_of(shared)))
    assert stat.S_IMODE(journal_of(shared).stat().st_mode) == 0o600


def test_who_does_not_own_the_database_makes_no_journal(shared, monkeypatch):
    journal_of(shared).unlink(missing_ok=True)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with opening.open_read_only(shared) as db:
        assert values(db) == [(0,)]
    assert not journal_of(shared).exists()
    monkeypatch.undo()
    monkeypatch.setenv(mounts.VARIABLE, "shared")
    die_in_the_middle(shared)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with opening.open_existing(shared) as db:
        assert values(db) == [(0,)], "but sees one"


def test_the_size_of_the_database_is_asked_for_by_each_that_reads(shared, monkeypatch):
    asked, by_statx = [], hot_journal._by_statx

    def ask(path):
        asked.append(path)
        return by_statx(path)

    monkeypatch.setattr(hot_journal, "_by_statx", ask)
    with opening.open_existing(shared) as db:
        asked.clear()
        assert values(db) == [(0,)]
        assert asked == [str(shared), str(journal_of(shared))]


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EPERM])
def test_without_statx_the_file_is_opened(shared, monkeypatch, number):
    """An old kernel, or a container that does not know the call."""

    class Libc:
        @staticmethod
        def statx(*_):
            ctypes.set_errno(number)
            return -1

    die_in_the_middle(shared)
    monkeypatch.setattr(hot_journal, "_libc", Libc)
    with opening.open_existing(shared) as db:
        assert values(db) == [(0,)]


def test_a_database_is_opened_through_a_link(shared, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    die_in_the_middle(shared)
    with opening.open_existing(link / "torc.db") as db:
        assert values(db) == [(0,)]


def test_a_removal_that_was_done_already_is_done(shared):
    """A server whose answer was lost is asked again, and says that there is none."""
    with opening.open_existing(shared) as db:
        assert values(db) == [(0,)]
        (vfs,) = hot_journal._registered
        vfs.xDelete(str(journal_of(shared)), False)
        vfs.xDelete(str(journal_of(shared)), False)
        with pytest.raises(apsw.IOError):
            vfs.xDelete(str(shared.with_name("other")), False)


def test_where_the_directory_is_somebody_elses_nothing_is_written(shared, monkeypatch):
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != shared.parent and access(path, mode))
    with pytest.raises(StateError, match="cannot be written"):
        opening.open_existing(shared)
