"""Memory and time limits: on the whole tree of a job, only where the file states them, with the reason on record."""

import re
import sys
import time
from pathlib import Path

import apsw
import pytest

pytestmark = pytest.mark.behaviour

EATER = """
import os, sys, time
kept = bytearray(int(sys.argv[1]) << 20)
open(sys.argv[2], "w").write(str(os.getpid()))
time.sleep(float(sys.argv[3]))
"""
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open("pid", "w").write(str(os.getpid()))
time.sleep(60)
"""
#: Leaves its parent, its session and its environment behind, as a daemon does, and then uses memory.
DAEMON = """
import os, sys, time
if os.fork():
    time.sleep(60)
os.setsid()
if os.fork():
    os._exit(0)
kept = bytearray(200 << 20)
open("pid", "w").write(str(os.getpid()))
time.sleep(60)
"""


def limited(command, needs, **more):
    """A workflow of one job that asks for ``needs``."""
    return {
        "name": "limited",
        "resource_requirements": [{"name": "r", "memory": "1g", **needs}],
        "jobs": [{"name": "j", "command": command, "resource_requirements": "r"}],
        **more,
    }


@pytest.fixture
def programs(place):
    """The place, with the programs that misbehave."""
    for name, text in (("eater", EATER), ("stubborn", STUBBORN), ("daemon", DAEMON)):
        (place.root / f"{name}.py").write_text(text)
    return place


def python(name, *words):
    return " ".join([sys.executable, f"{name}.py", *map(str, words)])


def the_result(place):
    (result,) = place.results()
    return result


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_memory_over_the_request_ends_the_job(programs):
    programs.write(limited(python("eater", 200, "pid", 60), {"memory": "100m"}))
    programs.run(code=1)
    result = the_result(programs)
    assert (result["return_code"], result["status"]) == (137, "failed")
    assert result["reason"].startswith("oom: more than the 100 MiB of memory that it asks for (it used ")
    assert not lives(programs.text("pid"))


def test_memory_of_grandchildren_is_added_up(programs):
    """None of them is over the limit; all of them together are."""
    eaters = " & ".join(python("eater", 60, f"pid{i}", 60) for i in range(3))
    programs.write(limited(f"({eaters} & wait) & wait", {"memory": "150m"}))
    programs.run(code=1)
    result = the_result(programs)
    assert result["return_code"] == 137
    assert result["reason"].startswith("oom: ")
    assert "processes used" in result["reason"]
    assert not any(lives(programs.text(f"pid{i}")) for i in range(3))


def test_memory_of_a_daemon_that_left_session_and_parent_counts(programs):
    programs.write(limited(python("daemon"), {"memory": "150m"}))
    programs.run(code=1)
    assert the_result(programs)["return_code"] == 137
    assert not lives(programs.text("pid"))


def test_memory_that_processes_share_counts_once(programs):
    """Twenty forks of a process of 100 MiB add up to 2 GiB of resident memory and use a twentieth of it."""
    (programs.root / "forks.py").write_text(
        "import os, sys, time\n"
        "kept = b'x' * (100 << 20)\n"
        "children = [os.fork() for _ in range(20) if os.getpid() == int(open('leader').read())]\n"
        "time.sleep(2.5)\n"
    )
    programs.write(limited(f"echo $$ > leader; exec {python('forks')}", {"memory": "700m"}))
    programs.run()
    assert the_result(programs)["return_code"] == 0


def test_a_job_that_needed_too_much_and_ended_well_is_completed(programs):
    programs.write(limited(python("eater", 200, "pid", 0), {"memory": "100m"}))
    programs.call("run", "w.yaml", "--progress", "none")
    result = programs.results()[-1]
    for _ in range(10):  # on a busy machine it may last for longer than the moment in which nobody looks
        if result["exec_time_seconds"] < 0.45:
            break
        programs.call("reset", "--all", "--yes")
        programs.call("run", "w.yaml", "--progress", "none")
        result = programs.results()[-1]
    assert (result["status"], result["return_code"]) == ("completed", 0)
    assert result["peak_memory_bytes"] > 200 << 20


def test_run_time_over_the_request_ends_grandchildren_that_ignore_term(programs):
    programs.write(
        limited(
            f"({python('stubborn')}; true) & wait",
            {"runtime": "1s"},
            execution_config={"sigterm_lead_seconds": 1},
        )
    )
    began = time.monotonic()
    programs.run(code=1)
    assert time.monotonic() - began < 20
    result = the_result(programs)
    assert (result["return_code"], result["status"]) == (152, "failed")
    assert result["reason"] == "timeout: it ran for longer than the 1s that it asks for"
    assert not lives(programs.text("pid"))


def test_who_is_asked_to_end_gets_its_time_even_when_the_shell_dies_at_once(programs):
    """bash dies of TERM while the program that it started writes its checkpoint."""
    (programs.root / "saves.py").write_text(
        "import signal, sys, time\n"
        "def save(*_):\n    time.sleep(0.5)\n    open('saved', 'w').close()\n    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, save)\n"
        "time.sleep(60)\n"
    )
    programs.write(
        {
            **limited(f"{python('saves')}; true", {"runtime": "1s"}),
            "jobs": [
                {"name": "j", "command": f"{python('saves')}; true", "resource_requirements": "r"},
                {
                    "name": "after",
                    "command": "test -e saved",
                    "depends_on": ["j"],
                    "cancel_on_blocking_job_failure": False,
                },
            ],
        }
    )
    programs.run(code=1)
    assert programs.states() == {"j": "failed", "after": "completed"}


def test_the_signal_and_the_exit_codes_of_the_file_are_used(programs):
    programs.write(
        limited(
            "trap 'echo usr1 > got; exit 0' USR1; while :; do sleep 0.05; done",
            {"runtime": "1s"},
            execution_config={"termination_signal": "USR1", "timeout_exit_code": 99, "oom_exit_code": 98},
        )
    )
    programs.run(code=1)
    assert programs.text("got") == "usr1\n"
    assert the_result(programs)["return_code"] == 99, "it was asked to end, so it did not end well"
    programs.write(
        limited(python("eater", 200, "pid", 60), {"memory": "100m"}, execution_config={"oom_exit_code": 98}), "o.yaml"
    )
    assert programs.call("run", "o.yaml", "-j", "1", "--progress", "none").code == 1
    assert programs.call("results", "2", "-f", "json").json["items"][0]["return_code"] == 98


@pytest.mark.parametrize("how", ["--no-limits", "both", "file"])
def test_limits_can_be_switched_off(programs, how):
    more = {"execution_config": {"limit_resources": False}} if how == "file" else {}
    programs.write(limited(python("eater", 200, "pid", 2.2), {"memory": "100m", "runtime": "1s"}, **more))
    options = {"--no-limits": ["--no-limits"], "both": ["--no-memory-limits", "--no-runtime-limits"], "file": []}
    programs.run(*options[how])
    assert the_result(programs)["return_code"] == 0


def test_one_kind_of_limit_can_be_switched_off(programs):
    programs.write(limited(python("eater", 200, "pid", 60), {"memory": "100m", "runtime": "2s"}))
    programs.run("--no-memory-limits", code=1)
    assert the_result(programs)["return_code"] == 152


def test_what_nobody_wrote_down_is_no_limit(programs):
    """Torc's implicit requirements are 1 MiB and a minute; a run time that is left out is an hour."""
    programs.write({"name": "w", "jobs": [{"name": "j", "command": python("eater", 50, "pid", 2)}]})
    programs.run()
    assert the_result(programs)["return_code"] == 0


