"""Failed jobs: tried again, recovered first, given up, or left for a person to decide."""

import os
import signal
import time

import pytest

from torc_local.process import orphans

pytestmark = pytest.mark.behaviour

#: A command that fails with code 3 until it has run three times.
THIRD_TIME = "echo x >> ran; [ $(wc -l < ran) -ge 3 ] || exit 3"


def handled(command, *rules, jobs=(), **more):
    """One job with a handler of these rules, and other jobs."""
    return {
        "name": "w",
        "failure_handlers": [{"name": "h", "rules": list(rules)}],
        "jobs": [{"name": "j", "command": command, "failure_handler": "h"}, *jobs],
        **more,
    }


def attempts(place, job="j"):
    """Return codes of all attempts at a job, in order."""
    found = sorted((one["attempt_id"], one["return_code"]) for one in place.results() if one["job_name"] == job)
    assert [number for number, _ in found] == list(range(1, len(found) + 1))
    return [code for _, code in found]


def test_a_job_is_tried_again_until_it_succeeds_and_every_attempt_is_on_record(place):
    place.write(handled(THIRD_TIME, {"exit_codes": [3]}, jobs=[{"name": "k", "command": "true", "depends_on": ["j"]}]))
    place.run()
    assert attempts(place) == [3, 3, 0]
    assert place.states() == {"j": "completed", "k": "completed"}


@pytest.mark.parametrize(("most", "codes"), [(None, [3] * 3), (0, [3]), (1, [3]), (2, [3, 3])])
def test_max_retries_counts_all_attempts(place, most, codes):
    place.write(handled("exit 3", {"exit_codes": [3], **({} if most is None else {"max_retries": most})}))
    place.run(code=1)
    assert attempts(place) == codes
    assert place.states() == {"j": "failed"}


def test_a_rule_for_the_code_wins_over_one_for_all_wherever_it_stands(place):
    place.write(
        handled("exit 3", {"match_all_exit_codes": True, "max_retries": 5}, {"exit_codes": [3], "max_retries": 2})
    )
    place.run(code=1)
    assert attempts(place) == [3, 3]


def test_the_budget_is_one_for_all_rules(place):
    place.write(
        handled(
            "exit $((2 + TORC_ATTEMPT_ID))",
            {"exit_codes": [3], "max_retries": 2},
            {"match_all_exit_codes": True, "max_retries": 3},
        )
    )
    place.run(code=1)
    assert attempts(place) == [3, 4, 5]


def test_a_code_that_no_rule_matches_is_final(place):
    place.write(handled("exit 4", {"exit_codes": [3]}))
    place.run(code=1)
    assert attempts(place) == [4]


def test_a_job_that_was_killed_matches_the_rule_of_its_signal(place):
    place.write(handled("kill -9 $$", {"exit_codes": [137], "max_retries": 2}))
    place.run(code=1)
    assert attempts(place) == [-9, -9]


def test_a_missing_output_is_a_failure_like_any_other(place):
    spec = handled("[ $TORC_ATTEMPT_ID = 1 ] || touch made", {"exit_codes": [1]})
    spec["files"] = [{"name": "made", "path": "made"}]
    spec["jobs"][0]["output_files"] = ["made"]
    place.write(spec)
    place.run()
    assert attempts(place) == [1, 0]


def test_a_recovery_script_runs_before_the_retry_and_knows_what_failed(place):
    script = 'echo "$TORC_JOB_NAME $TORC_ATTEMPT_ID $TORC_RETURN_CODE" >> log; touch mended'
    place.write(handled("echo try >> log; test -e mended || exit 7", {"exit_codes": [7], "recovery_script": script}))
    place.run()
    assert place.text("log") == "try\nj 1 7\ntry\n"
    assert attempts(place) == [7, 0]


def test_a_recovery_script_that_fails_fails_the_job(place):
    place.write(
        handled("echo try >> log; exit 7", {"exit_codes": [7], "recovery_script": "exit 5"},
                jobs=[{"name": "k", "command": "true", "depends_on": ["j"]}])
    )  # fmt: skip
    place.run(code=1)
    assert place.text("log") == "try\n"
    assert place.states() == {"j": "failed", "k": "canceled"}
    (one,) = [one for one in place.results() if one["job_name"] == "j"]
    assert one["return_code"] == 7
    assert "its recovery script failed: exit 5" in one["reason"]


def test_eight_idle_runners_wait_for_a_slow_recovery_script(place):
    """Torc 0.12 puts the job back first, so that another runner starts it while the script still runs."""
    script = "sleep 2; touch mended"
    place.write(handled("echo try >> log; test -e mended || exit 7", {"exit_codes": [7], "recovery_script": script}))
    place.run("--runners", "8", "-j", "8")
    assert place.text("log") == "try\ntry\n"
    assert attempts(place) == [7, 0]


