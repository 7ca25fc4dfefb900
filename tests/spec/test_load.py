"""From a path to a checked workflow."""

import errno
import io
import json
import os
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torc_local.ground.errors import ExitCode, SpecError, StateError
from torc_local.spec.fields import JOB_KEYS, RESOURCE_KEYS
from torc_local.spec.load import load, loads
from torc_local.spec.model import Job

KEYS = sorted(JOB_KEYS | RESOURCE_KEYS)

TEXT = """\
name: demo          # a comment
description: two stages
user: alice
parameters: {i: "1:3"}
jobs:
  - name: work_{i}
    command: echo {i}
    use_parameters: [i]
    priority: 5
  - name: merge
    command: |
      cat *.txt
      echo done
    depends_on_regexes: ["^work_"]
    cancel_on_blocking_job_failure: false
"""


def test_a_whole_workflow_is_read(tmp_path):
    (tmp_path / "w.yaml").write_text(TEXT)
    spec = load(tmp_path / "w.yaml")
    assert (spec.name, spec.description, spec.user) == ("demo", "two stages", "alice")
    assert spec.jobs[0] == Job("work_1", "echo 1", 0, 5, True, ())
    assert spec.jobs[3] == Job("merge", "cat *.txt\necho done\n", 0, 0, False, (0,))
    assert spec.sets == ((0, 1, 2),)
    assert (spec.job_count_before_expansion, spec.dependency_count, spec.warnings) == (2, 3, ())


@pytest.mark.parametrize(
    ("written", "kept"), [("some text", "some text"), ("{b: [1, x], a: 2}", '{"a":2,"b":[1,"x"]}'), ("null", None)]
)
def test_project_and_metadata_are_kept(read, written, kept):
    settings = read(f"name: w\nproject: p\nmetadata: {written}\njobs: []\n").settings
    assert (settings.project, settings.metadata) == ("p", kept)


def test_metadata_that_is_no_json_is_a_problem(only):
    assert only("name: w\nmetadata: {a: .inf}\njobs: []\n").message.startswith("'metadata' cannot be kept as JSON")


def test_standard_input_is_read(monkeypatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(TEXT.encode())))
    assert load("-").name == "demo"


def test_a_problem_on_standard_input_names_it(monkeypatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"name: a")))
    with pytest.raises(SpecError) as caught:
        load("-")
    assert caught.value.problems[0].file == "<stdin>"


def test_a_missing_file_names_its_neighbours(tmp_path):
    (tmp_path / "other.yaml").write_text(TEXT)
    with pytest.raises(SpecError) as caught:
        load(tmp_path / "w.yaml")
    (problem,) = caught.value.problems
    assert (problem.line, problem.message) == (0, "there is no such file")
    assert problem.hint == "in the same directory: other.yaml"


def test_a_directory_is_not_a_workflow(tmp_path):
    with pytest.raises(SpecError) as caught:
        load(tmp_path)
    assert "directory" in caught.value.problems[0].message


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000])
def test_an_impossible_path_is_a_problem_and_no_crash(path):
    with pytest.raises(SpecError):
        load(path)


@pytest.mark.parametrize("code", [errno.EIO, errno.EMFILE, errno.ENOMEM, errno.ESTALE])
def test_what_the_machine_cannot_read_is_no_bad_workflow_file(tmp_path, monkeypatch, code):
    """Whoever is told so tries again, and does not look for the mistake in the file."""

    def open_(path, mode):
        raise OSError(code, os.strerror(code), str(path))

    monkeypatch.setattr(Path, "open", open_)
    with pytest.raises(StateError, match=os.strerror(code).lower()) as caught:
        load(tmp_path / "w.yaml")
    assert caught.value.exit_code == ExitCode.STATE


def test_a_large_command_is_kept_whole(read):
    command = "x" * 3_000_000
    assert (
        read(json.dumps({"name": "w", "jobs": [{"name": "a", "command": command}]}), "w.json").jobs[0].command
        == command
    )


def test_layout_does_not_change_the_digest_and_content_does(read):
    digest = read("name: w\njobs:\n  - {name: a, command: x, priority: 1}\n").digest
    assert read("# hi\njobs:\n- priority: 1\n  command: 'x'\n  name: a\nname: w\n").digest == digest
    assert read('{"name":"w","jobs":[{"name":"a","command":"x","priority":1}]}', "w.json").digest == digest
    assert read("name: w\njobs:\n  - {name: a, command: y, priority: 1}\n").digest != digest


def test_an_alias_does_not_change_the_digest(read):
    names = "[" + ", ".join(f"a{i}" for i in range(100)) + "]"
    head = "name: w\njobs:\n- {name: 'a{i}', command: x, parameters: {i: '0:99'}}\n"
    shared = f"- {{name: b, command: x, depends_on: &d {names}}}\n- {{name: c, command: x, depends_on: *d}}\n"
    written = f"- {{name: b, command: x, depends_on: {names}}}\n- {{name: c, command: x, depends_on: {names}}}\n"
    assert read(head + shared).digest == read(head + written).digest


def test_the_order_of_parameters_changes_the_digest_because_it_changes_the_jobs(read, jobs):
    first = read(jobs("name: 'a{x}{y}', parameters: {x: '1:2', y: '1:2'}")).digest
    assert read(jobs("name: 'a{x}{y}', parameters: {y: '1:2', x: '1:2'}")).digest != first


PIECES = st.sampled_from(
    [
        *"\n\t :-[]{},'\"&*!|>%@`#?.~<",
        "\n  - ",
        ": ",
        "name",
        "jobs",
        "&a ",
        "*a",
        "- ",
        "{i}",
        "1:3",
        "\\",
        "\x85",
        "é",
        "😀",
        "0x",
        "<<",
    ]
)


@given(
    st.integers(0, len(TEXT)),
    st.integers(0, 30),
    st.lists(PIECES, max_size=6).map("".join),
    st.sampled_from(["w.yaml", "w"]),
)
@settings(max_examples=400, deadline=None)
def test_a_damaged_file_is_either_read_or_explained(start, length, piece, file):
    """Whatever an editor or a disk did to a file, nobody sees a traceback, and positions are inside the text."""
    text = TEXT[:start] + piece + TEXT[start + length :]
    try:
        loads(text.encode(), file)
    except SpecError as error:
        lines = text.split("\n")
        for problem in error.problems:
            assert 0 <= problem.line <= len(lines)
            assert problem.line == 0 or 1 <= problem.column <= len(lines[problem.line - 1]) + 1
            assert problem.width >= 1
            assert problem.message.isprintable()
            assert problem.hint is None or problem.hint.isprintable()


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
        max_leaves=12,
    )
)
@settings(max_examples=300, deadline=None)
def test_any_json_is_either_read_or_explained(value):
    text = json.dumps({"name": "w", "jobs": [value], "resource_requirements": value, "parameters": value})
    with suppress(SpecError):
        loads(text.encode(), "w.json")


def test_the_digest_is_the_one_of_earlier_versions(read):
    assert read("name: w\njobs: []\n").digest == "d5654e0aa79e5d688e168841dc52071101c714b666052a3372a0c4defab0441f"
