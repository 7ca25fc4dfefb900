"""Workflow files in all formats, by name, without one and from standard input; what does not read is explained."""

import itertools
import json

import pytest
import yaml

pytestmark = pytest.mark.behaviour

WORKFLOW = {
    "name": "w",
    "jobs": [
        {"name": "part_{i}", "command": "echo {i} >> out.txt", "parameters": {"i": "1:3"}},
        {"name": "all", "command": "sort out.txt > all.txt", "depends_on_regexes": ["^part_"]},
    ],
}
YAML = yaml.safe_dump(WORKFLOW, sort_keys=False)
JSON = json.dumps(WORKFLOW)
JSON5 = """// comments are allowed
{name: 'w', jobs: [
    {name: 'part_{i}', command: 'echo {i} >> out.txt', parameters: {i: '1:3'}},
    {name: 'all', command: 'sort out.txt > all.txt', depends_on_regexes: ['^part_']},
]}
"""
KDL = """
name "w"
job "part_{i}" {
    command "echo {i} >> out.txt"
    parameters { i "1:3" }
}
job "all" {
    command "sort out.txt > all.txt"
    depends_on_regexes "^part_"
}
"""
ALL = {"w.yaml": YAML, "w.yml": YAML, "w.json": JSON, "w.json5": JSON5, "w.kdl": KDL}


@pytest.mark.parametrize("name", ALL)
def test_a_file_of_every_format_runs(place, name):
    place.write(ALL[name], name)
    answer = place.call("run", name, "-j", "2", "--progress", "none")
    assert answer.code == 0, answer.err
    assert place.text("all.txt") == "1\n2\n3\n"


@pytest.mark.parametrize("text", [YAML, JSON, JSON5, KDL], ids=["yaml", "json", "json5", "kdl"])
def test_without_a_suffix_formats_are_tried_in_turn(place, text):
    place.write(text, "workflow")
    answer = place.call("check", "workflow", "-f", "json")
    assert answer.json["summary"]["job_names"] == ["part_1", "part_2", "part_3", "all"]


def test_run_takes_a_file_of_any_name_or_the_id_of_a_workflow(place):
    place.write(YAML, "workflow")
    assert place.call("run", "workflow", "-j", "2", "--progress", "none").code == 0
    assert place.text("all.txt") == "1\n2\n3\n"
    assert place.call("run", "1", "-j", "2", "--progress", "none").code == 0
    for word in ("no-such-file", "7"):
        assert place.call("run", word).code == 2


def test_a_workflow_from_standard_input_runs_and_the_same_text_goes_on_with_it(place):
    text = YAML.replace("sort out.txt > all.txt", "test -e now && sort out.txt > all.txt")
    first = place.call("run", "-", "-j", "2", "--progress", "none", input=text)
    assert first.code == 1
    place.write("", "now")
    again = place.call("run", "-", "-j", "2", "--progress", "none", input=text)
    assert again.code == 0, again.err
    assert place.text("all.txt") == "1\n2\n3\n", "what had completed did not run again"
    assert len(place.call("list", "-f", "json").json["items"]) == 1


def test_check_and_create_read_standard_input(place):
    assert place.call("check", "-", input=KDL).out.startswith("- is valid: workflow 'w', 4 jobs")
    assert place.call("create", "-", input=JSON5).out == "1\n"
    assert place.call("check", "-", input="").code == 2


def test_mistakes_are_told_with_line_and_column_in_every_format(place):
    wrong = {
        "w.yaml": ("name: w\njobs:\n- {name: a, comand: x}\n", "3:13"),
        "w.json": ('{"name": "w",\n"jobs": [{"name": "a", "comand": "x"}]}', "2:24"),
        "w.json5": ("{name: 'w',\njobs: [{name: 'a', comand: 'x'}]}", "2:20"),
        "w.kdl": ('name "w"\njob "a" { comand "x" }\n', "2:11"),
    }
    for name, (text, at) in wrong.items():
        place.write(text, name)
        answer = place.call("run", name)
        assert answer.code == 2
        assert answer.err.startswith(f"{name}:{at}: error: unknown ")
        assert "did you mean 'command'?" in answer.err
    assert not place.exists()


