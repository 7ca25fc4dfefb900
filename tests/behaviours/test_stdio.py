"""What becomes of a job's output, what a job that fails may say, and what it may do when the node goes away."""

import os
import signal

import pytest

pytestmark = pytest.mark.behaviour

BOTH = "echo out-$TORC_JOB_NAME; echo err-$TORC_JOB_NAME >&2"


def job(name, command=BOTH, **more):
    return {"name": name, "command": command, **more}


def logs(place, name, *words):
    """What the program prints of a job's output, and what it says about it."""
    answer = place.call("logs", name, *words)
    assert answer.code == 0, answer.err
    return answer.out, answer.err


def files(place, suffix):
    """All that is stored of one stream, in all files of all runners."""
    return "".join(path.read_text() for path in sorted((place.root / "torc_output" / "stdio").glob(f"*{suffix}")))


def test_each_mode_keeps_what_it_says(place):
    modes = ("separate", "combined", "no_stdout", "no_stderr", "none")
    place.write({"name": "w", "jobs": [job(mode, stdio={"mode": mode}) for mode in modes]})
    place.run("--runners", "1", "-j", "1")  # one slot: each follows the others in the same two files
    assert [logs(place, mode)[0] for mode in modes] == [
        "out-separate\n",
        "out-combined\nerr-combined\n",
        "",
        "out-no_stderr\n",
        "",
    ]
    assert [logs(place, mode, "--stderr")[0] for mode in modes] == ["err-separate\n", "", "err-no_stdout\n", "", ""]
    assert "err-none" not in files(place, ".err")
    assert "out-none" not in files(place, ".out")


def test_what_is_not_kept_is_said_to_be_so(place):
    place.write({"name": "w", "jobs": [job(mode, stdio={"mode": mode}) for mode in ("combined", "no_stdout", "none")]})
    place.run()
    assert "standard output of 'none' is not kept (stdio: none)" in logs(place, "none")[1]
    assert "standard error of 'none' is not kept" in logs(place, "none", "--stderr")[1]
    said = logs(place, "no_stdout")[1]
    assert "not kept (stdio: no_stdout), but 14 B on standard error" in said
    assert "logs no_stdout --stderr" in said
    assert "goes where its standard output goes" in logs(place, "combined", "--stderr")[1]
    assert "output    not kept" in place.call("job", "none").out
    assert place.call("job", "none", "-f", "json").json["stdio"] == {"mode": "none", "delete_on_success": False}


def test_a_job_wins_over_the_workflow_key_by_key(place):
    place.write(
        {
            "name": "w",
            "execution_config": {"stdio": {"mode": "combined", "delete_on_success": True}},
            "jobs": [
                job("as_all"),
                job("kept", stdio={"delete_on_success": False}),
                job("quiet", stdio={"mode": "no_stderr", "delete_on_success": False}),
            ],
        }
    )
    place.run()
    assert logs(place, "as_all")[0] == ""
    assert logs(place, "kept")[0] == "out-kept\nerr-kept\n"
    assert logs(place, "quiet")[0] == "out-quiet\n"


def test_output_of_a_job_that_completed_is_removed_and_that_of_others_stays(place):
    stdio = {"stdio": {"delete_on_success": True}}
    jobs = [
        job("a"),
        job("good", **stdio),
        job("b"),
        job("bad", BOTH + "; exit 3", **stdio),
        job("late", **stdio),
        job("c"),
    ]
    place.write({"name": "w", "jobs": jobs})
    place.run("--runners", "1", "-j", "1", code=1)  # all in the same two files
    assert files(place, ".out") == "out-a\nout-b\nout-bad\nout-c\n"
    assert files(place, ".err") == "err-a\nerr-b\nerr-bad\nerr-c\n"
    for name in ("a", "b", "bad", "c"):
        assert logs(place, name) == (f"out-{name}\n", "")
        assert logs(place, name, "--stderr") == (f"err-{name}\n", "")
    out, said = logs(place, "good")
    assert out == ""
    assert "not kept: it completed (stdio: delete_on_success)" in said


def test_output_stays_when_a_declared_output_is_missing(place):
    """The exit code alone does not say that a job completed."""
    place.write(
        {
            "name": "w",
            "execution_config": {"stdio": {"delete_on_success": True}},
            "files": [{"name": "f", "path": "f"}, {"name": "g", "path": "g"}],
            "jobs": [job("bad", output_files=["f"]), job("good", BOTH + "; touch g", output_files=["g"])],
        }
    )
    place.run("-j", "1", "--runners", "1", code=1)
    assert place.states() == {"bad": "failed", "good": "completed"}
    assert logs(place, "bad")[0] == "out-bad\n"
    assert logs(place, "good")[0] == ""
    assert place.rows("SELECT count(*) FROM job_file WHERE mtime_at IS NOT NULL") == [(1,)]


