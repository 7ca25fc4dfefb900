"""Doing work again: what did not succeed, what is chosen, and what has changed since."""

import os
import signal

import pytest

pytestmark = pytest.mark.behaviour


def job(name, command, *before, **more):
    """A job that waits for those named."""
    return {"name": name, "command": command, "depends_on": list(before), **more}


def logged(name, then="true"):
    """A command that says in a file that it ran."""
    return f"echo {name} >> log; {then}"


def fails_once(name):
    return logged(name, f"test -e mended-{name}")


def ran(place):
    """Which jobs have run since this was asked last, in any order."""
    names = sorted(place.text("log").split())
    (place.root / "log").unlink(missing_ok=True)
    return names


def mend(place, *names):
    for name in names:
        (place.root / f"mended-{name}").touch()


def middle_fails(place):
    """a, b, c in a row, b fails; d and e beside them."""
    jobs = [
        job("a", logged("a")),
        job("b", fails_once("b"), "a"),
        job("c", logged("c"), "b"),
        job("d", logged("d")),
        job("e", logged("e"), "d"),
    ]
    place.write({"name": "w", "jobs": jobs})
    place.run(code=1)
    assert place.states() == {"a": "completed", "b": "failed", "c": "canceled", "d": "completed", "e": "completed"}
    assert ran(place) == ["a", "b", "d", "e"]


def test_a_failure_in_the_middle_is_canceled_late_and_reset_alone(place):
    """Deferred cancel, then a selective reset: completed siblings and predecessors stay (Torc: --failed-only)."""
    middle_fails(place)
    mend(place, "b")
    assert place.call("reset-status", "--failed-only", "--no-prompts").code == 0
    assert place.states() == {"a": "completed", "b": "ready", "c": "blocked", "d": "completed", "e": "completed"}
    place.run("--no-retry-failed")
    assert ran(place) == ["b", "c"]


def test_retry_says_how_many_jobs_and_why_without_doing_it(place):
    middle_fails(place)
    before = place.states()
    answer = place.call("retry", "-n")
    assert answer.code == 0
    assert answer.out.splitlines() == [
        "workflow 1: 2 jobs would run again, 3 completed jobs stay",
        "  1  failed: exit 1: b",
        "  1  canceled: c",
    ]
    assert place.states() == before
    document = place.call("retry", "-f", "json").json
    assert (document["jobs"], document["completed_jobs_left"], document["dry_run"]) == (2, 3, False)
    assert place.states()["b"] == "ready"


def test_a_retry_of_one_job_takes_along_what_it_cannot_run_without(place):
    middle_fails(place)
    mend(place, "b")
    assert place.call("retry", "c").code == 0
    assert place.states() == {"a": "completed", "b": "ready", "c": "blocked", "d": "completed", "e": "completed"}


def test_a_retry_of_one_of_two_failures_leaves_the_other(place):
    place.write({"name": "w", "jobs": [job("x", fails_once("x")), job("y", fails_once("y"))]})
    place.run(code=1)
    mend(place, "x", "y")
    ran(place)
    assert place.call("retry", "x").code == 0
    place.run("--no-retry-failed", code=1)
    assert ran(place) == ["x"]
    assert place.states() == {"x": "completed", "y": "failed"}


def test_a_reset_runs_a_completed_job_and_everything_after_it_again(place):
    middle_fails(place)
    mend(place, "b")
    place.run()
    ran(place)
    assert place.call("reset", "b").code == 0
    assert place.states() == {"a": "completed", "b": "ready", "c": "blocked", "d": "completed", "e": "completed"}
    place.run()
    assert ran(place) == ["b", "c"]
    attempts = {(row["job_name"], row["attempt_id"], row["status"]) for row in place.results()}
    assert {("b", 1, "failed"), ("b", 2, "completed"), ("b", 3, "completed")} <= attempts


def test_a_reset_of_everything_asks_and_where_nobody_can_answer_does_nothing(place):
    middle_fails(place)
    answer = place.call("reset", "--all", stdin=None)
    assert answer.code == 2
    assert "3 completed jobs of workflow 1 would run again" in answer.err
    assert place.states()["a"] == "completed"
    assert place.call("reset", "--all", "--yes").code == 0
    assert place.states() == {"a": "ready", "b": "blocked", "c": "blocked", "d": "ready", "e": "blocked"}
    mend(place, "b")
    place.run()
    assert ran(place) == ["a", "b", "c", "d", "e"]