def test_a_text_that_no_format_can_read_is_explained_as_the_likeliest(place):
    for text, message in {
        '{"name": "w", "jobs": [}': "this is not valid JSON",
        "{name: 'w', jobs: [}": "is not expected here",
        'name "w"\njob "a" {': "the braces of this node are never closed",
        "name: w\njobs: [": "the file ends in the middle of a list",
    }.items():
        place.write(text, "workflow")
        answer = place.call("check", "workflow")
        assert answer.code == 2
        assert message in answer.err


@pytest.mark.parametrize(("name", "module", "extra"), [("w.json5", "pyjson5", "json5"), ("w.kdl", "ckdl", "kdl")])
def test_a_missing_extra_is_told_in_one_sentence(place, name, module, extra):
    place.write(ALL[name], name)
    program = f"import sys; sys.modules[{module!r}] = None; from torc_local.cli.main import main; sys.exit(main())"
    answer = place.call("run", name, program=program)
    assert answer.code == 2
    assert f"pip install 'torc-local[{extra}]'" in answer.err
    assert len(answer.err.splitlines()) <= 2


def test_the_spellings_of_torcs_examples_mean_their_dependencies(place):
    place.write(
        """
        name "w"
        file "f" path="f.txt"
        job "a" { command "echo a > f.txt"; output_files "f" }
        job "b" { command "cp f.txt b.txt"; input_files "f" }
        job "c" { command "cp b.txt c.txt"; depends_on_job "b" "a" }
        job "d" { command "cp c.txt d.txt"; depends_on_regexes "^c$" "^b$" }
        """,
        "w.kdl",
    )
    answer = place.call("run", "w.kdl", "-j", "4", "--progress", "none")
    assert answer.code == 0, answer.err
    assert place.text("d.txt") == "a\n"


def test_a_file_is_converted_through_all_formats_and_means_the_same(place):
    place.write(YAML)
    order = ["w.yaml", "w.json", "w.json5", "w.kdl", "again.yml"]
    for read, written in itertools.pairwise(order):
        assert place.call("convert", read, written).code == 0
    assert yaml.safe_load(place.text("again.yml")) == WORKFLOW
    assert place.call("run", "w.yaml", "-j", "2", "--progress", "none").code == 0
    answer = place.call("run", "again.yml", "-j", "2")
    assert answer.code == 0
    assert len(place.call("list", "-f", "json").json["items"]) == 1, "the content is the same, so nothing is begun anew"


def test_convert_reads_and_writes_standard_streams(place):
    answer = place.call("convert", "-", "-", "--from", "kdl", "--to", "json", input=KDL)
    assert json.loads(answer.out) == WORKFLOW
    assert answer.err == ""
    guessed = place.call("convert", "-", "-", "--to", "yaml", input=JSON5)
    assert yaml.safe_load(guessed.out) == WORKFLOW
    unsaid = place.call("convert", "-", "-", input=KDL)
    assert unsaid.code == 2
    assert "--to" in unsaid.err


def test_convert_replaces_nothing_unless_it_is_told_to(place):
    place.write(YAML)
    place.write("precious", "w.kdl")
    refused = place.call("convert", "w.yaml", "w.kdl")
    assert refused.code == 2
    assert "--force" in refused.err
    assert place.text("w.kdl") == "precious"
    assert place.call("convert", "w.yaml", "w.kdl", "--force").code == 0
    assert place.call("check", "w.kdl").code == 0
    assert sorted(path.name for path in place.root.iterdir()) == ["w.kdl", "w.yaml"]


def test_what_cannot_be_converted_leaves_nothing_behind(place):
    place.write("name: w\njobs:\n- {name: a, comand: x}\n")
    for words, why in (
        (["w.yaml", "w.kdl"], "no node for the key 'comand' in a job"),
        (["w.yaml", "w.txt"], "in which format"),
        (["none.yaml", "w.json"], "there is no such file"),
        (["w.yaml", "no/such/w.json"], "no such file or directory"),
    ):
        answer = place.call("convert", *words)
        assert answer.code == 2
        assert why in answer.err
    assert [path.name for path in place.root.iterdir()] == ["w.yaml"]


def test_the_schema_is_printed_for_editors(place):
    schema = place.call("schema").json
    assert schema["required"] == ["name", "jobs"]
    assert schema["properties"]["jobs_sort_method"]["description"]


def test_an_empty_workflow_is_complete_at_once(place):
    place.write({"name": "w", "jobs": []})
    place.run()
    status = place.call("status", "-f", "json").json
    assert status["is_complete"]
    assert status["total_jobs"] == 0


