"""KDL: Torc's nodes, the spellings of its examples, and what its KDL lacks, all become the tree of other formats."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from torc_local.ground.errors import SpecError
from torc_local.spec.kdl_tree import read_kdl
from torc_local.spec.kdl_words import WORKFLOW
from torc_local.spec.load import loads
from torc_local.spec.problems import Problems
from torc_local.spec.source import Source

TORC = """\
name "demo"            // a comment
description "two stages"
user "alice"
jobs_sort_method "none"
compute_node_ignore_workflow_completion #false
parameters {
    i "1:3"
    lr "[0.1,0.2]"
}
file "part_{i}" path="parts/{i}.csv" {
    use_parameters "i"
}
file "all" {
    path "all.csv"
}
user_data "settings" {
    is_ephemeral #true
    data "{\\"steps\\": [5, null]}"
}
resource_requirements "small" {
    num_cpus 2
    memory "1g"
    runtime "PT1M"
}
failure_handler "h" {
    rule {
        exit_codes 1 2
        max_retries 5
    }
    rule {
        match_all_exit_codes #true
        recovery_script "./mend.sh"
    }
}
slurm_scheduler "s" {
    account "a"
    nodes 2
}
resource_monitor {
    enabled #true
    granularity "summary"
}
job "work_{i}_{lr}" {
    command "work {i} {lr}"
    use_parameters "i" "lr"
    resource_requirements "small"
    failure_handler "h"
    input_user_data "settings"
    supports_termination #true
}
job "split" {
    command \"\"\"
        split all.csv
          ${files.input.all}
        \"\"\"
    output_file "part_1"
    output_file "part_2"
}
job "merge" {
    command #"cat "parts" > all"#
    depends_on_regexes "^work_"
    depends_on "split"
    cancel_on_blocking_job_failure #false
}
"""

AS_YAML = r"""
name: demo
description: two stages
user: alice
jobs_sort_method: none
compute_node_ignore_workflow_completion: false
parameters: {i: "1:3", lr: "[0.1,0.2]"}
files:
  - {name: "part_{i}", path: "parts/{i}.csv", use_parameters: [i]}
  - {name: all, path: all.csv}
user_data:
  - {name: settings, is_ephemeral: true, data: {steps: [5, null]}}
resource_requirements:
  - {name: small, num_cpus: 2, memory: 1g, runtime: PT1M}
failure_handlers:
  - name: h
    rules:
      - {exit_codes: [1, 2], max_retries: 5}
      - {match_all_exit_codes: true, recovery_script: ./mend.sh}
slurm_schedulers:
  - {name: s, account: a, nodes: 2}
resource_monitor: {enabled: true, granularity: summary}
jobs:
  - name: work_{i}_{lr}
    command: work {i} {lr}
    use_parameters: [i, lr]
    resource_requirements: small
    failure_handler: h
    input_user_data: [settings]
    supports_termination: true
  - name: split
    command: "split all.csv\n  ${files.input.all}"
    output_files: [part_1, part_2]
  - name: merge
    command: cat "parts" > all
    depends_on_regexes: [^work_]
    depends_on: [split]
    cancel_on_blocking_job_failure: false
