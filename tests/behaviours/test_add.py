"""Jobs that come later: added from outside, with real processes."""

import json

import pytest

pytestmark = pytest.mark.behaviour

WAIT = "while ! test -e go; do sleep 0.02; done"


def add(place, jobs, *words, code=0, name="more.yaml", **more):
    """Add jobs to the only workflow."""
    if isinstance(jobs, str):
        (place.root / name).write_text(jobs)
    else:
        place.write({"jobs": jobs, **more}, name)
    answer = place.call("add", name, *words)
    assert answer.code == code, answer.err
    return answer


def create(place, jobs, **more):
    place.write({"name": "w", "jobs": jobs, **more})
    assert place.call("create", "w.yaml").code == 0


def job(name, command, *before, **more):
    return {"name": name, "command": command, **({"depends_on": list(before)} if before else {}), **more}


def healthy(place):
    answer = place.call("doctor")
    return answer.code == 0 or answer.out + answer.err


def test_jobs_are_added_to_a_workflow_that_runs_and_its_runners_take_them(place):
    place.write({"name": "w", "jobs": [job("first", WAIT)]})
    process = place.start("run", "w.yaml", "-j", "2", "--progress", "json")
    place.wait_until(lambda: place.exists() and place.states().get("first") == "running")
    answer = add(place, [job("now", "touch now"), job("then", "touch then", "first")])
    assert "the run that is at work takes them" in answer.err
    place.wait_for("now")  # while the first one still runs: an idle slot notices
    assert not (place.root / "then").exists()
    (place.root / "go").touch()
    assert process.wait(60) == 0
    assert json.loads(process.communicate()[1].splitlines()[-1])["total_jobs"] == 3
    assert place.states() == {"first": "completed", "now": "completed", "then": "completed"}
    assert healthy(place) is True


def test_a_finished_workflow_goes_on_with_what_is_added(place):
    """In a run of its own; what completed is not repeated, and the file is still that of this workflow."""
    place.write({"name": "w", "jobs": [job("a", "echo >> ran"), job("b", "echo >> ran", "a")]})
    place.run()
    answer = add(place, [job("c", "echo c >> ran", "a", "b"), job("d", "echo d >> ran", "c")])
    assert answer.err.strip().endswith("added 2 jobs to workflow 1 (1 blocked, 1 ready); run them:  torc-local run 1")
    assert answer.out.split() == ["3", "c", "4", "d"]
    assert healthy(place) is True
    again = place.run()
    assert "has changed" not in again.err
    assert place.text("ran").split() == ["c", "d"]
    assert set(place.states().values()) == {"completed"}
    assert place.rows("SELECT run_id FROM v_workflows") == [(2,)]
    assert {(result["job_name"], result["run_id"]) for result in place.results()} == {
        ("a", 1), ("b", 1), ("c", 2), ("d", 2)
    }  # fmt: skip
    assert place.run().code == 0
    assert place.rows("SELECT run_id FROM v_workflows") == [(2,)]


def test_what_depends_on_a_failure_is_canceled_at_once_and_runs_when_that_is_mended(place):
    place.write({"name": "w", "jobs": [job("bad", "test -e mended")]})
    place.run(code=1)
    jobs = [
        job("tip", "touch tip", "b"),
        job("b", "true", "bad"),
        job("anyway", "touch anyway", "bad", cancel_on_blocking_job_failure=False),
    ]
    add(place, jobs)
    assert place.states() == {"bad": "failed", "b": "canceled", "tip": "canceled", "anyway": "ready"}
    assert healthy(place) is True
    place.run("--no-retry-failed", code=1)
    assert place.states() == {"bad": "failed", "b": "canceled", "tip": "canceled", "anyway": "completed"}
    (place.root / "mended").touch()
    place.run()
    assert set(place.states().values()) == {"completed"}
    assert healthy(place) is True


def test_jobs_are_added_before_the_first_run(place):
    create(place, [job("a", "touch a")])
    add(place, [job("b", "test -e a", "a")])
    place.run()
    assert place.states() == {"a": "completed", "b": "completed"}
    assert place.rows("SELECT run_id FROM v_workflows") == [(1,)]


