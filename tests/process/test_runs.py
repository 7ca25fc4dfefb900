"""Whole runs with real processes: each job exactly once, in order, whatever the number of runners."""

import pytest

from tests.process.running import finished
from tests.support.waiting import wait_for


def numbers(count):
    return {str(i): 1 for i in range(1, count + 1)}


@pytest.mark.parametrize(
    ("turnstile", "count"),
    [("yes", 1000), *(pytest.param(use, 10_000, marks=pytest.mark.scale) for use in ("yes", "no"))],
)
def test_sixteen_runners_run_each_job_exactly_once(place, turnstile, count):
    place.write({"name": "j{i}", "command": place.append("{i}"), "parameters": {"i": f"1:{count}"}})
    done = place.run(16, f"turnstile={turnstile}")
    assert done["code"] == 0
    assert place.lines() == numbers(count)
    assert done["counts"] == {"completed": count}


@pytest.mark.fault
def test_two_runs_on_one_database_finish_one_workflow_together(place):
    place.write({"name": "j{i}", "command": place.append("{i}"), "parameters": {"i": "1:3000"}})
    first = place.start(4)
    wait_for(lambda: place.lines().total() > 50)
    second = place.start(4)
    assert finished(first)["code"] == finished(second)["code"] == 0
    assert place.lines() == numbers(3000)
    runs = place.query("SELECT count(*), min(jobs_run) FROM v_runners")
    assert runs[0][0] == 8
    assert runs[0][1] > 0, "every runner of both runs had a share"
    assert place.query("SELECT run_id FROM v_workflows") == [(1,)]


def test_no_job_starts_before_what_it_waits_for_has_ended(place):
    place.write(
        {"name": "a{i}", "command": place.append("a"), "parameters": {"i": "1:200"}},
        {"name": "gate", "command": place.append("gate"), "depends_on_regexes": ["^a"]},
        {"name": "b{i}", "command": place.append("b"), "parameters": {"i": "1:200"}, "depends_on": ["gate"]},
        {"name": "c{i}", "command": place.append("c"), "parameters": {"i": "1:50"}, "depends_on_regexes": ["^b"]},
    )
    assert place.run(8)["code"] == 0
    assert place.log.read_text().split() == ["a"] * 200 + ["gate"] + ["b"] * 200 + ["c"] * 50


def test_a_failure_cancels_what_waits_for_it_and_the_next_run_tries_both_again(place):
    place.write(
        {"name": "a", "command": f"test -e {place.directory}/ok"},
        {"name": "b", "command": place.append("b"), "depends_on": ["a"]},
        {"name": "c", "command": place.append("c")},
        {"name": "d", "command": place.append("d"), "depends_on": ["a"], "cancel_on_blocking_job_failure": False},
    )
    first = place.run(2)
    assert first["code"] == 1
    assert first["counts"] == {"failed": 1, "canceled": 1, "completed": 2}
    (place.directory / "ok").touch()
    second = place.run(2)
    assert second["code"] == 0
    assert place.lines() == {"b": 1, "c": 1, "d": 2}
    assert place.query("SELECT run_id, attempt_id, status FROM v_attempts WHERE job_name = 'a' ORDER BY run_id") == [
        (1, 1, "failed"),
        (2, 2, "completed"),
    ]
    third = place.run(2)
    assert third["code"] == 0
    assert place.lines() == {"b": 1, "c": 1, "d": 2}, "a finished workflow has nothing to do"


def test_failures_stay_when_they_shall_not_be_retried(place):
    place.write({"name": "a", "command": place.append("a", "exit 7")})
    assert place.run(1)["code"] == 1
    assert place.run(1, "retry=no")["code"] == 1
    assert place.lines() == {"a": 1}


