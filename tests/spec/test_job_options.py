"""Keys that few jobs have: read once for all instances that say the same, and refused when they make no sense."""

import json

import pytest

from torc_local.ground.errors import SpecError
from torc_local.spec import options, settings
from torc_local.spec.load import loads
from torc_local.spec.options import NONE, Options
from torc_local.spec.stdio import Stdio, stdio_of


def load(*jobs, **top):
    return loads(json.dumps({"name": "w", "jobs": list(jobs), **top}).encode(), "w.json")


def said(spec):
    return [spec.options[job.options] for job in spec.jobs]


def complaint(*jobs, **top):
    with pytest.raises(SpecError) as caught:
        load(*jobs, **top)
    return "\n".join(problem.message for problem in caught.value.problems)


def test_jobs_that_say_the_same_share_one_row_and_the_others_have_none():
    job = {"command": "x", "env": {"B": "2", "A": "1"}}
    spec = load(
        {"name": "a", **job}, {"name": "b", "command": "x"}, {"name": "c{i}", "parameters": {"i": "1:3"}, **job}
    )
    assert [job.options for job in spec.jobs] == [1, 0, 1, 1, 1]
    assert spec.options == (NONE, Options(env=(("A", "1"), ("B", "2"))))


def test_parameters_are_filled_into_scripts_and_values_but_not_into_descriptions():
    spec = load(
        {
            "name": "j{i}", "command": "x", "parameters": {"i": "[1,2]"}, "description": "number {i}",
            "invocation_script": "nice -n {i}", "env": {"I": "{i:03d}", "SAME": "s"}, "supports_termination": True,
        }
    )  # fmt: skip
    assert said(spec) == [Options(f"nice -n {i}", (("I", f"00{i}"), ("SAME", "s")), True, "number {i}") for i in (1, 2)]


def test_instances_of_one_name_must_say_the_same():
    job = {"name": "one", "command": "x", "parameters": {"i": "1:2"}}
    assert len(load({**job, "env": {"A": "1"}}).jobs) == 1
    assert "with different options" in complaint({**job, "env": {"A": "{i}"}})


def test_options_and_settings_come_back_from_their_json():
    one = Options("script", (("A", "ä\ud800"),), True, "d")
    assert options.loads(options.dumps(one)) == one
    assert options.loads("{}") == NONE
    two = settings.Settings(project="p", env=(("A", "1"),), submission_directory="/x")
    assert settings.loads(settings.dumps(two)) == two


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"A-B": "1"}, "cannot be the name of a variable"),
        ({"1A": "1"}, "cannot be the name of a variable"),
        ({"": "1"}, "cannot be the name of a variable"),
        ({"TORC_JOB_ID": "1"}, "is set by torc-local itself"),
        ({"TORC_LOCAL_X": "1"}, "is set by torc-local itself"),
        ({"A": None}, "has no value"),
        ({"A": 5}, "must be text, not the number 5"),
        ({"A": True}, "must be text, not the value true"),
        ({"A": ["x"]}, "must be text, not a list"),
        ({"A": "a\0b"}, "NUL"),
        ({"A": "\ud800"}, "half of a character"),
        ({"A": "x" * 131072}, "131,074 bytes"),
        ([["A", "1"]], "must be a mapping"),
        ("A=1", "must be a mapping"),
    ],
)
def test_variables_that_no_program_could_get_are_refused_for_jobs_and_workflows(env, words):
    assert words in complaint({"name": "a", "command": "x", "env": env})
    assert words in complaint({"name": "a", "command": "x"}, env=env)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("invocation_script", "", "is empty"),
        ("invocation_script", " \n", "is empty"),
        ("invocation_script", "a\0", "NUL"),
        ("invocation_script", ["a"], "must be text"),
        ("supports_termination", "yes", "must be true or false"),
        ("description", 5, "must be text"),
    ],
)
def test_other_keys_that_make_no_sense_are_refused(key, value, words):
    assert words in complaint({"name": "a", "command": "x", key: value})


def test_a_submission_directory_must_be_a_name():
    assert "is empty" in complaint(submission_directory="")
    assert "must be text" in complaint(submission_directory=[1])
    assert "NUL" in complaint(submission_directory="a\0")
    assert load(submission_directory="/there").settings.submission_directory == "/there"


def test_what_a_job_says_of_its_output_wins_over_the_workflow_key_by_key():
    config = {"stdio": {"mode": "combined", "delete_on_success": True}}
    spec = load(
        {"name": "a", "command": "x"},
        {"name": "b", "command": "x", "stdio": {"mode": "none"}},
        {"name": "c", "command": "x", "stdio": {"delete_on_success": False}},
        execution_config=config,
    )
    found = [stdio_of(spec.settings, options.loads(options.dumps(one))) for one in said(spec)]
    assert found == [Stdio("combined", True), Stdio("none", True), Stdio("combined", False)]
    assert "unknown mode 'all' of 'stdio'" in complaint({"name": "a", "command": "x", "stdio": {"mode": "all"}})
