"""``export`` and ``import``, as programs and people use them."""

import json
import os
import sys

import pytest

pytestmark = pytest.mark.behaviour

SPEC = {
    "name": "w",
    "files": [{"name": "f", "path": "f.txt"}],
    "user_data": [{"name": "u"}],
    "failure_handlers": [{"name": "h", "rules": [{"exit_codes": [3], "max_retries": 2}]}],
    "resource_requirements": [{"name": "r", "memory": "100m", "num_cpus": 1, "runtime": "PT5M"}],
    "execution_config": {"stdio": {"mode": "combined"}},
    "jobs": [
        {
            "name": "a",
            "command": "echo hi > ${files.output.f}; torc-local user-data put u 7",
            "output_user_data": ["u"],
        },
        {
            "name": "b_{i}",
            "command": "cat ${files.input.f}; echo '${user_data.input.u}' {i} >> log",
            "parameters": {"i": "1:2"},
            "resource_requirements": "r",
        },
        {"name": "bad", "command": "echo bad >> log; exit 3", "failure_handler": "h"},
    ],
}
JOBS_ONLY = {"name": "w", "jobs": [{"name": "a", "command": "true"}]}


def program(place):
    """Write the file; the job calls the program by its name, which tests do not install."""
    text = json.dumps(SPEC).replace("torc-local user-data", f"{sys.executable} -m torc_local user-data")
    place.write(json.loads(text))


def test_an_imported_workflow_runs_like_its_original(place):
    program(place)
    place.call("create", "w.yaml")
    assert place.call("export", "-o", "x.json").code == 0
    assert place.call("--db", "other.db", "import", "x.json").out == "1\n"
    answer = place.call("--db", "other.db", "run", "-j", "2", "--progress", "none")
    assert answer.code == 1
    assert sorted(place.text("log").splitlines()) == ["7 1", "7 2", "bad", "bad"]
    states = {job["name"]: job["status"] for job in place.call("--db", "other.db", "jobs", "-f", "json").json["items"]}
    assert states == {"a": "completed", "b_1": "completed", "b_2": "completed", "bad": "failed"}


def test_values_of_secrets_stay_here(place):
    """Jobs of the copy get them from who runs it."""
    job = {"name": "a", "command": "echo $API_TOKEN$DB_PASSWORD > log", "env": {"DB_PASSWORD": "hush"}}
    place.write({"name": "w", "env": {"COLOUR": "blue", "API_TOKEN": "hush"}, "jobs": [job]})
    place.call("create", "w.yaml")
    answer = place.call("export", "-o", "x.json")
    for name in ("API_TOKEN", "DB_PASSWORD"):
        assert f"note: the value of {name} is left out" in answer.err
    assert ("blue" in place.text("x.json"), "hush" in place.text("x.json")) == (True, False)
    place.call("--db", "other.db", "import", "x.json")
    env = os.environ | {"API_TOKEN": "to", "DB_PASSWORD": "ken"}
    assert place.call("--db", "other.db", "run", "--progress", "none", env=env).code == 0
    assert place.text("log") == "token\n"


def test_nothing_of_an_imported_workflow_has_run(place):
    """Torc: states are uninitialized, runs and cancels begin anew."""
    place.write(JOBS_ONLY)
    place.run()
    place.call("export", "-o", "x.json", "--results")
    assert place.call("import", "x.json", "--name", "copy").out == "2\n"
    assert [job["status"] for job in place.call("jobs", "2", "-f", "json").json["items"]] == ["ready"]
    assert place.call("results", "2", "-f", "json").json["items"] == []
    listed = place.call("list", "-f", "json").json["items"]
    assert [(one["name"], one["run_id"]) for one in listed] == [("w", 1), ("copy", 0)]


def test_export_and_import_come_to_rest(place):
    program(place)
    place.run(code=1)
    place.call("export", "-o", "0.json")
    for number in (1, 2, 3):
        place.call("--db", f"{number}.db", "import", f"{number - 1}.json")
        place.call("--db", f"{number}.db", "export", "-o", f"{number}.json")

    def content(number):
        document = json.loads(place.text(f"{number}.json"))
        del document["exported_at"], document["workflow"]["timestamp"]
        return document

    assert content(1) == content(2) == content(3)
    assert [job["status"] for job in content(3)["jobs"]] == ["ready", "blocked", "blocked", "ready"]


def test_a_document_has_torcs_keys(place):
    program(place)
    place.run(code=1)
    document = place.call("workflows", "export", "1", "--include-results", "--include-events").json
    assert [key for key in document if key != "exported_by"] == [
        "export_version", "exported_at", "workflow", "files", "user_data", "resource_requirements", "slurm_schedulers",
        "local_schedulers", "failure_handlers", "jobs", "workflow_actions", "results", "events",
    ]  # fmt: skip
    assert document["export_version"] == "1.0"
    jobs = {job["name"]: job for job in document["jobs"]}
    assert jobs["b_1"]["depends_on_job_ids"] == [jobs["a"]["id"]]
    assert jobs["b_1"]["input_file_ids"] == jobs["a"]["output_file_ids"] == [document["files"][0]["id"]]
    assert document["user_data"][0]["data"] == 7
    assert [row["status"] for row in document["results"] if row["job_id"] == jobs["bad"]["id"]] == ["failed", "failed"]
    assert document["events"][0]["data"]["type"] == "workflow_created"
    assert document["files"][0]["st_mtime"] > 0
    assert "results" not in place.call("export").json


def test_a_file_that_is_there_is_not_replaced_unless_asked_to(place):
    place.write(JOBS_ONLY)
    place.call("create", "w.yaml")
    (place.root / "x.json").write_text("mine")
    answer = place.call("export", "-o", "x.json")
    assert (answer.code, place.text("x.json")) == (2, "mine")
    assert "x.json exists" in answer.err
    assert place.call("export", "-o", "x.json", "--force").code == 0
    assert json.loads(place.text("x.json"))["export_version"] == "1.0"
    assert place.call("export", "-o", "none/x.json").code == 2
    assert json.loads(place.call("export", "-o", "-").out)["jobs"][0]["name"] == "a"
    assert sorted(path.name for path in place.root.iterdir()) == ["torc_output", "w.yaml", "x.json"]


def test_a_bad_document_changes_nothing(place):
    (place.root / "x.json").write_text('{"export_version": "1.0", "workflow": {"name": "w"}, "jobs": [\n{"id": 1}]}')
    answer = place.call("import", "x.json")
    assert (answer.code, answer.out) == (2, "")
    assert "x.json:2:1: error: an entry of 'jobs' has no 'name' that is text" in answer.err
    place.write(JOBS_ONLY)
    answer = place.call("import", "w.yaml")
    assert answer.code == 2
    assert not (place.root / "torc_output").exists()
    assert place.call("import", "nothing.json").code == 2


def test_letters_come_back_whatever_the_locale_is(place):
    place.write({"name": "Überblick", "jobs": [{"name": "größe", "command": "echo 日本"}]})
    place.call("create", "w.yaml")
    document = place.call("export", env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0"}).json
    assert (document["workflow"]["name"], document["jobs"][0]["command"]) == ("Überblick", "echo 日本")


def test_torcs_spelling_of_import_reads_standard_input(place):
    place.write(JOBS_ONLY)
    place.call("create", "w.yaml")
    text = place.call("export").out
    answer = place.call("-f", "json", "workflows", "import", "-", input=text)
    assert answer.json["workflow_id"] == 2
