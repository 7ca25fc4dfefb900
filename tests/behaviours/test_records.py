"""Torc's spellings of commands that look: they give what theirs give, under the same keys."""

import pytest

pytestmark = pytest.mark.behaviour

SPEC = {
    "name": "w",
    "files": [{"name": "f", "path": "f.txt"}, {"name": "given", "path": "given.txt"}],
    "user_data": [{"name": "u", "data": 1}],
    "failure_handlers": [{"name": "h", "rules": [{"exit_codes": [3], "max_retries": 1}]}],
    "resource_requirements": [{"name": "r", "memory": "100m", "num_cpus": 2, "runtime": "PT5M"}],
    "jobs": [
        {"name": "a", "command": "date > ${files.output.f}", "input_files": ["given"], "resource_requirements": "r"},
        {"name": "b", "command": "cat ${files.input.f} '${user_data.input.u}' || true", "failure_handler": "h"},
        {"name": "c", "command": "true", "depends_on": ["a", "b"]},
    ],
}


@pytest.fixture
def stored(place):
    place.write(SPEC)
    place.call("create", "w.yaml")
    return place


def items(place, *words):
    """The items of a list, the format named in front as in Torc."""
    answer = place.call("-f", "json", *words)
    assert answer.code == 0, answer.err
    return answer.json["items"]


def test_requirements_handlers_and_files_are_listed_and_found_by_name_and_id(stored):
    listed = items(stored, "resource-requirements", "list", "1")
    assert {one["name"]: (one["num_cpus"], one["memory"]) for one in listed} == {"default": (1, "1m"), "r": (2, "100m")}
    one = stored.call("resource-requirements", "get", "r", "-f", "json").json
    assert (one["num_cpus"], one["runtime_seconds"]) == (2, 300)
    assert items(stored, "failure-handlers", "list", "1")[0]["rules"][0]["exit_codes"] == [3]
    assert stored.call("failure-handlers", "get", "1", "-f", "json").json["name"] == "h"
    file_id = stored.call("files", "get", "given", "-f", "json").json["id"]
    assert stored.call("files", "get", str(file_id), "-f", "json").json["path"] == "given.txt"
    assert "given.txt" in stored.call("files", "get", "given").out


def test_who_waits_for_whom_is_listed_pair_by_pair(stored):
    pairs = items(stored, "job-dependencies", "job-job", "1")
    assert [(one["job_name"], one["depends_on_job_name"]) for one in pairs] == [("b", "a"), ("c", "a"), ("c", "b")]
    answer = stored.call("job-dependencies", "job-job", "-l", "1")
    assert len(answer.out.splitlines()) == 2
    assert "--limit allows more" in answer.err
    uses = items(stored, "job-dependencies", "job-file", "1")
    assert [(one["file_name"], one["producer_job_name"], one["consumer_job_name"]) for one in uses] == [
        ("f", "a", "b"), ("given", None, "a"),
    ]  # fmt: skip
    (data,) = items(stored, "job-dependencies", "job-user-data", "1")
    assert (data["user_data_name"], data["producer_job_id"], data["consumer_job_name"]) == ("u", None, "b")


def test_jobs_that_run_now_are_listed(place):
    command = "touch there; while ! test -e go; do sleep 0.02; done"
    place.write({"name": "w", "jobs": [{"name": "a", "command": command}, {"name": "b", "command": "true"}]})
    run = place.start("run", "w.yaml", "-j", "2", "--progress", "none")
    place.wait_for("there")
    place.wait_until(lambda: items(place, "jobs", "running", "1"))
    assert [one["name"] for one in items(place, "jobs", "running", "1")] == ["a"]
    assert any(one["is_active"] for one in items(place, "compute-nodes", "list", "1"))
    (place.root / "go").touch()
    assert run.wait(60) == 0
    run.communicate()


def test_events_and_nodes_of_a_run_are_listed(place):
    place.write({"name": "w", "jobs": [{"name": "a", "command": "exit 3"}]})
    place.run(code=1)
    found = items(place, "events", "list", "1")
    assert "workflow_created" in [one["type"] for one in found]
    (failed,) = [one for one in found if one["type"] == "job_failed"]
    assert (failed["job_name"], failed["message"]) == ("a", "exit 3")
    assert place.call("events", "get", str(failed["id"]), "-f", "json").json["message"] == "exit 3"
    nodes = items(place, "compute-nodes", "list", "1")
    assert {(one["is_active"], one["end_reason"]) for one in nodes} == {(False, "finished")}
    assert nodes[0]["hostname"]


def test_whether_a_workflow_is_complete_is_said_in_torcs_words(stored):
    answer = stored.call("-f", "json", "workflows", "is-complete", "1")
    assert answer.json.keys() >= {"is_canceled", "is_complete", "needs_to_run_completion_script"}
    assert (answer.code, answer.json["is_complete"]) == (0, False)
    stored.call("cancel", "1")
    answer = stored.call("workflows", "is-complete", "1")
    assert answer.out == "Is Complete: true\nIs Canceled: true\n"


def test_the_nouns_for_workflows_jobs_and_results_mean_ours(place):
    place.write({"name": "w", "jobs": [{"name": "a", "command": "true"}]})
    place.run()
    for theirs, ours in (
        (("workflows", "list"), ("list",)),
        (("workflows", "get", "1"), ("status", "1")),
        (("jobs", "list", "1"), ("jobs", "1")),
        (("jobs", "get", "1"), ("job", "1")),
        (("results", "list", "1"), ("results", "1")),
    ):
        answer = place.call("-f", "json", *theirs)
        assert answer.code == 0
        expected, found = place.call(*ours, "-f", "json").json, answer.json
        for document in (expected, found):
            document.pop("at", None)
        assert found.keys() == expected.keys()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("files", "get", "gven"), "did you mean 'given'?"),
        (("resource-requirements", "get", "7"), "there is no set of resource requirements '7'"),
        (("failure-handlers", "fetch", "h"), "there is: failure-handlers list"),
        (("events", "list", "9"), "there is no workflow 9"),
        (("job-dependencies", "job-job", "w.yaml"), "is a workflow file"),
    ],
)
def test_what_is_not_there_is_explained(stored, words, message):
    answer = stored.call(*words)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err
