"""Actions: commands around a workflow, its jobs and its workers, each executed once."""

import os
import signal
from pathlib import Path

import pytest

from torc_local.process import orphans

pytestmark = pytest.mark.behaviour

#: The output directory is where commands of actions run; jobs run one above it.
LOG = "../log"


def does(trigger, *commands, **more):
    """An action that runs commands."""
    return {"trigger_type": trigger, "action_type": "run_commands", "commands": list(commands), **more}


def says(trigger, word, **more):
    """An action that writes a word into the log."""
    return does(trigger, f"echo {word} >> {LOG}", **more)


def without(program, root):
    """The path on which programs are found, with all of them but one."""
    (root / "bin").mkdir()
    for directory in os.environ["PATH"].split(":"):
        for path in Path(directory).glob("*"):
            if path.name != program and not (root / "bin" / path.name).is_symlink():
                (root / "bin" / path.name).symlink_to(path)
    return str(root / "bin")


def workflow(*actions, jobs=None, **more):
    """Jobs with actions; without any, three that a fourth one waits for. Each writes its name into the log."""
    if jobs is None:
        jobs = [
            {"name": "part_{i}", "command": "echo part_{i} >> log", "parameters": {"i": "1:3"}},
            {"name": "whole", "command": "echo whole >> log", "depends_on_regexes": ["^part_"]},
        ]
    return {"name": "w", "jobs": jobs, "actions": list(actions), **more}


def log(place):
    """The words in the log."""
    return place.text("log").split()


def listed(place):
    """The actions as ``actions list`` shows them."""
    return place.call("actions", "list", "-f", "json").json["items"]


def kill_all(process):
    """Kill a run with everything below it, at one moment."""
    everybody = [process.pid, *orphans.below(process.pid)]
    for pid in everybody:
        os.kill(pid, signal.SIGSTOP)
    for pid in reversed(everybody):  # the run itself last: at its end the kernel lets its group go on
        os.kill(pid, signal.SIGKILL)
    process.communicate()


def test_every_trigger_fires_once_and_in_its_place(place):
    place.write(
        workflow(
            says("on_worker_complete", "worker_complete"),
            says("on_workflow_complete", "complete"),
            says("on_jobs_complete", "parts_complete", job_name_regexes=["^part_"]),
            says("on_jobs_ready", "whole_ready", jobs=["whole"]),
            says("on_worker_start", "worker_start"),
            does("on_workflow_start", "sleep 0.2", f"echo start >> {LOG}"),
        )
    )
    place.run()
    words = log(place)
    assert sorted(words) == sorted(
        ["start", "worker_start", "part_1", "part_2", "part_3", "whole", "whole_ready", "parts_complete", "complete",
         "worker_complete"]
    )  # fmt: skip
    assert words[:2] == ["start", "worker_start"]
    assert words[-2:] == ["complete", "worker_complete"]
    assert all(words.index(part) < words.index(after) for part in ("part_1", "part_2", "part_3")
               for after in ("parts_complete", "whole_ready"))  # fmt: skip
    assert {one["state"] for one in listed(place)} == {"executed"}
    assert place.call("doctor").code == 0


def test_two_runs_and_one_regex_action(place):
    jobs = [{"name": "part_{i}", "command": "sleep 0.05", "parameters": {"i": "1:40"}}]
    over = says("on_jobs_complete", "done", job_name_regexes=["^part_[0-9]+$"])
    place.write(workflow(over, says("on_workflow_start", "start"), says("on_workflow_complete", "complete"), jobs=jobs))
    runs = [place.start("run", "w.yaml", "-j", "2", "--progress", "none") for _ in range(2)]
    for one in runs:
        _, err = one.communicate(timeout=60)
        assert one.returncode == 0, err
    assert log(place) == ["start", "done", "complete"]
    assert len({one["executed_at"] for one in listed(place)}) == 3


def test_an_action_over_jobs_waits_for_all_of_them_whatever_becomes_of_them(place):
    """Torc 0.12 never counts jobs that were canceled because of a failure, and the action never runs."""
    jobs = [
        {"name": "bad", "command": "exit 3"},
        {"name": "below", "command": "true", "depends_on": ["bad"]},
        {"name": "left", "command": "true", "depends_on": ["below"]},
        {"name": "right", "command": "true", "depends_on": ["below"]},
        {"name": "tip", "command": "true", "depends_on": ["left", "right"]},
    ]
    place.write(workflow(says("on_jobs_complete", "all_over", job_name_regexes=["."]),
                         says("on_jobs_ready", "tip_there", jobs=["tip"]), jobs=jobs))  # fmt: skip
    place.run(code=1)
    assert place.states() == {"bad": "failed", "below": "canceled", "left": "canceled", "right": "canceled",
                              "tip": "canceled"}  # fmt: skip
    assert sorted(log(place)) == ["all_over", "tip_there"]