def test_jobs_are_chosen_by_pattern_id_state_code_and_from_standard_input(place):
    jobs = [job(f"s{i}", f"exit {i}") for i in range(4)] + [job("t", "exit 2")]
    place.write({"name": "w", "jobs": jobs})
    place.run(code=1)
    by_name = {row["name"]: row["id"] for row in place.call("jobs", "-f", "json").json["items"]}

    def would(*words, **options):
        answer = place.call("reset", *words, "-n", "-f", "json", **options)
        return answer.json["jobs"] if answer.code == 0 else answer.code

    ids = sorted(by_name.values())
    assert would("s*") == 4
    assert would("s[12]", "t") == 3
    assert would(f"{ids[0]},{ids[2]}-{ids[3]}") == 3
    assert would("s*", "--failed") == 3
    assert would("--return-code", "2") == 2
    assert would("--regex", "^s[23]$") == 2
    assert would("--status", "completed") == 1
    assert would("-", input=f"s1\n{by_name['t']}\n") == 2
    assert [would("nobody"), would("x*"), would("99-98"), would("s0", "--failed"), would("--regex", "(")] == [2] * 5
    assert "did you mean 's1'" in place.call("reset", "s11", "-n").err


def test_work_that_goes_on_is_not_put_back(place):
    place.write({"name": "w", "jobs": [job("slow", "touch up; while ! test -e go; do sleep 0.02; done")]})
    process = place.start("run", "w.yaml", "--progress", "none")
    place.wait_for("up")
    for words in (["retry"], ["reset", "slow"], ["refresh"], ["delete", "1", "--yes"], ["archive", "1"]):
        answer = place.call(*words)
        assert (answer.code, "a run works on workflow 1 now" in answer.err) == (2, True)
    (place.root / "go").touch()
    assert process.wait(60) == 0
    process.communicate()


def test_what_a_killed_run_left_is_put_back_with_the_rest(place):
    """The whole tree was killed: its claims are given back first."""
    jobs = [job("bad", fails_once("bad")), job("slow", "touch up; test -e go || sleep 60", "bad")]
    jobs[1]["cancel_on_blocking_job_failure"] = False
    place.write({"name": "w", "jobs": jobs})
    process = place.start("run", "w.yaml", "--progress", "none", start_new_session=True)
    place.wait_for("up")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(60)
    process.communicate()
    mend(place, "bad")
    (place.root / "go").touch()
    assert place.call("retry").code == 0
    assert place.states() == {"bad": "ready", "slow": "blocked"}
    place.run()
    assert place.call("doctor").code == 0


def pipeline(place, **settings):
    """raw -> first -> middle -> last -> end, and one beside it."""
    files = [{"name": name, "path": f"{name}.txt"} for name in ("raw", "middle", "end", "other")]
    jobs = [
        {"name": "first", "command": logged("first", "cat raw.txt > middle.txt"), "input_files": ["raw"],
         "output_files": ["middle"]},
        {"name": "last", "command": logged("last", "cat middle.txt > end.txt"), "input_files": ["middle"],
         "output_files": ["end"]},
        {"name": "beside", "command": logged("beside"), "input_files": ["other"]},
    ]  # fmt: skip
    place.write({"name": "w", "files": files, "jobs": jobs, **settings})
    (place.root / "raw.txt").write_text("1")
    (place.root / "other.txt").write_text("1")
    place.run()
    assert ran(place) == ["beside", "first", "last"]


def touch(place, name, seconds):
    """Move the time of a file's last change."""
    path = place.root / name
    at = path.stat().st_mtime + seconds
    os.utime(path, (at, at))


def test_nothing_runs_again_when_nothing_has_changed(place):
    pipeline(place)
    assert place.call("refresh", "-n").out.startswith("workflow 1: nothing to refresh")
    place.run()
    assert ran(place) == []


def test_a_changed_input_runs_its_readers_and_everything_after_them_again(place):
    pipeline(place)
    touch(place, "raw.txt", 5)
    assert place.call("refresh", "-n").out.splitlines() == [
        "workflow 1: 2 jobs would run again, 1 completed job stays",
        "  1  input file has changed: raw.txt, completed: first",
        "  1  after one of these, completed: last",
    ]
    answer = place.call("run", "w.yaml", "--progress", "lines")
    assert "first runs again: input file has changed: raw.txt" in answer.err
    assert ran(place) == ["first", "last"]
    place.run()
    assert ran(place) == []


def test_a_change_within_the_tolerance_is_none(place):
    """Torc: 0.01 s."""
    pipeline(place)
    touch(place, "raw.txt", 0.004)
    place.run()
    assert ran(place) == []


def test_a_changed_file_between_two_jobs_runs_only_its_reader_again(place):
    pipeline(place)
    touch(place, "middle.txt", 5)
    place.run()
    assert ran(place) == ["last"]


def test_a_missing_output_runs_the_job_again_that_makes_it(place):
    pipeline(place)
    (place.root / "middle.txt").unlink()
    assert "output file is missing: middle.txt" in place.call("refresh", "-n").out
    place.run()
    assert ran(place) == ["first", "last"]


def test_changes_are_left_alone_when_that_is_asked_for(place):
    pipeline(place)
    touch(place, "raw.txt", 5)
    place.run("--no-refresh")
    assert ran(place) == []


