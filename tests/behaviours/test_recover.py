"""What recover, its loop and recommend --apply do to jobs whose limits were wrong."""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from torc_local.ground.units import show_memory

pytestmark = pytest.mark.behaviour

MB = 1 << 20

#: Uses so many MiB; in the first run it stays until it is ended for it. On a machine with much else to do that may take
#: a while: sampling there costs time, and is then done less often.
EATER = """
import os, sys, time
kept = bytearray(b"x") * (int(sys.argv[1]) << 20)
if os.environ["TORC_RUN_ID"] == "1":
    time.sleep(200)
"""
SLOW = "test $TORC_RUN_ID != 1 || sleep 200"
LONG = {"timeout": 240}


@pytest.fixture
def wrong(place):
    """A place with a workflow: two jobs that need four times their memory, one after them, one that fails by itself."""
    (place.root / "eater.py").write_text(EATER)
    eat = f"{sys.executable} eater.py 200"
    place.write(
        {
            "name": "wrong",
            "execution_config": {"termination_signal": "SIGKILL"},
            "resource_requirements": [
                {"name": "small", "memory": "50m", "runtime": "1h"},
                {"name": "short", "memory": "1g", "runtime": "1s"},
            ],
            "jobs": [
                {"name": "eat_1", "command": eat, "resource_requirements": "small"},
                {"name": "eat_2", "command": eat, "resource_requirements": "small"},
                {"name": "slow", "command": SLOW, "resource_requirements": "short"},
                {"name": "after", "command": "echo done > after", "depends_on": ["eat_1", "slow"]},
            ],
        }
    )
    return place


def add_failure(place, command="test -e mended || exit 3"):
    """One more job, which no limit cures."""
    text = place.text("w.yaml")
    place.write(f"{text}- name: bad\n  command: {command}\n")


def limits(place):
    return dict(place.rows("SELECT name, memory_bytes / 1048576 FROM resource_requirements"))


def test_recover_raises_what_was_too_low_and_the_next_run_completes(wrong):
    wrong.run(code=1, **LONG)
    # Where a sample met them while they grew, six times that is enough all the same.
    told = wrong.call("recover", "--memory-multiplier", "6")
    assert told.code == 0
    assert "workflow 1: 4 jobs run again, 1 of them after others" in told.out
    memory = show_memory(limits(wrong)["small"] * MB)
    assert limits(wrong)["small"] >= 300
    assert f"small: memory 50 MiB -> {memory}  (2 jobs ended at it, 2 ask for it)" in told.out
    assert "short: runtime 1s -> 1m" in told.out
    assert "torc-local run 1\n" in told.err
    assert set(wrong.states().values()) == {"ready", "blocked"}
    assert wrong.events("limits_changed") == [f"small: memory 50 MiB -> {memory}", "short: runtime 1s -> 1m"]
    wrong.run(**LONG)
    assert set(wrong.states().values()) == {"completed"}
    assert wrong.text("after") == "done\n"
    told = wrong.call("recover")
    assert (told.code, told.out) == (0, "workflow 1: nothing to recover, no job has failed\n")


def test_a_dry_run_of_recover_says_what_and_why_and_changes_nothing(wrong):
    add_failure(wrong)
    wrong.run(code=1, **LONG)
    before = wrong.states()
    told = wrong.call("recover", "-n", "--recovery-hook", "touch hooked", "--memory-multiplier", "2")
    assert "5 jobs would run again" in told.out
    assert "2  out of memory: used more than they ask for: eat_1, eat_2 -> again: with more memory" in told.out
    assert "1  exit code 3: bad -> again: as they are" in told.out
    assert "before that: touch hooked 1" in told.out
    assert (wrong.states(), limits(wrong)["small"], (wrong.root / "hooked").exists()) == (before, 50, False)
    found = wrong.call("recover", "-n", "-f", "json").json
    assert [(one["cause"], one["jobs"], one["retried"]) for one in found["causes"]] == [
        ("oom", 2, True), ("timeout", 1, True), ("exit", 1, False),
    ]  # fmt: skip
    assert {one["name"]: one["runtime_seconds"]["after"] for one in found["limits"]} == {"small": 3600, "short": 60}
    assert (found["dry_run"], found["jobs"]) == (True, 4)