def test_the_workflow_is_complete_after_the_last_cancel_and_before_run_returns(place):
    jobs = [{"name": "bad", "command": "exit 3"}] + [
        {"name": f"n{i}", "command": "true", "depends_on": ["bad" if i == 0 else f"n{i - 1}"]} for i in range(30)
    ]
    place.write(workflow(does("on_workflow_complete", f"torc-local status -f json > {LOG}"), jobs=jobs))
    place.run(code=1)
    assert '"canceled": 30' in place.text("log")
    assert '"ended_at": null' in place.text("log"), "the run is closed after its actions"
    assert place.call("status", "-f", "json").json["ended_at"] is not None


def test_an_action_that_fails_is_reported_and_changes_nothing(place):
    place.write(workflow(does("on_workflow_start", "echo said", "echo wrong >&2; exit 7", f"echo never >> {LOG}")))
    answer = place.call("run", "w.yaml", "-j", "4", "--progress", "lines")
    assert answer.code == 0
    assert "action 1 (on_workflow_start) failed: command 2 of 3: exit 7" in answer.err
    assert set(place.states().values()) == {"completed"}
    assert "never" not in log(place)
    (one,) = listed(place)
    assert (one["state"], one["return_code"], one["executed"]) == ("failed", 7, True)
    assert "actions  1 of 1 executed, 1 of these failed" in place.call("status").out
    assert "actions list 1" in place.call("status").out
    assert (place.root / one["log"]).read_text() == "said\nwrong\n"
    assert len(place.events("action_failed")) == 1


def test_commands_run_in_the_output_directory_with_the_variables_of_the_workflow(place):
    names = "TORC_WORKFLOW_ID TORC_RUN_ID TORC_OUTPUT_DIR TORC_LOCAL_DB TORC_WORKFLOW_SUBMISSION_DIR MINE TORC_JOB_ID"
    place.write(workflow(does("on_workflow_start", "pwd", f'for n in {names}; do echo "$n=${{!n}}"; done'),
                         env={"MINE": "my own"}))  # fmt: skip
    # Called inside a job of some other workflow.
    place.run(env={**os.environ, "TORC_JOB_ID": "77"})
    (one,) = listed(place)
    root = place.root.resolve()
    assert (place.root / one["log"]).read_text().splitlines() == [
        str(root / "torc_output"), "TORC_WORKFLOW_ID=1", "TORC_RUN_ID=1", f"TORC_OUTPUT_DIR={root / 'torc_output'}",
        f"TORC_LOCAL_DB={root / 'torc_output' / 'torc.db'}", f"TORC_WORKFLOW_SUBMISSION_DIR={root}", "MINE=my own",
        "TORC_JOB_ID=",
    ]  # fmt: skip


def test_an_action_whose_actor_is_killed_is_executed_again_from_its_first_command(place):
    commands = [f"echo first >> {LOG}", "test -e ../again || { touch ../again; kill -9 $PPID; sleep 60; }",
                f"echo last >> {LOG}"]  # fmt: skip
    place.write(workflow(does("on_jobs_complete", *commands, jobs=["whole"])))
    place.run()
    assert log(place)[-3:] == ["first", "first", "last"]
    (one,) = listed(place)
    assert one["state"] == "executed"
    assert len(place.events("runner_lost")) == 1


def test_an_action_that_kills_three_actors_has_failed_and_the_jobs_run(place):
    place.write(workflow(does("on_workflow_start", f"echo try >> {LOG}", "kill -9 $PPID; sleep 60")))
    place.run()
    assert log(place)[:3] == ["try"] * 3
    assert set(place.states().values()) == {"completed"}
    (one,) = listed(place)
    assert (one["state"], one["return_code"]) == ("failed", -128)


def test_after_everything_was_killed_the_next_run_executes_the_action_again(place):
    place.write(workflow(does("on_workflow_complete", f"echo first >> {LOG}",
                              "test -e ../again || { touch ../begun; sleep 60; }", f"echo last >> {LOG}")))  # fmt: skip
    process = place.start("run", "w.yaml", "-j", "2", "--progress", "none")
    place.wait_for("begun")
    kill_all(process)
    (place.root / "again").touch()
    place.run()
    assert log(place)[-3:] == ["first", "first", "last"]
    assert len(place.results()) == 4, "jobs do not run again for it"
    assert place.call("doctor").code == 0


def test_when_only_the_supervisor_is_killed_its_action_is_left_to_the_next_run(place):
    place.write(workflow(does("on_workflow_start", "test -e ../again || { echo $$ > ../begun; sleep 60; }")))
    process = place.start("run", "w.yaml", "-j", "2", "--progress", "none")
    place.wait_for("begun", filled=True)
    process.kill()
    process.communicate()
    place.wait_until(lambda: [one["state"] for one in listed(place)] == ["interrupted"])
    (place.root / "again").touch()
    place.run()
    assert [one["state"] for one in listed(place)] == ["executed"]