def test_refresh_marks_and_the_next_run_works(place):
    pipeline(place)
    touch(place, "raw.txt", 5)
    assert place.call("workflows", "reinit", "1").code == 0
    assert place.states() == {"first": "ready", "last": "blocked", "beside": "completed"}
    place.run("--no-refresh")
    assert ran(place) == ["first", "last"]


def test_a_changed_file_of_a_list_that_many_jobs_share_runs_all_of_them_again_once(place):
    files = [{"name": f"f{i}", "path": f"f{i}.txt"} for i in range(3)]
    jobs = [
        {"name": f"r{i}", "command": logged(f"r{i}"), "input_files": ["f0", "f1", "f2"]} for i in range(3)
    ] + [job("beside", logged("beside"))]  # fmt: skip
    place.write({"name": "w", "files": files, "jobs": jobs})
    for i in range(3):
        (place.root / f"f{i}.txt").write_text("1")
    place.run()
    ran(place)
    touch(place, "f1.txt", 5)
    place.run()
    assert ran(place) == ["r0", "r1", "r2"]
    place.run()
    assert ran(place) == []


def test_a_chain_of_user_data_runs_again_after_one_change(place):
    """Each job hands on what it got; a new value at the beginning goes through to the end, and once only."""
    program = "torc-local user-data"
    jobs = [
        {"name": "a", "command": logged("a", f"{program} put mid '${{user_data.input.start}}'"),
         "input_user_data": ["start"], "output_user_data": ["mid"]},
        {"name": "b", "command": logged("b", "echo '${user_data.input.mid}' > result")},
        {"name": "beside", "command": logged("beside")},
    ]  # fmt: skip
    data = [{"name": "start", "data": 1}, {"name": "mid"}]
    place.write({"name": "w", "user_data": data, "jobs": jobs})
    place.run()
    assert place.text("result") == "1\n"
    ran(place)
    place.run()
    assert ran(place) == []
    assert place.call("user-data", "put", "start", "2").code == 0
    assert "user data has changed: start" in place.call("refresh", "-n").out
    place.run()
    assert (ran(place), place.text("result")) == (["a", "b"], "2\n")
    place.run()
    assert ran(place) == []


def test_a_deleted_workflow_leaves_nothing_and_others_stay(place):
    place.write({"name": "one", "jobs": [job("a", "echo out"), job("b", "true", "a")]}, "one.yaml")
    place.write({"name": "w", "jobs": [job("a", "echo out")]})
    assert place.call("run", "one.yaml", "--progress", "none").code == 0
    place.run()
    (first,) = place.rows(
        "SELECT path FROM segment s JOIN runner r ON r.id = s.runner_id WHERE workflow_id = 1 LIMIT 1"
    )
    output = place.root / "torc_output" / f"{first[0]}.out"
    assert output.exists()
    assert (
        place.call("delete", "1", "-n").out
        == "would delete workflow 1 (one) with 2 jobs, 2 completed ones among them\n"
    )
    assert place.call("delete", "1").code == 2
    assert place.call("delete").code == 2
    assert place.call("workflows", "delete", "1", "--no-prompts").code == 0
    assert not output.exists()
    assert [row["id"] for row in place.call("list", "-f", "json").json["items"]] == [2]
    assert place.call("logs", "a").out == "out\n"
    assert place.call("doctor").code == 0
    assert place.call("delete", "1", "--yes").code == 2


def test_an_archived_workflow_is_put_aside_and_comes_back(place):
    place.write({"name": "w", "jobs": [job("a", "true")]})
    place.run()
    assert place.call("workflows", "archive", "true", "1").code == 0
    assert place.call("list", "-f", "json").json["items"] == []
    assert [row["is_archived"] for row in place.call("list", "--all", "-f", "json").json["items"]] == [True]
    for words in (["run", "1"], ["run", "w.yaml"], ["retry"], ["reset", "a"]):
        answer = place.call(*words)
        assert (answer.code, "archived" in answer.err) == (2, True)
    assert place.states() == {"a": "completed"}
    assert place.call("unarchive", "1").code == 0
    place.run()


def test_from_another_directory_missing_outputs_are_no_reason(place):
    pipeline(place)
    (place.root / "sub").mkdir()
    database = str(place.root / "torc_output" / "torc.db")
    for words in (["run", "1"], ["refresh", "1"]):
        answer = place.call("--db", database, *words, cwd=place.root / "sub")
        assert (answer.code, f"ran in {place.root}" in answer.err) == (2, True)
    assert set(place.states().values()) == {"completed"}
    assert place.call("--db", database, "run", "1", "--no-refresh", cwd=place.root / "sub").code == 0
    assert ran(place) == []


def test_nothing_is_put_back_that_would_run_without_its_input(place):
    pipeline(place)
    (place.root / "raw.txt").unlink()
    (place.root / "middle.txt").unlink()
    answer = place.call("run", "w.yaml", "--progress", "none")
    assert (answer.code, "raw.txt" in answer.err) == (2, True)
    assert set(place.states().values()) == {"completed"}
    assert ran(place) == []
