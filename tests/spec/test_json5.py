"""JSON5: what it allows is read, what is wrong is explained with its place."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torc_local.ground.errors import SpecError
from torc_local.spec.load import loads

TEXT = """\
// two stages
{
  name: 'demo', /* a comment // in a comment */
  description: "two \\
stages",
  parameters: {i: "1:3"},
  "jobs": [
    {name: 'work_{i}', command: 'echo {i}', use_parameters: ['i'], priority: 0x10},
    {name: "merge", command: 'cat "x"', depends_on_regexes: ["^work_"], cancel_on_blocking_job_failure: false},
  ],
}
"""


def test_comments_commas_quotes_and_numbers_of_json5_are_read(read):
    spec = read(TEXT, "w.json5")
    assert (spec.name, spec.description) == ("demo", "two stages")
    assert [job.name for job in spec.jobs] == ["work_1", "work_2", "work_3", "merge"]
    assert spec.jobs[0].priority == 16
    assert spec.sets == ((0, 1, 2),)


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("{name: 'w'\n jobs: []}", 2, 2, "'j' is not expected here"),
        ("{name: 'w',\n jobs: [", 2, 8, "this '[' is never closed"),
        ("{name: 'w',\n jobs: []}\n// end\n}", 4, 1, "something follows the end of the value"),
        ("{name: 'w',,}", 1, 12, "a comma with nothing before it"),
        ("{name: 'w}\n", 1, 8, "this quote is never closed"),
        ("{name 'w'}", 1, 7, '"\'" is not expected here'),
        ("{name: 1e999}", 1, 8, "this number cannot be read"),
        ("{name: 'w', jobs: [],\n 'name': 'v'}", 2, 2, "the key 'name' is repeated; it is already in line 1"),
        ("{name: 'w', jobs: [], \\u006eame: 'v'}", 1, 23, "the key 'name' is repeated; it is already in line 1"),
        ("{name: 'w',\n jobs: [{name: 'a', comand: 'x'}]}", 2, 21, "unknown key 'comand' in job 'a'"),
        ("{name: 'w', jobs: " + "[" * 70, 1, 82, "nested more than 64 levels deep"),
        ("// nothing", 0, 0, "there is nothing but comments in the file"),
    ],
)
def test_a_mistake_is_explained_with_its_place(only, text, line, column, message):
    problem = only(text, "w.json5")
    assert (problem.line, problem.column, problem.message) == (line, column, message)


def test_json_stays_strict(only):
    assert only("{'name': 'w'}", "w.json").message == "JSON text stands in double quotes"


@pytest.mark.parametrize(("file", "module", "extra"), [("w.json5", "pyjson5", "json5"), ("w.kdl", "ckdl", "kdl")])
def test_a_missing_extra_is_named(only, monkeypatch, file, module, extra):
    monkeypatch.setitem(sys.modules, module, None)
    problem = only("{name: 'w', jobs: []}", file)
    assert problem.message.endswith(f"needs the package {module}")
    assert problem.hint == f"pip install 'torc-local[{extra}]'"


def test_a_missing_extra_is_named_when_the_text_looks_like_it(only, read, monkeypatch):
    for module in ("pyjson5", "ckdl"):
        monkeypatch.setitem(sys.modules, module, None)
    assert "pyjson5" in only("{name: 'w', jobs: []}\n}", "w").message
    assert "ckdl" in only('name "w"\njob "a" { command "x" }\n', "w").message
    assert read("name: w\njobs: []\n", "w").name == "w"


def test_a_long_comment_at_the_end_costs_no_time(read):
    assert read("{name: 'w', jobs: []}" + " // /* " * 5000, "w.json5").name == "w"


@given(st.integers(0, len(TEXT)), st.integers(0, 20), st.text("{}[]:,'\"/\\*\n\t ajé0.", max_size=4))
@settings(max_examples=150, deadline=None)
def test_a_damaged_file_is_either_read_or_explained(start, length, piece):
    text = TEXT[:start] + piece + TEXT[start + length :]
    try:
        loads(text.encode(), "w.json5")
    except SpecError as error:
        for problem in error.problems:
            assert problem.line <= text.count("\n") + 1
            assert problem.message.isprintable()
