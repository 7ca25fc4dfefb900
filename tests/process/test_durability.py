"""`--durability` reaches every connection of a run. What it is worth when power fails: tests/power."""

import time

import pytest

from tests.support.waiting import wait_for
from torc_local.process import machine
from torc_local.store import opening

NORMAL, FULL, EXTRA = 1, 2, 3  # SQLite's numbers


@pytest.mark.parametrize(
    ("journal", "durability", "expected"),
    [("wal", "normal", NORMAL), ("wal", "full", FULL), ("delete", "normal", EXTRA), ("delete", "full", EXTRA)],
)
def test_every_process_of_a_run_syncs_as_it_was_told(place, journal, durability, expected):
    place.write({"name": "j{i}", "command": "true", "parameters": {"i": "1:4"}})
    pragmas = place.directory / "pragmas"
    done = place.run(2, f"journal={journal}", f"durability={durability}", f"pragmas={pragmas}")
    assert done["counts"] == {"completed": 4}
    noted = {tuple(line.split()) for line in pragmas.read_text().splitlines()}
    noted.discard(("monitor", str(expected)))  # there is one where the run lasts
    assert noted == {(who, str(expected)) for who in ("MainProcess", "coordinator", "runner")}


@pytest.mark.fault
def test_what_is_recorded_is_synced_again_and_again_and_at_the_end(place):
    place.write({"name": "a", "command": "sleep 1"})
    syncs = place.directory / "syncs"
    assert place.run(2, f"syncs={syncs}")["counts"] == {"completed": 1}
    who = syncs.read_text().split()
    assert set(who) == {"MainProcess"}
    assert len(who) > 2


def test_with_full_durability_each_commit_was_synced_already(place):
    place.write({"name": "a", "command": "sleep 1"})
    syncs = place.directory / "syncs"
    assert place.run(2, "durability=full", f"syncs={syncs}")["counts"] == {"completed": 1}
    assert not syncs.exists()


def test_after_a_power_loss_nobody_waits_for_the_coordinator_of_the_earlier_boot(place):
    """It is known to be dead; by its silence alone it would be given up after a minute."""
    place.write(
        {"name": "a{i}", "command": "sleep 0.1", "parameters": {"i": "1:8"}},
        {"name": "b", "command": "true", "depends_on_regexes": ["^a"]},
    )
    first = place.start(2)
    wait_for(lambda: place.ask("SELECT 1 FROM v_attempts"))
    first.kill()
    first.communicate()
    workers = place.query("SELECT pid, pid_start FROM runner UNION ALL SELECT pid, pid_start FROM coordinator")
    wait_for(lambda: not any(machine.is_alive(*worker) for worker in workers))
    boot = machine.boot_id().split(":")[1]
    with opening.open_existing(place.db_path) as db, db.write("test"):
        db.connection.execute("UPDATE node SET boot_id = replace(boot_id, ?, 'earlier')", (boot,))
        db.connection.execute("UPDATE coordinator SET released_at = NULL")
    began = time.monotonic()
    assert place.run(2)["counts"] == {"completed": 9}
    assert time.monotonic() - began < 20
