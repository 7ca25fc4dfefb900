"""Places that may not be written, disks without room, and numbers that no database holds: told, and nothing changed."""

import hashlib
import os
import shutil
import subprocess
import sys

import pytest

from tests.report.small import small_database
from tests.support import loaded
from torc_local.store import opening

OTHER = "name: other\njobs:\n  - {name: a, command: echo a}\n"


def digest(path):
    """Of everything that a database holds, whatever its files look like."""
    total = hashlib.sha256()
    with opening.open_read_only(path) as db:
        tables = db.connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").fetchall()
        for (name,) in tables:
            rows = db.connection.execute(f'SELECT * FROM "{name}"').fetchall()
            total.update(repr((name, sorted(map(repr, rows)))).encode())
    return total.hexdigest()


@pytest.fixture
def done(here):
    """A database with a finished workflow, and beside it a workflow file that it does not have."""
    (here / "other.yaml").write_text(OTHER)
    return small_database(here / "done" / "torc.db")


@pytest.fixture(scope="module")
def bound():
    """What to put before a command that permission bits shall bind: root obeys them without two capabilities."""
    if os.geteuid() != 0:
        return []
    prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    if shutil.which("setpriv") is None or subprocess.run([*prefix, "true"], check=False).returncode:
        pytest.skip("permission bits do not bind root, and setpriv cannot take its capabilities away")
    return prefix


@pytest.fixture
def refused(bound):
    """Call the program as one whom permission bits bind; it must say why not."""

    def ask(code, words, *parts):
        answer = loaded.call(words, prefix=bound)
        assert (answer.code, answer.out) == (code, ""), answer.err
        assert "Traceback" not in answer.err
        for part in parts:
            assert part in answer.err

    return ask


COMMANDS = (["create", "other.yaml"], ["run", "other.yaml"])
NINES = "9" * 20


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["run", NINES], ("99' is neither a file nor the id", "torc-local list")),
        (["status", "9" * 5000], ("99' is neither a file nor the id", "torc-local list")),
        (["run", "x" * 5000], ("xx' is neither a file nor the id", "torc-local list")),
        (["job", NINES], (f"there is no job '{NINES}'",)),
        (["jobs", "-l", NINES], ("'--limit'", "torc-local jobs --help")),
        (["logs", "bad", "--attempt", NINES], ("'--attempt'", "torc-local logs --help")),
        (["logs", "bad", "-w", NINES], ("'--workflow'", "torc-local logs --help")),
        (["run", "other.yaml", "--cpus", NINES], ("'--cpus'", "torc-local run --help")),
        (["run", "other.yaml", "--grace", "nan"], ("'--grace'", "torc-local run --help")),
    ],
    ids=lambda value: " ".join(value)[:30],
)
def test_numbers_and_words_beyond_all_bounds_are_bad_input(call, done, words, parts):
    before = digest(done)
    answer = call("--db", "done/torc.db", *words)
    assert (answer.code, answer.out) == (2, "")
    for part in parts:
        assert part in answer.err
    assert digest(done) == before


@pytest.mark.parametrize("mode", [0o400, 0o000], ids=oct)
def test_a_database_whose_permissions_forbid_writing(done, refused, mode):
    before = digest(done)
    done.chmod(mode)
    for words in COMMANDS:
        refused(4, [*words, "--db", "done/torc.db"], "done/torc.db", "hint: ")
    done.chmod(0o600)
    assert digest(done) == before


def test_a_database_in_a_directory_that_may_not_be_written_can_be_looked_at(done, bound, refused):
    before = done.read_bytes()
    for beside in done.parent.glob("torc.db-*"):
        beside.unlink()
    done.parent.chmod(0o500)
    for words in COMMANDS:
        refused(4, [*words, "--db", "done/torc.db"], "cannot open the database done/torc.db", "hint: ")
    look = [*bound, sys.executable, "-m", "torc_local", "status", "done/torc.db"]
    assert subprocess.run(look, capture_output=True, check=False).returncode == 0
    done.parent.chmod(0o700)
    assert done.read_bytes() == before


@pytest.mark.parametrize("place", [["--db", "shut/x.db"], ["--db", "shut/deep/x.db"], ["-o", "shut"]], ids=" ".join)
def test_a_directory_in_which_no_database_can_be_made(done, here, refused, place):
    (here / "shut").mkdir(mode=0o500)
    for words in COMMANDS:
        refused(4, [*words, *place], "cannot make the database shut/", "permission denied", "hint: ")
    assert list((here / "shut").iterdir()) == []