def test_what_no_limit_cures_is_left_or_tried_again_as_asked(place):
    place.write({"name": "w", "jobs": [{"name": "bad", "command": "test -e mended || exit 3"}]})
    place.run(code=1)
    told = place.call("recover")
    assert (told.code, place.states()) == (0, {"bad": "failed"})
    assert "nothing that recover can cure" in told.out
    assert "--retry-unknown tries them again" in told.out
    told = place.call("recover", "--retry-unknown")
    assert (told.code, place.states()) == (0, {"bad": "ready"})


def test_the_recovery_hook_mends_before_what_failed_otherwise_is_tried_again(place):
    """As in Torc: in bash, with the workflow's id behind it and in its environment; a program here needs no path."""
    place.write({"name": "w", "jobs": [{"name": "bad", "command": "test -e mended || exit 3"}]})
    place.run(code=1)
    told = place.call("recover", "--recovery-hook", "false")
    assert (told.code, place.states()) == (1, {"bad": "failed"})
    assert "the recovery hook failed (exit code 1); nothing was changed" in told.err
    (place.root / "mend").write_text('#!/bin/sh\necho talk\necho "$1 $2 $TORC_WORKFLOW_ID" > mended\n')
    (place.root / "mend").chmod(0o755)
    told = place.call("recover", "--recovery-hook", "mend now")
    assert (told.code, place.text("mended"), "talk" in told.err, "talk" in told.out) == (0, "now 1 1\n", True, False)
    place.run("--no-retry-failed")
    assert place.states() == {"bad": "completed"}


def test_nothing_is_recovered_while_somebody_works(place):
    place.write({"name": "w", "jobs": [{"name": "bad", "command": "exit 3"}, {"name": "long", "command": "sleep 60"}]})
    process = place.start("run", "w.yaml", "-j", "2", "--grace", "0", "--progress", "none")
    place.wait_until(lambda: place.states().get("bad") == "failed")
    told = place.call("recover", "--retry-unknown", "--recovery-hook", "touch hooked")
    assert (told.code, told.out, (place.root / "hooked").exists()) == (2, "", False)
    assert "a run works on workflow 1 now" in told.err
    assert "hint: end it first" in told.err
    process.send_signal(signal.SIGINT)
    process.wait(60)
    process.communicate()


def test_bad_input_is_refused(place):
    place.write({"name": "w", "jobs": [{"name": "bad", "command": "exit 3"}]})
    place.run(code=1)
    for option, value in (("--memory-multiplier", "0.5"), ("--runtime-multiplier", "nan")):
        told = place.call("recover", option, value)
        assert (told.code, f"{option}: a limit is raised by more than 1 and at most 100 times" in told.err) == (2, True)
    assert place.call("recover", "--recovery-hook", " ").code == 2
    assert place.call("recover", "7").code == 2
    assert "ai-recovery" in place.call("recover", "--ai-recovery").err
    assert "--max-retries is for watch --recover" in place.call("watch", "--max-retries", "2").err


#: Kills itself in the transaction, at the last thing that is written, or right after it.
KILLED = """
import os, sys
from torc_local.engine import restart
from torc_local.store import events
record, put_back = events.record, restart.put_back

def recorded(*words, kind, **named):
    record(*words, kind=kind, **named)
    if kind == "jobs_reset" and sys.argv[1] == "before":
        os.kill(os.getpid(), 9)

def put(*words, **named):
    put_back(*words, **named)
    os.kill(os.getpid(), 9)

events.record, restart.put_back = recorded, put
from torc_local.cli.main import main
main(["recover"])
"""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_of_recover_raises_and_retries_once_or_not_at_all(wrong, moment):
    """Killed before its commit, nothing has changed; after it, everything: calling it again makes it whole."""
    wrong.run(code=1, **LONG)
    assert wrong.call(moment, program=KILLED).code == -signal.SIGKILL
    raised = limits(wrong)["small"]
    assert (raised == 50) == (moment == "before")
    assert wrong.call("recover").code == 0
    assert limits(wrong)["small"] > 50
    assert moment == "before" or limits(wrong)["small"] == raised
    assert wrong.states()["eat_1"] == "ready"


