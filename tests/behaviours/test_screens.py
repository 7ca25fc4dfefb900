"""What a person sees who looks at a workflow: why a job does not run, who works, what happens."""

import json
import os
import re
import signal
from xml.etree import ElementTree as ET

import pytest

pytestmark = pytest.mark.behaviour


def test_a_failed_job_is_explained_with_its_last_words_and_its_handler(place):
    place.write(
        {
            "name": "w",
            "failure_handlers": [{"name": "again", "rules": [{"exit_codes": [3], "max_retries": 2}]}],
            "jobs": [
                {"name": "bad", "command": "seq 9 >&2; echo no data >&2; exit 3", "failure_handler": "again"},
                {"name": "next", "command": "true", "depends_on": ["bad"]},
                {"name": "last", "command": "true", "depends_on": ["next"]},
            ],
        }
    )
    place.run(code=1)
    (found,) = place.call("explain", "bad", "-f", "json").json["items"]
    assert found["last_lines"] == ["6", "7", "8", "9", "no data"]
    assert found["handler"] == "again allows 2 attempts at return code 3, 0 left"
    assert (found["attempt_id"], found["return_code"]) == (2, 3)
    assert "stopped by  bad (failed)" in place.call("explain", "last").out
    everything = place.call("explain", "*")
    assert [line.split()[0] for line in everything.out.split("\n\n")] == ["bad", "next", "last"]


def test_a_completed_job_says_why_it_would_run_again(place):
    place.write(
        {
            "name": "w",
            "files": [{"name": "in", "path": "in.txt"}],
            "jobs": [{"name": "a", "command": "cat in.txt", "input_files": ["in"]}],
        }
    )
    (place.root / "in.txt").write_text("1")
    place.run()
    assert place.call("explain", "a").out.startswith("a is completed\n")
    os.utime(place.root / "in.txt", (1, 1))
    assert "has changed  input file has changed: in.txt" in place.call("explain", "a").out


def test_a_job_that_waits_names_what_runs_before_it(place):
    place.write(
        {
            "name": "w",
            "jobs": [
                {"name": "long", "command": "while [ ! -e go ]; do sleep 0.02; done"},
                {"name": "after", "command": "true", "depends_on": ["long"]},
            ],
        }
    )
    running = place.start("run", "w.yaml", "-j", "1", "--progress", "none")
    try:
        place.wait_until(lambda: place.exists() and "long (running)" in place.call("explain", "after").out)
        assert place.call("explain", "long").out.startswith("long is running: it runs on ")
    finally:
        (place.root / "go").touch()
        running.communicate(timeout=30)


def test_a_job_in_doubt_stops_what_waits_for_it(place):
    place.write(
        {
            "name": "w",
            "use_pending_failed": True,
            "jobs": [
                {"name": "doubt", "command": "exit 4"},
                {"name": "after", "command": "true", "depends_on": ["doubt"]},
            ],
        }
    )
    place.run(code=1)
    out = place.call("explain", "after").out
    assert "one before it failed and is for a person to decide" in out
    assert "torc-local retry doubt" in out


def test_explain_needs_a_job_and_knows_a_slip(place):
    place.write({"name": "w", "jobs": [{"name": "train", "command": "true"}]})
    place.run()
    assert place.call("explain").err == (
        "error: which job?\n  hint: torc-local explain JOB, torc-local explain --failed\n"
    )
    slip = place.call("explain", "trian")
    assert (slip.code, "did you mean 'train'?" in slip.err) == (2, True)
    assert place.call("explain", "x*").code == 2


WAITING = {
    "name": "w",
    "jobs": [
        {"name": "first", "command": "while [ ! -e go ]; do sleep 0.02; done"},
        {"name": "second", "command": "exit $(cat code)", "depends_on": ["first"]},
    ],
}