def test_regexes_parameters_requirements_files_and_user_data_may_be_those_that_are_there(place):
    create(
        place,
        [
            job(
                "make_{i}", "echo {i} > f{i}", output_files=["f{i}"], parameters={"i": "1:3"}, parameter_mode="product"
            ),
        ],
        files=[{"name": "f{i}", "path": "f{i}", "parameters": {"i": "1:3"}}],
        user_data=[{"name": "known", "data": 7}],
        resource_requirements=[{"name": "small", "num_cpus": 1, "memory": "1m", "runtime": "PT1M"}],
    )
    add(
        place,
        [
            job("read_{i}", "cat ${files.input.f{i}} > r{i}", parameters={"i": "1:3"}, resource_requirements="small"),
            job("all", "cat r1 r2 r3 > ${files.output.sum}", depends_on_regexes=["^read_"]),
            job("use", "echo ${user_data.input.known} ${user_data.input.new} > used", "all"),
        ],
        files=[{"name": "sum", "path": "sum"}, {"name": "f1", "path": "f1"}],
        user_data=[{"name": "new", "data": [1]}],
        resource_requirements=[{"name": "small", "num_cpus": 1, "memory": "1m", "runtime": "PT1M"}],
    )
    assert healthy(place) is True
    place.run()
    assert place.text("sum").split() == ["1", "2", "3"]
    assert place.text("used").split() == ["7", "[1]"]
    assert place.rows(
        "SELECT DISTINCT r.name FROM job j JOIN resource_requirements r ON r.id = j.resource_requirements_id"
        " WHERE j.name LIKE 'read%'"
    ) == [("small",)]
    assert healthy(place) is True


def test_failure_handlers_that_are_added_are_followed(place):
    create(place, [job("a", "true")])
    handler = {"name": "again", "rules": [{"match_all_exit_codes": True, "max_retries": 2}]}
    add(
        place,
        [job("b", "echo >> tried; test $TORC_ATTEMPT_ID = 2", failure_handler="again")],
        failure_handlers=[handler],
    )
    place.run()
    assert place.text("tried") == "\n\n"
    assert [place.call("job", name, "-f", "json").json["origin"] for name in ("a", "b")] == [None, "add"]


def test_json_lines_on_standard_input(place):
    create(place, [job("a", "true")])
    lines = '{"name": "b", "command": "touch b", "depends_on": ["a"]}\n\n{"name": "c", "command": "touch c"}\n'
    answer = place.call("add", "-f", "json", input=lines)
    assert answer.code == 0, answer.err
    assert answer.json["job_names"] == ["b", "c"]
    assert answer.json["job_ids"] == [2, 3]
    assert answer.json["jobs_by_status"] == {"blocked": 1, "ready": 1}
    place.run()
    assert (place.root / "b").exists()


def test_a_list_of_commands(place):
    create(place, [job("job2", "true")])
    (place.root / "list.txt").write_text("\n  touch one  \n# not this\n\ntouch two\n")
    answer = place.call("add", "-C", "list.txt", "1")
    assert answer.code == 0, answer.err
    assert answer.out.splitlines() == ["2 job2_1", "3 job3"]
    place.run()
    assert (place.root / "one").exists()
    assert (place.root / "two").exists()


def test_create_from_file_is_torcs(place):
    create(place, [job("a", "true"), job("job4", "true")])
    (place.root / "list.txt").write_text("touch one\ntouch two\n")
    words = ("jobs", "create-from-file", "1", "list.txt", "--cpus", "2", "--memory", "10m", "--runtime", "P0DT2M")
    answer = place.call(*words)
    assert answer.code == 0, answer.err
    assert answer.out.splitlines() == ["3 job3", "4 job4_1"]
    ((name, cpus, memory, runtime),) = place.rows(
        "SELECT name, num_cpus, memory_bytes, runtime_s FROM resource_requirements WHERE name <> 'default'"
    )
    assert name.startswith("batch_jobs_req_")
    assert name[15:].isdigit()
    assert (cpus, memory, runtime) == (2, 10 << 20, 120.0)
    (place.root / "none.txt").write_text("# nothing\n\n")
    answer = place.call("jobs", "create-from-file", "1", "none.txt")
    assert (answer.code, "No valid commands found in file" in answer.err) == (2, True)
    answer = place.call("jobs", "create-from-file", "1", "nowhere.txt")
    assert (answer.code, "File does not exist" in answer.err) == (2, True)
    answer = place.call("jobs", "create-from-file", "1", "list.txt", "--memory", "lots")
    assert (answer.code, "'lots' is not a memory size" in answer.err) == (2, True)
    answer = place.call("jobs", "create-from-file", "1", "list.txt", "-f", "json")
    assert "warning" not in answer.err
    assert answer.json["job_names"] == ["job5", "job6"]
    assert place.rows("SELECT limits, memory_bytes, runtime_s FROM resource_requirements ORDER BY id DESC LIMIT 1") == [
        (0, 1 << 20, 60.0)
    ]


def test_a_dry_run_shows_and_changes_nothing(place):
    create(place, [job("a", "true")])
    answer = add(place, [job("b", "true", "a")], "-n")
    assert answer.out == "b\n"
    assert answer.err.strip() == "would add 1 job to workflow 1 (1 blocked); nothing was changed"
    assert place.states() == {"a": "ready"}
    assert place.rows("SELECT dependency_count FROM v_workflows") == [(0,)]


