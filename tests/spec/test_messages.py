"""Every mistake has a line, a column and a sentence that says what to do."""

import json

import pytest

from torc_local.spec.fields import check_keys
from torc_local.spec.problems import Problems

HEAD = "name: w\njobs:\n"


@pytest.mark.parametrize(
    ("text", "line", "column", "message", "hint"),
    [
        ("  - name: a\n    comand: x\n", 4, 5, "unknown key 'comand' in job 'a'", "did you mean 'command'?"),
        ("  - name: a\n    command: echo foo: bar\n", 4, 22, "': ' inside an unquoted value", '"echo foo: bar"'),
        ("  - name: {i}\n    command: x\n", 3, 11, "YAML reads {i} as a mapping", 'write "{i}"'),
        ("  - name: {i}_{j}\n    command: x\n", 3, 11, "YAML reads {i} as a mapping", "quotes"),
        ("\t- name: a\n", 3, 1, "a tab is used for indentation; YAML wants spaces", "spaces"),
        ("  - name: 'a\n    command: b\n", 3, 11, "never closed", "closing quote"),
        ("  - name: a\n    depends_on: [b,\n", 4, 19, "the file ends in the middle", "complete"),
        ("  - name: a\n    command: [x\n  - name: b\n", 4, 14, "not closed by ']'", "line 5"),
        ("  - name: a\n    command: @x\n", 4, 14, "cannot begin with '@'", "quotes"),
        ("  - name: a\n    command: *.txt\n", 4, 14, "cannot begin with '*'", "quotes"),
        ("  - name: a\n    command x\n    priority: 1\n", 4, 5, "not 'key: value'", "key: value"),
        ('  - name: a\n    command: "x" y\n', 4, 18, "text follows the closing quote", "quote the whole"),
        ("  - name: a\n    command: x\n   depends_on: [b]\n", 5, 4, "indentation does not fit", "same column"),
        ("  - name: a\n    name: b\n    command: x\n", 4, 5, "'name' is repeated; it is already in line 3", "remove"),
        ("  - name: 5\n    command: x\n", 3, 11, "'name' must be text, not the number 5", 'write "5"'),
        ("  - name: a\n    command: true\n", 4, 14, "must be text, not the value true", 'write "true"'),
        ("  - name: a\n", 3, 5, "job 'a' has no command", "'command'"),
        ("  - command: a\n", 3, 5, "job 1 has no name", "'name'"),
        ("  - name: a\n    command: ' '\n", 4, 14, "the command of job 'a' is empty", "true"),
        ('  - name: a\n    command: "a\\0b"\n', 4, 14, "NUL", "program"),
        ("  - name: a\n    command: x\n    depends_on: b\n", 5, 17, "must be a list, not text", "[b]"),
        ("  - name: a\n    command: x\n    priority: -1\n", 5, 15, "'priority' must be 0 or more", None),
        ("  - name: a\n    command: x\n    priority: '1'\n", 5, 15, "must be a whole number", "without quotes"),
        ("  - name: a\n    command: x\n    cancel_on_blocking_job_failure: no\n", 5, 37, "true or false", "YAML 1.2"),
        ("  - name: a\n    command: x\n    input_files: [b]\n", 5, 19, "names the file 'b', which does not", "'files'"),
        ("  - &a {name: a, command: b}\n  - <<: *a\n    name: c\n    command: d\n", 4, 5, "'<<' is not", "merge"),
        ("  - a\n", 3, 5, "a job must be a mapping, not the text 'a'", "- name:"),
        ("  a: 1\n", 3, 3, "'jobs' must be a list, not a mapping", "- name:"),
    ],
)
def test_a_mistake_is_explained_where_it_is(only, text, line, column, message, hint):
    problem = only(HEAD + text)
    assert (problem.line, problem.column) == (line, column)
    assert message in problem.message
    assert (hint is None and problem.hint is None) or hint in problem.hint
    assert problem.excerpt == (HEAD + text).replace("\t", " ").splitlines()[line - 1]


def test_the_caret_is_as_wide_as_what_it_points_at(only):
    assert only(HEAD + "  - name: a\n    command: x\n    comandd: y\n").width == len("comandd")


def test_all_problems_are_reported_together_and_in_order(problems):
    text = (
        HEAD
        + "  - {name: a, command: x, foo: 1}\n  - {name: a/b, command: x}\n  - {name: c, command: x, depends_on: [d]}\n"
    )
    assert [p.line for p in problems(text)] == [3, 4, 5]