@pytest.mark.parametrize(("code", "outcome"), [("0", 0), ("7", 1)])
def test_wait_and_watch_and_events_stay_until_the_end_and_tell_the_outcome(place, code, outcome):
    place.write(WAITING)
    (place.root / "code").write_text(code)
    place.call("create", "w.yaml")
    assert place.call("status", "--exit-status").code == 3
    followers = [
        place.start("wait"), place.start("watch", "-i", "0.1"), place.start("events", "-f", "--type", "run_ended"),
        place.start("events", "-f", "--format", "json"),
    ]  # fmt: skip
    running = place.start("run", "w.yaml", "-j", "1", "--progress", "none")
    place.wait_until(lambda: place.states()["first"] == "running")
    assert place.call("status", "--exit-status").code == 3
    assert place.call("wait", "--timeout", "0.1s").code == 3
    assert all(one.poll() is None for one in followers)
    (place.root / "go").touch()
    told = [one.communicate(timeout=30) for one in followers]
    running.communicate(timeout=30)
    assert [one.returncode for one in followers] == [outcome, outcome, 0, 0]
    assert [place.call(*words).code for words in (("status", "--exit-status"), ("wait",), ("watch",))] == [outcome] * 3
    waited, watched, ended, objects = (out for out, _ in told)
    assert re.match("w   workflow 1, run 1   [^ ]+   finished", waited)
    assert "running 1" in watched
    assert re.search("\nw   workflow 1, run 1   [^ ]+   finished", watched)
    assert [line.split()[-4:] for line in ended.splitlines()] == [["run", "1", "has", "ended"]]
    types = [json.loads(line)["type"] for line in objects.splitlines()]
    assert ("run_started" in types, types[-1], "job_failed" in types) == (True, "run_ended", bool(outcome))


def test_waiting_ends_when_those_who_worked_have_stopped(place):
    place.write(WAITING)
    place.call("create", "w.yaml")
    waiting = place.start("wait")
    assert "nobody works on workflow 1 now" in waiting.stderr.readline()
    running = place.start("run", "w.yaml", "-j", "1", "--progress", "none", "--grace", "0")
    place.wait_until(lambda: place.states()["first"] == "running")
    shown = place.call("runners").out
    assert "alive" in shown
    assert "1 of 1 slot with a job" in shown
    running.terminate()
    running.communicate(timeout=30)
    out, _ = waiting.communicate(timeout=30)
    assert (waiting.returncode, "stopped: nobody works on it" in out) == (3, True)
    assert "not at work any more: 1 stopped" in place.call("runners").out


def test_a_canceled_workflow_is_not_waited_for(place):
    place.write(WAITING)
    place.call("create", "w.yaml")
    place.call("cancel", "1")
    assert place.call("wait").code == 3


def test_events_are_chosen_by_type_and_counted_from_the_end(place):
    place.write({"name": "w", "jobs": [{"name": "bad", "command": "exit 3"}]})
    place.run(code=1)
    items = place.call("events", "--type", "job_failed", "--format", "json").json["items"]
    assert [(one["job_name"], one["type"]) for one in items] == [("bad", "job_failed")]
    assert len(place.call("events", "--tail", "1").out.splitlines()) == 1
    slip = place.call("events", "--type", "job_faild")
    assert (slip.code, "did you mean 'job_failed'?" in slip.err) == (2, True)
    slip = place.call("events", "-f", "json")
    assert (slip.code, "torc-local events --format json" in slip.err) == (2, True)


def test_a_runner_that_was_killed_is_shown_as_lost(place):
    place.write(WAITING)
    running = place.start("run", "w.yaml", "-j", "1", "--progress", "none")
    place.wait_until(lambda: place.exists() and place.states().get("first") == "running")
    (one,) = place.call("runners", "-f", "json").json["items"]
    assert (one["state"], one["running"], one["slots"]) == ("alive", 1, 1)
    os.kill(running.pid, signal.SIGKILL)
    os.kill(one["pid"], signal.SIGKILL)
    running.communicate(timeout=30)
    # Whoever is left may have taken its work back already: then the database says so, and not only the process table.
    place.wait_until(lambda: place.call("runners", "-f", "json").json["items"][0]["state"] == "lost")
    (place.root / "go").touch()