def test_a_runner_that_is_killed_while_output_is_removed_leaves_a_true_record(place):
    """Ended and cut off, but not on record: the job runs again, and its output goes then, too."""
    stdio = {"stdio": {"delete_on_success": True}}
    place.write({"name": "w", "jobs": [job("good", BOTH + "; echo once >> log; test -e go || sleep 300", **stdio)]})
    run = place.start("run", "w.yaml", "-j", "1", "--progress", "none")
    place.wait_for("log", filled=True)
    place.wait_until(lambda: place.states()["good"] == "running")
    (place.root / "go").touch()
    os.kill(place.rows("SELECT pid FROM runner WHERE ended_at IS NULL")[0][0], signal.SIGKILL)
    assert run.wait(60) == 0
    run.communicate()
    assert place.text("log") == "once\nonce\n"
    assert [row["status"] for row in place.results()] == ["lost", "completed"]
    assert logs(place, "good")[0] == ""
    # What a lost attempt wrote stays, like that of any attempt that did not complete.
    assert logs(place, "good", "--attempt", "1")[0] == "out-good\n"
    assert files(place, ".out") == "out-good\n"


@pytest.mark.parametrize("point", ["runner.reaped", "runner.writing", "runner.settled"])
def test_a_kill_at_any_moment_of_the_crash_table_keeps_the_promise(place, point):
    """Whatever is on record as completed has no output; at most the one that ran when it happened has left some."""
    place.write(
        {
            "name": "w",
            "execution_config": {"stdio": {"delete_on_success": True}},
            "jobs": [job("j{i}", parameters={"i": "1:10"})],
        }
    )
    flag = place.root / "died"
    environment = {**os.environ, "TORC_LOCAL_FAULT": f"{point}:2:KILL:{flag}"}
    place.run("--runners", "1", "-j", "1", env=environment)
    assert flag.exists(), "nobody reached the moment"
    query = "SELECT count(*), sum(stdout_bytes + stderr_bytes) FROM attempt WHERE status = 'completed'"
    assert place.rows(query) == [(10, 0)]
    assert files(place, ".out").count("out-") <= 1
    assert files(place, ".err").count("err-") <= 1


def test_a_failing_job_says_why(place):
    command = "printf 'no data for 2024\\nlook at the station list\\n' > $TORC_LOCAL_ERROR_FILE; exit 3"
    place.write({"name": "w", "jobs": [job("bad", command)]})
    answer = place.run("--progress", "lines", code=1)
    assert "exit 3: no data for 2024" in answer.err
    assert "station list" not in answer.err
    assert "exit 3: no data for 2024\n" in place.call("results").out
    screen = place.call("job", "bad").out
    assert "look at the station list" in screen
    assert place.results()[0]["reason"] == "exit 3: no data for 2024\nlook at the station list"
    assert not list((place.root / "torc_output" / "stdio").glob("*.error"))


def test_what_attempts_say_is_kept_apart_and_nothing_is_left(place):
    """One that succeeds may have written, too; the next job of the slot must not inherit it."""
    say = "echo attempt $TORC_ATTEMPT_ID > $TORC_LOCAL_ERROR_FILE"
    place.write(
        {
            "name": "w",
            "failure_handlers": [{"name": "h", "rules": [{"exit_codes": [3], "max_retries": 3}]}],
            "jobs": [
                job("good", f"{say}; true"),
                job("quiet", "exit 5"),
                job("flaky", f"{say}; exit 3", failure_handler="h"),
            ],
        }
    )
    place.run("--runners", "1", "-j", "1", code=1)
    reasons = {(row["job_name"], row["attempt_id"]): row["reason"] for row in place.results()}
    assert reasons == {
        ("good", 1): None,
        ("quiet", 1): "exit 5",
        ("flaky", 1): "exit 3: attempt 1",
        ("flaky", 2): "exit 3: attempt 2",
        ("flaky", 3): "exit 3: attempt 3 (attempt 3 of 3)",
    }
    assert not list((place.root / "torc_output" / "stdio").glob("*.error"))


def test_only_a_file_of_its_own_is_read_and_only_its_beginning(place):
    (place.root / "secret").write_text("secret")
    place.write(
        {
            "name": "w",
            "jobs": [
                job("link", "ln -s $PWD/secret $TORC_LOCAL_ERROR_FILE; exit 3"),
                job("pipe", "mkfifo $TORC_LOCAL_ERROR_FILE; exit 3"),
                job("folder", "mkdir $TORC_LOCAL_ERROR_FILE; exit 3"),
                job("long", "yes 0123456789 | head -c 1000000 > $TORC_LOCAL_ERROR_FILE; exit 3"),
                job("bytes", r"printf '\377\0\033[31m' > $TORC_LOCAL_ERROR_FILE; exit 3"),
            ],
        }
    )
    place.run(code=1)
    reasons = {row["job_name"]: row["reason"] for row in place.results()}
    assert [reasons[name] for name in ("link", "pipe", "folder")] == ["exit 3"] * 3
    assert 4000 < len(reasons["long"]) <= 4096 + len("exit 3: ")
    assert reasons["bytes"] == "exit 3: \ufffd\x1b[31m"
    assert "\x1b" not in place.call("job", "bytes").out
    assert (place.root / "secret").read_text() == "secret"


