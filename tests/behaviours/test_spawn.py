"""Jobs that come later: spawned by a running job, with real processes."""

import json
import os
import signal
import sys

import pytest

pytestmark = pytest.mark.behaviour

SPAWN = f"{sys.executable} -m torc_local spawn"


def script(place, name, text):
    """A Python program beside the workflow file; the command that runs it."""
    (place.root / name).write_text(f"import json, os, sys\nfrom pathlib import Path\nimport torc_local\n{text}")
    return f"{sys.executable} {name}"


def lineage(place):
    """The records of all lineages by name."""
    items = place.call("user-data", "list", "-f", "json").json["items"]
    return {item["name"]: item["data"] for item in items if item["name"].startswith("__torc_lineage__")}


def seed(place, command, **more):
    place.write({"name": "w", "jobs": [{"name": "seed", "command": command}], **more})


GENERATIONS = """
me = torc_local.Orchestrator.from_env()
number = me.generation + 1
with Path("log").open("a") as log:
    log.write(f"{os.environ['TORC_JOB_NAME']} {me.generation} {os.environ.get('TORC_ORCHESTRATOR_LINEAGE_ID')}\\n")
if number > 10:
    me.converge(state={"last": number - 1})
else:
    work = [{"name": f"work{number}_{i}", "command": f"echo {number} >> done"} for i in range(2)]
    names = [job["name"] for job in work]
    me.spawn([*work, {"name": f"next{number}", "command": sys.argv[1], "depends_on": names}], state={"n": number})
"""


def test_a_job_spawns_the_next_generation_ten_times(place):
    command = script(place, "next.py", GENERATIONS)
    seed(place, f"{command} 'sh again'")
    (place.root / "again").write_text(f"exec {command} 'sh again'\n")
    place.run()
    assert place.text("done").split() == [str(n) for n in range(1, 11) for _ in range(2)]
    log = place.text("log").splitlines()
    assert log[0] == "seed 0 None"
    assert log[1:] == [f"next{n} {n} seed" for n in range(1, 11)]
    records = lineage(place)
    assert records.pop("__torc_lineage__seed__final") == {
        "final": True, "generation": 10, "spawn_count": 10, "state": {"last": 10}
    }  # fmt: skip
    assert list(records) == [f"__torc_lineage__seed__g{n:06}" for n in range(1, 11)]
    assert records["__torc_lineage__seed__g000003"] == {"generation": 3, "spawn_count": 3, "state": {"n": 3}}
    assert len(place.states()) == 31
    assert place.call("doctor").code == 0


def test_a_thousand_jobs_are_spawned_at_once(place):
    jobs = [{"name": f"j{i:04}", "command": "echo >> ran"} for i in range(1000)]
    last = {"name": "last", "command": "wc -l < ran > counted", "depends_on": [job["name"] for job in jobs]}
    (place.root / "jobs.json").write_text(json.dumps([*jobs, last]))
    seed(place, f"{SPAWN} jobs.json > ids")
    place.run()
    assert place.text("counted").strip() == "1000"
    assert place.text("ids").splitlines()[-1].endswith(" last")
    assert place.rows("SELECT count(*) FROM job WHERE origin = 'spawn'") == [(1001,)]
    assert place.call("doctor").code == 0


def test_json_lines_on_standard_input_and_the_answer_for_programs(place):
    lines = '{"name": "a", "command": "touch a", "priority": 5}\\n{"name": "b", "command": "touch b"}\\n'
    seed(place, f"printf '{lines}' | {SPAWN} --state '[1]' -f json > answer")
    place.run()
    answer = json.loads(place.text("answer"))
    assert answer["job_names"] == ["a", "b"]
    assert (answer["lineage"], answer["iteration"], answer["is_new"]) == ("seed", 1, True)
    assert place.rows(f"SELECT name, priority FROM job WHERE id IN {tuple(answer['spawned_job_ids'])}") == [
        ("a", 5), ("b", 0)
    ]  # fmt: skip
    assert (place.root / "a").exists()
    assert (place.root / "b").exists()


def test_nothing_starts_before_the_caller_has_ended(place):
    seed(
        place, f"""echo '[{{"name": "a", "command": "cat ended > seen"}}]' | {SPAWN} && sleep 0.3 && echo yes > ended"""
    )
    place.run()
    assert place.text("seen") == "yes\n"


def test_a_caller_that_fails_cancels_what_it_spawned_unless_that_runs_anyway(place):
    jobs = [
        {"name": "a", "command": "touch a"},
        {"name": "b", "command": "touch b", "cancel_on_blocking_job_failure": False},
        {"name": "c", "command": "touch c", "depends_on": ["a"]},
    ]
    (place.root / "jobs.json").write_text(json.dumps(jobs))
    seed(place, f"{SPAWN} jobs.json; exit 3")
    place.run(code=1)
    assert place.states() == {"seed": "failed", "a": "canceled", "b": "completed", "c": "canceled"}