def test_another_run_takes_over_the_action_of_one_that_was_killed(place):
    place.write(workflow(does("on_workflow_complete", "test -e ../again || { touch ../again ../begun; sleep 60; }",
                              f"echo complete >> {LOG}")))  # fmt: skip
    first = place.start("run", "w.yaml", "-j", "2", "--progress", "none")
    place.wait_for("begun")
    second = place.start("run", "w.yaml", "-j", "2", "--progress", "none")
    place.wait_until(lambda: place.rows("SELECT count(*) FROM runner WHERE acts AND ended_at IS NULL") == [(2,)])
    kill_all(first)
    _, err = second.communicate(timeout=60)
    assert second.returncode == 0, err
    assert log(place)[-1:] == ["complete"]


def test_a_stop_while_an_action_runs_leaves_it_to_the_next_run(place):
    place.write(workflow(does("on_workflow_complete", "test -e ../again || { touch ../begun; sleep 60; }",
                              f"echo complete >> {LOG}")))  # fmt: skip
    process = place.start("run", "w.yaml", "-j", "2", "--progress", "none", "--grace", "0")
    place.wait_for("begun")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert [one["state"] for one in listed(place)] == ["interrupted"]
    assert place.call("status").out.rstrip().endswith("run 1"), "all jobs have completed, and something is left"
    (place.root / "again").touch()
    place.run()
    assert log(place).count("complete") == 1
    assert [one["state"] for one in listed(place)] == ["executed"]


def test_a_stop_lets_the_command_at_work_end_within_the_grace(place):
    place.write(workflow(does("on_workflow_start", "touch ../begun; sleep 0.5")))
    process = place.start("run", "w.yaml", "-j", "2", "--progress", "none", "--grace", "30")
    place.wait_for("begun")
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 143
    assert [one["state"] for one in listed(place)] == ["executed"]
    assert set(place.states().values()) == {"ready", "blocked"}


def test_a_cancel_ends_the_action_at_work(place):
    place.write(workflow(does("on_workflow_start", "touch ../begun; sleep 60"), says("on_workflow_complete", "never")))
    process = place.start("run", "w.yaml", "-j", "2", "--progress", "none")
    place.wait_for("begun")
    assert place.call("cancel", "1").code == 0
    process.communicate(timeout=30)
    assert process.returncode == 3
    assert log(place) == []
    assert [one["state"] for one in listed(place)] == ["interrupted", "waiting"]


def test_persistent_worker_actions_are_for_each_worker_and_others_for_the_first(place):
    place.write(workflow(
        says("on_worker_start", "each", persistent=True), says("on_worker_start", "first"),
        says("on_worker_complete", "each_end", persistent=True), says("on_worker_complete", "first_end"),
        jobs=[{"name": "slow", "command": "while ! test -e go; do sleep 0.05; done"}],
    ))  # fmt: skip
    runs = [place.start("run", "w.yaml", "-j", "4", "--progress", "none")]
    place.wait_until(lambda: place.states().get("slow") in ("pending", "running") if place.exists() else False)
    runs.append(place.start("run", "w.yaml", "-j", "4", "--progress", "none"))
    place.wait_until(lambda: log(place).count("each") == 2)
    (place.root / "go").touch()
    for one in runs:
        one.communicate(timeout=60)
        assert one.returncode == 0
    assert sorted(log(place)) == ["each", "each", "each_end", "each_end", "first", "first_end"]


def test_other_jobs_go_on_while_an_action_runs(place):
    jobs = [
        {"name": "a", "command": "true"},
        {"name": "b", "command": "while ! test -e waiting; do sleep 0.02; done; touch ended"},
    ]
    action = does("on_jobs_complete", "touch ../waiting; while ! test -e ../ended; do sleep 0.02; done", jobs=["a"])
    place.write(workflow(action, jobs=jobs))
    place.run("-j", "1", "--runners", "1")
    assert [one["state"] for one in listed(place)] == ["executed"]


def test_actions_run_again_in_the_next_run(place):
    jobs = [{"name": "a", "command": "true"}, {"name": "b", "command": "test -e mended"}]
    place.write(workflow(says("on_workflow_start", "start"), says("on_jobs_complete", "a_complete", jobs=["a"]),
                         says("on_workflow_complete", "complete"), jobs=jobs))  # fmt: skip
    place.run(code=1)
    assert sorted(log(place)) == ["a_complete", "complete", "start"]
    (place.root / "mended").touch()
    place.run()
    assert sorted(log(place)) == sorted(["a_complete", "complete", "start"] * 2)
    place.run()
    assert len(log(place)) == 6, "nothing to do is no run"