def test_other_jobs_go_on_while_a_recovery_script_runs(place):
    script = "touch waiting; while ! test -e other; do sleep 0.02; done"
    spec = handled("test -e waiting || exit 7", {"exit_codes": [7], "recovery_script": script})
    other = "while ! test -e waiting; do sleep 0.02; done; touch other"
    spec["jobs"].append({"name": "other", "command": other})
    place.write(spec)
    place.run("--runners", "1", "-j", "2")
    assert place.states() == {"j": "completed", "other": "completed"}


def test_after_everything_was_killed_the_script_runs_again_and_then_the_job(place):
    script = "echo script >> log; test -e again || { touch begun; sleep 60; }"
    place.write(
        handled("echo try >> log; [ $TORC_ATTEMPT_ID = 2 ] || exit 7", {"exit_codes": [7], "recovery_script": script})
    )
    process = place.start("run", "w.yaml", "-j", "2", "--progress", "none")
    place.wait_for("begun")
    everybody = [process.pid, *orphans.below(process.pid)]
    for pid in everybody:
        os.kill(pid, signal.SIGSTOP)
    for pid in reversed(everybody):  # the run itself last: at its end the kernel lets its group go on
        os.kill(pid, signal.SIGKILL)
    process.communicate()
    (place.root / "again").touch()
    place.run()
    assert place.text("log") == "try\nscript\nscript\ntry\n"
    assert attempts(place) == [7, 0]


def test_a_stop_while_a_recovery_script_runs_loses_nothing(place):
    script = "test -e again || { touch begun; sleep 60; }"
    place.write(
        handled("echo try >> log; [ $TORC_ATTEMPT_ID = 2 ] || exit 7", {"exit_codes": [7], "recovery_script": script})
    )
    process = place.start("run", "w.yaml", "-j", "2", "--progress", "none", "--grace", "0")
    place.wait_for("begun")
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 143
    (place.root / "again").touch()
    place.run()
    assert place.text("log") == "try\ntry\n"
    assert attempts(place) == [7, 0]


def test_a_cancel_while_a_recovery_script_runs_cancels_the_job(place):
    place.write(handled("exit 7", {"exit_codes": [7], "recovery_script": "touch begun; sleep 60"}))
    process = place.start("run", "w.yaml", "-j", "2", "--progress", "none", "--grace", "0")
    place.wait_for("begun")
    assert place.call("cancel", "1").code == 0
    process.communicate(timeout=30)
    assert place.states() == {"j": "canceled"}


def test_a_new_run_has_a_budget_of_its_own(place):
    place.write(handled("exit 3", {"exit_codes": [3], "max_retries": 2}))
    place.run(code=1)
    place.run(code=1)
    assert attempts(place) == [3, 3, 3, 3]


def test_a_failure_without_a_rule_is_left_in_doubt(place):
    spec = handled("exit 4", {"exit_codes": [3]}, use_pending_failed=True)
    spec["jobs"] += [
        {"name": "plain", "command": "exit 5"},
        {"name": "tried", "command": "exit 3", "failure_handler": "h"},
        {"name": "waits", "command": "touch ran", "depends_on": ["j"]},
        {"name": "all_the_same", "command": "touch ran", "depends_on": ["j"], "cancel_on_blocking_job_failure": False},
    ]
    place.write(spec)
    answer = place.run(code=1)
    assert place.states() == {
        "j": "pending_failed", "plain": "pending_failed", "tried": "failed", "waits": "blocked",
        "all_the_same": "blocked",
    }  # fmt: skip
    assert not (place.root / "ran").exists()
    assert answer.code == 1
    assert place.call("doctor").code == 0


def test_the_next_run_tries_again_what_was_left_in_doubt(place):
    spec = handled("test -e mended || exit 4", {"exit_codes": [3]}, use_pending_failed=True)
    spec["jobs"].append({"name": "waits", "command": "true", "depends_on": ["j"]})
    place.write(spec)
    place.run(code=1)
    assert place.states() == {"j": "pending_failed", "waits": "blocked"}
    (place.root / "mended").touch()
    place.run()
    assert place.states() == {"j": "completed", "waits": "completed"}
    assert attempts(place) == [4, 0]


def test_a_retry_is_an_event(place):
    place.write(handled(THIRD_TIME, {"exit_codes": [3]}))
    place.run()
    assert place.events("job_retried") == ["exit 3; attempt 2 of 3 follows", "exit 3; attempt 3 of 3 follows"]


def test_a_job_waiting_to_be_tried_again_holds_nobody_up(place):
    """What fails and is tried again goes to the back of nothing: it is simply ready."""
    began = time.monotonic()
    place.write(handled("exit 3", {"exit_codes": [3], "max_retries": 30}))
    place.run(code=1)
    assert attempts(place) == [3] * 30
    assert time.monotonic() - began < 30