def test_what_the_jobs_of_a_killed_runner_left_is_removed_later(place):
    command = "echo why > $TORC_LOCAL_ERROR_FILE; touch there; test -e go || sleep 300"
    place.write({"name": "w", "jobs": [job("a", command)]})
    run = place.start("run", "w.yaml", "-j", "1", "--progress", "none")
    place.wait_for("there")
    (place.root / "go").touch()
    os.kill(place.rows("SELECT pid FROM runner WHERE ended_at IS NULL")[0][0], signal.SIGKILL)
    assert run.wait(60) == 0
    run.communicate()
    assert not list((place.root / "torc_output" / "stdio").glob("*.error"))


def test_a_job_starts_where_run_was_called(place):
    place.write({"name": "w", "jobs": [job("a", "pwd -P")]})
    place.run()
    assert logs(place, "a")[0] == f"{place.root.resolve()}\n"


CHECKPOINT = "trap 'echo asked >> log; exit 9' TERM; touch $TORC_JOB_NAME; while :; do sleep 0.02; done"
PLAIN = "trap 'echo never >> log' TERM; touch $TORC_JOB_NAME; test -e again || while :; do sleep 0.02; done"


def test_only_jobs_that_support_it_are_asked_to_end_when_the_node_goes_away(place):
    """Torc: TERM for those, KILL for the others; both run again."""
    place.write({"name": "w", "jobs": [job("able", CHECKPOINT, supports_termination=True), job("plain", PLAIN)]})
    run = place.start("run", "w.yaml", "-j", "2", "--progress", "none", "--grace", "1")
    place.wait_for("able")
    place.wait_for("plain")
    run.send_signal(signal.SIGTERM)
    assert run.wait(60) == 143
    run.communicate()
    assert place.text("log") == "asked\n"
    found = {row["job_name"]: (row["status"], row["return_code"]) for row in place.results()}
    assert found == {"able": ("terminated", 9), "plain": ("terminated", -9)}
    assert set(place.states().values()) == {"ready"}


def test_at_the_end_of_a_time_limit_the_same_is_done(place):
    jobs = [job("able", CHECKPOINT, supports_termination=True), job("plain", PLAIN)]
    place.write({"name": "w", "jobs": jobs})
    assert place.call("run", "w.yaml", "-j", "2", "--progress", "none", "--time-limit", "3s").code == 3
    assert place.text("log") == "asked\n"
    found = {row["job_name"]: (row["status"], row["return_code"]) for row in place.results()}
    assert found == {"able": ("terminated", 9), "plain": ("terminated", -9)}


def test_a_job_that_ends_well_after_it_was_asked_has_completed(place):
    command = "trap 'exit 0' TERM; touch there; while :; do sleep 0.02; done"
    place.write({"name": "w", "jobs": [job("a", command, supports_termination=True), job("b", "true")]})
    run = place.start("run", "w.yaml", "-j", "1", "--progress", "none")
    place.wait_for("there")
    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=60)
    assert place.states()["a"] == "completed"


def test_a_job_that_ends_well_without_its_output_runs_again(place):
    """It wrote a checkpoint and ended with 0: it was stopped, and has not failed."""
    command = "test -e again && touch f && exit; trap 'exit 0' TERM; touch there; while :; do sleep 0.02; done"
    files = {"files": [{"name": "f", "path": "f"}]}
    place.write({"name": "w", **files, "jobs": [job("a", command, supports_termination=True, output_files=["f"])]})
    run = place.start("run", "w.yaml", "-j", "1", "--progress", "none")
    place.wait_for("there")
    run.send_signal(signal.SIGTERM)
    assert run.wait(60) == 143
    run.communicate()
    assert place.states() == {"a": "ready"}
    (place.root / "again").touch()
    place.run()
    assert [row["status"] for row in place.results()] == ["terminated", "completed"]


def test_what_a_shell_that_died_had_started_has_its_time(place):
    """bash dies of TERM at once; the program in it is still writing its checkpoint."""
    inner = "bash -c 'trap \"sleep 1; touch checkpoint; exit 9\" TERM; touch there; while :; do sleep 0.02; done'"
    place.write({"name": "w", "jobs": [job("a", f"true; {inner}; true", supports_termination=True)]})
    run = place.start("run", "w.yaml", "-j", "1", "--progress", "none")
    place.wait_for("there")
    run.send_signal(signal.SIGTERM)
    assert run.wait(60) == 143
    run.communicate()
    assert (place.root / "checkpoint").exists()
    assert [row["status"] for row in place.results()] == ["terminated"]


def test_a_job_that_fails_by_itself_while_the_node_goes_away_has_failed(place):
    place.write({"name": "w", "jobs": [job("a", "touch there; while ! test -e go; do sleep 0.02; done; exit 3")]})
    with (place.root / "told").open("w") as told:
        run = place.start("run", "w.yaml", "-j", "1", "--progress", "lines", stderr=told)
    place.wait_for("there")
    run.send_signal(signal.SIGTERM)
    place.wait_until(lambda: "stopping" in place.text("told"))
    (place.root / "go").touch()
    run.communicate(timeout=60)
    assert [(row["status"], row["return_code"]) for row in place.results()] == [("failed", 3)]