def test_a_caller_that_is_tried_again_spawns_the_same_jobs_once(place):
    """Its handler gives it a second attempt after it has spawned; it finds the same generation and the same ids."""
    command = script(
        place,
        "seed.py",
        """
me = torc_local.Orchestrator.from_env()
found = me.generation
done = me.spawn([{"name": f"try{found + 1}", "command": "echo >> tried"}], state=os.environ["TORC_ATTEMPT_ID"])
with Path("log").open("a") as log:
    log.write(f"{found} {me.generation} {done.job_ids} {done.is_new}\\n")
sys.exit(0 if os.environ["TORC_ATTEMPT_ID"] == "2" else 9)
""",
    )
    job = {"name": "seed", "command": command, "failure_handler": "again"}
    handler = {"name": "again", "rules": [{"exit_codes": [9], "max_retries": 3}]}
    place.write({"name": "w", "jobs": [job], "failure_handlers": [handler]})
    place.run()
    first, second = (line.rsplit(" ", 1) for line in place.text("log").splitlines())
    assert (first[0], first[1], second[1]) == (second[0], "True", "False")
    assert first[0].startswith("0 1 [")
    assert place.text("tried") == "\n"
    assert lineage(place)["__torc_lineage__seed__g000001"]["state"] == "1"


def test_a_caller_whose_runner_is_killed_after_it_spawned_spawns_nothing_twice(place):
    spawn = f"""echo '[{{"name": "a", "command": "echo >> ran"}}]' | {SPAWN} >> ids"""
    seed(place, f"{spawn}; echo >> spawned; test -e go || sleep 600")
    process = place.start("run", "w.yaml", "-j", "1", "--progress", "none")
    place.wait_for("spawned", filled=True)
    place.wait_until(lambda: place.rows("SELECT 1 FROM running"))
    (place.root / "go").touch()
    ((pid,),) = place.rows("SELECT pid FROM runner WHERE ended_at IS NULL")
    os.kill(pid, signal.SIGKILL)
    assert process.wait(60) == 0
    process.communicate()
    first, second = place.text("ids").splitlines()
    assert first == second
    assert place.text("ran") == "\n"
    assert len(lineage(place)) == 1
    assert place.call("doctor").code == 0


def test_max_iterations_ends_a_lineage_and_says_so(place):
    job = '{\\"name\\": \\"$n\\", \\"command\\": \\"sh again\\"}'
    (place.root / "again").write_text(f'test -e two && n=b || n=a; touch two; echo "[{job}]" | {SPAWN}\n')
    seed(place, "sh again", dynamic_jobs={"max_iterations": 1})
    place.run(code=1)
    assert place.states() == {"seed": "completed", "a": "failed"}
    message = place.call("logs", "a", "--stderr").out
    assert "lineage 'seed' has spawned 1 times, and no more are allowed" in message


def test_no_jobs_at_all_mean_converged(place):
    seed(place, f"echo '[]' | {SPAWN} --state '{{\"best\": 2}}' --lineage case1")
    place.run()
    assert lineage(place) == {
        "__torc_lineage__case1__final": {"final": True, "generation": 0, "spawn_count": 0, "state": {"best": 2}}
    }
    assert place.events("lineage_converged") == ["lineage 'case1' has converged after 0 generations"]


def refused(place, jobs, *, code=2, **more):
    """What a spawn of these jobs says, which must leave nothing behind."""
    (place.root / "jobs.json").write_text(jobs if isinstance(jobs, str) else json.dumps(jobs))
    (place.root / "said").unlink(missing_ok=True)
    seed(place, f"{SPAWN} jobs.json 2> said; echo $? >> said", **more)
    place.run("--fresh")
    said = place.text("said")
    assert said.splitlines()[-1] == str(code), said
    assert place.rows("SELECT count(*) FROM job WHERE origin = 'spawn'") == [(0,)]
    return said


