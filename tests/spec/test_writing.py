"""What is written in any format is read back as the same tree; and means the same jobs in the same order."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torc_local.spec.digest import digest
from torc_local.spec.formats import Format
from torc_local.spec.kdl_nodes import read_nodes
from torc_local.spec.load import load_tree, loads
from torc_local.spec.source import Source, Unwritable
from torc_local.spec.writing import to_text

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    [
        *["no", "on", "y", "null", "true", "1:30", "010", "1e3", "0x10", "1_000", "~", "-", "- a", "a: b", "a #b", "#"],
        *["*a", "&a", "!t", "{i}", "[1]", "'", '"', '"""', '""', "\\", "a\\n", "%", "@", "`", "...", "---", "<<", "="],
        *["a\nb", "a\nb\n", "a\n\nb\n\n", " a\nb", "a\n  b\n", "\na", "a\n \nb", "a \nb", "\n", "a\tb", "\t", "", " "],
        *[
            "a\r\nb",
            "\x85",
            "\u2028",
            "\ufeff",
            "\u202e",
            "\x00",
            "\x1b",
            "\x7f",
            "é",
            "😀",
            'echo "${x}" # y',
            '#"a"#',
        ],
        *["a\n'''\nb", 'a\n"""\nb', "#true", "2026-11-26", ".inf", "1.", "+1", "-.5", "r", 'r"a"', "/-", "a;b", "a=b"],
    ]
)
NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
ANYTHING = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))
LISTS = st.none() | st.lists(SCALARS, max_size=6)
# Wrong types too: what is converted need not be a valid workflow.
JOB = st.fixed_dictionaries(
    {},
    optional={
        "name": SCALARS,
        "command": ANYTHING,
        "depends_on": st.none() | st.lists(ANYTHING, max_size=3),
        "input_files": LISTS,
        "output_file_regexes": LISTS,
        "input_user_data": LISTS,
        "use_parameters": LISTS,
        "parameters": ANYTHING,
        "env": st.dictionaries(TEXTS, SCALARS, max_size=3),
        "priority": SCALARS,
        "cancel_on_blocking_job_failure": SCALARS,
    },
)
RULE = st.fixed_dictionaries({}, optional={"exit_codes": LISTS, "recovery_script": SCALARS})
TREES = st.fixed_dictionaries(
    {"jobs": st.lists(JOB, max_size=3)},
    optional={
        "name": ANYTHING,
        "description": ANYTHING,
        "parameters": ANYTHING,
        "files": st.lists(st.fixed_dictionaries({"name": SCALARS, "path": SCALARS}), max_size=2),
        "user_data": st.none()
        | st.lists(st.fixed_dictionaries({"name": SCALARS}, optional={"data": ANYTHING}), max_size=2),
        "resource_requirements": st.lists(SCALARS, max_size=2)
        | st.lists(st.fixed_dictionaries({}, optional={"memory": SCALARS}), max_size=2),
        "failure_handlers": st.lists(
            st.fixed_dictionaries({"name": SCALARS}, optional={"rules": st.lists(RULE, max_size=2)}), max_size=2
        ),
        "actions": st.lists(st.fixed_dictionaries({}, optional={"jobs": LISTS, "commands": LISTS}), max_size=2),
        "execution_config": ANYTHING,
        "slurm_defaults": ANYTHING,
    },
)


def back(text, kind, tmp_path):
    path = tmp_path / "written"
    path.write_bytes(text.encode())
    return load_tree(path, kind)


