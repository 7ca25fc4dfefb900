"""Processes that live and do nothing: stopped by somebody, or cut off. Their work goes on elsewhere, theirs is void."""

import os
import shutil
import signal
import time

import pytest

from tests.process.running import finished
from tests.support.waiting import wait_for
from torc_local.process import machine
from torc_local.store import opening


def jobs(place, length="0.05", count=40):
    place.write(
        {
            "name": "j{i}",
            "command": f"echo start-{{i}} >> {place.log}; sleep {length}; echo end-{{i}} >> {place.log}",
            "parameters": {"i": f"1:{count}"},
        }
    )


def runner_pids(place):
    return [pid for (pid,) in place.ask("SELECT pid FROM v_runners WHERE ended_at IS NULL AND pid > 0")]


def pid_of_coordinator(place):
    ((pid,),) = place.query("SELECT pid FROM coordinator")
    return pid


@pytest.mark.fault
def test_a_stopped_runner_is_replaced_after_its_lease(place):
    jobs(place)
    run = place.start(2, "lease=1.2")
    wait_for(lambda: place.lines().total() > 6)
    stopped = runner_pids(place)[0]
    os.kill(stopped, signal.SIGSTOP)
    done = finished(run)
    assert done["code"] == 0, done["stderr"]
    assert done["counts"] == {"completed": 40}
    assert "runner_lost" in done["stderr"], "it is said"


@pytest.mark.fault
def test_a_stopped_coordinator_is_replaced_after_its_lease(place):
    place.write(
        {"name": "a{i}", "command": "sleep 0.05", "parameters": {"i": "1:20"}},
        {"name": "b{i}", "command": "true", "parameters": {"i": "1:20"}, "depends_on_regexes": ["^a"]},
    )
    run = place.start(2, "lease=1.2")
    wait_for(lambda: place.ask("SELECT 1 FROM v_attempts"))
    os.kill(pid_of_coordinator(place), signal.SIGSTOP)
    assert finished(run)["counts"] == {"completed": 40}


@pytest.mark.fault
def test_a_run_that_is_stopped_as_a_whole_loses_its_jobs_to_another_one(place):
    """As by Ctrl-Z, in the middle of a transaction even: what is halted for longer than its lease is killed."""
    jobs(place, length="0.02", count=60)
    first = place.start(2, "lease=1.5")
    wait_for(lambda: place.lines().total() > 10)
    runners = runner_pids(place)
    for pid in [first.pid, *runners, pid_of_coordinator(place)]:
        os.kill(pid, signal.SIGSTOP)
    assert place.run(2, "lease=1.5")["counts"] == {"completed": 60}
    assert not any(machine.start_of(pid) for pid in runners)
    os.kill(first.pid, signal.SIGCONT)
    assert finished(first)["code"] == 0


@pytest.mark.fault
def test_a_process_stopped_with_the_write_lock_in_its_hands_stops_nobody_for_longer_than_its_lease(place):
    jobs(place, count=30)
    run = place.start(2, "lease=1.5", TORC_LOCAL_FAULT=f"runner.writing:5:STOP:{place.directory}/stopped")
    done = finished(run, 30)
    assert (place.directory / "stopped").exists()
    assert done["counts"] == {"completed": 30}, done["stderr"]


def cut_off(place, moment, number):
    """A run of another machine, whose only runner is stopped when it reaches a moment; its supervisor, too."""
    flag = place.directory / "stopped"
    run = place.start(1, "lease=1.5", TORC_LOCAL_FAULT=f"{moment}:{number}:STOP:{flag}")
    wait_for(flag.exists)
    run.send_signal(signal.SIGSTOP)
    place.change("UPDATE node SET boot_id = 'machine:boot:namespace'")
    (runner,) = runner_pids(place)
    return run, runner


def test_a_runner_stopped_past_its_lease_and_continued_records_nothing_and_ends_its_child(place):
    """Nobody else could: neither its process nor its child is of the machine that takes over."""
    jobs(place, length="0.4", count=8)
    first, runner = cut_off(place, "runner.spawned", 3)
    children = set(place.leftovers())
    assert children
    second = place.start(2, "lease=1.5")
    wait_for(lambda: place.query("SELECT count(*) FROM v_runners WHERE end_reason = 'lost'") == [(1,)], timeout_s=30)
    sql = "SELECT job_id, attempt_id, status FROM v_attempts WHERE runner_id = (SELECT min(runner_id) FROM v_runners)"
    before = place.query(sql)
    os.kill(runner, signal.SIGCONT)
    wait_for(lambda: machine.start_of(runner) is None)
    assert not children & set(place.leftovers())
    assert place.query(sql) == before
    os.kill(first.pid, signal.SIGCONT)
    assert finished(second)["counts"] == {"completed": 8}
    done = finished(first)
    assert done["code"] in (0, 3), done["stderr"]
    assert "was declared dead" in done["stderr"]


@pytest.mark.fault
def test_an_actor_that_was_stopped_past_its_lease_executes_nothing_that_others_have_executed(place):
    """On another machine, from where it cannot be ended."""
    action = {"trigger_type": "on_workflow_start", "action_type": "run_commands", "commands": [place.append("action")]}
    place.write({"name": "a", "command": place.append("a")}, actions=[action])
    flag = place.directory / "stopped"
    first = place.start(1, "lease=1.5", TORC_LOCAL_FAULT=f"actor.claimed:1:STOP:{flag}")
    wait_for(flag.exists)
    first.send_signal(signal.SIGSTOP)
    place.change("UPDATE node SET boot_id = 'machine:boot:namespace'")
    ((actor,),) = place.query("SELECT pid FROM runner WHERE acts")
    assert place.run(1, "lease=1.5")["counts"] == {"completed": 1}
    with opening.open_existing(place.db_path) as db, db.write("test"):
        os.kill(actor, signal.SIGCONT)
        time.sleep(1)  # it cannot ask whether it is still counted as alive
    os.kill(first.pid, signal.SIGCONT)
    assert finished(first)["code"] in (0, 3)
    assert sorted(place.lines().elements()) == ["a", "action"]