@pytest.mark.parametrize(
    ("jobs", "said"),
    [
        ([{"name": "a/b", "command": "true"}], "jobs.json:1:11: error: the name of this job contains '/'"),
        ([{"name": "a"}], "job 'a' has no command"),
        ([{"name": "a", "command": "true", "depends_on": ["sed"]}], "job 'a' depends on 'sed', which does not exist"),
        ([{"name": "a", "command": "true", "depends_on": ["sed"]}], "did you mean 'seed'?"),
        (
            [
                {"name": "a", "command": "true", "depends_on": ["b"]},
                {"name": "b", "command": "true", "depends_on": ["a"]},
            ],
            "dependency cycle of 2 jobs: a -> b -> a",
        ),
        ([{"name": "a", "command": "true"}] * 2, "the name 'a' is taken by the job in line 1"),
        ([{"name": "seed", "command": "true"}], "1:11: error: the workflow has a job 'seed' already"),
        ([{"name": "a", "command": "true", "resource_requirements": "big"}], "'big'"),
        ([{"name": "a", "command": "true", "comand": "x"}], "unknown key 'comand' in job 'a'"),
        ("[{", "jobs.json"),
        ('"text"', "this must be a list of jobs"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_and_nothing_is_added(place, jobs, said):
    assert said in refused(place, jobs)


def test_a_job_that_no_node_can_run_is_refused_by_name(place):
    huge = {"name": "huge", "num_cpus": 100_000, "memory": "1g"}
    (place.root / "jobs.json").write_text('[{"name": "a", "command": "true", "resource_requirements": "huge"}]')
    seed(place, f"{SPAWN} jobs.json 2> said", resource_requirements=[huge])
    answer = place.call("run", "w.yaml", "--progress", "none")
    assert answer.code == 1
    assert "job 'a' can never run here: it asks for 100,000 cpus, and this node has" in place.text("said")
    assert place.states() == {"seed": "failed"}


def test_some_old_and_some_new_names_are_an_error(place):
    command = script(
        place,
        "seed.py",
        """
me = torc_local.Orchestrator.from_env()
me.spawn([{"name": "a", "command": "true"}])
try:
    me.spawn([{"name": "a", "command": "true"}, {"name": "b", "command": "true"}])
except Exception as error:
    Path("said").write_text(f"{type(error).__name__}: {error}")
""",
    )
    seed(place, command)
    place.run()
    assert place.text("said") == "InputError: 'seed' has spawned job 'a' before, but not 'b'"
    assert set(place.states()) == {"seed", "a"}


def test_only_a_running_job_spawns(place):
    """Not from outside, and not what a job left behind after it had ended."""
    (place.root / "jobs.json").write_text('[{"name": "a", "command": "true"}]')
    wait = "while ! test -e go; do sleep 0.02; done"
    late = f"setsid sh -c '{wait}; {SPAWN} jobs.json 2> late; touch said' > /dev/null 2>&1 &"
    jobs = [
        {"name": "seed", "command": f"{late} :"},
        {"name": "last", "command": "touch go; while ! test -e said; do sleep 0.02; done", "depends_on": ["seed"]},
    ]
    place.write({"name": "w", "jobs": jobs})
    place.run()
    assert "job 'seed' is not running; only a job that runs spawns others" in place.text("late")
    answer = place.call("spawn", "jobs.json")
    assert answer.code == 2
    assert "only a job that runs spawns others, and this is none" in answer.err
    assert set(place.states()) == {"seed", "last"}


def test_spawning_loads_little(place):
    program = (
        "import sys; from torc_local.cli.main import main; code = main();"
        " print(len(sys.modules), *sorted(sys.modules), file=open('loaded', 'w')); sys.exit(code)"
    )
    (place.root / "jobs.json").write_text('[{"name": "a", "command": "true"}]')
    (place.root / "spawn.py").write_text(program)
    seed(place, f"{sys.executable} spawn.py spawn jobs.json")
    place.run()
    loaded = place.text("loaded").split()
    assert not {"typer", "click", "yaml", "psutil", "tqdm"} & {*loaded}
    assert int(loaded[0]) <= 200


def test_what_was_spawned_is_put_back_with_its_caller_and_runs_again_under_the_same_ids(place):
    seed(place, f"""echo '[{{"name": "a", "command": "echo >> ran"}}]' | {SPAWN} >> ids""")
    place.run()
    answer = place.call("reset", "seed", "--yes")
    assert answer.code == 0, answer.err
    assert place.states() == {"seed": "ready", "a": "blocked"}
    place.run()
    first, second = place.text("ids").splitlines()
    assert first == second
    assert place.text("ran") == "\n\n"
    assert len(lineage(place)) == 1
    assert place.call("doctor").code == 0


def test_many_callers_spawn_at_once(place):
    """Each has a lineage of its own; none of them sees the jobs of another in its way."""
    jobs = json.dumps([{"name": "child_{i}", "command": "true", "depends_on": ["first"]}])
    spawning = {"name": "c{i}", "command": f"echo '{jobs}' | {SPAWN}", "parameters": {"i": "1:12"}}
    place.write({"name": "w", "jobs": [{"name": "first", "command": "true"}, spawning]})
    place.run()
    assert len(place.states()) == 25
    assert set(place.states().values()) == {"completed"}
    assert len(lineage(place)) == 12
    assert place.call("doctor").code == 0
