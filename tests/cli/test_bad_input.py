"""Every bad input gets a sentence and its exit code, and changes nothing.

Each is given to the command line twice, to create and to run, beside a database with a finished workflow in it. What
is refused before any process starts is called in this process.
"""

import os
import re
import sqlite3
import subprocess
import sys
import time

import pytest

from tests.report.small import small_database

HEAD = "name: w\njobs:\n"


def job(name="a", command="echo hello", **more):
    extra = "".join(f"    {key}: {value}\n" for key, value in more.items())
    return f"  - name: {name}\n    command: {command}\n{extra}"


CYCLE = "".join(job(name, depends_on=f"[{before}]") for name, before in ("ac", "ba", "cb"))
TYPO = job("prepare") + job("b", depends_on="[prepar]")

# What is in the file; a part of the message, as an expression; where it is shown.
FILES = {
    "empty file": (b"", "the file is empty", None),
    "binary": (b"\x00\x01\x02\xff" * 100, "(binary|not text|NUL)", None),
    "truncated YAML": ((HEAD + "  - name: a\n    command: [echo").encode(), "never closed", "4:14"),
    "tabs": (b"name: w\njobs:\n\t- name: a\n", "tab", "3:1"),
    "broken JSON": (b'{"name": "w", "jobs": [],}', "", None),
    "repeated key": (b"name: w\nname: x\njobs: []\n", "(twice|repeated|again|duplicate)", "2:1"),
    "unknown key": ((HEAD + "  - name: a\n    comand: echo\n").encode(), "unknown key 'comand'", "4:5"),
    "name with newline": ((HEAD + job('"a\\nb"')).encode(), r"\\n", "3:11"),
    "name with NUL": ((HEAD + job('"a\\0b"')).encode(), r"\\x00", "3:11"),
    "name with slash": ((HEAD + job("a/b")).encode(), "'/'", "3:11"),
    "name ..": ((HEAD + job("..")).encode(), r"'\.\.'", "3:11"),
    "name with emoji": ((HEAD + job("run🚀")).encode(), "(U0001f680|🚀)", "3:11"),
    "name with leading dash": ((HEAD + job('"-rf"')).encode(), "begins with '-'", "3:11"),
    "name of 4,096 characters": ((HEAD + job("n" * 4096)).encode(), "4,096 characters", "3:11"),
    "duplicate names": ((HEAD + job() + job(command="echo other")).encode(), "'a'", None),
    "unknown dependency": ((HEAD + TYPO).encode(), "did you mean 'prepare'", None),
    "cycle": ((HEAD + CYCLE).encode(), "cycle of 3 jobs: a -> ", None),
    "invalid regex": ((HEAD + job() + job("b", depends_on_regexes='["(a"]')).encode(), r"\(a", None),
    "regex that matches nothing": ((HEAD + job() + job("b", depends_on_regexes='["^zzz"]')).encode(), "match", None),
    "parameters without values": ((HEAD + job("a{i}", parameters='{i: "[]"}')).encode(), "no values", None),
    "too many jobs": ((HEAD + job("a{i}", parameters='{i: "1:1000000000"}')).encode(), "1,000,000,000", None),
    "too many combinations": (
        (HEAD + job("a{i}{j}{k}", parameters='{i: "1:1000", j: "1:1000", k: "1:1000"}')).encode(), "1,000,000,000", None
    ),
}  # fmt: skip


@pytest.fixture
def untouched(here):
    """A database that must stay as it is, to the byte."""
    small_database(here / "torc_output" / "torc.db")
    path = here / "torc_output" / "torc.db"
    before = path.read_bytes()
    yield path
    assert path.read_bytes() == before
    wal = path.with_name("torc.db-wal")
    assert not wal.exists() or wal.stat().st_size == 0, "looking may leave an empty one"


def refused(process, words, code, message, **options):
    answer = process(*words, **options)
    assert answer.code == code, answer.err
    assert re.search(message, answer.err), answer.err
    assert "Traceback" not in answer.err
    assert answer.out == ""
    return answer.err