def test_a_run_leaves_a_junit_file_and_calls_a_command(place):
    place.write(
        {
            "name": "w <&>",
            "jobs": [
                {"name": "good", "command": "true"},
                {"name": "bad", "command": "printf 'a \\033[1m <b>\\n' >&2; exit 3"},
                {"name": "after", "command": "true", "depends_on": ["bad"]},
            ],
        }
    )
    names = "ID NAME:$TORC_WORKFLOW_NAME $TORC_STATUS $TORC_EXIT_CODE $TORC_JOBS_COMPLETED/$TORC_JOBS_TOTAL"
    done = place.run("--junit", "out.xml", "--notify", f'echo "{names}" > told; echo hello; exit 5', code=1)
    assert (done.out, "hello\n" in done.err) == ("", True)
    assert "the command of --notify ended with exit code 5" in done.err
    assert place.text("told") == "ID NAME:w <&> failed 1 1/3\n"
    suite = ET.parse(place.root / "out.xml").getroot()[0]
    assert [suite.get(key) for key in ("name", "tests", "failures", "skipped")] == ["w <&>", "3", "1", "1"]
    cases = {case.get("name"): list(case) for case in suite}
    (failure,) = cases["bad"]
    assert (failure.get("message"), failure.get("type")) == ("exit 3", "failed")
    assert failure.text == "exit 3\na \ufffd[1m <b>"
    assert (cases["good"], cases["after"][0].tag) == ([], "skipped")


@pytest.mark.parametrize("stdio", [{"mode": "combined"}, {"mode": "separate"}])
@pytest.mark.parametrize("command", ["echo lost its way; exit 3", "echo lost its way >&2; exit 3"])
def test_why_a_job_failed_is_told_from_whichever_stream_says_it(place, stdio, command):
    place.write({"name": "w", "jobs": [{"name": "bad", "command": command, "stdio": stdio}]})
    shown = place.run("--junit", "out.xml", "--progress", "lines", code=1)
    assert "lost its way" in shown.err
    assert "lost its way" in place.text("out.xml").replace(command.replace(">", "&gt;"), "")
    assert "lost its way" in place.call("explain", "bad").out.split("wrote last")[1]
    found = place.call("report", "-f", "json").json
    assert found["failures"][0]["examples"][0]["last_lines"] == ["lost its way"]


def test_a_junit_file_that_cannot_be_written_is_refused_before_anything_runs(place):
    place.write({"name": "w", "jobs": [{"name": "a", "command": "touch ran"}]})
    done = place.call("run", "w.yaml", "--junit", "nowhere/out.xml")
    assert (done.code, "--junit: cannot write nowhere/out.xml" in done.err) == (2, True)
    assert not (place.root / "ran").exists()


def test_the_output_of_several_jobs_is_printed_searched_and_found(place):
    jobs = [{"name": f"j{i}", "command": f"seq {i} {i + 4}; printf end{i}; exit {i % 2}"} for i in range(3)]
    place.write({"name": "w", "jobs": jobs})
    place.run(code=1)
    assert place.call("logs", "j2").out == "2\n3\n4\n5\n6\nend2"
    assert place.call("logs", "j2", "--tail", "2").out == "6\nend2"
    assert place.call("logs", "j*", "--tail", "1").out == "==> j0 <==\nend0\n==> j1 <==\nend1\n==> j2 <==\nend2\n"
    assert place.call("logs", "--regex", "j", "--grep", "^(4|e.*1)$").out == "j0: 4\nj1: 4\nj1: end1\nj2: 4\n"
    assert place.call("logs", "--failed", "--grep", "end").out == "j1: end1\n"
    name, path, start, length = place.call("logs", "j2", "--paths").out.rstrip("\n").split("\t")
    written = (place.root / path).read_bytes()[int(start) : int(start) + int(length)]
    assert (name, written) == ("j2", b"2\n3\n4\n5\n6\nend2")
    for words in (["logs"], ["logs", "j*", "-f"], ["logs", "j1", "--grep", "("], ["logs", "j1", "-f", "--tail", "1"]):
        assert place.call(*words).code == 2
    assert place.call("logs", "j1", "--grep", "nowhere").err == "no line is like that\n"
