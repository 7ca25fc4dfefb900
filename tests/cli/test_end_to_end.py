"""The program as a process: running, going on, reading output, being cut off."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest

JOBS = """\
name: w
jobs:
  - {name: hello, command: "printf 'a\\\\0b\\\\n'; echo oops >&2"}
  - {name: last, command: echo last, depends_on: [hello]}
"""


@pytest.fixture
def spec(here):
    path = here / "w.yaml"
    path.write_text(JOBS)
    return path


def test_run_goes_on_where_it_stopped_and_says_when_nothing_is_left(process, spec):
    first = process("run", "w.yaml", "-j", "2", "-f", "json")
    assert first.code == 0, first.err
    assert json.loads(first.out)["jobs_by_status"]["completed"] == 2
    assert json.loads(first.out)["exit_code"] == 0
    second = process("run", "w.yaml", "-j", "2")
    assert (second.code, second.out) == (0, "")
    assert "nothing to do, all 2 jobs completed before" in second.err
    assert process("run", "torc_output/torc.db").code == 0
    logs = process("logs", "hello", text=False)
    assert logs.out == b"a\0b\n"
    assert process("logs", "hello", "--stderr", "--attempt", "1").out == "oops\n"
    assert process("logs", "last", "-f").out == "last\n"


def test_a_changed_file_makes_a_new_workflow_and_says_so(process, spec):
    assert process("run", "w.yaml", "-j", "1", "--progress", "none") == (0, "", "")
    spec.write_text(JOBS + "# a comment changes nothing\n")
    assert "nothing to do" in process("run", "w.yaml").err
    spec.write_text(JOBS + "  - {name: more, command: echo more}\n")
    changed = process("run", "w.yaml", "-j", "1", "--progress", "none")
    assert changed.code == 0
    assert changed.err == (
        "w.yaml has changed since workflow 1 was made from it: workflow 2 takes over 2 completed jobs and runs 1\n"
        "  1  new: more\n"
    )
    assert "nothing to do" in process("run").err, "workflow 1 was archived, so only one can be meant"
    fresh = process("run", "w.yaml", "--fresh", "-j", "1", "-f", "json", "--progress", "json")
    assert json.loads(fresh.out)["workflow_id"] == 3


def test_failures_are_grouped_with_the_next_commands(process, here):
    (here / "w.yaml").write_text(
        "name: w\njobs:\n"
        "  - {name: 'f_{i}', command: exit 3, parameters: {i: '1:3'}}\n"
        "  - {name: after, command: echo x, depends_on_regexes: ['^f_']}\n"
    )
    done = process("run", "w.yaml", "-j", "2")
    assert (done.code, done.out) == (1, "")
    assert "0 of 4 jobs completed, 3 failed, 1 could not run" in done.err
    assert re.search(r"3 x exit code 3 +f_1, f_3 and 1 more", done.err)
    assert "torc-local jobs 1 --failed" in done.err
    assert "torc-local run 1" in done.err
    again = process("run", "1", "--no-retry-failed")
    assert again.code == 1
    assert "nothing to do, every job has ended; 0 of 4 completed" in again.err


def test_a_workflow_comes_from_standard_input(process, call):
    done = process("run", "-", "-j", "1", "--db", "x.db", "--progress", "none", input=JOBS)
    assert (done.code, done.out, done.err) == (0, "", "")
    assert call("status", "x.db", "-f", "json").json["spec_path"] is None


def test_output_and_database_go_where_they_are_told(process, spec, here):
    assert process("run", "w.yaml", "-j", "1", "-o", "there", "--progress", "none").code == 0
    assert (here / "there" / "torc.db").exists()
    assert list((here / "there" / "stdio").iterdir())
    assert not (here / "torc_output").exists()


def test_ctrl_c_saves_and_says_how_to_go_on(here):
    (here / "w.yaml").write_text("name: w\njobs:\n  - {name: long, command: 'echo begun; exec sleep 60'}\n")
    words = [sys.executable, "-m", "torc_local", "run", "w.yaml", "-j", "1", "--grace", "0"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, start_new_session=True) as run:
        assert run.stderr is not None
        assert " start w " in run.stderr.readline()
        # Following the output is waiting for the job to begin; it ends when the job is stopped.
        follow = [sys.executable, "-m", "torc_local", "logs", "-f", "long"]
        with subprocess.Popen(follow, stdout=subprocess.PIPE, text=True) as logs:
            assert logs.stdout is not None
            assert logs.stdout.readline() == "begun\n"
            os.kill(run.pid, signal.SIGINT)
            _, err = run.communicate(timeout=30)
            assert logs.wait(timeout=30) == 0
    assert run.returncode == 130
    assert "stopping" in err
    assert err.splitlines()[-1] == "  go on:           torc-local run 1"


def test_a_reader_that_leaves_early_is_no_error(here, call):
    (here / "w.yaml").write_text("name: w\njobs:\n  - {name: 'j_{i}', command: 'true', parameters: {i: '1:20000'}}\n")
    assert call("create", "w.yaml").out == "1\n"
    for words in (["jobs"], ["jobs", "-f", "json"]):
        with subprocess.Popen(
            [sys.executable, "-m", "torc_local", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as full:
            assert full.stdout is not None
            assert full.stderr is not None
            full.stdout.read(100)
            full.stdout.close()
            assert full.stderr.read() == b""
            assert full.wait(timeout=30) == 0


def test_closed_standard_streams_disturb_nothing(call, spec):
    command = f"{sys.executable} -m torc_local run w.yaml -j 1 <&- >&- 2>&-"
    assert subprocess.run(["bash", "-c", command], check=False).returncode == 0
    assert call("status", "-f", "json").json["is_complete"] is True
    assert call("doctor").code == 0


def test_runs_of_one_file_that_start_together_work_on_one_workflow(here, call):
    (here / "w.yaml").write_text("name: w\njobs:\n  - {name: 'j_{i}', command: 'sleep 0.1', parameters: {i: '1:6'}}\n")
    words = [sys.executable, "-m", "torc_local", "run", "w.yaml", "-j", "1", "--progress", "none"]
    together = [subprocess.Popen(words, stdout=subprocess.DEVNULL) for _ in range(3)]
    assert [run.wait(timeout=30) for run in together] == [0, 0, 0]
    (workflow,) = call("list", "-f", "json").json["items"]
    assert workflow["jobs_by_status"] == {"completed": 6}
    assert workflow["run_id"] == 1