def test_there_is_an_end_to_the_list_of_problems(problems):
    assert len(problems(HEAD + "".join(f"  - {{name: a{i}}}\n" for i in range(5000)))) == 100


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"\0\1\2", "binary"),
        (b"name: \xff\n", "line 1 is not UTF-8"),
        ("name: w".encode("utf-16"), "UTF-16"),
    ],
)
def test_a_file_that_is_no_text_has_one_problem_without_a_position(only, data, message):
    problem = only(data)
    assert message in problem.message
    assert (problem.line, problem.column) == (0, 0)
    assert problem.hint


def test_a_byte_order_mark_is_accepted(read):
    assert read(b"\xef\xbb\xbfname: w\njobs: []\n").name == "w"


def test_a_control_character_is_named(only):
    problem = only("name: w\njobs: []\nuser: \x1b[31m\n")
    assert "'\\x1b'" in problem.message
    assert (problem.line, problem.column) == (3, 7)
    assert "\x1b" not in problem.excerpt


@pytest.mark.parametrize("missing", ["name", "jobs"])
def test_a_required_key_is_missed(only, missing):
    assert f"no '{missing}'" in only({"name": "jobs: []\n", "jobs": "name: w\n"}[missing]).message


@pytest.mark.parametrize("empty", [None, [], {}, "", False])
def test_an_unsupported_key_without_content_is_fine(empty):
    known = frozenset({"later"})
    problems = Problems()
    check_keys({"later": empty}, known, {"later": "wait"}, (), "here", problems)
    assert not problems
    check_keys({"later": [1]}, known, {"later": "wait"}, (), "here", problems)
    assert problems


def test_harmless_keys_are_noted_once_each(read):
    spec = read("name: w\njobs: []\naccess_groups: [1]\nproject: p\nmetadata: m\nenable_ro_crate: true\n")
    assert [(w.line, w.message.split()[0]) for w in spec.warnings] == [
        (3, "'access_groups'"),
        (6, "'enable_ro_crate'"),
    ]


def test_a_placeholder_of_an_unused_workflow_parameter_is_noted(read):
    spec = read("name: w\nparameters: {i: '1:2'}\njobs:\n  - {name: 'a{i}', command: x}\n")
    assert "use_parameters: [i]" in spec.warnings[0].hint


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ('{"name": "w",}', 13, "comma before the closing"),
        ('{"name": NaN}', 10, "NaN is not"),
        ("// x\n{}", 1, "no comments"),
        ('{"name": "w"', 12, "ends in the middle"),
        ("{\"name\": 'w'}", 10, "double quotes"),
        ("[" * 100_000, 65, "64 levels"),
        ('{"name": "w", "jobs": ' + "[" * 70 + "]" * 70 + "}", 86, "64 levels"),
        ('{"name": "w", "jobs": [], "name": "v"}', 27, "repeated"),
        ('{"name": "w", "jobs": [{"name": "a", "command": "\\ud800"}]}', 49, "half of a character"),
        ('{"name": "w", "jobs": [], "priority": ' + "1" * 5000 + "}", 39, "too many digits"),
    ],
)
def test_json_is_strict_and_has_positions(only, text, column, message):
    problem = only(text, "w.json")
    assert message in problem.message
    assert problem.column == column


def test_a_problem_in_a_list_that_an_alias_repeats_is_found_at_the_list(only):
    text = HEAD + "  - {name: a, command: x}\n  - {name: b, command: x, depends_on: &d [a, a, z]}\n"
    assert only(text).column == 49


def test_jobs_that_are_no_list_are_one_problem(only):
    assert only("name: w\njobs: 5\n").message == "'jobs' must be a list, not the number 5"


def test_the_suffix_decides_and_without_one_all_are_tried(read, only):
    text = json.dumps({"name": "w", "jobs": []})
    assert read(text, "w.json").digest == read(text, "w").digest == read("name: w\njobs: []\n", "w").digest
    assert read("{name: 'w', jobs: [],}", "w").digest == read('name "w"', "w").digest == read(text, "w").digest
    assert "'[' is not expected here" in only(text, "w.kdl").message
    assert "not valid JSON" in only("name: w\njobs: []\n", "w.json").message


def test_what_a_person_wrote_cannot_reach_the_terminal(problems):
    for problem in problems(
        '{"name": "a\\u001b[2J", "jobs": [{"name": "\\u001b", "command": "x", "\\u001b": 1}]}', "w.json"
    ):
        assert "\x1b" not in problem.message
        assert "\x1b" not in (problem.hint or "")


def test_a_note_about_every_job_is_made_once(read, jobs):
    assert len(read(jobs("name: a, scheduler: s", "name: b, scheduler: s")).warnings) == 1