def same(one, other, *, ordered):
    """Equal in types too, and if asked for in the order of keys."""
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        keys = [*one] == [*other] if ordered else one.keys() == other.keys()
        return keys and all(same(one[key], other[key], ordered=ordered) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(same(*both, ordered=ordered) for both in zip(one, other, strict=True))
    return one == other


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("written")


@given(tree=TREES)
@settings(max_examples=40, deadline=None)
def test_what_is_written_is_read_back(tree, folder):
    for kind in Format:
        text = to_text(tree, kind)
        read = back(text, kind, folder)
        # In KDL names come first and entries of a kind together: the order of keys means nothing, but for parameters.
        assert same(read, tree, ordered=kind is not Format.KDL), text
        assert digest(read) == digest(tree), text


def placed_values(nodes):
    for node in nodes:
        yield node.span, node.name
        yield from ((value.span, value.value) for value in node.args)
        yield from placed_values(node.children)


@given(tree=TREES)
@settings(max_examples=20, deadline=None)
def test_positions_in_kdl_are_those_of_the_values(tree):
    text = to_text(tree, Format.KDL)
    for (start, end), value in placed_values(read_nodes(Source("w.kdl", text), placed=True)):
        said = text[start:end]
        if isinstance(value, str) and "\n" not in said:
            (node,) = read_nodes(Source("w.kdl", f"n {said}"))
            assert node.args[0].value == value, said
        elif isinstance(value, int) and not isinstance(value, bool):
            assert int(said) == value


WORDS = st.sampled_from(
    ["yes", "1:30", "é", "a b", 'say "x"', "it's", "$HOME", "x # y", "two\nlines\n", "{i}_{lr}", "\\n"]
)


@st.composite
def workflows(draw):
    """A valid workflow with what makes jobs and edges: parameters, names, regexes, files, tokens."""
    jobs: list[dict[str, object]] = []
    names: list[str] = []
    files = [
        {"name": f"f{i}_{{i}}", "path": f"{draw(WORDS).strip()} {i}/{{i}}", "parameters": {"i": draw(VALUES)}}
        for i in range(draw(st.integers(0, 2)))
    ]
    for index in range(draw(st.integers(0, 5))):
        job = {"name": f"j{index}", "command": draw(WORDS)}
        if draw(st.booleans()):
            job |= {"name": f"j{index}_{{i}}_{{lr:.2f}}"}
            key = draw(st.sampled_from(["parameters", "use_parameters"]))
            job[key] = {"i": draw(VALUES), "lr": [0.1, 1.0]} if key == "parameters" else ["i", "lr"]
        if names and draw(st.booleans()):
            job["depends_on_regexes"] = [f"^{draw(st.sampled_from(names))}(_|$)"]
        if files and draw(st.booleans()):
            job["input_file_regexes" if index else "output_file_regexes"] = ["^f0_"]
        if draw(st.booleans()):
            job |= {"priority": draw(st.integers(0, 9)), "cancel_on_blocking_job_failure": draw(st.booleans())}
        jobs.append(job)
        names.append(f"j{index}")
    return {"name": draw(WORDS).strip().replace("\n", " "), "parameters": {"i": draw(VALUES), "lr": "[0.5,1e-3]"}} | {
        "jobs": jobs,
        "files": files,
    }


VALUES = st.sampled_from(["1:3", "[a,b]", "0:10:5", ["x", "y"], [1, 2.5], [7], "only", 5, "['001']"])


@given(workflows())
@settings(max_examples=60, deadline=None)
def test_one_workflow_in_four_formats_gives_the_same_jobs_and_edges(tree):
    specs = [loads(to_text(tree, kind).encode(), f"w.{kind}")._replace(warnings=()) for kind in Format]
    assert len(specs[0].jobs) >= len(tree["jobs"])
    assert all(spec == specs[0] for spec in specs), specs


@pytest.mark.parametrize(
    ("tree", "kind", "why"),
    [
        ({"jobs": [], "name": float("inf")}, Format.JSON, "infinity"),
        ({"jobs": [], "name": "\ud800"}, Format.YAML, "half of a character"),
        ({"jobs": [], "name": "\ud800"}, Format.KDL, "half of a character"),
        ({"jobs": [], "nam": 1}, Format.KDL, "no node for the key 'nam' in the workflow"),
        ({"name": "w"}, Format.KDL, "no list of jobs"),
        ({"jobs": [{"depends_on": "a"}]}, Format.KDL, "only hold a list under 'depends_on' in a job"),
        ({"jobs": [], "user_data": 5}, Format.KDL, "only hold a list of 'user_data'"),
        ({"jobs": [], "user_data": [{"name": "u", "data": float("nan")}]}, Format.KDL, "what is no number"),
    ],
)
def test_what_a_format_cannot_hold_is_said(tree, kind, why):
    with pytest.raises(Unwritable, match=why):
        to_text(tree, kind)


def test_a_list_that_many_share_stays_one_in_yaml_and_is_no_bomb_elsewhere(folder):
    names = [f"a{i}" for i in range(20_100)]
    tree = {"name": "w", "jobs": [{"name": "b", "depends_on": names} for _ in range(1000)]}
    text = to_text(tree, Format.YAML)
    assert len(text) < 500_000
    read = back(text, Format.YAML, folder)
    assert read == tree
    assert read["jobs"][0]["depends_on"] is read["jobs"][999]["depends_on"]
    with pytest.raises(Unwritable, match="more than 20,000,000"):
        to_text(tree, Format.KDL)


def test_what_is_written_is_pleasant_to_read():
    tree = {
        "name": "w",
        "parameters": {"i": "1:3"},
        "user_data": [{"name": "u", "data": {"a": [1]}}],
        "jobs": [
            {"name": "a_{i}", "command": 'echo "{i}"\nsleep 1\n', "use_parameters": ["i"], "env": {}},
            {"name": "b", "command": "true", "depends_on": ["a_1", "a_2"], "cancel_on_blocking_job_failure": False},
        ],
    }
    assert to_text(tree, Format.YAML) == YAML
    assert to_text(tree, Format.KDL) == KDL
    assert to_text({"name": "w", "jobs": []}, Format.JSON5) == '{\n  name: "w",\n  jobs: []\n}\n'


YAML = """\
name: w
parameters:
  i: "1:3"
user_data:
  - name: u
    data:
      a: [1]
jobs:
  - name: "a_{i}"
    command: |
      echo "{i}"
      sleep 1
    use_parameters: [i]
    env: {}
  - name: b
    command: "true"
    depends_on: [a_1, a_2]
    cancel_on_blocking_job_failure: false
"""

KDL = '''\
name "w"
parameters {
    i "1:3"
}

user_data "u" {
    data #"{"a": [1]}"#
}

job "a_{i}" {
    command """
        echo "{i}"
        sleep 1

        """
    use_parameters "i"
    (object)env
}

job "b" {
    command "true"
    depends_on "a_1"
    depends_on "a_2"
    cancel_on_blocking_job_failure #false
}
'''
