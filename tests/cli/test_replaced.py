"""The database deleted, replaced, restored, its directory or its log removed, while a run works on it."""

import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from tests.support.waiting import wait_for
from torc_local.ground.errors import StateError
from torc_local.process.identity import Identity
from torc_local.store import invariants, opening


@pytest.fixture
def run(here, call):
    """A run whose jobs take a while, of which some have ended."""
    (here / "w.yaml").write_text(
        "name: w\njobs:\n  - {name: 'q_{i}', command: 'true', parameters: {i: '1:30'}, priority: 1}\n"
        "  - {name: 'long_{i}', command: 'sleep 60', parameters: {i: '1:8'}}\n"
    )
    words = [sys.executable, "-m", "torc_local", "run", "w.yaml", "-j", "4", "--grace", "0", "--progress", "lines"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as started:
        wait_for(lambda: "running" in call("status", "-f", "json").out if (here / "torc_output").exists() else None)
        wait_for(lambda: call("status", "-f", "json").json["jobs_by_status"].get("running") == 4)
        yield started
        started.kill()


def ended(run):
    """Its last words; it must have stopped within seconds, with exit code 4 and no traceback."""
    began = time.monotonic()
    _, err = run.communicate(timeout=30)
    assert time.monotonic() - began < 10
    assert run.returncode == 4, err
    assert "Traceback" not in err
    assert "internal error" not in err
    return err


def path_of(here):
    return here / "torc_output" / "torc.db"


@pytest.mark.fault
def test_deleted(run, here):
    path_of(here).unlink()
    assert "the database was deleted while the run was at work: torc_output/torc.db" in ended(run)
    assert not path_of(here).exists(), "nothing is made in its place"
    assert not (here / "torc_output" / "torc.db-wal").exists()


@pytest.mark.fault
def test_deleted_with_its_directory(run, here):
    shutil.rmtree(here / "torc_output")
    assert "the database was deleted with its directory" in ended(run)
    assert not (here / "torc_output").exists()


def test_restored_from_a_copy(run, here, call):
    assert call("db", "snapshot", "old.db").code == 0
    content = (here / "old.db").read_bytes()
    (here / "old.db").replace(path_of(here))
    assert "the database was replaced by another file" in ended(run)
    assert path_of(here).read_bytes() == content, "the copy that was put back is left alone"
    assert len(list((here / "torc_output").glob("torc.db-wal.stale-*"))) == 1
    assert call("doctor", "--repair").code == 0
    with opening.open_existing(path_of(here)) as db:
        assert invariants.violations(db, at_rest=True) == []


@pytest.mark.fault
def test_the_log_deleted(run, here, call):
    before = call("status", "-f", "json").json["jobs_by_status"]
    (here / "torc_output" / "torc.db-wal").unlink()
    assert "the log of the database was deleted" in ended(run)
    after = call("status", "-f", "json").json["jobs_by_status"]
    assert after["completed"] == before["completed"] == 30
    assert after["ready"] == 8, "also what happened afterwards is on record"
    assert call("doctor").code == 0


@pytest.mark.parametrize("journal", opening.JOURNALS)
def test_a_copy_written_over_the_file_is_noticed_by_its_age(tmp_path, journal):
    path = tmp_path / "torc.db"
    opening.open_or_create(path, journal=journal).close()
    old = path.read_bytes()
    with opening.open_existing(path) as db:
        for _ in range(3):
            with db.write("test"):
                pass
    with opening.open_existing(path) as db:
        watched = Identity(path)
        assert watched.look(db) is None
        fd = os.open(path, os.O_WRONLY)
        os.pwrite(fd, old, 0)  # and the descriptor stays open: closing it would drop the locks
        if journal == opening.WAL:
            os.truncate(path.with_name(path.name + "-wal"), 0)
        with suppress(StateError), opening.open_existing(path) as other, other.write("test"):
            pass
        trouble = watched.look(db)
        assert trouble is not None
        assert "went back in time" in trouble.message
        os.close(fd)