def test_results_say_how_each_job_ended(place):
    place.write(
        {"name": "ok", "command": "true"},
        {"name": "three", "command": "exit 3"},
        {"name": "signal", "command": "kill -SEGV $$"},
        {"name": "missing", "command": "there-is-no-such-program"},
        {"name": "busy", "command": "for ((i = 0; i < 200000; i++)); do :; done"},
        {"name": "memory", "command": "python3 -c \"x = b'x' * 200_000_000\""},
    )
    assert place.run(1)["code"] == 1
    results = {row[0]: row[1:] for row in place.query("SELECT job_name, status, return_code, reason FROM v_results")}
    assert results["ok"] == ("completed", 0, None)
    assert results["three"] == ("failed", 3, "exit 3")
    assert results["signal"] == ("failed", -11, "killed by SIGSEGV")
    assert results["missing"] == ("failed", 127, "exit 127: command not found")
    usage = {row[0]: row[1:] for row in place.query("SELECT job_name, cpu_s, peak_memory_bytes FROM v_results")}
    assert usage["busy"][0] > 0.1
    assert 190e6 < usage["memory"][1] < 300e6


def test_many_slots_are_shared_evenly_among_fewer_runners(place):
    place.write({"name": "j{i}", "command": place.append("{i}", "sleep 0.2"), "parameters": {"i": "1:300"}})
    assert place.run(100, "runners=64")["code"] == 0
    assert place.lines() == numbers(300)
    assert place.query("SELECT count(*), sum(slots), max(slots) FROM v_runners") == [(64, 100, 2)]


def test_one_runner_with_several_slots_uses_them_all(place):
    place.write({"name": "j{i}", "command": place.append("{i}", "sleep 0.5"), "parameters": {"i": "1:8"}})
    assert place.run(8, "runners=1")["code"] == 0
    ((span,),) = place.query("SELECT max(ended_at) - min(started_at) FROM v_attempts")
    assert span < 2 * 0.5 + 0.5, "eight jobs of half a second side by side"


def test_long_jobs_are_not_hoarded(place):
    """32 jobs of 0.4 s on 8 runners, after some quick ones have taught the runners to take large batches."""
    place.write(
        {"name": "q{i}", "command": "true", "parameters": {"i": "1:600"}, "priority": 1},
        {"name": "s{i}", "command": "sleep 0.3", "parameters": {"i": "1:32"}},
    )
    assert place.run(8)["code"] == 0
    ((span,),) = place.query("SELECT max(ended_at) - min(started_at) FROM v_attempts WHERE job_name LIKE 's%'")
    assert span < 1.5 * 4 * 0.3


def test_what_was_claimed_behind_a_long_job_is_given_back_to_others(place):
    """A runner that has seen only quick jobs claims a long one together with those that follow it."""
    place.write(
        {"name": "q{i}", "command": "true", "parameters": {"i": "1:300"}, "priority": 2},
        {"name": "long", "command": "sleep 1.5", "priority": 1},
        {"name": "t{i}", "command": "true", "parameters": {"i": "1:80"}},
    )
    assert place.run(4)["code"] == 0
    ((behind,),) = place.query(
        "SELECT count(*) FROM v_attempts WHERE job_name LIKE 't%'"
        " AND started_at > (SELECT ended_at FROM v_attempts WHERE job_name = 'long')"
    )
    assert behind == 0


def test_without_j_the_budget_of_the_node_is_kept_and_what_does_not_fit_is_skipped(place):
    requirements = [
        {"name": "huge", "num_cpus": 40, "memory": "64m"},
        {"name": "big", "num_cpus": 4, "memory": "64m"},
        {"name": "small", "num_cpus": 1, "memory": "64m"},
    ]
    place.write(
        {"name": "huge", "command": place.append("huge"), "resource_requirements": "huge"},
        {"name": "b{i}", "command": "sleep 0.2", "parameters": {"i": "1:3"}, "resource_requirements": "big"},
        {"name": "s{i}", "command": "sleep 0.1", "parameters": {"i": "1:20"}, "resource_requirements": "small"},
        resource_requirements=requirements,
    )
    done = place.run("-", "cpus=6")
    assert done["code"] == 1
    assert done["counts"] == {"completed": 23, "ready": 1}
    assert "job_too_large  job 'huge' can never run here" in done["stderr"].splitlines()[1], "named at the start"
    assert done["explanations"] == ["job 'huge' can never run here: it needs 40 cpus (this node has 6)"]
    moments = []
    for name, start, end in place.query("SELECT job_name, started_at, ended_at FROM v_attempts"):
        cpus = 4 if name.startswith("b") else 1
        moments += [(start, cpus), (end, -cpus)]
    in_use = highest = 0
    for _, change in sorted(moments):
        in_use += change
        highest = max(highest, in_use)
    assert 4 < highest <= 6
    larger = place.run("-", "cpus=40")
    assert larger["code"] == 0
    assert place.lines() == {"huge": 1}


