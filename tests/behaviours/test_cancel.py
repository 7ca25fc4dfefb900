"""Canceling jobs and workflows from another process."""

import os
import signal
from contextlib import suppress

import psutil
import pytest

from tests.behaviours.test_restart import job

pytestmark = pytest.mark.behaviour

WAITS = "while ! test -e go; do sleep 0.02; done"


def go(place, process):
    (place.root / "go").touch()
    code = process.wait(60)
    process.communicate()
    return code


def test_a_running_job_is_ended_and_the_others_go_on(place):
    """It and what it started are asked to end; the job after it is canceled, and what runs anyway runs."""
    jobs = [
        job("long", "sh -c 'trap \"echo asked >> asked; exit 7\" TERM; touch up; while :; do sleep 0.05; done'"),
        job("next", "touch next", "long"),
        job("anyway", "touch anyway", "long", cancel_on_blocking_job_failure=False),
        job("other", WAITS),
    ]
    place.write({"name": "w", "jobs": jobs})
    process = place.start("run", "w.yaml", "-j", "4", "--progress", "none")
    place.wait_for("up")
    place.wait_until(lambda: place.states()["long"] == "running")
    answer = place.call("cancel", "long")
    assert (answer.code, answer.out) == (0, "workflow 1: 0 jobs canceled, 1 job held by runners that will end it\n")
    place.wait_for("anyway")
    assert place.text("asked") == "asked\n"
    assert go(place, process) == 1
    assert place.states() == {"long": "canceled", "next": "canceled", "anyway": "completed", "other": "completed"}
    (one,) = [row for row in place.results() if row["job_name"] == "long"]
    assert (one["status"], one["reason"], one["return_code"]) == ("canceled", "canceled by a person", -15)
    assert not (place.root / "next").exists()


def test_a_job_that_does_not_listen_is_killed(place):
    place.write({"name": "w", "jobs": [job("deaf", "trap '' TERM; touch up; sleep 60 & wait; sleep 60")]})
    process = place.start("run", "w.yaml", "--progress", "none")
    place.wait_for("up")
    place.wait_until(lambda: place.states()["deaf"] == "running")
    assert place.call("cancel", "d*").code == 0
    assert process.wait(30) == 1
    process.communicate()
    assert place.states() == {"deaf": "canceled"}


def test_jobs_that_wait_are_canceled_at_once_and_those_behind_them_too(place):
    jobs = [job("first", WAITS), *(job(f"s{i}", f"touch ran{i}", "first") for i in range(4)), job("end", "true", "s3")]
    place.write({"name": "w", "jobs": jobs})
    process = place.start("run", "w.yaml", "-j", "1", "--progress", "none")
    place.wait_until(lambda: place.exists() and place.states().get("first") == "running")
    assert place.call("cancel", "s[23]", "-f", "json").json["canceled"] == 2
    place.wait_until(lambda: place.states()["end"] == "canceled")
    assert go(place, process) == 1
    ends = {"first": "completed", "s0": "completed", "s1": "completed", "s2": "canceled", "s3": "canceled"}
    assert place.states() == ends | {"end": "canceled"}
    assert "canceled by a person" in place.call("status").out


def test_claims_that_have_not_started_never_start(place):
    """Claimed in one batch with the job that runs; a hundred of them."""
    jobs = [job("j000", f"touch up; {WAITS}")] + [job(f"j{i:03d}", f"echo {i} >> log") for i in range(1, 101)]
    place.write({"name": "w", "jobs": jobs})
    process = place.start("run", "w.yaml", "-j", "1", "--progress", "none")
    place.wait_for("up")
    answer = place.call("cancel", "--regex", r"j(0[1-9]\d|00[1-9]|100)", "-f", "json").json
    assert answer["canceled"] + answer["being_ended"] == 100
    assert go(place, process) == 1
    assert place.text("log") == ""
    assert set(place.states().values()) == {"completed", "canceled"}


