"""A disk that stays full: what runs is left in peace, and then the run ends with nothing lost."""

import os
import subprocess
import sys
from contextlib import suppress

import pytest

from tests.process.running import finished
from tests.support.waiting import wait_for


@pytest.fixture
def disk(tmp_path):
    """The directory of the database is a file system of its own, of a few megabytes."""
    mounted = tmp_path / "out"
    mounted.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(mounted)]
    if os.geteuid() != 0 or subprocess.run(words, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield mounted
    subprocess.run(["umount", "-l", str(mounted)], check=True)


def fill(disk):
    """Write until nothing fits; the file to remove afterwards."""
    with (disk / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):
        while True:
            ballast.write(bytes(8192))
    return disk / "ballast"


@pytest.mark.fault
def test_a_disk_that_stays_full_ends_the_run_after_its_last_job(disk, place):
    place.write(
        {"name": "long", "command": place.append("begun", f"sleep 3; echo done >> {place.log}"), "priority": 1},
        {"name": "j{i}", "command": place.append("{i}"), "parameters": {"i": "1:4000"}},
    )
    run = place.start(2, "patience=1")
    wait_for(lambda: place.lines()["begun"] and place.lines().total() > 50)
    fill(disk)
    done = finished(run)
    assert done["code"] == 4, done
    assert "the disk is full" in done["stderr"]
    assert place.lines()["done"] == 1, "it was not ended for a disk that it does not use"
    assert place.lines().total() < 4000
    (disk / "ballast").unlink()
    assert place.run(2)["counts"] == {"completed": 4001}
    assert place.query("SELECT count(*) FROM v_attempts WHERE status = 'completed'") == [(4001,)]


@pytest.mark.fault
def test_limits_hold_while_the_disk_is_full(disk, place):
    eater = place.directory / "eater.py"
    eater.write_text("import time\nkept = bytearray(200 << 20)\ntime.sleep(60)\n")
    wait = f"while ! test -e {place.directory}/go; do sleep 0.05; done"
    job = place.append("begun", f"{wait}; {sys.executable} {eater}; true")
    place.write(
        {"name": "eats", "command": job, "resource_requirements": "r", "priority": 1},
        {"name": "j{i}", "command": place.append("{i}"), "parameters": {"i": "1:4000"}},
        resource_requirements=[{"name": "r", "memory": "100m"}],
    )
    run = place.start(2, "patience=30")
    wait_for(lambda: place.lines()["begun"] and place.lines().total() > 50)
    ballast = fill(disk)
    before = place.leftovers()
    (place.directory / "go").touch()
    wait_for(lambda: before and not set(before) & set(place.leftovers()))
    assert run.poll() is None
    ballast.unlink()
    done = finished(run)
    assert done["counts"] == {"completed": 4000, "failed": 1}, done
    ((code, reason),) = place.query("SELECT return_code, reason FROM v_attempts WHERE status = 'failed'")
    assert code == 137
    assert reason.startswith("oom: ")