def test_the_loop_brings_a_workflow_to_its_end_by_itself(wrong):
    assert wrong.call("create", "w.yaml").code == 0
    told = wrong.call("watch", "1", "--recover", "-j", "4", **LONG)
    assert told.code == 0, told.err
    assert set(wrong.states().values()) == {"completed"}
    assert "small: memory 50 MiB -> " in told.err
    assert limits(wrong)["small"] > 50
    assert {1, 2} <= {one["run_id"] for one in wrong.results()}


def test_the_loop_ends_after_so_many_recoveries_and_tries_nothing_else_again(place):
    place.write(
        {
            "name": "w",
            "jobs": [{"name": "bad", "command": "echo x >> tries; exit 3"}, {"name": "good", "command": "true"}],
        }
    )
    place.run(code=1)
    told = place.call("watch", "--recover", "--max-retries", "2", "--retry-unknown", "-j", "1")
    assert told.code == 1
    assert place.text("tries") == "x\n" * 3
    assert "workflow 1 was recovered 2 times, and no more was asked for" in told.err
    told = place.call("watch", "--recover", "-j", "1")
    assert (told.code, place.text("tries")) == (1, "x\n" * 3)
    assert "nothing that recover can cure" in told.err


def tree(run, kind):
    """Send a signal to a run and to its processes."""
    children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
    for pid in (run.pid, *map(int, children)):
        with suppress(ProcessLookupError):
            os.kill(pid, kind)


def test_the_loop_does_not_take_up_what_was_canceled_before_its_runners_died(place):
    place.write({"name": "w", "jobs": [{"name": "long", "command": "echo x >> tries; sleep 60"}]})
    run = place.start("run", "w.yaml", "-j", "1", "--progress", "none")
    place.wait_for("tries", filled=True)
    tree(run, signal.SIGSTOP)
    assert place.call("cancel", "1").code == 0
    tree(run, signal.SIGKILL)
    run.communicate()
    told = place.call("watch", "--recover", "-j", "1")
    assert (told.code, place.text("tries")) == (3, "x\n")
    assert "workflow 1 is canceled: torc-local run 1 takes it up again" in told.err


def test_the_loop_waits_while_others_work_and_goes_on_after_they_died(place):
    """A run elsewhere is killed: what it left is done here."""
    command = "echo x >> tries; test -e go || sleep 60"
    place.write({"name": "w", "jobs": [{"name": "long", "command": command}]})
    run = place.start("run", "w.yaml", "-j", "1", "--progress", "none")
    place.wait_for("tries", filled=True)
    with (place.root / "seen").open("w") as seen:
        loop = place.start("watch", "--recover", "-i", "0.2", "-j", "1", stdout=seen)
    place.wait_for("seen", filled=True)  # the loop tells how it stands
    assert (place.text("tries"), len(place.rows("SELECT 1 FROM v_runners"))) == ("x\n", 1)
    (place.root / "go").touch()
    tree(run, signal.SIGKILL)
    run.communicate()
    _, err = loop.communicate(timeout=60)
    assert loop.returncode == 0, err
    assert (place.text("tries"), place.states()) == ("x\nx\n", {"long": "completed"}), place.text("seen")


def test_a_signal_ends_the_loop_and_what_it_runs(place):
    """The job at work may end; nothing begins after it."""
    waits = "touch began; while ! test -e go; do sleep 0.02; done"
    place.write(
        {"name": "w", "jobs": [{"name": "a", "command": waits}, {"name": "b", "command": "true", "depends_on": ["a"]}]}
    )
    assert place.call("create", "w.yaml").code == 0
    with (place.root / "told").open("w") as told:
        loop = place.start("watch", "--recover", "-j", "1", stderr=told)
    place.wait_for("began")
    loop.send_signal(signal.SIGINT)
    place.wait_until(lambda: "stopping" in place.text("told"))
    (place.root / "go").touch()
    loop.communicate(timeout=60)
    assert loop.returncode == 130
    states = place.states()
    assert states["a"] == "completed"
    assert states["b"] in ("ready", "blocked"), "a run that stops may leave it to the next one to see that a has ended"
    assert place.call("cancel", "1").code == 0
    answer = place.call("watch", "--recover", "-j", "1")
    assert (answer.code, "workflow 1 is canceled" in answer.err) == (3, True)
    assert place.states()["b"] == states["b"]
