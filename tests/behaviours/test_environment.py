"""What a job finds around it: variables, its invocation script, its directory."""

import os

import pytest

pytestmark = pytest.mark.behaviour

TWICE = {"i": "1:2"}


def variables(place, name="env.txt"):
    """What a job found in its environment (``env -0 > env.txt``)."""
    entries = place.text(name).split("\0")[:-1]
    return dict(entry.split("=", 1) for entry in entries)


def test_an_invocation_script_goes_before_the_command_in_the_same_shell(place):
    place.write(
        {
            "name": "scripts",
            "jobs": [
                {"name": "same", "invocation_script": "X=of-the-script;", "command": "echo $X > same"},
                {"name": "prefix", "invocation_script": "env A=1", "command": "printenv A > prefix"},
                {
                    "name": "j{i}",
                    "invocation_script": "echo {i} > p{i};",
                    "command": "true",
                    "parameters": {"i": "1:2"},
                },
                {"name": "fails", "invocation_script": "false &&", "command": "touch ran"},
            ],
        }
    )
    place.run(code=1)
    assert [place.text(name) for name in ("same", "prefix", "p1", "p2")] == ["of-the-script\n", "1\n", "1\n", "2\n"]
    assert place.states()["fails"] == "failed"
    assert not (place.root / "ran").exists()


def test_an_invocation_script_and_a_command_that_are_long_together_run(place):
    half = "x" * 100_000
    job = {"name": "j", "invocation_script": f"A={half};", "command": f"B={half}; echo ${{#A}} ${{#B}} > out"}
    place.write({"name": "long", "jobs": [job]})
    place.run()
    assert place.text("out") == "100000 100000\n"


def test_variables_of_the_job_win_over_the_workflow_and_both_over_the_surroundings(place):
    place.write(
        {
            "name": "env",
            "env": {"A": "workflow", "B": "workflow", "SPACE": "a  b\nc"},
            "jobs": [
                {"name": "own", "command": "env -0 > own.txt", "env": {"B": "job", "D": "größer"}},
                {"name": "plain", "command": "env -0 > plain.txt", "depends_on": ["own"]},
            ],
        }
    )
    place.run("-j", "1", env={**os.environ, "A": "outside", "B": "outside", "C": "outside"})
    own, plain = variables(place, "own.txt"), variables(place, "plain.txt")
    assert (own["A"], own["B"], own["C"], own["D"], own["SPACE"]) == ("workflow", "job", "outside", "größer", "a  b\nc")
    assert (plain["A"], plain["B"]) == ("workflow", "workflow"), "what one job says, the next one does not get"
    assert "D" not in plain


def test_a_path_that_the_file_sets_decides_which_program_runs(place):
    for name in ("workflow", "job"):
        (place.root / name).mkdir()
        program = place.root / name / "mine"
        program.write_text(f"#!/bin/sh\necho {name} >> out\n")
        program.chmod(0o755)
    paths = {name: f"{place.root / name}:/usr/bin:/bin" for name in ("workflow", "job")}
    place.write(
        {
            "name": "path",
            "env": {"PATH": paths["workflow"]},
            "jobs": [
                {"name": "a", "command": "mine"},
                {"name": "b", "command": "mine", "env": {"PATH": paths["job"]}, "depends_on": ["a"]},
                {"name": "c", "command": "mine", "depends_on": ["b"]},
            ],
        }
    )
    place.run()
    assert place.text("out") == "workflow\njob\nworkflow\n"


def test_a_job_gets_the_variables_of_torc(place):
    place.write({"name": "torc", "jobs": [{"name": "the job", "command": "env -0 > env.txt"}]})
    place.run(env={**os.environ, "TORC_API_URL": "http://elsewhere", "TORC_JOB_ID": "99"})
    found = variables(place)
    database = next(place.root.rglob("torc.db"))
    assert {name: found[name] for name in found if name.startswith("TORC_") and name not in HIDDEN} == {
        "TORC_WORKFLOW_ID": "1",
        "TORC_RUN_ID": "1",
        "TORC_JOB_ID": "1",
        "TORC_JOB_NAME": "the job",
        "TORC_ATTEMPT_ID": "1",
        "TORC_OUTPUT_DIR": str(database.parent),
        "TORC_LOCAL_DB": str(database),
        "TORC_API_URL": database.as_uri(),
        "TORC_WORKFLOW_SUBMISSION_DIR": str(place.root),
        "TORC_LOCAL_ERROR_FILE": found["TORC_LOCAL_ERROR_FILE"],
    }
    assert found["TORC_LOCAL_ERROR_FILE"].startswith(str(database.parent / "stdio"))


#: For cleaning up; no promise to jobs.
HIDDEN = {"TORC_LOCAL_TOKEN", "TORC_LOCAL_RUNNER"}


def test_the_submission_directory_is_where_the_workflow_was_made_or_what_the_file_says(place):
    command = 'echo "$TORC_WORKFLOW_SUBMISSION_DIR $PWD" > out'
    place.write({"name": "here", "jobs": [{"name": "j", "command": command}]})
    (place.root / "elsewhere").mkdir()
    assert place.call("create", "w.yaml").code == 0
    place.call("run", "1", "--db", str(next(place.root.rglob("torc.db"))), cwd=place.root / "elsewhere")
    assert place.text("elsewhere/out") == f"{place.root} {place.root / 'elsewhere'}\n"
    place.write({"name": "said", "submission_directory": "/said", "jobs": [{"name": "j", "command": command}]})
    place.run()
    assert place.text("out") == f"/said {place.root}\n"


def test_a_file_that_sets_our_variables_changes_nothing(place):
    place.write({"name": "bad", "jobs": [{"name": "j", "command": "true", "env": {"TORC_JOB_ID": "5", "A-B": "1"}}]})
    answer = place.call("run", "w.yaml")
    assert answer.code == 2
    assert "'TORC_JOB_ID' is set by torc-local itself" in answer.err
    assert "'A-B' cannot be the name of a variable" in answer.err
    assert list(place.root.rglob("torc.db")) == []
