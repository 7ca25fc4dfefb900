"""``db snapshot``, ``db check`` and ``db vacuum``."""

import os
import stat
import subprocess
import sys

import pytest

from tests.report.small import SMALL, Worked, job, small_database, spec, store
from tests.support.waiting import wait_for
from torc_local.process import machine
from torc_local.store import invariants, mounts, opening


def test_a_snapshot_is_a_whole_private_database(call, small, here):
    old = os.umask(0)
    try:
        answer = call("db", "snapshot", "copy.db", "-f", "json")
    finally:
        os.umask(old)
    assert answer.code == 0, answer.err
    assert answer.json["snapshot"] == "copy.db"
    assert answer.json["size_bytes"] == (here / "copy.db").stat().st_size
    assert stat.S_IMODE((here / "copy.db").stat().st_mode) == 0o600
    assert call("status", "copy.db", "-f", "json").json == call("status", "-f", "json").json
    assert call("doctor", "--db", "copy.db").code == 0


def test_a_snapshot_of_a_shared_database_is_one_and_leaves_nothing_else(call, small, here, monkeypatch):
    assert call("db", "share").code == 0
    monkeypatch.setenv(mounts.VARIABLE, "shared")
    assert call("db", "snapshot", "copy.db").code == 0
    assert sorted(one.name for one in here.iterdir() if "copy" in one.name) == ["copy.db"]
    assert call("status", "copy.db", "-f", "json").json == call("status", "-f", "json").json


def test_without_a_name_a_snapshot_lies_beside_the_database_and_says_when(call, small):
    made = [call("db", "snapshot").out.strip() for _ in range(2)]
    assert len(set(made)) == 2
    for name in made:
        assert name.startswith("torc_output/torc.2")
        assert name.endswith("Z.db")
        assert call("status", name).code == 0


@pytest.mark.parametrize("what", ["file", "dangling link", "directory"])
def test_a_snapshot_overwrites_nothing(call, small, here, what):
    place = here / "there"
    if what == "file":
        place.write_text("precious")
    elif what == "directory":
        place.mkdir()
    else:
        place.symlink_to(here / "elsewhere")
    answer = call("db", "snapshot", "there")
    assert (answer.code, answer.out) == (2, "")
    assert "this file exists and is not overwritten: there" in answer.err
    assert what != "file" or place.read_text() == "precious"
    assert not (here / "elsewhere").exists()
    assert sorted(path.name for path in here.iterdir()) == ["there", "torc_output"]


def test_a_failed_snapshot_leaves_nothing_behind(call, small, here):
    assert call("db", "snapshot", "no/such/place.db").code == 4
    with opening.open_existing(small) as db:
        db.connection.execute("CREATE TABLE ballast AS SELECT zeroblob(1000000) AS b")
    # -B: Python does not notice that the limit cut off a compiled module, and each later process stumbles over it.
    command = f"ulimit -f 100; exec {sys.executable} -B -m torc_local db snapshot copy.db"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 4, done.stderr
    assert "cannot write the snapshot copy.db" in done.stderr
    assert [path.name for path in here.iterdir()] == ["torc_output"]


def test_a_snapshot_beside_sixteen_runners_is_of_one_moment_and_disturbs_nobody(call, here):
    job = '{name: "j_{i}", command: "true", parameters: {i: "1:1200"}}'
    held = "{name: held, command: 'until [ -e go ]; do sleep 0.05; done'}"
    last = "{name: last, command: 'true', depends_on_regexes: ['^j_', '^held$']}"
    (here / "w.yaml").write_text(f"name: w\njobs:\n  - {held}\n  - {job}\n  - {last}\n")
    words = [sys.executable, "-m", "torc_local", "run", "w.yaml", "-j", "16", "--runners", "16", "--progress", "none"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as run:
        try:
            wait_for((here / "torc_output" / "stdio").exists)
            wait_for(lambda: call("results", "-f", "json").json["items"])
            taken: list[float] = []
            for number in range(3):
                answer = call("db", "snapshot", f"copy{number}.db", "-f", "json")
                assert answer.code == 0, answer.err
                taken.append(answer.json["seconds"])
        finally:
            (here / "go").touch()
        assert run.wait(timeout=60) == 0
        assert run.stderr is not None
        assert run.stderr.read() == ""
    for number in range(3):
        with opening.open_read_only(here / f"copy{number}.db") as db:
            assert invariants.violations(db) == []
        assert call("db", "check", "--db", f"copy{number}.db").code == 0
    report = call("report", "scale", "-f", "json").json
    assert report["lock_errors"] == 0
    print(f"3 snapshots beside 16 runners, the slowest in {max(taken):.3f} s")  # noqa: T201 - pytest -rP shows it


def test_check_says_what_is_broken(call, small):
    answer = call("db", "check", "-f", "json")
    assert (answer.code, answer.json["sound"]) == (0, True)
    with opening.open_existing(small) as db:
        db.connection.execute("UPDATE job_count SET jobs = jobs + 1 WHERE status = 'ready'")
    answer = call("db", "check")
    assert answer.code == 4
    assert "BAD  counts_match_jobs" in answer.out


def test_vacuum_makes_the_file_small_and_says_so(call, small):
    with opening.open_existing(small) as db:
        db.connection.execute("CREATE TABLE ballast AS SELECT zeroblob(1000000) AS b")
        db.connection.execute("DROP TABLE ballast")
    answer = call("db", "vacuum", "-f", "json")
    assert answer.code == 0, answer.err
    assert answer.json["bytes_after"] < answer.json["bytes_before"] - 900_000
    assert answer.json["bytes_after"] == small.stat().st_size
    assert call("doctor").code == 0


def test_vacuum_waits_for_the_end_of_a_run(call, here):
    path = small_database(here / "torc_output" / "torc.db")
    with opening.open_existing(path) as db:
        worked = Worked(db, store(db, spec("more", [job("one")])), pid=os.getpid())
        db.connection.execute(
            "UPDATE runner SET pid_start = ? WHERE id = ?", (machine.start_of(os.getpid()), worked.runner_id)
        )
        db.connection.execute("UPDATE node SET boot_id = ?", (machine.boot_id(),))
    answer = call("db", "vacuum")
    assert (answer.code, answer.out) == (4, "")
    assert "1 runner works on this database now" in answer.err
    with opening.open_existing(path) as db:
        db.connection.execute("UPDATE runner SET pid_start = 1 WHERE id = ?", (worked.runner_id,))
    assert call("db", "vacuum").code == 0, "the runner has died"
    assert SMALL.name in call("list").out


def test_db_alone_says_what_there_is(call):
    answer = call("db")
    assert answer.code == 2
    assert "db snapshot" in answer.err