"""


def tree(text):
    problems = Problems()
    found, _ = read_kdl(Source("w.kdl", text), problems)
    assert not problems
    return found


def job(text):
    return tree(f'name "w"\njob "a" {{ {text} }}\n')["jobs"][0]


def test_torcs_nodes_are_the_keys_of_the_other_formats():
    assert tree(TORC) == yaml.safe_load(AS_YAML)


def test_the_same_workflow_has_the_same_digest(read):
    assert read(TORC, "w.kdl").digest == read(AS_YAML, "w.yaml").digest


def test_kdl_1_is_read_too():
    old = 'name "w"\nuse_pending_failed true\njob "a" { command r#"echo "x""#; depends_on null; }'
    assert tree(old) == {
        "name": "w",
        "use_pending_failed": True,
        "jobs": [{"name": "a", "command": 'echo "x"', "depends_on": None}],
    }


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ('depends_on "x"; depends_on "y"', "depends_on", ["x", "y"]),
        ('depends_on_job "x"; depends_on "y" "z"', "depends_on", ["x", "y", "z"]),
        ('depends_on_regexes "x" "y"', "depends_on_regexes", ["x", "y"]),
        ('input_file "x"; input_files "y" "z"', "input_files", ["x", "y", "z"]),
        ('output_files "x" "y"', "output_files", ["x", "y"]),
        ('input_user_data "x" "y"', "input_user_data", ["x", "y"]),
        ('output_user_data "x"', "output_user_data", ["x"]),
        ('input_file_regexes "x" "y"', "input_file_regexes", ["x", "y"]),
        ('output_file_regex "x"', "output_file_regexes", ["x"]),
        ('input_user_data_regexes "x"', "input_user_data_regexes", ["x"]),
        ('output_user_data_regex "x"; output_user_data_regex "y"', "output_user_data_regexes", ["x", "y"]),
        ('use_parameters "x" "y"', "use_parameters", ["x", "y"]),
        ("depends_on", "depends_on", []),
        ("depends_on { - x; - y }", "depends_on", ["x", "y"]),
        ('env A="1" { B "2" }', "env", {"A": "1", "B": "2"}),
        ("(object)env", "env", {}),
        ("priority 5", "priority", 5),
        ('parameters { i 1 2.5; j "1:3"; (array)k 7; l { - a } }', "parameters", {"i": [1, 2.5], "j": "1:3"}),
        ('parameter_mode "zip"', "parameter_mode", "zip"),
        ('invocation_script "nice"', "invocation_script", "nice"),
        ('scheduler "s"', "scheduler", "s"),
    ],
)
def test_nodes_of_a_job(text, key, value):
    found = job(text)[key]
    assert found == {**value, "k": [7], "l": ["a"]} if key == "parameters" else found == value


def test_keys_that_torcs_kdl_lacks_are_written_as_in_other_formats():
    text = """
        name "w"; project "p"; metadata "{}"; submission_directory "d"
        execution_config { mode "direct"; stdio mode="none" }
    """
    assert tree(text) == {
        "name": "w",
        "project": "p",
        "metadata": "{}",
        "submission_directory": "d",
        "execution_config": {"mode": "direct", "stdio": {"mode": "none"}},
        "jobs": [],
    }


def test_a_job_may_be_written_in_one_line(read):
    spec = read('name w\njob a command="x y" priority=3\njob b command=z depends_on=a', "w.kdl")
    assert [(job.name, job.command, job.priority) for job in spec.jobs] == [("a", "x y", 3), ("b", "z", 0)]
    assert spec.sets == ((0,),)


def test_an_action_lists_jobs_and_commands():
    text = """action {
        trigger_type on_jobs_ready; action_type run_commands; job a; jobs b c; command x; command y
        job_name_regexes r s
    }"""
    assert tree(text)["actions"] == [
        {
            "trigger_type": "on_jobs_ready",
            "action_type": "run_commands",
            "jobs": ["a", "b", "c"],
            "commands": ["x", "y"],
            "job_name_regexes": ["r", "s"],
        }
    ]


def test_data_is_json_in_a_text_or_a_plain_value():
    values = {'"[1]"': [1], r'"\"text\""': "text", "5": 5, "#null": None, "{ a 1; b { - x } }": {"a": 1, "b": ["x"]}}
    for written, value in values.items():
        text = f"user_data u {{ data {written} }}"
        assert tree(text)["user_data"] == [{"name": "u", "data": value}]
    assert tree("user_data u")["user_data"] == [{"name": "u"}]


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ('name "w"\njobo 1', 2, 1, "unknown node 'jobo' in the workflow"),
        ('name "w"\njob "a" { comand "x" }', 2, 11, "unknown node 'comand' in a job"),
        ('name "w"\njob "a" comand="x" { command "x" }', 2, 9, "unknown key 'comand' in a job"),
        ('name "w"\njob "a" { command "x"; command "y" }', 2, 24, "'command' is repeated"),
        ('name "w"\njob "a" command="x" {\n command "y" }', 3, 2, "'command' is repeated"),
        ('name "w"\njob "a" "b" { command "x" }', 2, 9, "'job' takes one name"),
        ('name "w"\njob "a" { command }', 2, 11, "'command' has no value"),
        ('name "w"\njob "a" { command "x"; depends_on a=1 }', 2, 35, "'depends_on' takes values, and no a="),
        ('name "w"\njob "a" { command (t)"x" }', 2, 22, "the type annotation (t) has no meaning here"),
        ('name "w"\nenv 1 a=2', 2, 1, "'env' has both values and keys"),
        ('name "w"\nuser_data "u" { data "{a" }', 2, 22, "the text of 'data' is not JSON"),
        ('name "w"\njob "a" { command "x" "y" }', 2, 19, "'command' of job 'a' must be text, not a list"),
        (
            'name "w"\njob "a" { command "x"; priority "5" }',
            2,
            33,
            "'priority' must be a whole number, not the text '5'",
        ),
        (
            'name "w"\njob "a" { command "x"; depends_on "a" "b" }',
            2,
            39,
            "job 'a' depends on 'b', which does not exist",
        ),
        (
            '/* c */ name "w"; /- x 1\njob "a" /- 1 { command "x"; env { A 1 } }',
            2,
            37,
            "'A' must be text, not the number 1",
        ),
        ('name "w"\njob "a" { command "x', 2, 19, "this quote is never closed"),
        ('name "w"\njob "a" {\n  command "x"', 2, 1, "the braces of this node are never closed"),
        ('name "w"\n}', 2, 1, "no braces are open here"),
        ('name "w"\n/* x', 2, 1, "this comment is never closed"),
        ("name=w", 1, 5, "'=' is not expected here"),
        ('name "w"\njob "a" {\n  command 1x\n}', 3, 3, "this is not valid KDL: error parsing property or argument"),
        ('use_pending_failed #true\njob "a" {\n supports_termination true\n}', 3, 23, "this is KDL 1"),
        ("name w\njob a {\n command true\n}", 3, 10, "this is KDL 1"),
        ("a {" * 70 + "}" * 70, 0, 0, "nested more than 64 levels deep"),
    ],
)
def test_a_mistake_is_explained_with_its_place(problems, text, line, column, message):
    found = problems(text, "w.kdl")
    matching = [problem for problem in found if problem.message.startswith(message)]
    assert [(problem.line, problem.column) for problem in matching] == [(line, column)], found


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ('"""\n  x\n y\n  """', "indented as far as the closing one"),
        ('"a\\q"', 'between #" and "#'),
        ("1x", "stands in quotes"),
    ],
)
def test_what_ckdl_cannot_read_has_a_hint(only, written, hint):
    problem = only(f"name w\njob a {{\n  command {written}\n}}\n", "w.kdl")
    assert problem.line == 3
    assert hint in problem.hint


def test_a_misspelt_node_is_one_mistake(only):
    problem = only('name "w"\njob "a" { comand "x" }', "w.kdl")
    assert problem.hint == "did you mean 'command'?"


def test_every_key_of_a_workflow_has_a_node():
    for level in (WORKFLOW, *(inner for _, inner in WORKFLOW.entries.values())):
        assert level.keys <= level.nodes()
        assert set(level.lists) <= level.keys


@given(st.integers(0, len(TORC)), st.integers(0, 20), st.text('{}()"#/\\*-=;\n\t aé0.r', max_size=4))
@settings(max_examples=200, deadline=None)
def test_a_damaged_file_is_either_read_or_explained(start, length, piece):
    text = TORC[:start] + piece + TORC[start + length :]
    try:
        loads(text.encode(), "w.kdl")
    except SpecError as error:
        for problem in error.problems:
            assert problem.line <= text.count("\n") + 1
            assert problem.message.isprintable()
