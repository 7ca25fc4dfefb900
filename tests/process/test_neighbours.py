"""Nodes that ask each other, here as processes on one machine that are told different identities."""

import os
import signal
import struct
import time

import pytest

from tests.support.waiting import wait_for
from torc_local.ground.errors import StateError
from torc_local.process import machine, neighbours
from torc_local.process.neighbours import Presence, directory
from torc_local.store import mounts


@pytest.fixture
def database(tmp_path):
    return tmp_path / "torc.db"


@pytest.fixture
def there(database):
    """A node that is there already."""
    node = Presence(database, "another machine", "elsewhere")
    yield node
    node.leave()


def test_nodes_that_see_locks_and_writes_of_each_other_agree(database, there):
    here = Presence(database, "this machine", "here")
    began = time.monotonic()
    here.meet("ext4")
    assert time.monotonic() - began < neighbours.LIMIT_S
    assert len(list(directory(database).glob("*.node"))) == 2
    here.leave()
    there.leave()
    assert not directory(database).exists()


def test_supervisors_of_one_machine_do_not_ask_each_other(database, there):
    assert neighbours.others(directory(database), "another machine") == []
    assert [one.host for one in neighbours.others(directory(database), "this machine")] == ["elsewhere"]


def test_locks_that_are_known_here_alone_are_found_out_by_the_node_that_comes(database, there, monkeypatch):
    here = Presence(database, "this machine", "here")
    monkeypatch.setattr(neighbours, "_can_lock", lambda _: True)
    with pytest.raises(StateError, match="what elsewhere has locked can be locked here, too"):
        here.meet("nfs")
    assert len(list(directory(database).glob("*.node"))) == 1, "it has left"


def test_and_by_the_node_that_is_there(database, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(neighbours, "_can_lock", lambda _: True)  # in the answering process of the other one alone
        there = Presence(database, "another machine", "elsewhere")
    here = Presence(database, "this machine", "here")
    with pytest.raises(StateError, match="what is locked here can be locked on elsewhere, too"):
        here.meet("nfs")
    there.leave()


def test_old_pages_are_found_out(database, there, monkeypatch):
    monkeypatch.setattr(neighbours, "PATIENCE_S", 0.7)
    monkeypatch.setattr(neighbours, "_answered", lambda _fd, wanted: wanted < 4)
    here = Presence(database, "this machine", "here")
    with pytest.raises(StateError, match="what elsewhere writes under a lock is not seen here"):
        here.meet("fuse.glusterfs")


def test_a_node_that_hangs_is_told_from_one_that_died(database, there, monkeypatch):
    monkeypatch.setattr(neighbours, "PATIENCE_S", 1.0)
    os.kill(there.pid, signal.SIGSTOP)
    here = Presence(database, "this machine", "here")
    with pytest.raises(StateError, match="elsewhere does not answer, and its lock is still held"):
        here.meet("nfs4")
    os.kill(there.pid, signal.SIGKILL)
    os.waitpid(there.pid, 0)
    here = Presence(database, "this machine", "here")
    here.meet("nfs4")
    here.leave()
    assert not directory(database).exists(), "what the dead one left is taken away"


def test_a_lock_call_that_never_returns_ends_after_the_limit(database, there, monkeypatch):
    monkeypatch.setattr(neighbours, "LIMIT_S", 0.3)
    monkeypatch.setattr(neighbours, "ask", lambda *_: time.sleep(60))
    here = Presence(database, "this machine", "here")
    with pytest.raises(StateError, match=r"a lock call did not return within 0\.3 s"):
        here.meet("nfs")


def test_on_a_file_system_of_this_machine_nobody_is_asked(database, monkeypatch):
    with neighbours.present(database) as answering:
        assert answering is None
    monkeypatch.setenv(mounts.VARIABLE, "shared")
    with neighbours.present(database) as answering:
        assert answering is not None
        assert directory(database).is_dir()
    assert not directory(database).exists()


def test_an_asker_that_leaves_does_not_end_the_answering_process(database, there):
    fd = os.open(directory(database) / f"{neighbours.key('another machine', os.getpid())}.turns", os.O_RDWR)
    os.pwrite(fd, struct.pack("<QQ", 1, 0) + b"gone.node".ljust(240, b"\0"), 0)
    wait_for(lambda: struct.unpack("<Q", os.pread(fd, 8, 0))[0] == 2)
    os.close(fd)
    assert os.waitpid(there.pid, os.WNOHANG) == (0, 0)


def test_many_that_are_gone_take_no_longer_than_one(database, monkeypatch):
    monkeypatch.setattr(neighbours, "PATIENCE_S", 1.0)
    place = directory(database)
    place.mkdir()
    for number in range(8):
        (place / f"{number:016x}-1.node").write_bytes(bytes(16) + b"old")
    here = Presence(database, "this machine", "here")
    began = time.monotonic()
    here.meet("nfs")
    assert time.monotonic() - began < 3 * neighbours.PATIENCE_S
    here.leave()
    assert not place.exists()


def test_what_a_killed_supervisor_of_this_machine_left_is_taken_away(database):
    place = directory(database)
    place.mkdir()
    (place / f"{neighbours.key('this machine', 2**22 + 1)}.node").touch()
    here = Presence(database, "this machine", "here")
    assert len(list(place.glob("*.node"))) == 1
    here.leave()


def test_who_writes_once_asks_the_nodes_at_work_elsewhere(database, there, monkeypatch):
    monkeypatch.setenv(mounts.VARIABLE, "shared")
    neighbours.consult(database)
    assert len(list(directory(database).glob("*.node"))) == 1, "it has left again"
    monkeypatch.setattr(neighbours, "_can_lock", lambda _: True)
    with pytest.raises(StateError, match="what elsewhere has locked can be locked here, too"):
        neighbours.consult(database)
    at_work = Presence(database, machine.boot_id(), "here")
    neighbours.consult(database)  # a node of this machine is at work: it has asked
    at_work.leave()


def test_where_nobody_works_or_the_file_system_is_this_machines_own_nobody_is_asked(database, there, monkeypatch):
    monkeypatch.setattr(neighbours, "_can_lock", lambda _: True)
    monkeypatch.setenv(mounts.VARIABLE, "local")
    neighbours.consult(database)
    there.leave()
    monkeypatch.setenv(mounts.VARIABLE, "shared")
    neighbours.consult(database)
    assert not directory(database).exists()


def test_a_node_whose_files_were_taken_away_makes_them_again(database, there):
    """Others took it for dead while the file server was out of reach."""
    (file,) = directory(database).glob("*.node")
    file.unlink()
    wait_for(file.exists)
    here = Presence(database, "this machine", "here")
    here.meet("nfs")
    here.leave()
