"""dynamic_jobs, and files with what is to be added."""

import json

import pytest

from torc_local.ground.errors import SpecError
from torc_local.spec.addition import check_addition
from torc_local.spec.fragment import commands, read_fragment
from torc_local.spec.known import Known
from torc_local.spec.load import loads


def workflow(**more):
    return json.dumps({"name": "w", "jobs": [], **more}).encode()


def test_max_iterations_is_a_setting():
    assert loads(workflow(), "w.json").settings.max_iterations == 1000
    assert loads(workflow(dynamic_jobs={"max_iterations": 7}), "w.json").settings.max_iterations == 7
    assert loads(workflow(dynamic_jobs={}), "w.json").settings.max_iterations == 1000


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (7, "'dynamic_jobs' must be a mapping, not the number 7"),
        ({"max_iteration": 7}, "unknown key 'max_iteration' in 'dynamic_jobs'"),
        ({"max_iterations": 0}, "'max_iterations' must be 1 or more, not 0"),
        ({"max_iterations": 1_000_000}, "'max_iterations' must be at most 999,999, not 1,000,000"),
        ({"max_iterations": "7"}, "'max_iterations' must be a whole number, not the text '7'"),
    ],
)
def test_dynamic_jobs_that_are_wrong_are_errors(value, said):
    with pytest.raises(SpecError) as caught:
        loads(workflow(dynamic_jobs=value), "w.json")
    assert [problem.message for problem in caught.value.problems] == [said]
    assert caught.value.problems[0].line == 1


JOB = {"name": "a", "command": "true"}


@pytest.mark.parametrize(
    ("text", "file"),
    [
        (json.dumps([JOB]), "x.json"),
        (json.dumps([JOB]), "<stdin>"),
        (json.dumps({"jobs": [JOB]}), "<stdin>"),
        (json.dumps(JOB), "<stdin>"),
        (json.dumps(JOB) + "\n\n", "x.jsonl"),
        ("- name: a\n  command: 'true'\n", "<stdin>"),
        ("jobs:\n- name: a\n  command: 'true'\n", "x.yaml"),
        ("- {name: a, command: 'true'}", "x.yml"),
    ],
)
def test_jobs_are_read_however_they_are_written(text, file):
    fragment = read_fragment(text.encode(), file)
    spec = check_addition(fragment.tree, fragment.problems, Known())
    assert spec is not None
    assert [(job.name, job.command) for job in spec.jobs] == [("a", "true")]


def check_text(text):
    """Read and check what is added."""
    fragment = read_fragment(text.encode(), "<stdin>")
    if check_addition(fragment.tree, fragment.problems, Known()) is None:
        raise fragment.error()


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ('[{"name": "a", "command": "true"},\n {"name": "b/", "command": "true"}]', 2, 11),
        ('{"name": "a", "command": "true"}\n\n  {"name": "b/", "command": "true"}\n', 3, 12),
        ('{"name": "b/", "command": "true"}', 1, 10),
        ("- name: a\n  command: x\n- name: b/\n  command: x\n", 3, 9),
        ('{"name": "a", "command": "x"}\n{"name": \n', 2, 1),
        ('{"name": "a", "command": "x"}\n{"name": "b", "name": "c", "command": "x"}\n', 2, 15),
    ],
)
def test_a_mistake_has_its_place(text, line, column):
    with pytest.raises(SpecError) as caught:
        check_text(text)
    assert [(one.line, one.column) for one in caught.value.problems] == [(line, column)]


def test_commands_are_trimmed_and_comments_left_out():
    assert commands(b"\xef\xbb\xbf one two \r\n#no\n\n   # neither\nthree", "f") == ["one two", "three"]
    for nothing in (b"", b"\n\n", b"# only\n"):
        with pytest.raises(SpecError) as caught:
            commands(nothing, "f")
        assert caught.value.problems[0].message == "No valid commands found in file"
