"""What jobs ask for: the order in which they are claimed, packing into a node, and GPUs of their own."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from torc_local.process import orphans

pytestmark = pytest.mark.behaviour

Jobs = dict[str, tuple[str, str | None, dict[str, Any]]]

CUDA, HIP, ROCR = "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"


def workflow(jobs, needs=None, **more):
    """Jobs by name: (command, requirements or None, further keys); requirements by name, 64m unless they say more."""
    return {
        "name": "w",
        "resource_requirements": [{"name": name, "memory": "64m", **keys} for name, keys in (needs or {}).items()],
        "jobs": [
            {"name": name, "command": command, **({"resource_requirements": asked} if asked else {}), **keys}
            for name, (command, asked, keys) in jobs.items()
        ],
        **more,
    }


def run(place, *words, code=0, **options):
    """Run the workflow file by resources."""
    answer = place.call("run", "w.yaml", "--progress", "none", *words, **options)
    assert answer.code == code, answer.err
    return answer


def order(place):
    return place.text("order").split()


def env(**variables):
    return {**os.environ, **variables}


SORTED = {
    "small": {"memory": "20m", "runtime": "1m"},
    "roomy": {"memory": "100m", "runtime": "2m"},
    "long": {"memory": "50m", "runtime": "1h"},
    "gpu": {"memory": "30m", "runtime": "2m", "num_gpus": 1},
}


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("gpus_runtime_memory", "gpu long roomy small"),
        ("gpus_memory_runtime", "gpu roomy long small"),
        ("none", "small roomy long gpu"),
        (None, "gpu long roomy small"),
    ],
)
def test_the_sort_method_says_what_comes_first(place, method, expected):
    jobs: Jobs = {name: (f"echo {name} >> order", name, {}) for name in SORTED}
    place.write(workflow(jobs, SORTED, **({"jobs_sort_method": method} if method else {})))
    run(place, "--cpus", "1", "--memory", "1g", "--gpus", "1")
    assert order(place) == expected.split()


def test_a_higher_priority_comes_before_the_sort_method(place):
    jobs = {
        "gpu": ("echo gpu >> order", "gpu", {}),
        "low": ("echo low >> order", None, {"priority": 1}),
        "high": ("echo high >> order", None, {"priority": 9}),
    }
    place.write(workflow(jobs, SORTED))
    run(place, "--cpus", "1", "--gpus", "1")
    assert order(place) == ["high", "low", "gpu"]


def test_what_does_not_fit_is_skipped_and_runs_later(place):
    """wide needs both processors, of which one is taken until narrow has run beside it."""
    needs = {"two": {"num_cpus": 2, "runtime": "1h"}, "one": {"num_cpus": 1}}
    jobs = {
        "first": ("while ! test -e narrow; do sleep 0.02; done; echo first >> order", "one", {"priority": 3}),
        "wide": ("echo wide >> order", "two", {"priority": 2}),
        "narrow": ("echo narrow >> order; touch narrow", "one", {"priority": 1}),
    }
    place.write(workflow(jobs, needs))
    run(place, "--cpus", "2", "--memory", "1g")
    assert order(place) == ["narrow", "first", "wide"]


#: Notes when it begins and ends; with a number of jobs at once that was seen.
COUNTED = "mkdir -p now; touch now/$TORC_JOB_ID; ls now | wc -l >> seen; sleep 0.05; rm now/$TORC_JOB_ID"


def most_at_once(place):
    return max(map(int, place.text("seen").split()))


@pytest.mark.parametrize(
    ("words", "needs", "most"),
    [
        (["--cpus", "6", "--memory", "1g"], {"num_cpus": 3}, 2),
        (["--cpus", "8", "--memory", "300m"], {"memory": "100m"}, 3),
        (["--num-cpus", "8", "--memory-gb", "0.5", "--num-gpus", "2"], {"num_gpus": 1}, 2),
        (["-j", "8", "--memory", "300m"], {"num_cpus": 100, "memory": "150m", "num_nodes": 4}, 2),
        (["--max-parallel-jobs", "2", "--memory", "1g"], {"memory": "64m"}, 2),
        (["-j", "3"], {"num_cpus": 100, "memory": "900g", "num_gpus": 5, "num_nodes": 4}, 3),
    ],
)
def test_no_more_run_at_once_than_the_budget_allows(place, words, needs, most):
    place.write(workflow({f"j{i}": (COUNTED, "r", {}) for i in range(12)}, {"r": needs}))
    run(place, "--poll-interval", "0.1", *words)
    assert most_at_once(place) <= most
    assert set(place.states().values()) == {"completed"}


@pytest.mark.parametrize(
    ("needs", "why"),
    [
        ({"num_cpus": 99}, "99 cpus (this node has 2)"),
        ({"memory": "3g"}, "3 GiB of memory (this node has 1 GiB)"),
        ({"num_gpus": 2}, "2 gpus (this node has 1)"),
        ({"num_nodes": 2}, "2 nodes (this node has 1)"),
    ],
)
def test_a_job_larger_than_the_node_is_named_and_ends_the_run(place, needs, why):
    jobs = {
        "big": ("touch ran", "r", {}),
        "after": ("touch ran", None, {"depends_on": ["big"]}),
        "small": ("echo small >> order", None, {}),
    }
    place.write(workflow(jobs, {"r": needs}))
    began = time.monotonic()
    answer = place.call("run", "w.yaml", "--progress", "lines", "--cpus", "2", "--memory", "1g", "--gpus", "1")
    assert answer.code == 1
    assert time.monotonic() - began < 30
    assert f"job 'big' can never run here: it needs {why}" in answer.err
    assert order(place) == ["small"]
    assert not (place.root / "ran").exists()


HOLD = (
    'for g in ${CUDA_VISIBLE_DEVICES//,/ }; do mkdir "held-${g//\\//_}" || echo "$g twice" >> wrong; done; '
    'echo "$CUDA_VISIBLE_DEVICES" >> used; sleep 0.1; '
    'for g in ${CUDA_VISIBLE_DEVICES//,/ }; do rmdir "held-${g//\\//_}"; done'
)


def test_a_gpu_is_held_by_one_job_at_a_time_and_all_are_used(place):
    place.write(workflow({f"j{i}": (HOLD, "gpu", {}) for i in range(16)}, {"gpu": {"num_gpus": 1}}))
    run(place, "--cpus", "8", "--gpus", "0,2,5,7")
    assert place.text("wrong") == ""
    used = place.text("used").split()
    assert len(used) == 16
    assert set(used) == {"0", "2", "5", "7"}


def test_a_job_gets_as_many_gpus_as_it_asks_for(place):
    jobs: Jobs = {f"j{i}": (HOLD, "two" if i % 2 else "one", {}) for i in range(10)}
    place.write(workflow(jobs, {"one": {"num_gpus": 1}, "two": {"num_gpus": 2}}))
    run(place, "--cpus", "4", "--runners", "2", "--gpus", "3")
    assert place.text("wrong") == ""
    assert sorted(len(line.split(",")) for line in place.text("used").split()) == [1] * 5 + [2] * 5


def test_two_runs_on_one_node_share_its_gpus(place):
    place.write(workflow({f"j{i:02}": (HOLD, "gpu", {}) for i in range(24)}, {"gpu": {"num_gpus": 1}}))
    words = ("run", "w.yaml", "--progress", "none", "--cpus", "4", "--gpus", "0,1,2")
    assert place.call("create", "w.yaml").code == 0
    both = [place.start(*words) for _ in range(2)]
    for process in both:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    assert place.text("wrong") == ""
    assert len(place.text("used").split()) == 24


def test_gpus_of_a_runner_that_was_killed_are_given_to_others(place):
    command = "test -e died && exit 0; echo $CUDA_VISIBLE_DEVICES > first; touch died; kill -9 $PPID; sleep 60"
    jobs = {"j": (command, "gpu", {}), "k": (HOLD, "gpu", {"depends_on": ["j"]})}
    place.write(workflow(jobs, {"gpu": {"num_gpus": 1}}))
    run(place, "--cpus", "1", "--gpus", "4,")
    assert place.text("first") == "4\n"
    assert place.text("used") == "4\n"
    assert place.call("doctor", "-f", "json").code == 0


NAMES = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6,MIG-GPU-5c89852c/1/0"


def test_a_list_of_uuids_and_mig_slices_is_respected(place):
    place.write(workflow({f"j{i}": (HOLD, "gpu", {}) for i in range(6)}, {"gpu": {"num_gpus": 1}}))
    run(place, "--cpus", "4", env=env(**{CUDA: NAMES}))
    assert place.text("wrong") == ""
    assert set(place.text("used").split()) == set(NAMES.split(","))


SHOW = 'echo "${CUDA_VISIBLE_DEVICES-unset} ${HIP_VISIBLE_DEVICES-unset} ${ROCR_VISIBLE_DEVICES-unset}" >> shown'


@pytest.mark.parametrize(
    ("given", "words", "shown"),
    [
        ({}, ["--gpus", "3,"], "3 3 unset"),
        ({CUDA: "6"}, [], "6 unset unset"),
        ({HIP: "6"}, [], "unset 6 unset"),
        ({ROCR: "6"}, [], "unset unset 6"),
        ({CUDA: "6", HIP: "6", ROCR: "1"}, [], "6 6 1"),
        ({CUDA: "6,7"}, ["--gpus", "7,"], "7 unset unset"),
    ],
)
def test_the_variable_that_was_set_is_the_one_that_jobs_get(place, given, words, shown):
    place.write(workflow({"j": (SHOW, "gpu", {})}, {"gpu": {"num_gpus": 1}}))
    run(place, "--cpus", "1", *words, env=env(**given))
    assert place.text("shown").strip() == shown


def test_jobs_without_gpus_see_none_where_gpus_are_given_to_others(place):
    jobs = {"g": (SHOW, "gpu", {"priority": 1}), "n": (SHOW, None, {})}
    place.write(workflow(jobs, {"gpu": {"num_gpus": 1}}))
    run(place, "--cpus", "1", env=env(**{CUDA: "6"}))
    assert place.text("shown").splitlines() == ["6 unset unset", " unset unset"]


def test_where_nobody_asks_for_gpus_the_variables_are_left_alone(place):
    place.write(workflow({"n": (SHOW, None, {})}))
    run(place, "--cpus", "1", env=env(**{CUDA: "6,7", ROCR: "0"}))
    assert place.text("shown").strip() == "6,7 unset 0"


@pytest.mark.parametrize(
    ("given", "words", "message"),
    [
        ({CUDA: "4,5"}, ["--gpus", "3"], "--gpus: 3 of the 2 in CUDA_VISIBLE_DEVICES=4,5"),
        ({HIP: "4,5"}, ["--gpus", "4,6"], "--gpus: 6 not in HIP_VISIBLE_DEVICES=4,5"),
        ({}, ["--gpus", "two"], "neither a number nor a list of devices"),
        ({}, ["--gpus", "0,,1"], "neither a number nor a list of devices"),
        ({}, ["--gpus", "-1"], "neither a number nor a list of devices"),
    ],
)
def test_gpus_that_cannot_be_had_are_refused_before_anything_is_stored(place, given, words, message):
    place.write(workflow({"n": ("true", None, {})}))
    answer = run(place, *words, code=2, env=env(**given))
    assert message in answer.err
    assert sorted(path.name for path in Path(place.root).iterdir()) == ["w.yaml"]


def test_a_job_that_needs_more_time_than_is_left_is_not_started(place):
    """After half of the time only the short ones fit; the long one waits for the next run."""
    needs = {"short": {"runtime": "0.1s"}, "long": {"runtime": "7s"}}
    jobs = {
        "first": ("sleep 1.5", None, {"priority": 2}),
        "long": ("echo long >> order", "long", {"priority": 1}),
        "short": ("echo short >> order", "short", {}),
    }
    place.write(workflow(jobs, needs, execution_config={"sigterm_lead_seconds": 0, "sigkill_headroom_seconds": 0}))
    answer = run(place, "--cpus", "1", "--time-limit", "8s", code=3)
    assert order(place) == ["short"]
    assert "time limit" not in answer.out
    assert place.states() == {"first": "completed", "long": "ready", "short": "completed"}
    run(place, "--cpus", "1", "--time-limit", "1h")
    assert order(place) == ["short", "long"]


@pytest.mark.parametrize("words", [["--cpus", "2"], ["-j", "2"]])
def test_at_the_end_of_the_time_limit_jobs_are_asked_to_end_and_run_again_later(place, words):
    command = "test -e asked && exit 0; trap 'touch asked; exit 9' USR1; while :; do sleep 0.02; done"
    config = {"termination_signal": "SIGUSR1"}
    place.write(workflow({"j": (command, None, {"supports_termination": True})}, execution_config=config))
    answer = place.call("run", "w.yaml", "--progress", "lines", "--time-limit", "4s", *words)
    assert answer.code == 3
    assert "the time limit of 4s is over" in answer.err
    assert (place.root / "asked").exists()
    run(place)
    assert place.states() == {"j": "completed"}


def test_a_job_longer_than_the_time_limit_is_named_and_ends_the_run(place):
    jobs: Jobs = {"j": ("touch ran", "r", {}), "small": ("echo small >> order", None, {})}
    place.write(workflow(jobs, {"r": {"runtime": "2h"}}))
    answer = place.call("run", "w.yaml", "--progress", "lines", "--time-limit", "1h")
    assert answer.code == 1
    assert "job 'j' can never run here: it needs 2h of run time (this run has 58m30s)" in answer.err
    assert order(place) == ["small"]
    assert not (place.root / "ran").exists()


@pytest.mark.parametrize(
    ("text", "message"), [("0", "no time"), ("soon", "'soon' is not a duration"), ("-1", "is not a duration")]
)
def test_a_wrong_time_limit_is_refused(place, text, message):
    place.write(workflow({"n": ("true", None, {})}))
    assert message in run(place, "--time-limit", text, code=2).err


def kill_all(process):
    for pid in [process.pid, *orphans.below(process.pid)]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_what_another_workflows_dead_run_held_is_free_again(place):
    """Everything of it was killed at once, and nobody goes on with it."""
    place.write(workflow({"j": ("touch begun; sleep 60", "gpu", {})}, {"gpu": {"num_gpus": 1}}), "other.yaml")
    place.write(workflow({"k": (HOLD, "gpu", {})}, {"gpu": {"num_gpus": 1}, "unused": {}}))
    words = ("--progress", "none", "--cpus", "1", "--gpus", "5,")
    process = place.start("run", "other.yaml", *words, start_new_session=True)
    place.wait_for("begun")
    kill_all(process)
    process.communicate()
    assert place.call("run", "w.yaml", *words, timeout=30).code == 0
    assert place.text("used") == "5\n"


def test_what_another_workflows_run_held_that_dies_meanwhile_is_free_again(place):
    place.write(workflow({"j": ("touch begun; sleep 60", "gpu", {})}, {"gpu": {"num_gpus": 1}}), "other.yaml")
    jobs: Jobs = {"first": ("touch here", None, {}), "k": (HOLD, "gpu", {})}
    place.write(workflow(jobs, {"gpu": {"num_gpus": 1}, "unused": {}}))
    words = ("--progress", "none", "--cpus", "2", "--gpus", "5,")
    other = place.start("run", "other.yaml", *words, start_new_session=True)
    place.wait_for("begun")
    run_ = place.start("run", "w.yaml", *words)
    try:
        place.wait_for("here")
        kill_all(other)
        assert run_.wait(30) == 0
    finally:
        for process in (other, run_):
            process.kill()
            process.communicate()
    assert place.text("used") == "5\n"


def test_the_limit_that_is_left_to_slurm_is_that_of_the_allocation(place):
    place.write(workflow({"long": ("touch ran", "r", {})}, {"r": {"runtime": "1h"}}))
    inside = {**os.environ, "SLURM_JOB_ID": "1", "SLURM_JOB_END_TIME": str(int(time.time()) + 1800)}
    answer = place.call("run", "w.yaml", "--progress", "lines", "--time-limit", "auto", env=inside)
    assert (answer.code, "it needs 1h of run time" in answer.err) == (1, True)
    outside = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
    assert place.call("run", "w.yaml", "--progress", "none", "--time-limit", "auto", env=outside).code == 0
    assert (place.root / "ran").exists()
