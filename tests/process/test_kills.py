"""One test for each row of the crash tables: what a SIGKILL leaves, and that the next one puts it right."""

import os
import signal

import pytest

from tests.process.running import finished
from tests.support.waiting import wait_for
from torc_local.ground import faults


def workflow(place, length):
    """20 jobs, a gate, 10 jobs; each leaves one line when it starts and one when it is done."""
    job = f"echo start-{{i}} >> {place.log}; sleep {length}; echo end-{{i}} >> {place.log}"
    place.write(
        {"name": "a{i}", "command": job, "parameters": {"i": "1:20"}},
        {"name": "b{i}", "command": job, "parameters": {"i": "21:30"}, "depends_on_regexes": ["^a"]},
    )


ONCE = ("runner.registered", "coordinator.leased", "coordinator.closed")  # each process is there once


@pytest.mark.parametrize("length", ["0", pytest.param("0.3", marks=pytest.mark.fault)])
@pytest.mark.parametrize("point", [p for p in faults.POINTS if p.startswith(("runner", "coordinator"))])
def test_a_worker_killed_at_a_moment_of_the_crash_table_costs_at_most_what_the_table_says(place, point, length):
    workflow(place, length)
    flag = place.directory / "died"
    done = place.run(4, TORC_LOCAL_FAULT=f"{point}:{1 if point in ONCE else 2}:KILL:{flag}")
    assert flag.exists(), "nobody reached the moment"
    assert done["code"] == 0, done["stderr"]
    assert done["counts"] == {"completed": 30}
    ends = {int(word[4:]): n for word, n in place.lines().items() if word.startswith("end-")}
    assert set(ends) == set(range(1, 31))
    repeated = [i for i, n in ends.items() if n > 1]
    if point not in ("runner.spawned", "runner.reaped", "runner.writing"):
        assert repeated == [], "nothing had started, or everything was on record"
    else:
        # One batch at most was in memory only: the jobs that had ended since the last transaction.
        assert len(repeated) <= 15


@pytest.mark.parametrize(
    "point",
    ["runner.spawned"]
    + [
        pytest.param(point, marks=pytest.mark.fault)
        for point in faults.POINTS
        if point.startswith("runner") and point != "runner.spawned"
    ],
)
def test_a_gpu_is_free_again_and_never_held_twice_after_a_runner_was_killed(place, point):
    held = f"{place.directory}/gpu-$CUDA_VISIBLE_DEVICES"
    # What a killed attempt leaves is its process, which is ended before another job gets its GPU.
    job = f"exec 9>{held}; flock -n 9 || echo twice >> {place.log}; sleep 0.02"
    place.write(
        {"name": "g{i}", "command": job, "parameters": {"i": "1:12"}, "resource_requirements": "gpu"},
        resource_requirements=[{"name": "gpu", "memory": "64m", "num_gpus": 1}],
    )
    flag = place.directory / "died"
    count = 1 if point in ONCE else 2
    done = place.run("-", "cpus=4", "gpus=2", "runners=2", TORC_LOCAL_FAULT=f"{point}:{count}:KILL:{flag}")
    assert flag.exists(), "nobody reached the moment"
    assert done["counts"] == {"completed": 12}, done["stderr"]
    assert place.lines() == {}
    assert place.query("SELECT * FROM held_gpu") == []


@pytest.mark.parametrize(
    "point",
    ["runner.settled"]
    + [
        pytest.param(point, marks=pytest.mark.fault)
        for point in faults.POINTS
        if point.startswith("runner") and point != "runner.settled"
    ],
)
def test_a_runner_killed_anywhere_around_a_recovery_script_costs_no_attempt(place, point):
    """Each of the jobs fails, has its script run, and completes: three claims of each, and a kill at any of them."""
    script = f"echo script-$TORC_JOB_NAME >> {place.log}"
    place.write(
        {"name": "r{i}", "command": f"echo try-{{i}} >> {place.log}; [ $TORC_ATTEMPT_ID = 2 ] || exit 7",
         "parameters": {"i": "1:4"}, "failure_handler": "h"},
        failure_handlers=[{"name": "h", "rules": [{"exit_codes": [7], "recovery_script": script, "max_retries": 2}]}],
    )  # fmt: skip
    flag = place.directory / "died"
    done = place.run(2, TORC_LOCAL_FAULT=f"{point}:{1 if point in ONCE else 2}:KILL:{flag}")
    assert flag.exists(), "nobody reached the moment"
    assert done["counts"] == {"completed": 4}, done["stderr"]
    kept = "SELECT job_name, return_code FROM v_attempts WHERE status <> 'lost' ORDER BY 1, attempt_id"
    assert place.query(kept) == [(f"r{i}", code) for i in range(1, 5) for code in (7, 0)]
    assert place.query("SELECT count(*) FROM recovery") == [(4,)]