@pytest.mark.parametrize("place", ["file", "file/deep", "shut", "shut/deep"])
def test_no_workflow_is_stored_whose_output_could_not_be(done, here, refused, place):
    (here / "file").write_text("precious")
    (here / "shut").mkdir(mode=0o500)
    before = digest(done)
    why = "not a directory" if place.startswith("file") else "permission denied"
    words = ["run", "other.yaml", "-o", place, "--db"]
    refused(4, [*words, "done/torc.db"], f"cannot write job output to {place}", why, "-o DIR")
    refused(4, [*words, "new/x.db"], f"cannot write job output to {place}", why, "-o DIR")
    assert digest(done) == before
    assert not (here / "new").exists()
    assert (here / "file").read_text() == "precious"


def test_a_file_that_may_not_be_read(done, here, refused):
    (here / "other.yaml").chmod(0)
    for words in COMMANDS:
        refused(2, [*words, "--db", "new/x.db"], "other.yaml: error: you may not read this file", "ls -l")
    assert not (here / "new").exists()


def test_names_of_files_that_are_no_text(process, done, here):
    before = digest(done)
    for place in (["--db", b"b\xff.db"], ["-o", b"b\xff"]):
        for command in (b"create", b"run"):
            answer = process(command, b"other.yaml", *place)
            assert (answer.code, answer.out) == (2, "")
            assert "this path is not UTF-8 text: b" in answer.err
    answer = process("--db", "done/torc.db", "job", b"b\xff")
    assert (answer.code, answer.out) == (2, "")
    assert "there is no job 'b" in answer.err
    assert digest(done) == before
    odd = os.fsdecode(b"w\xff.yaml")
    (here / "other.yaml").rename(here / odd)
    assert process("run", odd, "-j", "1", "--progress", "none", "--db", "x.db") == (0, "", "")
    assert "nothing to do" in process("run", odd, "--db", "x.db").err


@pytest.mark.parametrize("command", ["job", "logs"])
def test_jobs_are_found_by_name_where_the_locale_knows_ascii_only(process, here, command):
    (here / "w.yaml").write_text("name: w\njobs: [{name: über, command: echo grün}]\n", "utf-8")
    assert process("run", "w.yaml", "-j", "1").code == 0
    plain = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0"}
    answer = process(command, "über".encode(), env=plain, text=False)
    assert answer.code == 0, answer.err
    assert b"echo gr\\xfcn" in answer.out if command == "job" else answer.out == "grün\n".encode()


@pytest.fixture
def disk(here):
    """A file system of a megabyte."""
    place = here / "disk"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if os.geteuid() != 0 or shutil.which("mount") is None or subprocess.run(words, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_on_which_no_database_fits_does_not_keep_one_from_being_made_later(process, done, disk):
    (disk / "ballast").write_bytes(b"x" * ((1 << 20) - 8192))
    for words in COMMANDS:
        answer = process(*words, "-o", "disk/new")
        assert (answer.code, answer.out) == (4, "")
        assert "the disk is full: disk/new/torc.db" in answer.err
    (disk / "ballast").unlink()
    assert process("run", "other.yaml", "-o", "disk/new", "-j", "1").code == 0


def test_a_disk_that_job_output_fills_loses_no_job(process, here, disk):
    command = "head -c 3000 /dev/zero"
    (here / "w.yaml").write_text(
        f'name: w\njobs:\n  - {{name: "j_{{i}}", command: {command}, parameters: {{i: "1:300"}}}}\n'
    )
    run = ["run", "w.yaml", "--db", "disk/torc.db", "-j", "4", "--progress", "none"]
    full = f'[ "$(df --output=avail {disk} | tail -n 1)" -lt 8 ]'
    larger = f"until {full}; do sleep 0.05; done; sleep 0.5; mount -o remount,size=32m {disk}"
    with subprocess.Popen(["bash", "-c", larger]) as room:
        first = process(*run)
    assert room.returncode == 0
    assert first.code == 1, first
    assert "Traceback" not in first.err
    second = process(*run, "-f", "json")
    assert second.code == 0, second.err
    assert second.json["jobs_by_status"]["completed"] == 300
    assert process("doctor", "--db", "disk/torc.db").code == 0
    assert len(process("logs", "j_300", "--db", "disk/torc.db").out) == 3000
