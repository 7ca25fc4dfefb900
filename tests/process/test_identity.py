"""What has happened to a file while nobody of ours looked."""

import os
from pathlib import Path

import pytest

from torc_local.process.identity import Identity
from torc_local.store import meta, opening
from torc_local.store.database import log_of


@pytest.fixture
def path(tmp_path) -> Path:
    with opening.open_or_create(tmp_path / "private" / "torc.db") as db:
        return db.path


def write(db):
    with db.write("test"):
        pass


def test_a_log_that_goes_while_only_others_have_the_file_open_is_missed_before_it_is_opened_again(path):
    with opening.open_existing(path) as other:
        write(other)
        identity = Identity(path)
        assert identity.look_unconnected([os.getpid()]) is None
        log_of(path).unlink()
        assert identity.look_unconnected([]) is None, "nobody has it open"
        trouble = identity.look_unconnected([os.getpid()])
        assert trouble is not None
        assert trouble.recordable
        assert "the log of the database was deleted" in trouble.message
        assert identity.look_unconnected([os.getpid()]) is None, "told once"
        write(other)
        written = meta.get(other).commit_seq
    with opening.open_existing(path) as db:
        assert meta.get(db).commit_seq == written, "the last one to close it brings it into the file"


def test_a_log_that_goes_because_nobody_has_the_file_open_is_no_trouble(path):
    identity = Identity(path)
    with opening.open_existing(path) as ours:
        write(ours)
        assert identity.look(ours) is None
    assert not log_of(path).exists()
    assert identity.look_unconnected([os.getpid()]) is None


def test_a_log_that_was_gone_before_the_first_look_is_missed(path):
    """On a busy machine that may come a while after the run has begun."""
    identity = Identity(path)
    with opening.open_or_create(path) as db:
        write(db)
        log_of(path).unlink()
        trouble = identity.look(db)
        assert trouble is not None
        assert trouble.recordable
        assert "the log of the database was deleted" in trouble.message