@pytest.mark.parametrize(
    "point",
    ["actor.executed", *(pytest.param(f"actor.{at}", marks=pytest.mark.fault) for at in ("claimed", "recorded"))],
)
def test_an_actor_killed_at_a_moment_of_the_crash_table_is_replaced_and_each_action_recorded_once(place, point):
    place.write(
        {"name": "j", "command": place.append("job")},
        actions=[
            {"trigger_type": trigger, "action_type": "run_commands", "commands": [place.append(trigger)]}
            for trigger in ("on_workflow_start", "on_workflow_complete")
        ],
    )
    flag = place.directory / "died"
    done = place.run(1, TORC_LOCAL_FAULT=f"{point}:1:KILL:{flag}")
    assert flag.exists(), "nobody reached the moment"
    assert done["code"] == 0, done["stderr"]
    again = 2 if point == "actor.executed" else 1
    assert place.lines() == {"on_workflow_start": again, "job": 1, "on_workflow_complete": 1}
    assert place.query("SELECT count(*), max(return_code) FROM action_run WHERE ended_at IS NOT NULL") == [(2, 0)]


@pytest.mark.parametrize("length", ["0.01", pytest.param("1", marks=pytest.mark.fault)])
def test_when_the_supervisor_is_killed_everything_ends_and_the_next_run_goes_on(place, length):
    workflow(place, length)
    first = place.start(4)
    wait_for(lambda: place.lines().total() > 3)
    first.kill()
    first.communicate()
    wait_for(lambda: place.leftovers() == [])
    done = place.run(30)
    assert done["counts"] == {"completed": 30}
    assert {word for word in place.lines() if word.startswith("end-")} == {f"end-{i}" for i in range(1, 31)}


@pytest.mark.parametrize("length", ["0.01", pytest.param("0.2", marks=pytest.mark.fault)])
@pytest.mark.parametrize("point", [p for p in faults.POINTS if p.startswith("supervisor")])
def test_a_supervisor_killed_at_a_moment_of_the_crash_table_leaves_nothing_running(place, point, length):
    workflow(place, length)
    if point == "supervisor.buried":
        text = place.spec.read_text()
        once = f"mkdir {place.directory}/once 2>/dev/null && kill -KILL $PPID; echo start-{{i}} "
        place.spec.write_text(text.replace("echo start-{i} ", once))
    flag = place.directory / "died"
    first = place.start(4, TORC_LOCAL_FAULT=f"{point}:1:KILL:{flag}")
    first.communicate(timeout=30)
    assert first.returncode == -signal.SIGKILL
    wait_for(lambda: place.leftovers() == [])
    assert place.run(4)["counts"] == {"completed": 30}


@pytest.mark.parametrize("length", ["0.2", *(pytest.param(s, marks=pytest.mark.fault) for s in ("0.01", "2"))])
def test_everything_of_a_run_killed_at_once_is_put_right_by_the_next_run(place, length):
    workflow(place, length)
    first = place.start(4)
    wait_for(lambda: place.lines().total() > 6)
    tree = [first.pid, *_children(first.pid)]
    for pid in tree:
        os.kill(pid, signal.SIGKILL)
    first.communicate()
    assert place.run(8)["counts"] == {"completed": 30}


def test_what_a_job_left_in_another_session_ends_with_a_killed_runner(place):
    place.write(
        {"name": "escape", "command": f"setsid sleep 300 & echo start >> {place.log}; sleep 300", "priority": 1},
        {"name": "other", "command": "true"},
    )
    run = place.start(1)
    wait_for(lambda: place.query("SELECT 1 FROM v_jobs WHERE status = 'running'") if place.log.exists() else None)
    ((runner_pid, runner_id),) = place.query("SELECT pid, runner_id FROM v_runners WHERE ended_at IS NULL")
    before = set(place.leftovers())
    assert len(before) >= 2
    os.kill(runner_pid, signal.SIGKILL)
    wait_for(lambda: place.query(f"SELECT 1 FROM v_attempts WHERE status = 'lost' AND runner_id = {runner_id}"))
    assert not before & set(place.leftovers()), "nothing of the lost attempt is left when the job is ready again"
    run.send_signal(signal.SIGTERM)
    wait_for((place.db_path.parent / "stopping").exists)
    run.send_signal(signal.SIGTERM)
    wait_for(lambda: place.leftovers() == [])
    assert finished(run)["code"] in (143, 4)


def test_a_job_that_kills_its_runner_three_times_fails_and_the_others_complete(place):
    place.write(
        {"name": "poison", "command": "sleep 0.4; kill -KILL $PPID; sleep 5"},
        {"name": "n{i}", "command": "sleep 0.3", "parameters": {"i": "1:12"}},
    )
    done = place.run(3)
    assert done["code"] == 1
    assert done["counts"] == {"failed": 1, "completed": 12}
    assert place.query("SELECT count(*) FROM v_attempts WHERE job_name = 'poison' AND status = 'lost'") == [(3,)]


def _children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:  # noqa: PTH123
        return [int(word) for word in file.read().split()]
