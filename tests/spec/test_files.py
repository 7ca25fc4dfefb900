"""Files and user data: names are expanded and looked up, tokens filled in, and the order that follows is implied."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torc_local.ground import io
from torc_local.ground.errors import SpecError
from torc_local.spec import tokens
from torc_local.spec.columns import Family, Jobs, Names
from torc_local.spec.declared import FILES, USER_DATA, read_declared
from torc_local.spec.dependencies import Waits
from torc_local.spec.load import loads
from torc_local.spec.options import Options
from torc_local.spec.problems import Problems
from torc_local.spec.uses import resolve_uses


def file(name, path=None, more=""):
    return f"  - {{name: {name}, path: {path or name}{more}}}\n"


def workflow(jobs, *, files="", user_data=""):
    top = f"files:\n{files}" if files else ""
    top += f"user_data:\n{user_data}" if user_data else ""
    return "name: w\n" + top + "jobs:\n" + "".join(f"  - {{{job}}}\n" for job in jobs)


def waits(spec):
    """Names of the jobs that each job waits for."""
    names = [job.name for job in spec.jobs]
    return {job.name: sorted({names[m] for w in job.waits_for for m in spec.sets[w]}) for job in spec.jobs}


def used(spec, way):
    uses = spec.file_uses
    sets, of_job = (uses.input_sets, uses.inputs) if way == "input" else (uses.output_sets, uses.outputs)
    return {
        job.name: sorted({spec.files[m].name for w in indexes for m in sets[w]})
        for job, indexes in zip(spec.jobs, of_job, strict=True)
    }


def test_a_token_is_replaced_by_the_path_and_implies_the_order(read):
    spec = read(
        workflow(
            [
                'name: a, command: "echo > ${files.output.f}"',
                'name: b, command: "cat ${files.input.f} ${files.input.f}"',
            ],
            files=file("f", "'out dir/f.txt'"),
        )
    )
    assert [job.command for job in spec.jobs] == ["echo > out dir/f.txt", "cat out dir/f.txt out dir/f.txt"]
    assert waits(spec) == {"a": [], "b": ["a"]}
    assert (spec.file_count, spec.user_data_count) == (1, 0)
    assert list(spec.io) == [io.FILES, io.FILES]


def test_tokens_and_lists_are_united(read):
    spec = read(
        workflow(
            ['name: a, command: "cat ${files.input.f}", input_files: [g], input_file_regexes: ["^h"]'],
            files=file("f") + file("g") + file("h1") + file("h2"),
        )
    )
    assert used(spec, "input") == {"a": ["f", "g", "h1", "h2"]}


def test_parameters_are_expanded_before_names_are_looked_up(read):
    spec = read(
        workflow(
            [
                'name: "a{i}", command: "x > ${files.output.f_{i:02d}}", parameters: {i: "1:3"}',
                'name: "b{i}", command: x, input_files: ["f_{i:02d}"], parameters: {i: "1:3"}',
                'name: all, command: x, input_file_regexes: ["^f_"]',
            ],
            files=file("'f_{i:02d}'", "'d/{i}'", ", parameters: {i: '1:3'}"),
        )
    )
    assert [f.path for f in spec.files] == ["d/1", "d/2", "d/3"]
    assert spec.jobs[1].command == "x > d/2"
    assert waits(spec) == {
        "a1": [], "a2": [], "a3": [], "b1": ["a1"], "b2": ["a2"], "b3": ["a3"], "all": ["a1", "a2", "a3"]
    }  # fmt: skip


def test_files_use_parameters_of_the_workflow_and_zip(read):
    text = 'parameters: {i: "1:2", k: "[x,y]"}\n' + workflow(
        ["name: a, command: x"], files=file("'f{i}{k}'", None, ", use_parameters: [i, k], parameter_mode: zip")
    )
    assert [f.name for f in read(text).files] == ["f1x", "f2y"]


def test_instances_of_one_file_collapse_when_they_are_equal(read, only):
    same = workflow(["name: a, command: x"], files=file("f", "p", ", parameters: {i: '1:2'}"))
    assert [f.name for f in read(same).files] == ["f"]
    different = workflow(["name: a, command: x"], files=file("f", "'p{i}'", ", parameters: {i: '1:2'}"))
    assert only(different).message == "file 'f' makes one name several times, with different paths"


def test_instances_of_one_job_unite_what_they_read(read):
    spec = read(
        workflow(
            ['name: all, command: x, input_files: ["f{i}"], parameters: {i: "1:3"}'],
            files=file("'f{i}'", None, ", parameters: {i: '1:3'}"),
        )
    )
    assert used(spec, "input") == {"all": ["f1", "f2", "f3"]}


def test_user_data_is_kept_as_compact_json_with_sorted_keys(read):
    spec = read(
        workflow(
            ['name: a, command: "echo ${user_data.input.u1}"', "name: b, command: x, output_user_data: [u2]"],
            user_data="  - {name: 'u{i}', data: {b: [1, '{i}'], a: ü}, parameters: {i: '1:2'}, is_ephemeral: true}\n"
            "  - {name: none}\n",
        )
    )
    assert [u.data for u in spec.user_data] == ['{"a":"ü","b":[1,"1"]}', '{"a":"ü","b":[1,"2"]}', None]
    assert [u.is_ephemeral for u in spec.user_data] == [True, True, False]
    assert spec.jobs[0].command == "echo ${user_data.input.u1}"
    assert list(spec.io) == [io.TOKENS | io.USER_DATA, 0]


def test_user_data_without_data_implies_the_order_too(read):
    spec = read(
        workflow(
            ["name: a, command: x, output_user_data: [u]", 'name: b, command: "echo ${user_data.input.u}"'],
            user_data="  - {name: u}\n",
        )
    )
    assert waits(spec) == {"a": [], "b": ["a"]}


def test_a_job_does_not_wait_for_itself(read):
    spec = read(
        workflow(["name: a, command: x, input_files: [f], output_files: [f]"], files=file("f")),
    )
    assert waits(spec) == {"a": []}


def test_who_reads_waits_for_all_that_write(read):
    spec = read(
        workflow(
            [
                "name: a, command: x, output_files: [f]",
                "name: b, command: x, output_files: [f], input_files: [f]",
                "name: c, command: x, input_files: [f], depends_on: [a]",
            ],
            files=file("f"),
        )
    )
    assert waits(spec) == {"a": [], "b": ["a"], "c": ["a", "b"]}
    assert spec.dependency_count == 3


def test_all_to_all_through_files_is_one_set(read):
    spec = read(
        workflow(
            [
                'name: "a{i}", command: x, parameters: {i: "1:25000"}, output_files: ["f{i}"]',
                'name: "b{i}", command: x, parameters: {i: "1:25000"}, input_file_regexes: ["^f"]',
            ],
            files=file("'f{i}'", None, ", parameters: {i: '1:25000'}"),
        )
    )
    assert [len(members) for members in spec.sets] == [25_000]
    assert spec.dependency_count == 625_000_000
    assert len(spec.file_uses.input_sets) == 1


@pytest.mark.parametrize(
    ("job", "message", "hint"),
    [
        ("input_files: [grids]", "job 'x' names the file 'grids', which does not exist", "did you mean 'grid'?"),
        (
            "output_user_data: [seeds]",
            "job 'x' names the user data 'seeds', which does not exist",
            "did you mean 'seed'?",
        ),
        ("input_file_regexes: ['^zz']", "the regex /^zz/ matches no file", "'files'"),
        ("output_user_data_regexes: ['^zz']", "the regex /^zz/ matches no user data", "'user_data'"),
        ("input_file_regexes: ['(']", "not valid", "the regex is"),
        ("input_files: grid", "'input_files' must be a list, not text", "[grid]"),
        (
            "command: 'cat ${files.input.grids}'",
            "the command of job 'x' names the file 'grids', which",
            "did you mean 'grid'?",
        ),
        (
            "command: 'cat ${files.inputs.grid}'",
            "'${files.inputs.grid}' in the command of job 'x' is not",
            "${files.input.grid}",
        ),
        ("command: 'cat ${file.input.grid}'", "is not a token", "write ${files.input.grid}"),
        ("command: 'cat ${userdata.output.seed}'", "is not a token", "write ${user_data.output.seed}"),
        ("command: 'cat ${files.input}'", "is not a token", "write ${files.input.NAME}"),
    ],
)
def test_a_wrong_name_is_an_error_that_says_what_was_meant(problems, job, message, hint):
    job = job if job.startswith("command") else f"command: x, {job}"
    problem = problems(workflow([f"name: x, {job}"], files=file("grid"), user_data="  - {name: seed, data: 1}\n"))[0]
    assert message in problem.message
    assert hint in problem.hint
    assert problem.line == 7


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{path: p}", "file 1 has no 'name'"),
        ("{name: a}", "file 'a' has no 'path'"),
        ("{name: a, path: ' '}", "the path of file 'a' is empty"),
        ('{name: a, path: "a\\0b"}', "NUL"),
        ("{name: a, path: p, pth: q}", "unknown key 'pth' in file 'a'"),
        ("{name: 'a{i}', path: p}", "the name 'a{i}' of a file contains a brace, and no token could name it"),
        ("{name: '', path: p}", "is empty"),
        ("{name: 'a{i}', path: p, parameters: {i: '[]'}}", "expands to no values: file 'a{i}' would vanish"),
        ("{name: 'a{i}', path: p, parameters: {i: '1:99999999999'}}", "would expand to 99,999,999,999 instances"),
        ("{name: f, path: p}", "file 'f' exists twice, first in line 3"),
        ("a", "an entry of 'files' must be a mapping, not the text 'a'"),
    ],
)
def test_a_wrong_file_is_an_error(problems, entry, message):
    text = workflow(["name: a, command: x"], files=file("f") + f"  - {entry}\n")
    found = problems(text)
    assert any(message.replace("file 1", "file 2") in p.message and p.line == 4 for p in found), found


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{data: 1}", "has no 'name'"),
        ("{name: u, data: .nan}", "the data of 'u' cannot be kept as JSON"),
        (f"{{name: u, data: {'x' * (1 << 20)}}}", "at most 1,048,576 are kept"),
        ("{name: u, is_ephemeral: 1}", "'is_ephemeral' must be true or false"),
        ("{name: u, path: p}", "unknown key 'path' in user data 'u'"),
    ],
)
def test_wrong_user_data_is_an_error(problems, entry, message):
    assert message in problems(workflow(["name: a, command: x"], user_data=f"  - {entry}\n"))[0].message


def test_two_names_of_one_path_are_noted(read):
    spec = read(workflow(["name: a, command: x"], files=file("f", "p") + file("g", "p")))
    assert [w.message for w in spec.warnings] == ["files 'f' and 'g' are the same file 'p'"]


def test_a_cycle_through_files_names_them(only):
    problem = only(
        workflow(
            [
                "name: a, command: x, input_files: [f], output_files: [g]",
                "name: b, command: x, input_files: [g], output_user_data: [u]",
                'name: c, command: "echo ${user_data.input.u}", output_files: [f]',
            ],
            files=file("f") + file("g"),
            user_data="  - {name: u}\n",
        )
    )
    assert problem.message == (
        "dependency cycle of 3 jobs: a -> b -> c -> a (through file 'g', user data 'u', file 'f')"
    )
    assert problem.line == 8


def test_many_that_read_and_write_one_list_are_a_cycle_soon_found(only):
    problem = only(
        workflow(
            ['name: "a{i}", command: x, parameters: {i: "1:3000"}, output_files: ["f{i}"], input_file_regexes: ["^f"]'],
            files=file("'f{i}'", None, ", parameters: {i: '1:3000'}"),
        )
    )
    assert problem.message.startswith("dependency cycle of 2 jobs: a1 -> a2 -> a1 (through file")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("echo ${HOME} ${x:-a.b} $(cat a.b)", False),
        ("mvn -D'v=${project.version}'", True),
        ("cat ${files.input.a}", True),
    ],
)
def test_what_bash_knows_is_no_token(text, expected):
    assert tokens.may_have_tokens(text) == expected
    assert not any(tokens.find_wrong(piece) for piece in tokens.split(text)[::4])


def test_what_was_filled_in_is_not_looked_at_again(read):
    spec = read(
        workflow(
            ['name: a, command: "${files.input.f}-${files.input.g}"'], files=file("f", "'${files.input.g}'") + file("g")
        )
    )
    assert spec.jobs[0].command == "${files.input.g}-g"
    assert used(spec, "input") == {"a": ["f", "g"]}


def test_a_script_with_tokens_becomes_part_of_the_command():
    """So that jobs which differ in nothing but their files still say the same otherwise, and store it once."""
    jobs = Jobs()
    jobs.names, jobs.commands, jobs.options = ["a", "b"], ["x", "y ${files.output.g}"], [1, 2]
    script = "nice < ${files.input.f} # ${user_data.input.u};"
    for options in (Options(invocation_script=script), Options(invocation_script="nice -n $((1 + ${N}))")):
        jobs.options_index[options] = len(jobs.options_index)
    jobs.families = [Family(k, jobs.names[k], k, 1, (), (), Names({}, tokens=True)) for k in range(2)]
    jobs.index = {"a": 0, "b": 1}
    problems, waits = Problems(), Waits()
    waits.of_job = [(), ()]
    files = read_declared(FILES, [{"name": name, "path": f"{name}.txt"} for name in "fg"], None, problems)
    data = read_declared(USER_DATA, [{"name": "u", "data": 1}], None, problems)
    found = resolve_uses(jobs, (files, data), waits, problems)
    assert found is not None
    assert jobs.commands == ["nice < f.txt # ${user_data.input.u}; x", "y g.txt"]
    assert [list(jobs.options_index)[number].invocation_script for number in jobs.options] == [
        None,
        "nice -n $((1 + ${N}))",
    ]
    assert list(found.bits) == [io.FILES | io.TOKENS | io.USER_DATA, io.FILES]


graphs = st.lists(
    st.tuples(st.sets(st.integers(0, 5), max_size=3), st.sets(st.integers(0, 5), max_size=2)), min_size=1, max_size=8
)


@given(graphs)
def test_edges_are_those_of_a_model(graph):
    """Job by job: it waits for every other job that writes something it reads."""
    model = {
        f"j{k}": sorted(f"j{other}" for other, (_, out) in enumerate(graph) if other != k and out & read)
        for k, (read, _) in enumerate(graph)
    }
    jobs = [
        f"name: j{k}, command: x, input_files: [{', '.join(f'f{i}' for i in sorted(read))}],"
        f" output_files: [{', '.join(f'f{i}' for i in sorted(out))}]"
        for k, (read, out) in enumerate(graph)
    ]
    text = workflow(jobs, files="".join(file(f"f{i}") for i in range(6)))
    done: set[str] = set()
    while ready := {name for name, before in model.items() if name not in done and done.issuperset(before)}:
        done |= ready
    if len(done) < len(model):
        with pytest.raises(SpecError) as caught:
            loads(text.encode(), "w.yaml")
        assert "(through file" in caught.value.problems[0].message
    else:
        spec = loads(text.encode(), "w.yaml")
        assert waits(spec) == model
        assert spec.dependency_count == sum(map(len, model.values()))