def test_a_job_that_fails_within_its_limits_fails_for_its_own_reason(programs):
    programs.write(limited("sleep 1.5; exit 4", {"memory": "100m", "runtime": "1m"}))
    programs.run(code=1)
    assert (the_result(programs)["return_code"], the_result(programs)["reason"]) == (4, "exit 4")


def test_limits_hold_while_another_program_locks_the_database(programs):
    """The runner has something to record, waits for the lock, and sees to its other job all the same."""
    spec = limited(f"while ! test -e go; do sleep 0.05; done; {python('eater', 200, 'pid', 60)}", {"memory": "150m"})
    short = "touch begun; while ! test -e locked; do sleep 0.02; done"
    spec["jobs"].append({"name": "short", "command": short})
    programs.write(spec)
    process = programs.start("run", "w.yaml", "-j", "2", "--runners", "1", "--progress", "none")
    lock = None
    try:
        programs.wait_for("begun")
        lock = apsw.Connection(str(programs.root / "torc_output" / "torc.db"))
        lock.set_busy_timeout(10_000)
        lock.execute("BEGIN IMMEDIATE")
        (programs.root / "locked").touch()
        time.sleep(0.5)  # by then the runner waits; if it does not, the test only shows less
        (programs.root / "go").touch()
        programs.wait_for("pid", filled=True)
        programs.wait_until(lambda: not lives(programs.text("pid")))
        lock.close()
        assert process.wait(60) == 1
    finally:
        if lock is not None:
            lock.close()
        process.kill()
        process.communicate()
    assert programs.states() == {"j": "failed", "short": "completed"}
    assert {result["return_code"] for result in programs.results()} == {0, 137}


def test_a_stop_during_the_grace_of_a_time_limit_keeps_the_reason(programs):
    programs.write(
        limited(
            "trap 'echo > asked' TERM; while :; do sleep 0.05; done",
            {"runtime": "1s"},
            execution_config={"sigterm_lead_seconds": 600},
        )
    )
    process = programs.start("run", "w.yaml", "-j", "1", "--progress", "none", "--grace", "0")
    try:
        programs.wait_for("asked")
        process.terminate()
        process.terminate()
        assert process.wait(60) in (1, 143)
    finally:
        process.kill()
        process.communicate()
    assert the_result(programs)["reason"].startswith("timeout: ")
    assert programs.states() == {"j": "failed"}


def test_a_kill_by_others_near_the_limit_is_said_to_be_for_want_of_memory(programs):
    (programs.root / "killed.py").write_text("import os\nkept = bytearray(190 << 20)\nos.kill(os.getpid(), 9)\n")
    programs.write(limited(python("killed"), {"memory": "200m"}))
    programs.run(code=1)
    result = the_result(programs)
    assert result["return_code"] == -9
    assert result["reason"] == (
        "killed by SIGKILL, near the 200 MiB of memory that it asks for: perhaps for want of memory"
    )


def test_jobs_that_were_ended_for_one_limit_are_one_line_of_the_summary(programs):
    spec = limited("", {"memory": "100m"})
    spec["jobs"] = [
        {"name": f"j{i}", "command": python("eater", 150 + 20 * i, f"pid{i}", 60), "resource_requirements": "r"}
        for i in range(2)
    ]
    programs.write(spec)
    programs.run(code=1)
    answer = programs.call("status")
    assert re.search("2 x out of memory  +j0, j1  +more than the 100 MiB of memory", answer.out), answer.out
