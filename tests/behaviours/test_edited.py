"""A workflow file that was edited after a run."""

import pytest

from tests.behaviours.test_restart import job, logged, ran, touch

pytestmark = pytest.mark.behaviour


def three(**commands):
    """a, then b, and c beside them."""
    jobs = [job("a", logged("a")), job("b", logged("b"), "a"), job("c", logged("c"))]
    return {"name": "w", "jobs": [one | {"command": commands.get(one["name"], one["command"])} for one in jobs]}


def test_an_edited_command_runs_again_with_what_comes_after_it_and_nothing_else(place):
    place.write(three())
    place.run()
    assert ran(place) == ["a", "b", "c"]
    place.write(three(a=logged("a", "echo better")))
    tried = place.call("refresh", "w.yaml", "-n")
    head, *rest = tried.out.splitlines()
    assert head.startswith("w.yaml has changed since workflow 1 was made from it: a new workflow would take over 1 ")
    assert rest == ["  1  command has changed: a", "  1  after one of these: b"]
    answer = place.run()
    assert "workflow 2 takes over 1 completed job and runs 2" in answer.err
    assert ran(place) == ["a", "b"]
    assert place.call("logs", "a").out == "better\n"
    assert place.states() == {"a": "completed", "b": "completed", "c": "completed"}
    assert [row["id"] for row in place.call("list", "-f", "json").json["items"]] == [2]
    assert place.call("doctor").code == 0


def test_what_was_taken_over_has_its_output_and_its_place_in_change_detection(place):
    spec = three()
    spec["files"] = [{"name": "in", "path": "in.txt"}]
    spec["jobs"][2] |= {"command": logged("c", "cat in.txt"), "input_files": ["in"]}
    place.write(spec)
    (place.root / "in.txt").write_text("one\n")
    place.run()
    ran(place)
    spec["jobs"].append(job("d", logged("d")))
    place.write(spec)
    place.run()
    assert (ran(place), place.call("logs", "c").out) == (["d"], "one\n")
    (place.root / "in.txt").write_text("another\n")
    place.run()
    assert (ran(place), place.call("logs", "c").out) == (["c"], "another\n")


def test_an_edit_that_changes_no_job_runs_nothing(place):
    place.write(three())
    place.run()
    ran(place)
    place.write(three() | {"description": "of no effect"})
    answer = place.call("run", "w.yaml")
    assert (answer.code, ran(place)) == (0, [])
    assert "takes over 3 completed jobs and runs 0" in answer.err
    place.write(three())
    place.run()
    assert ran(place) == []


def test_a_fresh_workflow_takes_nothing_over(place):
    place.write(three())
    place.run()
    ran(place)
    place.write(three(c=logged("c", "echo better")))
    place.run("--fresh")
    assert ran(place) == ["a", "b", "c"]


def test_while_the_earlier_state_runs_the_edited_file_is_refused(place):
    place.write(three(a="touch up; while ! test -e go; do sleep 0.02; done"))
    process = place.start("run", "w.yaml", "--progress", "none")
    place.wait_for("up")
    place.write(three())
    answer = place.call("run", "w.yaml")
    assert (answer.code, "a run works on that now" in answer.err) == (2, True)
    (place.root / "go").touch()
    assert process.wait(60) == 0
    process.communicate()
    place.run()


def test_a_failed_job_that_was_mended_in_the_file_goes_on(place):
    place.write(three(a=logged("a", "exit 3")))
    place.run(code=1)
    assert ran(place) == ["a", "c"]
    place.write(three())
    place.run()
    assert ran(place) == ["a", "b"]


def test_output_of_a_job_that_was_taken_over_goes_with_the_workflow_it_came_from(place):
    """And is not taken for that of another job, whose file has the same number later."""
    place.write(three(a="echo mine"))
    place.run()
    place.write(three(a="echo mine") | {"description": "other"})
    place.run()
    assert place.call("logs", "a", "-w", "2").out == "mine\n"
    assert place.call("delete", "1", "--yes").code == 0
    place.write({"name": "o", "jobs": [job("x", "echo of another job")]}, "o.yaml")
    assert place.call("run", "o.yaml", "--progress", "none").code == 0
    assert place.call("logs", "a", "-w", "2").out == ""
    assert place.call("doctor").code == 0


def test_a_change_is_not_forgotten_when_the_list_of_files_becomes_a_shared_one(place):
    files = [{"name": f"f{i}", "path": f"f{i}.txt"} for i in range(9)]
    names = [one["name"] for one in files]
    spec = {"name": "w", "files": files, "jobs": [job("r1", logged("r1"), input_files=names)]}
    for i in range(9):
        (place.root / f"f{i}.txt").write_text("1")
    place.write(spec)
    place.run()
    ran(place)
    touch(place, "f0.txt", 5)
    place.write(spec | {"jobs": [*spec["jobs"], job("r2", logged("r2"), input_files=names)]})
    place.run()
    assert ran(place) == ["r1", "r2"]
    place.run()
    assert ran(place) == []


def test_what_a_person_has_put_is_taken_over_and_what_a_job_wrote_only_with_the_job(place):
    jobs = [job("r", "echo '${user_data.input.seed}' >> seen")]
    place.write({"name": "w", "user_data": [{"name": "seed"}], "jobs": jobs})
    assert place.call("create", "w.yaml").code == 0
    assert place.call("user-data", "put", "seed", "42").code == 0
    place.run()
    place.write(
        {"name": "w", "user_data": [{"name": "seed"}], "jobs": [job("r", "echo '+${user_data.input.seed}' >> seen")]}
    )
    place.run()
    assert place.text("seen") == "42\n+42\n"


def test_an_action_that_was_added_to_a_file_is_executed(place):
    place.write(three())
    place.run()
    ran(place)
    actions = [
        {
            "trigger_type": "on_workflow_complete",
            "action_type": "run_commands",
            "commands": [f"touch {place.root}/acted"],
        }
    ]
    place.write(three() | {"actions": actions})
    place.run()
    assert ran(place) == []
    assert (place.root / "acted").exists()