def test_a_canceled_job_whose_runner_is_killed_does_not_come_back(place):
    place.write({"name": "w", "jobs": [job("a", "echo a >> log; touch up; sleep 60"), job("b", WAITS)]})
    process = place.start("run", "w.yaml", "-j", "2", "--runners", "1", "--progress", "none")
    place.wait_for("up")
    place.wait_until(lambda: place.states()["a"] == "running")
    ((pid,),) = place.rows("SELECT pid FROM v_runners WHERE ended_at IS NULL")
    os.kill(pid, signal.SIGSTOP)
    assert place.call("cancel", "a").code == 0
    os.kill(pid, signal.SIGKILL)
    place.wait_until(lambda: place.states()["a"] == "canceled")
    assert go(place, process) == 1
    assert place.text("log") == "a\n"
    assert place.states() == {"a": "canceled", "b": "completed"}


def test_what_was_canceled_while_nobody_worked_stays_so_or_runs_as_asked(place):
    place.write({"name": "w", "jobs": [job("a", "echo a >> log"), job("b", "echo b >> log", "a"), job("c", "true")]})
    assert place.call("create", "w.yaml").code == 0
    assert "would cancel 1 job" in place.call("cancel", "a", "-n").out
    assert place.call("cancel", "a").code == 0
    place.run("--no-retry-failed", code=1)
    assert (place.states(), place.text("log")) == ({"a": "canceled", "b": "canceled", "c": "completed"}, "")
    place.run()
    assert place.text("log") == "a\nb\n"


def test_a_lone_number_is_a_workflow_and_with_a_workflow_named_it_is_a_job(place):
    place.write({"name": "w", "jobs": [job("a", "true"), job("b", "true")]})
    assert place.call("create", "w.yaml").code == 0
    assert place.call("cancel", "2", "-w", "1").code == 0
    assert sorted(place.states().values()) == ["canceled", "ready"]
    assert place.call("cancel", "2").code == 2
    assert "workflow 1 is canceled" in place.call("cancel", "1").err
    answer = place.call("cancel", "nobody")
    assert (answer.code, "has no job 'nobody'" in answer.err) == (2, True)


def test_a_canceled_job_that_comes_back_gives_its_gpu_to_the_next(place):
    """It is claimed with the GPU and not started; nobody may wait for that GPU for ever."""
    jobs = [{"name": f"a{i}", "command": f"touch up{i}; sleep 0.5", "resource_requirements": "gpu"} for i in range(3)]
    jobs[0]["command"] = "touch up0; test -e go || sleep 60"
    place.write({"name": "w", "resource_requirements": [{"name": "gpu", "num_cpus": 1, "num_gpus": 1}], "jobs": jobs})
    words = ("run", "w.yaml", "--gpus", "1", "--cpus", "2", "--runners", "1", "--progress", "none")
    process = place.start(*words, start_new_session=True)
    place.wait_for("up0")
    place.wait_until(lambda: place.states()["a0"] == "running")
    run = psutil.Process(process.pid)
    everybody = [run, *run.children(recursive=True)]
    for one in everybody:
        one.suspend()
    assert place.call("cancel", "a0").code == 0
    for one in everybody:
        with suppress(psutil.NoSuchProcess):  # died with the one before
            one.kill()
    process.communicate()
    assert place.call(*words, "--no-retry-failed").code == 1
    assert place.states() == {"a0": "canceled", "a1": "completed", "a2": "completed"}
    assert place.call("doctor").code == 0


def test_a_retry_lets_a_job_run_whose_cancel_never_arrived(place):
    place.write({"name": "w", "jobs": [job("a", "echo a >> log; touch up; test -e go || sleep 60")]})
    process = place.start("run", "w.yaml", "--progress", "none", start_new_session=True)
    place.wait_for("up")
    place.wait_until(lambda: place.states()["a"] == "running")
    os.killpg(process.pid, signal.SIGSTOP)
    assert place.call("cancel", "a").code == 0
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    (place.root / "go").touch()
    assert place.call("retry").code == 0
    place.run("--no-retry-failed")
    assert place.text("log") == "a\na\n"
