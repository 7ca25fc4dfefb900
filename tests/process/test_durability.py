"""`--durability` reaches every connection of a run. What it is worth when power fails: tests/power."""

import pytest

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