def test_dependencies_are_looked_up_among_names_after_expansion(place):
    place.write(
        {
            "name": "w",
            "parameters": {"i": "1:3", "rate": "[0.5,1.0]"},
            "jobs": [
                {"name": "make_{i:03d}", "command": "echo {i} > {i:03d}.txt", "use_parameters": ["i"]},
                {
                    "name": "use_{i}_{rate:.1f}",
                    "command": "sed s/$/:{rate}/ {i:03d}.txt > {i}_{rate:.2f}.out",
                    "depends_on": ["make_{i:03d}"],
                    "use_parameters": ["i", "rate"],
                },
                {"name": "all", "command": "cat *.out > all", "depends_on_regexes": [r"^use_\d+_"]},
            ],
        }
    )
    place.run()
    assert place.text("all") == "".join(f"{i}:{rate}\n" for i in (1, 2, 3) for rate in ("0.5", "1"))


def test_zip_runs_values_side_by_side(place):
    parameters = {"city": "[oslo,rome]", "year": "2020:2021"}
    job = {"name": "{city}_{year}", "command": "echo {city} {year} > {city}", "parameter_mode": "zip"}
    place.write({"name": "w", "jobs": [{**job, "parameters": parameters}]})
    place.run()
    assert place.text("oslo") + place.text("rome") == "oslo 2020\nrome 2021\n"


def test_a_template_whose_name_lacks_a_parameter_is_one_job_that_waits_for_all(place):
    place.write(
        {
            "name": "w",
            "parameters": {"i": "1:3"},
            "jobs": [
                {"name": "w_{i}", "command": "touch {i}", "use_parameters": ["i"]},
                {"name": "all", "command": "ls 1 2 3 >> seen", "depends_on": ["w_{i}"], "use_parameters": ["i"]},
            ],
        }
    )
    place.run()
    assert place.states() == {"w_1": "completed", "w_2": "completed", "w_3": "completed", "all": "completed"}
    assert place.text("seen") == "1\n2\n3\n"


def test_a_dry_run_of_create_says_what_there_would_be(place):
    place.write(
        {
            "name": "w",
            "description": "d",
            "files": [{"name": "f{i}", "path": "f{i}", "parameters": {"i": "1:4"}}],
            "resource_requirements": [{"name": "r", "memory": "1g"}],
            "enable_ro_crate": True,
            "slurm_schedulers": [{"name": "s", "account": "a"}],
            "actions": [{"trigger_type": "on_workflow_start", "action_type": "schedule_nodes", "scheduler": "s"}],
            "jobs": [{"name": "j{i}", "command": "true", "parameters": {"i": "1:3"}}],
        }
    )
    answer = place.call("create", "w.yaml", "-n", "-f", "json").json
    assert answer["valid"]
    assert len(answer["warnings"]) == 1
    assert answer["summary"] == {
        "workflow_name": "w",
        "workflow_description": "d",
        "job_count": 3,
        "job_count_before_expansion": 1,
        "dependency_count": 0,
        "file_count": 4,
        "file_count_before_expansion": 1,
        "user_data_count": 0,
        "resource_requirements_count": 1,
        "slurm_scheduler_count": 1,
        "action_count": 1,
        "has_schedule_nodes_action": True,
        "job_names": ["j1", "j2", "j3"],
        "scheduler_names": ["s"],
    }
    assert not place.exists()


def test_init_writes_a_workflow_that_runs_and_replaces_nothing(place):
    answer = place.call("init")
    assert answer.code == 0
    assert "torc-local run workflow.yaml" in place.text("workflow.yaml"), "the comment says how to run this file"
    assert place.call("run", "workflow.yaml", "-j", "2", "--progress", "none").code == 0
    again = place.call("init", "--example", "sweep")
    assert again.code == 2
    assert "workflow.yaml exists" in again.err
    assert "diamond" in place.text("workflow.yaml")


def test_init_knows_examples_and_formats(place):
    for name in ("sweep", "files", "gpu", "handlers", "actions"):
        assert place.call("init", f"{name}.kdl", "--example", name).code == 0
        assert place.call("check", f"{name}.kdl").code == 0
    unknown = place.call("init", "x.yaml", "--example", "sweap")
    assert unknown.code == 2
    assert "did you mean 'sweep'?" in unknown.err
    assert place.call("init", "x").code == 2
    assert not (place.root / "x").exists()