@pytest.mark.parametrize("kind", FILES)
def test_a_bad_file_is_refused_with_its_position_and_changes_nothing(call, untouched, here, kind):
    content, message, position = FILES[kind]
    file = here / ("w.json" if "JSON" in kind else "w.yaml")
    file.write_bytes(content)
    for command in (["create"], ["run"]):
        shown = refused(call, [*command, file.name], 2, message)
        assert re.search(rf"^{file.name}:{position or ''}.*error: ", shown, re.MULTILINE), shown
    assert not (here / "elsewhere").exists()
    refused(call, ["create", file.name, "--db", "elsewhere/torc.db"], 2, message)
    assert not (here / "elsewhere").exists(), "no database is made for a file that is refused"


def test_a_billion_jobs_are_refused_before_memory_is_used(here):
    (here / "w.yaml").write_text(HEAD + job("a{i}", parameters='{i: "1:1000000000"}'))
    began = time.monotonic()
    pid = os.posix_spawn(
        sys.executable, [sys.executable, "-m", "torc_local", "check", "w.yaml"], os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)],
    )  # fmt: skip
    _, status, usage = os.wait4(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 2
    assert usage.ru_maxrss < 300_000, "KiB"
    assert time.monotonic() - began < 10


@pytest.mark.fault
def test_a_regex_that_backtracks_for_ever_is_refused_in_time(process, untouched, here):
    (here / "w.yaml").write_text(HEAD + job("a" * 60) + job("b", depends_on_regexes='["(a+)+$x"]'))
    began = time.monotonic()
    refused(process, ["create", "w.yaml"], 2, "(backtrack|match)")
    assert time.monotonic() - began < 15


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["create", "missing.yaml"], "there is no such file"),
        (["run", "missing.yaml"], "there is no such file"),
        (["create", "."], "is a directory"),
        (["status", "99"], "there is no workflow 99"),
        (["run", "99"], "there is no workflow 99"),
        (["job", "nobody"], "there is no job 'nobody'"),
        (["logs", "nobody"], "there is no job 'nobody'"),
        (["cancel", "99"], "there is no workflow 99"),
        (["jobs", "-s", "redy"], "ready"),
        (["stats"], "status"),
        (["status", "--jsn"], "no option '--jsn'"),
        (["run", "-j", "0"], "--jobs.*1"),
        (["run", "--memory", "much"], "--memory"),
        (["run", "--gpus", "some"], "--gpus"),
        (["run", "--durability", "some"], "--durability.*normal.*full"),
    ],
)
def test_a_wrong_word_on_the_command_line_is_named_and_changes_nothing(call, untouched, words, message):
    refused(call, words, 2, message)


def test_a_command_of_a_megabyte_works(process, here):
    (here / "w.yaml").write_text(HEAD + job(command=f"x={'y' * 1_000_000}; echo ${{#x}}"))
    assert process("run", "w.yaml", "-j", "1").code == 0
    assert process("logs", "a").out == "1000000\n"