def test_actions_run_again_after_a_reset(place):
    place.write(workflow(says("on_workflow_start", "start"), says("on_jobs_complete", "parts", jobs=["part_1"])))
    place.run()
    assert place.call("reset", "whole").code == 0
    assert [one["state"] for one in listed(place)] == ["waiting", "waiting"]
    place.run()
    assert sorted(log(place)) == sorted(["part_1", "part_2", "part_3", *["start", "parts", "whole"] * 2])


def test_a_workflow_with_a_job_in_doubt_is_not_complete(place):
    jobs = [{"name": "bad", "command": "exit 3"}, {"name": "good", "command": "true"}]
    both = ["bad", "good"]
    actions = [
        says("on_workflow_complete", "complete"), says("on_jobs_complete", "all", jobs=both),
        says("on_jobs_ready", "ready", jobs=both),
    ]  # fmt: skip
    place.write(workflow(*actions, jobs=jobs, use_pending_failed=True))
    place.run(code=1)
    assert log(place) == ["ready"]


def test_an_empty_workflow_starts_and_completes(place):
    place.write(workflow(says("on_workflow_start", "start"), says("on_workflow_complete", "complete"), jobs=[]))
    place.run()
    assert log(place) == ["start", "complete"]


def test_nodes_that_are_asked_for_where_there_is_no_slurm_are_noted(place):
    action = {"trigger_type": "on_workflow_start", "action_type": "schedule_nodes", "scheduler": "small",
              "scheduler_type": "slurm", "num_allocations": 2}  # fmt: skip
    place.write(workflow(action, slurm_schedulers=[{"name": "small", "account": "a"}]))
    answer = place.call(
        "run", "w.yaml", "-j", "4", "--progress", "lines", env={**os.environ, "PATH": without("sbatch", place.root)}
    )
    assert answer.code == 0
    (one,) = listed(place)
    assert (one["state"], one["action_config"]["num_allocations"]) == ("executed", 2)
    assert place.events("action_noted") == [
        "action 1 (on_workflow_start) asks for nodes of scheduler 'small': none were scheduled"
    ]


def test_what_the_start_leaves_running_is_there_for_the_jobs_also_after_a_runner_has_died(place):
    jobs = [
        {"name": "killer", "command": "test -e killed || { touch killed; kill -9 $PPID; sleep 60; }"},
        {"name": "user", "command": 'kill -0 "$(cat server)"', "depends_on": ["killer"]},
    ]
    start = does("on_workflow_start", "setsid sleep 300 > /dev/null 2>&1 & echo $! > ../server")
    place.write(workflow(start, jobs=jobs))
    place.run()
    assert len(place.events("runner_lost")) == 1
    server = int(place.text("server"))
    place.wait_until(lambda: server not in orphans.below(1), 5)


def test_at_the_end_of_the_time_limit_an_action_is_left_to_the_next_run(place):
    place.write(workflow(does("on_workflow_complete", "test -e ../again || { touch ../begun; sleep 60; }")))
    answer = place.call("run", "w.yaml", "-j", "4", "--progress", "none", "--time-limit", "4s")
    assert answer.code == 3, answer.err
    assert (place.root / "begun").exists()
    assert [one["state"] for one in listed(place)] == ["interrupted"]
    (place.root / "again").touch()
    place.run()
    assert [one["state"] for one in listed(place)] == ["executed"]


def test_a_deleted_workflow_takes_the_output_of_its_actions_along(place):
    place.write(workflow(does("on_workflow_start", "echo said")))
    place.run()
    (log_file,) = (place.root / "torc_output" / "actions").iterdir()
    assert log_file.read_text() == "said\n"
    assert place.call("delete", "1", "--yes").code == 0
    assert not log_file.exists()
    assert place.rows("SELECT count(*) FROM action_run") == [(0,)]


def test_actions_are_listed_with_how_far_they_are(place):
    place.write(workflow(says("on_jobs_complete", "x", job_name_regexes=["^part_"], jobs=["whole"])))
    place.call("create", "w.yaml")
    (one,) = listed(place)
    assert (one["state"], one["trigger_count"], one["required_triggers"]) == ("waiting", 0, 4)
    place.run()
    (one,) = listed(place)
    assert (one["state"], one["trigger_count"], one["required_triggers"]) == ("executed", 4, 4)
    assert "on_jobs_complete" in place.call("actions", "list").out


def test_invalid_actions_are_errors_before_anything_is_stored(place):
    place.write(workflow(says("on_job_complete", "x", jobs=["whole"]), says("on_jobs_complete", "x"),
                         says("on_jobs_ready", "x", job_name_regexes=["^nothing"])))  # fmt: skip
    answer = place.run(code=2)
    assert "did you mean 'on_jobs_complete'?" in answer.err
    assert "needs jobs" in answer.err
    assert "matches no job" in answer.err
    assert not place.exists()