@pytest.mark.fault
def test_two_runs_without_j_share_one_budget(place):
    place.write(
        {"name": "s{i}", "command": "sleep 0.2", "parameters": {"i": "1:24"}, "resource_requirements": "one"},
        resource_requirements=[{"name": "one", "num_cpus": 1, "memory": "64m"}],
    )
    first = place.start("-", "cpus=4")
    wait_for(lambda: place.ask("SELECT 1 FROM v_runners"))
    second = place.start("-", "cpus=4")
    assert finished(first)["code"] == finished(second)["code"] == 0
    moments = [m for s, e in place.query("SELECT started_at, ended_at FROM v_attempts") for m in ((s, 1), (e, -1))]
    in_use = highest = 0
    for _, change in sorted(moments):
        in_use += change
        highest = max(highest, in_use)
    assert highest <= 4


def test_a_job_finds_its_names_in_its_environment(place):
    place.write(
        {"name": "who", "command": f"printenv TORC_JOB_NAME TORC_JOB_ID TORC_WORKFLOW_ID TORC_ATTEMPT_ID > {place.log}"}
    )
    assert place.run(1)["code"] == 0
    assert place.log.read_text().split() == ["who", "1", "1", "1"]


def test_jobs_start_with_the_signals_of_a_fresh_process(place):
    place.write({"name": "signals", "command": f"grep -E '^Sig(Blk|Ign)' /proc/self/status > {place.log}"})
    assert place.run(1)["code"] == 0
    masks = dict(line.split(":") for line in place.log.read_text().splitlines())
    assert int(masks["SigBlk"], 16) == 0
    kept_by_libc = 1 << 31 | 1 << 32  # 32 and 33, which nobody but the C library may touch
    assert int(masks["SigIgn"], 16) & ~kept_by_libc == 0


def test_a_command_of_a_megabyte_runs(place):
    place.write({"name": "long", "command": f"x='{'y' * 1_000_000}'; echo ${{#x}} > {place.log}"})
    assert place.run(1)["code"] == 0
    assert place.log.read_text() == "1000000\n"
    assert list((place.db_path.parent / "scripts").iterdir()) == []


def test_output_is_a_byte_range_that_survives_leftover_writers(place):
    place.write(
        {"name": "a", "command": "printf one; printf err >&2"},
        {"name": "b", "command": "(sleep 0.3; printf late) & printf two", "depends_on": ["a"]},
        {"name": "c", "command": "sleep 0.6; printf three", "depends_on": ["b"]},
    )
    assert place.run(1)["code"] == 0
    outputs = {}
    for name, segment, start, size in place.query(
        "SELECT job_name, segment, stdout_start, stdout_bytes FROM v_attempts"
    ):
        text = (place.db_path.parent / f"{segment}.out").read_bytes()
        outputs[name] = text[start : start + size]
    assert outputs == {"a": b"one", "b": b"two", "c": b"three"}
    (err,) = place.query("SELECT segment, stderr_start, stderr_bytes FROM v_attempts WHERE job_name = 'a'")
    assert (place.db_path.parent / f"{err[0]}.err").read_bytes()[err[1] : err[1] + err[2]] == b"err"


def test_an_empty_workflow_is_complete_at_once(place):
    place.write()
    assert place.run(4)["code"] == 0
