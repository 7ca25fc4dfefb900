"""What a person sees who looks at a workflow: why a job does not run, who works, what happens."""

import os

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