def foreign(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()


def newer(path):
    small_database(path)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


def truncated(path):
    small_database(path)
    path.write_bytes(path.read_bytes()[:9000])


DATABASES = {
    "another program's": (foreign, "not a torc-local database"),
    "newer": (newer, "newer version"),
    "truncated": (truncated, "(damaged|not a torc-local)"),
    "a directory": (lambda path: path.mkdir(parents=True), "is a directory"),
    "text": (lambda path: path.write_text("hello\n" * 1000), "not a torc-local database"),
}


@pytest.mark.parametrize("kind", DATABASES)
@pytest.mark.parametrize(
    "words", [["create", "w.yaml"], ["run", "w.yaml"], ["run"], ["status"], ["cancel"]], ids=" ".join
)
def test_a_database_that_cannot_be_used_is_said_to_be_so_and_left_alone(call, here, kind, words):
    make, message = DATABASES[kind]
    path = here / "x.db"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    (here / "w.yaml").write_text(HEAD + job())
    refused(call, [*words, "--db", "x.db"], 4, message)
    assert before is None or path.read_bytes() == before


def test_an_output_directory_that_is_a_file_is_said_to_be_one(process, untouched, here):
    (here / "w.yaml").write_text(HEAD + job())
    (here / "occupied").write_text("mine")
    refused(process, ["run", "w.yaml", "-o", "occupied", "--db", "new.db"], 4, "occupied")
    refused(process, ["create", "w.yaml", "-o", "occupied"], 4, "occupied")
    assert (here / "occupied").read_text() == "mine"


@pytest.fixture
def disk(here):
    """A file system of our own; skipped where we may not mount one."""
    mounted = here / "disk"
    mounted.mkdir()

    def mount(*options):
        command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(mounted)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"cannot mount a file system here: {done.stderr.strip() or 'no mount program'}")
        return mounted

    if os.getuid() != 0:
        pytest.skip("only root can mount a file system")
    yield mount
    while subprocess.run(["umount", str(mounted)], capture_output=True, check=False).returncode == 0:
        pass


def test_a_read_only_file_system_can_be_looked_at_and_not_written(process, disk, here):
    place = disk("size=10m")
    small_database(place / "torc.db")
    disk("remount,ro")
    (here / "w.yaml").write_text(HEAD + job())
    assert process("status", "--db", "disk/torc.db").code == 0
    refused(process, ["run", "--db", "disk/torc.db"], 4, "(read-only|cannot be written)")
    refused(process, ["create", "w.yaml", "--db", "disk/torc.db"], 4, "(read-only|cannot be written)")
    refused(process, ["create", "w.yaml", "--db", "disk/new.db"], 4, "read-only")
    refused(process, ["create", "w.yaml", "--db", "disk/sub/new.db"], 4, "read-only")


def test_a_full_disk_stores_nothing_by_halves(process, disk, here):
    place = disk("size=2m")
    small_database(place / "torc.db")
    (here / "w.yaml").write_text(HEAD + job("a{i}", parameters='{i: "1:60000"}'))
    refused(process, ["create", "w.yaml", "--db", "disk/torc.db"], 4, "(the disk is full|no space)")
    listed = process("list", "--db", "disk/torc.db", "-f", "json")
    assert listed.code == 0, listed.err
    assert listed.out.count('"id"') == 1, "nothing of the workflow that did not fit is there"


@pytest.mark.fault
def test_a_run_that_fills_the_disk_waits_for_room_and_loses_nothing(disk, here):
    """What ended while nothing could be written is recorded when there is room: no job runs twice."""
    place = disk("size=12m")
    spec = HEAD + job("a{i}", command=f"echo {{i}} >> {here}/log", parameters='{i: "1:3000"}')
    (here / "w.yaml").write_text(spec)
    command = [sys.executable, "-m", "torc_local"]
    subprocess.run([*command, "create", "w.yaml", "--db", "disk/torc.db"], check=True, capture_output=True)
    free = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize
    (place / "ballast").write_bytes(b"x" * max(0, free - 150_000))
    words = ["run", "-j", "4", "--db", "disk/torc.db", "-o", "out", "--progress", "none"]
    with subprocess.Popen([*command, *words], stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        told = ""
        while "results are held" not in told:
            line = run.stderr.readline()
            assert line, f"it ended: {told}"
            told += line
        assert "disk is full" in told
        (place / "ballast").unlink()
        rest = run.stderr.read()
    assert run.returncode == 0, told + rest
    ran = (here / "log").read_text().split()
    assert sorted(map(int, ran)) == list(range(1, 3001)), "each ran once"
    for words in (["doctor"], ["status"]):
        subprocess.run([*command, *words, "--db", "disk/torc.db"], check=True, capture_output=True)