def test_what_is_to_happen_after_all_jobs_happens_after_those_that_came_last(place):
    """The runners have ended when they come, and an action is still at work."""
    run = {"action_type": "run_commands"}
    place.write({"name": "w", "jobs": [job("a", "echo a >> log")], "actions": [
        {"trigger_type": "on_jobs_complete", "jobs": ["a"], "commands": [f"touch between; {WAIT}"], **run},
        {"trigger_type": "on_workflow_complete", "commands": ["echo end >> ../log"], **run},
    ]})  # fmt: skip
    process = place.start("run", "w.yaml", "-j", "1", "--progress", "none")
    place.wait_for("torc_output/between")
    ended = "SELECT count(*) FROM v_runners WHERE ended_at IS NOT NULL"
    place.wait_until(lambda: place.call("sql", ended, "-f", "csv").out.splitlines()[1:] == ["1"])
    add(place, [job("b", "echo b >> log")])
    (place.root / "torc_output" / "go").touch()
    said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert place.text("log").split() == ["a", "b", "end"]
    assert healthy(place) is True


def test_the_run_goes_on_when_jobs_come_while_its_runners_end(place):
    """The last job adds some after it has been recorded: what it left behind does it."""
    place.write({"jobs": [job("late", "touch late")]}, "more.yaml")
    place.write({"name": "w", "jobs": [job("a", "true")]})
    # The runner has ended when the supervisor is told so; until then it is stopped here.
    program = (
        "import sys, subprocess; from torc_local.process import supervisor; from torc_local.cli.main import main\n"
        "were_added, added = supervisor._Supervisor._were_added, []\n"
        "def look(self):\n"
        "    if not added:\n"
        "        added.append(1)\n"
        "        self._disconnect()\n"
        "        subprocess.run([sys.executable, '-m', 'torc_local', 'add', 'more.yaml'], check=True)\n"
        "    return were_added(self)\n"
        "supervisor._Supervisor._were_added = look\n"
        "close = __import__('torc_local.process.coordinator', fromlist=['x'])\n"
        "close.close = lambda db, w, r, at, _close=close.close: (\n"
        "    db.connection.execute(\"SELECT 1 FROM job WHERE name = 'late'\").fetchall() and _close(db, w, r, at=at))\n"
        "sys.exit(main())"
    )
    answer = place.call("run", "w.yaml", "-j", "1", "--progress", "none", program=program)
    assert answer.code == 0, answer.err
    assert place.states() == {"a": "completed", "late": "completed"}
    assert place.rows("SELECT run_id FROM v_workflows") == [(1,)]


THERE = [job("a", "true", input_files=["f"])]
FILES = [{"name": "f", "path": "f"}]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"jobs": [job("a", "true")]}, "more.yaml:2:9: error: the workflow has a job 'a' already"),
        ({"jobs": [job("b", "true", "A")]}, "job 'b' depends on 'A', which does not exist"),
        ({"jobs": [job("b", "true", depends_on_regexes=["zz"])]}, "the regex /zz/ matches no job"),
        ({"jobs": [job("b", "true")], "env": {"A": "1"}}, "'env' is set for a whole workflow, and cannot be added"),
        ({"jobs": [job("b", "true")], "actions": [{}]}, "'actions' is set for a whole workflow"),
        ({"jobs": [job("b", "true")], "files": [{"name": "f", "path": "g"}]}, "has a file 'f' already, with another"),
        ({"jobs": [job("b", "true", output_files=["f"])]}, "job 'b' would write the file 'f', which jobs"),
        ({"jobs": [job("b", "true", failure_handler="no")]}, "there is no failure handler 'no'"),
        ({"jobs": [job("b", "true", input_user_data=["no"])]}, "names the user data 'no', which does not exist"),
        ({"files": []}, "there are no 'jobs'"),
        ({"jbos": []}, "unknown key 'jbos' in what is added"),
        ("just text", "this must be a list of jobs, or a mapping with 'jobs'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_and_nothing_is_added(place, more, said):
    create(place, THERE, files=FILES)
    if isinstance(more, str):
        answer = add(place, more, code=2)
    else:
        answer = (
            add(place, code=2, **{"jobs": None, **more}) if "jobs" in more else add(place, json.dumps(more), code=2)
        )
    assert said in answer.err
    assert set(place.states()) == {"a"}
    assert healthy(place) is True


def test_words_that_name_nothing_are_errors(place):
    create(place, THERE, files=FILES)
    place.write({"jobs": [job("b", "true")]}, "more.yaml")
    for words, said in (
        (["more.yaml", "2"], "there is no workflow 2"),
        (["more.yaml", "more.yaml"], "what is 'more.yaml' for?"),
        (["more.yaml", "-C", "more.yaml"], "not from both"),
        (["more.yaml", "--cpus", "2"], "are for --commands"),
        (["nowhere.yaml"], "there is no such file"),
    ):
        answer = place.call("add", *words)
        assert (answer.code, said in answer.err) == (2, True), answer.err
    assert place.call("archive", "1").code == 0
    answer = place.call("add", "more.yaml")
    assert (answer.code, "workflow 1 is archived" in answer.err) == (2, True), answer.err
