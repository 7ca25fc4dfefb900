"""Torc's grammar of parameter values, how values look in text, and how jobs multiply."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torc_local.spec.load import loads
from torc_local.spec.parameters import parse_values
from torc_local.spec.render import product, render


def texts(value):
    return [render(v) for v in parse_values(value).values()]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1:5", ["1", "2", "3", "4", "5"]),
        ("{1:5}", ["1", "2", "3", "4", "5"]),
        ("0:10:2", ["0", "2", "4", "6", "8", "10"]),
        ("1:100:25", ["1", "26", "51", "76"]),
        ("5:1:-2", ["5", "3", "1"]),
        ("0.0:1.0:0.5", ["0", "0.5", "1"]),
        ("0.0:0.3:0.1", ["0", "0.1", "0.2", "0.30000000000000004"]),
        ("1.0:3", ["1", "2", "3"]),
        ("[0.0001,0.001,0.01]", ["0.0001", "0.001", "0.01"]),
        ("['001', \"b\", c ]", ["001", "b", "c"]),
        ("[[a,b]]", ["a", "b"]),
        ("[a,]", ["a", ""]),
        ("[]", []),
        ("3:1", []),
        (" 7 ", ["7"]),
        ("hello", ["hello"]),
        ("[http://x, 12:30]", ["http://x", "12:30"]),
        ([1, "1:5", 2.0, True], ["1", "1:5", "2", "true"]),
        (5, ["5"]),
        ("1e3", ["1000"]),
        ("99999999999999999999", ["100000000000000000000"]),
    ],
)
def test_values_are_what_torc_makes_of_them(value, expected):
    assert texts(value) == expected
    assert parse_values(value).count == len(expected)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("0:1:0.1", "integer ends"),
        ("1:5:0", "step"),
        ("1.0:5:0", "step"),
        ("12:30:1:2", "not a range"),
        ("http://x", "is not a number; write text with ':' inside a list"),
        ([None], "must be text or a number, not empty"),
        ([[1]], "not a list"),
        ({"a": 1}, "not a mapping"),
    ],
)
def test_what_is_not_in_the_grammar_is_an_error(value, words):
    with pytest.raises(ValueError, match=words):
        parse_values(value)


@pytest.mark.parametrize(
    ("value", "how", "expected"),
    [
        (7, "03d", "007"),
        (-7, "04d", "-007"),
        (7, "3d", "7"),
        (7, ".2f", "7"),
        (1.0, None, "1"),
        (1e-5, None, "0.00001"),
        (1e22, None, "10000000000000000000000"),
        (0.1, None, "0.1"),
        (-0.0, None, "-0"),
        (0.001, ".4f", "0.0010"),
        (2.5, "03d", "2.5"),
        ("7", "03d", "7"),
        ("x", ">5", "x"),
    ],
)
def test_numbers_look_as_torc_prints_them(value, how, expected):
    assert render(value, how) == expected


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_rendered_float_reads_back_and_has_no_exponent(value):
    assert float(render(value)) == value
    assert "e" not in render(value)


def test_formatted_and_plain_placeholders_are_filled_in_together():
    grid = product({"i": range(1, 3), "p": ["%s"]})
    assert grid.fill("{i} {i:03d} 100% {p} {q} ${i}") == ["1 001 100% %s {q} $1", "2 002 100% %s {q} $2"]
    assert grid.fill("{q}") == "{q}"
    assert product({"a": ["{i}"], "i": [1]}).fill("{a}{i}") == ["{i}1"]


def test_the_last_parameter_varies_fastest(read, jobs):
    spec = read(jobs("name: 'a_{x}_{y}', parameters: {x: '[b,a]', y: '1:2'}"))
    assert [job.name for job in spec.jobs] == ["a_b_1", "a_b_2", "a_a_1", "a_a_2"]


def test_zip_takes_the_values_together(read, jobs):
    spec = read(jobs("name: 'a_{x}_{y}', parameters: {x: '[b,a]', y: '1:2'}, parameter_mode: zip"))
    assert [job.name for job in spec.jobs] == ["a_b_1", "a_a_2"]


def test_use_parameters_picks_and_own_parameters_win(read, jobs):
    text = "parameters: {i: '1:2', j: '1:3'}\n" + jobs(
        "name: 'a_{i}_{j}', use_parameters: [i]",
        "name: 'b_{i}_{j}', use_parameters: [i], parameters: {j: '[7]'}",
        "name: 'c_{i}', parameters: {}",
    )
    assert [job.name for job in read(text).jobs] == ["a_1_{j}", "a_2_{j}", "b_{i}_7", "c_{i}"]


def test_placeholders_are_filled_in_wherever_torc_does(read, jobs):
    text = jobs("name: 'p{i}', parameters: {i: '1:2'}, resource_requirements: 'r{i}'") + (
        "  - {name: 'q{i}', command: 'echo {i:02d}', parameters: {i: '1:2'}, depends_on: ['p{i}']}\n"
        "  - {name: 's{i}', command: x, parameters: {i: '1:2'}, depends_on_regexes: ['^q{i}$']}\n"
        "resource_requirements: [{name: r1, num_cpus: 1, memory: 1g}, {name: r2, num_cpus: 2, memory: 1g}]\n"
    )
    spec = read(text)
    assert [spec.resources[job.resources].name for job in spec.jobs[:2]] == ["r1", "r2"]
    assert spec.jobs[3].command == "echo 02"
    assert [[spec.sets[w] for w in job.waits_for] for job in spec.jobs[2:]] == [[(0,)], [(1,)], [(2,)], [(3,)]]


@pytest.mark.parametrize(
    ("job", "message"),
    [
        ("parameters: {i: '[]'}", "parameter 'i' expands to no values: job 'a{i}{j}' would vanish"),
        ("parameters: {i: '1:1000000000'}", "would expand to 1,000,000,000 jobs; the limit is 10,000,000"),
        ("parameters: {i: '1:100000', j: '1:100000'}", "would expand to 10,000,000,000 jobs"),
        ("parameters: {i: '0.0:1.0:1e-12'}", "would expand to 1,000,000,000,1"),
        ("parameters: {i: '1:3', j: '1:2'}, parameter_mode: zip", "equal length: i has 3, j has 2"),
        ("parameters: {i: '1:9999999999', j: '1:2'}, parameter_mode: zip", "i has 9,999,999,999, j has 2"),
        ("parameters: {i: '1:3'}, parameter_mode: Zip", "unknown parameter_mode 'Zip'"),
        ("use_parameters: [k]", "the workflow has no parameter 'k'"),
        ("parameters: [1]", "must be a mapping"),
        ("parameters: {'i:j': 1}", "cannot be the name of a parameter"),
    ],
)
def test_a_grid_that_cannot_be_meant_is_an_error(only, jobs, job, message):
    assert message in only(jobs(f"name: 'a{{i}}{{j}}', {job}")).message


def test_jobs_of_all_templates_count_together(only, jobs):
    one = "parameters: {i: '1:6000000'}"
    assert "12,000,001 jobs" in only(jobs(f"name: 'a{{i}}', {one}", f"name: 'b{{i}}', {one}", "name: c")).message


def test_equal_instances_of_one_name_become_one_job_that_waits_for_all(read, jobs):
    spec = read(
        jobs(
            "name: 'train_{lr}', parameters: {lr: '[0.1,0.01]'}",
            "name: collect, depends_on: ['train_{lr}'], parameters: {lr: '[0.1,0.01]'}",
        )
    )
    assert [job.name for job in spec.jobs] == ["train_0.1", "train_0.01", "collect"]
    assert [spec.sets[w] for w in spec.jobs[2].waits_for] == [(0, 1)]
    assert spec.job_count_before_expansion == 2


def test_different_instances_of_one_name_are_an_error(only):
    text = "name: w\njobs:\n  - {name: a, command: 'echo {i}', parameters: {i: '1:2'}}\n"
    problem = only(text)
    assert "several times, with different commands" in problem.message
    assert "{i}" in problem.hint


def test_a_name_of_two_entries_is_an_error_that_names_both_lines(only, jobs):
    problem = only(jobs("name: a1", "name: 'a{i}', parameters: {i: '1:2'}"))
    assert problem.line == 4
    assert "line 3" in problem.message


sizes = st.lists(st.integers(1, 5), min_size=1, max_size=4)


@given(sizes)
def test_an_expansion_has_the_size_of_its_grid_and_unique_names(lengths):
    name = "j" + "".join(f"_{{p{i}}}" for i in range(len(lengths)))
    parameters = ", ".join(f"p{i}: '1:{n}'" for i, n in enumerate(lengths))
    spec = loads(f"name: w\njobs: [{{name: '{name}', command: x, parameters: {{{parameters}}}}}]".encode(), "w.yaml")
    names = [job.name for job in spec.jobs]
    assert len(names) == len(set(names)) == math.prod(lengths)
    assert names == sorted(names)