def cut_off_with_work(place, moment, number):
    """The same, when it has claimed more than it has started: at that moment, or a little later."""
    for later in range(0, 50, 10):
        found = cut_off(place, moment, number + later)
        if place.query("SELECT count(*) > 1 FROM v_jobs WHERE status = 'pending'") == [(1,)]:
            return found
        place.end()
        shutil.rmtree(place.db_path.parent)
        place.log.unlink()
        (place.directory / "stopped").unlink()
    return pytest.fail("it had started all that it had claimed, each time")


@pytest.mark.fault
@pytest.mark.parametrize(("moment", "number"), [("runner.spawned", 150), ("runner.claimed", 4)])
def test_a_runner_that_was_stopped_past_its_lease_starts_nothing_of_what_it_had_claimed(place, moment, number):
    """Others have run it since."""
    jobs(place, length="0", count=400)
    first, runner = cut_off_with_work(place, moment, number)
    assert place.run(2, "lease=1.5")["counts"] == {"completed": 400}
    before = place.lines()
    with opening.open_existing(place.db_path) as db, db.write("test"):
        os.kill(runner, signal.SIGCONT)
        time.sleep(1)  # it cannot ask whether it is still counted as alive
    os.kill(first.pid, signal.SIGCONT)
    assert finished(first)["code"] in (0, 3)
    assert [word for word in place.lines() - before if word.startswith("start-")] == []


def test_a_job_that_hides_dies_with_its_runner(place):
    """It has cleared its environment and left its session, so that only its parentage tells."""
    hidden = f"env -i setsid sleep 301 & sleep 0.2; echo started >> {place.log}; sleep 300"
    place.write({"name": "hides", "command": hidden}, {"name": "other", "command": "true"})
    run = place.start(1, "grace=0.1")
    wait_for(lambda: place.lines().total())
    wait_for(lambda: place.query("SELECT 1 FROM v_jobs WHERE status = 'running'"))
    (sleeping,) = processes_of("sleep 301")
    os.kill(runner_pids(place)[0], signal.SIGKILL)
    wait_for(lambda: place.query("SELECT 1 FROM v_attempts WHERE status = 'lost'"))
    assert sleeping not in processes_of("sleep 301"), "it was gone before its job was ready again"
    run.send_signal(signal.SIGTERM)
    run.communicate()
    wait_for(lambda: processes_of("sleep 301") == [])


def test_a_job_that_cleared_its_environment_is_found_by_the_next_run(place):
    """Everything above it was killed at once: nothing is left but the number of its process group on record."""
    place.write({"name": "bare", "command": f"echo started >> {place.log}; exec env -i sleep 302"})
    run = place.start(1)
    wait_for(lambda: place.lines().total())
    wait_for(lambda: place.query("SELECT 1 FROM v_jobs WHERE status = 'running'"))
    wait_for(lambda: processes_of("sleep 302"))
    everybody = [run.pid, *runner_pids(place), pid_of_coordinator(place)]
    for pid in everybody:
        os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: all(machine.is_halted(pid) for pid in everybody))  # so that nobody sees another die
    for pid in reversed(everybody):  # the supervisor last: at its end the kernel lets its group go on
        os.kill(pid, signal.SIGKILL)
    run.communicate()
    before = processes_of("sleep 302")
    assert len(before) == 1
    again = place.start(1, "grace=0.1")
    wait_for(lambda: place.lines()["started"] == 2)
    assert not set(before) & set(processes_of("sleep 302"))
    again.send_signal(signal.SIGTERM)
    again.communicate()


@pytest.mark.fault
def test_what_a_completed_job_left_behind_is_spared_when_another_runner_dies(place):
    """It may be a server that later jobs use; it ends with the run."""
    place.write(
        {"name": "server", "command": f"setsid sleep 303 & echo up >> {place.log}", "priority": 1},
        {"name": "j{i}", "command": "sleep 0.5", "parameters": {"i": "1:8"}},
    )
    run = place.start(2)
    wait_for(lambda: place.query("SELECT 1 FROM v_attempts WHERE job_name = 'server'") if place.lines() else None)
    ((keeper,),) = place.query("SELECT runner_id FROM v_attempts WHERE job_name = 'server'")
    ((victim,),) = place.query(f"SELECT pid FROM v_runners WHERE runner_id <> {keeper} AND ended_at IS NULL LIMIT 1")
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: place.query("SELECT 1 FROM v_runners WHERE end_reason = 'lost'"))
    assert len(processes_of("sleep 303")) == 1
    assert finished(run)["counts"] == {"completed": 9}
    wait_for(lambda: processes_of("sleep 303") == [])


def processes_of(words):
    """Pids of processes with this command line."""
    wanted = words.replace(" ", "\0").encode() + b"\0"
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                with open(f"/proc/{entry.name}/cmdline", "rb") as file:  # noqa: PTH123
                    if file.read() == wanted:
                        found.append(int(entry.name))
            except OSError:
                continue
    return found
